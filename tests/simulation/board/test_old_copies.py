"""An old copy of a disk: whoever can tell has to, and where nobody can its server must not vote."""

from functools import partial
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation.board.old_copies import Forgotten
from bulletin.simulation.board.server import Server
from tests.simulation.board.test_witnesses import Longest, formed

SECONDS = 5.0


class OldCopyTests(SynchronousTestCase):
    """The leader's disk goes back, with one follower away that lacks what is on both others."""

    def setUp(self) -> None:
        self.world, self.leader = formed()
        self.behind, self.witness = (server for server in self.world.servers if server is not self.leader)
        self.behind.kill()
        self.pass_time(1.0)

    def pass_time(self, seconds: float) -> None:
        self.world.time.run_until(self.world.time.now + seconds)

    def go_back(self, rng: Random) -> None:
        server = self.leader
        before = server.disk.durable.last()
        server.lose_power()
        self.assertTrue(self.world.old_copies.put_back(server, partial(server.disk.roll_back, rng)))
        self.assertLess(server.disk.durable.last(), before)

    def put_aside(self) -> bool:
        return bool(self.world.counts["old_copy_put_aside"])

    def could_tell(self, one: Server) -> bool:
        copies, number = self.world.old_copies, self.leader.number
        return copies._could_tell(one, self.leader, copies._forgotten[number])

    def test_nobody_can_tell(self) -> None:
        """The one that could is dead: before the server's vote counts it is put aside, and nothing is lost."""
        self.go_back(Longest(1))
        self.witness.kill()
        self.leader.start()
        self.behind.start()
        self.pass_time(SECONDS)
        self.assertTrue(self.put_aside())
        self.assertFalse(self.leader.running)
        self.assertEqual(self.leader.disk.durable.last(), (0, 0))
        self.witness.start()
        self.pass_time(SECONDS)
        self.assertTrue(any(server.node.leads for server in (self.behind, self.witness)))

    def test_who_could_tell_has_begun_anew(self) -> None:
        """It cannot any more."""
        self.go_back(Longest(1))
        self.leader.start()
        self.assertTrue(self.could_tell(self.witness))
        self.witness.kill()
        self.witness.start()
        self.assertFalse(self.could_tell(self.witness))

    def test_who_remembers_a_later_start(self) -> None:
        """It can, whenever it has begun; but no more once the server has been started as often again."""
        for _ in range(3):
            self.leader.kill()
            self.leader.start()
            self.pass_time(0.1)
        self.go_back(Longest(1))
        self.witness.kill()
        self.witness.start()
        self.leader.start()
        self.assertTrue(self.could_tell(self.witness))
        for _ in range(3):
            self.leader.kill()
            self.leader.start()
        self.assertFalse(self.could_tell(self.witness))

    def test_who_can_tell_is_there(self) -> None:
        """Nobody steps in: the fellow keeps it out."""
        self.go_back(Longest(1))
        self.behind.start()
        self.leader.start()
        self.pass_time(SECONDS)
        self.assertFalse(self.put_aside())
        self.assertTrue(self.leader.node.status().quarantined)

    def test_who_was_away(self) -> None:
        """It has nothing that the copy lacks, and has heard nothing of it."""
        self.go_back(Longest(1))
        self.leader.start()
        self.behind.start()
        self.assertFalse(self.could_tell(self.behind))

    def test_what_is_made_good(self) -> None:
        """A copy that lacks nothing may vote."""
        self.go_back(Longest(1))
        durable, copies = self.leader.disk.durable, self.world.old_copies._forgotten
        copies[self.leader.number] = Forgotten(durable.last(), durable.hard_state, {})
        self.leader.start()
        self.pass_time(0.1)
        self.assertEqual(copies, {})
