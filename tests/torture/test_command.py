"""The command: its sentences and statuses, and a short campaign from a seed."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation.command_line import INTERRUPTED
from bulletin.torture.command import SECONDS, main, parser

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 240.0


def torture(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "bulletin.torture", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
        check=False,
        timeout=PATIENCE,
    )


class OptionsTests(SynchronousTestCase):
    def test_what_is_wrong_is_said_in_one_sentence(self):
        for arguments, words in (
            (["--faults", "kill,quake"], "quake is no fault; there are kill, pause,"),
            (["--faults", ","], "nothing is no fault"),
            (["--seconds", "soon"], "'soon' is no number"),
            (["--minutes", "-1"], "'-1' is no number above 0"),
            (["--seconds", "nan"], "'nan' is no number above 0"),
            (["--servers", "9"], "'9' is no whole number from 1 to 7"),
            (["--seed", "x"], "'x' is no whole number"),
            (["--loud"], "unrecognized arguments: --loud"),
            (["--keep", str(ROOT)], "exists already"),
        ):
            with redirect_stderr(StringIO()) as said:
                try:
                    status = main(arguments)
                except SystemExit as ended:
                    status = ended.code
            self.assertEqual(status, 2, arguments)
            self.assertIn(words, said.getvalue())
            self.assertEqual(len(said.getvalue().splitlines()), 1, said.getvalue())

    def test_how_long(self):
        for words, seconds in (([], SECONDS), (["--minutes", "3"], 180.0), (["--seconds", "9"], 9.0)):
            self.assertEqual(parser().parse_args(words).seconds, seconds)

    def test_a_fault_that_is_not_possible_with_so_few_servers(self):
        done = torture("--servers", "1", "--faults", "majority")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(
            "none of these faults is possible here (majority: it takes three servers).", done.stderr
        )


class CampaignTests(SynchronousTestCase):
    timeout = 300

    def test_a_short_one(self):
        """What this machine cannot do is left out, and named on the standard error that a failure shows."""
        with tempfile.TemporaryDirectory(prefix="bulletin-torture-") as folder:
            done = torture("--seconds", "8", "--seed", "7", TMPDIR=folder)
            left = list(Path(folder).glob("bulletin-torture-*"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(left, [])
        figures = json.loads(done.stdout)
        self.assertEqual(figures["broken"], 0)
        self.assertGreater(figures["faults"], 0)
        self.assertGreater(figures["posts"], 0)
        self.assertGreaterEqual(figures["stored"], figures["posts"])
        self.assertEqual(figures["followed"], 2 * figures["stored"])

    def test_bits_that_flip_and_disks_that_are_full(self):
        """With this seed the first server is damaged as it runs; the second one, if there is time, is started on a full disk."""
        done = torture("--seconds", "10", "--seed", "1133", "--faults", "full,flip")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["kinds"]["flip"], 1)
        self.assertIn("(running)", done.stderr)

    def test_an_interrupted_one(self):
        """Ctrl-C goes to all processes of the terminal; when it comes the board is up, and none of it stays."""
        with tempfile.TemporaryDirectory(prefix="bulletin-torture-") as folder:
            process = subprocess.Popen(
                [sys.executable, "-m", "bulletin.torture", "--seed", "7"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=os.environ | {"TMPDIR": folder},
                start_new_session=True,
            )
            self.addCleanup(process.kill)
            while "servers is up" not in (line := process.stderr.readline()):
                self.assertTrue(line, "it ended before the board was up")
            os.killpg(process.pid, signal.SIGINT)
            printed, said = process.communicate(timeout=PATIENCE)
            left = list(Path(folder).glob("bulletin-torture-*"))
        self.assertEqual((process.returncode, printed, left), (INTERRUPTED, "", []), said)
        self.assertNotIn("Traceback", said)
        self.assertTrue(said.endswith("interrupted\n"), said)
