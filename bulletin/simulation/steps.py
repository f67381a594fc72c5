"""The last steps of a run, kept as they are and put into words only when somebody asks."""

from collections import deque
from typing import Final

import attrs

STEPS_KEPT: Final = 40

_BYTES_SHOWN: Final = 4
_ITEMS_SHOWN: Final = 3


class Steps:
    """What happened last: the oldest is forgotten when there are :data:`STEPS_KEPT`."""

    def __init__(self) -> None:
        self._kept: Final[deque[tuple[float, str, tuple[object, ...]]]] = deque(maxlen=STEPS_KEPT)

    def add(self, seconds: float, what: str, *details: object) -> None:
        """Something happened.

        :param seconds: when, in simulated time.
        :param what: a word or two.
        :param details: told by :func:`in_words`.
        """
        self._kept.append((seconds, what, details))

    def in_words(self) -> list[str]:
        """One line a step."""
        return [
            f"{seconds:9.4f} s  {what} {' '.join(map(in_words, details))}"
            for seconds, what, details in self._kept
        ]


def in_words(value: object) -> str:
    """A value as a person reads it: long bytes and long lists cut, fields that are empty left out."""
    if isinstance(value, bytes):
        return value.hex() if len(value) <= _BYTES_SHOWN else f"{value[:_BYTES_SHOWN].hex()}…"
    if isinstance(value, tuple | list | frozenset):
        shown = [in_words(item) for item in list(value)[:_ITEMS_SHOWN]]
        more = len(value) - len(shown)
        return f"[{', '.join(shown)}{f', and {more} more' if more else ''}]"
    kind = type(value)
    if attrs.has(kind):
        fields = ((field.name, getattr(value, field.name)) for field in attrs.fields(kind))
        told = (f"{name} {in_words(part)}" for name, part in fields if part not in (None, (), b"", False))
        return f"{kind.__name__}({', '.join(told)})"
    return str(value)
