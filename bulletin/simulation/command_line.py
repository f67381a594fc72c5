"""What the commands of campaigns have in common: mistakes are told in one sentence, and numbers are what they must be."""

import argparse
from collections.abc import Callable
from typing import NoReturn


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
