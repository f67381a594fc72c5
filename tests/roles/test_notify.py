"""What a service manager hears: through a real datagram socket, in a time that the test moves."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles.notify import STATUS_SECONDS, Notifier
from bulletin.roles.process import Process
from bulletin.roles.role import Role
from bulletin.web.health import Health
from tests.memory_transport import Network


class Manager:
    """A service manager's socket."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)

    def heard(self):
        """What came since the last call: a list of lines for each datagram."""
        datagrams = []
        while True:
            try:
                datagrams.append(self.socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return datagrams


class Waiting(Role):
    """A role that says how it is."""

    label = "waiting"
    reason = "It waits."
    long = 0.0

    def opening_seconds(self):
        return self.long

    def health(self):
        return Health(ready=False, reason=self.reason)


class NotifyCase(SynchronousTestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()  # short: a socket's path has 107 bytes at most
        self.addCleanup(self.folder.cleanup)
        self.reactor = MemoryReactorClock()
        self.manager = self.listen(str(Path(self.folder.name) / "notify"))

    def listen(self, address):
        manager = Manager(address)
        self.addCleanup(manager.socket.close)
        return manager

    def notifier(self, **environment):
        self.environment = {"NOTIFY_SOCKET": self.manager.address, "PATH": "/bin", **environment}
        notifier = Notifier(self.environment, pid=42)
        self.addCleanup(notifier.closed)
        return notifier

    def run_reactor(self):
        for function, arguments, keywords in self.reactor.whenRunningHooks:
            function(*arguments, **keywords)
        self.reactor.whenRunningHooks.clear()

    def began(self, status=lambda: "Fine.", **environment):
        notifier = self.notifier(**environment)
        notifier.opened(self.reactor, status)
        self.run_reactor()
        return notifier


class NotifierTests(NotifyCase):
    def test_readiness_is_told_once_the_reactor_turns(self):
        notifier = self.notifier()
        notifier.opened(self.reactor, lambda: "It waits.")
        self.assertEqual(self.manager.heard(), [])
        self.run_reactor()
        self.assertEqual(self.manager.heard(), [["READY=1", "STATUS=It waits."]])

    def test_an_abstract_socket(self):
        self.manager = self.listen(f"@bulletin-{os.getpid()}-{id(self)}")
        self.began()
        self.assertEqual(self.manager.heard(), [["READY=1", "STATUS=Fine."]])

    def test_the_status_is_told_when_it_changes_and_only_then(self):
        how = ["One."]
        self.began(lambda: how[0])
        self.reactor.pump([STATUS_SECONDS] * 3)
        self.manager.heard()
        how[0] = "Two\nlines."
        self.reactor.pump([STATUS_SECONDS] * 3)
        self.assertEqual(self.manager.heard(), [["STATUS=Two lines."]])

    def test_a_long_status_is_cut(self):
        self.began(lambda: "x" * 10_000)
        ((_, status),) = self.manager.heard()
        self.assertEqual(len(status), len("STATUS=") + 500)

    def test_a_status_that_cannot_be_found_out_keeps_nothing_from_going_on(self):
        self.began(lambda: 1 / 0, WATCHDOG_USEC="4000000")
        self.reactor.pump([1] * 6)
        self.assertEqual(
            self.manager.heard(), [["READY=1", "STATUS="], *[["WATCHDOG=1"]] * 4], "at 0, 2, 4 and 6 s"
        )
        self.assertTrue(self.flushLoggedErrors(ZeroDivisionError))

    def test_a_sign_of_life_comes_twice_in_the_watchdogs_time_from_the_reactor_alone(self):
        self.began(WATCHDOG_USEC="10000000", WATCHDOG_PID="42")
        self.manager.heard()
        self.reactor.advance(4.9)
        self.assertEqual(self.manager.heard(), [])
        self.reactor.advance(0.2)
        self.assertEqual(self.manager.heard(), [["WATCHDOG=1"]])
        # A reactor that stood still for a minute has said nothing meanwhile, and says it once afterwards.
        self.reactor.advance(60)
        self.assertEqual(self.manager.heard(), [["WATCHDOG=1"]])

    def test_another_process_s_watchdog_and_none(self):
        for environment in (
            {"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "43"},
            {"WATCHDOG_USEC": "soon"},
            {"WATCHDOG_USEC": "0"},
            {},
        ):
            notifier = self.began(**environment)
            self.reactor.pump([5] * 4)
            self.assertEqual(self.manager.heard(), [["READY=1", "STATUS=Fine."]])
            notifier.closed()

    def test_what_is_no_time_of_a_watchdog(self):
        """It is as if there were none; it keeps nothing from starting."""
        for usec in ("9" * 400, "9" * 5000, "-1", "1e6", "\N{ARABIC-INDIC DIGIT THREE}000000", "", "0"):
            self.notifier(WATCHDOG_USEC=usec).opened(self.reactor, lambda: "It waits.")
            self.reactor.run()
            self.reactor.advance(60)
            lines = [line for datagram in self.manager.heard() for line in datagram]
            self.assertIn("READY=1", lines)
            self.assertNotIn("WATCHDOG=1", lines, usec)

    def test_an_impatient_watchdog_does_not_keep_the_reactor_busy(self):
        self.notifier(WATCHDOG_USEC="1").opened(self.reactor, lambda: "It waits.")
        self.reactor.run()
        self.manager.heard()
        self.reactor.pump([0.001] * 1000)
        self.assertLessEqual(len(self.manager.heard()), 12)

    def test_children_do_not_inherit_it(self):
        self.notifier(WATCHDOG_USEC="1", WATCHDOG_PID="42")
        self.assertEqual(self.environment, {"PATH": "/bin"})

    def test_nobody_to_notify(self):
        notifier = Notifier({}, pid=42)
        notifier.opening(1000)
        notifier.opened(self.reactor, lambda: self.fail("asked for nobody"))
        self.run_reactor()
        notifier.stopping()
        notifier.closed()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_what_is_no_socket_s_name_is_no_failure(self):
        for address in ("@", "vsock:2:1234", "relative/path"):
            self.assertFalse(Notifier({"NOTIFY_SOCKET": address}).wanted, address)

    def test_a_long_opening_is_announced(self):
        notifier = self.notifier()
        notifier.opening(0)
        notifier.opening(90.5)
        self.assertEqual(self.manager.heard(), [["EXTEND_TIMEOUT_USEC=90500000", "STATUS=Reading the disk."]])

    def test_the_stop_is_told_and_signs_of_life_go_on_until_the_end(self):
        notifier = self.began(lambda: "Fine.", WATCHDOG_USEC="2000000")
        self.manager.heard()
        notifier.stopping()
        self.assertEqual(self.manager.heard(), [["STOPPING=1", "STATUS=Stopping."]])
        self.reactor.pump([1] * 3)
        self.assertEqual(self.manager.heard(), [["WATCHDOG=1"]] * 3)
        notifier.closed()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_stop_before_the_reactor_turned_is_not_followed_by_readiness(self):
        notifier = self.notifier()
        notifier.opened(self.reactor, lambda: "Fine.")
        notifier.stopping()
        self.run_reactor()
        self.assertEqual(self.manager.heard(), [["STOPPING=1", "STATUS=Stopping."]])

    def test_what_could_not_be_told_is_told_later_without_old_signs_of_life(self):
        """The manager's socket is away, as it is full when the manager is busy."""
        self.manager.socket.close()
        Path(self.manager.address).unlink()
        notifier = self.began(WATCHDOG_USEC="2000000")
        self.reactor.pump([STATUS_SECONDS] * 3)
        self.manager = self.listen(self.manager.address)
        self.reactor.advance(STATUS_SECONDS)
        first, *others = self.manager.heard()
        self.assertEqual(first[:2], ["READY=1", "STATUS=Fine."])
        self.assertLessEqual({line for lines in others for line in lines}, {"WATCHDOG=1"})
        notifier.stopping()
        self.assertEqual(self.manager.heard(), [["STOPPING=1", "STATUS=Stopping."]])


class ProcessTests(NotifyCase):
    def process(self):
        network = Network(self.reactor)
        role = Waiting(sockets=network.sockets, reactor=self.reactor)
        return role, Process(role, daemon=False, reactor=self.reactor, notifier=self.notifier())

    def test_a_role_that_listens_is_ready_though_it_waits_for_others(self):
        role, process = self.process()
        process.startService()
        self.run_reactor()
        self.assertEqual(self.manager.heard(), [["READY=1", "STATUS=It waits."]])
        role.reason = "Ready."
        self.reactor.advance(STATUS_SECONDS)
        self.assertEqual(self.manager.heard(), [["STATUS=Ready."]])
        self.successResultOf(process.stopService())
        self.assertEqual(self.manager.heard(), [["STOPPING=1", "STATUS=Stopping."]])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_role_with_much_to_read_asks_for_time(self):
        role, process = self.process()
        role.long = 3.0
        process.startService()
        self.addCleanup(process.stopService)
        self.assertEqual(self.manager.heard(), [["EXTEND_TIMEOUT_USEC=3000000", "STATUS=Reading the disk."]])

    def test_a_role_s_children_do_not_inherit_the_socket(self):
        code = (
            "import os, subprocess, sys; from bulletin.roles.notify import Notifier; Notifier(); "
            "subprocess.run([sys.executable, '-c', 'import os; print(sorted(os.environ))'], check=True)"
        )
        names = {"NOTIFY_SOCKET": self.manager.address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | names, capture_output=True, text=True, check=True
        )
        self.assertFalse([name for name in names if name in done.stdout])
