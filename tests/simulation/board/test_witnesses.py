"""Who can tell of an old copy, and what the end of a run makes of it."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.config import Config
from bulletin.simulation.board import Options, World
from bulletin.simulation.board.disk import PAST_KEPT
from bulletin.simulation.board.server import Server

FAST = Config(heartbeat_seconds=0.05, election_seconds_min=0.2, election_seconds_spread=0.2)
OPTIONS = Options(servers=3, clients=1, loops=1, config=FAST, pauses=(0.01,))


class Longest(Random):
    """Chooses what is last: the oldest copy."""

    def choice(self, options):
        return options[-1]


def formed() -> tuple[World, Server]:
    """A board that has formed, and its leader."""
    world = World(5, OPTIONS)
    for process in world.processes.values():
        if process is not world.auditor:
            process.start()
    world.healing.form()
    (leader,) = (server for server in world.servers if server.node.leads)
    return world, leader


class WitnessTests(SynchronousTestCase):
    """The leader is started on a copy of the same start, which lacks what its followers know it had."""

    def setUp(self) -> None:
        self.world, self.leader = formed()
        self.world.time.run_until(self.world.time.now + 1.0)
        self.others = [server for server in self.world.servers if server is not self.leader]

    def go_back(self, server: Server) -> None:
        faults = self.world.faults
        server.lose_power()
        faults._rng = Longest(1)
        self.assertTrue(faults._went_back(server, server.disk.roll_back))

    def test_nobody_can_tell_of_what_did_not_go_back(self) -> None:
        self.assertFalse(self.world.witnesses.none_of(self.leader))

    def test_followers_can_tell_of_a_leader(self) -> None:
        self.go_back(self.leader)
        self.assertFalse(self.world.witnesses.none_of(self.leader))
        self.leader.start()
        self.world.time.run_until(self.world.time.now + 2.0)
        self.assertTrue(self.leader.node.status().quarantined)
        self.world.healing.core = self.others
        self.assertIn(self.world.healing._leader(), self.others)

    def test_not_once_they_have_started_anew(self) -> None:
        """Then it may lead."""
        self.go_back(self.leader)
        for other in self.others:
            other.kill()
            other.start()
        self.assertTrue(self.world.witnesses.none_of(self.leader))
        self.leader.start()
        self.world.time.run_until(self.world.time.now + 2.0)
        self.assertFalse(self.leader.node.status().quarantined)
        self.world.healing.core = self.others
        self.assertIsNotNone(self.world.healing._leader())

    def test_a_copy_of_an_earlier_start_is_always_known(self) -> None:
        for _ in range(PAST_KEPT):
            self.leader.kill()
            self.leader.start()
        starts = self.leader.disk.durable.incarnation
        self.go_back(self.leader)
        self.assertLess(self.leader.disk.durable.incarnation, starts)
        for other in self.others:
            other.kill()
            other.start()
        self.assertFalse(self.world.witnesses.none_of(self.leader))
