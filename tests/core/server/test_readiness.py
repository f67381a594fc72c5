from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.port import BarrierFailed, BarrierPassed, position_of
from bulletin.core.server.readiness import ALONE, Readiness
from tests.core.server.fakes import Log, at


class ReadinessTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log = Log()
        self.readiness = Readiness(self.log, count(7), at(0.0))

    def test_settled_once_everything_from_before_is_applied(self) -> None:
        self.readiness.advance(3, at(0.1), led=False)
        self.assertEqual(self.log.barriers, [])
        self.readiness.advance(3, at(0.2), led=True)
        self.readiness.advance(3, at(0.3), led=True)
        ((token, _),) = self.log.barriers
        self.assertFalse(self.readiness.passed(BarrierPassed(token + 1, 0)))
        self.assertTrue(self.readiness.passed(BarrierPassed(token, position_of(5, 1))))
        self.readiness.advance(4, at(10.0), led=True)
        self.assertFalse(self.readiness.settled)
        self.readiness.advance(5, at(10.0), led=False)
        self.assertTrue(self.readiness.settled)

    def test_a_failed_barrier_is_asked_for_again(self) -> None:
        self.readiness.advance(3, at(0.2), led=True)
        self.assertFalse(self.readiness.failed(BarrierFailed(99)))
        self.assertTrue(self.readiness.failed(BarrierFailed(7)))
        self.readiness.advance(3, at(0.3), led=True)
        self.assertEqual([token for token, _ in self.log.barriers], [7, 8])

    def test_settled_alone_after_a_while_and_for_good(self) -> None:
        self.readiness.advance(3, at(1.0), led=True)
        self.readiness.advance(3, at(1.0 + ALONE - 0.1), led=False)
        self.assertFalse(self.readiness.settled)
        self.readiness.advance(3, at(1.0 + ALONE), led=False)
        self.assertTrue(self.readiness.settled)
        self.readiness.advance(3, at(9.0), led=True)
        self.assertTrue(self.readiness.settled)
