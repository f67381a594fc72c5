"""Fixed seeds of the board tier; and the same seed is the same run, whatever the hashes."""

import os
import subprocess
import sys
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation.board import Options, World
from tests.simulation.seeds import run_test

SEEDS = (1, 4, 11, 13)
SECONDS = 1.5
"""How long faults last here; in campaigns it is longer."""
REGRESSIONS = Path(__file__).parent / "regressions.txt"


def short(seed: int) -> Options:
    """What the seed draws, cut short."""
    return attrs.evolve(Options.draw(seed), seconds=SECONDS, calm=2)


def _test_of(seed: int, options: Options, why: str = ""):
    return run_test(World, seed, options, lambda world: len(world.notes.calls), why)


class SeedTests(SynchronousTestCase):
    """One test for each seed."""


class RegressionTests(SynchronousTestCase):
    """Seeds that failed once."""


for _seed in SEEDS:
    setattr(SeedTests, f"test_{_seed}", _test_of(_seed, short(_seed)))
for _line in REGRESSIONS.read_text().splitlines():
    if not _line.startswith("#"):
        _number, _why = _line.split(maxsplit=1)
        setattr(RegressionTests, f"test_{_number}", _test_of(int(_number), Options.draw(int(_number)), _why))


class DeterminismTests(SynchronousTestCase):
    def test_whatever_the_hash_seed(self) -> None:
        """No order comes from the hashes of strings, nor from what ran before in the same process."""
        code = (
            "import attrs; from bulletin.simulation.board import Options, World\n"
            "for seed in {seeds}:\n"
            "    world = World(seed, attrs.evolve(Options.draw(seed), seconds=1.0, calm=1), trace=True)\n"
            "    world.run(); print(seed, world.trace)"
        )
        traces = []
        for hash_seed, seeds in (("1", (4, 6)), ("2", (6, 4))):
            run = subprocess.run(
                [sys.executable, "-c", code.format(seeds=seeds)],
                env=os.environ | {"PYTHONHASHSEED": hash_seed},
                cwd=Path(__file__).parents[3],
                capture_output=True,
                text=True,
                check=True,
            )
            traces.append(sorted(run.stdout.splitlines()))
        self.assertEqual(traces[0], traces[1])
        self.assertEqual(len({line.split()[1] for line in traces[0]}), 2)
