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
    """The peer is in its ninth start, and this node's disk remembers its seventh: it has lost its end, or was away."""

    def node(self, **changes) -> Node:
        restored = restored_of(1, 2, 2, incarnations=((PEER, 7 << CHANCE_BITS),), **changes)
        return Node(Config(), IDS[0], restored, Random(0), at(0))

    def judged(self, node: Node, term: int) -> int:
        """What the node remembers of the peer, after a message in term 3 and a greeting in another one."""
        node.receive(PEER, RequestVote(3, 3, 2), at(0))
        node.receive(PEER, Greeting(term, NINTH, 3), at(0))
        persist = node.ready().persist
        self.assertIsNotNone(persist)
        return dict(persist.incarnations)[PEER]

    def test_a_start_that_forgot_a_term(self) -> None:
        """Whoever was there all the time knows that nothing but a greeting comes before its answer."""
        self.assertEqual(self.judged(self.node(), 2), BANNED)
        self.assertEqual(self.judged(self.node(), 3), NINTH)

    def test_who_has_forgotten_itself_bans_nobody(self) -> None:
        """The message may have been let in by an answer to this greeting that is forgotten."""
        self.assertEqual(self.judged(self.node(applied=2, trusted_from=4), 2), NINTH)

    def test_who_is_greeted_by_a_new_start_greets_back(self) -> None:
        """Though it was answered before: the other may have lost that, and who this is."""
        node = self.node()
        node.tick(at(0.2))
        (own,) = {message.incarnation for to, message in node.ready().messages if to == PEER}
        node.receive(PEER, GreetingReply(2, own, own), at(0.2))
        node.receive(PEER, Greeting(2, NINTH, 3), at(0.2))
        self.assertEqual([message for to, message in self.messages(node)], [Greeting(2, own, 3)])
        node.receive(PEER, Greeting(2, NINTH, 3), at(0.2))
        self.assertEqual(self.messages(node), [])

    def messages(self, node: Node) -> list[tuple[bytes, object]]:
        """What leaves the node now, but for its answers to greetings, which wait for its disk."""
        return [
            (to, message) for to, message in node.ready().messages if not isinstance(message, GreetingReply)
        ]
