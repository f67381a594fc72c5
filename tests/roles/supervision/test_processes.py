import os
import signal
import socket
import sys
from pathlib import Path

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bulletin.roles.supervision.policy import Death
from bulletin.roles.supervision.processes import (
    OUTPUT_BYTES_MAX,
    WORDS_MAX,
    ChildProtocol,
    HttpPorts,
    Processes,
    last_words,
)

PATIENCE = 20


@attrs.frozen
class Script:
    """A role that is a few lines of Python."""

    name: str
    code: str

    def command_line(self, http_port):
        return (sys.executable, "-S", "-E", "-c", self.code, str(http_port))


class Missing(Script):
    """A role whose program is not there."""

    def command_line(self, http_port):
        return ("/no/such/file",)


class ChildProtocolTests(SynchronousTestCase):
    def end(self, reason, *chunks):
        ended = []
        protocol = ChildProtocol(lambda *arguments: ended.append(arguments))
        for chunk in chunks:
            protocol.childDataReceived(2, chunk)
        protocol.processEnded(Failure(reason))
        return ended[0]

    def test_the_last_line_tells_why(self):
        death, output = self.end(ProcessTerminated(1), b"Traceback\n", b"Err", b"or: no disk\n\n")
        self.assertEqual(death, Death(1, None, "Error: no disk"))
        self.assertEqual(output, b"Traceback\nError: no disk\n\n")

    def test_a_clean_end(self):
        self.assertEqual(self.end(ProcessDone(0)), (Death(0), b""))

    def test_a_signal(self):
        self.assertEqual(self.end(ProcessTerminated(None, signal.SIGKILL))[0], Death(None, signal.SIGKILL))

    def test_what_is_kept_is_bounded(self):
        death, output = self.end(ProcessTerminated(1), b"x" * OUTPUT_BYTES_MAX, b"y" * OUTPUT_BYTES_MAX)
        self.assertEqual(output, b"y" * OUTPUT_BYTES_MAX)
        self.assertEqual(len(death.words), WORDS_MAX + 1)

    def test_the_last_line_cannot_control_the_terminal(self):
        self.assertEqual(last_words(b"a\n\x1b[2Jwiped \xff\r\n  \n"), " [2Jwiped \ufffd")


class HttpPortsTests(SynchronousTestCase):
    def test_fixed_ones_follow_a_base(self):
        ports = HttpPorts(["a", "b"], 9000)
        self.assertEqual([ports.port(name) for name in "abb"], [9000, 9001, 9001])

    def test_free_ones_stay_while_they_are_free(self):
        ports = HttpPorts(["a", "b"], None)
        first, second = ports.port("a"), ports.port("b")
        self.assertNotEqual(first, second)
        self.assertEqual(ports.port("a"), first)
        with socket.socket() as other:
            other.bind(("127.0.0.1", first))
            other.listen()
            self.assertNotIn(ports.port("a"), {first, second})


class ProcessesTests(TestCase):
    def setUp(self):
        self.directory = Path(self.mktemp())
        (self.directory / "logs").mkdir(parents=True)
        self.ended = Deferred()
        self.processes = Processes(
            reactor,
            self.directory,
            HttpPorts(["child"], None),
            lambda name, death: self.ended.callback((name, death)),
        )

    async def run_script(self, code):
        self.pid = self.processes.spawn(Script("child", code))
        return await self.ended.addTimeout(PATIENCE, reactor)

    async def test_a_refusal_is_heard_and_kept_in_the_log(self):
        name, death = await self.run_script("import sys; sys.exit('no such disk')")
        self.assertEqual((name, death), ("child", Death(1, None, "no such disk")))
        log = (self.directory / "logs" / "child.log").read_text()
        self.assertEqual(log, "--- child ended with status 1: no such disk; its output was:\nno such disk\n")

    async def test_a_child_hears_the_end_of_its_pipe(self):
        self.patch(os, "environ", os.environ | {"BULLETIN_ADVERTISE": "tcp://10.0.0.1:1"})
        self.pid = self.processes.spawn(
            Script(
                "child",
                "import os, sys\n"
                "assert os.environ['BULLETIN_PARENT_FD'] == '0'\n"
                "assert os.environ['BULLETIN_LOG_FILE'].endswith('child.log')\n"
                "assert 'BULLETIN_ADVERTISE' not in os.environ\n"
                "sys.exit(f'read {os.read(0, 1)!r}')",
            )
        )
        self.processes._transports["child"].closeStdin()
        _, death = await self.ended.addTimeout(PATIENCE, reactor)
        self.assertEqual(death.words, "read b''")

    async def test_a_signal_reaches_it_and_a_late_one_does_no_harm(self):
        self.pid = self.processes.spawn(Script("child", "import os; os.read(0, 1)"))
        self.processes.signal("child", signal.SIGKILL)
        _, death = await self.ended.addTimeout(PATIENCE, reactor)
        self.assertEqual(death, Death(None, signal.SIGKILL))
        self.processes.signal("child", signal.SIGTERM)
        self.assertRaises(ProcessLookupError, os.kill, self.pid, 0)

    async def test_what_cannot_be_started_raises(self):
        self.assertRaises(OSError, self.processes.spawn, Missing("child", ""))
