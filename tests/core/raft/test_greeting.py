"""What a node concludes from a greeting; the schedules are scenarios (``quarantine*.txt``)."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.config import Config
from bulletin.core.raft.greeting import BANNED, CHANCE_BITS
from bulletin.core.raft.messages import Greeting, GreetingReply, RequestVote
from bulletin.core.raft.node import Node
from tests.core.raft.making import IDS, at, restored_of

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
