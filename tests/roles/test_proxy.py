"""The proxy: its options, its forwarding in memory, and the whole command with real sockets."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import zmq
from prometheus_client.exposition import generate_latest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bulletin.roles.proxy import Options, Proxy, makeService
from bulletin.web.metrics import make_registry
from tests.memory_transport import Network

ANY = ("tcp://127.0.0.1:0",)


class InMemory(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.network = Network(self.clock)
        self.proxies = [Proxy(ANY, ANY, sockets=self.network.sockets, reactor=self.clock) for _ in range(2)]
        for proxy in self.proxies:
            proxy.startService()
        self.transport = self.network.sockets.Transport()
        self.heard = []
        self.publisher = self.network.sockets.Publisher(
            self.transport, connect=[proxy.front.endpoint for proxy in self.proxies]
        )
        self.subscriber = self.network.sockets.Subscriber(
            self.transport,
            connect=[proxy.back.endpoint for proxy in self.proxies],
            received=lambda *message: self.heard.append(message),
        )
        self.subscriber.subscribe(b"geral")

    def publish(self, topic, body):
        self.publisher.publish(topic, body)
        self.clock.advance(0)

    def test_two_at_once(self):
        """Each carries everything; with one of them gone, the other still does."""
        self.publish(b"geral", b"1")
        self.assertEqual(self.heard, [(b"geral", b"1")] * 2)
        self.successResultOf(self.proxies[0].stopService())
        self.publish(b"geral", b"2")
        self.assertEqual(self.heard[2:], [(b"geral", b"2")])

    def test_its_metrics(self):
        self.publish(b"geral", b"1")
        self.publish(b"t" * 100, b"1")
        text = generate_latest(make_registry(self.proxies[0]._samples)).decode()
        for line in (
            "bulletin_proxy_subscribers 1.0",
            "bulletin_proxy_subscriptions 1.0",
            "bulletin_proxy_slow_subscribers 0.0",
            "bulletin_proxy_cut_total 0.0",
            'bulletin_socket_received_total{socket="publishers"} 1.0',
            'bulletin_socket_malformed_total{socket="publishers"} 1.0',
            'bulletin_socket_sent_total{socket="subscribers"} 1.0',
        ):
            self.assertIn(line, text)

    def test_it_is_ready_while_it_runs(self):
        proxy = self.proxies[0]
        self.assertTrue(proxy.health().ready)
        proxy.stopService()
        self.assertFalse(proxy.health().ready)


class Defaults(SynchronousTestCase):
    def test_the_ports_of_the_protocol(self):
        defaults = {option.name: option.default for option in Options.table}
        self.assertEqual(
            defaults,
            {"publishers": "tcp://127.0.0.1:5557", "subscribers": "tcp://127.0.0.1:5558", "http": None},
        )

    def test_the_service_has_what_the_options_say(self):
        options = Options({})
        options.parseOptions(["--publishers", "tcp://127.0.0.1:0", "--subscribers", "tcp://*:0"])
        (proxy,) = makeService(options)
        self.assertEqual((proxy._publishers, proxy._subscribers), (("tcp://127.0.0.1:0",), ("tcp://*:0",)))


class Command(ProcessProtocol):
    """``twistd -n bulletin-proxy`` as a process; ``printed`` grows, ``ended`` fires with its status."""

    def __init__(self):
        self.printed = b""
        self.awaited = {}
        self.ended = Deferred()

    def outReceived(self, data):
        self.printed += data
        for word in [word for word in self.awaited if word in self.printed]:
            self.awaited.pop(word).callback(self.printed.decode())

    def errReceived(self, data):
        self.outReceived(data)

    def until(self, word):
        done = self.awaited[word] = Deferred()
        self.outReceived(b"")
        return done

    def processEnded(self, reason):
        self.ended.callback(0 if reason.check(ProcessDone) else reason.value.exitCode)


class Whole(TestCase):
    timeout = 30

    def run_proxy(self, *arguments):
        command = Command()
        twistd = Path(sys.executable).parent / "twistd"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BULLETIN_")}
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        line = [str(twistd), "-n", "--pidfile=", "bulletin-proxy", *arguments]
        process = reactor.spawnProcess(command, line[0], line, environment, directory.name)

        def end():
            if process.pid is not None:
                process.signalProcess("KILL")
            return command.ended

        self.addCleanup(end)
        return command, process

    async def test_it_forwards_and_stops_with_status_0(self):
        command, process = self.run_proxy("--publishers", ANY[0], "--subscribers", ANY[0])
        printed = await command.until(b"is up: ")
        words = printed.partition("is up: ")[2].split()
        endpoints = dict(zip(words[0::2], (word.rstrip(",") for word in words[1::2]), strict=False))
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        publisher, subscriber = context.socket(zmq.XPUB), context.socket(zmq.SUB)
        publisher.connect(endpoints["publishers"])
        subscriber.connect(endpoints["subscribers"])
        subscriber.subscribe(b"geral")
        self.assertTrue(publisher.poll(10_000))
        while not subscriber.poll(10):  # until the subscription has taken
            publisher.send_multipart([b"geral", b"body"])
        self.assertEqual(subscriber.recv_multipart(), [b"geral", b"body"])
        process.signalProcess(signal.SIGTERM)
        self.assertEqual(await command.ended, 0)

    async def test_a_mistake_is_one_line_and_status_1(self):
        command, _ = self.run_proxy("--publishers", "tcp://127.0.0.1:99999")
        self.assertEqual(await command.ended, 1)
        self.assertEqual(
            command.printed.decode(),
            "bulletin-proxy: --publishers: the port in 'tcp://127.0.0.1:99999' is not a number from 0 to 65535.\n",
        )

    def test_help_needs_no_reactor(self):
        twistd = Path(sys.executable).parent / "twistd"
        shown = subprocess.run(
            [twistd, "--reactor=poll", "bulletin-proxy", "--help"], capture_output=True, text=True, check=True
        )
        self.assertIn("BULLETIN_SUBSCRIBERS", shown.stdout)
