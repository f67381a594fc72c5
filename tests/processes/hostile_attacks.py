"""The attacks.  Each talks to 127.0.0.1 alone, and is bounded in messages, bytes, connections and time.

An attack raises AssertionError where the board owes an answer and does not give it; whether the roles live, stay small
and serve others is not its matter (`hostile_watch`).
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from random import Random

import attrs
import msgpack
import zmq

from bulletin.torture.board import Board, RoleProcess
from tests.processes import hostile_bytes as junk
from tests.processes.hostile_bytes import KIB, MIB
from tests.processes.hostile_zmtp import GREETING, MORE, RawPeer, frame, greetings, ready, sentences

ANSWERED_WITHIN = 10_000
"""Milliseconds for an answer: the board promises 5 s to whoever is served; this waits behind one's own flood."""

COUNTED_WITHIN = 60.0
"""Seconds for a message of a million frames to be read to its end, on a machine that has other things to do."""


@attrs.frozen
class Port:
    """A port of a role.

    :param kind: who is meant to connect: the keys of `hostile_bytes.MAKERS`.
    :param role: whose it is.
    :param socket: what it is called in the role's metrics.
    """

    kind: str
    number: int
    role: RoleProcess
    socket: str

    @property
    def endpoint(self) -> str:
        return f"tcp://127.0.0.1:{self.number}"

    def counted(self) -> float:
        """Messages that its socket dropped for their form, and connections that it cut."""
        names = tuple(
            f'bulletin_socket_{what}_total{{socket="{self.socket}"}} ' for what in ("malformed", "cut")
        )
        lines = self.role.get("/metrics", 5.0)[1].splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(names))


def ports_of(board: Board) -> list[Port]:
    """Every port that a board listens on but those for HTTP."""
    found = [
        Port("clients", board.base, board.broker, "clients"),
        Port("servers", board.base + 1, board.broker, "servers"),
        Port("publishers", board.base + 2, board.proxy, "publishers"),
        Port("subscribers", board.base + 3, board.proxy, "subscribers"),
        Port("reference", board.base + 5, board.reference, "requests"),
    ]
    found += [
        Port("peers", board.base + 6 + number, server, "peers") for number, server in enumerate(board.servers)
    ]
    return found


class Arena:
    """A board and what attacks it."""

    def __init__(self, board: Board, context: zmq.Context) -> None:
        self.board = board
        self.context = context
        self.ports = ports_of(board)

    def port(self, kind: str) -> Port:
        return next(port for port in self.ports if port.kind == kind)

    def one_of_each_kind(self, rng: Random) -> list[Port]:
        """All ports, but of the servers' one, drawn by lot."""
        peers = [port for port in self.ports if port.kind == "peers"]
        return [port for port in self.ports if port.kind != "peers"] + [rng.choice(peers)]

    @contextmanager
    def socket(self, type_: int, endpoint: str, **options: int) -> Iterator[zmq.Socket]:
        socket = self.context.socket(type_)
        socket.linger = 0
        socket.sndtimeo = 5_000
        socket.rcvtimeo = ANSWERED_WITHIN
        for name, value in options.items():
            setattr(socket, name, value)
        socket.connect(endpoint)
        try:
            yield socket
        finally:
            socket.close()

    @contextmanager
    def towards(self, port: Port) -> Iterator["zmq.Socket | _RawSubscriber"]:
        """Something that messages can be sent through to a port of any kind."""
        if port.kind == "subscribers":
            subscriber = _RawSubscriber(port)
            try:
                yield subscriber
            finally:
                subscriber.close()
            return
        with self.socket(zmq.XPUB if port.kind == "publishers" else zmq.DEALER, port.endpoint) as socket:
            if port.kind == "publishers":
                socket.recv()  # the proxy's subscription: before it, nothing would be sent
            yield socket


class _RawSubscriber:
    """In place of an XSUB socket, which keeps what it sends in a tree so deep that libzmq does not survive its end."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.peer: RawPeer | None = None

    def send_multipart(self, frames: tuple[bytes, ...]) -> None:
        if self.peer is None:
            self.peer = RawPeer(self.port.number)
            self.peer.shake_hands(self.port.kind)
        data = b"".join(frame(body, MORE) for body in frames[:-1]) + frame(frames[-1])
        if not self.peer.send(data):
            self.close()

    def poll(self, _milliseconds: int) -> int:
        return 0

    def close(self) -> None:
        if self.peer is not None:
            self.peer.close()
        self.peer = None


def _send(socket: zmq.Socket | _RawSubscriber, *frames: bytes) -> None:
    """Send; a connection that was cut, or is full, takes no more, and that is all right."""
    try:
        socket.send_multipart(frames)
    except zmq.Again:
        return


def _answers(socket: zmq.Socket, count: int) -> list[dict]:
    """So many replies, in either encoding, as maps."""
    found = []
    for _ in range(count):
        try:
            body = socket.recv_multipart()[-1]
        except zmq.Again:
            raise AssertionError(f"{len(found)} of {count} requests were answered") from None
        found.append(_outer(body))
    return found


def _outer(body: bytes) -> dict:
    return json.loads(body) if body[:1] == b"{" else msgpack.unpackb(body)


def _status(reply: dict) -> str:
    return reply.get("dados", reply.get("data"))["status"]


def _refusals(role: RoleProcess) -> float:
    """All that a role has counted of what it refused or dropped for its form."""
    lines = role.get("/metrics", 5.0)[1].splitlines()
    kinds = ("_malformed_total", "_refused_total", "_cut_total")
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("bulletin_") and any(kind in line for kind in kinds)
    )


def junk_bodies(arena: Arena, rng: Random) -> None:
    """Messages that are none: not decodable, truncated, deep, of wrong types, forged, at every port; they are counted."""
    for port in arena.ports:
        make = junk.MAKERS[port.kind]
        before = _refusals(port.role)
        with arena.towards(port) as socket:
            for _ in range(120):
                if port.kind in {"publishers", "subscribers"}:
                    _send(socket, *(make(rng) for _ in range(rng.choice((1, 1, 2, 2, 3, 20)))))
                elif port.kind in {"clients", "reference"}:
                    _send(socket, b"", make(rng))
                else:
                    _send(socket, make(rng))
            if port.kind in {"clients", "reference"}:
                for reply in _answers(socket, 120):
                    _status(reply)
            deadline = time.monotonic() + ANSWERED_WITHIN / 1000
            while _refusals(port.role) == before:
                assert time.monotonic() < deadline, f"{port.role.name} counted nothing at its {port.socket}"
                time.sleep(0.02)


def odd_frames(arena: Arena, rng: Random) -> None:
    """Several body frames, empty ones, envelopes of many frames: answered at the ports that answer requests."""
    body = msgpack.packb({"opcao": "listar canais", "dados": {}})
    shapes: list[tuple[bytes, ...]] = [
        (b"", body, body),
        (b"", b""),
        (b"", b"", body),
        (b"", b"", b""),
        (b"", body, b""),
        (b"a", b"b", b"", body),
        (b"", *[b"x"] * 30),
        (*[b"x"] * 30, b"", body),
        (b"",),
        (b"x" * 70_000, b"", body),
    ]
    for port in arena.ports:
        with arena.towards(port) as socket:
            for shape in shapes:
                _send(socket, *shape)
            for _ in range(40):
                _send(
                    socket,
                    *(rng.choice((b"", b"x", body, rng.randbytes(40))) for _ in range(rng.randrange(1, 25))),
                )
    for port in (arena.port("clients"), arena.port("reference")):
        with arena.towards(port) as socket:
            for shape in ((b"", body, body), (b"", b"", body), (b"", *[b"x"] * 30)):
                _send(socket, *shape)
                (reply,) = _answers(socket, 1)
                assert _status(reply) == "erro", reply


def sizes(arena: Arena, rng: Random) -> None:
    """Bodies just below and above 1, 4 and 8 MiB: answered up to 4 MiB at the clients' port, cut above."""
    for port in arena.one_of_each_kind(rng):
        for size in junk.SIZES:
            filler = rng.choice((b"\0", b"{", b"\x91", b"a")) * size
            with arena.towards(port) as socket:
                _send(socket, b"", filler)
                if (port.kind == "clients" and size <= 4 * MIB) or (
                    port.kind == "reference" and size <= 8 * MIB
                ):
                    assert _status(_answers(socket, 1)[0]) == "erro", f"{size} bytes"
                else:
                    socket.poll(20)


def million_frames(arena: Arena, rng: Random) -> None:
    """One message of a million frames, or nearly, at each kind of port after the other; at the clients' it is answered.

    A socket reads it in slices, so that nothing else of its role stands still; what others sent to that socket waits.
    """
    for port in arena.one_of_each_kind(rng):
        before = port.counted()
        peer = RawPeer(port.number)
        peer.shake_hands(port.kind)
        first = b"" if port.kind in {"clients", "reference"} else b"x"
        count = 1_000_000 if port.kind == "clients" else rng.choice((10_000, 100_000, 1_000_000))
        peer.send(frame(first, MORE) + frame(b"", MORE) * (count - 2) + frame(b""), patience=COUNTED_WITHIN)
        if port.kind == "clients":
            peer.socket.settimeout(COUNTED_WITHIN)
            assert b"erro" in peer.socket.recv(4096)
        deadline = time.monotonic() + COUNTED_WITHIN
        while port.counted() == before:
            assert time.monotonic() < deadline, f"{port.role.name} did not count it at its {port.socket}"
            time.sleep(0.05)
        peer.close()


def unfinished(arena: Arena, rng: Random) -> None:
    """Messages of which the end never comes, 24 MiB of each at most."""
    for port in arena.one_of_each_kind(rng):
        peer = RawPeer(port.number)
        peer.shake_hands(port.kind)
        piece = frame(bytes(100 if port.kind == "subscribers" else 512 * KIB), MORE)
        for _ in range(48):
            if not peer.send(piece, patience=1):
                break
        peer.close()


def _request(name: str, fields: dict) -> bytes:
    return msgpack.packb({"opcao": name, "dados": fields})


def replies_unread(arena: Arena, rng: Random) -> None:
    """20,000 requests from a peer that never reads."""
    body = _request("listar canais", {})
    with arena.socket(zmq.DEALER, arena.port("clients").endpoint, rcvhwm=1, rcvbuf=4096) as socket:
        for _ in range(20_000):
            _send(socket, body)
    port = arena.port("reference")
    with arena.socket(zmq.DEALER, port.endpoint, rcvhwm=1, rcvbuf=4096) as socket:
        body = msgpack.packb({"service": "list", "data": {}})
        for _ in range(5_000):
            _send(socket, body)


def pages_unread(arena: Arena, rng: Random) -> None:
    """Thousands of requests for the longest page of history from peers that never read: replies of half a MiB each."""
    endpoint = arena.port("clients").endpoint
    with arena.socket(zmq.DEALER, endpoint) as socket:
        socket.send(_request("cadastrar canal", {"canal": "longo"}))
        socket.recv()
        for number in range(9):
            text = {"user": "ana", "canal": "longo", "message": "a" * 65_536, "id": f"longo-{number}"}
            socket.send(_request("publicar mensagem", text))
            socket.recv()
    body = _request("listar historico", {"canal": "longo", "leitura": "local"})
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(arena.socket(zmq.DEALER, endpoint, rcvhwm=1, rcvbuf=4096)) for _ in range(3)
        ]
        end = time.monotonic() + 4
        for _ in range(3_000):
            if time.monotonic() > end:
                break
            for socket in sockets:
                _send(socket, body)
        time.sleep(max(0.0, end - time.monotonic()))


def flood(arena: Arena, rng: Random) -> None:
    """Two peers that send posts as fast as they can, and read what comes, but for what they were too slow to take."""
    endpoint = arena.port("clients").endpoint
    with (
        arena.socket(zmq.DEALER, endpoint, sndtimeo=0) as one,
        arena.socket(zmq.DEALER, endpoint, sndtimeo=0) as two,
    ):
        one.send(_request("cadastrar canal", {"canal": "enchente"}))
        _answers(one, 1)
        end = time.monotonic() + 2
        sent = dict.fromkeys((one, two), 0)
        heard = dict.fromkeys((one, two), 0)
        while time.monotonic() < end:
            for socket in (one, two):
                for _ in range(50):
                    fields = {"user": "ana", "canal": "enchente", "message": "x" * 100}
                    try:
                        socket.send(_request("publicar mensagem", fields))
                    except zmq.Again:
                        break
                    sent[socket] += 1
                while socket.poll(0):
                    socket.recv()
                    heard[socket] += 1
        for socket in (one, two):
            while heard[socket] < sent[socket] and socket.poll(1_000):
                socket.recv()
                heard[socket] += 1
            assert heard[socket] > sent[socket] // 4, (
                f"{heard[socket]} of {sent[socket]} requests were answered"
            )


def large_flood(arena: Arena, rng: Random) -> None:
    """Requests of 1 MiB, and of 4 MiB which are too large, one after the other."""
    with arena.socket(zmq.DEALER, arena.port("clients").endpoint) as socket:
        whole = _request("login", {"user": "ana", "cor": "a" * (MIB - 200)})
        for body, count in ((whole, 80), (bytes(4 * MIB), 30)):
            for _ in range(count):
                _send(socket, body)
            for reply in _answers(socket, count):
                _status(reply)


def no_zmtp(arena: Arena, rng: Random) -> None:
    """Connections that do not speak ZMTP, or begin to and then say what libzmq never says."""
    for port in arena.one_of_each_kind(rng):
        for bytes_ in greetings(rng):
            peer = RawPeer(port.number)
            peer.send(bytes_)
            peer.close()
        for bytes_ in sentences(rng, port.kind):
            peer = RawPeer(port.number)
            peer.shake_hands(port.kind)
            peer.send(bytes_)
            peer.close()


def half_open(arena: Arena, rng: Random) -> None:
    """Connections that begin a handshake and go silent; those that do not finish are cut after 5 s."""
    peers: list[RawPeer] = []
    first: list[RawPeer] = []
    try:
        for port in arena.one_of_each_kind(rng):
            mine = [RawPeer(port.number) for _ in range(60)]
            peers += mine
            first.append(mine[0])
            for peer in mine:
                peer.send((GREETING + ready(port.kind))[: rng.randrange(1, 64)])
        for peer in first:
            assert peer.wait_cut(8), "a connection without a handshake is not cut"
    finally:
        for peer in peers:
            peer.close()


def subscriptions(arena: Arena, rng: Random) -> None:
    """A hundred thousand subscriptions; a subscriber that asks for what is right goes on hearing it."""
    endpoint = arena.port("subscribers").endpoint
    with arena.socket(zmq.SUB, endpoint) as honest, arena.socket(zmq.SUB, endpoint) as greedy:
        honest.subscribe(b"honesto")
        for number in range(60_000):
            greedy.subscribe(b"%d-%d" % (rng.randrange(10**9), number))
        peer = RawPeer(arena.port("subscribers").number)
        peer.shake_hands("subscribers")
        block = b"".join(frame(b"\x01" + rng.randbytes(60)) for _ in range(1000))
        for _ in range(40):
            peer.send(block)
        peer.close()
        end = time.monotonic() + 8
        while time.monotonic() < end:
            if honest.poll(1000):
                topic, _ = honest.recv_multipart()
                assert topic == b"honesto", topic
                return
        raise AssertionError("the honest subscriber hears nothing")


def false_servers(arena: Arena, rng: Random) -> None:
    """Peers that say READY to the broker, take requests, and answer with junk or never."""
    endpoint = arena.port("servers").endpoint
    sockets = []
    try:
        for number in range(30):
            socket = arena.context.socket(zmq.DEALER)
            socket.linger = 0
            socket.sndtimeo = 1000
            socket.connect(endpoint)
            sockets.append(socket)
            data = {"user": f"falso{number}", "sessao": rng.randrange(1, 2**63), "clock": 1, "timestamp": 1.5}
            _send(socket, msgpack.packb({"service": "ready", "data": data}))
        for _ in range(40):
            for socket in sockets:
                _send(socket, junk.a_server_frame(rng))
        for socket in sockets:
            for _ in range(50):
                if not socket.poll(0):
                    break
                socket.recv_multipart()
    finally:
        for socket in sockets:
            socket.close()


def false_fellows(arena: Arena, rng: Random) -> None:
    """Frames of another cluster at the servers' ports: many, and the largest that are let through."""
    for port in (port for port in arena.ports if port.kind == "peers"):
        with arena.towards(port) as socket:
            for _ in range(300):
                _send(socket, junk.a_peer_frame(rng))
            entries = [[number, 1, 1, b"x" * 50_000, bytes(32), 1, 1] for number in range(1, 100)]
            data = {
                "cluster": rng.randbytes(16),
                "grupo": 0,
                "de": rng.randbytes(16),
                "para": rng.randbytes(16),
                "mensagens": [[3, 1, 0, 0, bytes(32), entries, 1, 1]],
                "resumo": None,
                "clock": 5,
                "timestamp": time.time(),
            }
            large = msgpack.packb({"service": "replicate", "replicado": True, "data": data})
            for _ in range(5):
                _send(socket, large)
            socket.poll(50)


def false_ranks(arena: Arena, rng: Random) -> None:
    """Hundreds of names at the reference, and founding documents of nobody."""
    with arena.towards(arena.port("reference")) as socket:
        for number in range(200):
            data = {"user": f"intruso{number}", "endereco": "tcp://127.0.0.1:1", "membro": rng.randbytes(16)}
            if number % 3 == 0:
                data["documento"] = rng.randbytes(200)
            _send(socket, b"", msgpack.packb({"service": "rank", "data": data}))
            _send(socket, b"", msgpack.packb({"service": "heartbeat", "data": {"user": f"intruso{number}"}}))
        for reply in _answers(socket, 400):
            _status(reply)


def false_publications(arena: Arena, rng: Random) -> None:
    """Large and odd publications, and a subscriber to all of them that never reads."""
    endpoint = arena.port("subscribers").endpoint
    with (
        arena.socket(zmq.SUB, endpoint, rcvhwm=1, rcvbuf=4096) as slow,
        arena.towards(arena.port("publishers")) as socket,
    ):
        slow.subscribe(b"")
        for size in (100, 255 * KIB, 257 * KIB, 2 * MIB):
            body = rng.randbytes(size)
            for number in range(2_000 if size == 100 else 400 if size < 256 * KIB else 20):
                _send(
                    socket,
                    rng.choice((b"geral", b"", b"x" * 65, b"x" * 300, b"\0heads", b"%d" % number)),
                    body,
                )
        for count in (1, 3, 20):
            _send(socket, *[b"x"] * count)


def http(arena: Arena, rng: Random) -> None:
    """Garbage, idle connections and large requests at the pages for operators."""
    for role in arena.board.roles:
        peers = [RawPeer(role.http_port) for _ in range(70)]
        for peer in peers[:8]:
            peer.send(rng.choice((b"GET ", b"\0" * 100, b"GET / HTTP/1.1\r\n", rng.randbytes(300))))
        peers[8].send(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n")
        peers[9].send(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" + bytes(MIB), patience=1
        )
        peers[10].send(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100_000 + b"\r\n", patience=1)
        for peer in peers:
            peer.close()


def scrapes(arena: Arena, rng: Random) -> None:
    """For 3 s all the pages that an operator may ask for, twenty requests a packet, from everywhere."""
    asked = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for role in arena.board.roles:
            peers = [RawPeer(role.http_port) for _ in range(5)]
            for peer in peers:
                peer.send(asked)
            for peer in peers:
                peer.close()


Attack = Callable[[Arena, Random], None]

ATTACKS: tuple[Attack, ...] = (
    junk_bodies,
    odd_frames,
    sizes,
    million_frames,
    unfinished,
    replies_unread,
    pages_unread,
    flood,
    large_flood,
    no_zmtp,
    half_open,
    subscriptions,
    false_servers,
    false_fellows,
    false_ranks,
    false_publications,
    http,
    scrapes,
)
