"""The ordered log's port over a ``Node``: proposals until they are seen committed, barriers until they are passed.

Use it in the node's place: the same events, and :meth:`RaftLogPort.ready` for :meth:`Node.ready`; then
:meth:`RaftLogPort.follow` for what happened.  What came before one ``ready`` is proposed as one batch.

A batch that nothing is heard of is proposed again, to a new leader at once, to the same one after half a second, then
more and more patiently, since a slow leader is not helped by more work.  So an operation may be committed twice.

A barrier's event comes after the events of all operations that it stands for, so who works through
:meth:`RaftLogPort.follow` in order has seen them when it comes.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

import attrs

from bulletin.core.clocks.instant import Instant
from bulletin.core.limits import BATCH_BYTES_MAX, MIB
from bulletin.core.log.batch import decode_batch, size_of
from bulletin.core.log.entry import Entry, EntryKind
from bulletin.core.log.port import (
    BarrierFailed,
    BarrierPassed,
    Committed,
    LogEvent,
    Operation,
    ProposalFailed,
    Why,
    index_of,
    position_of,
)
from bulletin.core.raft.messages import Message
from bulletin.core.raft.node import Node
from bulletin.core.raft.ready import ReadReady, Ready, Status, Taken

SILENCE_SECONDS: Final = 0.5
"""After so long without news a batch is proposed again; twice as long after each repetition."""

PROPOSALS_MAX: Final = 65_536
"""Operations under way; more are answered with ``Why.UNAVAILABLE``."""

PROPOSALS_BYTES_MAX: Final = 64 * MIB
"""Bytes of operations under way; more are answered with ``Why.UNAVAILABLE``."""

BARRIERS_MAX: Final = 65_536
"""Barriers under way; more fail at once."""


@attrs.define(eq=False)
class _Batch:
    """Operations that were proposed in one turn with one deadline.

    :param left: those that were not yet seen committed.
    :param sent_to: the (term, leader) that it was last given to, or None.
    :param repeat_at: when it is given to the same leader again, monotonic seconds.
    """

    deadline: float
    left: dict[bytes, Operation] = attrs.Factory(dict)
    sent_to: tuple[int, bytes] | None = None
    repeat_at: float = 0.0
    silence: float = SILENCE_SECONDS


@attrs.frozen
class _Barrier:
    """A barrier on its way."""

    token: int
    deadline: float


class RaftLogPort:
    """An :class:`~bulletin.core.log.port.OrderedLog` over a node.

    :param node: fed through this object only.
    :param now: the time of the start.
    """

    def __init__(self, node: Node, now: Instant) -> None:
        self.node = node
        self._now = now
        status = node.status()
        self._position = position_of(status.applied, (1 << 16) - 1)
        self._delivered = status.applied
        self._batches: deque[_Batch] = deque()
        self._batch_of: dict[bytes, _Batch] = {}
        self._bytes = 0
        self._leader: tuple[int, bytes] | None = None
        self._news = False
        self._context = 0
        self._asking: list[_Barrier] = []
        self._asked: dict[int, list[_Barrier]] = {}
        self._passing: deque[tuple[int, list[_Barrier]]] = deque()
        self._barriers = 0
        self._events: list[LogEvent] = []

    # --- the port ---

    def propose(self, operations: Sequence[Operation], deadline: float, now: Instant) -> None:
        """Have these operations committed; each ends as ``Committed`` (or more than one) or ``ProposalFailed``.

        A key that is under way already is the same proposal.

        :raises ValueError: for an operation that is too large for an entry.
        """
        self._now = now
        batch = self._batches[-1] if self._batches else None
        if batch is None or batch.sent_to is not None or batch.deadline != deadline:
            batch = _Batch(deadline)
            self._batches.append(batch)
        for operation in operations:
            if operation.key in self._batch_of:
                continue
            size = size_of(operation)
            if size > BATCH_BYTES_MAX:
                raise ValueError("an operation is too large for the log")
            full = len(self._batch_of) >= PROPOSALS_MAX or self._bytes + size > PROPOSALS_BYTES_MAX
            if full or deadline <= now.monotonic:
                why = Why.UNAVAILABLE if full else Why.NOT_COMMITTED
                self._events.append(ProposalFailed(operation.key, why))
                continue
            batch.left[operation.key] = operation
            self._batch_of[operation.key] = batch
            self._bytes += size
        self._news = True

    def barrier(self, token: int, deadline: float, now: Instant) -> None:
        """Ask how far one must have applied to see everything acknowledged before this call."""
        self._now = now
        if self._barriers >= BARRIERS_MAX or deadline <= now.monotonic:
            self._events.append(BarrierFailed(token))
            return
        self._barriers += 1
        self._asking.append(_Barrier(token, deadline))
        self._news = True

    def trim(self, below: int) -> None:
        """Advice: positions below this one are not needed by this server any more."""
        self.node.applied_to(index_of(below) - 1)

    def follow(self) -> Sequence[LogEvent]:
        """What happened since the last call, in order."""
        events = self._events
        self._events = []
        return events

    # --- the node's events ---

    def receive(self, sender: bytes, message: Message, now: Instant) -> None:
        """See :meth:`Node.receive`."""
        self._now = now
        self.node.receive(sender, message, now)

    def persisted(self, sequence: int, now: Instant) -> None:
        """See :meth:`Node.persisted`; what could not be sent before goes in the same turn."""
        self._now = now
        self.node.persisted(sequence, now)
        self._news = True

    def fetched(self, token: int, entries: Sequence[Entry], now: Instant) -> None:
        """See :meth:`Node.fetched`."""
        self._now = now
        self.node.fetched(token, entries, now)

    def given(self, recipient: bytes, number: int, body: bytes, index: int, now: Instant) -> None:
        """See :meth:`Node.given`."""
        self._now = now
        self.node.given(recipient, number, body, index, now)

    def taken(self, taken: Taken, now: Instant) -> None:
        """See :meth:`Node.taken`."""
        self._now = now
        self.node.taken(taken, now)

    def applied_to(self, index: int) -> None:
        """See :meth:`Node.applied_to`."""
        self.node.applied_to(index)

    def transfer(self, now: Instant) -> bool:
        """See :meth:`Node.transfer`."""
        self._now = now
        return self.node.transfer(now)

    def status(self) -> Status:
        """See :meth:`Node.status`."""
        return self.node.status()

    def tick(self, now: Instant) -> None:
        """Time has passed: see :meth:`Node.tick`; what is past its deadline fails, what is silent is repeated."""
        self._now = now
        self.node.tick(now)
        self._expire(now.monotonic)
        self._news = True

    def ready(self) -> Ready:
        """Propose and ask what has gathered, then :meth:`Node.ready`; its committed entries become events here too."""
        leader = self._leader_now()
        if self._news or leader != self._leader:
            self._news = False
            self._leader = leader
            self._propose_again()
            self._ask()
        ready = self.node.ready()
        for entry in ready.committed:
            self._committed(entry)
        for read in ready.reads:
            self._read(read)
        self._pass_barriers()
        return ready

    # --- proposals ---

    def _leader_now(self) -> tuple[int, bytes] | None:
        term, leader = self.node.leadership
        return None if leader is None else (term, leader)

    def _propose_again(self) -> None:
        """Give what is due to the leader: all at once, so that it becomes one entry.

        What is overdue is left to :meth:`tick`: after a pause of this process it may have been done by others so long
        ago that nobody remembers its id.
        """
        leader, now = self._leader, self._now
        if leader is None:
            return
        leads = self.node.leads
        due = [
            batch
            for batch in self._batches
            if batch.left
            and batch.deadline > now.monotonic
            and (batch.sent_to != leader or (not leads and now.monotonic >= batch.repeat_at))
        ]
        if not due:
            return
        operations = [operation for batch in due for operation in batch.left.values()]
        taken = self.node.propose(operations, now) if leads else self.node.forward(operations, now)
        if not taken and leads and len(due) > 1:
            taken = self.node.propose(list(due[0].left.values()), now)
            due = due[:1]
        if taken:
            for batch in due:
                if batch.sent_to == leader:
                    batch.silence *= 2
                batch.sent_to = leader
                batch.repeat_at = now.monotonic + batch.silence
        self._news = self._news or (leads and not taken)

    def _expire(self, now: float) -> None:
        if not self._batches and not self._barriers:
            return
        kept: deque[_Batch] = deque()
        for batch in self._batches:
            if batch.left and batch.deadline <= now:
                why = Why.NOT_COMMITTED if batch.sent_to is None else Why.UNKNOWN
                for operation in batch.left.values():
                    del self._batch_of[operation.key]
                    self._bytes -= size_of(operation)
                    self._events.append(ProposalFailed(operation.key, why))
            elif batch.left:
                kept.append(batch)
        self._batches = kept
        self._asking = self._still_waiting(self._asking, now)
        self._asked = {
            context: self._still_waiting(barriers, now) for context, barriers in self._asked.items()
        }
        self._passing = deque(
            (index, self._still_waiting(barriers, now)) for index, barriers in self._passing
        )

    def _committed(self, entry: Entry) -> None:
        """Turn an entry into events; what this server had proposed is done."""
        self._delivered = entry.index
        if entry.kind is not EntryKind.OPERATIONS:
            return
        batch_of, events, term = self._batch_of, self._events, entry.term
        position = position_of(entry.index, 0)
        for key, payload in decode_batch(entry.body):
            position += 1
            events.append(Committed(position, term, key, payload))
            batch = batch_of.pop(key, None)
            if batch is not None:
                self._bytes -= size_of(batch.left.pop(key))
        self._position = position
        while self._batches and not self._batches[0].left:
            self._batches.popleft()

    # --- barriers ---

    def _still_waiting(self, barriers: list[_Barrier], now: float) -> list[_Barrier]:
        waiting = [barrier for barrier in barriers if barrier.deadline > now]
        if len(waiting) < len(barriers):
            self._barriers -= len(barriers) - len(waiting)
            self._events.extend(
                BarrierFailed(barrier.token) for barrier in barriers if barrier.deadline <= now
            )
        return waiting

    def _ask(self) -> None:
        """All barriers of one turn share one question."""
        if self._asking and self.node.read_index(self._context + 1, self._now):
            self._context += 1
            self._asked[self._context] = self._asking
            self._asking = []

    def _read(self, read: ReadReady) -> None:
        barriers = self._asked.pop(read.context)
        if read.index is None:
            self._asking.extend(barriers)
            self._news = True
        else:
            self._passing.append((read.index, barriers))

    def _pass_barriers(self) -> None:
        while self._passing and self._passing[0][0] <= self._delivered:
            _index, barriers = self._passing.popleft()
            self._barriers -= len(barriers)
            self._events.extend(BarrierPassed(barrier.token, self._position) for barrier in barriers)
