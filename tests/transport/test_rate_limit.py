"""A logger that hostile input cannot flood."""

from twisted.logger import Logger, LogLevel, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from bulletin.transport.rate_limit import KINDS_MAX, RateLimitedLog


class RateLimits(SynchronousTestCase):
    def setUp(self):
        self.now = 0.0
        self.events = []
        log = Logger(observer=self.events.append)
        self.limited = RateLimitedLog(log, lambda: self.now, burst=2, period=10)

    def lines(self):
        lines, self.events[:] = [formatEvent(event) for event in self.events], []
        return lines

    def test_a_few_then_silence_then_how_many_there_were(self):
        written = [self.limited.warn("bad", "Bad {what!r}", what=number) for number in range(100)]
        self.assertEqual((sum(written), self.lines()), (2, ["Bad 0", "Bad 1"]))
        self.now = 9.9
        self.assertFalse(self.limited.warn("bad", "Bad"))
        self.now = 10
        self.assertTrue(self.limited.warn("bad", "Bad {what!r}", what=100))
        self.assertTrue(self.limited.warn("bad", "Bad {what!r}", what=101))
        self.assertEqual(self.lines(), ["Bad 100 (99 more like this were not logged)", "Bad 101"])

    def test_a_line_that_is_no_warning(self):
        for number in range(5):
            self.limited.info("said", "{what}", what=f"{{{number}}}")
        self.now = 10
        self.limited.info("said", "{what}", what="the end")
        self.assertEqual([event["log_level"] for event in self.events], [LogLevel.info] * 3)
        self.assertEqual(self.lines(), ["{0}", "{1}", "the end (3 more like this were not logged)"])

    def test_kinds_have_an_allowance_each(self):
        for kind in ("a", "b") * 5:
            self.limited.warn(kind, kind)
        self.assertEqual(sorted(self.lines()), ["a", "a", "b", "b"])

    def test_kinds_without_end_share_one(self):
        for number in range(1000):
            self.limited.warn(f"kind {number}", "x")
        self.assertEqual(len(self.lines()), KINDS_MAX + 2)
        self.assertEqual(len(self.limited._windows), KINDS_MAX + 1)

    def test_a_clock_that_goes_back_does_not_silence_it(self):
        self.now = 1000.0
        for _ in range(5):
            self.limited.warn("bad", "Bad")
        self.now = 1.0
        self.assertTrue(self.limited.warn("bad", "Bad"))

    def test_an_exception_is_logged_with_its_traceback(self):
        for _ in range(5):
            try:
                raise ValueError
            except ValueError:
                self.limited.failure("handler", "{name} failed", name="It")
        self.assertEqual([event["log_level"] for event in self.events], [LogLevel.critical] * 2)
        self.assertIs(self.events[0]["log_failure"].type, ValueError)
