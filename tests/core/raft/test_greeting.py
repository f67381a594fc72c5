"""What a node concludes from a greeting; the schedules are scenarios (``quarantine*.txt``)."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import EntryKind, make_entry
from bulletin.core.raft.config import Config
from bulletin.core.raft.greeting import BANNED, CHANCE_BITS
from bulletin.core.raft.messages import Append, AppendReply, Greeting, GreetingReply, RequestVote
from bulletin.core.raft.node import Node
from tests.core.raft.making import IDS, THREE, Group, at, entries_of, operation, restored_of

PEER = IDS[1]
NINTH = (9 << CHANCE_BITS) | 5
"""A greeting of the peer's ninth start."""


class LateGreetingTests(SynchronousTestCase):
    """The peer is in its ninth start, and this node's disk remembers its seventh."""

    def node(self, **changes) -> Node:
        restored = restored_of(1, 2, 2, incarnations=((PEER, 7 << CHANCE_BITS),), **changes)
        return Node(Config(), IDS[0], restored, Random(0), at(0))

    def judged(self, node: Node, term: int, *, before: int | None = None) -> int:
        """What the node remembers of the peer, after a message in term 3 and a greeting in another one.

        :param before: a greeting that came before the message.
        """
        if before is not None:
            node.receive(PEER, Greeting(2, before, 3), at(0))
        node.receive(PEER, RequestVote(3, 3, 2), at(0))
        node.receive(PEER, Greeting(term, NINTH, 3), at(0))
        persist = node.ready().persist
        self.assertIsNotNone(persist)
        return dict(persist.incarnations)[PEER]

    def test_a_start_that_forgot_a_term(self) -> None:
        """Whoever was there all the time knows that nothing but a greeting comes before its answer."""
        eighth = (8 << CHANCE_BITS) | 1
        self.assertEqual(self.judged(self.node(), 2, before=eighth), BANNED)
        self.assertEqual(self.judged(self.node(), 3, before=eighth), NINTH)
        repaired = self.node(applied=2, trusted_from=4)
        self.assertEqual(self.judged(repaired, 2, before=eighth), BANNED)

    def test_the_first_greeting_bans_nobody(self) -> None:
        """The message may have been let in by an answer to this greeting that was lost with the end of the disk."""
        self.assertEqual(self.judged(self.node(), 2), NINTH)

    def test_who_is_greeted_by_a_new_start_greets_back(self) -> None:
        """Though it was answered before: the other may have lost that, and who this is."""
        node = self.node()
        node.tick(at(0.2))
        (own,) = {message.incarnation for to, message in node.ready().messages if to == PEER}
        node.receive(PEER, GreetingReply(2, own, own), at(0.2))
        node.receive(PEER, Greeting(2, NINTH, 3), at(0.2))
        self.assertIn((PEER, Greeting(2, own, 3)), self.messages(node))
        node.receive(PEER, Greeting(2, NINTH, 3), at(0.2))
        self.assertEqual(self.messages(node), [])

    def test_and_again_until_it_is_answered(self) -> None:
        node = self.node()
        node.receive(PEER, Greeting(2, NINTH, 3), at(0))
        ((_, own),) = {(to, m.incarnation) for to, m in self.messages(node) if to == PEER}
        node.receive(PEER, GreetingReply(2, own, own), at(0))
        node.receive(PEER, Greeting(2, NINTH + (1 << CHANCE_BITS), 3), at(0))
        self.messages(node)
        greeted = 0
        for step in range(1, 40):
            node.tick(at(step * 0.1))
            greeted += (PEER, Greeting(2, own, 3)) in self.messages(node)
            if greeted == 2:
                node.receive(PEER, GreetingReply(2, own, own), at(step * 0.1))
        self.assertEqual(greeted, 2)

    def messages(self, node: Node) -> list[tuple[bytes, object]]:
        """What leaves the node now, but for its answers to greetings, which wait for its disk."""
        return [
            (to, message) for to, message in node.ready().messages if not isinstance(message, GreetingReply)
        ]


class ForgottenEntriesTests(SynchronousTestCase):
    """A copy of the same start and term shows by the entries alone that it has not."""

    def setUp(self) -> None:
        restored = restored_of(1, 2, 2, incarnations=((PEER, 7 << CHANCE_BITS),))
        self.node = Node(Config(), IDS[0], restored, Random(0), at(0))
        self.node.receive(PEER, Greeting(2, (8 << CHANCE_BITS) | 1, 3), at(0))
        self.node.ready()

    def led(self, synced: int) -> None:
        """The peer leads in term 3, and says how far its disk is."""
        last = entries_of(1, 2, 2)[-1]
        self.node.receive(PEER, Append(3, 3, 2, last.hash, (), 3, 1, synced), at(0))

    def remembered(self, term: int, last_index: int, start: int = NINTH) -> int:
        """What the node remembers of the peer after a greeting."""
        self.node.receive(PEER, Greeting(term, start, last_index), at(0))
        persist = self.node.ready().persist
        self.assertIsNotNone(persist)
        return dict(persist.incarnations)[PEER]

    def test_a_leader_that_has_less_than_it_said(self) -> None:
        self.led(5)
        self.led(4)  # late
        self.assertEqual(self.remembered(3, 4), BANNED)

    def test_a_leader_that_has_all_that_it_said(self) -> None:
        """What it had sent, and not synced, it may have lost."""
        self.led(4)
        self.assertEqual(self.remembered(3, 4), NINTH)

    def test_what_was_led_before_may_be_overwritten(self) -> None:
        """By the leader of a later term."""
        self.led(5)
        self.assertEqual(self.remembered(4, 4), NINTH)

    def test_a_greeting_says_what_the_disk_had_at_the_start(self) -> None:
        """Not what a leader that was faster has put there since: it would hide what was forgotten."""
        last = entries_of(1, 2, 2)[-1]
        self.node.tick(at(0.2))
        ((_, own),) = [(to, m) for to, m in self.node.ready().messages if to == PEER]
        entry = make_entry(last.hash, THREE.identity, 4, 3, EntryKind.NOOP, b"")
        self.node.receive(PEER, Append(3, 3, 2, last.hash, (entry,), 3, 1, 4), at(0.3))
        persist = self.node.ready().persist
        self.assertIsNotNone(persist)
        self.node.persisted(persist.sequence, at(0.3))
        self.node.tick(at(0.9))
        greetings = [m for to, m in self.node.ready().messages if to == PEER and isinstance(m, Greeting)]
        self.assertEqual((own.term, own.last_index), (2, 3))
        self.assertEqual(greetings, [own])

    def test_what_an_old_copy_says_is_not_held_against_the_right_directory(self) -> None:
        """The copy begins start 5, hears of term 4, and is put aside: then the right directory begins start 9."""
        self.led(3)
        self.node.receive(PEER, Greeting(1, (5 << CHANCE_BITS) | 1, 2), at(0))
        self.node.receive(PEER, AppendReply(4, 3, True, 0, 3, 0, 1), at(0.1))
        self.assertEqual(self.node.status().term, 4)
        self.node.ready()
        self.assertEqual(self.remembered(3, 3), NINTH)
        self.node.receive(PEER, AppendReply(4, 3, True, 0, 3, 0, 1), at(0.2))
        tenth = NINTH + (1 << CHANCE_BITS)
        self.assertEqual(self.remembered(3, 3, tenth), BANNED)

    def test_each_start_speaks_for_itself(self) -> None:
        """A loss that the ninth start knew of, and so counted in its greeting, may be made good with less."""
        self.led(5)
        self.assertEqual(self.remembered(3, 5), NINTH)
        tenth = NINTH + (1 << CHANCE_BITS)
        self.assertEqual(self.remembered(3, 4, tenth), tenth)

    def test_acknowledgements_outlive_the_leadership(self) -> None:
        """Whoever led the term knows what its followers have, though it leads no more."""
        group = Group()
        leader = group.elect()
        (member,) = (member for member, machine in group.machines.items() if machine is leader)
        peer = next(other for other in group.machines if other != member)
        self.assertTrue(leader.propose([operation()], group.instant))
        group.settle()
        status = leader.status()
        group.lost.add(member)
        for _ in range(20):
            group.now += 0.05
            leader.tick(group.instant)
            group.settle()
        self.assertFalse(leader.leads)
        self.assertEqual(leader.status().term, status.term)
        restarted = Greeting(status.term, (2 << CHANCE_BITS) | 1, status.last_index - 1)
        leader.receive(peer, restarted, group.instant)
        persist = leader.ready().persist
        self.assertIsNotNone(persist)
        self.assertEqual(dict(persist.incarnations)[peer], BANNED)
