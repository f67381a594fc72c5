"""How a bug is planted, and taken out again."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft import trust
from bulletin.core.raft.election import Election
from bulletin.core.raft.greeting import Greeter
from bulletin.core.raft.reads import Reads
from bulletin.core.raft.trust import Trust
from bulletin.simulation.mutants.catalogue import MUTANTS
from bulletin.simulation.mutants.mutant import Constant, Moved, Mutant, Patch


class PlantedTests(SynchronousTestCase):
    def test_nothing_remains(self) -> None:
        for mutant in MUTANTS:
            before = [patch.owner.__dict__[patch.name] for patch in mutant.patches]
            with mutant.planted():
                during = [patch.owner.__dict__[patch.name] for patch in mutant.patches]
            after = [patch.owner.__dict__[patch.name] for patch in mutant.patches]
            self.assertEqual(before, after, mutant.number)
            self.assertFalse(
                any(one is other for one, other in zip(before, during, strict=True)), mutant.number
            )

    def test_taken_out_after_an_error(self) -> None:
        patch = Patch(Election, "_sticky", "state.leads or", "")
        before = Election._sticky

        def fail() -> None:
            with patch.planted():
                raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, fail)
        self.assertIs(Election._sticky, before)

    def test_what_it_changes(self) -> None:
        """A method, a property, a static method, a constant."""
        with Patch(Greeter, "greeted", ">=", "<").planted():
            self.assertIsInstance(Greeter.__dict__["greeted"], property)
        before = Reads.first_number(1)
        with Patch(Reads, "first_number", "<< _NUMBER_BITS", "<< 1").planted():
            self.assertEqual(Reads.first_number(1), 2)
        self.assertEqual(Reads.first_number(1), before)
        with Constant(trust, "Counters", None).planted():
            self.assertIsNone(trust.Counters)
        self.assertIsNotNone(trust.Counters)

    def test_a_method_that_has_changed(self) -> None:
        """It is said which one, in place of a bug that is none."""
        error = self.assertRaises(Moved, Patch(Trust, "tick", "no such words", "").planted().__enter__)
        self.assertIn("Trust.tick", str(error))

    def test_chance_or_a_reason(self) -> None:
        self.assertRaises(ValueError, Mutant, "1", "a bug", (), "S1", lambda: None)
