"""A flood of messages at one port, sense and nonsense mixed, as fast as they are taken.

A process of its own, which ends with this program.
"""

import select
import socket
import subprocess
import sys
import time
from random import Random
from typing import Final
from urllib.parse import urlsplit

import attrs
import msgpack
import zmq

from bulletin.torture.board import Board

USER: Final = "intruso"
"""Whom it logs in."""

HTTP: Final = "http"
SUBSCRIBERS: Final = "subscribers"
PUBLISHERS: Final = "publishers"

PAUSE_SECONDS: Final = 0.01
"""How long it waits for a port that takes nothing at the moment."""

BURST: Final = 100
"""Messages between two looks at whether the program that began this is still there."""


@attrs.frozen
class Target:
    """A port.

    :param role: whose.
    :param what: which; for a person, and for the kind of socket.
    :param endpoint: where.
    """

    role: str
    what: str
    endpoint: str


def targets(board: Board) -> list[Target]:
    """Every port of a board."""
    base = board.base

    def at(role: str, what: str, offset: int) -> Target:
        return Target(role, what, f"tcp://{board.hosts.address(role)}:{base + offset}")

    found = [
        at("broker", "clients", 0),
        at("broker", "servers", 1),
        at("proxy", PUBLISHERS, 2),
        at("proxy", SUBSCRIBERS, 3),
        at("reference", "requests", 5),
        *(
            Target(server.name, "peers", server.command[server.command.index("--listen") + 1])
            for server in board.servers
        ),
    ]
    return found + [Target(role.name, HTTP, f"tcp://{role.address}:{role.http_port}") for role in board.roles]


def start(target: Target, seed: int) -> "subprocess.Popen[bytes]":
    """Start a flood; it ends with this process, or by ``kill``."""
    words = [target.what, target.endpoint, str(seed)]
    return subprocess.Popen([sys.executable, "-m", __name__, *words], stdin=subprocess.PIPE)


def message(rng: Random) -> list[bytes]:
    """Frames: noise, a request that is answered, or half of one."""
    body: bytes = msgpack.packb(
        rng.choice(
            (
                {"opcao": "listar canais", "dados": {}},
                {"opcao": "listar historico", "dados": {"canal": "geral", "limite": 50}},
                {"opcao": "login", "dados": {"user": USER}},
                {"service": "list", "data": {}},
                {"service": "heartbeat", "data": {"user": USER}},
                {"opcao": "listar canais", "dados": {"replicado": True}},
            )
        )
    )
    kind = rng.random()
    if kind < 0.4:
        return [b"", body]
    if kind < 0.6:
        return [b"", body[: rng.randrange(len(body))]]
    if kind < 0.8:
        return [rng.randbytes(rng.randrange(300)) for _ in range(rng.randrange(1, 5))]
    return [b"", rng.randbytes(rng.choice((10, 1000, 100_000)))]


def _orphaned() -> bool:
    """Whether the program that began this is gone."""
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable)


def _talk(target: Target, rng: Random) -> None:
    """By a ZeroMQ socket."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sender = context.socket(zmq.PUB if target.what == PUBLISHERS else zmq.DEALER)
    sender.linger = 0
    sender.connect(target.endpoint)
    while not _orphaned():
        for _ in range(BURST):
            try:
                sender.send_multipart(message(rng), zmq.NOBLOCK)
            except zmq.Again:
                time.sleep(PAUSE_SECONDS)


def _shout(target: Target, rng: Random) -> None:
    """By connections that speak no ZMTP, or only begin to."""
    place = urlsplit(target.endpoint)
    beginnings = (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" + bytes(8) + b"\x7f\x03\x00NULL", b"")
    while not _orphaned():
        try:
            with socket.create_connection((place.hostname, place.port or 0), timeout=1) as connection:
                connection.sendall(rng.choice(beginnings) + rng.randbytes(rng.choice((0, 100, 100_000))))
        except OSError:  # cut, or refused: as it should be
            time.sleep(PAUSE_SECONDS)


def main() -> None:
    """The process: which port, where, and a seed, as arguments."""
    what, endpoint, seed = sys.argv[1:]
    target, rng = Target("", what, endpoint), Random(int(seed))
    if what in {HTTP, SUBSCRIBERS} or rng.random() < 0.2:
        _shout(target, rng)
    else:
        _talk(target, rng)


if __name__ == "__main__":
    main()
