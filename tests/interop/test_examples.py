"""The clients under examples/, each as its README has it run, against a real board and beside a proxy that misbehaves.

One whose language or libraries are not at hand is skipped, with what to install.
"""

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import msgpack
import zmq
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.interop.base import BoardTestCase
from tests.interop.operations import page
from tests.interop.plain import Asker, UnansweredError, fresh, unpacked
from tests.interop.running import PATIENCE, Running

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
LINES_MAX = 60
PROGRAMS = ("board.py", "board.js", "go/board.go", "board.c", "board.sh")

TEXT = 'olá, "mundo" \\ },{ ]'
"""What has to be quoted in JSON, and what a careless reader of it would stumble on."""


def python() -> list[str]:
    """How to start the client in Python."""
    return [sys.executable, "board.py"]


@functools.cache
def javascript() -> list[str]:
    """How to start the client in JavaScript; raises SkipTest where its libraries are not installed."""
    node = shutil.which("node")
    if node is None:
        raise SkipTest("apt-get install nodejs npm: board.js needs Node.js")
    libraries = [node, "-e", 'require("zeromq"); require("@msgpack/msgpack")']
    if subprocess.run(libraries, cwd=EXAMPLES, capture_output=True, check=False).returncode:
        raise SkipTest("npm install, in examples/: board.js needs zeromq and @msgpack/msgpack")
    return [node, "board.js"]


@functools.cache
def _folder() -> Path:
    """Where programs are built, to the end of this process."""
    folder = Path(tempfile.mkdtemp(prefix="bulletin-examples-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _compiler_for(*headers: str, install: str) -> str:
    """The C compiler, if it finds these headers."""
    compiler = shutil.which("cc")
    source = "".join(f"#include <{header}>\n" for header in headers).encode()
    if (
        compiler is None
        or subprocess.run(
            [compiler, "-fsyntax-only", "-x", "c", "-"], input=source, capture_output=True, check=False
        ).returncode
    ):
        raise SkipTest(f"apt-get install {install}")
    return compiler


def _built(command: list[str], folder: Path) -> None:
    environment = os.environ | {
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOCACHE": str(_folder() / "go-cache"),
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")


@functools.cache
def go() -> list[str]:
    """Build the client in Go."""
    install = "golang-go gcc libzmq3-dev: board.go needs Go and libzmq's header"
    if shutil.which("go") is None:
        raise SkipTest(f"apt-get install {install}")
    _compiler_for("zmq.h", install=install)
    program = str(_folder() / "board-go")
    _built(["go", "vet", "./..."], EXAMPLES / "go")
    _built(["go", "build", "-o", program, "."], EXAMPLES / "go")
    return [program]


@functools.cache
def c() -> list[str]:
    """Build the client in C; a warning of the compiler is a failure."""
    install = "gcc libzmq3-dev libjansson-dev: board.c needs a C compiler and two headers"
    compiler = _compiler_for("zmq.h", "jansson.h", install=install)
    program = str(_folder() / "board-c")
    warnings = ("-Wall", "-Wextra", "-Werror")
    _built([compiler, *warnings, "-O1", "-o", program, "board.c", "-lzmq", "-ljansson"], EXAMPLES)
    return [program]


def shell() -> list[str]:
    """How to start the client in shell."""
    bash = shutil.which("bash")
    if bash is None:
        raise SkipTest("apt-get install bash: board.sh is written for it")
    return [bash, "board.sh"]


class Careless:
    """A proxy that publishes what it is told to: twice, out of order, or not at all."""

    def __init__(self, context: zmq.Context) -> None:
        self.socket = context.socket(zmq.XPUB)
        self.socket.linger = 0
        self.endpoint = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"

    def wait_for_subscription(self, channel: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.socket.poll(max(0, 1000 * (deadline - time.monotonic()))):
            if self.socket.recv() == b"\x01" + channel.encode():
                return
        raise UnansweredError(f"nobody subscribed to {channel}")

    def publish(self, topic: str, post: dict) -> None:
        self.socket.send_multipart([topic.encode(), msgpack.packb(post)])


class Tap:
    """Stands between a client and the broker, and notes what both say.

    It swallows the first reply to a login, and answers the first post itself: not now, ask again.
    """

    def __init__(self, context: zmq.Context, broker: str) -> None:
        self.front = context.socket(zmq.ROUTER)
        self.back = context.socket(zmq.DEALER)
        for socket in (self.front, self.back):
            socket.linger = 0
        self.endpoint = f"tcp://127.0.0.1:{self.front.bind_to_random_port('tcp://127.0.0.1')}"
        self.back.connect(broker)
        self.said: list[tuple[str, dict]] = []
        """("request" or "reply", its outer map), in the order in which the client sent and got them."""
        self.swallowed = self.put_off = False
        self.route = b""
        """Where the client's last request came from: the one in shell connects anew for each."""

    def turn(self) -> None:
        """Pass on one message in each direction, if there is one."""
        if self.front.poll(0):
            frames = self.front.recv_multipart()
            request = unpacked(frames[-1])
            self.said.append(("request", request))
            if request["service"] == "publish" and not self.put_off:
                self.put_off = True
                self._answer(frames, request)
            else:
                self.route = frames[0]
                self.back.send_multipart(frames[1:])
        if self.back.poll(0):
            frames = self.back.recv_multipart()
            reply = unpacked(frames[-1])
            if reply["service"] == "login" and not self.swallowed:
                self.swallowed = True
            else:
                self.said.append(("reply", reply))
                self.front.send_multipart([self.route, *frames])

    def _answer(self, frames: list[bytes], request: dict) -> None:
        why = "O resultado não é conhecido a tempo."
        common = {"id": request["data"]["id"], "clock": request["data"]["clock"] + 1000, "timestamp": 1.5}
        refusal = {"status": "erro", "erro": "tempo_esgotado", "description": why, "message": why}
        inner = {**refusal, "definitivo": False, "tente_em": 0.2, **common}
        reply = {"service": "publish", "data": inner, "clock": common["clock"], "timestamp": 1.5}
        self.said.append(("reply", reply))
        is_json = frames[-1][:1] == b"{"
        body = json.dumps(reply, separators=(",", ":")).encode() if is_json else msgpack.packb(reply)
        self.front.send_multipart([*frames[:-1], body])

    def faults(self) -> list[str]:
        """What a client does wrong with its clock and its ids."""
        found = []
        clock, ids = 0, {name: [] for name in ("login", "channel", "publish", "history")}
        for kind, message in self.said:
            inner = message["data"]
            if kind == "request":
                if type(inner["clock"]) is not int or inner["clock"] <= clock:
                    found.append(f"{message['service']}: clock {inner['clock']} after {clock}")
                if abs(inner["timestamp"] - time.time()) > 60:
                    found.append(f"{message['service']}: timestamp {inner['timestamp']}")
                ids[message["service"]].append(inner["id"])
            clock = max(clock, inner["clock"])
        found += [f"{name}: ids {ids[name]}" for name in ("login", "publish") if len(set(ids[name])) != 1]
        if len({id_ for several in ids.values() for id_ in several}) != 3 + len(ids["history"]):
            found.append(f"one id for several requests: {ids}")
        return found


class SizeTests(SynchronousTestCase):
    def test_each_has_sixty_lines_at_most(self):
        lengths = {name: len((EXAMPLES / name).read_text().splitlines()) for name in PROGRAMS}
        self.assertEqual({name: lines for name, lines in lengths.items() if lines > LINES_MAX}, {})

    def test_the_readme_has_each(self):
        readme = (EXAMPLES / "README.md").read_text()
        self.assertEqual([name for name in PROGRAMS if f"({name})" not in readme], [])

    def test_the_binding_of_go_is_short_too(self):
        self.assertLessEqual(len((EXAMPLES / "go/zmq4/zmq4.go").read_text().splitlines()), 100)


class _Example:
    """What each of the five must do; a class below for each language."""

    command: ClassVar

    def start(self, user: str, channel: str, text: str, proxy: str | None = None) -> Running:
        endpoints = [self.board.broker_endpoint, proxy or self.board.proxy_endpoint]
        running = Running([*type(self).command(), user, channel, text, *endpoints], EXAMPLES)
        self.addCleanup(running.end)
        return running

    def post(self, asker: Asker, channel: str, text: str) -> None:
        asker.ask("publish", {"user": "bia", "canal": channel, "message": text})

    def test_it_posts_and_prints_the_history_and_what_others_post(self):
        asker, channel, user = self.asker(), fresh("praça"), fresh("ana")
        asker.ask("channel", {"channel": channel})
        self.post(asker, channel, "antes")
        reader = self.reader(channel)
        running = self.start(user, channel, TEXT)
        running.wait_for("#1 bia: antes (clock ", f"#2 {user}: {TEXT} (clock ")
        published = reader.next_of(channel.encode())
        self.assertEqual((published["user"], published["message"], published["seq"]), (user, TEXT, 2))
        self.post(asker, channel, TEXT + " depois")
        running.wait_for(f"#3 bia: {TEXT} depois (clock ")
        items, _ = page(asker, "history", {"canal": channel})
        self.assertEqual([item["message"] for item in items], ["antes", TEXT, TEXT + " depois"])
        self.assertIn(user, asker.ask("users", {})["users"])
        running.end(signal.SIGINT)
        expected = [f"#{i['seq']} {i['user']}: {i['message']} (clock {i['clock']})" for i in items]
        self.assertEqual(running.lines, expected, "each post once, in order, and no word at the end")

    def test_it_prints_each_post_once_and_in_order_whatever_the_proxy_does(self):
        asker, channel, user = self.asker(), fresh("canal"), fresh("ana")
        proxy = Careless(self.context)
        running = self.start(user, channel, "um", proxy.endpoint)
        proxy.wait_for_subscription(channel)
        running.wait_for("#1 ")
        for text in ("dois", "três", "quatro"):
            self.post(asker, channel, text)
        items, _ = page(asker, "history", {"canal": channel})
        bell = {key: value for key, value in items[2].items() if key != "message"}
        for post in (items[0], items[3], items[1], bell, items[3], items[2]):
            proxy.publish(channel, post)
        proxy.publish(
            channel + "2", {**items[0], "seq": 5, "topic": channel + "2", "message": "de outro canal"}
        )
        self.post(asker, channel, "cinco, e nada se publica")
        running.wait_for("#5 ")
        running.end(signal.SIGINT)
        items, _ = page(asker, "history", {"canal": channel})
        expected = [f"#{i['seq']} {i['user']}: {i['message']} (clock {i['clock']})" for i in items]
        self.assertEqual(running.lines, expected)

    def test_it_says_why_it_is_refused_and_ends(self):
        name = fresh("ana")
        running = self.start(name, name, "Oi")
        running.wait_for("Um usuário e um canal não podem ter o mesmo nome.")
        self.assertEqual(running.process.wait(PATIENCE), 1)


class PersistenceTests(BoardTestCase):
    """All that can be started, at the same time: each waits 5 s for an answer."""

    def test_unanswered_each_asks_again_with_the_same_id_and_a_later_clock(self):
        available = {}
        for command in (python, javascript, go, c, shell):
            with contextlib.suppress(SkipTest):
                available[command.__name__] = command()
        taps, clients, users = {}, {}, {}
        channel = self.channel(self.asker())
        for name, command in available.items():
            taps[name] = Tap(self.context, self.board.broker_endpoint)
            users[name] = fresh(name)
            endpoints = [taps[name].endpoint, self.board.proxy_endpoint]
            clients[name] = Running([*command, users[name], channel, "Oi", *endpoints], EXAMPLES)
            self.addCleanup(clients[name].end)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not all(
            any(message["service"] == "history" for kind, message in tap.said if kind == "reply")
            for tap in taps.values()
        ):
            for tap in taps.values():
                tap.turn()
            zmq.select([socket for tap in taps.values() for socket in (tap.front, tap.back)], [], [], 0.1)
        for client in clients.values():
            client.end()
        self.assertEqual({name: tap.faults() for name, tap in taps.items()}, {name: [] for name in taps})
        items, _ = page(self.asker(), "history", {"canal": channel})
        self.assertEqual(sorted(item["user"] for item in items), sorted(users.values()), "each posted once")


class PythonTests(_Example, BoardTestCase):
    command = python


class JavaScriptTests(_Example, BoardTestCase):
    command = javascript


class GoTests(_Example, BoardTestCase):
    command = go


class CTests(_Example, BoardTestCase):
    command = c


class ShellTests(_Example, BoardTestCase):
    command = shell
