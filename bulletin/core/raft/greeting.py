"""Greetings: a disk that was rolled back must not take part under its old identity (3.8 asks for a disk that forgets nothing).

Each start of a server raises a durable count.  A starting node tells it to each peer, and says nothing else to that
peer before the answer.  The peer remembers, on its own disk, the highest that it has seen, and answers with it; a
greeter that hears of a higher one than its own knows that its disk is an old copy: *quarantine*.

Three things a bare count would miss.  A copy taken during start 5 and put back during start 5 begins start 6 like
an honest one; but the peer has heard a later term from that member than the greeting states, or in the same term of later
entries on its disk: what a follower has acknowledged to it, or how far a leader has said that its own disk is (which
counts for a commit like any other).  Within a term, neither takes anything back.  So a greeting says what the disk had at the
start: what came to be on it since, from a peer that was faster with a heartbeat than this node with its greeting, would hide
what it had forgotten.  A copy put back twice begins start 6 twice; so the number in a greeting has random
bits below the count.  And a server that is started often enough would pass the remembered count; so a quarantine is
itself remembered, by the server about itself and by the peer that could tell for certain, for good: the member has to
be replaced by a new one.

A peer that has itself lost what it remembered may have let in messages by an answer that it has forgotten; then a greeting
that the network held back would look like a start that has forgotten the term of these messages.  So whoever is greeted by a
new start greets back, until that is answered, and nothing is concluded from what was heard before a first greeting.

Whoever is told finds the right directory, perhaps, and starts on that: so what the old copy has said meanwhile is not held
against the member.

What is not noticed: a copy put back while every peer that heard more is away, or has started anew since; be it of an
earlier start, if the server starts as often again before it meets whoever remembers.  Such a server is one of the failures
that a majority tolerates, and being away is another.
"""

from collections.abc import Iterable
from typing import Final

from bulletin.core.raft.messages import Greeting, GreetingReply
from bulletin.core.raft.state import State

CHANCE_BITS: Final = 16
"""Random bits below the count of starts in a greeting's ``incarnation``."""

_PATIENCE_SECONDS_MAX: Final = 1.0


BANNED: Final = 2**62
"""Remembered in place of a start: no start of this member counts any more."""


class Greeter:
    """Greets the peers after a start, and judges theirs.

    :param state: the node's common state.
    :param starts: how often this server has started on its disk.
    :param seen: the highest greeting remembered of each peer, and of this member if it was ever quarantined.
    """

    def __init__(self, state: State, starts: int, seen: Iterable[tuple[bytes, int]]) -> None:
        self._state = state
        self.incarnation = (starts << CHANCE_BITS) | state.rng.getrandbits(CHANCE_BITS)
        self._seen = dict(seen)
        self.quarantined = self._seen.get(state.member, 0) > self.incarnation
        self._judged: set[bytes] = set()
        """Peers of whom a greeting has come in this start."""
        self._unanswered = set(state.peers)
        """Peers who have not answered this start's greeting, or have begun anew since they did."""
        self._heard: dict[bytes, tuple[int, int]] = {}
        """Of each peer the latest term heard, and how far its disk has the log of the leader of that term."""
        self._old_copies: set[bytes] = set()
        """Peers whose present start is known to be on an old copy: what such a one says is not on the disk whose place it took."""
        self._term = state.term
        # A loss that is known is no rollback.
        self._last_index = max(state.log.synced, state.trusted_from or 0)
        self._due = state.now
        self._patience = state.config.heartbeat_seconds

    @property
    def greeted(self) -> bool:
        """Whether a majority, this node included, has judged this start and found nothing wrong."""
        return len(self._state.outbox.introduced) + 1 >= self._state.configuration.majority

    @property
    def counts(self) -> bool:
        """Whether this node's votes and acknowledgements may count."""
        return self.greeted and not self.quarantined and self._state.trusted_from is None

    def heard(self, peer: bytes, term: int, last_index: int = 0) -> None:
        """A message of the peer carried this term, which its disk therefore holds.

        :param last_index: its disk holds what the leader of this term has, or had, up to here, too.
        """
        if peer not in self._old_copies:
            self._heard[peer] = max(self._heard.get(peer, (0, 0)), (term, last_index))

    def tick(self) -> None:
        """Greet again whoever has not answered; less and less often."""
        state = self._state
        if state.now < self._due or not self._unanswered:
            return
        for peer in state.peers:
            if peer in self._unanswered:
                self._greet(peer)
        self._due = state.now + self._patience
        self._patience = min(2 * self._patience, _PATIENCE_SECONDS_MAX)

    def _greet(self, peer: bytes) -> None:
        self._state.outbox.send(peer, Greeting(self._term, self.incarnation, self._last_index))

    def judge(self, peer: bytes, greeting: Greeting) -> bool:
        """A peer has started.

        :returns: whether this start of the peer was not known before: all that was believed of it is void.
        """
        state = self._state
        remembered = self._seen.get(peer, 0)
        started, known = greeting.incarnation >> CHANCE_BITS, remembered >> CHANCE_BITS
        fresh = started > known
        if fresh:
            heard = self._heard.get(peer, (0, 0))
            forgot = (greeting.term, greeting.last_index) < heard and peer in self._judged
            remembered = BANNED if forgot else greeting.incarnation
            self._heard[peer] = heard[0], 0  # a loss that it knows of may be made good with less than it had
        elif started == known and greeting.incarnation != remembered:
            remembered = BANNED
        if remembered != self._seen.get(peer, 0):
            self._seen[peer] = remembered
            state.disk.remember(peer, remembered)
        if remembered > greeting.incarnation:
            self._old_copies.add(peer)
        else:
            self._old_copies.discard(peer)
        reply = GreetingReply(state.term, greeting.incarnation, remembered)
        state.outbox.send(peer, reply, state.disk.remembered_sequence)
        self._judged.add(peer)
        if fresh:
            self._unanswered.add(peer)
            # It may not have been there before, or have lost what it knew of this start.  At later greetings this would
            # go to and fro.
            self._greet(peer)
        return fresh

    def answered(self, peer: bytes, reply: GreetingReply) -> None:
        """A peer has judged this start, or an earlier one."""
        if reply.incarnation != self.incarnation:
            return
        if reply.remembered > self.incarnation and not self.quarantined:
            self.quarantined = True
            self._state.disk.remember(self._state.member, BANNED)
        self._state.outbox.introduced.add(peer)
        self._unanswered.discard(peer)
