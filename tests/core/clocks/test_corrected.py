from math import isfinite

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.corrected import (
    DRIFT_BOUND,
    FREE_AFTER,
    RATE_MAX,
    SECONDS_MAX,
    SLEPT_MIN,
    SLEW,
    CorrectedClock,
    Measured,
    State,
)
from bulletin.core.clocks.instant import Instant

WALL = 1.7e9


def at(seconds, wall=None):
    return Instant(seconds, WALL + seconds if wall is None else wall)


def adjust(clock, seconds, difference, error=0.0001, source=0):
    """The board's time is ahead of what the clock shows."""
    now = at(seconds)
    return clock.adjust(Measured(seconds, clock.read(now) + difference, error, source), now)


class MachineTests(SynchronousTestCase):
    def test_follows_the_monotonic_clock_from_the_wall_clock_at_the_start(self):
        clock = CorrectedClock(Instant(10.0, 1000.0))
        self.assertEqual(clock.read(Instant(10.0, 1000.0)), 1000.0)
        self.assertEqual(clock.read(Instant(12.0, 1002.0)), 1002.0)

    def test_nobody_who_sets_the_wall_clock_moves_it(self):
        clock = CorrectedClock(Instant(10.0, 1000.0))
        self.assertEqual(clock.read(Instant(13.0, 900.0)), 1003.0)
        self.assertEqual(clock.read(Instant(14.0, 9000.0)), 1004.0)

    def test_offset_is_added(self):
        clock = CorrectedClock(Instant(0.0, 100.0), offset=-2.5)
        self.assertEqual(clock.read(Instant(4.0, 104.0)), 101.5)
        self.assertEqual(clock.correction(Instant(4.0, 104.0)), -2.5)

    def test_drift_grows_with_the_monotonic_clock(self):
        clock = CorrectedClock(Instant(10.0, 1000.0), drift_ppm=500.0)
        self.assertEqual(clock.read(Instant(10.0, 1000.0)), 1000.0)
        self.assertAlmostEqual(clock.read(Instant(1010.0, 2000.0)), 2000.5)

    def test_a_clock_that_was_never_synchronised_knows_no_bound(self):
        clock = CorrectedClock(at(0.0))
        self.assertIsNone(clock.bound(at(1.0)))
        self.assertIs(clock.state(at(1e6)), State.NEVER)

    def test_not_even_a_machine_that_goes_backwards_makes_it_go_back(self):
        clock = CorrectedClock(at(0.0), drift_ppm=-1e9)
        adjust(clock, 0.0, 0.0)
        adjust(clock, 1.0, -5.0)
        self.assertGreater(clock.read(at(2.0)), clock.read(at(1.0)))


class AdjustmentTests(SynchronousTestCase):
    def setUp(self):
        self.clock = CorrectedClock(at(0.0))
        adjust(self.clock, 0.0, 0.0)

    def test_the_first_is_a_jump(self):
        clock = CorrectedClock(at(0.0), offset=5.0)
        self.assertTrue(adjust(clock, 1.0, -5.0))
        self.assertAlmostEqual(clock.correction(at(1.0)), 0.0)
        self.assertEqual((clock.steps, clock.left(at(1.0))), (1, 0.0))
        self.assertAlmostEqual(clock.stepped, -5.0, 6)

    def test_not_once_people_have_seen_its_times(self):
        clock = CorrectedClock(at(0.0), offset=5.0)
        clock.fix()
        adjust(clock, 1.0, -5.0)
        self.assertEqual(clock.steps, 0)
        self.assertAlmostEqual(clock.read(at(1.0)), WALL + 6.0)
        self.assertAlmostEqual(clock.left(at(1.0)), -5.0, 5)

    def test_the_next_is_slewed_and_what_is_left_is_seen(self):
        adjust(self.clock, 10.0, 0.05)
        self.assertAlmostEqual(self.clock.correction(at(10.0)), 0.0, 6)
        self.assertAlmostEqual(self.clock.left(at(10.0)), 0.05, 6)
        self.assertAlmostEqual(self.clock.correction(at(11.0)), SLEW, 6)
        self.assertAlmostEqual(self.clock.left(at(11.0)), 0.05 - SLEW, 6)
        self.assertAlmostEqual(self.clock.correction(at(16.0)), 0.05, 6)
        self.assertEqual(self.clock.left(at(16.0)), 0.0)

    def test_backwards_it_runs_slower(self):
        adjust(self.clock, 10.0, -0.05)
        self.assertAlmostEqual(self.clock.read(at(11.0)) - self.clock.read(at(10.0)), 1.0 - SLEW, 6)
        self.assertAlmostEqual(self.clock.correction(at(20.0)), -0.05, 6)

    def test_one_that_comes_late_says_the_same(self):
        now = at(10.0)
        found = Measured(10.0, self.clock.read(now) + 0.05, 0.0001)
        self.clock.adjust(found, at(10.7))
        self.assertAlmostEqual(self.clock.left(at(10.7)), 0.05, 5)

    def test_the_bound_is_error_and_age_and_what_is_left(self):
        adjust(self.clock, 10.0, 0.05, error=0.003)
        self.assertAlmostEqual(self.clock.bound(at(10.0)), 0.003 + 0.05, 5)
        self.assertAlmostEqual(self.clock.bound(at(12.0)), 0.003 + 2 * DRIFT_BOUND + 0.05 - 2 * SLEW, 5)
        self.assertAlmostEqual(self.clock.bound(at(110.0)), 0.003 + 100 * DRIFT_BOUND, 5)

    def test_a_poor_measurement_does_not_spoil_a_good_one(self):
        before = self.clock.bound(at(2.0))
        self.assertFalse(adjust(self.clock, 2.0, 0.015, error=0.02))
        self.assertEqual(self.clock.bound(at(2.0)), before)
        self.assertEqual(self.clock.left(at(2.0)), 0.0)

    def test_unless_the_two_cannot_both_be_true(self):
        self.assertTrue(adjust(self.clock, 2.0, 0.025, error=0.02))

    def test_or_the_good_one_has_grown_old(self):
        self.assertFalse(adjust(self.clock, 38.0, 0.015, error=0.02))
        self.assertTrue(adjust(self.clock, 41.0, 0.015, error=0.02))

    def test_or_comes_from_another_start_of_the_reference(self):
        self.assertTrue(adjust(self.clock, 2.0, 0.015, error=0.02, source=1))

    def test_states(self):
        self.assertIs(self.clock.state(at(FREE_AFTER - 0.1)), State.IN_STEP)
        self.assertIs(self.clock.state(at(FREE_AFTER)), State.FREE)
        adjust(self.clock, 50.0, 0.0)
        self.assertIs(self.clock.state(at(50.0)), State.IN_STEP)

    def test_a_time_out_of_all_range_is_refused(self):
        for time in (float("nan"), float("inf"), 1e12):
            self.assertRaises(ValueError, self.clock.adjust, Measured(1.0, time, 0.0), at(1.0))
        self.assertRaises(ValueError, self.clock.adjust, Measured(1.0, WALL, float("nan")), at(1.0))
        self.assertEqual(self.clock.read(at(2.0)), WALL + 2.0)


class SleepTests(SynchronousTestCase):
    """The machine slept for an hour, and its monotonic clock with it."""

    def setUp(self):
        self.clock = CorrectedClock(at(0.0))
        adjust(self.clock, 0.0, 0.0)

    def adjust(self, difference, leap):
        now = Instant(10.0, WALL + 10.0 + leap)
        self.clock.adjust(Measured(10.0, self.clock.read(now) + difference, 0.001), now)
        return now

    def test_when_wall_clock_and_board_agree_it_catches_up_at_once(self):
        now = self.adjust(3600.0, 3600.2)
        self.assertAlmostEqual(self.clock.read(now), WALL + 3610.0)
        self.assertEqual(self.clock.steps, 2)
        self.assertEqual(self.clock.left(now), 0.0)

    def test_and_does_so_once(self):
        self.adjust(3600.0, 3600.2)
        later = Instant(20.0, WALL + 3620.2)
        self.clock.adjust(Measured(20.0, self.clock.read(later) + 7.0, 0.001), later)
        self.assertEqual(self.clock.steps, 2)

    def test_not_on_the_word_of_the_wall_clock_alone(self):
        now = self.adjust(0.0, 3600.0)
        self.assertAlmostEqual(self.clock.read(now), WALL + 10.0)

    def test_nor_of_the_board_alone(self):
        now = self.adjust(3600.0, 0.0)
        self.assertAlmostEqual(self.clock.read(now), WALL + 10.0)
        self.assertAlmostEqual(self.clock.left(now), 3600.0)

    def test_never_backwards(self):
        now = self.adjust(-3600.0, -3600.0)
        self.assertAlmostEqual(self.clock.read(now), WALL + 10.0)

    def test_small_leaps_are_slewed(self):
        now = self.adjust(SLEPT_MIN - 0.1, SLEPT_MIN - 0.1)
        self.assertAlmostEqual(self.clock.read(now), WALL + 10.0)


class RateTests(SynchronousTestCase):
    def run_rounds(self, drift_ppm, seconds, error=0.0001, noise=lambda number: 0.0, clock=None, begin=0.0):
        clock = clock or CorrectedClock(at(0.0), drift_ppm=drift_ppm)
        for number in range(int(seconds / 2)):
            now = at(begin + 2.0 * number)
            clock.adjust(Measured(now.monotonic, now.wall + noise(number), error), now)
        return clock

    def test_it_is_learnt(self):
        for ppm in (-200.0, 0.0, 137.0, 200.0):
            clock = self.run_rounds(ppm, 60)
            self.assertLess(abs(clock.rate * 1e6 + ppm), 0.1)

    def test_without_rounds_it_runs_on_at_that_rate(self):
        clock = self.run_rounds(200.0, 60)
        self.assertLess(abs(clock.correction(at(660.0))), 0.001)
        self.assertLess(abs(clock.correction(at(660.0))), clock.bound(at(660.0)))

    def test_noise_within_the_error_hardly_matters(self):
        clock = self.run_rounds(150.0, 120, error=0.001, noise=lambda number: (-1) ** number * 0.0009)
        self.assertLess(abs(clock.rate * 1e6 + 150.0), 60)

    def test_it_is_not_learnt_from_what_is_too_poor(self):
        clock = self.run_rounds(0.0, 120, error=0.1, noise=lambda number: (-1) ** number * 0.09)
        self.assertEqual(clock.rate, 0.0)

    def test_what_no_clock_does_is_not_learnt(self):
        clock = self.run_rounds(1e6 * RATE_MAX * 1.1, 60)
        self.assertEqual(clock.rate, 0.0)
        self.assertLess(abs(clock.correction(at(60.0))), 0.01)

    def test_it_follows_a_rate_that_changes(self):
        clock = self.run_rounds(0.0, 100)

        def warmer(number):
            return 100e-6 * 2.0 * number

        self.run_rounds(0.0, 200, noise=warmer, clock=clock, begin=100.0)
        self.assertLess(abs(clock.rate * 1e6 - 100.0), 1)

    def test_another_start_of_the_reference_begins_a_new_measurement(self):
        clock = self.run_rounds(0.0, 60)
        adjust(clock, 60.0, 0.02, source=1)
        adjust(clock, 68.0, 0.0, source=1)
        self.assertLess(abs(clock.rate), 1e-6)


class Properties(SynchronousTestCase):
    @settings(deadline=None, max_examples=200, derandomize=True)
    @given(
        st.floats(-500, 500),
        st.lists(
            st.tuples(
                st.sampled_from([0.0, 1e-9, 1e-7, 1e-3, 0.5, 3.0]),
                st.one_of(st.none(), st.floats(-10, 10), st.floats(-0.001, 0.001)),
            ),
            max_size=60,
        ),
    )
    def test_it_never_runs_backwards_nor_jumps_and_left_leads_where_it_says(self, drift, steps):
        clock = CorrectedClock(at(0.0), offset=3.0, drift_ppm=drift)
        adjust(clock, 0.0, -3.0)
        seconds, before = 0.0, clock.read(at(0.0))
        for wait, difference in steps:
            seconds += wait
            time = clock.read(at(seconds))
            self.assertGreaterEqual(time, before)
            self.assertLessEqual(time - before, wait * (1 + SLEW + 0.0011) + 1e-6)
            if difference is not None:
                adjust(clock, seconds, difference)
                self.assertEqual(clock.read(at(seconds)), time)
                self.assertLess(abs(clock.left(at(seconds))), 10.1)
            before = time
        left = clock.left(at(seconds))
        wait = 1100.0
        self.assertEqual(clock.left(at(seconds + wait)), 0.0)
        speed = (1 + drift * 1e-6) * (1 + clock.rate)
        self.assertAlmostEqual(clock.read(at(seconds + wait)) - before, wait * speed + left, 5)

    @settings(deadline=None, max_examples=200, derandomize=True)
    @given(
        st.floats(-200, 200),
        st.floats(-10, 10),
        st.lists(st.tuples(st.floats(0.5, 30), st.floats(1e-5, 0.1), st.floats(-1, 1)), max_size=40),
    )
    def test_the_bound_is_true(self, drift, offset, rounds):
        """The board's time is the wall clock; each round's error is anything that it may be."""
        clock = CorrectedClock(at(0.0), offset, drift)
        seconds = 0.0
        for wait, error, share in rounds:
            seconds += wait
            now = at(seconds)
            bound = clock.bound(now)
            if bound is not None:
                self.assertLessEqual(abs(clock.correction(now)), bound + 1e-6)
            clock.adjust(Measured(seconds, now.wall + share * error, error), now)
            self.assertLessEqual(abs(clock.correction(now)), clock.bound(now) + 1e-6)

    @settings(deadline=None, max_examples=300, derandomize=True)
    @given(
        st.floats(-500, 500),
        st.lists(
            st.tuples(
                st.sampled_from([0.0, 1e-9, 1e-6, 0.02, 1.0, 40.0, 1e5]),
                st.sampled_from([0.0, 0.0, 0.0, 3600.0, -3600.0, 1e9]),
                st.one_of(
                    st.none(),
                    st.floats(-1, 1),
                    st.floats(-1e5, 1e5),
                    st.floats(-SECONDS_MAX, SECONDS_MAX),
                    st.floats(),
                ),
                st.floats(-100.0, 0.0),
                st.one_of(st.floats(0, 0.01), st.floats(0, SECONDS_MAX), st.floats()),
                st.integers(0, 2),
            ),
            max_size=30,
        ),
    )
    def test_whatever_a_reference_says_it_never_runs_backwards(self, drift, steps):
        """Measurements that contradict each other, that are old, that are absurd, beside a wall clock that is set about."""
        clock = CorrectedClock(at(1000.0), offset=3.0, drift_ppm=drift)
        clock.fix()
        seconds, ahead, before = 1000.0, 0.0, clock.read(at(1000.0))
        for wait, leap, difference, age, error, source in steps:
            seconds, ahead = seconds + wait, ahead + leap
            now = Instant(seconds, WALL + seconds + ahead)
            if difference is not None:
                try:
                    clock.adjust(Measured(seconds + age, clock.read(now) + difference, error, source), now)
                except ValueError:
                    self.assertFalse(abs(clock.read(now) + difference) <= SECONDS_MAX and error >= 0.0)
            time, bound = clock.read(now), clock.bound(now)
            self.assertLessEqual(before, time)
            self.assertTrue(bound is None or bound >= 0.0)
            self.assertTrue(isfinite(time) and isfinite(clock.left(now)) and isfinite(clock.rate))
            before = time
