from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.instant import Instant
from bulletin.core.reference.liveness import Liveness, Registration
from bulletin.core.wire.reference import SILENCE

MEMBER = bytes(16)


def at(seconds):
    return Instant(seconds, 0.0)


def registration(name="a", heard=0.0, member=MEMBER):
    return Registration(name, "tcp://a:1", member, 3, empty=True, heard=heard)


class LivenessTests(SynchronousTestCase):
    def setUp(self):
        self.liveness = Liveness()
        self.liveness.register(registration())

    def alive(self, seconds):
        return [entry.name for entry in self.liveness.alive(at(seconds))]

    def test_three_intervals_of_silence_and_no_longer(self):
        self.assertEqual(self.alive(SILENCE - 0.01), ["a"])
        self.assertEqual(self.alive(SILENCE), [])

    def test_a_heartbeat_brings_it_back(self):
        self.assertTrue(self.liveness.beat("a", MEMBER, empty=False, now=at(10)))
        self.assertEqual(self.alive(12), ["a"])
        self.assertFalse(self.liveness.get("a").empty)

    def test_a_heartbeat_of_another_disk_is_unknown(self):
        self.assertFalse(self.liveness.beat("a", b"another".ljust(16), empty=True, now=at(10)))
        self.assertFalse(self.liveness.beat("b", MEMBER, empty=True, now=at(10)))
        self.assertEqual(self.alive(10), [])

    def test_forgotten_is_unknown(self):
        self.liveness.forget("a")
        self.liveness.forget("a")
        self.assertFalse(self.liveness.beat("a", MEMBER, empty=True, now=at(0)))

    def test_changes_are_told_once(self):
        self.liveness.register(registration("b", heard=1.0))
        self.assertEqual(self.liveness.changes(at(2)), ([], []))
        self.assertEqual(self.liveness.changes(at(3.5)), ([], ["a"]))
        self.assertEqual(self.liveness.changes(at(3.6)), ([], []))
        self.liveness.beat("a", MEMBER, empty=True, now=at(4))
        self.assertEqual(self.liveness.changes(at(4.1)), (["a"], ["b"]))
