import json
import os
import signal
import socket
import sys
from pathlib import Path

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bulletin.roles import ending
from bulletin.roles.supervision import logs
from bulletin.roles.supervision.layout import REMEMBERED, Founded
from bulletin.roles.supervision.policy import KILL_AFTER, LOOK_OFTEN, LOOK_SELDOM, SCREEN_AFTER, Death, Health
from bulletin.roles.supervision.processes import Processes
from bulletin.roles.supervisor import Board, Options, Setting, makeService
from bulletin.torture.board import free_base_port

PATIENCE = 20


class FakeProcesses:
    """Processes that run until the test ends them."""

    def __init__(self, reactor, directory, http_ports, ended):
        self.http_ports, self.ended = http_ports, ended
        self.pids = iter(range(1000, 9999))
        self.running = {}
        self.signals = []
        self.spawn_error = None

    def spawn(self, role):
        if self.spawn_error is not None:
            raise self.spawn_error
        self.http_ports.port(role.name)
        self.running[role.name] = next(self.pids)
        return self.running[role.name]

    def signal(self, name, number):
        self.signals.append((name, number))

    def end(self, name, death):
        del self.running[name]
        self.ended(name, death)


class BoardTests(SynchronousTestCase):
    def setUp(self):
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.clock = Clock()
        self.lines = []
        self.healths = {}
        self.board = Board(
            Setting(self.directory, Founded(2, 5555), 9000, "twistd"),
            reactor=self.clock,
            processes=self.make_processes,
            ask=self.ask,
            write=self.lines.append,
        )
        self.board.startService()
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))
        self.addCleanup(self.stop)

    def make_processes(self, *arguments):
        self.processes = FakeProcesses(*arguments)
        return self.processes

    def ask(self, port, *, is_server):
        answer = self.healths.get(port)
        if isinstance(answer, Deferred):
            return answer
        return fail(ConnectionRefusedError("nobody there")) if answer is None else succeed(answer)

    def stop(self):
        if self.board.running:
            stopped = self.board.stopService()
            for name in list(self.processes.running):
                self.processes.end(name, Death(0))
            self.successResultOf(stopped)

    def become_ready(self):
        for port in range(9000, 9005):
            self.healths[port] = Health(ready=True, leads=port == 9004)
        self.clock.advance(LOOK_OFTEN)

    def test_it_says_what_it_starts_and_then_shows_the_page(self):
        self.assertEqual(len(self.lines), 1)
        self.assertIn("Starting a board of 2 servers in ", self.lines[0])
        self.assertEqual(list(self.processes.running), ["broker", "proxy", "reference", "server1", "server2"])
        self.become_ready()
        (page,) = self.lines[1:]
        self.assertIn("\nserver2 leads.  All roles are ready now.\n", page)
        self.assertIn("bulletin-client --user ana create geral", page)
        for pid in self.processes.running.values():
            self.assertIn(str(pid), page)

    def test_how_its_roles_are_in_one_sentence(self):
        self.assertEqual(self.board.status(), "0 of 5 roles are ready; no server leads.")
        self.become_ready()
        self.assertEqual(self.board.status(), "5 of 5 roles are ready; server2 leads.")
        self.processes.end("server2", Death(None, signal.SIGKILL))
        self.assertEqual(self.board.status(), "4 of 5 roles are ready; no server leads.")

    def test_the_page_does_not_wait_for_ever(self):
        self.clock.pump([0.5] * int(2 * SCREEN_AFTER + 1))
        self.assertIn("No server leads yet.", self.lines[-1])

    def test_a_child_that_dies_is_started_again(self):
        self.become_ready()
        self.clock.advance(10)
        self.processes.end("server1", Death(None, signal.SIGKILL))
        self.assertEqual(
            self.lines[-1], "server1 (pid 1003) was ended by SIGKILL.  It starts again in 0.25 s."
        )
        self.clock.pump([0.1, 0.1, 0.1])
        self.assertEqual(self.processes.running["server1"], 1005)

    def test_an_answer_of_a_dead_process_does_not_count_for_the_next_one(self):
        self.become_ready()
        self.healths[9003] = late = Deferred()
        self.clock.advance(LOOK_SELDOM)
        self.processes.end("server1", Death(None, signal.SIGKILL))
        said = len(self.lines)
        self.clock.advance(0.3)
        late.callback(Health(ready=True))
        self.assertEqual(self.lines[said:], [])

    def test_a_child_that_cannot_be_started_is_tried_again(self):
        self.become_ready()
        self.processes.spawn_error = OSError(24, "Too many open files")
        self.processes.end("proxy", Death(0))
        self.clock.advance(0.3)
        self.assertIn("proxy cannot be started: Too many open files.", self.lines[-1])
        self.processes.spawn_error = None
        self.clock.advance(1)
        self.assertIn("proxy", self.processes.running)

    def test_a_stop_ends_when_all_children_have(self):
        self.become_ready()
        stopped = self.board.stopService()
        self.assertEqual(self.processes.signals, [(name, signal.SIGTERM) for name in self.processes.running])
        for name in list(self.processes.running)[1:]:
            self.processes.end(name, Death(0))
        self.assertNoResult(stopped)
        self.clock.pump([0.1] * int(10 * KILL_AFTER + 1))
        self.assertEqual(self.processes.signals[-1], ("broker", signal.SIGKILL))
        self.processes.end("broker", Death(None, signal.SIGKILL))
        self.successResultOf(stopped)
        self.assertEqual(self.lines[-1], "All of it has stopped.")

    def test_the_directory_remembers_what_it_was_founded_with(self):
        self.assertEqual(
            json.loads((self.directory / REMEMBERED).read_text()), {"servers": 2, "base_port": 5555}
        )

    def test_a_mistake_of_its_own_ends_it_with_a_sentence(self):
        failures = []
        self.patch(ending, "fail", lambda _, sentence: failures.append(sentence))
        self.board._policy.tick = None  # calling it is the mistake
        self.clock.advance(0.1)
        self.assertIn("The board cannot go on", failures[0])
        self.flushLoggedErrors()
        del self.board._policy.tick
        self.board._loops.pop(0)


class OptionsTests(SynchronousTestCase):
    def setUp(self):
        self.directory = Path(self.mktemp()).absolute()
        self.base = free_base_port()

    def parse(self, *arguments, parent=None):
        options = Options({})
        options.parent = parent
        options.parseOptions(["--data", str(self.directory), *arguments])
        self.addCleanup(options.lock.release)
        return options

    def parse_here(self, *arguments, parent=None):
        return self.parse("--base-port", str(self.base), *arguments, parent=parent)

    def refused(self, *arguments):
        error = self.assertRaises(usage.UsageError, self.parse, *arguments)
        self.assertNotIn("\n", str(error))
        self.assertTrue(str(error).endswith("."))
        return str(error)

    def test_a_new_board(self):
        options = self.parse_here()
        self.assertEqual(options.founded, Founded(3, self.base))
        self.assertIsInstance(makeService(options), Board)

    def test_clocks_that_are_wrong_on_purpose(self):
        setting = self.parse_here("--clock-offset", "2=5,3=-0.25", "--clock-drift", "2=200").setting()
        self.assertEqual(
            setting.skews,
            {2: ("--clock-offset", "5.0", "--clock-drift", "200.0"), 3: ("--clock-offset", "-0.25")},
        )

    def test_clients_of_other_machines_are_served_when_asked_for(self):
        self.assertIs(self.parse_here("--open").setting().everywhere, True)

    def test_clocks_of_no_server(self):
        for given, why in (
            ("4=1", "There is no server 4: this board has 3"),
            ("5", "'5' is no server's number with a value, such as 2=5"),
            ("=5", "'=5' is no server's number"),
            ("0=5", "'0=5' is no server's number"),
            ("x=5", "'x=5' is no server's number"),
            ("2=5,", "is no server's number"),
            ("2=1,2=2", "server 2 has two values"),
            ("2=soon", "'soon' is not a number from"),
        ):
            self.assertIn(why, self.refused("--base-port", str(self.base), "--clock-offset", given))

    def test_a_directory_in_use(self):
        self.parse_here()
        self.assertIn("in use by another process", self.refused("--base-port", str(self.base)))

    def test_a_port_that_is_taken(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", self.base + 6))
            other.listen()
            said = self.refused("--base-port", str(self.base))
        self.assertIn(str(self.base + 6), said)
        self.assertIn("is taken", said)

    def test_ports_of_two_roles(self):
        self.assertIn(
            "used twice", self.refused("--base-port", str(self.base), "--http-base-port", str(self.base))
        )

    def test_looking_at_a_port_lets_nobody_connect(self):
        """A client that waits for the board would find no broker there, and some never try again."""
        listened = []
        self.patch(socket.socket, "listen", lambda *arguments: listened.append(arguments))
        self.parse_here()
        self.assertEqual(listened, [])

    def test_a_health_port_that_is_taken(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            self.assertIn(port, self.refused("--base-port", str(self.base), "--http-base-port", port))

    def test_what_was_founded_counts(self):
        self.directory.mkdir()
        (self.directory / REMEMBERED).write_text(json.dumps({"servers": 2, "base_port": self.base}))
        self.assertEqual(self.parse().founded, Founded(2, self.base))

    def test_another_number_of_servers_or_port_than_founded(self):
        self.directory.mkdir()
        (self.directory / REMEMBERED).write_text(json.dumps({"servers": 2, "base_port": self.base}))
        said = self.refused("--servers", "3")
        self.assertIn(f"was founded with --servers 2 --base-port {self.base}", said)

    def test_ports_beyond_the_last(self):
        self.assertIn("65535", self.refused("--base-port", "65530"))
        self.assertIn("65535", self.refused("--base-port", str(self.base), "--http-base-port", "65531"))

    def test_the_terminal_is_kept_for_sentences(self):
        self.patch(os, "environ", os.environ.copy())
        twistd = {"logger": None, "logfile": None, "syslog": False, "nodaemon": True, "pidfile": "twistd.pid"}
        self.parse_here(parent=twistd)
        self.assertEqual(twistd["logger"], "bulletin.roles.supervision.logs.observer")
        self.assertEqual(twistd["pidfile"], "")
        logs.observer()({"log_format": "a line", "log_time": 0.0})
        self.assertIn("a line", (self.directory / "logs" / "board.log").read_text())

    def test_who_asks_for_a_log_on_the_terminal_gets_it(self):
        twistd = {"logger": None, "logfile": "-", "syslog": False, "nodaemon": False, "pidfile": "twistd.pid"}
        self.parse_here(parent=twistd)
        self.assertEqual((twistd["logger"], twistd["pidfile"]), (None, "twistd.pid"))


@attrs.frozen
class Script:
    """A role that stops cleanly on SIGTERM, or does not."""

    name: str
    stops: bool = True
    is_server: bool = False

    def command_line(self, http_port):
        code = "import os, signal\n"
        if not self.stops:
            code += "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        code += "print('up', flush=True)\nos.read(0, 1)\n"
        return (sys.executable, "-S", "-E", "-c", code)


class RealProcessesTests(TestCase):
    """A board of real processes that do nothing."""

    def setUp(self):
        self.directory = Path(self.mktemp()).absolute()
        (self.directory / "logs").mkdir(parents=True)
        self.lines = []
        self.waiting = []
        self.board = Board(
            Setting(self.directory, Founded(1, 5555), None, "twistd"),
            reactor=reactor,
            processes=self.make_processes,
            ask=lambda port, *, is_server: succeed(Health(ready=True, leads=is_server)),
            write=self.write,
        )

    def make_processes(self, *arguments):
        processes = Processes(*arguments)
        spawn = processes.spawn
        processes.spawn = lambda role: spawn(Script(role.name))
        self.processes = processes
        return processes

    def write(self, line):
        self.lines.append(line)
        for words, seen in list(self.waiting):
            if words in line:
                self.waiting.remove((words, seen))
                seen.callback(line)

    def said(self, words):
        seen = Deferred()
        self.waiting.append((words, seen))
        return seen.addTimeout(PATIENCE, reactor)

    async def test_killed_restarted_and_stopped(self):
        shown = self.said("Ctrl-C stops")
        self.board.startService()
        await shown
        (pid,) = [child.pid for child in self.board._policy.children if child.name == "server1"]
        back = self.said("server1 is ready again")
        os.kill(pid, signal.SIGKILL)
        await back
        self.assertIn(f"server1 (pid {pid}) was ended by SIGKILL.  It starts again in 0.25 s.", self.lines)
        pids = [child.pid for child in self.board._policy.children]
        await self.board.stopService().addTimeout(PATIENCE, reactor)
        for child in pids:
            self.assertRaises(ProcessLookupError, os.kill, child, 0)
