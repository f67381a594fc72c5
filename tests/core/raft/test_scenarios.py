"""Scenarios as text: see ``scripted.py`` for the commands.  ``BULLETIN_REWRITE=1`` rewrites what is expected."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.core.raft.scripted import play

FOLDER = Path(__file__).parent / "scenarios"


def _test_of(path: Path):
    def test(self) -> None:
        text = path.read_text()
        played = play(text)
        if os.environ.get("BULLETIN_REWRITE"):
            path.write_text(played)
            return
        self.assertEqual(played.split("\n"), text.split("\n"), f"{path.name}: BULLETIN_REWRITE=1 rewrites it")

    test.__doc__ = path.read_text().split("\n", 1)[0].lstrip("# ")
    return test


class ScenarioTests(SynchronousTestCase):
    """One test for each file in ``scenarios/``."""


for _path in sorted(FOLDER.glob("*.txt")):
    setattr(ScenarioTests, f"test_{_path.stem}", _test_of(_path))
