"""A server on a full disk has to say so, also one that is started on it."""

from pathlib import Path
from random import Random
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.faults import disks
from bulletin.torture.faults.disks import Full, says_full
from bulletin.torture.waiting import InVainError
from tests.torture.roles import Role

FULL = "The disk is full: free 18 MiB there."


class FullTests(SynchronousTestCase):
    def setUp(self):
        folder = Path(self.mktemp())
        folder.mkdir()
        self.server = Role("server1", folder)
        self.orders = folder / "orders"
        self.scene = SimpleNamespace(
            abilities=SimpleNamespace(mounts="no right", disk_orders=None),
            orders=lambda server: self.orders,
            broken=[],
            say=lambda line: None,
        )
        self.waited = []
        self.patch(disks, "until", self.until)

    def until(self, condition, what, patience):
        self.waited.append(patience)
        if not condition():
            raise InVainError(what)

    def struck(self, *, anew):
        fault = Full(self.scene, Random(1), (self.server,))
        fault._anew = anew
        fault.begin()
        self.assertEqual(self.orders.read_text(), "enospc")
        self.server.ready, self.server.says = False, FULL
        return fault

    def test_it_is_started_again_before_there_is_room_or_not(self):
        for anew in (False, True):
            server, fault = self.server, self.struck(anew=anew)
            server.start = lambda server=server: setattr(server, "alive", True)
            fault.end()
            self.assertEqual((self.orders.read_text(), self.scene.broken), ("ok", []))
            self.assertEqual(len(self.waited), anew)

    def test_one_that_takes_part_on_a_full_disk(self):
        self.struck(anew=True).end()  # a role is ready once it is started
        self.assertEqual(self.scene.broken, ["server1, started on a full disk, does not say so: 200 Ready."])

    def test_one_that_has_not_noticed_is_left_alone(self):
        fault = self.struck(anew=True)
        self.server.ready = True
        self.assertFalse(says_full(self.server))
        fault.end()
        self.assertEqual((self.server.starts, self.scene.broken), (0, []))

    def test_some_are_started_again(self):
        drawn = {Full(self.scene, Random(seed), (self.server,))._anew for seed in range(20)}
        self.assertEqual(drawn, {False, True})
        majority = {disks.FullMajority(self.scene, Random(seed), ())._anew for seed in range(20)}
        self.assertEqual(majority, {False})
