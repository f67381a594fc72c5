"""``bulletin-health HOST:PORT``: asks a role whether it does its work, for a container's health check.

Its exit status is 0 where ``/readyz`` says 200, else 1; the role's own sentence is on standard output, so that an engine which keeps
what a check said shows why a container is not healthy.  It runs every few seconds for each container, so it loads no more than it
must: with ``http.client`` it would take twice the time.
"""

import socket
import sys
import time
from collections.abc import Sequence
from typing import Final

from bulletin.transport.endpoints import EndpointError, parse_host_port

PATIENCE: Final = 3.0
"""Seconds that an answer may take, to its last byte."""

PAGE_BYTES_MAX: Final = 4096
"""Bytes of it that are read."""


def ask(host: str, port: int) -> tuple[bool, str]:
    """Whether the role behind an address is ready, and its sentence, or why it has none."""
    received = bytearray()
    end = time.monotonic() + PATIENCE
    try:
        with socket.create_connection((host.strip("[]"), port), timeout=PATIENCE) as connection:
            connection.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            while len(received) < PAGE_BYTES_MAX:
                # One byte now and then must not keep whoever waits for the answer.
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError("it takes too long")
                connection.settimeout(left)
                some = connection.recv(PAGE_BYTES_MAX)
                if not some:
                    break
                received += some
    except OSError as error:
        return False, f"{host}:{port} does not answer: {error}"
    head, _, body = bytes(received[:PAGE_BYTES_MAX]).partition(b"\r\n\r\n")
    sentence = "".join(c if c.isprintable() else " " for c in body.decode(errors="replace")).strip()
    return head[9:12] == b"200", sentence or f"{host}:{port} serves no such page"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command.

    :param arguments: in place of the process's.
    :returns: its exit status.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if len(given) != 1:
            raise EndpointError("give one HOST:PORT, that of a role's --http")
        host, port = parse_host_port(given[0], listen=False)
    except EndpointError as error:
        sys.stderr.write(f"bulletin-health: {error}.\n")
        return 2
    ready, sentence = ask(host, port)
    sys.stdout.write(sentence + "\n")
    return 0 if ready else 1
