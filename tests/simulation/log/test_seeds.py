"""Fixed seeds, every time; for more of them see ``__main__``."""

from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation.checkers import Checker
from bulletin.simulation.log.cluster import Cluster
from bulletin.simulation.log.faults import Options
from tests.simulation.seeds import run_test

SEEDS = (0, 3, 12, 21, 34, 50)
REGRESSIONS = Path(__file__).parent / "regressions.txt"
FORGETFUL_SEEDS = (1, 4, 9)
SECONDS = 1.5
"""How long faults last here; in campaigns it is longer."""


def short(seed: int) -> Options:
    """What the seed draws, cut short."""
    return attrs.evolve(Options.draw(seed), seconds=SECONDS)


def _test_of(seed: int, options: Options, why: str = ""):
    return run_test(Cluster, seed, options, lambda cluster: len(cluster.workload.acknowledged), why)


class SeedTests(SynchronousTestCase):
    """One test for each seed."""


class ForgetfulTests(SynchronousTestCase):
    """One disk of five loses its end and its hard-state file, again and again."""

    def test_nothing_is_lost(self) -> None:
        """Every promise holds; and the server comes to count again, where nobody has excluded it."""
        again = 0
        for seed in FORGETFUL_SEEDS:
            cluster = Cluster(seed, attrs.evolve(Options.forgetful(seed), seconds=2 * SECONDS))
            cluster.run()
            self.assertGreater(cluster.counts["disks_with_amnesia"], 0, seed)
            again += cluster.counts["trusted_again"]
        self.assertGreater(again, 0)


class Starts(Checker):
    """How often each server was started, as far as a checker hears of it."""

    def __init__(self, cluster) -> None:
        super().__init__(cluster)
        self.heard = [0] * len(cluster.servers)

    def started(self, server) -> None:
        self.heard[server.number] += 1


class CheckerTests(SynchronousTestCase):
    def test_checkers_hear_of_every_start(self) -> None:
        """Also of those that end a fault, where what is on the disk matters most."""
        cluster = Cluster(3, Options.turbulent(3))
        heard = Starts(cluster)
        cluster.checkers.append(heard)
        cluster.run()
        starts = [server.disk.durable.incarnation for server in cluster.servers]
        self.assertGreater(sum(starts), len(starts))
        self.assertEqual(heard.heard, starts)


class RegressionTests(SynchronousTestCase):
    """Seeds that failed once."""


for _seed in SEEDS:
    setattr(SeedTests, f"test_{_seed}", _test_of(_seed, short(_seed)))
    setattr(SeedTests, f"test_turbulent_{_seed}", _test_of(_seed, Options.turbulent(_seed)))
    setattr(SeedTests, f"test_liveness_{_seed}", _test_of(_seed, Options.liveness(_seed)))
    setattr(SeedTests, f"test_trimmed_{_seed}", _test_of(_seed, Options.trimmed(_seed)))
for _line in REGRESSIONS.read_text().splitlines():
    if not _line.startswith("#"):
        _number, _why = _line.split(maxsplit=1)
        _seed_of = int(_number.lstrip("ts"))
        _kinds = {"t": Options.turbulent, "s": Options.trimmed}
        _turbulent = _kinds.get(_number[0], Options.whole_log)(_seed_of)
        setattr(RegressionTests, f"test_{_number}", _test_of(_seed_of, _turbulent, _why))


class DeterminismTests(SynchronousTestCase):
    def trace(self, seed: int) -> str:
        cluster = Cluster(seed, short(seed), trace=True)
        cluster.run()
        return cluster.trace

    def test_twice(self) -> None:
        """The same seed is the same run, event by event; another seed is another."""
        self.assertEqual(self.trace(3), self.trace(3))
        self.assertNotEqual(self.trace(3), self.trace(4))
