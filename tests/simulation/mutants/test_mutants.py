"""Every planted bug is noticed by its schedule, those that fall within seconds by chance as well; and nothing without them.

All of them by chance: ``python -m bulletin.simulation.mutants``.
"""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation.mutants.catalogue import MUTANTS
from bulletin.simulation.mutants.mutant import Mutant
from bulletin.simulation.mutants.trial import try_out


def _test_of(mutant: Mutant):
    def test(self) -> None:
        quick = mutant.chance is not None and mutant.chance.quick
        verdict = try_out(mutant, None if quick else 0)
        self.assertTrue(verdict.caught(mutant), verdict)

    test.__doc__ = f"{mutant.number}: {mutant.name}"
    return test


class MutantTests(SynchronousTestCase):
    """One test for each planted bug."""


for _mutant in MUTANTS:
    setattr(MutantTests, f"test_{_mutant.number.replace('-', '_')}", _test_of(_mutant))
