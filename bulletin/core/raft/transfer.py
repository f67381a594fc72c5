"""The leader's side of a hand-over (3.10): take nothing new, let one follower catch up, tell it to campaign.

If that has not deposed this leader within an election timeout, it goes on as before.
"""

from bulletin.core.raft.counters import Counters
from bulletin.core.raft.messages import TimeoutNow
from bulletin.core.raft.replication import Replication
from bulletin.core.raft.state import State


class Transfer:
    """A hand-over that is under way, or none.

    :param state: the node's common state.
    :param replication: knows how far the followers are.
    """

    def __init__(self, state: State, replication: Replication, counters: Counters) -> None:
        self._state = state
        self._replication = replication
        self._counters = counters
        self._target: bytes | None = None
        self._deadline = 0.0
        self._repeat_at = 0.0

    @property
    def under_way(self) -> bool:
        """Whether leadership is being handed over: no operation and no read is taken meanwhile."""
        return self._target is not None

    def begin(self) -> bool:
        """Hand over to the follower that has most, of equals the one of the highest rank; False if none answers."""
        state = self._state
        latest = state.now - state.config.election_seconds_min
        followers = self._replication.followers
        able = [
            peer
            for peer in state.peers
            if peer in followers and followers[peer].heard_at >= latest and followers[peer].match > 0
        ]
        if not state.leads or not able or self.under_way:
            return False
        self._target = max(able, key=lambda peer: followers[peer].match)
        self._deadline = state.now + state.config.election_seconds_min
        self._repeat_at = state.now
        self._counters.count("transfers_begun")
        return True

    def advance(self) -> None:
        """Send the word once the target has everything; again with each heartbeat, as it may get lost."""
        state = self._state
        if self._target is None:
            return
        if not state.leads:
            self._target = None
        elif state.now >= self._deadline:
            self._counters.count("transfers_aborted")
            self._target = None
        elif (
            state.now >= self._repeat_at
            and self._replication.followers[self._target].match == state.log.last_index
        ):
            self._repeat_at = state.now + state.config.heartbeat_seconds
            state.outbox.send(self._target, TimeoutNow(state.term))
