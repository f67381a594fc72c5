"""Faults come several at a time, never more than the board is said to stand, and nothing that goes wrong goes unnoticed."""

import re
from pathlib import Path
from types import SimpleNamespace

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.faults.fault import Fault
from bulletin.torture.storm import RECOVERY_SECONDS, Storm
from tests.torture.roles import Role


class Shake(Fault):
    kind = "shake"
    seconds = (1.0, 5.0)
    begun = 0

    def begin(self):
        type(self).begun += 1
        for role in self.claims:
            role.ready = False

    def end(self):
        for role in self.claims:
            role.ready = True


class Quake(Shake):
    kind = "quake"
    alone = True
    excuses = delays = True

    @classmethod
    def pick(cls, scene, rng, free, budget):
        assert len(free) == len(scene.board.roles)
        return tuple(free)


class Noise(Shake):
    kind = "noise"
    excuses = True


class Spoil(Shake):
    kind = "spoil"

    def end(self):
        """It never recovers."""


class StormTests(SynchronousTestCase):
    def setUp(self):
        folder = Path(self.mktemp())
        folder.mkdir()
        self.servers = [Role(f"server{number}", folder) for number in range(1, 6)]
        roles = [*self.servers, Role("broker", folder)]
        board = SimpleNamespace(servers=self.servers, roles=roles, leader=lambda: self.servers[0])
        self.said = []
        self.scene = SimpleNamespace(
            board=board, say=self.said.append, broken=[], held=set(), may_end={}, copies={}
        )
        self.clock = Clock()

    def storm(self, *kinds, seed=1):
        return Storm(self.scene, {kind.kind: kind for kind in kinds}, seed, self.clock.seconds)

    def go(self, storm, seconds, *, more=True, each=lambda: None):
        for _ in range(int(seconds * 10)):
            storm.step(more=more)
            each()
            self.clock.advance(0.1)

    def broken(self):
        return sum(not server.ready for server in self.servers)

    def test_never_more_than_a_minority_at_once(self):
        storm, seen = self.storm(Shake), set()
        self.go(storm, 300, each=lambda: seen.add(self.broken()))
        self.assertEqual(max(seen), 2)
        self.assertGreater(storm.counts["shake"], 50)
        self.assertEqual((storm.together, self.scene.broken), (2, []))

    def test_a_fault_that_is_alone_waits_until_all_are_whole(self):
        storm, seen = self.storm(Shake, Quake), set()
        self.go(storm, 300, each=lambda: seen.add(self.broken()))
        self.assertEqual(seen, {0, 1, 2, 5})
        self.assertGreater(min(storm.counts.values()), 10)
        self.assertEqual(len(storm.excused), storm.counts["quake"] - (not storm.calm and self.broken() == 5))

    def test_what_keeps_answers_from_clients_is_noted(self):
        storm = self.storm(Shake, Quake)
        self.go(storm, 100)
        self.assertGreater(len(storm.delayed), 5)
        self.assertEqual(storm.delayed, storm.excused)
        storm = self.storm(Shake, Noise)
        self.go(storm, 100)
        self.assertGreater(len(storm.excused), 5)
        self.assertEqual(storm.delayed, [])

    def test_the_same_seed_brings_the_same(self):
        told = []
        for _ in range(2):
            self.setUp()
            self.go(self.storm(Shake, Quake, seed=9), 100)
            told.append(self.said)
        self.assertEqual(*told)
        self.setUp()
        self.go(self.storm(Shake, Quake, seed=10), 100)
        self.assertNotEqual(told[0], self.said)

    def test_when_no_more_may_begin_those_under_way_end(self):
        storm = self.storm(Shake)
        self.go(storm, 20)
        self.go(storm, 0.5, more=False)
        self.assertTrue(storm.calm)
        self.assertEqual(self.broken(), 0)

    def test_a_server_that_does_not_recover_is_a_broken_promise(self):
        storm = self.storm(Spoil)
        self.go(storm, RECOVERY_SECONDS - 1)
        self.assertEqual(self.scene.broken, [])
        self.go(storm, 10)
        self.assertIn("all was not well within 90 s: server", self.scene.broken[0])
        self.assertIn("Not yet.", self.scene.broken[0])
        self.assertTrue(storm.stuck)

    def test_a_role_that_ends_by_itself_is_a_broken_promise_and_is_started_again(self):
        storm = self.storm(Shake)
        self.servers[2].end(1, "server: it is broken.")
        storm.step(more=False)
        self.assertEqual(self.scene.broken, ["server3 ended by itself with status 1: server: it is broken."])
        self.assertFalse(storm.calm)
        self.go(storm, 2, more=False)
        self.assertTrue(self.servers[2].alive)
        self.assertTrue(storm.calm)

    def test_a_role_that_may_end_with_such_words_is_only_started_again(self):
        self.scene.may_end["server3"] = re.compile("sync failed")
        storm = self.storm(Shake)
        self.servers[2].end(1, "server: a sync failed.")
        self.go(storm, 2, more=False)
        self.assertEqual((self.scene.broken, self.servers[2].alive, storm.spontaneous), ([], True, 1))
        self.assertEqual(len(storm.excused), 1)  # others may have been broken already
        self.servers[2].end(-11, "server: a sync failed.")
        storm.step(more=False)
        self.assertIn("status -11", self.scene.broken[0])

    def test_a_role_that_a_fault_holds_stays_down(self):
        self.scene.held.add("server3")
        storm = self.storm(Shake)
        self.servers[2].end(-9, "")
        self.go(storm, 5, more=False)
        self.assertEqual((self.scene.broken, self.servers[2].alive), ([], False))
