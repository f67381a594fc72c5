"""A short look with atheris, where it is there; and that it would find something."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzzing import guided, targets
from tests.fuzzing.__main__ import main
from tests.fuzzing.guided import ABSENT, TOGETHER, fuzz, is_here
from tests.fuzzing.targets import TARGETS, Target
from tests.simulation.commands import carried_out

SECONDS = 6


class Guided(SynchronousTestCase):
    def test_all_targets_for_a_moment(self):
        if not is_here():
            self.skipTest(ABSENT)
        crashes = Path(self.mktemp())
        crashes.mkdir()
        finding = fuzz(TOGETHER, SECONDS, crashes, seed=1)
        self.assertEqual((finding.broken, finding.said), ([], ""))
        self.assertGreater(finding.executed, 0)


class Command(SynchronousTestCase):
    def command(self, *words: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error."""
        return carried_out(main, *words)

    def test_a_file_is_fed_again(self):
        path = Path(self.mktemp())
        path.write_bytes(b"\xc1")
        self.assertEqual(self.command("peers", str(path)), (0, "", ""))

    def test_a_decoder_that_is_broken_is_told_of(self):
        def broken(_data: bytes) -> None:
            raise KeyError("never documented")

        path = Path(self.mktemp())
        path.write_bytes(b"\xc1")
        self.patch(targets, "TARGETS", {**TARGETS, "peers": Target("peers", broken)})
        self.patch(guided, "TARGETS", targets.TARGETS)
        status, said, _ = self.command("peers", str(path))
        self.assertEqual(status, 1)
        self.assertIn("never documented", said)

    def test_what_is_typed_wrong_gets_a_sentence(self):
        for words, sentence in (
            (["nothing"], "give a target"),
            (["peers", "/nowhere/at/all"], "there is no such file"),
            (["peers", "--seconds", "0"], "argument --seconds: '0' is no whole number from 1 on"),
        ):
            status, _, said = self.command(*words)
            self.assertEqual(status, 2)
            self.assertIn(sentence, said)
