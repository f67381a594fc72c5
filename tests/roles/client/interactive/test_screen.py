"""Keys and what is drawn, with prompt_toolkit's own pipe in place of a terminal; a real one is test_terminal's matter."""

import asyncio
import signal
import tempfile
from pathlib import Path

from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from bulletin.language import Language
from bulletin.roles.client.interactive.completion import Completion
from bulletin.roles.client.interactive.look import row
from bulletin.roles.client.interactive.screen import KeptHistory, Screen

PATIENCE = 30.0

ENTER, TAB, CTRL_C, CTRL_D, UP = "\r", "\t", "\x03", "\x04", "\x1b[A"


def run(coroutine):
    """Run it on a loop of its own, and leave signals to trial's reactor again, which asyncio takes them from."""
    descriptor = signal.set_wakeup_fd(-1)
    try:
        return asyncio.run(coroutine)
    finally:
        signal.set_wakeup_fd(descriptor)


class Recorded(DummyOutput):
    """A terminal that keeps what is written to it."""

    def __init__(self):
        self.written = ""

    def write(self, data):
        self.written += data

    def get_size(self):
        return Size(rows=24, columns=80)


class Talker:
    """In place of a session: it remembers what was typed."""

    def __init__(self):
        self.lines = []
        self.pending = []
        self.over = False
        self.prompt = "ana> "

    def typed(self, text):
        self.lines.append(text)

    def waiting(self):
        return [row(text) for text in self.pending]

    def look_up(self, before):
        return succeed(None)

    def completions(self, before):
        for name in ("geral", "gente"):
            if before and name.startswith(before):
                yield Completion(name, len(before), name)


class Screens(SynchronousTestCase):
    def run_screen(self, scenario, history=None):
        """Run a screen with a scenario: a coroutine that types, and ends it."""

        async def main():
            self.output, self.session = Recorded(), Talker()
            with create_pipe_input() as self.keys:
                self.screen = Screen(self.keys, self.output, Language("en"))
                talking = asyncio.ensure_future(self.screen.talk(self.session, history))
                await self.until(lambda: "ana>" in self.output.written)
                await scenario()
                await asyncio.wait_for(talking, PATIENCE)

        run(main())

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - what prompt_toolkit has drawn has no event
                await asyncio.sleep(0.005)

    async def types(self, keys, *lines):
        """Type keys; wait until the session has been given these lines since."""
        before = len(self.session.lines)
        self.keys.send_text(keys)
        await self.until(lambda: len(self.session.lines) == before + len(lines))
        self.assertEqual(self.session.lines[before:], list(lines))

    def test_lines(self):
        """Handed on one by one; an empty one is no harm; Ctrl-D ends."""

        async def scenario():
            await self.types("oi" + ENTER, "oi")
            await self.types("um" + ENTER + ENTER + "ção 日本" + ENTER, "um", "", "ção 日本")
            self.keys.send_text(CTRL_D)

        self.run_screen(scenario)

    def test_several_lines_at_once(self):
        """Pasted, or with Alt-Enter: one text."""

        async def scenario():
            await self.types("\x1b[200~um\ndois\x1b[201~" + ENTER, "um\ndois")
            await self.types("um\x1b\rdois" + ENTER, "um\ndois")
            self.keys.send_text(CTRL_D)

        self.run_screen(scenario)

    def test_clearing(self):
        """Ctrl-C clears the line; Ctrl-D in a line deletes a character; Ctrl-C twice ends."""

        async def scenario():
            await self.types("abc" + CTRL_C + "d" + ENTER, "d")
            await self.types("ab\x01" + CTRL_D + ENTER, "b")
            self.keys.send_text(CTRL_C)
            await self.until(lambda: "Ctrl-C once more ends." in self.output.written)
            await self.types("e" + CTRL_C + "f" + ENTER, "f")
            self.keys.send_text("g" + CTRL_C + CTRL_C)

        self.run_screen(scenario)

    def test_completion(self):
        """Tab puts in what is common and goes through the rest; Enter takes it, and then the line."""

        async def scenario():
            self.keys.send_text("gen" + TAB)
            await self.until(lambda: self.text() == "gente")
            await self.types(ENTER, "gente")
            self.keys.send_text("ge" + TAB)
            await self.until(lambda: self.screen._prompt.default_buffer.complete_state)
            self.keys.send_text(TAB)
            await self.until(lambda: self.text() in ("gente", "geral"))
            chosen = self.text()
            self.keys.send_text(ENTER + "!")
            await self.until(lambda: self.text() == chosen + "!")
            await self.types(ENTER, chosen + "!")
            self.keys.send_text(CTRL_D)

        self.run_screen(scenario)

    def text(self):
        return self.screen._prompt.default_buffer.text

    def test_printed_above(self):
        """What is printed meanwhile leaves the line that is typed as it was, and comes in order."""

        async def scenario():
            self.keys.send_text("meio")
            await self.until(lambda: self.text() == "meio")
            for number in range(200):
                self.screen.show([row(f"post {number};")])
            await self.until(lambda: "post 199;" in self.output.written)
            places = [self.output.written.index(f"post {number};") for number in range(200)]
            self.assertEqual(places, sorted(places))
            await self.until(lambda: self.output.written.rindex("meio") > places[-1])
            await self.types("-dia" + ENTER, "meio-dia")
            self.keys.send_text(CTRL_D)

        self.run_screen(scenario)

    def test_waiting(self):
        """What waits stands above the prompt."""

        async def scenario():
            self.session.pending = ["(waiting) oi"]
            self.screen.changed()
            await self.until(lambda: "(waiting)" in self.output.written)
            self.keys.send_text(CTRL_D)

        self.run_screen(scenario)

    def test_over(self):
        """The session says so; or the process is told to end."""

        async def quit_():
            self.session.over = True
            self.screen.changed()

        async def stop():
            self.keys.send_text("meio")
            self.screen.show([row("last words")])
            await self.screen.stop()
            self.assertIn("last words", self.output.written)

        self.run_screen(quit_)
        self.run_screen(stop)

    def test_terminal_gone(self):
        async def scenario():
            self.keys.close()

        self.run_screen(scenario)

    def test_history(self):
        """What was typed in an earlier session is found again; a file that cannot be written is no reason to end."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "history"
            path.touch()

            async def first():
                await self.types("um" + ENTER + "dois" + ENTER, "um", "dois")
                self.keys.send_text(CTRL_D)

            async def second():
                await self.types(UP + UP + ENTER, "um")
                path.unlink()
                path.mkdir()
                await self.types("três" + ENTER, "três")
                self.keys.send_text(CTRL_D)

            self.run_screen(first, path)
            self.run_screen(second, path)
            self.assertEqual(path.is_dir(), True)
            KeptHistory(str(path)).store_string("x")

    def test_ask(self):
        """Until it is right; or not at all."""

        async def main(keys, answer):
            output = Recorded()
            with create_pipe_input() as pipe:
                screen = Screen(pipe, output, Language("en"))
                pipe.send_text(keys)
                asked = screen.ask("Your name: ", lambda name: None if name == "ana" else "Not that.")
                self.assertEqual(await asyncio.wait_for(asked, PATIENCE), answer)
            return output.written

        self.assertIn("Not that.", run(main("servers" + ENTER + "ana " + ENTER, "ana")))
        run(main(CTRL_D, None))
        run(main(CTRL_C, None))
