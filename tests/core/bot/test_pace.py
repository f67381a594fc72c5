"""The schedule: even, and never many at once."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.bot.pace import BURST_SECONDS, Pace


class PaceTests(SynchronousTestCase):
    def test_even(self):
        """One at once, then one each time its moment comes."""
        pace = Pace(20, 100.0)
        taken = [pace.take(10, 100.0 + tick / 40) for tick in range(9)]
        self.assertEqual(taken, [1, 0, 1, 0, 1, 0, 1, 0, 1])

    def test_late_ticks_cost_nothing(self):
        """What is due between two ticks is made up for."""
        pace = Pace(20, 0.0)
        self.assertEqual(sum(pace.take(100, tick * 0.2) for tick in range(51)), 201)

    def test_after_a_pause(self):
        """A pause is made up for as far back as the bound, and not further."""
        pace = Pace(20, 0.0)
        pace.take(1, 0.0)
        self.assertEqual(pace.take(100, 60.0), 1 + 20 * BURST_SECONDS)
        self.assertEqual(pace.take(100, 60.01), 0)

    def test_no_room(self):
        """What cannot be taken is not owed for ever."""
        pace = Pace(20, 0.0)
        for tick in range(400):
            self.assertEqual(pace.take(0, tick / 40), 0)
        self.assertLessEqual(pace.take(100, 10.0), 1 + 20 * BURST_SECONDS)

    def test_slow(self):
        pace = Pace(0.1, 0.0)
        moments = [tick for tick in range(100) if pace.take(10, float(tick))]
        self.assertEqual(moments[0], 0)
        self.assertEqual(len(moments), 10)

    def test_never(self):
        pace = Pace(0.0, 0.0)
        self.assertEqual([pace.take(10, float(tick)) for tick in range(100)], [0] * 100)

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(
        st.floats(0.01, 1000),
        st.lists(st.tuples(st.floats(0, 5), st.integers(0, 2000)), max_size=50),
    )
    def test_bound(self, rate, steps):
        """In any stretch no more than the documented number, whatever the ticks and the room were."""
        pace = Pace(rate, 0.0)
        now, taken = 0.0, []
        for seconds, room in steps:
            now += seconds
            count = pace.take(room, now)
            self.assertLessEqual(count, room)
            taken.append((now, count))
        for begin, (start, _) in enumerate(taken):
            total = 0
            for end, count in taken[begin:]:
                total += count
                self.assertLessEqual(total, rate * (end - start + BURST_SECONDS) + 1 + 1e-6)
