"""The client as a real process, against a board in this one: statuses, outputs, and what it leaves behind."""

import io
import json
import os
import sys
import tempfile
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import LoopingCall
from twisted.internet.testing import MemoryReactorClock

from bulletin.core.errors import Code, Refusal
from bulletin.roles import ending
from bulletin.roles.client.process import Foreground
from bulletin.roles.role import Role
from bulletin.transport.endpoints import EndpointError
from bulletin.transport.sockets import Publisher, Router
from tests.roles.client.board import FakeBoard
from tests.roles.test_process import NO_SOCKETS
from tests.transport.loopback import Loopback

TWISTD = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
ANY = "tcp://127.0.0.1:0"


class Run(ProcessProtocol):
    """One process, from its begin to its end."""

    def __init__(self):
        self.out = self.err = b""
        self.ended = Deferred()

    def outReceived(self, data):
        self.out += data

    def errReceived(self, data):
        self.err += data

    def processEnded(self, reason):
        self.status = reason.value.exitCode
        self.ended.callback(self)

    @property
    def lines(self):
        return self.out.decode().splitlines()

    @property
    def complaints(self):
        return self.err.decode().splitlines()


class Processes(Loopback):
    timeout = 60

    def setUp(self):
        super().setUp()
        self.board = FakeBoard()
        self.router = Router(self.transport, listen=[ANY], received=self.received)
        self.publisher = Publisher(self.transport, listen=[ANY])
        self.directory = Path(tempfile.mkdtemp())
        state = tempfile.TemporaryDirectory()
        self.addCleanup(state.cleanup)
        self.state = state.name
        self.running = []
        self.addCleanup(self.clean)

    def clean(self):
        for run in self.running:
            if not run.ended.called:
                run.transport.signalProcess("KILL")
        ended = gatherResults([run.ended for run in self.running])
        ended.addCallback(lambda _: self.directory.rmdir())  # it must be empty
        return ended

    def received(self, envelope, body):
        self.router.send_to(envelope, self.board.answer(*body))

    def begin(self, *arguments, stdin=b"", twistd=(), out="r", before="", more=False):
        run = Run()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BULLETIN_")}
        environment |= {
            "BULLETIN_BROKER": self.router.endpoint,
            "BULLETIN_PROXY": self.publisher.endpoint,
            "XDG_STATE_HOME": self.state,
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        command = [sys.executable, "-c", before + TWISTD, *twistd, "bulletin-client", *arguments]
        descriptors = {0: "w", 1: out, 2: "r"}
        reactor.spawnProcess(
            run, sys.executable, command, environment, str(self.directory), childFDs=descriptors
        )
        self.running.append(run)
        run.transport.write(stdin)
        if not more:
            run.transport.closeStdin()
        return run

    async def end(self, run):
        await run.ended
        return run.status, run.lines, run.complaints

    async def test_statuses(self):
        """0, 1, 2 and 3, each with its sentence in the right place; no daemon, no pid file, no log, no traceback."""
        self.board.channels = ["geral"]
        done = self.begin("--user", "ana", "publish", "geral", "-", stdin="olá\n".encode())
        refused = self.begin("--user", "ana", "publish", "nada", "oi")
        wrong = self.begin("publish", "geral", "oi")
        nobody = self.begin("--broker", "tcp://127.0.0.1:1", "--timeout", "0.5", "users")
        status, lines, complaints = await self.end(done)
        self.assertEqual((status, len(lines), complaints), (0, 2, []))
        (post,) = next(iter(self.board.posts.values()))
        self.assertEqual(post.message, "olá")
        self.assertEqual(await self.end(refused), (1, [], ["There is no such channel."]))
        self.assertEqual(
            await self.end(wrong),
            (2, [], ["bulletin-client: For publish, --user NAME (or BULLETIN_USER) is needed."]),
        )
        self.assertEqual(
            await self.end(nobody), (3, [], ["No broker answered within 0.5 s (tcp://127.0.0.1:1)."])
        )

    async def test_tail(self):
        """It begins with the history, follows what is published, and Ctrl-C is its good end."""
        self.board.write("geral", "um")
        tail = self.begin("--json", "tail", "geral")
        await self.until(lambda: len(tail.lines) == 1)
        publications = self.board.write("geral", "dois")
        # What is published before a subscription has arrived is lost; what comes again is known by its number.
        publishing = LoopingCall(
            lambda: [self.publisher.publish(*publication) for publication in publications]
        )
        publishing.start(0.05)
        await self.until(lambda: len(tail.lines) == 2)
        publishing.stop()
        tail.transport.signalProcess("INT")
        status, lines, complaints = await self.end(tail)
        self.assertEqual((status, complaints), (0, []))
        self.assertEqual([json.loads(line)["message"] for line in lines], ["um", "dois"])

    async def test_interrupted(self):
        """Ended by a signal before there is an answer."""
        self.board.refusal = Refusal(Code.OVERLOADED)
        run = self.begin("users")
        await self.until(lambda: self.board.seen)
        run.transport.signalProcess("TERM")
        self.assertEqual(await self.end(run), (130, [], []))

    async def test_reader_leaves(self):
        """Whoever reads the output has seen enough: no error, no traceback."""
        self.board.write("geral", "um")
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        tail = self.begin("tail", "geral", out=writing)
        os.close(writing)
        await self.until(lambda: has_line(reading))
        os.close(reading)
        publishing = LoopingCall(lambda: self.publisher.publish(*self.board.write("geral", "mais")[0]))
        publishing.start(0.05)
        ended = await self.end(tail)
        publishing.stop()
        self.assertEqual(ended, (0, [], []))

    async def test_output_closed(self):
        """By the shell's ``>&-``: a sentence and no traceback, and no socket gets the output's number."""
        self.board.users = ["ana"]
        run = self.begin("users", before="import os, sys; os.close(1); sys.stdout = sys.__stdout__ = None; ")
        status, lines, complaints = await self.end(run)
        self.assertEqual((status, lines), (1, []))
        self.assertEqual(complaints, ["The result could not be written: Bad file descriptor."])
        run = self.begin("users", before="import os, sys; os.close(2); sys.stderr = sys.__stderr__ = None; ")
        self.assertEqual(await self.end(run), (0, ["ana"], []))

    async def test_script(self):
        """An interactive session whose lines come from a pipe: in order, and the status says what came of them."""
        self.board.write("geral", "um")
        lines = "/entrar geral\noi, bia\nção".encode()
        status, shown, asides = await self.end(self.begin("--user", "ana", "interactive", stdin=lines))
        self.assertEqual((status, [line.partition(": ")[2] for line in shown]), (0, ["um", "oi, bia", "ção"]))
        self.assertEqual(len(asides), 2)
        status, shown, asides = await self.end(
            self.begin("--user", "ana", "interactive", stdin=b"/join geral\n/jion\n")
        )
        self.assertEqual((status, len(shown)), (1, 3))
        self.assertEqual(asides[-1], "There is no command /jion.  Do you mean /join?")
        status, shown, asides = await self.end(self.begin("interactive"))
        self.assertEqual((status, shown, len(asides)), (2, [], 1))

    async def test_script_interrupted(self):
        """While it waits for a line it can be ended."""
        run = self.begin("--user", "ana", "interactive", stdin=b"/users\n", more=True)
        await self.until(lambda: run.lines)
        run.transport.signalProcess("TERM")
        status, lines, _ = await self.end(run)
        self.assertEqual((status, lines), (130, ["ana"]))

    async def test_log_on_request(self):
        """``twistd --logfile`` is obeyed."""
        log = self.directory / "client.log"
        run = self.begin("users", twistd=["--logfile", str(log)])
        self.assertEqual(await self.end(run), (0, [], []))
        self.assertIn("The client is up", log.read_text())
        log.unlink()


def has_line(descriptor):
    """Whether a pipe has something to read, which is taken out."""
    try:
        return os.read(descriptor, 4096)
    except BlockingIOError:
        return b""


class Ending(Loopback):
    def test_status(self):
        """The first status counts, and the reactor is stopped once it runs."""

        class FakeReactor:
            def __init__(self):
                self.waiting = []

            def callWhenRunning(self, function, *arguments):
                self.waiting.append((function, arguments))

        fake = FakeReactor()
        foreground = Foreground(fake)
        left = []
        self.patch(os, "_exit", left.append)
        foreground.ended(3)
        foreground.ended(0)
        self.assertEqual(len(fake.waiting), 1)
        foreground.leave()
        self.assertEqual(left, [3])

    def test_what_cannot_start_is_said_once(self):
        class Refused(Role):
            label = "client"

            def open(self):
                raise EndpointError("there is no such network interface")

        self.patch(sys, "__stderr__", io.StringIO())
        self.patch(ending, "stop_on_signals", lambda reactor: None)  # they are this process's
        clock = MemoryReactorClock()
        foreground = Foreground(clock)
        Refused(sockets=NO_SOCKETS, reactor=clock).setServiceParent(foreground)
        foreground.startService()
        clock.run()
        self.assertEqual(sys.__stderr__.getvalue(), "client: there is no such network interface.\n")
        self.assertEqual(foreground.status, 2)
