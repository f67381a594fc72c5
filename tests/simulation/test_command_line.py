"""Numbers on command lines, and what is said about mistakes."""

import os
import signal
import subprocess
import sys
from argparse import ArgumentTypeError
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation import clocks
from bulletin.simulation.command_line import (
    INTERRUPTED,
    Parser,
    above_zero,
    carry_out,
    new_folder,
    seed_range,
    whole,
)

ROOT = Path(__file__).parent.parent.parent


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


class InterruptTests(SynchronousTestCase):
    def setUp(self):
        self.addCleanup(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM))

    def test_both_signals_end_a_command_in_a_word(self):
        self.addCleanup(
            signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler)
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            with redirect_stderr(StringIO()) as said:
                self.assertEqual(carry_out(lambda number=number: signal.raise_signal(number)), INTERRUPTED)
            self.assertEqual(said.getvalue(), "interrupted\n")

    def test_else_the_status_is_the_commands(self):
        self.assertEqual(carry_out(lambda: 1), 1)

    def test_campaigns_with_processes(self):
        """In the midst of it, and to all of its processes, as a terminal does."""
        for command in (
            ["bulletin.simulation.mutants", "--jobs", "2"],
            ["bulletin.simulation", "--minutes", "5", "--jobs", "2", "--tier", "log"],
        ):
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                start_new_session=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            self.addCleanup(process.kill)
            process.stdout.readline()
            os.killpg(process.pid, signal.SIGINT)
            _printed, said = process.communicate(timeout=120)
            self.assertEqual((process.returncode, said), (INTERRUPTED, "interrupted\n"), command)


class FolderTests(SynchronousTestCase):
    def test_a_new_one_only(self):
        folder = Path(self.mktemp())
        self.assertEqual(new_folder(str(folder)), folder)
        folder.mkdir()
        self.assertRaises(ArgumentTypeError, new_folder, str(folder))


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
