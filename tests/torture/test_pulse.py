"""A machine that stands still is noticed."""

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.pulse import AFTERMATH_SECONDS, BEAT_SECONDS, Pulse


class PulseTests(SynchronousTestCase):
    def test_beats_that_are_late(self):
        clock = Clock()
        pulse = Pulse(Path(self.mktemp()), clock.seconds)
        began = 0.0
        for took in (0.25, 0.3, 1.2, 3.25, 0.25):
            clock.advance(took)
            began = pulse.beat(began)
            self.assertEqual(began, clock.seconds())
        self.assertEqual(pulse.late, [(1.75, 5.0 + AFTERMATH_SECONDS)])
        self.assertAlmostEqual(pulse.slowest, 3.25 - BEAT_SECONDS)
        for begin, end, lost in (
            (0.0, 0.2, 0.0),
            (0.0, 0.5, 0.05),
            (0.5, 2.0, 0.05 + 0.95 + 3.0),
            (4.9, 9.0, 3.0),
            (5.0, 9.0, 0.0),
        ):
            self.assertAlmostEqual(pulse.lost(begin, end), lost, msg=str((begin, end)))

    def test_its_file_is_its_own(self):
        path = Path(self.mktemp())
        pulse = Pulse(path)
        pulse.start()
        pulse.stop.set()
        pulse.join(30)
        self.assertFalse(pulse.is_alive() or path.exists())
