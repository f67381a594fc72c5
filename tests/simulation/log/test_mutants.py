"""Planted bugs are caught: by the scenario that was written for them, and, where that is likely enough, by chance."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.diverged import Diverged
from bulletin.simulation.log.cluster import Cluster
from bulletin.simulation.log.faults import Options
from bulletin.simulation.log.mutants import MUTANTS, Mutant
from tests.core.raft.scripted import play

SCENARIOS = Path(__file__).parents[2] / "core" / "raft" / "scenarios"


def caught_by_chance(seeds: int, *, trimmed: bool = False) -> str:
    """What stops the first of these runs that is stopped."""
    for seed in range(seeds):
        try:
            Cluster(seed, Options.trimmed(seed) if trimmed else Options.turbulent(seed)).run()
        except (AssertionError, Diverged) as error:
            return str(error)
    return "nothing"


def _test_of(mutant: Mutant):
    def test(self) -> None:
        with mutant.planted():
            if mutant.scenario is not None:
                text = (SCENARIOS / f"{mutant.scenario}.txt").read_text()
                try:
                    played = play(text)
                except AssertionError:
                    played = "stopped by an invariant"
                self.assertNotEqual(played, text, "the scenario does not notice")
            if mutant.seeds:
                caught = caught_by_chance(mutant.seeds, trimmed=mutant.trimmed)
                self.assertNotEqual(caught, "nothing")
                self.assertRegex(caught, mutant.check)

    return test


class MutantTests(SynchronousTestCase):
    """One test for each planted bug."""

    def test_nothing_remains(self) -> None:
        """When a planted bug is taken out, all is as before."""
        for mutant in MUTANTS.values():
            before = mutant.owner.__dict__[mutant.method]
            with mutant.planted():
                self.assertIsNot(mutant.owner.__dict__[mutant.method], before)
            self.assertIs(mutant.owner.__dict__[mutant.method], before)


for _name, _mutant in MUTANTS.items():
    setattr(MutantTests, f"test_{_name.replace(' ', '_').replace('-', '_')}", _test_of(_mutant))
