"""Whether the next release can tell what is new."""

import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent


class Changelog(SynchronousTestCase):
    def setUp(self):
        self.settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]

    def test_the_place_for_the_next_release_is_there(self):
        lines = (ROOT / self.settings["filename"]).read_text().splitlines()
        self.assertEqual(lines.count("<!-- towncrier release notes start -->"), 1)

    def test_every_fragment_will_be_taken(self):
        """Towncrier passes over what is named in another way."""
        kinds = {kind["directory"] for kind in self.settings["type"]}
        for path in (ROOT / self.settings["directory"]).iterdir():
            if path.name.startswith("."):
                continue
            issue, kind, *number = path.name.removesuffix(".md").split(".")
            self.assertTrue(issue.isdigit() and kind in kinds and len(number) <= 1, path.name)
            self.assertTrue(all(part.isdigit() for part in number), path.name)
            self.assertTrue(path.read_text().strip(), path.name)
