"""A session at a terminal, by prompt_toolkit: this module alone knows it.

Posts are printed above the line that is typed: the application's lines are erased, the posts printed, and the lines drawn again, all in one
turn of the loop, for all posts that came together.  Meanwhile the terminal stays raw (`RawInput`): with prompt_toolkit's own way it
would be in line mode for that moment, and would echo what is typed into the midst of the posts.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.application import in_terminal, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style
from twisted.logger import Logger

from bulletin.language import N_, Language
from bulletin.roles.client.interactive.look import Row, row
from bulletin.roles.client.interactive.session import Session

STYLE: Final = Style.from_dict(
    {
        name: " ".join(attributes)
        for name, attributes in {
            "stream": ("ansicyan", "bold"),
            "private": ("ansimagenta", "bold"),
            "detail": ("ansibrightblack",),
            "own": ("ansigreen", "bold"),
            "notice": ("ansiyellow",),
            "error": ("ansired", "bold"),
            "echo": ("ansibrightblack",),
            "waiting": ("ansibrightblack", "italic"),
            "prompt": ("bold",),
            "author0": ("ansiblue", "bold"),
            "author1": ("ansiyellow", "bold"),
            "author2": ("ansibrightblue", "bold"),
            "author3": ("ansibrightcyan", "bold"),
            "author4": ("ansibrightmagenta", "bold"),
            "author5": ("ansibrightred", "bold"),
        }.items()
    }
)

MOMENT: Final = 0.5
"""Seconds that a completion waits for new names."""

_log = Logger()


def make_screen(typed: TextIO, seen: TextIO, language: Language) -> "Screen":
    """The screen of a real terminal.  No question is sent to it, whose answer would come among what is typed."""
    output = Vt100_Output.from_pty(seen, os.environ.get("TERM"), ColorDepth.from_env())
    output.enable_cpr = False
    return Screen(RawInput(typed), output, language)


class RawInput(Vt100Input):
    """A terminal that is left raw while something is printed."""

    def __init__(self, stdin: TextIO) -> None:
        super().__init__(stdin)
        self.given_back = False
        """Whether somebody else uses it for the moment: the shell, while this process is stopped."""

    def cooked_mode(self) -> "contextlib.AbstractContextManager[None]":
        """Nothing changes, unless it is given back."""
        return super().cooked_mode() if self.given_back else contextlib.nullcontext()

    async def suspend(self) -> None:
        """Stop this process, as Ctrl-Z does; the terminal is the shell's meanwhile."""
        self.given_back = True
        try:
            await run_in_terminal(lambda: os.kill(0, signal.SIGTSTP))
        finally:
            self.given_back = False


class KeptHistory(FileHistory):
    """What was typed, in a file; if that cannot be written any more, for this session only."""

    def store_string(self, string: str) -> None:
        """Append a line."""
        try:
            super().store_string(string)
        except (OSError, UnicodeError) as why:
            _log.warn("A line could not be kept for the next session: {why}", why=why)


class SessionCompleter(Completer):
    """Completes by what a session knows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """The proposals for what stands before the cursor, by the names that are known."""
        del complete_event
        for each in self._session.completions(document.text_before_cursor):
            yield Completion(each.text, -each.replaces, display=each.shown, display_meta=each.help)

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """The same, with the names that are new, if the board tells them in a moment."""
        looking = self._session.look_up(document.text_before_cursor).asFuture(asyncio.get_running_loop())
        await asyncio.wait([looking], timeout=MOMENT)
        for each in self.get_completions(document, complete_event):
            yield each


class Screen:
    """The terminal.

    :param input_: what is typed.
    :param output: what is seen.
    :param language: of the few sentences of its own.
    """

    def __init__(self, input_: Input, output: Output, language: Language) -> None:
        self._input = input_
        self._output = output
        self._language = language
        self._rows: list[Row] = []
        self._printing: asyncio.Task[None] | None = None
        self._prompt: PromptSession[str] | None = None
        self._running: asyncio.Future[Any] | None = None
        self._interrupted = False
        self._session: Session | None = None

    @property
    def width(self) -> int:
        """Characters of a line."""
        return self._output.get_size().columns

    def show(self, rows: Sequence[Row], *, aside: bool = False) -> None:
        """Print lines above the one that is typed, as soon as this turn has ended."""
        del aside
        self._rows.extend(rows)
        if self._rows and self._printing is None:
            self._printing = asyncio.ensure_future(self._print())

    def changed(self) -> None:
        """Draw the prompt again, or end."""
        if self._prompt is None or self._session is None:
            return
        app = self._prompt.app
        if self._session.over and app.is_running and not app.is_done:
            app.exit(result="")
        else:
            app.invalidate()

    async def _print(self) -> None:
        try:
            while self._rows:
                async with in_terminal():
                    rows, self._rows = self._rows, []
                    text = [(f"class:{style}", piece) for row in rows for style, piece in (*row, ("", "\n"))]
                    print_formatted_text(self._output, FormattedText(text), STYLE)
                    self._output.flush()
        finally:
            self._printing = None

    # Typing

    async def ask(self, question: str, wrong: Callable[[str], str | None]) -> str | None:
        """Ask for something until it is right; None if the user would rather end.

        :param wrong: says what is wrong with an answer, or None.
        """
        asking: PromptSession[str] = PromptSession(
            FormattedText([("class:prompt", question)]),
            style=STYLE,
            interrupt_exception=EOFError,  # a KeyboardInterrupt would end asyncio's loop
            input=self._input,
            output=self._output,
        )
        while True:
            try:
                answer = (await self._run(asking.prompt_async(handle_sigint=False))).strip()
            except (EOFError, asyncio.CancelledError):
                return None
            complaint = wrong(answer)
            if complaint is None:
                return str(answer)
            self.show([row(complaint)])

    async def talk(self, session: Session, history: Path | None) -> None:
        """Take lines until the user has had enough, the terminal is gone, or `stop` is called.

        :param history: where what was typed is kept; None: nowhere.
        """
        self._session = session
        kept: History = InMemoryHistory() if history is None else KeptHistory(str(history))
        self._prompt = PromptSession(
            self._message,
            multiline=True,
            prompt_continuation=lambda width, _line, _wrapped: " " * width,
            style=STYLE,
            history=kept,
            completer=SessionCompleter(session),
            complete_while_typing=False,
            erase_when_done=True,
            key_bindings=self._keys(),
            input=self._input,
            output=self._output,
        )
        self._prompt.default_buffer.accept_handler = self._accept
        self._prompt.default_buffer.on_text_changed += self._edited
        try:
            await self._run(self._prompt.prompt_async(handle_sigint=False, set_exception_handler=False))
        except (EOFError, asyncio.CancelledError):
            return
        finally:
            self._prompt = None

    async def stop(self) -> None:
        """End what runs, and give the terminal back as it was."""
        running = self._running
        if running is not None:
            running.cancel()
            await asyncio.wait([running])
        if self._printing is not None:
            await self._printing

    async def _run(self, coroutine: Any) -> Any:
        self._running = asyncio.ensure_future(coroutine)
        try:
            return await self._running
        finally:
            self._running = None

    def _message(self) -> FormattedText:
        assert self._session is not None
        waiting = [piece for each in self._session.waiting() for piece in (*each, ("", "\n"))]
        pieces = [(f"class:{style}" if style else "", text) for style, text in waiting]
        return FormattedText([*pieces, ("class:prompt", self._session.prompt)])

    def _accept(self, buffer: Buffer) -> bool:
        assert self._session is not None
        self._session.typed(buffer.text)
        return False

    def _edited(self, _buffer: Buffer) -> None:
        self._interrupted = False

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        typing = has_focus(DEFAULT_BUFFER)
        for bound, handler in (
            (("enter",), self._enter),
            (("escape", "enter"), self._new_line),
            (("c-c",), self._interrupt),
            (("c-d",), self._delete_or_end),
            (("c-z",), self._suspend),
        ):
            keys.add(*bound, filter=typing)(handler)
        return keys

    def _enter(self, event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None  # what was chosen stays in the line
        else:
            buffer.validate_and_handle()

    def _new_line(self, event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    def _interrupt(self, event: KeyPressEvent) -> None:
        """Clear the line; a second time, with nothing typed between, end."""
        again = self._interrupted
        had = bool(event.current_buffer.text)
        event.current_buffer.reset()
        if again and not had:
            event.app.exit(exception=EOFError())
            return
        self._interrupted = True
        if not had:
            self.show([row(self._language.say(N_("Ctrl-C once more ends.")))])

    def _delete_or_end(self, event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.delete()
        else:
            event.app.exit(exception=EOFError())

    def _suspend(self, event: KeyPressEvent) -> None:
        if isinstance(self._input, RawInput):
            event.app.create_background_task(self._input.suspend())
