"""No sentence that a person meets at the client stands outside the catalogues."""

import ast
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles import client

MODULES = sorted(Path(client.__file__).parent.rglob("*.py"))
WORD = re.compile(r"[^\W\d_]{2,}")
SENTENCE = re.compile(r"[^\W\d_]{2,}[,;:]? [^\W\d_]+")
MARKS = {"N_", "count"}
SHOWN_BY = {
    "say",
    "_say",
    "notice",
    "complain",
    "line",
    "Mistake",
    "Complaint",
    "WrongUsage",
    "UsageError",
    "print",
}
COMMAND = "twistd bulletin-client"
FOR_DEVELOPERS = {
    "__init__",
    "debug",
    "info",
    "warn",
    "error",
    "failure",
}  # exceptions' names for themselves, and logs


def name_of(call):
    return getattr(call.func, "attr", None) or getattr(call.func, "id", "")


def literals(node):
    """The texts in an expression, but for those that are marked."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.Call) and name_of(node) in MARKS:
        return []
    return [text for child in ast.iter_child_nodes(node) for text in literals(child)]


def texts(node):
    """Lines, with the texts, of what would be shown as it stands."""
    match node:
        case ast.Expr(ast.Constant()) | ast.Assert():  # a docstring; told to developers
            return
        case ast.Call() if name_of(node) in SHOWN_BY:
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            for text in (text for argument in arguments for text in literals(argument)):
                if WORD.search(text):
                    yield node.lineno, text
        case ast.Call() if name_of(node) in MARKS | FOR_DEVELOPERS:
            return
        case ast.Constant(str() as text):
            if SENTENCE.search(text) and text.strip() != COMMAND:
                yield node.lineno, text
        case _:
            for child in ast.iter_child_nodes(node):
                yield from texts(child)


def unmarked(source):
    return list(texts(ast.parse(source)))


class Sentences(SynchronousTestCase):
    def test_all_are_marked(self):
        """If this fails: write it as ``language.say(N_("…"))``, see bulletin/language.py."""
        found = {path.name: shown for path in MODULES if (shown := unmarked(path.read_text()))}
        self.assertEqual(found, {})

    def test_the_walk_finds_what_it_should(self):
        for source in (
            'show.notice("gone")',
            'raise Mistake(f"{x} is wrong")',
            'language.say("gone")',
            'doc = "who you are"',
            'show.notice(N_("well"), why="broken")',
        ):
            self.assertEqual(len(unmarked(source)), 1, source)

    def test_the_walk_leaves_the_rest_alone(self):
        for source in (
            'show.notice(N_("gone"), at=x)',
            'console.line(f"{where}#{seq}: {first}")',
            'language.count("{number} post", "{number} posts", 3)',
            '_log.info("The client is up")',
            '"""It says so."""',
            'Option("broker", kind, N_("the broker to ask"))',
        ):
            self.assertEqual(unmarked(source), [], source)
