"""Whether what the documents name is there: files, modules, commands, options, variables, headings."""

import re
from importlib import import_module, util
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.scripts.twistd import ServerOptions
from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TOPS = (
    "bulletin",
    "tests",
    "twisted",
    "docs",
    "deploy",
    "examples",
    "benchmarks",
    "typings",
    "newsfragments",
)
FILES = {
    "/" + str(path.relative_to(ROOT)) for top in TOPS for path in (ROOT / top).rglob("*") if path.is_file()
}
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
WHOLE_PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(TOPS)})/[\w./-]*[\w/]")
COMMAND = re.compile(r"\bbulletin-(?:board|broker|proxy|reference|server|client|bot)\b")
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")
VARIABLE = re.compile(r"\bBULLETIN_[A-Z_]+\b")
OTHERS = {"csv", "scale", "wait"}  # those of test commands, and docker compose's
MODULE = re.compile(r"python3? -m ((?:tests|bulletin|benchmarks)[\w.]*)")


def commands():
    return {
        plugin.tapname: import_module(plugin.module).Options()
        for plugin in getPlugins(IServiceMaker)
        if plugin.tapname.startswith("bulletin-")
    }


def names(options):
    """The long options of a command and of the commands below it."""
    found = {name.removesuffix("=") for name in options.longOpt}
    for _, _, parser, _ in getattr(options, "subCommands", ()):
        found |= names(parser())
    return found


def anchors(text):
    """The anchors of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(text):
    """The command lines in a document, continued ones as one."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    \S.*$", text, re.MULTILINE)
    for block in (*fenced, *indented):
        yield from block.replace("\\\n", " ").splitlines()
    yield from CODE.findall(text)


class Documents(SynchronousTestCase):
    def each(self):
        for path in DOCUMENTS:
            yield path, str(path.relative_to(ROOT)), path.read_text()

    def test_links(self):
        """Every relative link, and every heading that it names."""
        for path, name, text in self.each():
            for target in LINK.findall(text):
                if re.match(r"[a-z]+:", target):
                    continue
                file, _, anchor = target.partition("#")
                found = path.parent / file if file else path
                self.assertTrue(found.exists(), f"{name}: {target}")
                if anchor:
                    self.assertIn(anchor, anchors(found.read_text()), f"{name}: {target}")

    def test_paths(self):
        """Every path from the top, and every module that is named by the end of its path."""
        for _, name, text in self.each():
            for named in WHOLE_PATH.findall(text):
                self.assertTrue((ROOT / named).exists(), f"{name}: {named}")
            for named in CODE.findall(text):
                ours = "/" in named or name == "docs/architecture.md"  # else it may be the reader's
                if ours and re.fullmatch(r"[\w/]+\.py", named):
                    self.assertTrue(any(file.endswith("/" + named) for file in FILES), f"{name}: {named}")

    def test_modules_that_are_run(self):
        for _, name, text in self.each():
            for module in MODULE.findall(text):
                self.assertIsNotNone(util.find_spec(module), f"{name}: {module}")

    def test_commands_and_options(self):
        """Every option beside a command is one of its own, every other one is some command's."""
        known = {name: names(options) for name, options in commands().items()}
        twistd = {name.removesuffix("=") for name in ServerOptions().longOpt}
        checked = 0
        for _, name, text in self.each():
            for line in blocks(text):
                found = COMMAND.search(line)
                if found is not None:
                    own = known[found.group()] | twistd
                    options = OPTION.findall(line[found.end() :])
                elif line.startswith("--"):
                    own = set().union(*known.values(), twistd, OTHERS)
                    options = OPTION.findall(line)
                else:
                    continue
                checked += len(options)
                self.assertEqual(set(options) - own, set(), f"{name}: {line}")
        self.assertGreater(checked, 20)

    def test_every_command_is_documented(self):
        whole = "\n".join(text for _, _, text in self.each())
        self.assertEqual({name for name in commands() if name not in whole}, set())

    def test_variables(self):
        """Every variable is that of an option, or is read by name, or what a deployment is set up by."""
        options = set().union(*(names(options) for options in commands().values()))
        known = {"BULLETIN_" + name.upper().replace("-", "_") for name in options} | {"BULLETIN_NAME"}
        read = [*(ROOT / "bulletin").rglob("*.py"), *ROOT.glob("*.yml"), *(ROOT / "deploy").rglob("*.*")]
        code = set(VARIABLE.findall("\n".join(path.read_text() for path in read if path.is_file())))
        for _, name, text in self.each():
            for variable in VARIABLE.findall(text):
                self.assertTrue(variable in known | code, f"{name}: {variable}")
