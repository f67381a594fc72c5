"""Options, their environment variables, and the one sentence of each mistake."""

import io
import os
import socket
import subprocess
import sys
from pathlib import Path
from unittest import mock

import zmq
from twisted.python import usage
from twisted.scripts.twistd import ServerOptions
from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles.options import (
    DIRECTORY,
    FILE,
    FLAG,
    HOST_PORT,
    HTTP,
    NAME,
    HostPort,
    Mistake,
    Option,
    RoleOptions,
    choice,
    endpoint,
    endpoints,
    integer,
    real,
)

ROOT = Path(__file__).parent.parent.parent


class Example(RoleOptions):
    table = (
        Option("clients", endpoints(listen=True), "for clients", "tcp://127.0.0.1:0"),
        Option("reference", endpoint(listen=False), "of the reference", "tcp://127.0.0.1:5560"),
        Option("base-port", integer(1, 65000), "first port", "5555"),
        Option("rate", real(0, 100), "posts a second", "1"),
        Option("name", NAME, "the name"),
        Option("data", DIRECTORY, "the data", "bulletin-data"),
        Option("publications", choice("full", "flat"), "their shape", "full"),
        Option("json", FLAG, "one object a line"),
        HTTP,
    )


class Strict(RoleOptions):
    table = (Option("name", NAME, "the name", required=True), HTTP)


def parse(*arguments, cls=Example, **environment):
    options = cls(environment)
    options.parseOptions(list(arguments))
    return options


class Written(RoleOptions):
    table = (Option("journal", FILE, "a file"),)


class Values(SynchronousTestCase):
    def test_files(self):
        """A file need not be there; its directory must."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertEqual(
            parse("--journal", str(folder / "a"), cls=Written)["journal"], folder.absolute() / "a"
        )
        for wrong in (folder, folder / "none" / "a", "", "a\0", "a" * 300, "~nobody.of.that.name/a"):
            with self.assertRaisesRegex(
                usage.UsageError, "^--journal: .* is (a directory, or in none|no file)\\.$"
            ):
                parse("--journal", str(wrong), cls=Written)

    def test_defaults_are_parsed_like_what_a_user_gives(self):
        options = parse()
        self.assertEqual(options["clients"], ("tcp://127.0.0.1:0",))
        self.assertEqual(options["reference"], "tcp://127.0.0.1:5560")
        self.assertEqual(options["base-port"], 5555)
        self.assertEqual(options["rate"], 1.0)
        self.assertEqual(options["data"], Path("bulletin-data").absolute())
        self.assertEqual(options["publications"], "full")
        self.assertIsNone(options["name"])
        self.assertIsNone(options["http"])
        self.assertIs(options["json"], False)

    def test_a_variable_of_the_environment_is_read(self):
        options = parse(
            BULLETIN_CLIENTS="tcp://127.0.0.1:0, ipc://@example",
            BULLETIN_BASE_PORT="7000",
            BULLETIN_JSON="sim",
            BULLETIN_HTTP="[::1]:0",
        )
        self.assertEqual(options["clients"], ("tcp://127.0.0.1:0", "ipc://@example"))
        self.assertEqual(options["base-port"], 7000)
        self.assertIs(options["json"], True)
        self.assertEqual(options["http"], HostPort("[::1]", 0))
        self.assertEqual(options["http"].interface, "::1")

    def test_the_command_line_wins_over_the_environment(self):
        """Even over a variable that is invalid: it is not looked at."""
        options = parse("--base-port", "7001", "--json", BULLETIN_BASE_PORT="x", BULLETIN_JSON="no")
        self.assertEqual(options["base-port"], 7001)
        self.assertIs(options["json"], True)

    def test_an_empty_variable_counts_as_none(self):
        self.assertEqual(parse(BULLETIN_BASE_PORT="")["base-port"], 5555)

    def test_help_names_the_variable_and_the_default(self):
        text = " ".join(str(Example({})).split())
        self.assertIn("first port (or BULLETIN_BASE_PORT, 5555 if not given)", text)
        self.assertIn("the name (or BULLETIN_NAME)", text)
        self.assertIn("(must be given, or BULLETIN_NAME)", " ".join(str(Strict({})).split()))

    def test_no_variable_is_shared_between_classes(self):
        self.assertEqual([row[0] for row in Strict.optParameters], ["name", "http"])


class Mistakes(SynchronousTestCase):
    def refused(self, *arguments, **environment):
        error = self.assertRaises(usage.UsageError, parse, *arguments, **environment)
        self.assertNotIn("\n", str(error))
        return str(error)

    def test_the_option_is_named(self):
        for name, value, words in (
            ("clients", "tcp://127.0.0.1:99999", "is not a number from 0 to 65535"),
            ("clients", "127.0.0.1:5555", "begins neither with tcp:// nor with ipc://"),
            ("clients", "", "an endpoint is empty"),
            ("reference", "tcp://*:5560", "wildcard"),
            ("reference", "tcp://a:1,tcp://b:1", "more than one endpoint"),
            ("base-port", "65001", "is not a whole number from 1 to 65000"),
            ("base-port", "1_000", "is not a whole number"),
            ("base-port", "٣", "is not a whole number"),
            ("rate", "nan", "is not a number from 0 to 100"),
            ("rate", "1e3", "is not a number from 0 to 100"),
            ("name", " ana", "begins or ends with a blank"),
            ("name", "", "is empty"),
            ("name", "a\nb", "cannot be printed"),
            ("name", "\udcff", "cannot be printed"),
            ("name", "é" * 33, "is longer than 64 bytes"),
            ("data", "d" * 300, "is no directory"),  # longer than a name may be: looking at it fails
            ("data", "~nobody.of.that.name/d", "is no directory"),
            ("data", "", "is no directory"),
            ("data", __file__, "no directory"),
            ("publications", "round", "is none of full, flat"),
            ("http", "8080", "is not of the form HOST:PORT"),
            ("http", "a b:80", "neither a name nor an address"),
        ):
            with self.subTest(name=name, value=value):
                sentence = self.refused(f"--{name}", value)
                self.assertTrue(sentence.startswith(f"--{name}: "), sentence)
                self.assertIn(words, sentence)
                self.assertTrue(sentence.endswith("."), sentence)

    def test_the_variable_is_named(self):
        self.assertEqual(
            self.refused(BULLETIN_RATE="fast"), "BULLETIN_RATE: 'fast' is not a number from 0 to 100."
        )
        self.assertEqual(self.refused(BULLETIN_JSON="maybe"), "BULLETIN_JSON: 'maybe' is neither yes nor no.")

    def test_what_must_be_given(self):
        error = self.assertRaises(usage.UsageError, parse, cls=Strict)
        self.assertEqual(str(error), "--name is missing (or set BULLETIN_NAME).")

    def test_further_arguments_are_refused(self):
        self.assertEqual(self.refused("start"), "The argument 'start' is one too many.")
        self.assertEqual(self.refused("a", "b"), "The argument 'a' is one too many.")

    def test_an_unknown_option(self):
        self.assertIn("--nonsense", self.refused("--nonsense"))

    def test_a_long_value_is_shortened(self):
        self.assertLess(len(self.refused("--rate", "9" * 10_000)), 200)

    def test_options_are_checked_together(self):
        class Checked(Example):
            table = Example.table

            def check(self):
                if self["rate"] > self["base-port"]:
                    raise Mistake("the rate is above the port")

        error = self.assertRaises(usage.UsageError, parse, "--rate=9", "--base-port=8", cls=Checked)
        self.assertEqual(str(error), "The rate is above the port.")


class Listening(SynchronousTestCase):
    """What a role listens on is tried out before it starts."""

    def taken(self):
        holder = socket.socket()
        self.addCleanup(holder.close)
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        return holder.getsockname()[1]

    def refused(self, *arguments):
        return str(self.assertRaises(usage.UsageError, parse, *arguments))

    def test_a_taken_port(self):
        endpoint = f"tcp://127.0.0.1:{self.taken()}"
        self.assertEqual(
            self.refused("--clients", endpoint),
            f"Cannot listen on {endpoint}: the address is already in use.",
        )

    def test_a_port_taken_through_a_wildcard(self):
        port = self.taken()
        for host in ("*", "0.0.0.0"):
            self.assertIn("already in use", self.refused("--clients", f"tcp://{host}:{port}"))

    def test_a_taken_port_for_http(self):
        page = f"127.0.0.1:{self.taken()}"
        self.assertEqual(
            self.refused("--http", page), f"Cannot listen on {page}: the address is already in use."
        )

    def test_two_options_that_name_the_same_port(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.assertIn(
            "already in use",
            self.refused("--clients", f"tcp://127.0.0.1:{port}", "--http", f"127.0.0.1:{port}"),
        )

    def test_an_address_of_another_machine(self):
        self.assertIn("this machine has no such address", self.refused("--clients", "tcp://192.0.2.1:0"))

    def test_a_host_for_http_that_is_none(self):
        self.assertIn("Cannot listen on", self.refused("--http", "no-such-host.invalid:0"))

    def test_a_path_that_another_process_listens_on_is_not_stolen(self):
        path = self.mktemp()[-60:].replace("/", "_")
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        owner = context.socket(zmq.ROUTER)
        owner.bind(f"ipc://{path}")
        self.assertIn("already in use", self.refused("--clients", f"ipc://{path}"))
        peer = context.socket(zmq.DEALER)
        peer.connect(f"ipc://{path}")
        peer.send(b"x")
        self.assertTrue(owner.poll(5000))

    def test_a_file_at_a_path_is_not_removed(self):
        path = Path(self.mktemp()[-60:].replace("/", "_"))
        path.write_text("precious")
        self.assertIn("something else than a socket", self.refused("--clients", f"ipc://{path}"))
        self.assertEqual(path.read_text(), "precious")

    def test_trying_out_leaves_nothing_behind(self):
        path = Path(self.mktemp()[-60:].replace("/", "_"))
        parse("--clients", f"ipc://{path}")
        self.assertFalse(path.exists())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for _ in range(2):
            parse("--clients", f"tcp://127.0.0.1:{port}")


class UnderTwistd(SynchronousTestCase):
    def test_a_mistake_is_one_line_and_status_1(self):
        commands = (("bulletin-example", None, lambda: Example({}), "an example"),)
        twistd = type("Twistd", (usage.Options,), {"subCommands": commands})()
        with mock.patch.object(sys, "stderr", io.StringIO()) as errors:
            stop = self.assertRaises(SystemExit, twistd.parseOptions, ["bulletin-example", "--rate", "x"])
        self.assertEqual(stop.code, 1)
        self.assertEqual(errors.getvalue(), "bulletin-example: --rate: 'x' is not a number from 0 to 100.\n")

    def test_the_module_leaves_the_choice_of_the_reactor_to_twistd(self):
        program = "import sys, bulletin.roles.options; print('twisted.internet.reactor' in sys.modules)"
        shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        self.assertEqual(shown.stdout, "False\n")


class HelpTests(SynchronousTestCase):
    def test_a_reader_that_has_seen_enough(self):
        """``--help | head`` ends like any other program: nothing on stderr."""
        reading, writing = os.pipe()
        os.close(reading)
        code = "from tests.roles.test_options import Example; Example({}).parseOptions(['--help'])"
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, check=False, cwd=ROOT
        )
        os.close(writing)
        self.assertEqual((done.returncode, done.stderr), (0, b""))


class VersionTests(SynchronousTestCase):
    def test_whose(self):
        """It is the board's own, which whoever upgrades wants to know."""
        out = io.StringIO()
        self.patch(sys, "stdout", out)
        end = self.assertRaises(SystemExit, Example({}).parseOptions, ["--version"])
        self.assertEqual(end.code, 0)
        self.assertRegex(out.getvalue(), r"^BulletInBoard ([0-9.]+|not installed), Twisted [0-9.]+\n$")


class Pages(SynchronousTestCase):
    def test_all_addresses(self):
        self.assertEqual(HOST_PORT.parse("*:80").interface, "")
        self.assertEqual(str(HOST_PORT.parse("*:80")), "*:80")


class ForegroundTests(SynchronousTestCase):
    def pidfile(self, *words):
        twistd = ServerOptions()
        twistd["nodaemon"], twistd["pidfile"] = "-n" in words, "twistd.pid"
        options = RoleOptions({})
        options.parent = twistd
        options.parseOptions([])
        return twistd["pidfile"]

    def test_two_roles_in_one_folder_do_not_take_the_pid_file_from_each_other(self):
        self.assertEqual(self.pidfile("-n"), "")

    def test_a_daemon_has_its_pid_file(self):
        self.assertEqual(self.pidfile(), "twistd.pid")
