"""Damaged disks: whole boards in memory, one of whose servers has lost what it had to damage, and gets it from the others."""

import attrs

from bulletin.core.raft.config import Config
from bulletin.core.server import applying, peers
from tests.core.server.case import BoardTestCase
from tests.core.server.cluster import Cluster, Server

SHORT = Config(retained_entries=8, held_entries=8, memory_bytes_kept=0)


class RepairTests(BoardTestCase):
    def history(self, cluster: Cluster, server: Server) -> list[int]:
        page = cluster.through(server, "history", canal="geral", limite=500)
        return [post["seq"] for post in page["messages"]]

    def begins_anew(self, cluster: Cluster, server: Server) -> None:
        server.fatal = None
        server.events.clear()
        server.start(cluster.size)
        self.assertTrue(any("is put aside" in text for text in server.events), server.events)
        self.assertFalse(server.status.node.trusted)

    def test_damage_that_is_noticed_by_a_reader(self) -> None:
        """Nobody gets a wrong answer: others answer; the next start takes everything over, by log or by tables."""
        for seed, config in ((1, Config()), (2, SHORT)):
            cluster = self.cluster(seed, config=config)
            self.publish(cluster, 30, "before")
            cluster.settle()
            for victim in (cluster.leader, *(one for one in cluster.servers if not one.leads)):
                victim.disk.damage = "row 7 of table posts"
                page = cluster.ask("history", canal="geral", limite=500)
                while victim.running:
                    page = cluster.ask("history", canal="geral", limite=500)
                    self.assertEqual(page["status"], "sucesso")
                self.assertIn("row 7 of table posts", victim.refused[-1])
                self.publish(cluster, 2, victim.name)
                self.begins_anew(cluster, victim)
                self.publish(cluster, 2, f"{victim.name}-after")
                cluster.settle()
                self.assertEqual(len(cluster.digests()), 1)
                self.assertTrue(victim.status.node.trusted)
            count = len(self.history(cluster, cluster.servers[0]))
            self.assertEqual(count, 42)
            for server in cluster.servers:
                self.assertEqual(self.history(cluster, server), list(range(1, count + 1)))
            again = cluster.ask("publish", channel="geral", user="ana", message="before 7", id="before7")
            self.assertEqual((again["status"], again["seq"]), ("OK", 8))

    def test_it_does_not_vote_for_less_than_it_had_acknowledged(self) -> None:
        """What it and one other had is lost with it; the third, which lacks it, must not lead by its vote."""
        cluster = self.cluster(seed=3)
        victim, other = [server for server in cluster.servers if not server.leads]
        leader = cluster.leader
        other.kill()
        self.publish(cluster, 10, "two")
        victim.kill()
        leader.kill()
        victim.disk.damage = "row board of table state"
        other.start()
        victim.start()
        cluster.run(10.0)
        self.assertIsNone(cluster.leader)
        leader.start()
        cluster.settle()
        self.assertEqual(self.history(cluster, victim), list(range(1, 11)))
        self.assertEqual(len(cluster.digests()), 1)

    def test_it_counts_again(self) -> None:
        """Repaired, it is half of the majority of what comes then."""
        cluster = self.cluster(seed=4, config=SHORT)
        self.publish(cluster, 20, "before")
        victim = next(server for server in cluster.servers if not server.leads)
        victim.kill()
        victim.disk.damage = "row 3 of table log"
        self.begins_anew(cluster, victim)
        cluster.settle()
        next(server for server in cluster.servers if not server.leads and server is not victim).kill()
        self.publish(cluster, 5, "after")
        self.assertEqual(self.history(cluster, victim), list(range(1, 26)))

    def test_tables_that_differ_from_a_majority_s(self) -> None:
        self.patch(applying, "CHECKPOINT_EVERY", 16)
        self.patch(peers, "CHECKPOINT_EVERY", 16)
        cluster = self.cluster(seed=5)
        self.publish(cluster, 5, "before")
        cluster.settle()
        victim = next(server for server in cluster.servers if not server.leads)
        victim.kill()
        tables = victim.disk.written
        tables.marks = attrs.evolve(tables.marks, digest=b"?" * 32)
        victim.start()
        self.publish(cluster, 20, "on")
        cluster.until(lambda: not victim.running)
        self.assertIn("differs from that of a majority", victim.fatal)
        self.assertEqual(sum(server.running for server in cluster.servers), 2)
        self.begins_anew(cluster, victim)
        self.publish(cluster, 20, "after")
        cluster.settle()
        self.assertEqual(len(cluster.digests()), 1)
        self.assertEqual(self.history(cluster, victim), list(range(1, 46)))

    def test_damage_and_deaths_again_and_again(self) -> None:
        """Of one server at a time, now and then before it has caught up from the last."""
        for seed in range(20, 24):
            cluster = self.cluster(seed, config=SHORT, size=3 + 2 * (seed % 2))
            posts = 0
            victim = cluster.rng.choice(cluster.servers)
            for number in range(8):
                if cluster.rng.random() < 0.6:
                    cluster.settle()
                    victim = cluster.rng.choice(cluster.servers)
                if victim.running:
                    victim.kill()
                victim.disk.damage = f"for the {number}th time"
                self.publish(cluster, 3, f"down{number}-")
                self.begins_anew(cluster, victim)
                cluster.run(cluster.rng.uniform(0.0, 2.0))
                self.publish(cluster, 3, f"up{number}-")
                posts += 6
            cluster.settle()
            self.assertEqual(len(cluster.digests()), 1)
            for server in cluster.servers:
                self.assertEqual(self.history(cluster, server), list(range(1, posts + 1)))
