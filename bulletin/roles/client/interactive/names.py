"""The names that are known: to complete what is typed, and to suggest the near one."""

import difflib
from collections.abc import Iterable
from itertools import islice
from typing import Final

from bulletin.core.limits import CHANNELS_MAX, USERS_MAX

COMPARED_MAX: Final = 2000
"""Names that a mistyped one is compared with at most: more take longer than a person notices."""

NEAR: Final = 0.6
"""How similar a suggestion is at least."""


class Names:
    """Names of one kind, in the board's order, as far as they are known.

    :param most: how many are kept; a board has no more.
    """

    def __init__(self, most: int) -> None:
        self._names: dict[str, None] = {}
        self._most = most
        self.listed: str | None = None
        """The last name that the board listed; the list goes on after it."""

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def learn(self, name: str) -> None:
        """A name was met."""
        if len(self._names) < self._most:
            self._names.setdefault(name)

    def listing(self, names: Iterable[str]) -> None:
        """The board's list went on with these."""
        for name in names:
            self.learn(name)
            self.listed = name

    def forget(self) -> None:
        """The board is another one."""
        self._names.clear()
        self.listed = None

    def beginning(self, start: str, most: int) -> list[str]:
        """The names that begin like this, whatever the case of their letters."""
        folded = start.casefold()
        found = (name for name in self._names if name.casefold().startswith(folded))
        return sorted(islice(found, most))

    def first(self, most: int) -> list[str]:
        """The names, so many at most."""
        return list(islice(self._names, most))

    def near(self, name: str) -> str | None:
        """The name that was probably meant, or None."""
        return near(name, self._names)


def near(word: str, known: Iterable[str]) -> str | None:
    """The most similar of several words, or None if none is: those that begin alike are looked at first."""
    folded = word.casefold()
    alike: dict[str, str] = {}
    others: dict[str, str] = {}
    for each in known:
        key = each.casefold()
        if abs(len(key) - len(folded)) <= max(2, len(folded) // 2):
            (alike if key[:1] == folded[:1] else others).setdefault(key, each)
    compared = dict(islice([*alike.items(), *others.items()], COMPARED_MAX))
    found = difflib.get_close_matches(folded, compared, 1, NEAR)
    return compared[found[0]] if found else None


class Directory:
    """Channels and users."""

    def __init__(self) -> None:
        self.channels = Names(CHANNELS_MAX)
        self.users = Names(USERS_MAX)

    def forget(self) -> None:
        """The board is another one."""
        self.channels.forget()
        self.users.forget()
