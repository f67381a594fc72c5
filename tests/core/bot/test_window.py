"""The window: it opens slowly and closes fast."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.bot.window import CUT, SLOW, WINDOW_FIRST, WINDOW_MAX, WINDOW_MIN, Window


class WindowTests(SynchronousTestCase):
    def test_grows_by_one_for_each_windowful(self):
        window = Window()
        for _ in range(WINDOW_FIRST + 1):
            window.told(0.1, 0.0, answered=True)
        self.assertEqual(window.size, WINDOW_FIRST + 1)

    def test_halved_by_one_that_is_late(self):
        """Refused for now, unanswered, or answered so late that it was sent twice: once for all that were late together."""
        for seconds, answered in ((0.1, False), (SLOW + 0.1, True), (5.0, False)):
            window = Window()
            for _ in range(20):
                window.told(seconds, 10.0, answered=answered)
            self.assertEqual(window.size, WINDOW_FIRST // 2)
            window.told(seconds, 10.0 + CUT, answered=answered)
            self.assertEqual(window.size, WINDOW_FIRST // 4)

    @settings(deadline=None, derandomize=True, max_examples=50)
    @given(st.lists(st.tuples(st.integers(1, 2000), st.booleans()), max_size=20))
    def test_bounds(self, runs):
        window, now = Window(), 0.0
        for count, answered in runs:
            for _ in range(count):
                now += 1.0
                window.told(0.0, now, answered=answered)
                self.assertTrue(WINDOW_MIN <= window.size <= WINDOW_MAX)
