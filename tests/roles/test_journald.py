import io
import sys

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles.journald import observer


class JournaldTests(SynchronousTestCase):
    def setUp(self):
        self.output = io.StringIO()
        self.patch(sys, "stdout", self.output)
        self.log = Logger(observer=observer())

    def test_each_line_has_the_level_that_the_journal_reads(self):
        self.log.debug("one")
        self.log.info("The {what} is up\nand well", what="broker")
        self.log.warn("two")  # noqa: G010 - Twisted's logger, not logging's
        self.log.error("three")
        self.log.critical("four")
        self.assertEqual(
            self.output.getvalue(), "<7>one\n<6>The broker is up\n<6>and well\n<4>two\n<3>three\n<2>four\n"
        )

    def test_a_traceback_is_a_failure_to_its_last_line(self):
        try:
            raise ValueError("no")
        except ValueError:
            self.log.failure("It failed")
        written = self.output.getvalue().splitlines()
        self.assertEqual(written[0], "<2>It failed")
        self.assertIn("ValueError: no", written[-1])
        self.assertTrue(all(line.startswith("<2>") for line in written))

    def test_an_event_without_a_sentence_is_no_line(self):
        self.log.info("")
        self.assertEqual(self.output.getvalue(), "")
