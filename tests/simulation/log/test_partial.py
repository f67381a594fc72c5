"""Partial partitions (after Howard and Abraham 2020): those that pre-vote, check-quorum and stickiness solve together."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.config import Config
from bulletin.simulation.log.cluster import Cluster
from bulletin.simulation.log.ending import end
from bulletin.simulation.log.faults import Options


class PartialPartitionTests(SynchronousTestCase):
    def cluster(self, servers: int) -> Cluster:
        """A cluster with a leader, some clients, and no faults but those that a test makes."""
        cluster = Cluster(1, Options(servers, faults=(), seconds=0.0, clients=4, config=Config()))
        for server in cluster.servers:
            cluster.start(server)
        cluster.time.run_until(3.0)
        self.assertIsNotNone(cluster.leader())
        return cluster

    def cut(self, cluster: Cluster, *pairs: tuple[int, int]) -> None:
        for one, other in pairs:
            cluster.network.cut |= {(one, other), (other, one)}

    def acknowledged_in(self, cluster: Cluster, seconds: float) -> int:
        before = len(cluster.workload.acknowledged)
        cluster.time.run_until(cluster.time.now + seconds)
        return len(cluster.workload.acknowledged) - before

    def terms_in(self, cluster: Cluster, seconds: float) -> int:
        """How many terms began meanwhile."""
        before = max(server.node.leadership[0] for server in cluster.servers)
        cluster.time.run_until(cluster.time.now + seconds)
        return max(server.node.leadership[0] for server in cluster.servers) - before

    def test_quorum_loss(self) -> None:
        """All links but those of one server are cut: the leader reaches no majority, that server does, and leads."""
        cluster = self.cluster(5)
        leader = cluster.leader().number
        hub = (leader + 1) % 5
        rest = [number for number in range(5) if number != hub]
        self.cut(cluster, *((a, b) for a in rest for b in rest if a < b))
        cluster.time.run_until(cluster.time.now + 3.0)
        self.assertEqual(cluster.leader().number, hub)
        self.assertEqual(self.terms_in(cluster, 3.0), 0)
        self.assertGreater(self.acknowledged_in(cluster, 4.0), 0)
        end(cluster, Random(0))

    def test_chained(self) -> None:
        """The leader and one follower cannot hear each other, a third hears both: the leader stays."""
        cluster = self.cluster(3)
        leader = cluster.leader()
        self.cut(cluster, (leader.number, (leader.number + 1) % 3))
        self.assertEqual(self.terms_in(cluster, 5.0), 0)
        self.assertIs(cluster.leader(), leader)
        self.assertGreater(self.acknowledged_in(cluster, 4.0), 0)
        end(cluster, Random(0))

    def test_deaf_leader(self) -> None:
        """A leader that is heard but hears nobody gives way (the case that check-quorum is for)."""
        cluster = self.cluster(3)
        leader = cluster.leader()
        others = [number for number in range(3) if number != leader.number]
        cluster.network.cut |= {(other, leader.number) for other in others}
        cluster.time.run_until(cluster.time.now + 3.0)
        self.assertIn(cluster.leader().number, others)
        self.assertGreater(self.acknowledged_in(cluster, 4.0), 0)
        end(cluster, Random(0))

    def test_mute_follower(self) -> None:
        """A server that can send but hears nothing asks for votes for ever, and disturbs nobody."""
        cluster = self.cluster(3)
        leader = cluster.leader()
        mute = (leader.number + 1) % 3
        cluster.network.cut |= {(number, mute) for number in range(3) if number != mute}
        self.assertEqual(self.terms_in(cluster, 5.0), 0)
        self.assertIs(cluster.leader(), leader)
        self.assertGreater(self.acknowledged_in(cluster, 4.0), 0)
        end(cluster, Random(0))
