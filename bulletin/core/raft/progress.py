"""A follower as its leader sees it: what it has, what was sent, and how much more may be under way.

*Probe*: the leader does not know where the logs meet.  One append with entries is sent; until it is answered only
heartbeats follow, which ask the same question without entries.  *Replicate*: they have met; entries are sent as
soon as they are appended, inside a window that is counted in messages and in bytes.  *Snapshot*: the follower lacks
entries that are trimmed; it is offered the tables, and hears only heartbeats, until it has taken them in.

At all times ``match < next``, and ``match`` never falls.
"""

from collections import deque
from enum import Enum

import attrs

from bulletin.core.raft.config import Config


class Mode(Enum):
    """How entries are sent to a follower."""

    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


@attrs.define
class Progress:
    """One follower.

    :param next: index of the next entry to send.
    :param heard_at: when an answer that proves the leader last came, monotonic seconds.
    :param answered_at: when any answer last came; of a follower that does not count these differ.
    :param match: up to this index its synced log is the leader's.
    :param waiting: in probe mode: a probe is unanswered, so no entries are sent.
    :param inflight: (last index, bytes) of each unanswered append with entries; bounded by the window.
    :param commit_told: the commit index that it will reach when all that was sent arrives.
    :param round_sent: the latest round sent to it.
    :param round_least: the round in which its latest start was noticed: answers to earlier ones are the start before's.
    :param round_answered: the latest round it has answered: it knew no later term then.
    :param fetch: the token of entries that are being read from the disk for it, or None.
    :param offered_at: when it was last offered the tables.
    :param snapshot: the tables that it is taking in are those at this index, or 0.
    :param hash_known: (index, chain hash there) that was read from the disk for it, or None.
    """

    next: int
    heard_at: float
    answered_at: float
    match: int = 0
    mode: Mode = Mode.PROBE
    waiting: bool = False
    inflight: deque[tuple[int, int]] = attrs.Factory(deque)
    inflight_bytes: int = 0
    commit_told: int = 0
    round_sent: int = 0
    round_least: int = 0
    round_answered: int = 0
    fetch: int | None = None
    hash_known: tuple[int, bytes] | None = None
    offered_at: float = float("-inf")
    snapshot: int = 0

    def may_send_entries(self, config: Config) -> bool:
        """Whether the window is open."""
        if self.fetch is not None:
            return False
        if self.mode is not Mode.REPLICATE:
            return self.mode is Mode.PROBE and not self.waiting
        return (
            len(self.inflight) < config.inflight_messages_max
            and self.inflight_bytes < config.inflight_bytes_max
        )

    def sent(self, last: int, size: int) -> None:
        """Entries up to ``last`` were sent, with ``size`` bytes of bodies."""
        if self.mode is Mode.PROBE:
            self.waiting = True
            return
        self.inflight.append((last, size))
        self.inflight_bytes += size
        self.next = last + 1

    def acknowledged(self, match: int, received: int) -> bool:
        """A success came: it has synced up to ``match``, and received up to ``received``.

        :returns: whether ``match`` rose.
        """
        risen = match > self.match
        self.match = max(self.match, match)
        reached = max(received, self.match)
        while self.inflight and self.inflight[0][0] <= reached:
            self.inflight_bytes -= self.inflight.popleft()[1]
        if self.mode is not Mode.REPLICATE and reached >= self.next - 1:
            self.mode = Mode.REPLICATE
            self.waiting = False
            self.snapshot = 0
            self.next = reached + 1
        self.next = max(self.next, self.match + 1)
        return risen

    def rejected(self, previous: int, meeting: int, anchor: int = 0) -> bool:
        """It has not got the entry ``previous``; the logs may meet at ``meeting``.

        :param anchor: where the leader's log begins: ``meeting`` is not below it.
        :returns: False for a stale rejection: what it denies is known since, or was not asked last.
        """
        if previous <= self.match or previous < anchor:
            return False
        if self.mode is not Mode.REPLICATE and previous != self.next - 1:
            return False
        if previous == anchor > 0:
            self.probe(anchor + 1)
            self.mode = Mode.SNAPSHOT
            return True
        self.probe(max(self.match + 1, min(previous, meeting + 1)))
        return True

    def probe(self, following: int) -> None:
        """Ask anew where the logs meet, beginning before ``following``."""
        assert following > self.match, "what is known to be there is not asked for again"
        self.mode = Mode.PROBE
        self.next = following
        self.waiting = False
        self.inflight.clear()
        self.inflight_bytes = 0
        self.commit_told = 0
        self.fetch = None

    def pause(self) -> None:
        """Send heartbeats only, until one is answered."""
        self.probe(self.next)
        self.waiting = True
