"""ReadIndex: how far one must have applied to see everything that was acknowledged before one asked (6.4).

The leader takes its commit index, once an entry of its own term is committed, and then proves by a round of heartbeats
that **began after the question** that it still leads.  Questions that come in the same turn share a round.  No
clock is trusted: there are no lease reads (6.4.1).

A node whose disk has lost entries asks for itself, too, how far it must have come to lack nothing
(:mod:`bulletin.core.raft.trust`).

A question travels under a number that its node never uses again, not even after a restart, so that a late answer to
an earlier one is known for what it is.
"""

from collections import deque
from typing import Final

import attrs

from bulletin.core.raft.counters import Counters
from bulletin.core.raft.messages import ReadIndex, ReadIndexReply
from bulletin.core.raft.ready import ReadReady
from bulletin.core.raft.state import State

_NUMBER_BITS: Final = 30


@attrs.frozen
class _Question:
    """A question that this node asked: the caller's context (None: its own, on what covers its losses), and when."""

    context: int | None
    asked_at: float


@attrs.frozen
class _Round:
    """Questions that are answered with ``index`` once a majority has answered heartbeat round ``number``."""

    number: int
    index: int
    questions: tuple[tuple[bytes, int], ...]


class Reads:
    """Questions asked by this node, and, on a leader, those of all.

    Bounded by ``Config.reads_max``: what comes beyond is not taken, and its asker asks again.

    :param state: the node's common state.
    :param first: the first number for own questions: above all numbers of earlier starts.
    """

    def __init__(self, state: State, counters: Counters, first: int) -> None:
        self._state = state
        self._counters = counters
        self._number = first
        self._own: dict[int, _Question] = {}
        self._waiting: list[tuple[bytes, int]] = []
        self._rounds: deque[_Round] = deque()
        self._under_way = 0
        self._done: list[ReadReady] = []
        self._covering = 0
        self.covers: int | None = None
        """Who has committed so far has all that was committed before this start; None: not known yet."""

    @staticmethod
    def first_number(incarnation: int) -> int:
        """Where the numbers of a start begin."""
        return incarnation << _NUMBER_BITS & (2**62 - 1)

    def ask(self, context: int) -> bool:
        """Ask the leader, whoever it is; False if none is known, or the term is not synced, or too much is under way."""
        return self._ask(context)

    def ask_what_covers(self) -> None:
        """Ask for :attr:`covers`, unless that is under way."""
        if self._covering not in self._own and self._ask(None):
            self._covering = self._number

    def _ask(self, context: int | None) -> bool:
        state = self._state
        if state.leader is None or not state.disk.hard_synced or len(self._own) >= state.config.reads_max:
            return False
        number = self._number + 1
        if state.leads:
            if not self._enqueue(state.member, number):
                return False
        else:
            state.outbox.send(state.leader, ReadIndex(state.term, number))
        self._number = number
        self._own[number] = _Question(context, state.now)
        return True

    def asked(self, peer: bytes, number: int) -> None:
        """A follower asks this leader."""
        self._enqueue(peer, number)

    def _enqueue(self, asker: bytes, number: int) -> bool:
        if self._under_way >= self._state.config.reads_max:
            return False
        if not self._state.proven:
            self._counters.count("read_waits_for_own_term")
        self._waiting.append((asker, number))
        self._under_way += 1
        return True

    @property
    def needs_round(self) -> bool:
        """Whether questions wait for a round that has not begun, and one may begin."""
        return bool(self._waiting) and self._state.proven

    def begin(self, number: int) -> None:
        """Round ``number`` begins now: all questions that came before share it."""
        self._rounds.append(_Round(number, self._state.commit, tuple(self._waiting)))
        self._waiting.clear()

    def confirm(self, number: int) -> None:
        """A majority has answered round ``number``."""
        state = self._state
        while self._rounds and self._rounds[0].number <= number:
            confirmed = self._rounds.popleft()
            self._under_way -= len(confirmed.questions)
            for asker, question in confirmed.questions:
                if asker == state.member:
                    self._finish(question, confirmed.index)
                else:
                    state.outbox.send(asker, ReadIndexReply(state.term, question, confirmed.index))

    def answered(self, reply: ReadIndexReply) -> None:
        """The leader of this term has answered."""
        self._finish(reply.context, reply.index)

    def _finish(self, number: int, index: int) -> None:
        question = self._own.pop(number, None)
        if question is None:
            return
        if question.context is None:
            self.covers = index
        else:
            self._done.append(ReadReady(question.context, index))

    def _give_up(self, question: _Question) -> None:
        if question.context is not None:
            self._done.append(ReadReady(question.context, None))

    def lose(self) -> None:
        """The leader, or the term, has changed: nothing that was asked will be answered."""
        if self._own:
            self._counters.count("reads_lost", len(self._own))
        for question in self._own.values():
            self._give_up(question)
        self._own.clear()
        self._waiting.clear()
        self._rounds.clear()
        self._under_way = 0

    def tick(self) -> None:
        """Give up what a leader has not answered for an election timeout: the question or its answer was lost."""
        state = self._state
        latest = state.now - state.config.election_seconds_min
        while not state.leads and self._own:
            number, question = next(iter(self._own.items()))
            if question.asked_at > latest:
                break
            del self._own[number]
            self._give_up(question)

    def take(self) -> tuple[ReadReady, ...]:
        """Answers since the last call."""
        done = tuple(self._done)
        self._done.clear()
        return done
