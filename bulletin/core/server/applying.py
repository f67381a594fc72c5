"""From what the log delivers to the board: operation by operation, a bounded part of it a turn.

A server that comes back after a pause is handed thousands of operations at once.  Applied in one go they would keep the
reactor from everything else, heartbeats included, for longer than its brokers' patience.  So a turn ends at the end of an
entry once :data:`OPERATIONS_PER_TURN` have been applied; what is left waits in order, and is bounded by what the log
takes in before it is applied (``unapplied_bytes_max`` of :class:`bulletin.core.raft.config.Config`).

Rows need no sync and can be derived again, so they wait for the next entries and go into the same transaction; unless a
reader waits for them, or they are many, or old.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from bulletin.core.board.board import Board
from bulletin.core.board.outcome import Applied, Outcome
from bulletin.core.clocks.instant import Instant
from bulletin.core.log.port import Committed, LogEvent, index_of
from bulletin.core.server.peers import CHECKPOINT_EVERY, Checkpoints

OPERATIONS_PER_TURN: Final = 1000
"""Operations after which a turn applies no further entry."""

WRITE_SECONDS: Final = 0.05
"""How long rows wait for an entry to be stored with."""

WRITE_OPERATIONS: Final = 1024
"""Operations whose rows wait so at most."""


class Applying:
    """The board, and what was delivered but not yet applied, or applied but not yet written.

    :param board: as the tables have it.
    :param applied: the last entry in it.
    :param checkpoints: where digests go.
    :param done: called with each operation and its outcome.
    :param other: called with each other event of the log, in its place in the order.
    """

    def __init__(
        self,
        board: Board,
        applied: int,
        checkpoints: Checkpoints,
        done: Callable[[Committed, Outcome], None],
        other: Callable[[LogEvent], None],
    ) -> None:
        self.board = board
        self.applied = applied
        """The last entry that was applied as a whole."""
        self._checkpoints = checkpoints
        self._done = done
        self._other = other
        self._events: deque[LogEvent] = deque()
        self._delivered = applied
        self._unwritten: list[Outcome] = []
        self._unwritten_since: float | None = None

    @property
    def more(self) -> bool:
        """Whether something that was delivered waits for the next turn."""
        return bool(self._events)

    def deliver(self, events: Sequence[LogEvent], last_index: int | None) -> None:
        """What the log delivered, and the last entry in it, or None where there is none."""
        if events:
            self._events.extend(events)
        if last_index is not None:
            self._delivered = last_index

    def advance(self, now: Instant) -> bool:
        """Apply, up to a turn's share; says whether an entry was.

        :raises bulletin.core.board.board.CannotApply: the server must stop.
        """
        before = self.applied
        events, apply, done = self._events, self.board.apply, self._done
        entry = 0
        left = OPERATIONS_PER_TURN
        while events:
            event = events[0]
            if not isinstance(event, Committed):
                self._other(events.popleft())
                continue
            index = index_of(event.position)
            if index != entry:
                self._close(index - 1)
                if left <= 0:
                    break
                entry = index
            outcome = apply(event.position, event.term, event.payload)
            events.popleft()
            left -= 1
            self._unwritten.append(outcome)
            done(event, outcome)
        else:
            self._close(self._delivered)
        if self.applied == before:
            return False
        if self._unwritten_since is None:
            self._unwritten_since = now.monotonic
        return True

    def due_rows(self, now: Instant, *, at_once: bool) -> Applied | None:
        """What is to be written now.

        :param at_once: somebody waits for it, or a transaction is under way anyway.
        """
        since = self._unwritten_since
        if since is None or not (
            at_once or now.monotonic - since >= WRITE_SECONDS or len(self._unwritten) >= WRITE_OPERATIONS
        ):
            return None
        applied = self.board.applied(self._unwritten)
        self._unwritten = []
        self._unwritten_since = None
        return applied

    def _close(self, index: int) -> None:
        """Every entry up to ``index`` has been applied as a whole."""
        if index <= self.applied:
            return
        checkpoint = self.applied - self.applied % CHECKPOINT_EVERY + CHECKPOINT_EVERY
        while checkpoint <= index:
            self.board.applied_entry(checkpoint)
            self._checkpoints.reached(checkpoint, self.board.marks().digest)
            checkpoint += CHECKPOINT_EVERY
        self.board.applied_entry(index)
        self.applied = index
