"""A session at a pipe or a file: a line is carried out to its end before the next is read."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred

from bulletin.core.limits import MESSAGE_BYTES_MAX
from bulletin.roles.client.interactive.look import Row, plain
from bulletin.roles.client.interactive.session import Session
from bulletin.roles.client.show import Console

LINE_BYTES_MAX: Final = 2 * MESSAGE_BYTES_MAX
"""Of a line that is read; what is longer is cut, and too long for the board in any case."""

WIDTH: Final = 80


class Printed:
    """Shows results on standard output, and all else on standard error.

    :param console: both.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    @property
    def width(self) -> int:
        """Characters of a line."""
        return WIDTH

    def show(self, rows: Sequence[Row], *, aside: bool = False) -> None:
        """Print lines."""
        write = self.console.complain if aside else self.console.line
        for row in rows:
            write(plain(row))

    def changed(self) -> None:
        """There is no prompt."""


class Lines:
    """Reads lines from a file in a thread: a file that may be a disk's cannot be waited for in any other way.

    The thread ends with the process, whatever it waits for.

    :param file: what to read, in bytes.
    :param encoding: of its text.
    :param in_reactor: has a function called in the reactor's thread.
    """

    def __init__(self, file: Any, encoding: str, in_reactor: Callable[..., Any]) -> None:
        self._file = file
        self._encoding = encoding
        self._in_reactor = in_reactor

    def next(self) -> "Deferred[str | None]":
        """The next line, without its end; None after the last."""
        read: Deferred[str | None] = Deferred()

        def fetch() -> None:
            text = self._read()
            self._in_reactor(read.callback, text)

        threading.Thread(target=fetch, daemon=True).start()
        return read

    def _read(self) -> str | None:
        try:
            line = self._file.readline(LINE_BYTES_MAX)
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = self._file.readline(LINE_BYTES_MAX)
        except OSError:
            return None
        if not line:
            return None
        text: str = line.decode(self._encoding, "surrogateescape")
        return text.removesuffix("\n").removesuffix("\r")


async def run(session: Session, next_line: Callable[[], "Deferred[str | None]"]) -> None:
    """Log in and carry out one line after the other, until there is none, or one could not be settled.

    :raises Refused: the user cannot be logged in.
    :raises NoAnswer: nobody answered that.
    """
    await session.begin()
    await session.settled()
    while not session.over and not session.unsettled:
        text = await next_line()
        if text is None:
            return
        await session.carry_out(text)
        await session.settled()
