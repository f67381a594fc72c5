"""The broker with its sockets on: in memory by a clock, and for real with plain pyzmq clients."""

import zmq
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.broker.dispatcher import DRAIN
from bulletin.core.broker.pending import Bounds
from bulletin.core.clocks.instant import Instant
from bulletin.core.limits import BATCH_BYTES_MAX, MIB, REQUEST_BYTES_MAX
from bulletin.core.wire import broker as wire
from bulletin.roles import broker as role
from bulletin.roles.broker import Broker, Options, makeService
from bulletin.roles.role import StartError
from bulletin.transport.sockets import ZEROMQ
from bulletin.transport.traffic import Counters, Outcome
from tests.core.broker.bench import body, opened, refused
from tests.transport.loopback import Loopback

ANY = "tcp://127.0.0.1:0"


class MemoryTransport:
    def shutdown(self):
        pass


class MemoryRouter:
    """A router whose peers are the test."""

    def __init__(self, transport, *, listen, received, turn_ended, bounds):
        self.bound = tuple(listen)
        self.counters = Counters()
        self.bounds = bounds
        self._received, self._turn_ended = received, turn_ended
        self.sent = []
        self.outcomes = {}

    def deliver(self, *messages):
        """One turn of the reactor: ``(envelope, body frames)``."""
        for envelope, frames in messages:
            self._received(envelope, frames)
        self._turn_ended()

    def send_to(self, envelope, *parts):
        outcome = self.outcomes.get(envelope[0], Outcome.SENT)
        if outcome is Outcome.SENT:
            self.sent.append((envelope, *parts))
        return outcome


class MemorySockets:
    Transport = MemoryTransport

    def __init__(self):
        self.routers = []

    def Router(self, transport, **arguments):
        self.routers.append(MemoryRouter(transport, **arguments))
        return self.routers[-1]


class InMemory(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.sockets = MemorySockets()
        self.broker = Broker(
            ["tcp://127.0.0.1:5555"],
            ["tcp://127.0.0.1:5556"],
            Bounds(requests=8),
            random_bytes=lambda size: b"\xbb" * size,
            sockets=self.sockets,
            reactor=self.clock,
            instant=lambda: Instant(self.clock.seconds(), 1_700_000_000.0 + self.clock.seconds()),
        )
        self.broker.startService()
        self.servers, self.clients = self.sockets.routers
        self.addCleanup(self.stop)

    def stop(self):
        stopped = self.broker.stopService()
        self.clock.pump([0.05] * 60)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def say(self, message, identity=b"A"):
        self.servers.deliver(((identity,), [wire.encode(message)]))

    def ready(self, identity=b"A"):
        self.say(wire.ServerReady("s", 1, 1, 1.0), identity)

    def handed(self, identity=b"A"):
        """The requests that a server was sent, all frames together."""
        messages = [wire.decode(frame) for envelope, frame in self.servers.sent if envelope == (identity,)]
        return [
            request
            for message in messages
            if isinstance(message, wire.Requests)
            for request in message.requests
        ]

    def ask(self, client=b"c", content=None):
        self.clients.deliver(((client, b""), [content or body()]))

    def reply(self, request, identity=b"A", content=b"done"):
        row = wire.Reply(request.id, request.attempt, wire.SUCCESS, content)
        self.say(wire.Replies(1, (row,), 1, 1.0), identity)

    def samples(self):
        return {(sample.name, *sample.labels.values()): sample.value for sample in self.broker.samples()}

    def test_a_turn_is_a_message(self):
        """What came in one turn goes to the server as one message, and each reply to its client."""
        self.ready()
        self.servers.sent.clear()
        self.clients.deliver(((b"c1", b""), [body()]), ((b"c2",), [body("listar canais")]))
        self.assertEqual(len(self.servers.sent), 1)
        for number, request in enumerate(self.handed()):
            self.reply(request, content=b"%d" % number)
        self.assertEqual(self.clients.sent, [((b"c1", b""), b"0"), ((b"c2",), b"1")])

    def test_silence_is_noticed(self):
        """Without any message, time alone hands a request on."""
        self.ready(b"A")
        self.ask()
        self.clock.pump([0.025] * 18)
        self.ready(b"B")
        self.clock.pump([0.025] * 8)
        self.assertEqual([request.attempt for request in self.handed(b"B")], [2])

    def test_gone(self):
        """A server whose connection is gone: its requests go to another in the same turn."""
        self.ready(b"A")
        self.ask()
        self.ready(b"B")
        self.servers.outcomes[b"A"] = Outcome.GONE
        self.clock.pump([0.025] * 8)
        self.assertEqual([request.attempt for request in self.handed(b"B")], [2])
        self.assertEqual(self.samples()["broker_unsent_total",], 1)

    def test_full(self):
        """A server whose queue is full: the request goes to another as if nothing had been."""
        self.ready(b"A")
        self.ready(b"B")
        self.servers.outcomes[b"A"] = Outcome.FULL
        self.ask()
        self.assertEqual([request.attempt for request in self.handed(b"B")], [1])

    def test_client_that_does_not_read(self):
        """Its answers are dropped and counted; nothing is kept for it."""
        self.ready()
        self.clients.outcomes[b"c"] = Outcome.FULL
        self.ask()
        self.reply(*self.handed())
        self.assertEqual(self.samples()["broker_undelivered_total",], 1)
        self.assertEqual(self.samples()["broker_pending",], 0)

    def test_junk_from_servers(self):
        """Junk is counted."""
        for _ in range(100):
            self.servers.deliver(
                ((b"A",), [b"\xc1"]), ((b"A", b""), [b"x"]), ((b"A",), []), ((b"A",), [b"a", b"b"])
            )
        self.assertEqual(self.samples()["broker_malformed_total",], 400)

    def test_complaints(self):
        """What no peer of ours sends has a line in the log, and a flood of it has a few."""
        with capturedLogs() as events:
            for _ in range(50):
                self.servers.deliver(((b"A",), [b"junk"]))
                self.clients.deliver(((b"c", b""), []))
                self.clock.advance(0.025)
        sentences = [event["log_format"] for event in events if event.get("log_level") is LogLevel.warn]
        self.assertEqual(sum("no server's" in sentence for sentence in sentences), 3)
        self.assertEqual(sum("no body frame" in sentence for sentence in sentences), 3)
        self.assertEqual(len(sentences), 6)

    def test_health(self):
        """Ready while a server is."""
        self.assertEqual(
            (self.broker.health().ready, self.broker.health().reason), (False, "No server is ready.")
        )
        self.ready()
        self.assertTrue(self.broker.health().ready)
        self.clock.pump([0.025] * 30)
        self.assertFalse(self.broker.health().ready)
        self.assertEqual(self.samples()["broker_servers", "silent"], 1)

    def test_metrics(self):
        """Numbers of what happened, by code and by place."""
        self.ready()
        for _ in range(3):
            self.ask()
        self.reply(self.handed()[0])
        samples = self.samples()
        self.assertEqual(samples["broker_taken_total",], 2)
        self.assertEqual(samples["broker_refused_total", "sobrecarregado"], 1)
        self.assertEqual((samples["broker_pending",], samples["broker_in_flight", "0"]), (1, 1))
        self.assertEqual((samples["broker_answered_total",], samples["broker_succeeded_total",]), (1, 1))

    def test_bounds_of_sockets(self):
        """The clients' socket cuts what no client should send; both read little ahead: what they hold is bounded by it."""
        self.assertEqual(self.clients.bounds.frame_bytes, 4 * REQUEST_BYTES_MAX)
        self.assertLessEqual(self.clients.bounds.receive_mark, 100)
        self.assertLessEqual(self.servers.bounds.receive_mark * BATCH_BYTES_MAX, 32 * MIB)

    def test_stop_idle(self):
        """Nothing under way: it stops at once."""
        self.successResultOf(self.broker.stopService())
        self.assertFalse(self.broker.health().ready)
        self.assertEqual(list(self.broker.samples()), [])

    def test_stop_under_way(self):
        """What a server has is waited for; what comes meanwhile is refused."""
        self.ready()
        self.ask(b"old")
        stopped = self.broker.stopService()
        self.ask(b"new")
        self.assertEqual(self.clients.sent[0][0], (b"new", b""))
        self.assertEqual(refused(self.clients.sent[0][1]), ("sem_servidores", True))
        self.assertEqual(self.broker.health().reason, "The broker is stopping.")
        self.assertNoResult(stopped)
        self.reply(*self.handed())
        self.clock.advance(0.025)
        self.successResultOf(stopped)
        self.assertEqual(self.clients.sent[1], ((b"old", b""), b"done"))

    def test_stop_without_an_answer(self):
        """A server that does not answer holds up the stop for a bounded time; the client hears the truth."""
        self.ready()
        self.ask()
        stopped = self.broker.stopService()
        for _ in range(round(DRAIN / 0.1) + 2):
            self.clock.advance(0.1)
            self.say(wire.ServerHeartbeat(1, 1, 1.0))
        self.successResultOf(stopped)
        self.assertEqual([refused(reply) for _, reply in self.clients.sent], [("tempo_esgotado", False)])


class OptionsTests(SynchronousTestCase):
    def parse(self, *arguments, **environment):
        options = Options(environment)
        options.parseOptions(arguments)
        return options

    def test_all(self):
        options = self.parse("--clients", ANY, "--servers", ANY, "--pending", "10", "--pending-mib", "2")
        (broker,) = makeService(options)
        self.assertIsInstance(broker, Broker)
        self.assertEqual(broker._bounds, Bounds(10, 2 * 1024 * 1024))
        self.assertEqual((broker._at_clients, broker._at_servers), ((ANY,), (ANY,)))

    def test_environment(self):
        options = self.parse(BULLETIN_CLIENTS=ANY, BULLETIN_SERVERS=ANY)
        self.assertEqual(options["clients"], (ANY,))
        self.assertEqual(next(iter(makeService(options)))._bounds, Bounds())

    def test_defaults(self):
        defaults = {option.name: option.default for option in Options.table}
        self.assertEqual(
            (defaults["clients"], defaults["servers"]), ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556")
        )

    def test_mistakes(self):
        for arguments in (
            ["--clients", "tcp://127.0.0.1:99999"],
            ["--clients", ANY, "--servers", "inproc://x"],
            ["--clients", "ipc:///tmp/b", "--servers", "ipc:///tmp/b"],
            ["--clients", ANY, "--servers", ANY, "--pending", "0"],
            ["--clients", ANY, "--servers", ANY, "extra"],
        ):
            error = self.assertRaises(usage.UsageError, self.parse, *arguments)
            self.assertEqual(len(str(error).splitlines()), 1)
        shared = ["--clients", "ipc:///tmp/b", "--servers", "ipc:///tmp/b"]
        error = self.assertRaises(usage.UsageError, self.parse, *shared)
        self.assertIn("are both ipc:///tmp/b;", str(error))


class OnSockets(Loopback):
    """Plain pyzmq sockets on both sides."""

    def setUp(self):
        super().setUp()
        self.broker = Broker([ANY], [ANY], Bounds(requests=40))
        self.broker.startService()
        self.addCleanup(self.broker.stopService)
        self.at_clients = self.broker._clients.endpoint
        self.at_servers = self.broker._servers.endpoint

    async def server(self, name=b"s1", session=1):
        """A server that is ready; its heartbeats are the test's."""
        server = self.peer(zmq.DEALER, self.at_servers, ROUTING_ID=name)
        server.send(wire.encode(wire.ServerReady(name.decode(), session, 1, 1.0)))
        while True:
            (frame,) = (await self.heard(server))[0]
            if wire.decode(frame).known == session:
                return server

    async def handed(self, server, count=1):
        """The next requests that a server is given."""
        requests = []
        while len(requests) < count:
            message = wire.decode((await self.heard(server))[0][0])
            if isinstance(message, wire.Requests):
                requests.extend(message.requests)
        return requests

    def reply(self, server, request, content):
        row = wire.Reply(request.id, request.attempt, wire.SUCCESS, content)
        server.send(wire.encode(wire.Replies(1, (row,), 1, 1.0)))

    async def test_req(self):
        """A plain REQ, one request after the other."""
        server, client = await self.server(), self.peer(zmq.REQ, self.at_clients)
        for number in range(3):
            client.send(body(id=str(number)))
            (request,) = await self.handed(server)
            self.assertEqual(request.body, body(id=str(number)))
            self.reply(server, request, b"%d" % number)
            self.assertEqual(await self.heard(client), [[b"%d" % number]])

    async def test_dealer(self):
        """A DEALER has two requests in flight, in either framing, and each reply is framed as its request was."""
        server, client = await self.server(), self.peer(zmq.DEALER, self.at_clients)
        client.send_multipart([body(id="bare")])
        client.send_multipart([b"", body(id="framed")])
        bare, framed = await self.handed(server, 2)
        self.reply(server, framed, b"to framed")
        self.reply(server, bare, b"to bare")
        self.assertEqual(await self.heard(client, 2), [[b"", b"to framed"], [b"to bare"]])

    async def test_bad_frames(self):
        """No body and several bodies are answered; a REQ would hang otherwise."""
        client = self.peer(zmq.REQ, self.at_clients)
        for frames in ([body(), body()], [b"", b""], [b"x"] * 50):
            client.send_multipart(frames)
            ((reply,),) = await self.heard(client)
            code, definite = refused(reply)
            self.assertTrue(definite)
            self.assertEqual(code, "formato_invalido")

    async def test_large(self):
        """Above 1 MiB: refused in its own encoding; the connection stays."""
        client = self.peer(zmq.REQ, self.at_clients)
        client.send(b"{" + bytes(REQUEST_BYTES_MAX))
        ((reply,),) = await self.heard(client)
        self.assertEqual(opened(reply)["data"]["erro"], "grande_demais")

    async def test_server_killed(self):
        """The server's connection goes with a request in its hands: another server gets it, the client sees no error."""
        first, client = await self.server(b"s1"), self.peer(zmq.REQ, self.at_clients)
        client.send(body())
        (request,) = await self.handed(first)
        second = await self.server(b"s2")
        first.close()
        (again,) = await self.handed(second)
        self.assertEqual((again.id, again.attempt, again.body), (request.id, 2, body()))
        self.reply(second, again, b"done")
        self.assertEqual(await self.heard(client), [[b"done"]])

    async def test_servers_late(self):
        """Requests wait for the first server."""
        client = self.peer(zmq.DEALER, self.at_clients)
        for number in range(5):
            client.send(body(id=str(number)))
        await self.until(lambda: self.broker.status().pending == 5)
        server = await self.server()
        self.assertEqual(len(await self.handed(server, 5)), 5)

    async def test_overload(self):
        """Past the bound each request is answered at once."""
        client = self.peer(zmq.DEALER, self.at_clients)
        for number in range(15):
            client.send(body(id=str(number)))
        replies = await self.heard(client, 5)
        self.assertEqual([refused(reply) for (reply,) in replies], [("sobrecarregado", True)] * 5)
        self.assertEqual(
            [opened(reply)["dados"]["id"] for (reply,) in replies], ["10", "11", "12", "13", "14"]
        )

    async def test_stranger(self):
        """Somebody unknown on the servers' side is told to say READY; junk harms nobody."""
        stranger = self.peer(zmq.DEALER, self.at_servers)
        stranger.send(b"junk")
        stranger.send(wire.encode(wire.ServerHeartbeat(3, 1, 1.0)))
        ((frame,),) = await self.heard(stranger)
        self.assertEqual(wire.decode(frame).known, 0)
        self.assertEqual(self.broker.status().counters.malformed, 1)

    async def test_taken_port(self):
        """A port that is taken is one sentence, and nothing is left open."""
        other = Broker([self.at_clients], [ANY])
        error = self.assertRaises(StartError, other.startService)
        self.assertIn(self.at_clients.rpartition(":")[2], str(error))
        self.assertTrue(other.transport.closed)

    async def test_two_brokers(self):
        """A server serves two brokers at once; they share nothing."""
        other = Broker([ANY], [ANY])
        other.startService()
        self.addCleanup(other.stopService)
        here = await self.server()
        there = self.peer(zmq.DEALER, other._servers.endpoint)
        there.send(wire.encode(wire.ServerReady("s1", 1, 1, 1.0)))
        clients = [self.peer(zmq.REQ, self.at_clients), self.peer(zmq.REQ, other._clients.endpoint)]
        for client in clients:
            client.send(body())
        (one,), (two,) = await self.handed(here), await self.handed(there)
        self.assertNotEqual(one.id, two.id)
        self.reply(here, one, b"here")
        self.reply(there, two, b"there")
        self.assertEqual([await self.heard(client) for client in clients], [[[b"here"]], [[b"there"]]])


class Module(SynchronousTestCase):
    def test_real_sockets_by_default(self):
        """Nobody needs to say that ZeroMQ's sockets are meant."""
        broker = role.Broker([ANY], [ANY])
        broker._choose()
        self.assertIs(broker.sockets, ZEROMQ)
