"""A dispatcher with a clock that a test turns, and servers and clients that say what the test lets them."""

from bulletin.core import codec
from bulletin.core.broker.dispatcher import Dispatcher
from bulletin.core.clocks.instant import Instant
from bulletin.core.wire import broker as wire

PREFIX = b"\xaa" * 8
WALL = 1_700_000_000.0


def body(operation="login", **fields):
    """A client's body: MessagePack, native envelope."""
    return codec.pack({"opcao": operation, "dados": {"user": "ana", "clock": 5, **fields}})


def opened(reply):
    """A reply's outer map, whichever encoding."""
    bounds = {"bytes_max": 10**7, "nesting_max": 12, "items_max": 10**5}
    return codec.unpack_json(reply, **bounds) if reply[:1] == b"{" else codec.unpack(reply, **bounds)


def refused(reply):
    """The code and the definiteness of a refusal's body."""
    outer = opened(reply)
    inner = outer.get("dados") or outer.get("data")
    assert inner["status"] == "erro", inner
    return inner["erro"], inner["definitivo"]


class Bench:
    """Drives one dispatcher; ``turn`` collects what it sends.

    :ivar handed: per server, the ``(request, attempt)`` it was given and has not been taken by ``take``.
    :ivar answers: ``(envelope, body)`` in the order in which they were given.
    :ivar heartbeats: per server, the ``known`` of each heartbeat.
    """

    def __init__(self, **options):
        self.now = Instant(100.0, WALL)
        self.dispatcher = Dispatcher(PREFIX, self.now, **options)
        self.handed = {}
        self.sessions = {}
        self.answers = []
        self.heartbeats = {}
        self.frames = []

    def pass_time(self, seconds, *, alive=(), step=0.05):
        """Let time pass in ticks; the servers named are heard all the while."""
        end = self.now.monotonic + seconds
        while self.now.monotonic < end - 1e-9:
            moment = min(step, end - self.now.monotonic)
            self.now = Instant(self.now.monotonic + moment, self.now.wall + moment)
            for identity in alive:
                self.heartbeat(identity)
            self.dispatcher.tick(self.now)
            self.turn()

    def turn(self):
        """Carry out what there is to send."""
        while ready := self.dispatcher.ready():
            for sent in ready.to_servers:
                self.frames.append(sent)
                message = wire.decode(sent.frame)
                if isinstance(message, wire.BrokerHeartbeat):
                    self.heartbeats.setdefault(sent.identity, []).append(message.known)
                else:
                    self.sessions[sent.identity] = message.session
                    self.handed.setdefault(sent.identity, []).extend(message.requests)
            self.answers.extend((answer.envelope, answer.body) for answer in ready.to_clients)

    def ask(self, client=b"c1", content=None, *, turn=True):
        """A client's request."""
        self.dispatcher.client((client, b""), [content or body()], self.now)
        if turn:
            self.turn()

    def server(self, identity, message, *, turn=True):
        """A message from a server."""
        self.dispatcher.server(identity, wire.encode(message), self.now)
        if turn:
            self.turn()

    def ready(self, identity, session=1):
        self.sessions[identity] = session
        self.server(identity, wire.ServerReady(identity.decode(), session, 1, self.now.wall))

    def heartbeat(self, identity, session=None):
        session = session or self.sessions[identity]
        self.server(identity, wire.ServerHeartbeat(session, 1, self.now.wall))

    def take(self, identity):
        """What a server was given since it was last asked."""
        return self.handed.pop(identity, [])

    def reply(self, identity, request, result=wire.SUCCESS, content=b"done", *, session=None, attempt=None):
        """A server's reply to one attempt."""
        row = wire.Reply(request.id, attempt or request.attempt, result, content)
        self.server(identity, wire.Replies(session or self.sessions[identity], (row,), 1, self.now.wall))

    @property
    def counters(self):
        return self.dispatcher.counters
