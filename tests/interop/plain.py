"""A client as any program in any language would write it: a ZeroMQ socket, and MessagePack or JSON."""

import itertools
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import attrs
import msgpack
import zmq

ANSWERED_WITHIN = 6_000
"""Milliseconds: every request is answered within 5 s."""

REQ = "REQ"
BARE = "DEALER [body]"
DELIMITED = "DEALER [empty, body]"
FRAMINGS = (REQ, BARE, DELIMITED)

MSGPACK = "MessagePack"
JSON = "JSON"
ENCODINGS = (MSGPACK, JSON)

NATIVE = "native"
SERVICE = "service"
ENVELOPES = (NATIVE, SERVICE)

KEYS = {NATIVE: ("opcao", "dados"), SERVICE: ("service", "data")}


class UnansweredError(Exception):
    """No reply came in time."""


@attrs.frozen
class Way:
    """One way to talk to the board: framing, encoding, envelope."""

    framing: str
    encoding: str
    envelope: str

    def __str__(self) -> str:
        return f"{self.framing}, {self.encoding}, {self.envelope}"

    def pack(self, value: object) -> bytes:
        return packed(value, self.encoding)


WAYS = tuple(itertools.starmap(Way, itertools.product(FRAMINGS, ENCODINGS, ENVELOPES)))


def packed(value: object, encoding: str) -> bytes:
    """The bytes of a value; JSON may have NaN in it, as many libraries write it."""
    return msgpack.packb(value) if encoding == MSGPACK else json.dumps(value).encode()


def unpacked(data: bytes) -> dict:
    """The value of a reply, whichever encoding it is in."""
    if data[:1] == b"{":
        return json.loads(data.decode("utf-8"))
    return msgpack.unpackb(data)


@attrs.frozen
class Reply:
    """A reply's bytes, and what is in them."""

    body: bytes
    outer: dict
    inner: dict

    def __getitem__(self, key: str) -> object:
        return self.inner[key]


def reply_of(body: bytes) -> Reply:
    """Read a reply, whichever envelope it is in."""
    outer = unpacked(body)
    return Reply(body, outer, outer["dados"] if "dados" in outer else outer["data"])


class Asker:
    """One socket to the broker."""

    def __init__(self, context: zmq.Context, endpoint: str, way: Way, options: dict[int, int] | None = None):
        self.way = way
        self.socket = context.socket(zmq.REQ if way.framing == REQ else zmq.DEALER)
        self.socket.linger = 0
        self.socket.rcvtimeo = ANSWERED_WITHIN
        self.socket.sndtimeo = ANSWERED_WITHIN
        for option, value in (options or {}).items():
            self.socket.set(option, value)
        self.socket.connect(endpoint)
        self.made: dict[str, Any] = {}
        """What this client has put on the board, for those of its checks that only read it."""

    def made_once(self, what: str, make: Callable[[], Any]) -> Any:
        """What ``make`` returns; it is called for the first who wants it."""
        if what not in self.made:
            self.made[what] = make()
        return self.made[what]

    def send_body(self, *body: bytes) -> None:
        """Send frames as they are, framed as this way does."""
        self.socket.send_multipart([b"", *body] if self.way.framing == DELIMITED else list(body))

    def receive_body(self) -> bytes:
        """The body of the next reply, which must be framed as requests are."""
        try:
            frames = self.socket.recv_multipart()
        except zmq.Again:
            raise UnansweredError(f"no reply within {ANSWERED_WITHIN} ms ({self.way})") from None
        if self.way.framing == DELIMITED:
            assert frames[0] == b"", f"the empty frame is missing: {frames!r}"
            frames = frames[1:]
        assert len(frames) == 1, f"one frame is expected: {frames!r}"
        return frames[0]

    def ask_bytes(self, *body: bytes) -> Reply:
        """Send frames, and read the reply."""
        self.send_body(*body)
        return reply_of(self.receive_body())

    def request(self, name: object, fields: object, **outer: object) -> dict:
        """A request as a value: an operation's name, the inner map, and what stands beside it."""
        name_key, inner_key = KEYS[self.way.envelope]
        return {name_key: name, inner_key: fields, **outer}

    def ask(self, name: object, fields: object = None, /, **outer: object) -> Reply:
        """Send one request, and read its reply."""
        return self.ask_bytes(self.way.pack(self.request(name, {} if fields is None else fields, **outer)))

    def close(self) -> None:
        self.socket.close()


class Reader:
    """A plain SUB socket."""

    def __init__(self, context: zmq.Context, endpoint: str, *topics: bytes):
        self.socket = context.socket(zmq.SUB)
        self.socket.linger = 0
        for topic in topics:
            self.socket.subscribe(topic)
        self.socket.connect(endpoint)

    def follow(self, channel: str, publish: Callable[[str], object], patience: float = 10.0) -> None:
        """Wait until what was subscribed to arrives: ``publish(channel)`` is called until one is seen."""
        self.socket.subscribe(channel.encode())
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            publish(channel)
            if self.socket.poll(200):
                self._drain()
                return
        raise UnansweredError(f"no publication of {channel} within {patience} s")

    def _drain(self) -> None:
        while self.socket.poll(100):
            self.socket.recv_multipart()

    def next(self, patience: float = 6.0) -> tuple[bytes, dict]:
        """Topic and value of the next publication, which must have two frames."""
        if not self.socket.poll(1000 * patience):
            raise UnansweredError(f"no publication within {patience} s")
        frames = self.socket.recv_multipart()
        assert len(frames) == 2, frames
        return frames[0], msgpack.unpackb(frames[1])

    def next_of(self, topic: bytes, patience: float = 6.0) -> dict:
        """The next publication of exactly this topic; others are dropped, as a reader must."""
        deadline = time.monotonic() + patience
        while (left := deadline - time.monotonic()) > 0:
            seen, value = self.next(left)
            if seen == topic:
                return value
        raise UnansweredError(f"no publication of {topic!r} within {patience} s")

    def close(self) -> None:
        self.socket.close()


def fresh(kind: str) -> str:
    """A name that nobody else uses."""
    return f"{kind}-{secrets.token_hex(4)}"
