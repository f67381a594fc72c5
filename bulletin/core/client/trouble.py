"""What a client has to say about its connection: what has failed, once, and that it works again, once."""

from enum import Enum
from typing import Final

import attrs

from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Refusal

PATIENCE: Final = 2.0
"""Seconds after the start until a link that was never there is said to be missing."""


class Trouble(Enum):
    """What may fail."""

    BROKER = "broker"
    """No broker is connected, or none answers."""
    PROXY = "proxy"
    """No proxy is connected: posts come late, from the history."""
    BOARD = "board"
    """The board answers that it can do nothing at the moment."""


@attrs.frozen
class Changed:
    """Something has failed, or works again.

    :param why: what the board said, where it did.
    """

    trouble: Trouble
    failed: bool
    why: Refusal | None = None


class Troubles:
    """Keeps what is wrong, from several sources, and says what changes.

    A trouble lasts while any of its sources says so.  Links are sources with a grace: nothing is said of one that was never there
    before ``PATIENCE``.

    :param brokers: how many there are.
    :param now: the moment of the start.
    """

    def __init__(self, brokers: int, now: Instant) -> None:
        self._brokers: set[int] = set()
        self._awaited = {Trouble.BROKER, Trouble.PROXY}
        self._begun = now.monotonic
        self._sources: dict[Trouble, set[object]] = {trouble: set() for trouble in Trouble}
        self._changes: list[Changed] = []
        self._most = brokers

    def lasting(self, trouble: Trouble) -> bool:
        """Whether something is wrong."""
        return bool(self._sources[trouble])

    def broker_linked(self, broker: int, *, up: bool) -> None:
        """A broker is connected, or no longer.

        :param broker: which one, counted from 0.
        """
        assert 0 <= broker < self._most
        (self._brokers.add if up else self._brokers.discard)(broker)
        if up:
            self.answered()
        self._linked(Trouble.BROKER, up=bool(self._brokers))

    def proxy_linked(self, *, up: bool) -> None:
        """A proxy is connected, or no longer any."""
        self._linked(Trouble.PROXY, up=up)

    def silence(self) -> None:
        """A request got no answer from anybody."""
        self._begin(Trouble.BROKER, "silence", None)

    def answered(self) -> None:
        """One got an answer, whatever it was."""
        self._end(Trouble.BROKER, "silence")

    def unable(self, source: object, why: Refusal) -> None:
        """The board could not do what was asked, and may be able to later."""
        self._begin(Trouble.BOARD, source, why)

    def able(self, source: object) -> None:
        """What it was asked for the same source was done."""
        self._end(Trouble.BOARD, source)

    def tick(self, now: Instant) -> None:
        """Time has passed."""
        if self._awaited and now.monotonic - self._begun >= PATIENCE:
            for trouble in (Trouble.BROKER, Trouble.PROXY):
                if trouble in self._awaited:
                    self._linked(trouble, up=False)

    def changes(self) -> tuple[Changed, ...]:
        """What there is to say, in order."""
        changes = tuple(self._changes)
        self._changes.clear()
        return changes

    def _linked(self, trouble: Trouble, *, up: bool) -> None:
        self._awaited.discard(trouble)
        if up:
            self._end(trouble, "link")
        else:
            self._begin(trouble, "link", None)

    def _begin(self, trouble: Trouble, source: object, why: Refusal | None) -> None:
        sources = self._sources[trouble]
        if not sources:
            self._changes.append(Changed(trouble, failed=True, why=why))
        sources.add(source)

    def _end(self, trouble: Trouble, source: object) -> None:
        sources = self._sources[trouble]
        if source in sources:
            sources.remove(source)
            if not sources:
                self._changes.append(Changed(trouble, failed=False))
