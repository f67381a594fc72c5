"""Full disks: a server that leaves, stays aside and comes back; whole boards in memory, each of whose disks can be filled."""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.instant import Instant
from bulletin.core.raft.config import Config
from bulletin.core.server.room import (
    BELIEVE_SECONDS,
    LEAVE_SECONDS,
    LOOK_SECONDS,
    TELL_SECONDS,
    FullDisks,
    Room,
    Standing,
)
from tests.core.server.case import BoardTestCase
from tests.core.server.cluster import Cluster, Server


def at(seconds: float) -> Instant:
    return Instant(seconds, seconds)


class RoomTests(SynchronousTestCase):
    def test_from_the_reserve_to_the_way_back(self) -> None:
        room = Room()
        self.assertFalse(room.short)
        room.low("Make room.", at(10))
        self.assertEqual((room.standing, room.sentence), (Standing.LEAVING, "Make room."))
        self.assertFalse(room.patience_ends(at(10 + LEAVE_SECONDS - 0.1)))
        self.assertTrue(room.patience_ends(at(10 + LEAVE_SECONDS)))
        self.assertFalse(room.looks(at(100)))
        room.leave("Make room.", at(12))
        room.low("Make more.", at(13))
        self.assertEqual((room.standing, room.sentence), (Standing.ASIDE, "Make room."))
        self.assertFalse(room.looks(at(12 + LOOK_SECONDS - 0.1)))
        self.assertTrue(room.looks(at(12 + LOOK_SECONDS)))
        self.assertFalse(room.looks(at(40)))
        room.looked(at(41), found=False)
        self.assertFalse(room.looks(at(42)))
        self.assertTrue(room.looks(at(41 + LOOK_SECONDS)))
        room.looked(at(50), found=True)
        self.assertEqual((room.standing, room.sentence), (Standing.ENOUGH, ""))

    def test_who_is_full(self) -> None:
        for members, bearable in ((1, 0), (2, 0), (3, 1), (4, 1), (5, 2)):
            disks = FullDisks(members)
            fellows = [bytes([number]) * 16 for number in range(1, members)]
            for number, fellow in enumerate(fellows, 1):
                disks.told(fellow, at(0), full=True)
                self.assertEqual(disks.prevent(at(1)), number > bearable, (members, number))
            self.assertFalse(disks.prevent(at(BELIEVE_SECONDS + 0.1)))
            for fellow in fellows:
                disks.told(fellow, at(5), full=True)
                disks.told(fellow, at(5.1), full=False)
            self.assertFalse(disks.prevent(at(5.2)))
            disks.own = True
            self.assertEqual(disks.prevent(at(5.2)), bearable == 0)

    def test_it_is_told_now_and_then(self) -> None:
        disks = FullDisks(3)
        self.assertFalse(disks.to_tell(at(0)))
        disks.own = True
        self.assertTrue(disks.to_tell(at(0)))
        self.assertFalse(disks.to_tell(at(TELL_SECONDS - 0.1)))
        self.assertTrue(disks.to_tell(at(TELL_SECONDS)))


class FullBoardTests(BoardTestCase):
    def seqs(self, page: dict) -> list[int]:
        return [post["seq"] for post in page["messages"]]

    def aside(self, cluster: Cluster, server: Server) -> None:
        """It becomes full, by what it has to store, and steps aside."""
        server.disk.full = True
        number = 0
        while not server.replica.room.aside:
            number += 1
            self.publish(cluster, 1, f"{server.name}-{number}-")
            self.assertLess(number, 200)

    def back(self, cluster: Cluster, *servers: Server) -> None:
        for server in servers:
            server.disk.full = False
        cluster.settle()
        self.assertEqual(len(cluster.digests()), 1)
        self.assertEqual({server.replica.room.standing for server in cluster.alive}, {Standing.ENOUGH})

    def test_a_follower_leaves_and_comes_back(self) -> None:
        cluster = self.cluster()
        victim = next(server for server in cluster.servers if not server.leads)
        self.aside(cluster, victim)
        self.assertIn("is full", str(victim.replica.unready(cluster.now)))
        self.assertFalse(victim.replica.brokers.accepting)
        synced = victim.disk.record
        self.publish(cluster, 30, "away")
        cluster.run(20.0)
        self.assertEqual(victim.disk.record, synced)
        self.assertEqual(sum("is full" in text for text in victim.events), 1)
        incarnation = synced.incarnation
        self.back(cluster, victim)
        self.assertGreater(victim.disk.record.incarnation, incarnation)
        self.assertTrue(any("has room again" in text for text in victim.events))
        cluster.leader.kill()
        cluster.until(lambda: cluster.leader is not None and not cluster.unready())
        self.publish(cluster, 3, "after")
        page = cluster.through(victim, "history", canal="geral", limite=500)
        self.assertEqual(self.seqs(page), list(range(1, len(page["messages"]) + 1)))
        self.assertGreaterEqual(len(page["messages"]), 34)

    def test_a_leader_hands_over_first(self) -> None:
        cluster = self.cluster(seed=2)
        victim = cluster.leader
        self.aside(cluster, victim)
        cluster.until(lambda: cluster.leader not in {None, victim})
        self.assertEqual(dict(cluster.leader.status.node.counters).get("transfers_taken"), 1)
        self.publish(cluster, 10, "away")
        self.back(cluster, victim)

    def test_a_leader_whose_reserve_is_used_up_at_once_costs_nobody_an_error(self) -> None:
        """What was under way there is done by others, once."""
        cluster = self.cluster(seed=3)
        victim = cluster.leader
        victim.disk.full, victim.disk.ballast_steps = True, 0
        asked = [
            cluster.send("publish", channel="geral", user="ana", message=f"m{number}", id=f"m{number}")
            for number in range(20)
        ]
        cluster.until(lambda: all(one.ok for one in asked), 6.0)
        self.assertTrue(victim.replica.room.aside)
        self.back(cluster, victim)
        page = cluster.ask("history", canal="geral", limite=500)
        self.assertEqual(self.seqs(page), list(range(1, 21)))

    def test_a_majority_is_full(self) -> None:
        """Local reads go on, through whichever server; all else is refused at once, and works again afterwards."""
        cluster = self.cluster(seed=4)
        first, second, third = cluster.servers
        self.aside(cluster, first)
        second.disk.full, second.disk.ballast_steps = True, 0
        asked = cluster.send("publish", channel="geral", user="ana", message="lost?", id="lost?")
        cluster.until(lambda: second.replica.room.aside)
        cluster.run(6.0)
        self.assertFalse(asked.ok)
        self.assertIn(asked.data["erro"], {"disco_cheio", "tempo_esgotado", "sem_lider"})
        for server in cluster.servers:
            begun = cluster.time
            refused = cluster.through(server, "publish", channel="geral", user="ana", message="x", id="x")
            self.assertEqual((refused["erro"], refused["definitivo"]), ("disco_cheio", True))
            self.assertLess(cluster.time - begun, 2.0)
            read = cluster.through(server, "history", canal="geral", limite=500)
            self.assertEqual(read["erro"], "disco_cheio")
            page = cluster.through(server, "history", canal="geral", limite=500, leitura="local")
            self.assertGreaterEqual(len(page["messages"]), 1)
        second.disk.full = False
        cluster.until(lambda: all(one.replica.unready(cluster.now) is None for one in (second, third)))
        self.publish(cluster, 5, "again")
        self.back(cluster, first)
        page = cluster.ask("history", canal="geral", limite=500)
        self.assertEqual(self.seqs(page), list(range(1, len(page["messages"]) + 1)))

    def test_all_are_full(self) -> None:
        cluster = self.cluster(seed=5)
        for server in cluster.servers:
            server.disk.full, server.disk.ballast_steps = True, 2
        for number in range(3):
            cluster.send("publish", channel="geral", user="ana", message="x", id=f"x{number}")
            cluster.run(6.0)
        cluster.until(lambda: all(server.replica.room.aside for server in cluster.servers))
        cluster.run(2.0)
        self.assertEqual(
            cluster.ask("publish", channel="geral", user="ana", message="x", id="y")["erro"], "disco_cheio"
        )
        self.back(cluster, *cluster.servers)
        self.publish(cluster, 3, "again")

    def test_a_start_on_a_full_disk(self) -> None:
        """It serves what it has, as far as it is needed, takes part in nothing, and comes back."""
        cluster = self.cluster(seed=6)
        self.publish(cluster, 3, "before")
        cluster.settle()
        for server in cluster.servers[1:]:
            server.kill()
            server.disk.full = True
        cluster.start(*cluster.servers[1:])
        self.assertTrue(all(server.replica.room.aside for server in cluster.servers[1:]))
        cluster.run(4.0)
        self.assertIsNone(cluster.leader)
        self.assertEqual(
            cluster.ask("publish", channel="geral", user="ana", message="x", id="y")["erro"], "disco_cheio"
        )
        page = cluster.through(cluster.servers[1], "history", canal="geral", limite=500, leitura="local")
        self.assertIn(
            self.seqs(page), ([1, 2], [1, 2, 3])
        )  # rows that were not synced come with the log again
        self.back(cluster, *cluster.servers)
        self.publish(cluster, 3, "again")

    def test_a_board_of_one(self) -> None:
        cluster = self.cluster(seed=7, size=1)
        (only,) = cluster.servers
        only.disk.full, only.disk.ballast_steps = True, 0
        cluster.send("publish", channel="geral", user="ana", message="x", id="x")
        cluster.run(6.0)
        self.assertTrue(only.replica.room.aside)
        self.assertEqual(
            cluster.ask("publish", channel="geral", user="ana", message="x", id="y")["erro"], "disco_cheio"
        )
        self.back(cluster, only)
        self.publish(cluster, 2, "again")

    def test_tables_that_come_in_place_of_a_server_that_stepped_aside(self) -> None:
        """It goes on from them when there is room, and not before: until then it votes and acknowledges nothing."""
        cluster = self.cluster(seed=9, config=Config(retained_entries=8, held_entries=8, memory_bytes_kept=0))
        victim = next(server for server in cluster.servers if not server.leads)
        victim.kill()
        self.publish(cluster, 30, "away")
        victim.start()
        install = victim.store.install

        def install_at_last(done: Callable[..., None]) -> None:
            victim.hang_disk()
            install(done)
            victim.disk.full = True
            victim.input(lambda: victim.replica.disk_low("The disk is full.", cluster.now))

        self.patch(victim.store, "install", install_at_last)
        cluster.until(lambda: victim.replica.room.aside)
        victim.free_disk()
        cluster.until(lambda: any("taken over the tables" in text for text in victim.events))
        self.assertTrue(victim.replica.room.aside)
        synced = victim.disk.record
        self.publish(cluster, 5, "aside")
        cluster.run(3.0)
        self.assertEqual(victim.disk.record, synced)
        self.assertFalse(victim.replica.brokers.accepting)
        self.back(cluster, victim)
        self.publish(cluster, 2, "after")

    def test_disks_that_fill_up_and_are_emptied_again_and_again(self) -> None:
        cluster = self.cluster(seed=8)
        for number in range(12):
            for server in cluster.servers:
                server.disk.full = cluster.rng.random() < 0.4
                server.disk.ballast_steps = cluster.rng.choice((0, 1, 5, 50))
            for post in range(6):
                cluster.send("publish", channel="geral", user="ana", message="x", id=f"p{number}-{post}")
                cluster.run(cluster.rng.uniform(0.1, 2.0))
            if cluster.rng.random() < 0.3:
                victim = cluster.rng.choice(cluster.servers)
                victim.kill()
                victim.start()
        cluster.run(8.0)
        self.back(cluster, *cluster.servers)
        self.publish(cluster, 3, "after")
        page = cluster.ask("history", canal="geral", limite=500)
        self.assertEqual(self.seqs(page), list(range(1, len(page["messages"]) + 1)))
        self.assertTrue(any("has room again" in text for server in cluster.servers for text in server.events))
