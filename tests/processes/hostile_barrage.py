"""Hostile messages by the hundred thousand, of all kinds, at every port of every role at once; and what must still work after.

The attacks of `hostile_attacks` are scenes, each with an end of its own.  Here a lot decides, message after message: a
*volley* is a few of one kind at one port.  Nothing of it waits for an answer, except floods, which read what they are told.

Left out on purpose: a peer's own heartbeat requests (``PING``), with which libzmq 4.3.5 can be made to end the process
(docs/guarantees.md).
"""

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import attrs
import msgpack
import zmq

from bulletin.torture.board import RoleProcess
from bulletin.torture.calls import Caller
from bulletin.torture.watch import MEMORY_MAX, memory
from tests.fuzzing.seeds import corpus
from tests.processes import hostile_bytes as junk
from tests.processes.hostile_attacks import Arena, Port
from tests.processes.hostile_bytes import KIB, MIB
from tests.processes.hostile_watch import CHANNEL
from tests.processes.hostile_zmtp import GREETING, LONG, MORE, RawPeer, command, frame, greetings, ready

SEEDS = {
    "clients": "request",
    "servers": "broker",
    "publishers": "publication",
    "subscribers": "publication",
    "reference": "reference_request",
    "peers": "peers",
}
"""Kind of port → the fuzzer's target whose corpus has what is said there."""

ANSWERING = {"clients", "reference"}
"""Ports where an empty frame stands before the body."""

LORISES_MAX = 40
"""Connections that say a byte now and then, at all pages for operators together."""

STILL_WITHIN = 60.0
"""Seconds after the last message until all must work that worked before."""


@attrs.define
class Barrage:
    """What is thrown, and how much of it was taken.

    :param sent: messages, by kind: those that a connection took.
    :param refused: messages that no connection took, since it was cut or full.
    """

    arena: Arena
    rng: Random
    sent: Counter[str] = attrs.Factory(Counter)
    refused: int = 0
    _peers: dict[int, RawPeer] = attrs.Factory(dict)
    _lorises: list[RawPeer] = attrs.Factory(list)
    _bodies: dict[str, list[bytes]] = attrs.Factory(dict)
    _place: int = 0

    @property
    def total(self) -> int:
        return self.sent.total()

    def throw(self, count: int) -> Iterator[int]:
        """Volleys until so many messages were taken; how many so far, after each."""
        kinds, weights = zip(*VOLLEYS.items(), strict=True)
        while self.total < count:
            (kind,) = self.rng.choices(kinds, weights)
            kind(self, self.rng.choice(self.arena.ports))
            yield self.total
        self.end()

    def end(self) -> None:
        for peer in (*self._peers.values(), *self._lorises):
            peer.close()
        self._peers.clear()
        self._lorises.clear()

    def took(self, kind: str, count: int, taken: bool) -> None:
        if taken:
            self.sent[kind] += count
        else:
            self.refused += count

    # Connections

    def peer(self, port: Port) -> RawPeer:
        """A connection with a finished handshake, which stays for many volleys; what it is told is read away."""
        peer = self._peers.get(port.number)
        if peer is not None:
            _hear(peer)
        if peer is None or peer.cut or self.rng.random() < 0.02:
            if peer is not None:
                peer.close()
            peer = self._peers[port.number] = RawPeer(port.number)
            peer.shake_hands(port.kind)
        return peer

    def say(self, kind: str, port: Port, messages: list[tuple[bytes, ...]]) -> None:
        """Messages of frames, through such a connection, all at once."""
        data = bytearray()
        for frames in messages:
            for body in frames[:-1]:
                data += frame(body, MORE)
            data += frame(frames[-1])
        self.took(kind, len(messages), self.peer(port).send(bytes(data)))

    # Volleys

    def bytes_that_are_no_zmtp(self, port: Port) -> None:
        """Other protocols, and noise."""
        for beginning in self.rng.sample(greetings(self.rng), 4):
            self._begin("no ZMTP", port, beginning)

    def handshakes_broken_at_every_byte(self, port: Port) -> None:
        """Cut at a byte, or with another one in its place: the next ones of all of them, round and round."""
        whole = GREETING + ready(port.kind)
        for _ in range(4):
            self._place += 1
            place = self._place // 2 % len(whole)
            broken = bytearray(whole)
            broken[place] ^= self.rng.randrange(1, 256)
            self._begin("broken handshakes", port, bytes(broken) if self._place % 2 else whole[:place])

    def _begin(self, kind: str, port: Port, data: bytes) -> None:
        try:
            peer = RawPeer(port.number)
        except OSError:  # no more connections for now
            self.refused += 1
            return
        self.took(kind, 1, peer.send(data))
        peer.close()

    def garbage(self, port: Port) -> None:
        """Bodies that are none, and some that nearly are."""
        make = junk.MAKERS[port.kind]
        bodies = [
            body if len(body) < 8 * KIB else body[: 8 * KIB] for body in (make(self.rng) for _ in range(100))
        ]
        self.say("garbage", port, [self._wrapped(port, body) for body in bodies])

    def changed_fields(self, port: Port) -> None:
        """Messages of ours in which a field is another one, is gone, or is there twice; or a byte."""
        if port.kind not in self._bodies:
            self._bodies[port.kind] = [path.read_bytes() for path in corpus(SEEDS[port.kind])]
        bodies = [changed(self.rng, self.rng.choice(self._bodies[port.kind])) for _ in range(200)]
        self.say("changed fields", port, [self._wrapped(port, body) for body in bodies])

    def _wrapped(self, port: Port, body: bytes) -> tuple[bytes, ...]:
        """The frames around a body that make it a message at that port."""
        if port.kind in ANSWERING:
            return b"", body
        if port.kind == "publishers":
            return body[1 : 1 + body[0] % 70] if body else b"", body
        if port.kind == "subscribers":
            return (b"\1" + body[:60],)
        return (body,)

    def odd_numbers_of_frames(self, port: Port) -> None:
        """None, hundreds, empty ones, envelopes without a body."""
        pieces = (b"", b"x", b"\0" * 20, msgpack.packb({"opcao": "login", "dados": {}}))
        messages = [
            tuple(self.rng.choice(pieces) for _ in range(self.rng.choice((1, 2, 3, 5, 17, 33, 300))))
            for _ in range(40)
        ]
        if port.kind == "subscribers":
            messages = [frames[:1] for frames in messages]
        self.say("odd numbers of frames", port, messages)

    def empty_and_huge(self, port: Port) -> None:
        """Empty ones, one as large as may be, one that is larger, one that only says so."""
        self.say("empty", port, [(b"",)] * 50)
        for size in (self.rng.choice((300, MIB, 4 * MIB)), self.rng.choice(junk.SIZES)):
            if port.kind == "subscribers":
                size //= 64 * KIB  # noqa: PLW2901 - there is nothing to send there but topics
            self.say("huge", port, [self._wrapped(port, bytes(size))])
        peer = self.peer(port)
        self.took("huge", 1, peer.send(bytes([LONG]) + (2**63 - 1).to_bytes(8, "big") + b"x" * 100))

    def flood(self, port: Port) -> None:
        """What is right and far too much of it, by a peer that reads the answers."""
        if port.kind not in FLOODS:
            return
        made = [FLOODS[port.kind](self.rng, number) for number in range(250)]
        with self.arena.socket(
            zmq.XPUB if port.kind == "publishers" else zmq.DEALER, port.endpoint, sndtimeo=200, rcvtimeo=200
        ) as sender:
            if port.kind == "publishers":
                with contextlib.suppress(zmq.Again):
                    sender.recv()
            for frames in made:
                try:
                    sender.send_multipart(frames)
                except zmq.Again:
                    self.refused += 1
                    break
                self.sent["floods"] += 1
            for _ in made if port.kind in ANSWERING else ():
                try:
                    sender.recv_multipart()
                except zmq.Again:
                    break

    def subscriptions(self, port: Port) -> None:
        """Subscriptions by message and by command, taken back or not, to what is there and to what never will be."""
        port = self.arena.port("subscribers")
        data = bytearray()
        for _ in range(300):
            topic = self.rng.choice((b"", b"geral", CHANNEL.encode(), b"\0heads", self.rng.randbytes(8)))
            match self.rng.randrange(4):
                case 0:
                    data += frame(b"\1" + topic)
                case 1:
                    data += frame(b"\0" + topic)
                case 2:
                    data += command(b"SUBSCRIBE", topic)
                case _:
                    data += command(b"CANCEL", topic)
        self.took("subscriptions", 300, self.peer(port).send(bytes(data)))

    def pages(self, _port: Port) -> None:
        """Noise and half requests at the pages for operators, and connections that take for ever."""
        role = self.rng.choice(self.arena.board.roles)
        for _ in range(4):
            with contextlib.suppress(OSError):
                peer = RawPeer(role.http_port)
                self.took("HTTP", 1, peer.send(self.rng.choice(_HTTP)(self.rng), patience=1))
                peer.close()
        with contextlib.suppress(OSError):
            self._lorises.append(RawPeer(role.http_port))
        if len(self._lorises) > LORISES_MAX:
            self._lorises.pop(0).close()
        for loris in self._lorises:
            self.took(
                "slow HTTP",
                1,
                not loris.cut and loris.send(self.rng.choice((b"G", b"a: b\r\n", b"\r", b" "))),
            )
        self._lorises = [loris for loris in self._lorises if not loris.cut]


_HTTP: tuple[Callable[[Random], bytes], ...] = (
    lambda rng: rng.randbytes(rng.choice((1, 300, 5000))),
    lambda rng: b"GET /" + b"a" * rng.choice((1, 10_000, 100_000)) + b" HTTP/1.1\r\n\r\n",
    lambda rng: b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * rng.choice((1, 1000)),
    lambda _: b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 5000,
    lambda _: b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    lambda _: b"GET /%00%ff/../../etc/passwd HTTP/9.9\r\n\r\n",
    lambda _: b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20,
)

VOLLEYS: dict[Callable[[Barrage, Port], None], int] = {
    Barrage.bytes_that_are_no_zmtp: 10,
    Barrage.handshakes_broken_at_every_byte: 15,
    Barrage.garbage: 22,
    Barrage.changed_fields: 22,
    Barrage.odd_numbers_of_frames: 12,
    Barrage.empty_and_huge: 3,
    Barrage.flood: 10,
    Barrage.subscriptions: 5,
    Barrage.pages: 4,
}
"""How often each comes, of all together."""


def _request(rng: Random, number: int) -> list[bytes]:
    fields: dict[str, Any] = {"canal": CHANNEL, "user": "enxurrada", "limite": 5}
    if number % 10 == 0:
        fields |= {"message": "x" * rng.choice((1, 100, 5000))}
        return [b"", msgpack.packb({"opcao": "publicar mensagem", "dados": fields})]
    name = rng.choice(("listar canais", "listar usuarios", "listar historico", "login"))
    return [b"", msgpack.packb({"opcao": name, "dados": fields})]


def _reference_request(rng: Random, _number: int) -> list[bytes]:
    name = rng.choice(("list", "clock", "clocks", "heartbeat"))
    return [b"", msgpack.packb({"service": name, "data": {"user": f"intruso{rng.randrange(20)}"}})]


def _ready(rng: Random, number: int) -> list[bytes]:
    data = {"user": f"falso{rng.randrange(9)}", "sessao": number + 1, "clock": number, "timestamp": 1.5}
    return [msgpack.packb({"service": rng.choice(("ready", "heartbeat", "disconnect")), "data": data})]


def _published(rng: Random, _number: int) -> list[bytes]:
    return [rng.choice((b"geral", b"nada", b"servers")), rng.randbytes(rng.choice((10, 1000)))]


FLOODS: dict[str, Callable[[Random, int], list[bytes]]] = {
    "clients": _request,
    "reference": _reference_request,
    "servers": _ready,
    "publishers": _published,
}


def _hear(peer: RawPeer) -> None:
    """Read away what a peer was told, as far as it has come."""
    peer.socket.setblocking(False)
    try:
        while peer.socket.recv(256 * KIB):
            pass
        peer.cut = True
    except BlockingIOError:
        return
    except OSError:
        peer.cut = True


def changed(rng: Random, body: bytes) -> bytes:
    """The same with a value changed somewhere, if it is MessagePack; else with bytes changed."""
    if rng.random() < 0.7:
        with contextlib.suppress(ValueError, TypeError, OverflowError, msgpack.UnpackException):
            packed: bytes = msgpack.packb(_changed(rng, msgpack.unpackb(body, strict_map_key=False)))
            return packed
    data = bytearray(body or b"\0")
    for _ in range(rng.randrange(1, 4)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data[: rng.randrange(1, len(data) + 1)] if rng.random() < 0.3 else data)


def _changed(rng: Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {name: each for name, each in value.items() if name != key}
        return {**value, key: _changed(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        place = rng.randrange(len(value))
        if rng.random() < 0.1:
            return value[:place] + value[place + 1 :]
        if rng.random() < 0.1:
            return [*value, *value[place : place + 1] * rng.choice((1, 30))]
        return [*value[:place], _changed(rng, value[place]), *value[place + 1 :]]
    return junk.a_value(rng, 1)


# What must still work.


def peaks(roles: list[RoleProcess]) -> dict[str, int]:
    """The most resident bytes of each role so far."""
    return {role.name: memory(role.process.pid, "VmHWM") for role in roles if role.process is not None}


def above_their_bounds(found: dict[str, int]) -> list[str]:
    """Sentences about roles that needed more memory than they are documented to need."""
    return [
        f"{name} had {peak // MIB} MiB; {MEMORY_MAX[name.rstrip('0123456789')] // MIB} are allowed"
        for name, peak in found.items()
        if peak > MEMORY_MAX[name.rstrip("0123456789")]
    ]


def what_does_not_work(arena: Arena) -> list[str]:
    """Whoever comes now must be served: a post, the history, its publication, the clocks, every page for operators."""
    found: list[str] = []
    deadline = time.monotonic() + STILL_WITHIN
    with arena.socket(zmq.SUB, arena.port("subscribers").endpoint) as reader:
        reader.subscribe(CHANNEL.encode())
        caller = Caller(arena.context, arena.board.broker_endpoint, None)
        try:
            found += _post_history_and_publication(caller, reader, deadline)
        finally:
            caller.close()
    with arena.socket(zmq.DEALER, arena.port("reference").endpoint) as asker:
        asker.send_multipart([b"", msgpack.packb({"service": "clocks", "data": {}})])
        try:
            clocks = msgpack.unpackb(asker.recv_multipart()[-1])["data"]["clocks"]
        except zmq.Again:
            clocks = []
        names = {row["name"] for row in clocks}
        missing = {server.name for server in arena.board.servers} - names
        if missing:
            found.append(f"the clocks of {', '.join(sorted(missing))} are not told")
    for role in arena.board.roles:
        status, page = role.get("/metrics", 5.0)
        if status != 200 or "bulletin_" not in page:
            found.append(f"{role.name} has no metrics: {status}")
        while (answer := role.get("/readyz", 5.0))[0] != 200 and time.monotonic() < deadline:
            time.sleep(0.2)
        if answer[0] != 200:
            found.append(f"{role.name} is not ready: {answer[1].strip()}")
    return found


def _post_history_and_publication(caller: Caller, reader: Any, deadline: float) -> list[str]:
    found = []
    posted: dict[str, Any] | None = None
    heard: set[str] = set()
    while time.monotonic() < deadline and (posted is None or posted["id"] not in heard):
        fields = {"canal": CHANNEL, "user": "honesta", "message": "Ainda?", "id": f"ainda{time.time_ns()}"}
        reply = caller.call("publicar mensagem", fields, 5.0)
        if reply is None or reply["status"] != "sucesso":
            time.sleep(0.2)
            continue
        posted = reply
        while reader.poll(1000):  # a subscription takes a moment to get to the servers: the next post then
            with contextlib.suppress(ValueError, TypeError, AttributeError):
                heard.add(msgpack.unpackb(reader.recv_multipart()[1]).get("id"))
            if posted["id"] in heard:
                break
    if posted is None:
        return ["no post is acknowledged"]
    if posted["id"] not in heard:
        found.append("a post is not published")
    page = caller.call("listar historico", {"canal": CHANNEL, "limite": 20}, 10.0)
    if page is None or posted["id"] not in {post["id"] for post in page.get("messages", ())}:
        found.append("the history does not have a post that was acknowledged")
    return found


def connections_refused(arena: Arena) -> list[str]:
    """Ports that take no connection any more."""
    found = []
    for port in arena.ports:
        try:
            socket.create_connection(("127.0.0.1", port.number), timeout=5).close()
        except OSError as error:
            found.append(f"the port for {port.kind} of {port.role.name} takes no connection: {error}")
    return found
