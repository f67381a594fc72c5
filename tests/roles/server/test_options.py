import subprocess
import sys
from pathlib import Path

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles.server import Options
from bulletin.storage.directory import DirectoryLock


class OptionsTests(SynchronousTestCase):
    def parse(self, *arguments, environment=None):
        options = Options(environment or {})
        options.parseOptions([*arguments, "--data", self.data])
        return options

    def setUp(self):
        self.data = self.mktemp()

    def refused(self, *arguments):
        return str(self.assertRaises(usage.UsageError, self.parse, *arguments))

    def test_defaults_are_those_of_the_first_server_on_one_machine(self):
        options = self.parse("--name", "alfa", "--listen", "tcp://127.0.0.1:0", "--advertise", "tcp://a:1")
        self.assertEqual(options["broker"], ("tcp://127.0.0.1:5556",))
        self.assertEqual(options["proxy"], ("tcp://127.0.0.1:5557",))
        self.assertEqual(options["reference"], "tcp://127.0.0.1:5560")
        self.assertEqual((options["expect"], options["publications"]), (3, "full"))
        self.assertEqual((options["clock-offset"], options["clock-drift"]), (0.0, 0.0))
        self.assertEqual(options["data"], Path(self.data).absolute())

    def test_what_it_listens_on_is_advertised(self):
        options = self.parse("--name", "alfa", "--listen", "ipc://alfa.sock")
        self.assertEqual(options["advertise"], "ipc://alfa.sock")

    def test_a_wildcard_cannot_be(self):
        for wildcard in ("tcp://*:0", "tcp://0.0.0.0:0", "tcp://[::]:0"):
            self.assertIn("--advertise", self.refused("--name", "alfa", "--listen", wildcard))
        self.parse("--name", "alfa", "--listen", "tcp://*:0", "--advertise", "tcp://host:5561")

    def test_a_name_is_needed(self):
        self.assertIn("--name", self.refused("--listen", "tcp://127.0.0.1:0"))

    def test_each_option_is_read_from_the_environment_too(self):
        options = self.parse(
            environment={
                "BULLETIN_NAME": "beta",
                "BULLETIN_LISTEN": "ipc://beta.sock",
                "BULLETIN_BROKER": "tcp://a:1,tcp://b:2",
                "BULLETIN_CLOCK_OFFSET": "-2.5",
            }
        )
        self.assertEqual((options["name"], options["advertise"]), ("beta", "ipc://beta.sock"))
        self.assertEqual((options["broker"], options["clock-offset"]), (("tcp://a:1", "tcp://b:2"), -2.5))

    def test_a_directory_in_use_is_one_sentence(self):
        lock = DirectoryLock(Path(self.data))
        lock.acquire()
        self.addCleanup(lock.release)
        sentence = self.refused("--name", "alfa", "--listen", "ipc://alfa.sock")
        self.assertIn("use", sentence)
        self.assertEqual(sentence.count("\n"), 0)

    def test_importing_the_command_chooses_no_reactor(self):
        code = (
            "import sys, bulletin.roles.server;"
            "print({'twisted.internet.reactor', 'txzmq'} & set(sys.modules))"
        )
        printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
        self.assertEqual(printed.stdout, "set()\n")
