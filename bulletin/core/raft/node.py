"""One node of a group: the public object, which hands each event to the part that it concerns.

Values in, values out.  After any number of calls, :meth:`Node.ready` says what is to be done; see
:mod:`bulletin.core.raft.ready`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bulletin.core.clocks.instant import Instant
from bulletin.core.log.batch import size_of
from bulletin.core.log.entry import Entry
from bulletin.core.log.founding import FOUNDING_INDEX
from bulletin.core.log.port import Operation
from bulletin.core.raft import invariants
from bulletin.core.raft.acceptance import Acceptance
from bulletin.core.raft.config import Config
from bulletin.core.raft.counters import Counters
from bulletin.core.raft.disk import Disk
from bulletin.core.raft.diverged import Diverged
from bulletin.core.raft.election import Election
from bulletin.core.raft.greeting import Greeter
from bulletin.core.raft.log import RaftLog, Retention
from bulletin.core.raft.membership import Configuration
from bulletin.core.raft.messages import (
    Append,
    AppendReply,
    Forward,
    Greeting,
    GreetingReply,
    Message,
    ReadIndex,
    ReadIndexReply,
    RequestVote,
    SnapshotAsk,
    SnapshotOffer,
    SnapshotPart,
    TimeoutNow,
    VoteReply,
)
from bulletin.core.raft.outbox import Outbox
from bulletin.core.raft.reads import Reads
from bulletin.core.raft.ready import HardState, Ready, Restored, Status, Taken
from bulletin.core.raft.replication import Replication
from bulletin.core.raft.snapshots import Snapshots
from bulletin.core.raft.state import State
from bulletin.core.raft.transfer import Transfer
from bulletin.core.raft.trust import Trust
from bulletin.core.raft.wellformed import well_formed

if TYPE_CHECKING:
    from random import Random

FORWARD_OPERATIONS_MAX = 16_384
"""Operations in one ``Forward``; its bytes are bounded by ``Config.append_bytes_max``."""


_Snapshot = SnapshotOffer | SnapshotAsk | SnapshotPart


class Node:
    """A replica's share in the log.

    :param config: times and bounds.
    :param member: this server's member id.
    :param restored: what its disk holds.
    :param rng: seeded; the only source of chance.
    :param now: the time of the start.
    :raises ValueError: if ``member`` is not in the document, or the restored log does not fit together.
    """

    def __init__(
        self, config: Config, member: bytes, restored: Restored, rng: "Random", now: Instant
    ) -> None:
        configuration = Configuration.of(restored.document)
        if member not in configuration.voters:
            raise ValueError("this server is not a member of the cluster that its document names")
        self.document = restored.document
        self.counters = Counters()
        self._state = state = _restore(config, member, configuration, restored, rng, now)
        self._greeter = Greeter(state, restored.incarnation, restored.incarnations)
        self._reads = Reads(state, self.counters, Reads.first_number(restored.incarnation))
        self._replication = Replication(state, self._reads, self.counters, restored.incarnation)
        self._snapshots = Snapshots(state, self._replication, self.counters, restored.incarnation)
        self._acceptance = Acceptance(state, self._greeter, self.counters)
        self._election = Election(state, self._greeter, self._replication, self._reads, self.counters)
        self._transfer = Transfer(state, self._replication, self.counters)
        self._led_by: bytes | None = None
        self._closed = False
        self._trust = Trust(state, self._reads, self.counters)

    # --- events ---

    def receive(self, sender: bytes, message: Message, now: Instant) -> None:
        """A message has come from a fellow member.  What cannot be meant for this node is dropped.

        :raises Diverged: if it proves that two logs differ where they must be equal: the process must stop.
        """
        state = self._state
        state.now = now.monotonic
        if self._ended or sender not in state.peers or not well_formed(message):
            self.counters.count("messages_ignored")
            return
        if isinstance(message, Greeting):
            self._greeted(sender, message)
        elif isinstance(message, GreetingReply):
            self._greeter.answered(sender, message)
        elif isinstance(message, RequestVote):
            self._election.requested(sender, message)
        elif isinstance(message, VoteReply):
            self._election.voted(sender, message)
        elif isinstance(message, Append):
            self._append(sender, message)
        else:
            self._in_term(sender, message)
        if not (isinstance(message, RequestVote | VoteReply) and message.pre):
            self._greeter.heard(sender, message.term, self._had_by(sender, message))
        self._trust.consider()

    def tick(self, now: Instant) -> None:
        """Time has passed; to be called every 20 to 50 ms."""
        self._state.now = now.monotonic
        if self._ended:
            return
        self._greeter.tick()
        self._election.tick()
        self._snapshots.tick()
        self._reads.tick()
        self._trust.tick()
        if self._state.leads:
            self._replication.tick()
            self._replication.quiet()
        self._transfer.advance()

    def propose(self, operations: Sequence[Operation], now: Instant) -> bool:
        """Have the leader append these, as one entry with whatever else comes in this turn.

        :returns: False, with nothing taken, if this node is not the leader, is handing over, or has too much under
            way, or an operation is too large for an entry.
        """
        state = self._state
        state.now = now.monotonic
        if not state.leads or self._transfer.under_way or state.stalled or self._closed:
            return False
        return not operations or self._replication.gather(operations)

    def forward(self, operations: Sequence[Operation], now: Instant) -> bool:
        """Send these to the leader, who may drop them.

        :returns: False, with nothing sent, if there is none, or it is this node, or the term is not synced yet: what
            waited for a disk that does not answer would pile up.
        """
        state = self._state
        state.now = now.monotonic
        if state.leader is None or state.leads or not state.disk.hard_synced or self._closed:
            return False
        for run in _runs(operations, state.config.append_bytes_max):
            state.outbox.send(state.leader, Forward(state.term, run))
        return True

    def read_index(self, context: int, now: Instant) -> bool:
        """Ask how far one must have applied to see all that was acknowledged before this call.

        :param context: named in the answer, one of ``Ready.reads``.
        :returns: False, with no answer to come, if no leader is known, or the term is not synced yet, or too much is
            under way.
        """
        self._state.now = now.monotonic
        return not self._transfer.under_way and not self._closed and self._reads.ask(context)

    def transfer(self, now: Instant) -> bool:
        """Hand leadership over to the follower that has most; False if this node does not lead or nobody could."""
        self._state.now = now.monotonic
        if self._closed or not self._transfer.begin():
            return False
        if (
            not self._state.stalled
        ):  # else no entry would reach the follower any more, and it would never have all
            self._replication.append_gathered(at_once=True)
        return True

    def retire(self, now: Instant) -> None:
        """This node has said its last word, as if it had died: its disk takes nothing more.

        What it was told to store may or may not be stored; a new node is to begin with what the disk has.
        """
        self._state.now = now.monotonic
        if not self._closed:
            self._election.step_down(self._state.term, None)
        self._closed = True

    def persisted(self, sequence: int, now: Instant) -> None:
        """The write ``sequence`` and all before it are on the disk."""
        state = self._state
        state.now = now.monotonic
        if self._closed:
            return
        state.disk.stored(sequence)
        state.log.stored(sequence)
        state.outbox.release()
        self._election.own_vote_stored()
        self._replication.count()
        self._trim()

    def fetched(self, token: int, entries: Sequence[Entry], now: Instant) -> None:
        """Entries that a :class:`Fetch` asked for; empty if they could not be read."""
        self._state.now = now.monotonic
        self._replication.fetched(token, entries)

    def given(self, recipient: bytes, number: int, body: bytes, index: int, now: Instant) -> None:
        """The part of the tables that a :class:`Give` asked for; empty if there is none.

        :param index: the tables are those at this index; 0 where that is not said.
        """
        self._state.now = now.monotonic
        self._snapshots.given(recipient, number, body, index)

    def taken(self, taken: Taken, now: Instant) -> None:
        """What came of a :class:`Take`."""
        self._state.now = now.monotonic
        self._snapshots.taken(taken)

    def applied_to(self, index: int) -> None:
        """The tables have reached this index: entries up to it may leave the memory, and old ones the log."""
        state = self._state
        state.applied_to(index)
        self._trim()
        state.log.forget(state.applied, state.config.memory_bytes_kept)

    def _trim(self) -> None:
        state = self._state
        held = self._replication.held() if state.leads else state.log.last_index
        if state.log.trim(state.applied, held):
            self.counters.count("log_trimmed")
            self._replication.trimmed()

    # --- results ---

    def ready(self) -> Ready:
        """Everything that is to be done since the last call."""
        state = self._state
        if self._closed:
            return Ready()
        if state.leader != self._led_by:
            self._led_by = state.leader
            self._snapshots.lose_leader()
        if state.leads:
            self._snapshots.abandon()
            self._replication.flush()
            self._transfer.advance()
        persist = state.disk.take(state.log, state.now)
        committed = state.log.after(state.delivered, state.commit)
        state.delivered = state.commit
        invariants.assert_cheap(state)
        return Ready(
            persist=persist,
            messages=state.outbox.take(),
            committed=committed,
            reads=self._reads.take(),
            fetches=self._replication.take_fetches(),
            gives=self._snapshots.take_gives(),
            take=self._snapshots.take(),
            install=self._close(),
        )

    @property
    def _ended(self) -> bool:
        """Whether this node has said its last word, or will with the next :meth:`ready`."""
        return self._closed or self._snapshots.installing

    def _close(self) -> bool:
        self._closed = self._snapshots.installing
        return self._closed

    @property
    def leads(self) -> bool:
        """Whether this node is the leader."""
        return self._state.leads

    @property
    def leadership(self) -> tuple[int, bytes | None]:
        """The term, and who leads in it, as far as this node knows."""
        return self._state.term, self._state.leader

    def status(self) -> Status:
        """This node as metrics and health checks see it."""
        state = self._state
        return Status(
            role=state.role,
            term=state.term,
            leader=state.leader,
            last_index=state.log.last_index,
            synced=state.log.synced,
            commit=state.commit,
            applied=state.applied,
            greeted=self._greeter.greeted,
            quarantined=self._greeter.quarantined,
            proven=state.leader is not None and state.proven,
            trusted=state.trusted_from is None,
            stalled=state.stalled,
            first_index=state.log.anchor.index + 1,
            log_size=state.log.size,
            behind=self._snapshots.under_way or self._snapshots.installing,
            counters=self.counters.values(),
        )

    # --- dispatch ---

    def _greeted(self, sender: bytes, greeting: Greeting) -> None:
        if self._greeter.judge(sender, greeting):
            self._replication.restarted(sender, greeting.last_index)

    def _had_by(self, sender: bytes, message: Message) -> int:
        """Up to which index the sender's disk is known to have the log of the message's term, by this message."""
        if isinstance(message, Append):
            return message.synced
        if isinstance(message, AppendReply) and message.term == self._state.term:
            # It tells late answers from those of this start.
            progress = self._replication.followers.get(sender)
            return progress.match if progress is not None else 0
        return 0

    def _append(self, sender: bytes, message: Append) -> None:
        state = self._state
        if message.term < state.term:
            self.counters.count("append_of_old_term")
            # By the time it arrives the sender may lead in this term, and take it for a rejection: the hint is true, too.
            last = (state.log.last_index, state.log.last_term)
            state.outbox.send(sender, AppendReply(state.term, message.previous_index, False, 0, *last, 0))
            return
        if message.term == state.term and state.leader not in (None, sender):
            raise Diverged(f"two nodes lead in term {message.term}")
        self._election.heard_leader(sender, message.term)
        before = state.log.last_hash
        self._acceptance.append(sender, message)
        if state.log.last_hash != before:
            self._snapshots.abandon()

    def _in_term(
        self,
        sender: bytes,
        message: "AppendReply | TimeoutNow | Forward | ReadIndex | ReadIndexReply | _Snapshot",
    ) -> None:
        """What is meant for one term only: a later one is adopted, an earlier one is stale."""
        state = self._state
        if message.term > state.term:
            self._election.step_down(message.term, None)
        if message.term < state.term:
            self.counters.count("messages_of_old_term")
            return
        match message:
            case AppendReply():
                self._replication.replied(sender, message)
            case Forward():
                self._forwarded(message)
            case ReadIndex():
                if state.leads and not self._transfer.under_way:
                    self._reads.asked(sender, message.context)
            case ReadIndexReply():
                if state.leader == sender:
                    self._reads.answered(message)
            case TimeoutNow():
                self._election.timeout_now(sender)
            case _:
                self._snapshot(sender, message)

    def _snapshot(self, sender: bytes, message: "_Snapshot") -> None:
        state = self._state
        if isinstance(message, SnapshotAsk):
            if state.leads:
                self._snapshots.asked(sender, message)
        elif state.leader != sender:
            self.counters.count("messages_ignored")
        elif isinstance(message, SnapshotOffer):
            self._snapshots.offered(message)
        else:
            self._snapshots.came(message)

    def _forwarded(self, message: Forward) -> None:
        state = self._state
        takes = state.leads and not self._transfer.under_way and not state.stalled
        if not takes or not self._replication.gather(message.operations):
            self.counters.count("forwards_dropped")


def _restore(
    config: Config,
    member: bytes,
    configuration: Configuration,
    restored: Restored,
    rng: "Random",
    now: Instant,
) -> State:
    """The common state as the disk has it."""
    log = RaftLog(
        restored.entries,
        restored.last_index,
        restored.last_hash,
        restored.terms,
        restored.anchor,
        Retention(config.retained_entries, config.retained_bytes, config.held_entries, config.held_bytes),
        restored.log_size,
    )
    hard_state = restored.hard_state
    if hard_state.term < log.last_term:
        if log.last_index > FOUNDING_INDEX:
            raise ValueError("the log is ahead of the term that this server remembers")
        hard_state = HardState(log.last_term)  # nobody votes in the founding's term
    if not log.base <= restored.applied <= log.last_index:
        raise ValueError("entries that are not applied are missing")
    disk = Disk(hard_state)
    return State(
        config=config,
        member=member,
        identity=restored.document.identity,
        configuration=configuration,
        log=log,
        disk=disk,
        outbox=Outbox(disk),
        rng=rng,
        now=now.monotonic,
        commit=restored.applied,
        applied=restored.applied,
        delivered=restored.applied,
        trusted_from=restored.trusted_from,
    )


def _runs(operations: Sequence[Operation], bytes_max: int) -> list[tuple[Operation, ...]]:
    """Operations cut so that each run fits one message."""
    runs: list[tuple[Operation, ...]] = []
    run: list[Operation] = []
    size = 0
    for operation in operations:
        needed = size_of(operation)
        if run and (size + needed > bytes_max or len(run) == FORWARD_OPERATIONS_MAX):
            runs.append(tuple(run))
            run, size = [], 0
        run.append(operation)
        size += needed
    if run:
        runs.append(tuple(run))
    return runs
