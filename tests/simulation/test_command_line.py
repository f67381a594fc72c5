"""Numbers on command lines, and what is said about mistakes."""

from argparse import ArgumentTypeError
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation import clocks
from bulletin.simulation.command_line import Parser, above_zero, seed_range, whole


class NumberTests(SynchronousTestCase):
    def test_what_is_read(self):
        self.assertEqual(whole(0)("0"), 0)
        self.assertEqual(whole(1, 7)("7"), 7)
        self.assertEqual(above_zero()("0.5"), 0.5)
        self.assertEqual(seed_range("3:5"), range(3, 5))

    def test_what_is_refused(self):
        for read, texts in (
            (whole(1, 7), ("0", "8", "", "x", "1.0", "-1", "1_0", "٣", "²", "9" * 5000)),
            (whole(0), ("-1", " 1")),
            (above_zero(10), ("0", "-1", "nan", "inf", "1e999", "10.1", "", "soon")),
            (seed_range, ("", "5", "5:", ":5", "5:5", "5:4", "-1:2", "a:b", "1:2:3")),
        ):
            for text in texts:
                self.assertRaises(ArgumentTypeError, read, text)


class ParserTests(SynchronousTestCase):
    def test_a_mistake_is_told_in_one_sentence(self):
        parser = Parser("python -m x", None)
        parser.add_argument("--servers", type=whole(1, 7))
        for words in (["--servers", "9"], ["--serv", "1"], ["--servers"]):
            with redirect_stderr(StringIO()) as said:
                ended = self.assertRaises(SystemExit, parser.parse_args, words)
            self.assertEqual(ended.code, 2)
            self.assertRegex(said.getvalue(), r"\Apython -m x: .*\.\n\Z")


class ClockCommandTests(SynchronousTestCase):
    def test_its_mistakes(self):
        for words in (["--minutes", "inf"], ["--seeds", "20"]):
            with redirect_stderr(StringIO()) as said:
                ended = self.assertRaises(SystemExit, clocks.main, words)
            self.assertEqual((ended.code, said.getvalue().count("\n")), (2, 1))

    def test_a_broken_promise_is_told_with_its_seed(self):
        self.patch(clocks, "SHARE_INSIDE", 2.0)
        with redirect_stdout(StringIO()) as said:
            self.assertEqual(clocks.main(["--seeds", "7:8", "--minutes", "0.5"]), 1)
        self.assertRegex(said.getvalue(), r"\Aseed 7: ")
