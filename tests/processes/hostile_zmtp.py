"""A ZMTP peer made by hand over a TCP connection: it can say what libzmq would never say."""

import contextlib
import socket
import struct
from random import Random

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)

MORE, LONG, COMMAND = 1, 2, 4

PEER_TYPES = {
    "clients": b"DEALER",
    "servers": b"DEALER",
    "reference": b"DEALER",
    "peers": b"DEALER",
    "publishers": b"PUB",
    "subscribers": b"SUB",
}
"""What a peer must call itself to get through the handshake at each kind of port."""


def frame(body: bytes, flags: int = 0) -> bytes:
    """One frame, with the long form of its length where that is needed."""
    if len(body) > 255:
        return bytes([flags | LONG]) + struct.pack(">Q", len(body)) + body
    return bytes([flags, len(body)]) + body


def command(name: bytes, body: bytes = b"") -> bytes:
    return frame(bytes([len(name)]) + name + body, COMMAND)


def metadata(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value


def ready(kind: str) -> bytes:
    """The command that ends the handshake."""
    return command(b"READY", metadata(b"Socket-Type", PEER_TYPES.get(kind, b"DEALER")))


class RawPeer:
    """One TCP connection.  That the other side cuts it is its right, and no error here."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.cut = False

    def send(self, data: bytes, patience: float = 5.0) -> bool:
        """Whether all of it was taken."""
        self.socket.settimeout(patience)
        try:
            self.socket.sendall(data)
        except OSError:  # cut, or full: nobody reads
            self.cut = True
        return not self.cut

    def shake_hands(self, kind: str) -> None:
        """Greeting and READY, and the other side's: whoever sends a message before it has come is cut."""
        self.send(GREETING + ready(kind))
        self.socket.settimeout(5)
        heard = b""
        try:
            while b"READY" not in heard and len(heard) < 4096:
                more = self.socket.recv(4096)
                if not more:
                    break
                heard += more
        except OSError:
            self.cut = True

    def wait_cut(self, patience: float) -> bool:
        """Whether the other side closes the connection in time; what it sends meanwhile is read away."""
        self.socket.settimeout(patience)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.close()


def greetings(rng: Random) -> list[bytes]:
    """Beginnings of a conversation that is none."""
    return [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(200),
        rng.randbytes(64),
        rng.randbytes(3000),
        bytes(64),
        b"\xff" * 64,
        b"\x01\x00",  # ZMTP 1.0, an anonymous peer
        b"\xff" + bytes(7) + b"\x01\x7f\x01\x05",  # ZMTP 2.0
        GREETING[:10],
        GREETING[:63],
        GREETING.replace(b"NULL", b"PLAI"),
        GREETING.replace(b"NULL", b"CURV"),
        GREETING[:10] + b"\x63" + GREETING[11:],  # ZMTP 99
        GREETING + command(b"READY", metadata(b"Socket-Type", b"REP")),
        GREETING + command(b"READY", metadata(b"Socket-Type", rng.randbytes(8))),
        GREETING + command(b"READY", b"\x0bSocket-Type\xff\xff\xff\xff"),
        GREETING + command(b"READY", b"\xff"),
        GREETING + command(b"READY", b"\x00\x00\x00\x00\x00" * 40),
        GREETING + command(b"ERROR", b"\xffx"),
        GREETING + command(b"", b""),
        GREETING + frame(b"", COMMAND),
        GREETING + frame(b"early", 0),
        GREETING + bytes([COMMAND | LONG]) + struct.pack(">Q", 2**63) + b"READY",
    ]


def sentences(rng: Random, kind: str) -> list[bytes]:
    """What follows a proper handshake and is no message."""
    identity = metadata(b"Identity", rng.randbytes(255)) + metadata(
        b"Socket-Type", PEER_TYPES.get(kind, b"DEALER")
    )
    return [
        bytes([LONG]) + struct.pack(">Q", 2**64 - 1),  # minus one, to whoever reads it so
        bytes([LONG]) + struct.pack(">Q", 2**63) + b"x" * 100,
        bytes([LONG]) + struct.pack(">Q", 2**32) + b"x" * 100,
        bytes([LONG | MORE]) + struct.pack(">Q", 16 * 1024 * 1024) + b"x" * 1000,
        bytes([0xF8, 3]) + b"abc",
        bytes([0xFF, 3]) + b"abc",
        command(b"PING", b"\xff\xff" + rng.randbytes(200)),
        command(b"PING", b""),
        command(b"PONG", rng.randbytes(100)),
        command(b"SUBSCRIBE", rng.randbytes(100)),
        command(b"CANCEL", b"never"),
        command(b"READY", identity),
        command(rng.randbytes(5), rng.randbytes(50)),
        frame(b"\xff", COMMAND),
        frame(rng.randbytes(70_000), COMMAND),
        frame(b"", MORE) * 50,
        frame(b"\x01" + rng.randbytes(30)) * 50,
        frame(b"\x00never subscribed"),
        frame(b"half")[:-2],
        rng.randbytes(500),
    ]
