import subprocess
import sys
from pathlib import Path

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles import server
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

    def test_its_own_address_is_found(self):
        self.patch(server, "own_endpoint", lambda listen: "tcp://10.0.0.7:0")
        options = self.parse("--name", "alfa", "--listen", "tcp://*:0", "--advertise", "auto")
        self.assertEqual(options["advertise"], "tcp://10.0.0.7:0")

    def test_a_pool_gives_name_and_directory(self):
        pool = self.mktemp()
        names = []
        for _ in range(2):
            options = Options({"BULLETIN_DATA_POOL": pool})
            options.parseOptions(["--listen", "tcp://127.0.0.1:0"])
            self.addCleanup(options.place.release)
            names.append(options["name"])
            self.assertEqual(options["data"], Path(pool).absolute() / options["name"])
        self.assertEqual(names, ["servidor-1", "servidor-2"])

    def test_a_pool_goes_with_no_name_and_no_directory(self):
        for mixed in (["--name", "alfa"], ["--data", "data"]):
            options = Options({})
            arguments = ["--listen", "tcp://127.0.0.1:0", "--data-pool", self.mktemp(), *mixed]
            error = self.assertRaises(usage.UsageError, options.parseOptions, arguments)
            self.assertIn(f"does not go with {mixed[0]}", str(error))

    def test_a_pool_that_cannot_be_used_is_one_sentence(self):
        file = Path(self.mktemp())
        file.touch()
        options = Options({})
        arguments = ["--listen", "tcp://127.0.0.1:0", "--data-pool", str(file / "pool")]
        error = self.assertRaises(usage.UsageError, options.parseOptions, arguments)
        self.assertIn("cannot be used", str(error))

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
