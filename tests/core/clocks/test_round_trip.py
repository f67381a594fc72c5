from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.round_trip import PROBE_PATIENCE, PROBES, ROUND_TRIP_MAX, Probing, RoundTrip


class RoundTripTests(SynchronousTestCase):
    def test_the_middle_give_or_take_half(self):
        trip = RoundTrip(1, 100.0, 100.02, 105.01)
        self.assertAlmostEqual(trip.offset, 5.0)
        self.assertAlmostEqual(trip.error, 0.01, 5)

    @settings(deadline=None, max_examples=100, derandomize=True)
    @given(st.floats(0, 0.2), st.floats(0, 0.2), st.floats(-1e4, 1e4))
    def test_the_true_offset_is_within_the_error_whatever_the_delays(self, there, back, offset):
        sent = 1.7e9
        trip = RoundTrip(1, sent, sent + there + back, sent + there + offset)
        self.assertLessEqual(abs(trip.offset - offset), trip.error)


class ProbingTests(SynchronousTestCase):
    def setUp(self):
        self.probing = Probing()

    def trip(self, sent, received, reading=0.0):
        number = self.probing.send(sent)
        return self.probing.answered(number, reading, received)

    def test_one_after_the_other(self):
        self.assertTrue(self.probing.due)
        self.assertEqual(self.probing.send(0.0), 1)
        self.assertFalse(self.probing.due)
        self.assertTrue(self.probing.answered(1, 0.0, 0.01))
        self.assertEqual(self.probing.send(0.01), 2)

    def test_the_shortest_counts(self):
        for sent, received in ((0.0, 0.02), (0.1, 0.105), (0.2, 0.21)):
            self.assertTrue(self.trip(sent, received))
        self.assertEqual(self.probing.best.number, 2)

    def test_after_so_many_it_is_done(self):
        for number in range(PROBES):
            self.assertFalse(self.probing.done)
            self.trip(number, number + 0.001)
        self.assertTrue(self.probing.done)
        self.assertFalse(self.probing.due)

    def test_answers_that_nobody_waits_for(self):
        self.assertFalse(self.probing.answered(1, 0.0, 0.0))
        self.probing.send(0.0)
        for number in (0, -1, 2, 10**9):
            self.assertFalse(self.probing.answered(number, 0.0, 0.0))
        self.assertTrue(self.probing.answered(1, 0.0, 0.0))
        self.assertFalse(self.probing.answered(1, 0.0, 0.0))
        self.assertEqual(self.probing.best, RoundTrip(1, 0.0, 0.0, 0.0))

    def test_a_lost_probe_is_followed_by_the_next(self):
        self.probing.send(0.0)
        self.probing.give_up(PROBE_PATIENCE - 0.01)
        self.assertFalse(self.probing.due)
        self.probing.give_up(PROBE_PATIENCE)
        self.assertTrue(self.probing.due)
        self.assertFalse(self.probing.late)

    def test_an_answer_after_that_is_late(self):
        self.probing.send(0.0)
        self.probing.give_up(PROBE_PATIENCE)
        self.probing.send(0.3)
        self.assertFalse(self.probing.answered(1, 0.0, 0.31))
        self.assertTrue(self.probing.late)
        self.assertIsNone(self.probing.best)

    def test_a_trip_that_takes_too_long_says_nothing(self):
        self.assertTrue(self.trip(0.0, ROUND_TRIP_MAX + 0.001))
        self.assertTrue(self.probing.late)
        self.assertIsNone(self.probing.best)
