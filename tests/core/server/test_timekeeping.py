import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.corrected import FREE_AFTER, CorrectedClock, State
from bulletin.core.clocks.instant import Instant
from bulletin.core.reference.rounds import GATHERING, ROUND_PATIENCE
from bulletin.core.server.notices import Notices
from bulletin.core.server.timekeeping import ALONE, ASK_EVERY, EXCHANGED_MAX, PATIENCE, Timekeeping
from bulletin.core.wire.clocks import PROBES_MAX, Adjustment, Probe, RoundRequest
from bulletin.core.wire.reference import INTERVAL

NEVER = float("-inf")


def at(seconds):
    return Instant(seconds, 1.7e9 + seconds)


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = CorrectedClock(at(0.0), offset=5.0)
        self.notices = Notices()
        self.keeping = Timekeeping("s1", self.clock, self.notices, at(0.0))

    def probe(self, seconds, round_=7, number=1):
        self.keeping.probed(Probe(round_, number), at(seconds))
        (answer,) = self.keeping.take()
        return answer

    def adjust(self, seconds, difference, round_=7, number=1, error=0.001, source=1):
        self.keeping.adjusted(Adjustment(round_, number, difference, error, source), at(seconds))

    def settle(self):
        self.probe(1.0)
        self.adjust(1.0, -5.0)

    def said(self):
        return [event.text for event in self.notices.take()]


class AnswerTests(Case):
    def test_it_shows_its_clock(self):
        answer = self.probe(1.0)
        self.assertEqual((answer.user, answer.round, answer.number), ("s1", 7, 1))
        self.assertEqual((answer.time, answer.bound, answer.state), (1.7e9 + 6.0, None, State.NEVER))
        self.settle()
        self.probe(3.0, 8)
        self.adjust(3.0, 0.5, 8)
        answer = self.probe(3.0, 9)
        self.assertAlmostEqual(answer.left, 0.5, 5)
        self.assertAlmostEqual(answer.bound, 0.501, 3)
        self.assertIs(answer.state, State.IN_STEP)

    def test_only_so_many_answers_wait(self):
        for number in range(1, 10 * PROBES_MAX):
            self.keeping.probed(Probe(number, 1 + number % PROBES_MAX), at(1.0))
        self.assertLessEqual(len(self.keeping.take()), PROBES_MAX)
        self.assertLessEqual(len(self.keeping._shown), PROBES_MAX)


class AdjustmentTests(Case):
    def test_it_is_relative_to_the_answer_that_it_names(self):
        self.probe(1.0, number=1)
        self.probe(2.0, number=2)
        self.adjust(2.5, -5.0, number=1)
        self.assertAlmostEqual(self.clock.correction(at(2.5)), 0.0)
        self.assertEqual(self.keeping.counters.adjusted, 1)
        self.assertEqual(self.said(), ["the clock was set back by 5.000 s, to the board's time"])

    def test_one_that_comes_twice_does_nothing_the_second_time(self):
        self.settle()
        self.adjust(1.1, -5.0)
        self.assertAlmostEqual(self.clock.correction(at(200.0)), 0.0, 5)
        self.assertEqual(self.keeping.counters.dropped, 1)

    def test_nor_does_a_whole_round_that_comes_twice(self):
        """A network that repeats itself brings the probe again, too."""
        self.settle()
        self.probe(3.0, 8)
        for round_ in (7, 7):
            self.keeping.probed(Probe(round_, 1), at(4.0))
            self.assertEqual(self.keeping.take(), [])
            self.adjust(4.0, -5.0, round_)
        self.assertAlmostEqual(self.clock.correction(at(200.0)), 0.0, 5)
        self.adjust(4.1, 0.001, 8)
        self.assertEqual(self.keeping.counters.adjusted, 2)

    def test_nor_does_one_of_another_round_or_of_before_a_restart(self):
        self.adjust(1.0, -5.0)
        self.probe(1.0, 8)
        self.adjust(1.0, -5.0, 7)
        self.adjust(1.0, -5.0, 8, number=2)
        self.assertEqual(self.keeping.counters.dropped, 3)
        self.assertEqual(self.clock.correction(at(1.0)), 5.0)

    def test_one_out_of_all_range_is_dropped(self):
        self.probe(1.0)
        self.adjust(1.0, 1e11)
        self.assertEqual((self.keeping.counters.dropped, self.keeping.settled), (1, False))

    def test_a_large_one_in_the_midst_of_work_is_told(self):
        self.settle()
        self.said()
        self.probe(30.0, 8)
        self.adjust(30.0, 2.0, 8)
        self.assertEqual(self.said(), ["the clock will slowly go forward by 2.000 s, to the board's time"])

    def test_a_poor_one_is_counted_and_not_used(self):
        self.settle()
        self.probe(3.0, 8)
        self.adjust(3.0, 0.04, 8, error=0.05)
        self.assertEqual(attrs.astuple(self.keeping.counters), (2, 1, 1, 0, 0))


class SettledTests(Case):
    def settled_at(self, seconds, heard_at):
        self.keeping.tick(at(seconds), heard_at=heard_at, beats=True)
        return self.keeping.settled

    def test_by_the_first_round(self):
        self.assertFalse(self.settled_at(1.0, 1.0))
        self.settle()
        self.assertTrue(self.keeping.settled)

    def test_by_two_seconds_without_the_reference(self):
        self.assertFalse(self.settled_at(ALONE - 0.1, NEVER))
        self.assertTrue(self.settled_at(ALONE, NEVER))

    def test_counted_from_its_last_word(self):
        self.assertFalse(self.settled_at(1.0 + ALONE - 0.1, 1.0))
        self.assertTrue(self.settled_at(1.0 + ALONE, 1.0))

    def test_a_reference_that_holds_no_rounds_is_not_waited_for_for_ever(self):
        self.assertFalse(self.settled_at(PATIENCE - 0.1, PATIENCE - 0.2))
        self.assertTrue(self.settled_at(PATIENCE, PATIENCE - 0.1))

    def test_a_reference_that_starts_a_little_later_and_waits_for_a_dead_server_is_waited_for(self):
        first_round = ALONE + INTERVAL + GATHERING + ROUND_PATIENCE
        self.assertFalse(self.settled_at(first_round, first_round - 0.5))

    def test_counted_from_the_joining(self):
        self.keeping.joined(at(100.0))
        self.assertFalse(self.settled_at(100.0 + ALONE - 0.1, NEVER))
        self.assertTrue(self.settled_at(100.0 + ALONE, NEVER))


class AskingTests(Case):
    def ask(self, seconds, beats=True):
        return self.keeping.tick(at(seconds), heard_at=seconds, beats=beats)

    def test_for_its_first_round_once_it_is_known(self):
        self.assertIsNone(self.ask(0.1, beats=False))
        self.assertEqual(self.ask(0.2), RoundRequest("s1"))
        self.assertIsNone(self.ask(0.2 + ASK_EVERY / 2))
        self.assertEqual(self.ask(0.2 + ASK_EVERY), RoundRequest("s1"))

    def test_after_so_many_messages(self):
        self.settle()
        self.keeping.exchanged(EXCHANGED_MAX - 1)
        self.assertIsNone(self.ask(5.0))
        self.keeping.exchanged(1)
        self.assertEqual(self.ask(5.1), RoundRequest("s1"))
        self.assertIsNone(self.ask(9.0))

    def test_at_most_so_often(self):
        self.settle()
        asked = 0
        for tick in range(50, 550):
            self.keeping.exchanged(100)
            asked += self.ask(tick / 50) is not None
        self.assertEqual(asked, 10)
        self.assertEqual(self.keeping.counters.asked, 10)


class StateTests(Case):
    def test_running_free_is_said_and_its_end(self):
        self.settle()
        self.said()
        for seconds in (2.0, FREE_AFTER + 1.0, FREE_AFTER + 2.0):
            self.keeping.tick(at(seconds), heard_at=NEVER, beats=False)
        self.assertEqual(self.said(), ["no clock round for 10 s: the clock runs on at its last known rate"])
        self.probe(30.0, 9)
        self.adjust(30.0, 0.0, 9)
        self.keeping.tick(at(30.1), heard_at=30.0, beats=True)
        self.assertEqual(self.said(), ["the clock is in step with the board's time again"])
