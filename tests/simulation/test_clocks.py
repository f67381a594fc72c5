"""A short share of the clocks' simulation, and faults planted in it that it must notice."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks import berkeley, corrected, round_trip
from bulletin.core.reference import rounds
from bulletin.simulation.clocks import World, campaign

SECONDS = 60.0


class ClockTests(SynchronousTestCase):
    def test_times_are_within_their_bounds_and_clocks_in_step(self):
        """If a seed fails: ``python -m bulletin.simulation.clocks --seeds N:N+1``."""
        worlds = list(campaign(range(4), 2 * SECONDS))
        self.assertTrue(any(world.options.lies for world in worlds))
        self.assertTrue(any(world.counts["outages"] for world in worlds))

    def test_the_same_seed_is_the_same_run(self):
        first, second = World(5, 40.0), World(5, 40.0)
        first.run()
        second.run()
        self.assertEqual(
            (first.counts, first.disagreement, first.time.events),
            (second.counts, second.disagreement, second.time.events),
        )


class PlantedTests(SynchronousTestCase):
    """Each fault is noticed by a seed that has what it takes, and that finds nothing without it."""

    def noticed(self, seed):
        try:
            World(seed, SECONDS).run()
        except AssertionError:
            return True
        return False

    def test_none(self):
        self.assertEqual([self.noticed(seed) for seed in (0, 1, 3, 13, 30)], 5 * [False])

    def test_drift_is_forgotten(self):
        self.patch(corrected, "DRIFT_BOUND", 0.0)
        self.assertTrue(self.noticed(1))

    def test_half_the_round_trip_is_forgotten(self):
        self.patch(round_trip.RoundTrip, "error", 0.0)
        self.assertTrue(self.noticed(0))

    def test_what_is_left_to_slew_is_forgotten(self):
        self.patch(corrected.CorrectedClock, "left", lambda clock, now: 0.0)
        self.assertTrue(self.noticed(30))

    def test_outliers_count(self):
        self.patch(
            rounds, "fault_tolerant_average", lambda readings: berkeley.fault_tolerant_average(readings, 1e12)
        )
        self.assertTrue(self.noticed(3))

    def test_the_board_may_go_at_any_speed(self):
        self.patch(rounds, "STEER", 0.01)
        self.assertTrue(self.noticed(13))

    def test_every_correction_is_a_jump(self):
        correct = corrected.CorrectedClock._correct

        def jump(clock, difference, now):
            clock._may_step = True
            return correct(clock, difference, now)

        self.patch(corrected.CorrectedClock, "_correct", jump)
        self.assertTrue(self.noticed(0))
