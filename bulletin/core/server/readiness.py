"""When a started server may take requests: once it has seen everything that was acknowledged before it asked.

A server that comes back after a week has a week's log to replay.  If it took requests meanwhile, each write would wait
for its turn at the end of that log.  So it asks for a barrier first, and takes requests once it has applied that far.
Where there is no leader for :data:`ALONE` seconds it takes them nevertheless: writes will be refused or handed on,
but local reads go on.
"""

from collections.abc import Iterator
from typing import Final

from bulletin.core.clocks.instant import Instant
from bulletin.core.log.port import BarrierFailed, BarrierPassed, OrderedLog, index_of

ALONE: Final = 2.0
"""Seconds after a start, or a lost leader, after which a server without a leader takes requests all the same."""

BARRIER_SECONDS: Final = 60.0
"""How long a barrier of this kind may take."""


class Readiness:
    """Whether this server has caught up since its start.

    :param log: what gives the barrier.
    :param tokens: numbers for barriers, never the same twice.
    :param now: the start.
    """

    def __init__(self, log: OrderedLog, tokens: Iterator[int], now: Instant) -> None:
        self._log = log
        self._tokens = tokens
        self._led_at = now.monotonic
        self._token: int | None = None
        self._target: int | None = None
        self.settled = False
        """Whether it may take requests; once true, it stays so."""

    def advance(self, applied: int, now: Instant, *, led: bool) -> None:
        """This server has applied the log up to an index; ``led``: a leader is known."""
        if self.settled:
            return
        if self._target is not None:
            self.settled = applied >= self._target
        elif led and self._token is None:
            self._token = next(self._tokens)
            self._log.barrier(self._token, now.monotonic + BARRIER_SECONDS, now)
        if led:
            self._led_at = now.monotonic
        elif now.monotonic - self._led_at >= ALONE:
            self.settled = True

    def passed(self, event: BarrierPassed) -> bool:
        """A barrier was passed; whether it was this one's."""
        if event.token != self._token:
            return False
        self._target = index_of(event.position)
        return True

    def failed(self, event: BarrierFailed) -> bool:
        """A barrier was not passed in time; whether it was this one's."""
        if event.token != self._token:
            return False
        self._token = None
        return True
