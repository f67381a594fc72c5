"""What no linter says: sizes, names and leftovers in the tree."""

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
PACKAGE = sorted((ROOT / "bulletin").rglob("*.py"))
TEXTS = [
    *PACKAGE,
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "newsfragments").glob("*.md")),
    *sorted(ROOT.glob("*.md")),
]
LINES_MAX = 500
FOR_TESTS = {
    # The store's twin: shipped, so that it is held to the same interface.
    "bulletin.simulation.memory_store",
    # The exhaustive search, for the tests of the other checkers of histories.
    "bulletin.linearizability.search",
}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "common", "misc"}


class TidyTests(SynchronousTestCase):
    def test_modules_can_be_read_in_one_sitting(self):
        long = {
            str(path.relative_to(ROOT)): lines
            for path in PACKAGE
            if (lines := len(path.read_text().splitlines())) > LINES_MAX
        }
        self.assertEqual(long, {})

    def test_no_module_is_named_for_nothing(self):
        self.assertEqual([str(path) for path in PACKAGE if path.stem in FORBIDDEN_NAMES], [])

    def test_every_package_explains_itself(self):
        silent = [
            str(path.relative_to(ROOT))
            for path in PACKAGE
            if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
        ]
        self.assertEqual(silent, [])

    def test_nothing_is_left_unwritten(self):
        for path in PACKAGE:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                for word in ("TODO", "FIXME", "XXX", "NotImplementedError"):
                    self.assertNotIn(word, line, f"{path.relative_to(ROOT)}:{number}")

    def test_no_conflict_of_a_merge_is_left(self):
        marks = tuple(7 * mark + " " for mark in "<>|")
        found = [
            f"{path.relative_to(ROOT)}:{number}"
            for path in TEXTS
            for number, line in enumerate(path.read_text().splitlines(), 1)
            if line.startswith(marks)
        ]
        self.assertEqual(found, [])

    def test_no_module_of_the_package_is_dead(self):
        """Every module is imported by another one, or is a command or its entry, or named by a unit of systemd's."""
        imported = set()
        for path in [*PACKAGE, *(ROOT / "twisted").rglob("*.py")]:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module:
                    imported.add(node.module)
                    imported.update(f"{node.module}.{alias.name}" for alias in node.names)
                elif isinstance(node, ast.Import):
                    imported.update(alias.name for alias in node.names)
        plugins = (ROOT / "twisted/plugins/bulletin_plugins.py").read_text()
        units = "".join(path.read_text() for path in (ROOT / "deploy/systemd").glob("*.service"))
        scripts = (ROOT / "setup.cfg").read_text()
        dead = []
        for path in PACKAGE:
            if path.name in {"__init__.py", "__main__.py"} or '__name__ == "__main__"' in path.read_text():
                continue
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            named = f'"{name}"' in plugins or f"={name}." in units or f"= {name}:" in scripts
            if name not in imported | FOR_TESTS and not named:
                dead.append(name)
        self.assertEqual(dead, [])
