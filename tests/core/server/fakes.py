"""A log and callers for the tests of single parts."""

from collections.abc import Sequence
from itertools import count

from bulletin.core.clocks.instant import Instant
from bulletin.core.log.port import LogEvent, Operation
from bulletin.core.server.admission import Admitted, Caller
from bulletin.core.wire.envelope import Dialect, Encoding, Heading
from bulletin.core.wire.requests import Login, Query, Write

HEADING = Heading(Dialect.SERVICE, Encoding.MSGPACK, "login")
_numbers = count(1)


def at(seconds: float) -> Instant:
    return Instant(seconds, 0.0)


def caller(*, attempt: int = 1, deadline: float = 3.0, size: int = 100) -> Caller:
    return Caller(0, next(_numbers).to_bytes(16, "big"), attempt, 0.0, deadline, HEADING, size)


def write(*, attempt: int = 1, deadline: float = 3.0, size: int = 100) -> Admitted:
    return Admitted(caller(attempt=attempt, deadline=deadline, size=size), Login("ana"), b"payload")


def read(query: Query | Write, *, attempt: int = 1, deadline: float = 3.0) -> Admitted:
    return Admitted(caller(attempt=attempt, deadline=deadline), query, None)


class Log:
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.proposed: list[tuple[Sequence[Operation], float]] = []
        self.barriers: list[tuple[int, float]] = []

    def propose(self, operations: Sequence[Operation], deadline: float, now: Instant) -> None:
        self.proposed.append((list(operations), deadline))

    def barrier(self, token: int, deadline: float, now: Instant) -> None:
        self.barriers.append((token, deadline))

    def trim(self, below: int) -> None:
        raise AssertionError

    def follow(self) -> Sequence[LogEvent]:
        raise AssertionError
