"""Tables instead of a log: what a follower does that lacks entries which its leader has trimmed (7, D 5.1).

::

    leader                          follower                       its storage
      ── SnapshotOffer ────────────►  Take(None) ────────────────►  what is missing?
      ◄───────────── SnapshotAsk ──   ◄────────────── Taken(ask) ──
    Give ► storage
      ── SnapshotPart ─────────────►  Take(body) ────────────────►  stored; what is missing?
                …                          …                              …
                                      install ◄────── Taken(b"", index)

The follower asks, one question at a time, and repeats what gets no answer; so the leader keeps nothing for it, and each
side holds one part at most.  What was taken in is on the follower's disk: after a restart of either side, or a change of
leader, it goes on asking for what is missing, from whoever leads.  The nodes do not look into the parts.

*Which tables*: those at any applied index of the leader.  Whatever is applied anywhere is committed, so they are right
whatever becomes of the leader.  A part carries the leader's term, which the follower adopts before it takes it in: who has
tables has therefore reached the term in which what is in them was committed, and each leader that it may acknowledge
anything to has all of that in its log.

*Installing* is one transaction of the storage.  The node that asks for it has said its last word: a new one begins with
what the transaction left, like a server that was started again, with a new incarnation.  An append that comes meanwhile
finds nobody, and a log's suffix beyond the tables is there if the entry at their index is the one that they end with.
"""

from typing import Final

import attrs

from bulletin.core.raft.counters import Counters
from bulletin.core.raft.messages import SnapshotAsk, SnapshotOffer, SnapshotPart
from bulletin.core.raft.ready import Give, Take, Taken
from bulletin.core.raft.replication import Replication
from bulletin.core.raft.state import State

_NUMBER_BITS: Final = 32

PART_TIMEOUTS: Final = 4
"""Election timeouts after which a question is asked again."""


@attrs.define
class _Giving:
    """A part that is being read for a follower.

    :param number: of the question that made it so.
    :param latest: of the same question as it was last put.
    :param then: what it wants instead by now.
    """

    number: int
    latest: int
    ask: bytes
    then: SnapshotAsk | None = None


class Snapshots:
    """Both sides of it; each is empty most of the time.

    :param state: the node's common state.
    :param replication: knows the followers.
    :param incarnation: of this start: its questions have numbers of their own.
    """

    def __init__(self, state: State, replication: Replication, counters: Counters, incarnation: int) -> None:
        self._state = state
        self._replication = replication
        self._counters = counters
        self._giving: dict[bytes, _Giving] = {}
        self._gives: list[Give] = []
        self._number = incarnation << _NUMBER_BITS
        self._ask: bytes | None = None
        self._asked_at = 0.0
        self._take: Take | None = None
        self._taking = False
        self.installing = False
        """Everything is there: this node has said its last word, and hears nothing more, lest it commits beyond the tables."""

    # --- the leader's side ---

    def asked(self, peer: bytes, message: SnapshotAsk) -> None:
        """A follower wants a part; of each follower the latest question is answered, and one part is read at a time."""
        giving = self._giving.get(peer)
        if giving is None:
            self._read_for(peer, message)
        elif message.number <= giving.latest:
            self._counters.count("snapshot_asks_stale")
        elif giving.ask == message.ask:
            giving.latest = message.number  # it became impatient: what is being read is what it wants
            giving.then = None
        elif giving.then is None or message.number > giving.then.number:
            giving.then = message

    def _read_for(self, peer: bytes, message: SnapshotAsk) -> None:
        self._giving[peer] = _Giving(message.number, message.number, message.ask)
        self._gives.append(Give(peer, message.number, message.ask))

    def given(self, peer: bytes, number: int, body: bytes, index: int) -> None:
        """The storage has read a part.

        :param index: the tables are those at this index; 0 where that is not said.
        """
        state = self._state
        giving = self._giving.get(peer)
        if giving is None or giving.number != number:
            return
        del self._giving[peer]
        if giving.then is not None:
            self._read_for(peer, giving.then)
            return
        progress = self._replication.followers.get(peer)
        if progress is None:
            return
        if index:
            progress.snapshot = index
        self._counters.count("snapshot_parts_sent" if body else "snapshot_parts_missing")
        state.outbox.send(peer, SnapshotPart(state.term, giving.latest, body))

    def take_gives(self) -> tuple[Give, ...]:
        """Parts wanted since the last call."""
        gives = tuple(self._gives)
        self._gives.clear()
        return gives

    # --- the follower's side ---

    @property
    def _patience(self) -> float:
        return PART_TIMEOUTS * self._state.config.election_seconds_min

    @property
    def under_way(self) -> bool:
        """Whether tables are being taken in."""
        return self._ask is not None or self._taking

    def offered(self, message: SnapshotOffer) -> None:
        """The leader has trimmed what this node needs next."""
        if not self.under_way and message.index > self._state.commit:
            self._counters.count("snapshots_begun")
            self._hand_over(None)

    def abandon(self) -> None:
        """The log goes on after all, or this node leads: it has all that is needed."""
        if self._ask is not None:
            self._ask = None
            self._counters.count("snapshots_abandoned")

    def tick(self) -> None:
        """Ask again: the question or its answer was lost, or whom it was asked is gone."""
        state = self._state
        if self._ask is not None and state.now - self._asked_at >= self._patience:
            self._counters.count("snapshot_parts_asked_again")
            self._put_question()

    def lose_leader(self) -> None:
        """The leader has changed: the next one is asked at once."""
        self._giving.clear()
        self._gives.clear()
        if self._ask is not None:
            self._asked_at = float("-inf")

    def came(self, message: SnapshotPart) -> None:
        """A part, or the answer that there is none."""
        if self._ask is None or message.number != self._number:
            self._counters.count("snapshot_parts_stale")
            return
        self._ask = None
        self._counters.count("snapshot_parts_received")
        self._hand_over(message.body)

    def _hand_over(self, body: bytes | None) -> None:
        self._taking = True
        self._take = Take(body)

    def taken(self, taken: Taken) -> None:
        """The storage has taken a part in, and says what is missing."""
        self._taking = False
        if taken.ask:
            self._ask = taken.ask
            if taken.anew:
                self._asked_at = self._state.now - self._patience + self._state.config.election_seconds_min
            else:
                self._put_question()
        elif taken.index > self._state.commit and not self._state.leads:
            self._counters.count("snapshots_installed")
            self.installing = True
        else:
            self._counters.count("snapshots_too_late")

    def _put_question(self) -> None:
        """Ask whoever leads; if nobody does, when that is known."""
        state = self._state
        assert self._ask is not None
        self._asked_at = state.now
        if state.leader is not None and not state.leads:
            self._number += 1
            state.outbox.send(state.leader, SnapshotAsk(state.term, self._number, self._ask))
        elif state.leader is None:
            self._asked_at = float("-inf")

    def take(self) -> Take | None:
        """What is to be taken in."""
        take, self._take = self._take, None
        return take
