"""Whether the Dockerfile can be built from this tree, and what it leaves in the image."""

import json
import re
from configparser import ConfigParser
from fnmatch import fnmatchcase

from twisted.trial.unittest import SynchronousTestCase

from tests.deployment.definition import ROOT, Image, instructions, load


class DockerfileTests(SynchronousTestCase):
    def setUp(self):
        self.instructions = list(instructions())
        self.last = self.instructions[-1][0]

    def of(self, word, stage=None):
        return [
            rest for number, found, rest in self.instructions if found == word and stage in {None, number}
        ]

    def test_only_known_instructions_in_two_stages(self):
        known = {"FROM", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "USER", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
        self.assertLessEqual({word for _, word, _ in self.instructions}, known)
        self.assertEqual(self.last, 1)

    def test_what_is_copied_is_there_and_goes_to_the_builder(self):
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        rules = [line for line in lines if line and not line.startswith("#")]
        sources = [
            source
            for rest in self.of("COPY")
            if not rest.startswith("--from=")
            for source in rest.split()[:-1]
        ]
        self.assertTrue(sources)
        for source in sources:
            self.assertTrue((ROOT / source).exists(), source)
            ignored = False
            for rule in rules:
                if fnmatchcase(source, rule.removeprefix("!")):
                    ignored = not rule.startswith("!")
            self.assertFalse(ignored, source)

    def test_what_the_package_is_built_of_is_copied(self):
        copied = {source for rest in self.of("COPY", 0) for source in rest.split()[:-1]}
        config = ConfigParser()
        config.read(ROOT / "setup.cfg")
        packages = config["options.packages.find"]["include"].split()
        self.assertLessEqual({name.partition(".")[0] for name in packages}, copied)
        read = config["metadata"]["long_description"].removeprefix("file:").strip()
        self.assertLessEqual({"setup.cfg", "pyproject.toml", read}, copied)

    def test_both_stages_have_one_python_and_one_that_will_do(self):
        images = {rest.split()[0] for rest in self.of("FROM")}
        (image,) = images
        version = re.fullmatch(r"python:3\.(\d+)-slim", image)
        self.assertGreaterEqual(int(version[1]), 11)

    def test_nothing_is_installed_in_the_image_itself(self):
        for command in self.of("RUN", self.last):
            self.assertNotRegex(command, r"\b(apt|apt-get|pip|curl|wget)\b")
        self.assertIn("--from=build", " ".join(self.of("COPY", self.last)))

    def test_it_runs_as_the_user_of_the_compose_file_by_exec(self):
        image = Image()
        services = load()["services"].values()
        self.assertEqual({service["user"] for service in services}, {image.user})
        for word in ("ENTRYPOINT", "CMD"):
            (rest,) = self.of(word, self.last)
            self.assertIsInstance(json.loads(rest), list)
        self.assertEqual(self.of("STOPSIGNAL"), ["SIGTERM"])

    def test_volumes_are_mounted_where_their_user_owns_the_folder(self):
        user, group = Image().user.split(":")
        made = " ".join(self.of("RUN", self.last))
        targets = {
            volume.partition(":")[2]
            for service in load()["services"].values()
            for volume in service.get("volumes", ())
        }
        for target in targets:
            self.assertRegex(made, rf"install -d -o {user} -g {group} -m 0700 {re.escape(target)}$")
        self.assertIn(Image().environment["XDG_STATE_HOME"], targets)

    def test_it_says_what_it_is(self):
        labels = " ".join(self.of("LABEL", self.last))
        for name in ("title", "description", "documentation"):
            self.assertIn(f"org.opencontainers.image.{name}=", labels)
