"""Roles that come back other than they went."""

from pathlib import Path
from random import Random
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.faults.changes import Clock, Forget, Move
from tests.torture.roles import Role


class ChangesTests(SynchronousTestCase):
    def setUp(self):
        self.folder = Path(self.mktemp())
        (self.folder / "reference").mkdir(parents=True)
        (self.folder / "reference" / "ranks").write_bytes(b"all that it knew")
        self.server = Role("server1", self.folder)
        self.server.command = ["twistd", "--listen", "tcp://127.0.0.1:10006", "--expect", "3"]
        self.reference = Role("reference", self.folder)
        board = SimpleNamespace(
            servers=[self.server], reference=self.reference, base=10_000, folder=self.folder
        )
        self.scene = SimpleNamespace(board=board, held=set(), say=lambda _: None, copy=lambda _: None)

    def over(self, kind, role, seed=1):
        fault = kind(self.scene, Random(seed), (role,))
        fault.begin()
        self.assertEqual((role.alive, self.scene.held), (False, {role.name}))
        fault.end()
        self.assertEqual((role.alive, self.scene.held), (True, set()))
        self.assertTrue(fault.over())

    def listens(self):
        return self.server.command[2]

    def test_a_server_moves_to_its_other_port_and_back(self):
        self.over(Move, self.server)
        self.assertEqual(self.listens(), "tcp://127.0.0.1:10013")
        self.over(Move, self.server)
        self.assertEqual(self.listens(), "tcp://127.0.0.1:10006")

    def test_a_server_gets_another_clock_each_time(self):
        before = list(self.server.command)
        seen = set()
        for seed in range(10):
            self.over(Clock, self.server, seed)
            self.assertEqual(self.server.command[:5], before)
            self.assertEqual(self.server.command[5::2], ["--clock-offset", "--clock-drift"])
            seen.add(tuple(self.server.command[6::2]))
        self.assertGreater(len(seen), 3)

    def test_the_reference_forgets(self):
        self.assertEqual(
            Forget.pick(self.scene, Random(1), [self.reference, self.server], 0), (self.reference,)
        )
        self.assertIsNone(Forget.pick(self.scene, Random(1), [self.server], 1))
        self.over(Forget, self.reference)
        self.assertFalse((self.folder / "reference").exists())
