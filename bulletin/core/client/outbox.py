"""An outbox: what a person wants posted, in order, each under its id until it is known what became of it."""

from collections import deque
from collections.abc import Iterable
from typing import Final

import attrs

from bulletin.core.board.value import value
from bulletin.core.client.caller import Outcome, Unreachable
from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Refusal
from bulletin.core.wire.replies import Posted
from bulletin.core.wire.requests import Publish, Send

LINES_MAX: Final = 100
"""Lines that wait at most."""

BYTES_MAX: Final = 1024 * 1024
"""Characters of their texts at most."""

PAUSE: Final = 0.5
"""Seconds between two attempts of the same line, each of which has sent it several times."""


@value
class Line:
    """What is to be posted.

    :param id: the request's, in every attempt.
    :param request: a post or a private message.
    """

    id: str
    request: Publish | Send


@attrs.frozen
class Accepted:
    """A line has its place in the history."""

    line: Line
    posted: Posted


@attrs.frozen
class Refused:
    """A line was not posted, and will not be.

    :param sentence: the board's own, or empty.
    """

    line: Line
    refusal: Refusal
    sentence: str


@attrs.frozen
class Undecidable:
    """Whether a line was posted cannot be known: the board has forgotten its id, or says what this client does not know."""

    line: Line
    refusal: Refusal
    sentence: str


@attrs.frozen
class Delayed:
    """A line waits on: nobody answered, or the board cannot take it at the moment.  Said once, until a line is accepted."""

    line: Line
    why: Refusal | Unreachable


Verdict = Accepted | Refused | Undecidable | Delayed


class Outbox:
    """Lines in the order in which they were written; one is under way at a time, so that they are posted in it.

    :param lines: those that an earlier process left.
    """

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self._lines = deque(lines)
        self._under_way = False
        self._due = float("-inf")
        self._delayed = False

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def lines(self) -> tuple[Line, ...]:
        """What waits, the oldest first."""
        return tuple(self._lines)

    def has_room(self, text: str) -> bool:
        """Whether one more text may wait."""
        waiting = sum(len(line.request.message) for line in self._lines)
        return len(self._lines) < LINES_MAX and waiting + len(text) <= BYTES_MAX

    def add(self, line: Line) -> None:
        """Have a line wait for its turn; it must have room."""
        assert self.has_room(line.request.message)
        self._lines.append(line)

    def take(self, now: Instant) -> Line | None:
        """The line to send now, if one is due; until :meth:`settle` it is under way."""
        if self._under_way or not self._lines or now.monotonic < self._due:
            return None
        self._under_way = True
        return self._lines[0]

    def settle(self, id_: str, outcome: Outcome, sentence: str, now: Instant) -> Verdict | None:
        """What became of the line under way; None if that line is no longer here, or if it was said before."""
        if not self._under_way or self._lines[0].id != id_:
            return None
        self._under_way = False
        line = self._lines[0]
        if isinstance(outcome, Unreachable) or (
            isinstance(outcome, Refusal) and outcome.retry_after is not None
        ):
            self._due = now.monotonic + PAUSE
            said, self._delayed = self._delayed, True
            return None if said else Delayed(line, outcome)
        self._lines.popleft()
        self._delayed = False
        if isinstance(outcome, Refusal):
            return (Refused if outcome.definite else Undecidable)(line, outcome, sentence)
        assert isinstance(outcome, Posted), "the caller has seen to it"
        return Accepted(line, outcome)

    def discard(self) -> tuple[Line, ...]:
        """Forget all that waits.  What was under way, or was sent by an earlier process, may have been posted."""
        lines = self.lines
        self._lines.clear()
        self._under_way = self._delayed = False
        return lines
