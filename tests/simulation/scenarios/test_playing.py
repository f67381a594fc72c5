"""Each scenario says what happens.  ``BULLETIN_REWRITE=1`` rewrites what is expected."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation import scenarios
from bulletin.simulation.scenarios import playing
from bulletin.simulation.scenarios.playing import SCENARIO, check, parse, play
from bulletin.simulation.scenarios.script import Script, UnknownCommand
from bulletin.simulation.scenarios.texts import names, text
from bulletin.simulation.violation import Violation

FOLDER = Path(scenarios.__file__).parent


def _test_of(name: str):
    def test(self) -> None:
        expected = text(name)
        played = play(expected)
        if os.environ.get("BULLETIN_REWRITE"):
            (FOLDER / f"{name}.txt").write_text(played)
            return
        self.assertEqual(played.split("\n"), expected.split("\n"), f"{name}: BULLETIN_REWRITE=1 rewrites it")

    test.__doc__ = text(name).split("\n", 1)[0].lstrip("# ")
    return test


class ScenarioTests(SynchronousTestCase):
    """One test for each file."""


class PlayingTests(SynchronousTestCase):
    def test_parts(self) -> None:
        parts = parse("# why\ncluster 3\n2: 1 4\n----\nok\n\n# only this\n")
        self.assertEqual(
            [(part.comments, part.command, part.lines) for part in parts],
            [(("# why",), "cluster 3", ("2: 1 4",)), (("# only this",), "", ())],
        )

    def test_something_else_happens(self) -> None:
        """It is said where a scenario and what happens part."""
        original = text("election")
        self.patch(
            playing,
            "text",
            lambda _name: original.replace("1 follower", "1 leader"),
        )
        violation = self.assertRaises(Violation, check, "election")
        self.assertEqual(violation.name, SCENARIO)
        self.assertIn("'1 follower term=2", violation.sentence)

    def test_as_it_says(self) -> None:
        check("election")

    def test_no_such_command(self) -> None:
        self.assertRaises(UnknownCommand, Script().run, "dance 1", [])

    def test_all_are_found(self) -> None:
        self.assertEqual(set(names()), {path.stem for path in FOLDER.glob("*.txt")})


for _name in names():
    setattr(ScenarioTests, f"test_{_name}", _test_of(_name))
