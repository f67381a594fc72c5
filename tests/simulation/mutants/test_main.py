"""The command: its table, its exit status, and one sentence for whatever is typed wrong."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation.mutants import __main__ as command
from bulletin.simulation.mutants.catalogue import BY_NUMBER
from bulletin.simulation.mutants.trial import Verdict
from tests.simulation.commands import carried_out


def run(*words: str) -> tuple[int, list[str], str]:
    """Exit status, lines, errors."""
    status, output, errors = carried_out(command.main, *words)
    return status, output.splitlines(), errors


class CommandTests(SynchronousTestCase):
    def test_caught(self) -> None:
        status, lines, errors = run("--only", "7", "--seeds", "2")
        self.assertEqual((status, errors), (0, ""))
        row = "| 7 | a leader counts its own entry before its sync | scenario | S6, seed 0 |"
        self.assertEqual(lines[2:], [row, "1 of 1 were caught"])

    def test_survivor(self) -> None:
        """A schedule that notices nothing is said so, and the exit status is 1."""
        blind = attrs.evolve(BY_NUMBER["7"], schedule=lambda: None)
        self.patch(command, "BY_NUMBER", BY_NUMBER | {"7": blind})
        status, lines, _errors = run("--only", "7", "--seeds", "0")
        self.assertEqual(status, 1)
        self.assertIn("**survives** | not tried **not as it should be**", lines[2])
        self.assertEqual(lines[-1], "0 of 1 were caught; not 7")

    def test_rows(self) -> None:
        row, mutant = command.row, BY_NUMBER["7"]
        self.assertIn("survives 9 seeds", row(mutant, Verdict("S6", None, 9, None)))
        self.assertIn("S9, without the bug", row(mutant, Verdict("S6", "S9", 1, "S6")))
        self.assertIn("not as it should be", row(mutant, Verdict("S6", None, 1, "L1")))
        self.assertNotIn("not as it should be", row(mutant, Verdict("S6", None, 1, "S6")))

    def test_mistakes(self) -> None:
        for words, sentence in (
            (("--only", "99"), "there is no mutant 99; there are 1, 2, 3"),
            (("--seeds", "-1"), "'-1' is no whole number from 0 on"),
            (("--jobs", "no"), "'no' is no whole number from 1 on"),
            (("--dance",), "unrecognized arguments: --dance"),
        ):
            with self.subTest(words):
                status, lines, errors = run(*words)
                self.assertEqual((status, lines, errors.count("\n")), (2, [], 1))
                self.assertIn(sentence, errors)
