"""What a board in trouble answers too late, or not at all, is noted."""

from types import SimpleNamespace
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.faults import probe
from bulletin.torture.faults.probe import Probe
from bulletin.torture.record import UNANSWERED, Late

REFUSED = {"status": "erro", "erro": "sem_lider", "definitivo": True}


class ProbeTests(SynchronousTestCase):
    def setUp(self):
        board = SimpleNamespace(broker_endpoint="tcp://127.0.0.1:1")
        self.scene = SimpleNamespace(board=board, broken=[], late=[])
        self.clock = Clock()
        self.patch(probe, "monotonic", self.clock.seconds)

    def ask(self, seconds, reply, ask=Probe.write):
        def call(caller, operation, fields, patience):
            self.clock.advance(seconds)
            return reply

        with mock.patch.object(probe.Caller, "call", call), Probe(self.scene) as one:
            return ask(one)

    def test_in_time(self):
        self.assertEqual(self.ask(4.9, REFUSED), "sem_lider")
        self.ask(0.1, {"status": "sucesso"}, Probe.read)
        self.assertEqual((self.scene.broken, self.scene.late), ([], []))

    def test_too_late(self):
        self.assertEqual(self.ask(5.5, REFUSED), "sem_lider")
        what = "a probe, 'cadastrar canal',"
        self.assertEqual(self.scene.late, [Late(what, 0.0, 5.5, "sem_lider", repeats=False)])
        self.assertEqual(self.scene.broken, [])

    def test_not_at_all(self):
        self.assertEqual(self.ask(8.0, None), UNANSWERED)
        self.assertEqual(self.scene.broken, ["'cadastrar canal' was not answered within 8.00 s"])

    def test_a_local_read_that_is_refused(self):
        self.ask(0.1, REFUSED, Probe.read)
        self.assertIn("a local read was not answered", self.scene.broken[0])
