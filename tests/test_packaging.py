"""Whether what is installed is whole: every package, every command, and none that chooses a reactor by being looked at."""

import importlib
import json
import subprocess
import sys
from configparser import ConfigParser
from fnmatch import fnmatchcase
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
COMMANDS = {
    "bulletin-board",
    "bulletin-bot",
    "bulletin-broker",
    "bulletin-client",
    "bulletin-proxy",
    "bulletin-reference",
    "bulletin-server",
}

# Looks at each command as twistd does, its options and its help; and at whether one of them chose a reactor.
LOOK = """
import importlib, json, sys
from twisted.python import usage
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    options = module.Options()
    print(json.dumps({
        "module": name,
        "options": isinstance(options, usage.Options) and "--" in str(options),
        "makes": callable(module.makeService),
        "reactor": "twisted.internet.reactor" in sys.modules,
        "txzmq": "txzmq" in sys.modules,
    }))
"""


def commands():
    return {
        plugin.tapname: plugin.module
        for plugin in getPlugins(IServiceMaker)
        if plugin.tapname.startswith("bulletin-")
    }


class PackagingTests(SynchronousTestCase):
    def test_every_package_is_in_the_wheel(self):
        config = ConfigParser()
        config.read(ROOT / "setup.cfg")
        self.assertEqual(config["options"]["packages"].strip(), "find_namespace:")
        patterns = config["options.packages.find"]["include"].split()
        folders = {
            ".".join(path.parent.relative_to(ROOT).parts)
            for top in ("bulletin", "twisted")
            for path in (ROOT / top).rglob("*.py")
        }
        lost = {name for name in folders if not any(fnmatchcase(name, pattern) for pattern in patterns)}
        self.assertEqual(lost, set())
        self.assertFalse([pattern for pattern in patterns if fnmatchcase("tests.core", pattern)])

    def test_every_folder_of_the_package_is_a_package(self):
        """A folder without ``__init__.py`` works in a checkout, and is easily lost on the way into a wheel."""
        bare = {
            str(path.parent.relative_to(ROOT))
            for path in (ROOT / "bulletin").rglob("*.py")
            if not (path.parent / "__init__.py").exists()
        }
        self.assertEqual(bare, set())

    def test_twisteds_own_namespace_is_left_alone(self):
        """An ``__init__.py`` there would hide Twisted itself, or all other plugins."""
        self.assertEqual(list((ROOT / "twisted").rglob("__init__.py")), [])

    def test_the_marker_for_type_checkers_is_there(self):
        self.assertTrue((ROOT / "bulletin" / "py.typed").exists())

    def test_twistd_has_the_commands(self):
        self.assertEqual(set(commands()), COMMANDS)

    def test_the_plugins_name_modules_and_import_none(self):
        code = (
            "import sys; from importlib import import_module; import_module('twisted.plugins.bulletin_plugins'); "
            "sys.exit(any(name.split('.')[0] == 'bulletin' for name in sys.modules))"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

    def test_every_command_has_options_and_a_service_and_chooses_no_reactor(self):
        modules = sorted(commands().values())
        done = subprocess.run(
            [sys.executable, "-c", LOOK, *modules], capture_output=True, text=True, cwd=ROOT, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        right = {"options": True, "makes": True, "reactor": False, "txzmq": False}
        self.assertEqual(
            [json.loads(line) for line in done.stdout.splitlines()],
            [{"module": module, **right} for module in modules],
        )

    def test_every_module_can_be_imported(self):
        for path in sorted((ROOT / "bulletin").rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            importlib.import_module(name.removesuffix(".__init__"))
