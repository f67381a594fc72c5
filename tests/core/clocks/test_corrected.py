from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.corrected import CorrectedClock
from bulletin.core.clocks.instant import Instant


class CorrectedClockTests(SynchronousTestCase):
    def test_follows_the_machine(self) -> None:
        clock = CorrectedClock(Instant(10.0, 1000.0))
        self.assertEqual(clock.read(Instant(12.0, 1002.0)), 1002.0)
        self.assertEqual(clock.read(Instant(13.0, 900.0)), 900.0)

    def test_offset_is_added(self) -> None:
        self.assertEqual(CorrectedClock(Instant(0.0, 0.0), offset=-2.5).read(Instant(4.0, 100.0)), 97.5)

    def test_drift_grows_with_the_monotonic_clock(self) -> None:
        clock = CorrectedClock(Instant(10.0, 1000.0), drift_ppm=500.0)
        self.assertEqual(clock.read(Instant(10.0, 1000.0)), 1000.0)
        self.assertAlmostEqual(clock.read(Instant(1010.0, 2000.0)), 2000.5)

    def test_a_clock_that_was_never_synchronised_knows_no_bound(self) -> None:
        self.assertIsNone(CorrectedClock(Instant(0.0, 0.0)).bound(Instant(1.0, 1.0)))
