"""The follower's side: how much it takes in."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.config import Config
from bulletin.core.raft.node import Node
from tests.core.raft.making import Group, operation

CONFIG = Config(unapplied_bytes_max=1000, inflight_bytes_max=600, append_bytes_max=300)


class OverfedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.group = Group(config=CONFIG)
        self.leader = self.group.elect()
        self.slow, self.fast = (node for node in self.group.machines.values() if node is not self.leader)

    def apply(self, *nodes: Node) -> None:
        for node in nodes:
            node.applied_to(node.status().commit)

    def propose(self, times: int) -> None:
        for number in range(times):
            self.leader.propose([operation(f"{number}", 100)], self.group.instant)
            self.group.settle()
            self.apply(self.leader, self.fast)

    def held(self, node: Node) -> int:
        log = node._state.log
        return log.bytes_between(node.status().applied, log.last_index)

    def test_a_follower_that_applies_slowly_is_not_sent_the_whole_log(self) -> None:
        """It is left behind with what it can hold, and the others go on; it gets the rest as it applies."""
        self.propose(100)
        self.group.advance(1.0)
        last = self.leader.status().last_index
        bound = CONFIG.unapplied_bytes_max + CONFIG.inflight_bytes_max + CONFIG.append_bytes_max
        self.assertEqual(self.leader.status().commit, last)
        self.assertLess(self.held(self.slow), bound)
        turns = 0
        while self.slow.status().applied < last:
            turns += 1
            self.assertLess(turns, 100)
            self.apply(self.slow)
            self.group.advance(0.1)
            self.assertLess(self.held(self.slow), bound)
        self.assertGreater(turns, 5)

    def test_what_is_not_committed_does_not_count(self) -> None:
        """A follower that waited for a commit before it acknowledges what would bring it might wait for ever."""
        fast = next(member for member, node in self.group.machines.items() if node is self.fast)
        self.group.lost.add(fast)
        self.leader.propose([operation(f"{number}", 100) for number in range(50)], self.group.instant)
        self.group.settle()
        self.group.advance(0.5)
        self.assertEqual(self.leader.status().commit, self.leader.status().last_index)
