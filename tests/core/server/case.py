"""Tests of whole boards in memory that have a user and a channel, and posts in it."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.config import Config
from tests.core.server.cluster import Cluster


class BoardTestCase(SynchronousTestCase):
    config: Config | None = None
    """The servers', where a test does not give another."""

    def cluster(self, seed: int = 1, **arguments) -> Cluster:
        """A board that is formed."""
        cluster = Cluster(seed, **{"config": self.config, **arguments})
        cluster.form()
        self.assertEqual(cluster.ask("login", user="ana")["status"], "sucesso")
        self.assertEqual(cluster.ask("channel", channel="geral")["status"], "sucesso")
        return cluster

    def publish(self, cluster: Cluster, count: int, tag: str) -> None:
        """So many posts, each acknowledged."""
        for number in range(count):
            answer = cluster.ask(
                "publish", channel="geral", user="ana", message=f"{tag} {number}", id=f"{tag}{number}"
            )
            self.assertEqual(answer["status"], "OK", answer)
