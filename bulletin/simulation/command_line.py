"""What the commands of campaigns have in common: mistakes are told in one sentence, numbers are what they must be, Ctrl-C ends all."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

INTERRUPTED: Final = 130
"""The exit status of what was interrupted, as shells have it."""


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong, with exit status 2.

    :param program: what is to be typed to run it.
    :param description: what it does, shown as it stands.
    """

    def __init__(self, program: str, description: str | None) -> None:
        super().__init__(
            prog=program,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """See :class:`argparse.ArgumentParser`."""
        self.exit(2, f"{self.prog}: {message}.\n")


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Reads a whole number from ``least`` to ``most``.

    :returns: what raises :class:`argparse.ArgumentTypeError` where it is none.
    """
    bounds = f"from {least} on" if most is None else f"from {least} to {most}"

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 40 else least - 1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number {bounds}")
        return number

    return read


def above_zero(most: float | None = None) -> Callable[[str], float]:
    """Reads a number above 0, up to ``most``.

    :returns: what raises :class:`argparse.ArgumentTypeError` where it is none.
    """
    bounds = "above 0" if most is None else f"above 0, {most:g} at most"

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not 0 < number < float("inf") or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"{text!r} is no number {bounds}")
        return number

    return read


def seed_range(text: str) -> range:
    """``FIRST:AFTER``, such as ``0:20``, as a range.

    :raises argparse.ArgumentTypeError: it is not, or is empty.
    """
    first, colon, after = text.partition(":")
    number = whole(0)
    try:
        found = range(number(first), number(after))
    except argparse.ArgumentTypeError:
        found = range(0)
    if not colon or not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no FIRST:AFTER, such as 0:20")
    return found


def new_folder(text: str) -> Path:
    """A directory that is to be made.

    :raises argparse.ArgumentTypeError: it is there already.
    """
    folder = Path(text)
    if folder.exists():
        raise argparse.ArgumentTypeError(f"{folder} exists already")
    return folder


def carry_out(command: Callable[[], int]) -> int:
    """Run a command, so that Ctrl-C or SIGTERM ends it in one word; what it has begun, its own ``finally`` undoes.

    :returns: its exit status, or :data:`INTERRUPTED`.
    """
    # The first process of a namespace does not end by this signal unless it says so.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return command()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Ctrl-C waits meanwhile; for the start of processes that :func:`end_at_interrupts`, and would complain until they do."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_at_interrupts() -> None:
    """For a process of a pool: Ctrl-C ends it without a word, since the command says it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
