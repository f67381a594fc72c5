"""The units of deploy/systemd: valid, confined, and each one's own command line does what systemd expects of it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from bulletin.roles.notify import STATUS_CHARACTERS_MAX
from bulletin.torture.board import free_base_port
from tests.deployment.units import DEPLOY, ETC, UNITS, Unit, add_system, install

SERVERS = ("one", "two", "three")
INSTALLED = (
    "bulletin-broker.service",
    "bulletin-proxy.service",
    "bulletin-reference.service",
    *(f"bulletin-server@{name}.service" for name in SERVERS),
    "bulletin-bot@ana.service",
)
EXPOSURE_MAX = 15
"""Tenths, as ``systemd-analyze security`` has them: 1.5 of 10."""

PATIENCE = 60.0


class UnitCase(SynchronousTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # short: a socket's path has 107 bytes at most
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        install(self.root)


class InstallTests(UnitCase):
    def files(self):
        return {path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file()}

    def test_again_changes_nothing_and_keeps_what_somebody_wrote(self):
        before = self.files()
        (self.root / ETC / "broker.env").write_text("BULLETIN_PENDING=1\n")
        (self.root / UNITS / "bulletin.target").write_text("old")
        install(self.root)
        self.assertEqual(self.files(), before)
        self.assertEqual((self.root / ETC / "broker.env").read_text(), "BULLETIN_PENDING=1\n")
        self.assertIn("[Install]", (self.root / UNITS / "bulletin.target").read_text())

    def test_an_argument_is_refused(self):
        """Whoever asks it for help must not find everything installed."""
        root = self.root / "other"
        done = subprocess.run(
            [DEPLOY / "install", "--help"],
            env={"DESTDIR": str(root), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1))
        self.assertIn("takes no argument, and was given '--help'", done.stderr)
        self.assertFalse(root.exists())

    def test_each_role_has_a_file_of_options_and_no_two_share_one(self):
        """A variable's name means another option to another command."""
        seen = {}
        for name in INSTALLED:
            unit = Unit(self.root, name)
            command = next(word for word in unit.command() if word.startswith("bulletin-"))
            for value in unit.values("EnvironmentFile"):
                self.assertEqual(seen.setdefault(value, command), command, value)
                example = value.removeprefix("-/").replace(f"-{unit.instance}.env", "-NAME.env")
                if unit.instance and "-NAME" in example and "bot" in example:
                    continue  # a bot needs none of its own
                self.assertTrue((self.root / example).exists(), example)


class AnalyzeTests(UnitCase):
    def setUp(self):
        if shutil.which("systemd-analyze") is None:
            raise SkipTest("systemd-analyze is not installed")
        super().setUp()
        add_system(self.root)

    def analyze(self, *arguments):
        return subprocess.run(
            ["systemd-analyze", *arguments[:1], f"--root={self.root}", "--no-pager", *arguments[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def test_they_are_valid(self):
        for name in (*INSTALLED, "bulletin.target"):
            done = self.analyze("verify", name)
            self.assertEqual((done.returncode, done.stdout), (0, ""), name)

    def test_what_is_not_valid_is_noticed(self):
        """So that the test above says something: a program that is not there, a name that is none, one in the part that all share."""
        path = self.root / UNITS / "bulletin-broker.service"
        right = path.read_text()
        path.write_text(right.replace("bin/twistd", "bin/twist"))
        self.assertNotEqual(self.analyze("verify", path.name).returncode, 0)
        path.write_text(right.replace("MemoryMax", "MemoryMost"))
        self.assertIn("MemoryMost", self.analyze("verify", path.name).stdout)
        path.write_text(right)
        shared = self.root / UNITS / "bulletin-.service.d/10-bulletin.conf"
        shared.write_text(shared.read_text().replace("ProtectClock", "ProtectClocks"))
        self.assertIn("ProtectClocks", self.analyze("verify", path.name).stdout)

    def test_they_are_confined(self):
        for name in INSTALLED:
            done = self.analyze("security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", name)
            self.assertEqual(done.returncode, 0, done.stdout)
        (self.root / UNITS / "bulletin-.service.d/10-bulletin.conf").unlink()
        done = self.analyze("security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", INSTALLED[0])
        self.assertNotEqual(done.returncode, 0, "the threshold refuses nothing")


class Service:
    """A unit's process, and what it has told its manager.

    :param unit: whose command runs.
    :param watchdog: seconds.
    """

    def __init__(self, unit, watchdog):
        self.unit = unit
        self.heard = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = unit.root / f"{unit.name}.notify"
        self.socket.bind(str(address))
        if unit.state is not None:
            unit.state.mkdir(parents=True)
        self.output = unit.root / f"{unit.name}.out"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                unit.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=unit.root,
                env=self.environment(address, watchdog) | unit.environment(),
            )

    @staticmethod
    def environment(address, watchdog):
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
        # The process's id is not known before it runs; without WATCHDOG_PID the time is for whoever reads it.
        return kept | {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": str(int(watchdog * 1e6))}

    def forget(self):
        """Drop what was told so far."""
        self.socket.setblocking(False)
        try:
            while True:
                self.socket.recv(STATUS_CHARACTERS_MAX + 1000)
        except BlockingIOError:
            self.heard.clear()

    def wait_for(self, wanted):
        """Read until a line satisfies a condition; gives it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                lines = self.socket.recv(STATUS_CHARACTERS_MAX + 1000).decode().split("\n")
            except TimeoutError:
                raise AssertionError(
                    f"{self.unit.name}: {self.heard[-5:]}\n{self.output.read_text()}"
                ) from None
            self.heard += lines
            found = next((line for line in lines if wanted(line)), None)
            if found is not None:
                return found

    def wait_line(self, line):
        self.wait_for(lambda heard: heard == line)

    def silent(self):
        """Whether nothing was told since :meth:`forget`."""
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(STATUS_CHARACTERS_MAX + 1000)
        except BlockingIOError:
            return True

    def end(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()


class CommandTests(UnitCase):
    def write(self, name, **options):
        lines = [f"BULLETIN_{option.upper()}={value}\n" for option, value in options.items()]
        (self.root / ETC / name).write_text("".join(lines))

    def configure(self):
        """As an operator would, on loopback and with ports of this test's own."""
        base = free_base_port()

        def at(offset):
            return f"tcp://127.0.0.1:{base + offset}"

        self.write("broker.env", clients=at(0), servers=at(1), http=f"127.0.0.1:{base + 20}")
        self.write("proxy.env", publishers=at(2), subscribers=at(3), http=f"127.0.0.1:{base + 21}")
        self.write("reference.env", listen=at(5), http=f"127.0.0.1:{base + 22}")
        self.write("server.env", broker=at(1), proxy=at(2), reference=at(5), expect=len(SERVERS))
        for number, name in enumerate(SERVERS, 1):
            self.write(f"server-{name}.env", listen=at(5 + number), http=f"127.0.0.1:{base + 22 + number}")
        self.write("bot.env", broker=at(0), proxy=at(3), rate="5", seed="1")

    def start(self, name, watchdog=0.5):
        service = Service(Unit(self.root, name), watchdog)
        self.addCleanup(service.end)
        return service

    def stop(self, service):
        service.forget()  # the kernel keeps ten messages that nobody reads, and drops the next: systemd reads all the time
        service.process.terminate()
        service.wait_line("STOPPING=1")
        self.assertEqual(service.process.wait(PATIENCE), 0, service.output.read_text())

    def test_a_board_of_units(self):
        self.configure()
        services = {name: self.start(name) for name in INSTALLED}
        for service in services.values():
            service.wait_line("READY=1")
        for name in SERVERS:
            server = services[f"bulletin-server@{name}.service"]
            self.assertIn("STATUS=Reading the disk.", server.heard)
            server.wait_for(lambda line: line.startswith("STATUS=Ready; ") and line.endswith(" leads."))
        services["bulletin-broker.service"].wait_line("STATUS=Servers that are ready: 3.")
        services["bulletin-bot@ana.service"].wait_for(lambda line: line.startswith("STATUS=The bot is in "))
        for service in services.values():
            service.forget()
            service.wait_line("WATCHDOG=1")
            service.wait_line("WATCHDOG=1")
        self.stop(services.pop("bulletin-bot@ana.service"))
        self.pause(services["bulletin-server@three.service"], services["bulletin-server@two.service"])
        self.hang(services.pop("bulletin-server@one.service"))
        for service in services.values():
            self.stop(service)
        output = services["bulletin-reference.service"].output.read_text()
        self.assertIn("<6>The reference is up: ", output)
        self.assertEqual([line for line in output.splitlines() if not line.startswith("<")], [])

    def test_a_server_alone_is_started_though_it_waits(self):
        self.configure()
        server = self.start("bulletin-server@one.service")
        server.wait_line("READY=1")
        self.assertEqual(
            server.heard[-1], "STATUS=The server is empty, and waits for the founding of its cluster."
        )
        self.stop(server)

    def pause(self, paused, running):
        """A process that stands still gives no sign of life, while another one does."""
        paused.process.send_signal(signal.SIGSTOP)
        os.waitpid(paused.process.pid, os.WUNTRACED)
        paused.forget()
        for _ in range(3):
            running.wait_line("WATCHDOG=1")
        self.assertTrue(paused.silent())
        paused.process.send_signal(signal.SIGCONT)
        paused.wait_line("WATCHDOG=1")

    def hang(self, service):
        """What systemd sends to a process that gives no sign of life brings every thread's traceback into the journal."""
        service.process.send_signal(signal.SIGABRT)
        self.assertEqual(service.process.wait(PATIENCE), -signal.SIGABRT)
        output = service.output.read_text()
        self.assertIn("Fatal Python error: Aborted", output)
        self.assertIn("in mainLoop", output)
