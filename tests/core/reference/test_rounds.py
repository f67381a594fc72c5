from random import Random

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.berkeley import ROUND_SECONDS, Standing
from bulletin.core.clocks.corrected import State
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.round_trip import PROBES, ROUND_TRIP_MAX
from bulletin.core.limits import MEMBERS_MAX
from bulletin.core.reference.rounds import (
    GATHERING,
    ROUND_PATIENCE,
    SOONEST,
    STEER,
    TELL_SECONDS,
    Candidate,
    Rounds,
)
from bulletin.core.wire.clocks import CLOCKS_MAX, Adjustment, Probe, ProbeAnswer

TRIP = 0.002


class Case(SynchronousTestCase):
    """Rounds with servers whose clocks are so many seconds off, and do as they are told unless they are stubborn."""

    def setUp(self):
        self.seconds = 100.0
        self.said = []
        self.stubborn = set()
        self.delays = {}
        self.states = {}
        self.off = {}
        self.received = []
        self.rounds = Rounds(Random(1), lambda kind, sentence: self.said.append(sentence), self.now())

    def now(self):
        return Instant(self.seconds, 1.7e9 + self.seconds)

    def route(self, name):
        return (name.encode(),)

    def candidates(self):
        return [Candidate(name, rank, not name.startswith("new")) for rank, name in enumerate(self.off, 1)]

    def hear(self, **off):
        self.off.update(off)
        for name in off:
            self.rounds.heard(name, self.route(name))

    def shows(self, name):
        return 1.7e9 + self.seconds + self.off[name]

    def answer_to(self, name, probe):
        state = self.states.get(name, State.IN_STEP)
        return ProbeAnswer(name, probe.round, probe.number, self.shows(name), 0.001, 0.0, 0.0, state)

    def tick(self):
        self.rounds.tick(self.candidates(), 3, self.now())

    def carry(self, out=()):
        """Everything that the rounds want sent is sent, and answered; returns the adjustments."""
        adjustments = {}
        while out := out or self.rounds.take(self.now()):
            sent_at = self.seconds
            for (route,), body in sorted(
                out, key=lambda sent: self.delays.get(sent[0][0].decode(), TRIP) or 0
            ):
                name = route.decode()
                if isinstance(body, Adjustment):
                    adjustments[name] = body
                    if name not in self.stubborn:
                        self.off[name] += body.difference
                elif (delay := self.delays.get(name, TRIP)) is not None:
                    self.seconds = sent_at + delay / 2
                    answer = self.answer_to(name, body)
                    self.seconds = sent_at + delay
                    self.received.append(answer)
                    self.rounds.answer(answer, (route,), self.now())
            out = ()
        return adjustments

    def round(self, wait=ROUND_SECONDS):
        self.tick()
        out = self.rounds.take(self.now())
        if not out:
            self.seconds += wait
            self.tick()
        adjustments = self.carry(out)
        if any(delay is None for delay in self.delays.values()):
            self.seconds += ROUND_PATIENCE
            self.tick()
            adjustments |= self.carry()
        return adjustments

    def standing(self, name):
        return next(row.standing for row in self.rounds.rows(self.now()) if row.name == name)

    def board(self):
        """How far the board's time is ahead of true time."""
        return self.rounds.clock.correction(self.now())


class ToldTests(Case):
    def test_all_clocks_once_a_minute(self):
        """Offset, bound, what is left to slew and the state of each, for whoever reads the log later."""
        self.hear(a=0.0, b=0.05, new=0.0)
        while self.seconds < 100.0 + 2.5 * TELL_SECONDS:
            self.seconds += 0.25
            self.tick()
            self.carry()
        lines = [sentence for sentence in self.said if sentence.startswith("The clocks, in ms: ")]
        self.assertEqual(len(lines), 2)
        self.assertRegex(
            lines[-1], r": a [+-]\d+\.\d{3}, bound 1\.000, to slew \+0\.000, in step; b .*; new "
        )


class RoundTests(Case):
    def test_each_server_gets_its_difference(self):
        self.hear(a=5.0, b=0.0, c=-3.0)
        adjustments = self.round()
        for name, difference in (("a", -5.0), ("b", 0.0), ("c", 3.0)):
            self.assertAlmostEqual(adjustments[name].difference, difference, 4)
            self.assertAlmostEqual(adjustments[name].error, TRIP / 2, 4)
        self.assertEqual(self.standing("a"), Standing.OUTLIER)
        self.round()
        self.assertEqual([row.standing for row in self.rounds.rows(self.now())], 3 * [Standing.COUNTED])
        self.assertAlmostEqual(self.board(), 0.0, 5)

    def test_several_probes_to_each_and_the_shortest_trip_counts(self):
        self.hear(a=0.0)
        self.tick()
        self.seconds += GATHERING
        self.tick()
        for number in range(1, PROBES + 1):
            ((route, probe),) = self.rounds.take(self.now())
            self.assertEqual(probe.number, number)
            self.seconds += 0.001 if number == 4 else 0.01
            self.rounds.answer(self.answer_to("a", probe), route, self.now())
        ((_, adjustment),) = self.rounds.take(self.now())
        self.assertEqual(adjustment.number, 4)
        self.assertAlmostEqual(adjustment.error, 0.0005, 4)

    def test_the_first_average_is_jumped_to_and_the_later_ones_are_steered_to(self):
        self.hear(a=0.04, b=0.04, c=0.04)
        self.states = dict.fromkeys("abc", State.NEVER)
        adjustments = self.round(GATHERING)
        self.states.clear()
        self.assertAlmostEqual(self.board(), 0.03, 5)
        self.assertAlmostEqual(adjustments["a"].difference, -0.01, 5)
        source = adjustments["a"].source
        self.stubborn.update("abc")
        adjustments = self.round()
        self.assertAlmostEqual(self.rounds.clock.left(self.now()), 0.0, 5)
        self.hear(a=0.07, b=0.07, c=0.07)
        adjustments = self.round()
        self.assertEqual(adjustments["a"].source, source)
        before = self.board()
        self.seconds += 1.0
        self.assertAlmostEqual(self.board() - before, STEER, 6)
        # What it has not reached yet is not what the others are set to.
        self.assertAlmostEqual(adjustments["a"].difference, -0.04, 5)

    def test_a_reference_that_starts_anew_follows_the_board_that_runs(self):
        self.hear(a=9.0, b=9.0)
        self.round(GATHERING)
        self.assertAlmostEqual(self.board(), 9.0, 4)
        self.assertAlmostEqual(self.off["a"], 9.0, 4)

    def test_but_not_a_single_server_which_may_lie(self):
        self.hear(a=9.0)
        self.round(GATHERING)
        self.assertAlmostEqual(self.board(), 0.0, 4)

    def test_and_one_that_lies_a_little_does_not_move_it(self):
        self.hear(a=9.0, b=9.0, c=9.09)
        self.round(GATHERING)
        self.assertAlmostEqual(self.board(), 9.0, 4)

    def test_servers_that_start_anew_follow_the_reference(self):
        self.hear(a=9.0)
        self.states["a"] = State.NEVER
        self.round(GATHERING)
        self.assertAlmostEqual(self.board(), 0.0, 4)
        self.assertAlmostEqual(self.off["a"], 0.0, 4)

    def test_one_that_lies_by_an_hour_moves_nobody(self):
        self.hear(a=0.0, b=0.0, c=3600.0)
        self.stubborn.add("c")
        for _ in range(5):
            adjustments = self.round()
            self.assertAlmostEqual(adjustments["a"].difference, 0.0, 4)
            self.assertAlmostEqual(adjustments["c"].difference, -3600.0, 3)
        self.assertAlmostEqual(self.board(), 0.0, 5)
        self.assertEqual(len([said for said in self.said if "c is 3600.000 s ahead" in said]), 1)

    def test_strangers_are_set_right_and_have_no_vote(self):
        self.hear(new1=0.09, new2=0.09, a=0.0)
        adjustments = self.round()
        self.assertAlmostEqual(self.board(), 0.0, 5)
        self.assertAlmostEqual(adjustments["new1"].difference, -0.09, 4)

    def test_nobody(self):
        for _ in range(5):
            self.assertEqual(self.round(), {})
        self.assertEqual(self.rounds.status(self.now()).rounds, 0)
        self.assertIs(self.rounds.status(self.now()).state, State.NEVER)


class LeftOutTests(Case):
    def test_one_that_does_not_answer(self):
        self.hear(a=0.0, b=1.0)
        self.delays["b"] = None
        adjustments = self.round(GATHERING)
        self.assertEqual(set(adjustments), {"a"})
        self.assertEqual(self.standing("b"), Standing.SILENT)
        self.assertIn("The clock of b is left out: it does not answer.", self.said)
        del self.delays["b"]
        self.assertEqual(set(self.round()), {"a", "b"})

    def test_one_that_answers_late(self):
        self.hear(a=0.0)
        self.tick()
        self.seconds += GATHERING
        self.tick()
        probes = []
        for _ in range(4):
            probes += self.rounds.take(self.now())
            self.seconds += 0.26
            self.tick()
            if probes:
                route, probe = probes.pop(0)
                self.rounds.answer(self.answer_to("a", probe), route, self.now())
        self.assertEqual(self.standing("a"), Standing.SLOW)
        self.assertEqual(self.rounds.take(self.now()), [])
        self.assertIn("take too long", self.said[-1])

    def test_one_whose_trips_are_too_long(self):
        self.hear(a=0.0, b=0.0)
        self.delays["b"] = ROUND_TRIP_MAX * 1.1
        adjustments = self.round(GATHERING)
        self.assertNotIn("b", adjustments)

    def test_a_member_that_is_gone_stays_in_the_list(self):
        self.hear(a=0.0, b=0.0)
        self.round(GATHERING)
        del self.off["b"]
        self.round()
        self.assertEqual(self.standing("b"), Standing.SILENT)
        self.seconds += 20
        row = self.rounds.rows(self.now())[1]
        self.assertEqual((row.name, row.state), ("b", State.FREE))


class ScheduleTests(Case):
    def begins(self):
        self.tick()
        return any(isinstance(body, Probe) for _, body in self.rounds.take(self.now()))

    def test_the_first_waits_for_all_or_a_while(self):
        self.hear(a=0.0, b=0.0)
        self.assertFalse(self.begins())
        self.seconds += GATHERING / 2
        self.assertFalse(self.begins())
        self.hear(c=0.0)
        self.assertTrue(self.begins())

    def test_not_for_ever(self):
        self.hear(a=0.0)
        self.assertFalse(self.begins())
        self.seconds += GATHERING
        self.assertTrue(self.begins())

    def test_every_so_often(self):
        self.hear(a=0.0)
        self.tick()
        self.round(GATHERING)
        self.seconds += ROUND_SECONDS / 2
        self.assertFalse(self.begins())
        self.seconds += ROUND_SECONDS / 2
        self.assertTrue(self.begins())

    def test_sooner_when_a_server_asks_but_not_too_soon(self):
        self.hear(a=0.0)
        self.tick()
        self.round(GATHERING)
        for _ in range(100):
            self.assertTrue(self.rounds.want("a", self.route("a")))
        self.seconds += SOONEST / 2
        self.assertFalse(self.begins())
        self.seconds += SOONEST / 2
        self.assertTrue(self.begins())
        self.assertEqual(self.rounds.status(self.now()).early, 1)

    def test_only_servers_may_ask(self):
        self.hear(a=0.0)
        self.assertFalse(self.rounds.want("a", self.route("x")))
        self.assertFalse(self.rounds.want("x", self.route("x")))


class HostileTests(Case):
    def setUp(self):
        super().setUp()
        self.hear(a=0.0, b=0.0)
        self.rounds.tick(self.candidates(), 2, self.now())
        self.sent = self.rounds.take(self.now())
        self.probes = {route[0].decode(): probe for route, probe in self.sent}

    def test_answers_that_nobody_waits_for_are_counted_and_dropped(self):
        good = self.answer_to("a", self.probes["a"])
        for answer, route in (
            (good, self.route("b")),
            (attrs.evolve(good, user="b"), self.route("a")),
            (attrs.evolve(good, user="nobody"), self.route("a")),
            (attrs.evolve(good, round=good.round + 1), self.route("a")),
            (attrs.evolve(good, round=0), self.route("a")),
            (attrs.evolve(good, number=2), self.route("a")),
        ):
            self.rounds.answer(answer, route, self.now())
        self.assertEqual(self.rounds.status(self.now()).refused, 6)
        self.rounds.answer(good, self.route("a"), self.now())
        self.rounds.answer(good, self.route("a"), self.now())
        self.assertEqual(self.rounds.status(self.now()).refused, 7)

    def test_one_of_an_earlier_round(self):
        self.carry(self.sent)
        old = self.received[-1]
        self.round()
        self.seconds += ROUND_SECONDS
        self.tick()
        refused = self.rounds.status(self.now()).refused
        self.rounds.answer(old, self.route(old.user), self.now())
        self.assertEqual(self.rounds.status(self.now()).refused, refused + 1)

    def test_the_wildest_times_are_only_outliers(self):
        self.carry(self.sent)
        for wild in (1e11, -1e11, 1.7e308):
            self.off["a"] = wild
            self.round()
            self.assertEqual(self.standing("a"), Standing.OUTLIER)
        self.assertLess(abs(self.board()), 0.001)

    def test_ever_new_servers_do_not_make_it_grow(self):
        self.carry(self.sent)
        for number in range(400):
            self.off = {"a": 0.0}
            self.hear(**{f"new{number}": 0.0, f"x{number}": 0.0})
            self.round()
        self.assertLessEqual(len(self.rounds.rows(self.now())), CLOCKS_MAX - 1)
        self.assertLessEqual(len(self.rounds._routes), 5)

    def test_of_very_many_the_members_are_asked(self):
        self.carry(self.sent)
        self.hear(**{f"new{number}": 0.0 for number in range(200)}, z=0.0)
        self.seconds += ROUND_SECONDS
        self.tick()
        asked = [route[0] for route, _ in self.rounds.take(self.now())]
        self.assertEqual(len(asked), MEMBERS_MAX)
        self.assertIn(b"z", asked)
