"""The logical clock."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.limits import CLOCK_JUMP_MAX, CLOCK_MAX


class Lamport(SynchronousTestCase):
    def test_begins_at_zero_or_where_it_is_told(self):
        self.assertEqual(LamportClock().value, 0)
        self.assertEqual(LamportClock(41).tick(), 42)

    def test_each_send_is_one_more(self):
        clock = LamportClock()
        self.assertEqual([clock.tick(), clock.tick(), clock.value], [1, 2, 2])

    def test_receive_takes_the_maximum(self):
        clock = LamportClock(10)
        clock.receive(7)
        self.assertEqual(clock.value, 10)
        clock.receive(10)
        self.assertEqual(clock.value, 10)
        clock.receive(25)
        self.assertEqual((clock.value, clock.tick()), (25, 26))

    def test_no_clock_changes_nothing(self):
        clock = LamportClock(10)
        clock.receive(None)
        self.assertEqual(clock.value, 10)

    def test_too_far_ahead_is_not_merged(self):
        clock = LamportClock(10)
        clock.receive(10 + CLOCK_JUMP_MAX + 1)
        clock.receive(CLOCK_MAX)
        self.assertEqual(clock.value, 10)
        clock.receive(10 + CLOCK_JUMP_MAX)
        self.assertEqual(clock.value, 10 + CLOCK_JUMP_MAX)

    def test_restore_goes_forward_by_any_step_and_never_back(self):
        clock = LamportClock(3)
        clock.restore(2**40)
        clock.restore(5)
        self.assertEqual(clock.value, 2**40)

    def test_a_board_that_has_run_for_long_is_joined_at_its_clock(self):
        clock = LamportClock(3)
        clock.join(2**40)
        clock.join(5)
        clock.join(None)
        self.assertEqual(clock.value, 2**40)

    def test_a_clock_that_leaves_no_room_is_not_joined(self):
        clock = LamportClock(3)
        clock.join(CLOCK_MAX)
        self.assertEqual(clock.value, 3)

    @given(st.lists(st.none() | st.integers(0, 200), max_size=30))
    @settings(deadline=None, max_examples=100, derandomize=True, database=None)
    def test_an_effect_is_later_than_its_causes(self, clocks):
        clock = LamportClock()
        seen = [0]
        for received in clocks:
            clock.receive(received)
            seen.append(received or 0)
            sent = clock.tick()
            self.assertGreater(sent, max(seen))
            seen.append(sent)
