from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.berkeley import GAMMA, Reading, fault_tolerant_average


def average(own_settled=True, /, **offsets):
    """Of the coordinator's own clock and others, which are settled unless their name begins with ``new``."""
    others = [Reading(name, offset, not name.startswith("new")) for name, offset in offsets.items()]
    return fault_tolerant_average([Reading(None, 0.0, own_settled), *others])


class AverageTests(SynchronousTestCase):
    def test_alone(self):
        alone = average()
        self.assertEqual((alone.offset, alone.counted, alone.spread), (0.0, frozenset({None}), 0.0))

    def test_its_own_clock_counts(self):
        self.assertAlmostEqual(average(a=0.03, b=0.06).offset, 0.03)
        self.assertAlmostEqual(average(a=0.03, b=0.06).spread, 0.06)

    def test_an_hour_moves_nobody(self):
        for lie in (3600.0, -3600.0, 1e11):
            found = average(a=0.01, b=-0.01, liar=lie)
            self.assertAlmostEqual(found.offset, 0.0)
            self.assertEqual(found.counted, {None, "a", "b"})

    def test_the_coordinator_may_be_the_one_that_is_wrong(self):
        found = average(a=5.0, b=5.02, c=4.98)
        self.assertAlmostEqual(found.offset, 5.0)
        self.assertNotIn(None, found.counted)

    def test_the_first_start_of_three_wrong_clocks(self):
        found = average(False, newa=5.0, newb=0.0, newc=-3.0)
        self.assertEqual((found.offset, found.counted), (0.0, {None, "newb"}))

    def test_of_equal_sets_the_coordinators_counts(self):
        self.assertEqual(average(a=9.0).offset, 0.0)
        self.assertEqual(average(a=-9.0).offset, 0.0)
        self.assertEqual(average(a=0.01, b=-9.0, c=-9.01).counted, {None, "a"})

    def test_but_one_that_has_just_started_follows_the_board_that_runs(self):
        self.assertAlmostEqual(average(False, a=9.0, b=9.02, newc=0.01).offset, 9.01)
        self.assertEqual(average(False, newa=9.0, newb=9.0, newc=0.0).offset, 0.0)

    def test_not_on_the_word_of_a_single_clock(self):
        self.assertEqual(average(False, liar=3600.0, newa=5.0, newb=-3.0).offset, 0.0)
        self.assertEqual(average(False, liar=3600.0).offset, 0.0)

    def test_newcomers_do_not_move_it(self):
        self.assertAlmostEqual(average(a=0.02, newb=0.09).offset, 0.01)
        self.assertAlmostEqual(average(False, a=0.05, b=0.05).offset, 0.05)
        self.assertAlmostEqual(average(False, newa=0.05).offset, 0.025)
        self.assertEqual(average(a=0.02, newb=0.09).counted, {None, "a", "newb"})

    def test_one_that_lies_a_little_does_not_move_the_middle(self):
        found = average(False, a=0.001, b=0.002, c=0.003, liar=0.09)
        self.assertAlmostEqual(found.middle, 0.0025)
        self.assertAlmostEqual(average(False, a=5.0, b=5.002, c=5.003).middle, 5.002)

    def test_gamma_is_the_largest_difference(self):
        self.assertEqual(average(a=GAMMA).counted, {None, "a"})
        self.assertEqual(average(a=GAMMA + 1e-9).counted, {None})

    def test_a_chain_is_no_set(self):
        found = average(a=0.08, b=0.16, c=0.17)
        self.assertEqual(found.counted, {"a", "b", "c"})

    def test_nobody(self):
        self.assertRaises(ValueError, fault_tolerant_average, [])

    @settings(deadline=None, max_examples=200, derandomize=True)
    @given(st.lists(st.floats(-0.3, 0.3), max_size=9), st.randoms(use_true_random=False))
    def test_it_is_the_largest_set_in_any_order(self, offsets, rng):
        readings = [Reading(None, 0.0, True)]
        readings += [Reading(f"s{number}", offset, True) for number, offset in enumerate(offsets)]
        found = fault_tolerant_average(readings)
        rng.shuffle(readings)
        self.assertEqual(fault_tolerant_average(readings), found)
        counted = [reading.offset for reading in readings if reading.name in found.counted]
        self.assertLessEqual(max(counted) - min(counted), GAMMA)
        self.assertTrue(min(counted) - 1e-12 <= found.offset <= max(counted) + 1e-12)
        for lowest in [reading.offset for reading in readings]:
            others = [reading for reading in readings if 0 <= reading.offset - lowest <= GAMMA]
            self.assertLessEqual(len(others), len(counted))

    @settings(deadline=None, max_examples=100, derandomize=True)
    @given(st.lists(st.floats(-0.05, 0.05), min_size=2, max_size=6), st.floats(0.2, 1e11), st.booleans())
    def test_no_single_liar_moves_anybody(self, honest, lie, ahead):
        readings = [Reading(None, 0.0, True)]
        readings += [Reading(f"s{number}", offset, True) for number, offset in enumerate(honest)]
        liar = Reading("liar", lie if ahead else -lie, True)
        self.assertEqual(
            fault_tolerant_average([*readings, liar]).offset, fault_tolerant_average(readings).offset
        )
