"""Servers that were away for longer than the log reaches back: whole boards in memory, with logs of a few entries."""

from collections.abc import Callable

from bulletin.core.raft.config import Config
from bulletin.core.server import applying
from tests.core.server.case import BoardTestCase
from tests.core.server.cluster import Cluster, Server

SHORT = Config(retained_entries=8, held_entries=8, memory_bytes_kept=0)


class BehindTests(BoardTestCase):
    config = SHORT

    def publish(self, cluster: Cluster, count: int, tag: str) -> None:
        super().publish(cluster, count, tag)
        for number in range(count):
            cluster.ask("message", src="ana", dst="ana", message=f"{tag} {number}", id=f"m{tag}{number}")

    def down(self, cluster: Cluster) -> Server:
        """A server that does not lead, stopped."""
        victim = next(server for server in cluster.servers if not server.leads)
        victim.kill()
        return victim

    def counts(self, server: Server) -> dict[str, int]:
        return dict(server.status.node.counters)

    def back(self, cluster: Cluster, victim: Server) -> None:
        """It comes back, by taking over tables."""
        victim.start()
        cluster.settle()
        self.assertEqual(len(cluster.digests()), 1)
        self.assertTrue(any("taken over the tables" in text for text in victim.events), victim.events)

    def test_it_comes_back_by_tables_and_is_then_as_good_as_any(self) -> None:
        """With one of the two that it came back from dead, it is half of the majority: nothing is lost, ids are known."""
        cluster = self.cluster()
        victim = self.down(cluster)
        self.publish(cluster, 30, "away")
        self.assertGreater(cluster.leader.status.node.first_index, 20)
        self.back(cluster, victim)
        self.publish(cluster, 3, "after")
        cluster.leader.kill()
        cluster.until(lambda: cluster.leader is not None and not cluster.unready())
        page = cluster.through(victim, "history", canal="geral", limite=500)
        self.assertEqual(len(page["messages"]), 33)
        self.assertEqual([post["seq"] for post in page["messages"]], list(range(1, 34)))
        again = cluster.ask("publish", channel="geral", user="ana", message="away 7", id="away7")
        self.assertEqual((again["status"], again["seq"]), ("OK", 8))

    def test_rows_that_wait_are_not_written_over_the_tables(self) -> None:
        """A server that was cut off has applied what it has not written yet; the tables that come have it already."""
        self.patch(applying, "WRITE_SECONDS", 1000.0)
        cluster = self.cluster(seed=6)
        self.publish(cluster, 3, "before")
        victim = next(server for server in cluster.servers if not server.leads)
        others = {
            frozenset((victim.name, name))
            for name in ("broker", *(other.name for other in cluster.servers if other is not victim))
        }
        cluster.cut |= others
        status = victim.status
        self.assertLess(status.written, status.applied)
        self.publish(cluster, 30, "away")
        cluster.run(3.0)
        install = victim.store.install

        def install_when_rows_are_due(done: Callable[..., None]) -> None:
            self.patch(applying, "WRITE_SECONDS", 0.0)
            victim.hang_disk()
            cluster.after(0.3, victim.free_disk)
            install(done)

        self.patch(victim.store, "install", install_when_rows_are_due)
        cluster.cut -= others
        cluster.until(lambda: victim.status.applied == cluster.leader.status.applied)
        self.assertTrue(any("taken over the tables" in text for text in victim.events), victim.events)
        cluster.run(2.0)
        self.publish(cluster, 2, "after")
        cluster.settle()
        self.assertEqual(len(cluster.digests()), 1)
        page = cluster.through(victim, "history", canal="geral", limite=500)
        self.assertEqual([post["seq"] for post in page["messages"]], list(range(1, 36)))

    def test_its_log_is_bounded(self) -> None:
        cluster = self.cluster()
        self.publish(cluster, 40, "x")
        cluster.settle()
        for server in cluster.servers:
            kept = server.status.node.last_index - server.status.node.first_index
            self.assertLess(kept, 5 * SHORT.retained_entries)
            self.assertLess(len(server.disk.written.log), 5 * SHORT.retained_entries)

    def test_the_sender_dies_on_the_way(self) -> None:
        """Whoever leads next is asked for the rest."""
        for moment in (0.3, 0.6, 1.0):
            self.kill_the_sender(moment)

    def kill_the_sender(self, moment: float) -> None:
        cluster = self.cluster(seed=2, size=5)
        victim = self.down(cluster)
        self.publish(cluster, 12, "away")
        victim.start(5)
        cluster.run(moment)
        cluster.leader.kill()
        cluster.until(lambda: cluster.leader is not None)
        self.publish(cluster, 2, "meanwhile")
        cluster.settle()
        self.assertEqual(len(cluster.digests()), 1)

    def test_the_receiver_dies_on_the_way(self) -> None:
        """At one moment after the other: it starts from what its disk has, and goes on."""
        cluster = self.cluster(seed=3)
        taken = 0
        for moment in range(12):
            victim = self.down(cluster)
            self.publish(cluster, 6, f"away{moment}-")
            victim.start()
            cluster.run(0.04 * moment)
            victim.kill()
            victim.start()
            cluster.settle()
            self.assertEqual(len(cluster.digests()), 1)
            taken += sum("taken over the tables" in text for text in victim.events)
            victim.events.clear()
        self.assertGreater(taken, 6)

    def test_requests_go_on_while_tables_are_taken_over(self) -> None:
        cluster = self.cluster(seed=4, loss=0.05)
        victim = self.down(cluster)
        self.publish(cluster, 15, "away")
        victim.start()
        for number in range(15):
            self.publish(cluster, 1, f"during{number}-")
        cluster.settle()
        self.assertEqual(len(cluster.digests()), 1)
        page = cluster.through(victim, "history", canal="geral", limite=500)
        self.assertEqual([post["seq"] for post in page["messages"]], list(range(1, 31)))

    def test_all_start_again_with_short_logs(self) -> None:
        cluster = self.cluster(seed=5)
        self.publish(cluster, 30, "x")
        cluster.settle()
        before = cluster.digests()
        for server in cluster.servers:
            server.kill()
        cluster.start()
        cluster.settle()
        page = cluster.ask("history", canal="geral", limite=500)
        self.assertEqual(len(page["messages"]), 30)
        self.assertEqual(cluster.digests(), before)
