"""The follower's side of replication: accept what follows on from the own log, or say where the logs may meet (3.5).

Nothing below the commit index is ever dropped, and nothing is dropped that does not contradict the leader's log.
What contradicts where both must be equal is :class:`Diverged`.
"""

import attrs

from bulletin.core.log.entry import NO_HASH, Entry, intact
from bulletin.core.raft.counters import Counters
from bulletin.core.raft.diverged import Diverged
from bulletin.core.raft.greeting import Greeter
from bulletin.core.raft.messages import Append, AppendReply
from bulletin.core.raft.state import State


class Acceptance:
    """What a node does with appends from the leader of its term.

    :param state: the node's common state.
    :param greeter: tells whether this node's acknowledgements may count.
    """

    def __init__(self, state: State, greeter: Greeter, counters: Counters) -> None:
        self._state = state
        self._greeter = greeter
        self._counters = counters
        self._answered: tuple[int, int] = (0, 0)

    def append(self, leader: bytes, message: Append) -> None:
        """Entries or a heartbeat of the present leader.

        :raises Diverged: where the logs differ although they must not.
        """
        log = self._state.log
        cut = message.previous_index < log.anchor.index
        if cut:
            message = self._beyond_anchor(message)
        previous = message.previous_index
        if log.term_at(previous) != message.previous_term:
            if previous <= self._state.commit:
                raise Diverged(f"the leader has another term at the committed index {previous}")
            self._reject(leader, message)
            return
        here = log.hash_at(previous)
        if previous > 0 and message.previous_hash != NO_HASH and here not in (None, message.previous_hash):
            raise Diverged(f"the leader has another entry of the same term at index {previous}")
        if not self._take(message):
            self._counters.count("append_garbled")
            return
        verified = previous + len(message.entries)
        if message.entries or message.previous_hash != NO_HASH or not previous:
            # Else terms are all that was compared, and an own entry would be applied that the leader may not have.
            self._state.commit_to(min(message.commit, verified))
        self._accept(leader, message, verified, must=cut)

    def _beyond_anchor(self, message: Append) -> Append:
        """The same, without what is trimmed here.

        That was committed, in a term that this node has reached, so the leader of its present term has it, too.  Hence
        its end may be acknowledged, whether or not this message comes so far.
        """
        anchor = self._state.log.anchor
        for entry in message.entries:
            if entry.index == anchor.index and entry.hash != anchor.hash:
                raise Diverged(f"the leader has another entry at the trimmed index {entry.index}")
        beyond = tuple(entry for entry in message.entries if entry.index > anchor.index)
        return attrs.evolve(
            message,
            previous_index=anchor.index,
            previous_term=anchor.term,
            previous_hash=anchor.hash,
            entries=beyond,
        )

    def _take(self, message: Append) -> bool:
        """Append what is new.

        :returns: False, with nothing changed, if the entries are not what their hashes say.
        """
        log, identity = self._state.log, self._state.identity
        known = 0
        for entry in message.entries:
            if log.term_at(entry.index) != entry.term:
                break
            if log.hash_at(entry.index) not in (None, entry.hash):
                raise Diverged(f"the leader has another entry of the same term at index {entry.index}")
            known += 1
        fresh = message.entries[known:]
        if not fresh:
            return True
        before = message.entries[known - 1].hash if known else message.previous_hash
        hash_there = before
        for entry in fresh:
            if not intact(entry, before, identity):
                return False
            before = entry.hash
        if fresh[0].index <= log.last_index:
            self._drop_from(fresh[0], hash_there)
        for entry in fresh:
            log.append(entry)
        return True

    def _drop_from(self, entry: Entry, hash_before: bytes) -> None:
        """Drop the own entries from the one that ``entry`` contradicts."""
        state = self._state
        if entry.index <= state.commit:
            raise Diverged(f"the leader contradicts the committed entry {entry.index}")
        dropped = state.log.last_index - entry.index + 1
        self._counters.count("entries_dropped", dropped)
        self._counters.count("truncations" if dropped == 1 else "truncations_of_many")
        state.log.truncate_after(entry.index - 1, hash_before)

    def _accept(self, leader: bytes, message: Append, verified: int, *, must: bool) -> None:
        """Say so; ``must``: whether or not there is anything new to say."""
        state = self._state
        counts = self._greeter.counts
        after, match = 0, min(verified, state.log.synced)
        if message.entries:
            after, match = state.log.sequence_for(verified, state.disk.following), verified
        elif not must and (state.term, message.round) <= self._answered:
            return  # the leader was told already that this node is there: nothing new to say
        self._answered = max(self._answered, (state.term, message.round))
        admitted = state.applied if state.overfed else verified
        state.outbox.send(
            leader,
            AppendReply(
                term=state.term,
                previous_index=message.previous_index,
                success=True,
                match=min(match, admitted) if counts else 0,
                hint_index=min(verified, admitted),
                hint_term=0,
                round=message.round if counts else 0,
            ),
            after,
        )

    def _reject(self, leader: bytes, message: Append) -> None:
        state = self._state
        meeting = state.log.last_at_most(message.previous_index, message.previous_term)
        self._counters.count("append_rejected")
        state.outbox.send(
            leader,
            AppendReply(
                term=state.term,
                previous_index=message.previous_index,
                success=False,
                match=0,
                hint_index=meeting,
                hint_term=state.log.term_at(meeting) or 0,
                round=message.round if self._greeter.counts else 0,
            ),
        )
