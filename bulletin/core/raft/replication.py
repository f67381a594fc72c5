"""The leader's side of replication: append, send, count acknowledgements, commit (3.5, 3.6.2, 10.2).

What must be sent is decided in :meth:`Replication.flush`, once for each turn: entries, commit index and round travel
in one message where they can.  A follower that lacks nothing hears only heartbeats.

Operations *gather* before they become an entry: while an earlier entry is being synced the next one grows, so that
under load entries become larger rather than more.
"""

from collections.abc import Sequence
from typing import Final

from bulletin.core.limits import BATCH_BYTES_MAX
from bulletin.core.log.batch import encode_batch, size_of, split_batch
from bulletin.core.log.entry import NO_HASH, Entry, EntryKind
from bulletin.core.log.port import Operation
from bulletin.core.raft.counters import Counters
from bulletin.core.raft.messages import Append, AppendReply, SnapshotOffer
from bulletin.core.raft.progress import Mode, Progress
from bulletin.core.raft.quorum import reached_by_majority
from bulletin.core.raft.reads import Reads
from bulletin.core.raft.ready import Fetch
from bulletin.core.raft.state import State

ENTRIES_PER_APPEND_MAX: Final = 4096
"""Entries in one ``Append``, whatever their size."""


REPLICATE_TIMEOUTS: Final = 2
"""For so many election timeouts after its last answer a follower keeps its leader from trimming what it needs …"""

SNAPSHOT_TIMEOUTS: Final = 20
"""… and one that takes in tables, and says nothing while it puts them in place."""


class Replication:
    """What a node does as a leader; empty while it is none.

    :param state: the node's common state.
    :param reads: told when a round of heartbeats was answered by a majority.
    :param incarnation: of this start.
    """

    def __init__(self, state: State, reads: Reads, counters: Counters, incarnation: int = 0) -> None:
        self._state = state
        self._reads = reads
        self._counters = counters
        self.followers: dict[bytes, Progress] = {}
        self.round = 0
        self._heartbeat_due = 0.0
        self._gathered: list[Operation] = []
        self._gathered_bytes = 0
        self._gathered_since = 0.0
        self._uncommitted_bytes = 0
        self._tokens = incarnation << 32  # what an earlier node of this process asked for may still come
        self._fetches: list[Fetch] = []

    def start(self) -> None:
        """This node has become the leader: an entry of its own term comes first, since only such ones are counted."""
        state = self._state
        log = state.log
        self.round = 1
        self._uncommitted_bytes = log.bytes_between(state.commit, log.last_index)
        following = log.last_index + 1
        self.followers = {peer: Progress(following, state.now, state.now) for peer in state.peers}
        log.append_new(state.identity, state.term, EntryKind.NOOP, b"")
        self._heartbeat_due = state.now + state.config.heartbeat_seconds

    def stop(self) -> None:
        """This node leads no longer; what had gathered is dropped, and its proposers propose it again."""
        self.followers = {}
        self._gathered.clear()
        self._gathered_bytes = 0
        self._fetches.clear()

    @property
    def uncommitted_bytes(self) -> int:
        """Operations taken and not yet committed, in bytes."""
        return self._uncommitted_bytes + self._gathered_bytes

    def gather(self, operations: Sequence[Operation]) -> bool:
        """Take operations for the next entry.

        :returns: False if the uncommitted tail is full (an empty one takes any number), or one is too large for an entry.
        """
        sizes = [size_of(operation) for operation in operations]
        size, under_way = sum(sizes), self.uncommitted_bytes
        full = under_way > 0 and under_way + size > self._state.config.uncommitted_bytes_max
        if full or max(sizes, default=0) > BATCH_BYTES_MAX:
            self._counters.count("proposals_refused_full", len(operations))
            return False
        if not self._gathered:
            self._gathered_since = self._state.now
        self._gathered.extend(operations)
        self._gathered_bytes += size
        return True

    def append_gathered(self, *, at_once: bool = False) -> None:
        """Make entries of what has gathered, unless more may gather while an earlier entry is being synced."""
        state, config = self._state, self._state.config
        if not self._gathered:
            return
        if (
            not at_once
            and state.disk.writing_entries
            and self._gathered_bytes < config.gather_bytes_max
            and state.now - self._gathered_since < config.gather_seconds_max
        ):
            return
        for run in split_batch(self._gathered, config.entry_bytes_max):
            body = encode_batch(run)
            state.log.append_new(state.identity, state.term, EntryKind.OPERATIONS, body)
            self._uncommitted_bytes += len(body)
        self._gathered.clear()
        self._gathered_bytes = 0

    def tick(self) -> None:
        """A heartbeat, when it is due."""
        if self._state.now >= self._heartbeat_due:
            self._heartbeat_due = self._state.now + self._state.config.heartbeat_seconds
            self.round += 1

    def flush(self) -> None:
        """Send each follower what it lacks: entries, the commit index, the round.  Nothing while the disk is stalled."""
        if self._state.stalled:
            return
        self.append_gathered()
        if self._reads.needs_round:
            self.round += 1
            self._reads.begin(self.round)
            self._confirm_reads()
        for peer, progress in self.followers.items():
            self._send(peer, progress)

    def _send(self, peer: bytes, progress: Progress) -> None:
        state = self._state
        told = False
        while progress.may_send_entries(state.config) and progress.next <= state.log.last_index:
            if not self._send_entries(peer, progress):
                break
            told = True
        if (
            progress.mode is Mode.SNAPSHOT
            and state.now - progress.offered_at >= state.config.heartbeat_seconds
        ):
            progress.offered_at = state.now
            state.outbox.send(peer, SnapshotOffer(state.term, state.log.anchor.index))
        knows_all = progress.mode is not Mode.REPLICATE or progress.commit_told >= min(
            state.commit, progress.next - 1
        )
        if not told and (progress.round_sent < self.round or not knows_all):
            self._send_append(peer, progress, ())

    def _hash_before(self, progress: Progress) -> bytes | None:
        """The chain hash of the entry before the next one, from memory or as it was read for this follower."""
        before = progress.next - 1
        known = progress.hash_known
        return known[1] if known is not None and known[0] == before else self._state.log.hash_at(before)

    def _send_entries(self, peer: bytes, progress: Progress) -> bool:
        """Send the next entries from memory, or have them read from the disk."""
        log, config = self._state.log, self._state.config
        hash_before = self._hash_before(progress)
        if progress.next <= log.base or hash_before is None:
            self._tokens += 1
            progress.fetch = self._tokens
            first = progress.next if hash_before is not None else progress.next - 1
            last = min(log.last_index, progress.next + ENTRIES_PER_APPEND_MAX - 1)
            self._fetches.append(Fetch(self._tokens, first, last, config.append_bytes_max))
            self._counters.count("fetches")
            return False
        entries = log.between(progress.next, log.last_index, config.append_bytes_max, ENTRIES_PER_APPEND_MAX)
        self._send_append(peer, progress, entries)
        return True

    def _send_append(self, peer: bytes, progress: Progress, entries: tuple[Entry, ...]) -> None:
        state = self._state
        previous = progress.next - 1
        previous_term = state.log.term_at(previous)
        assert previous_term is not None, "a leader sends from its own log"
        verified = previous + len(entries)
        state.outbox.send(
            peer,
            Append(
                term=state.term,
                previous_index=previous,
                previous_term=previous_term,
                previous_hash=self._hash_before(progress) or NO_HASH,
                entries=entries,
                commit=state.commit,
                round=self.round,
                synced=state.log.synced,
            ),
        )
        progress.round_sent = self.round
        progress.commit_told = max(progress.commit_told, min(state.commit, verified))
        if entries:
            progress.hash_known = None
            progress.sent(verified, sum(len(entry.body) for entry in entries))

    def take_fetches(self) -> tuple[Fetch, ...]:
        """Entries wanted from the disk since the last call."""
        fetches = tuple(self._fetches)
        self._fetches.clear()
        return fetches

    def fetched(self, token: int, entries: Sequence[Entry]) -> None:
        """Entries came from the disk; whoever wanted them may have moved on."""
        log = self._state.log
        for peer, progress in self.followers.items():
            if progress.fetch != token:
                continue
            progress.fetch = None
            wanted = list(entries)
            if wanted and wanted[0].index == progress.next - 1:
                progress.hash_known = (progress.next - 1, wanted.pop(0).hash)
            fits = [entry.index for entry in wanted] == list(
                range(progress.next, progress.next + len(wanted))
            )
            if not entries or not fits or progress.next - 1 + len(wanted) > log.last_index:
                self._counters.count("fetches_useless")
                progress.pause()
            elif wanted:
                last = wanted[-1]
                self._send_append(peer, progress, tuple(wanted))
                if progress.next > last.index:
                    progress.hash_known = (last.index, last.hash)
            return

    def replied(self, peer: bytes, reply: AppendReply) -> None:
        """A follower has answered an append of this term."""
        state, log = self._state, self._state.log
        progress = self.followers.get(peer)
        if progress is None or reply.match > log.last_index or reply.round > progress.round_sent:
            return  # not to what was sent in this term, since this start of the follower
        if 0 < reply.round < progress.round_least:
            self._counters.count("append_reply_of_an_earlier_start")
            return
        progress.answered_at = state.now
        if reply.round > 0:
            progress.heard_at = state.now
            if reply.round > progress.round_answered:
                progress.round_answered = reply.round
                self._confirm_reads()
        if reply.success:
            if progress.acknowledged(reply.match, min(reply.hint_index, log.last_index)):
                self.count()
            elif reply.match < progress.match:
                self._counters.count("append_reply_stale")
        else:
            meeting = log.last_at_most(reply.hint_index, reply.hint_term)
            snapshot = progress.mode is Mode.SNAPSHOT
            if not progress.rejected(reply.previous_index, meeting, log.anchor.index):
                self._counters.count("append_rejection_stale")
            elif progress.mode is Mode.SNAPSHOT and not snapshot:
                self._counters.count("followers_too_far_behind")

    def count(self) -> None:
        """Commit what a majority has synced, if it is of the own term; the own disk counts like any other."""
        state, log = self._state, self._state.log
        if not state.leads:
            return
        reached = reached_by_majority([log.synced, *(progress.match for progress in self.followers.values())])
        if reached <= state.commit or log.term_at(reached) != state.term:
            return
        if reached > log.synced:
            self._counters.count("commit_before_own_sync")
        self._uncommitted_bytes -= log.bytes_between(state.commit, reached)
        state.commit_to(reached)

    def _confirm_reads(self) -> None:
        self._reads.confirm(
            reached_by_majority(
                [self.round, *(progress.round_answered for progress in self.followers.values())]
            )
        )

    def majority_heard_at(self) -> float:
        """Since when a majority, this node included, has been silent: monotonic seconds."""
        return reached_by_majority(
            [self._state.now, *(progress.heard_at for progress in self.followers.values())]
        )

    def restarted(self, peer: bytes, last_index: int) -> None:
        """A follower has started anew: what was under way to it is lost, and it says itself what it has."""
        progress = self.followers.get(peer)
        if progress is not None:
            log = self._state.log
            following = max(log.anchor.index, min(last_index, log.last_index)) + 1
            # A round of its own tells this start's answers from late ones of the start before, which may speak of
            # entries that its disk has lost since.
            self.round += 1
            self.followers[peer] = Progress(
                following,
                progress.heard_at,
                self._state.now,
                round_least=self.round,
                snapshot=progress.snapshot,
            )

    def held(self) -> int:
        """The lowest index that a follower has which is there and not yet up to date: what is above it is needed."""
        state = self._state
        needed = state.log.last_index
        for progress in self.followers.values():
            timeouts = SNAPSHOT_TIMEOUTS if progress.snapshot else REPLICATE_TIMEOUTS
            if progress.answered_at < state.now - timeouts * state.config.election_seconds_min:
                continue
            if progress.snapshot or progress.mode is not Mode.SNAPSHOT:
                needed = min(needed, progress.snapshot or progress.match or progress.next - 1)
        return needed

    def trimmed(self) -> None:
        """The log begins later now: followers that were about to get what is gone are asked whether they have that."""
        anchor = self._state.log.anchor.index
        for progress in self.followers.values():
            if progress.next <= anchor:
                snapshot = progress.mode is Mode.SNAPSHOT
                progress.probe(anchor + 1)
                if snapshot:
                    progress.mode = Mode.SNAPSHOT

    def quiet(self) -> None:
        """A follower that has not been heard for an election timeout is sent heartbeats only, until it answers."""
        latest = self._state.now - self._state.config.election_seconds_min
        for progress in self.followers.values():
            if progress.answered_at < latest and progress.mode is Mode.REPLICATE:
                progress.pause()
                self._counters.count("followers_gone_quiet")
