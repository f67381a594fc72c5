"""A campaign tells what it found so that anybody can find it again; and whatever is typed wrong gets one sentence."""

import os
import re
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation import __main__ as command
from bulletin.simulation.__main__ import main
from bulletin.simulation.command_line import INTERRUPTED
from bulletin.simulation.mutants.catalogue import BY_NUMBER
from bulletin.simulation.tiers import TIERS
from tests.simulation.commands import carried_out

ROOT = Path(__file__).parents[2]
PLANTED = BY_NUMBER["8"]
SEED = 1


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status, output, errors."""
    return carried_out(main, *arguments)


class CampaignTests(SynchronousTestCase):
    def test_a_seed_alone_is_one_run_of_each_tier(self):
        status, output, _errors = run("--seed", "3")
        self.assertEqual(status, 0, output)
        self.assertRegex(output, rf"{len(TIERS)} runs, 0 failed, \d+ events in \d+ s, \d+ events/s\n$")

    def test_a_broken_promise_is_told_and_can_be_had_again(self):
        """The promise by its name, the last steps in words, a smaller run that breaks it, and the line that repeats it."""
        with PLANTED.planted():
            status, output, _errors = run("--tier", "log", "--seed", str(SEED), "--seeds", "3")
            self.assertEqual(status, 1, output)
            self.assertRegex(
                output, r"seed \d+ of tier log breaks S11: an acknowledgement of what is not on disk"
            )
            self.assertRegex(output, r"the smallest run of \d+ tried that breaks it, too: ")
            self.assertRegex(output, r"\d+\.\d{4} s  \d -> \d: Append\(term \d")
            found = re.search(r"again: python -m bulletin.simulation (.*)", output)
            status, again, _errors = run(*found[1].split(), "--no-shrinking")
            self.assertEqual(status, 1, again)
            self.assertIn("breaks S11", again)
        status, output, _errors = run(*found[1].split())
        self.assertEqual(status, 0, output)

    def test_an_interrupted_campaign_tells_what_it_has_seen(self):
        """It did not hold all, and broke nothing: its status is neither."""

        def interrupted(plan, ended):
            raise KeyboardInterrupt

        self.patch(command, "run", interrupted)
        status, output, errors = run("--tier", "log", "--seed", "1")
        self.assertEqual((status, errors), (INTERRUPTED, "interrupted\n"))
        self.assertIn("0 runs, 0 failed", output)

    def test_what_never_happened_fails_a_campaign_that_demands_it(self):
        status, output, _errors = run("--tier", "log", "--seed", "3", "--faults", "none", "--every")
        self.assertEqual(status, 1)
        self.assertIn("never on tier log: ", output)

    def test_several_processes_do_the_same(self):
        lines = []
        for jobs in ("1", "2"):
            _status, output, _errors = run(
                "--tier", "log", "--seed", "4", "--seeds", "3", "--seconds", "0.5", "--trace", "--jobs", jobs
            )
            lines.append(sorted(re.findall(r"^log \d+ [0-9a-f]{64}$", output, re.MULTILINE)))
        self.assertEqual(len(lines[0]), 3)
        self.assertEqual(*lines)

    def test_no_order_comes_from_hashes(self):
        """The same events in processes that hash strings differently, on every tier."""
        traces = set()
        for hash_seed in ("1", "2"):
            ran = subprocess.run(
                [sys.executable, "-m", "bulletin.simulation", "--seed", "12", "--seconds", "1", "--trace"],
                env=os.environ | {"PYTHONHASHSEED": hash_seed},
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            )
            traces.add(tuple(re.findall(r"^\w+ 12 [0-9a-f]{64}$", ran.stdout, re.MULTILINE)))
        self.assertEqual(len(traces), 1)
        self.assertEqual(len(traces.pop()), len(TIERS))


class MistakeTests(SynchronousTestCase):
    def test_one_sentence_and_status_2(self):
        for arguments in (
            ["--minutes", "soon"],
            ["--minutes", "-1"],
            ["--jobs", "0"],
            ["--servers", "65"],
            ["--seed", "x"],
            ["--tier", "sea"],
            ["--faults", "crash"],
            ["--faults", "flood/1"],
            ["--skip", "1,a"],
            ["--what"],
        ):
            status, output, errors = run(*arguments)
            self.assertEqual((status, output), (2, ""), arguments)
            self.assertRegex(errors, r"^python -m bulletin.simulation: [^\n]+\n$")
