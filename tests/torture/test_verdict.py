"""Which errors, delays, names and disks are broken promises."""

from math import inf

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.linearizability.anomaly import Kind
from bulletin.linearizability.names import Listing, Registration, Sight
from bulletin.linearizability.streams import Post, Stored
from bulletin.torture import verdict
from bulletin.torture.flood import USER
from bulletin.torture.record import UNANSWERED, Failure, Late, Record
from bulletin.torture.verdict import Spans, names, too_late, unexcused


def failure(code, invoked=10.0, returned=12.0):
    return Failure("w0-1", invoked, returned, code, definite=False)


class SpansTests(SynchronousTestCase):
    def test_what_they_meet(self):
        spans = Spans([(5.0, 6.0), (1.0, 3.0), (2.0, 2.5), (8.0, 9.0), (8.5, 12.0)])
        for begin, end, met in (
            (0.0, 0.9, False),
            (0.0, 1.0, True),
            (2.7, 2.8, True),
            (3.1, 4.9, False),
            (3.1, 20.0, True),
            (6.0, 7.0, True),
            (11.0, 11.5, True),
            (12.1, 13.0, False),
        ):
            self.assertIs(spans.meet(begin, end), met, (begin, end))
        self.assertFalse(Spans([]).meet(0.0, inf))


class UnexcusedTests(SynchronousTestCase):
    def test_an_error_while_something_explains_it(self):
        for code in ("sem_lider", "tempo_esgotado", "sobrecarregado", UNANSWERED):
            self.assertEqual(unexcused([failure(code)], Spans([(11.0, 20.0)])), [])
            self.assertEqual(unexcused([failure(code)], Spans([(5.0, 10.5)])), [])

    def test_one_that_nothing_explains(self):
        late = failure("sem_lider")
        self.assertEqual(unexcused([late], Spans([])), [late])
        self.assertEqual(unexcused([late], Spans([(1.0, 9.0), (12.5, 20.0)])), [late])

    def test_one_that_may_never_be_seen(self):
        wrong = failure("canal_inexistente")
        self.assertEqual(unexcused([wrong], Spans([(0.0, 100.0)])), [wrong])


class TooLateTests(SynchronousTestCase):
    def late(self, *, repeats=False, took=5.5, excused=(), delayed=(), lost=0.0):
        call = Late("w0-1", 10.0, 10.0 + took, "sem_lider", repeats=repeats)
        found = too_late([call], Spans(excused), Spans(delayed), lambda begin, end: lost)
        return found == [call]

    def test_an_answer_that_nothing_delays(self):
        self.assertTrue(self.late())
        self.assertTrue(self.late(delayed=[(0.0, 9.9), (15.6, 20.0)]))

    def test_an_error_that_is_excused_has_to_come_in_time(self):
        self.assertTrue(self.late(excused=[(10.0, 16.0)]))

    def test_who_sends_again_may_never_hear_it(self):
        self.assertFalse(self.late(repeats=True, excused=[(10.0, 16.0)]))
        self.assertTrue(self.late(repeats=True))

    def test_a_broker_that_did_not_run_or_links_that_were_slow(self):
        self.assertFalse(self.late(delayed=[(15.0, 20.0)]))
        self.assertFalse(self.late(repeats=True, delayed=[(15.0, 20.0)]))

    def test_a_machine_that_stood_still_for_as_long(self):
        self.assertFalse(self.late(lost=0.6))
        self.assertTrue(self.late(lost=0.4))


class HistoriesTests(SynchronousTestCase):
    def test_a_follower_that_was_not_shown_the_last_post(self):
        record = Record()
        record.posts.append(Post("geral", "a", 1.0, 2.0, 1))
        stored = [Stored("geral", 1, "a", 3, 1.0)]
        record.shown["f0"]["geral"].append((1, "a"))
        self.assertEqual(verdict.histories(record, stored), [])
        record.shown["f1"]["geral"].clear()
        (found,) = verdict.histories(record, stored)
        self.assertEqual((found.kind, "f1" in found.what), (Kind.UNOBSERVED, True))


class PagesTests(SynchronousTestCase):
    def test_what_somebody_saw_is_there_at_the_end(self):
        record = Record()
        record.ids |= {("geral", 1): "a", ("geral", 2): "b"}
        stored = [Stored("geral", seq, id_, 3, 1.0) for seq, id_ in ((1, "a"), (2, "b"), (3, "c"))]
        self.assertEqual(verdict.pages(record, stored), [])
        record.ids["geral", 2] = "x"
        record.ids["geral", 9] = "y"
        record.found_wrong("a page of geral has gaps")
        self.assertEqual(
            verdict.pages(record, stored),
            [
                "a page of geral has gaps",
                "geral 2 was x, and is b at the end",
                "geral 9 was y, and is None at the end",
            ],
        )


class NamesTests(SynchronousTestCase):
    def setUp(self):
        self.record = Record()
        self.users = self.record.names[StreamKind.INBOX]
        self.users.registrations += [
            Registration("u0", 1.0, 2.0, existing=False),
            Registration("u1", 3.0, 4.0, existing=False),
            Registration("u0", 5.0, 6.0, existing=True),
        ]
        self.users.listings.append(Listing(("u0", "u1"), 7.0, 8.0))
        self.users.sights += [Sight("u1", 1.0, 1.5, there=False), Sight("u1", 7.0, 8.0, there=True)]

    def judged(self, users, channels=()):
        return [
            anomaly.kind
            for anomaly in names(self.record, {StreamKind.INBOX: users, StreamKind.CHANNEL: channels})
        ]

    def test_names_as_they_should_be(self):
        self.assertEqual(self.judged(["u0", "u1"]), [])

    def test_whom_a_flood_logs_in(self):
        self.assertEqual(self.judged(["u0", "u1", USER]), [])
        self.assertEqual(self.judged(["u0", "u1", "mallory"]), [Kind.INVENTED_WRITE])

    def test_a_name_that_is_gone(self):
        self.assertIn(Kind.LOST_WRITE, self.judged(["u0"]))

    def test_a_listing_that_is_behind(self):
        self.users.listings.append(Listing(("u0",), 7.0, 8.0))
        self.assertEqual(self.judged(["u0", "u1"]), [Kind.STALE_READ])

    def test_a_look_that_misses_a_name_that_was_acknowledged(self):
        self.users.sights.append(Sight("u1", 4.5, 5.0, there=False))
        self.assertEqual(self.judged(["u0", "u1"]), [Kind.STALE_READ])

    def test_two_that_were_told_that_they_were_the_first(self):
        self.users.registrations.append(Registration("u1", 3.0, 4.0, existing=False))
        self.assertIn(Kind.DUPLICATE, self.judged(["u0", "u1"]))

    def test_channels_are_judged_by_what_is_said_of_channels(self):
        self.assertEqual(self.judged(["u0", "u1"], ["u0"]), [Kind.INVENTED_WRITE])
