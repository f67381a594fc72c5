"""docs/operations.md explains every sentence that a role logs or says, and names only metrics that there are."""

import ast
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bulletin"
DOC = ROOT / "docs/operations.md"

SPEAKING = (
    "core/board/board.py",
    "core/broker",
    "core/log/founding.py",
    "core/raft/acceptance.py",
    "core/reference",
    "core/server",
    "core/store",
    "roles",
    "storage",
    "transport/binding.py",
    "transport/connection.py",
    "transport/forwarding.py",
    "transport/guarded.py",
)
"""Whose sentences reach an operator."""

SILENT = (
    "core/reference/ranks.py",  # why a record is damaged
    "core/server/answers.py",
    "roles/bot/journal.py",  # it writes values
    "roles/client",  # it speaks to users, from its catalogue
    "roles/harmless.py",  # characters
    "roles/health_check.py",  # a command of its own; its sentence says all
    "roles/options.py",  # of a mistake on the command line the sentence says all
    "roles/supervision/screen.py",
    "storage/giver.py",  # SQL
    "storage/history.py",  # SQL, and what is damaged
    "core/store/intake.py",  # why a part of a transfer is asked for again
    "core/store/parts.py",  # the same
    "core/store/records.py",  # what is damaged
    "storage/schema.py",
    "storage/scrub.py",  # what is damaged
    "storage/shelf.py",  # SQL, and what is damaged
    "storage/simulated_disk",  # no operator has one
    "storage/tables.py",  # what is damaged
)
"""Those of them whose strings are something else."""

NOT_SAID = {
    "AssertionError",
    "Damaged",  # stands within the sentence on a damaged database
    "Mistake",
    "Option",
    "TypeError",
    "ValueError",
    "counter",
    "debug",
    "execute",
    "executemany",
    "gauge",
    "write",
}
"""What is called with a text that is no sentence for the log."""

CONSTANTS_NOT_SAID = {"_COUNTED", "_TWISTD"}
"""Module constants whose texts are no such sentences."""

WORDS_MIN = 3


def texts(node):
    """The texts in a syntax tree that are not documentation: line, text; what is inserted at run time is ``…``."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Assert | ast.Subscript):
        return
    if isinstance(node, ast.AnnAssign | ast.arg):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            target = node.target
            if not (isinstance(target, ast.Name) and target.id in CONSTANTS_NOT_SAID):
                yield from texts(node.value)
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        node = ast.Module(body=node.body, type_ignores=[])  # without its annotations
    if isinstance(node, ast.Call) and called(node) in NOT_SAID:
        return
    if isinstance(node, ast.JoinedStr):
        yield (
            node.lineno,
            "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values),
        )
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.lineno, re.sub(r"\{\w*(![rs])?(:[^}]*)?\}", "…", node.value)
        return
    if isinstance(node, ast.Call) and called(node) in {"repeat", "_say"} and len(node.args) > 1:
        node = ast.Module(body=node.args[1:], type_ignores=[])  # without the kind, which is told to nobody
    for child in ast.iter_child_nodes(node):
        yield from texts(child)


def called(node):
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def plain(text):
    """A sentence as it is looked for: on one line, without what is inserted at its ends."""
    return re.sub(r"\s+", " ", text).strip(" …")


def sentences():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if not name.startswith(SPEAKING) or name.startswith(SILENT):
            continue
        for line, text in texts(ast.parse(path.read_text())):
            if len(text.split()) >= WORDS_MIN:
                yield f"{name}:{line}", plain(text)


class OperationsTests(SynchronousTestCase):
    def test_every_sentence_is_explained(self):
        doc = plain(DOC.read_text())
        missing = {text: place for place, text in sentences() if text not in doc}
        listed = "\n".join(f"  {place}: {text}" for text, place in missing.items())
        if missing:
            shown = listed.encode("utf-8", "backslashreplace").decode()
            self.fail(f"docs/operations.md does not explain (… stands for what differs):\n{shown}")

    def test_enough_sentences_are_found(self):
        """Of each way to say something one: so that the test above looks at them."""
        found = {text for _, text in sentences()}
        for text in (
            "the reference knows another cluster than the one in this server's log; the log counts",  # notices
            "came too late and is not a member.",  # a list of sentences
            "The … is up:",  # a logger
            "A message of a … could not be read, and was dropped",  # a rate-limited logger
            "Requests found no room; … so far",  # a table of sentences
            "The server has met a state that cannot be: it stops rather than answer wrongly; see its log.",
            "The disk is behind.",  # /readyz
            "did not stop in time and is killed.",
        ):
            self.assertTrue(any(text in one for one in found), text)

    def test_every_metric_that_is_named_is_there(self):
        code = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
        made = {f"bulletin_{name}" for name in re.findall(r'(?:gauge|counter)\(\s*f?"([a-z_{}]+)"', code)}
        named = set(re.findall(r"\bbulletin_[a-z_]+\b", DOC.read_text()))
        patterns = [re.sub(r"\\{\w+\\}", "[a-z]+", re.escape(name)) for name in made]
        unknown = {name for name in named if not any(re.fullmatch(one, name) for one in patterns)}
        self.assertEqual(unknown, set())
        self.assertGreater(len(named), 10)
