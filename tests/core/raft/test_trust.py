"""When a node that has lost entries counts again."""

from random import Random

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import NO_HASH
from bulletin.core.raft.config import Config
from bulletin.core.raft.messages import (
    Append,
    AppendReply,
    Greeting,
    GreetingReply,
    ReadIndex,
    ReadIndexReply,
    RequestVote,
)
from bulletin.core.raft.node import Node
from bulletin.core.raft.trust import PATIENCES
from tests.core.raft.making import IDS, at, entries_of, restored_of

LEADER = IDS[2]
TERMS = (1, 2, 2, 2, 2, 2, 2, 2, 2)


class TrustTests(SynchronousTestCase):
    """A node with five entries, and a leader that has committed nine."""

    def setUp(self) -> None:
        self.entries = entries_of(*TERMS)
        self.now = 0.0
        self.sent: list[tuple[bytes, object]] = []
        self.persists = []
        self.node = self.start()

    def start(self, last: int = 5, **changes) -> Node:
        fields = {"applied": 1, "trusted_from": last + 1}
        return Node(Config(), IDS[0], restored_of(*TERMS[:last], **(fields | changes)), Random(0), at(0))

    def turn(self) -> None:
        """Time passes, and the disk answers at once."""
        self.now += 0.05
        self.node.tick(at(self.now))
        for _ in range(2):
            ready = self.node.ready()
            self.sent += ready.messages
            if ready.persist is not None:
                self.persists.append(ready.persist)
                self.node.persisted(ready.persist.sequence, at(self.now))

    def receive(self, message) -> None:
        self.node.receive(LEADER, message, at(self.now))
        self.turn()

    def greet(self, *, waits: bool = True) -> None:
        """Greeted by the leader, and so long after the start that whoever has an old vote of it can win no more."""
        if waits:
            self.now += PATIENCES * Config().patience_seconds_max
        self.turn()
        (greeted,) = {message.incarnation for _, message in self.sent if isinstance(message, Greeting)}
        self.receive(GreetingReply(2, greeted, greeted))

    def append(self, previous: int, last: int, commit: int, number: int = 1) -> None:
        before = self.entries[previous - 1]
        entries = tuple(self.entries[previous:last])
        self.receive(Append(2, previous, before.term, before.hash, entries, commit, number))

    def questions(self) -> list[int]:
        return [message.context for _, message in self.sent if isinstance(message, ReadIndex)]

    @property
    def trusted(self) -> bool:
        return self.node.status().trusted

    def test_not_before_it_has_what_the_leader_had_committed(self) -> None:
        """More than it had is not enough, if the leader has committed more; nothing it says counts until then."""
        self.greet()
        self.append(5, 6, 9)
        self.assertEqual(self.node.status().commit, 6)
        (question,) = self.questions()
        self.receive(ReadIndexReply(2, question, 9))
        self.append(6, 8, 9)
        self.assertEqual((self.node.status().commit, self.trusted), (8, False))
        replies = [message for _, message in self.sent if isinstance(message, AppendReply)]
        self.assertEqual({(reply.match, reply.round) for reply in replies}, {(0, 0)})
        self.assertFalse(any(persist.trusted for persist in self.persists))
        self.append(8, 9, 9, 2)
        self.assertTrue(self.trusted)
        self.assertEqual([persist.trusted for persist in self.persists][-1], True)
        self.append(9, 9, 9, 3)
        self.assertEqual((self.sent[-1][1].match, self.sent[-1][1].round), (9, 3))

    def test_not_by_a_commit_index_alone(self) -> None:
        """Who states it may lead no longer; without an answer the question is asked again."""
        self.greet()
        self.append(5, 9, 9)
        for _ in range(12):
            self.append(9, 9, 9)
        first, second = self.questions()
        self.assertNotEqual(first, second)
        self.assertFalse(self.trusted)
        self.receive(ReadIndexReply(2, first, 9))
        self.assertFalse(self.trusted)
        self.receive(ReadIndexReply(2, second, 9))
        self.assertTrue(self.trusted)

    def test_what_was_never_committed_is_not_waited_for(self) -> None:
        """Else a board in which nobody writes would count it as dead, though it has everything."""
        self.node = self.start(5, trusted_from=9)
        self.greet()
        self.append(5, 8, 8)
        self.assertFalse(self.trusted)
        self.receive(ReadIndexReply(2, self.questions()[0], 8))
        self.assertTrue(self.trusted)

    def test_nothing_is_asked_before_the_greeting_is_answered(self) -> None:
        """Else an answer could speak of what the leader believed of an earlier start."""
        self.append(5, 9, 9)
        self.assertEqual(self.questions(), [])
        self.greet()
        self.append(9, 9, 9, 2)
        self.assertEqual(len(self.questions()), 1)

    def test_nothing_is_asked_while_a_lost_vote_may_win(self) -> None:
        """A candidate that has one may win for an election timeout, on a clock that is not this one's."""
        self.greet(waits=False)
        self.append(5, 9, 9)
        while self.now + 0.05 < PATIENCES * Config().patience_seconds_max:
            self.append(9, 9, 9)
            self.assertEqual(self.questions(), [])
        self.append(9, 9, 9)
        self.assertEqual(len(self.questions()), 1)

    def test_what_an_earlier_start_asked(self) -> None:
        """An answer to it is none to this one."""
        self.greet()
        self.append(5, 9, 9)
        (old,) = self.questions()
        self.sent.clear()
        self.node = self.start(incarnation=2)
        self.greet()
        self.append(5, 9, 9)
        self.receive(ReadIndexReply(2, old, 6))
        self.assertFalse(self.trusted)
        self.receive(ReadIndexReply(2, self.questions()[0], 9))
        self.assertTrue(self.trusted)

    def test_what_is_known_outlives_the_leader(self) -> None:
        """What covers the loss is an index of the committed log, whoever leads."""
        self.greet()
        self.append(5, 6, 6)
        self.receive(ReadIndexReply(2, self.questions()[0], 9))
        self.node.receive(IDS[1], RequestVote(3, 9, 2, transfer=True), at(self.now))
        before = self.entries[5]
        heartbeat = Append(3, 6, before.term, before.hash, tuple(self.entries[6:]), 9, 1)
        self.node.receive(IDS[1], attrs.evolve(heartbeat, entries=(), previous_hash=NO_HASH), at(self.now))
        self.assertFalse(self.trusted)
        self.node.receive(IDS[1], heartbeat, at(self.now))
        self.assertTrue(self.trusted)

    def test_it_is_no_read_of_anybody_else(self) -> None:
        """Neither its answer nor its loss is told to who asks for read indexes."""
        self.greet()
        self.append(5, 6, 9)
        self.receive(RequestVote(3, 9, 2, transfer=True))
        self.assertEqual(self.node.ready().reads, ())
        self.assertEqual(self.node.counters["reads_lost"], 1)
