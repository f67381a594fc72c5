"""A plain ZeroMQ client, as docs/protocol.md describes one: it shares nothing with the board but the wire."""

import secrets
import time
from typing import Any

import msgpack
import zmq

Reply = dict[str, Any]
"""The inner map of a reply."""

RECONNECT_MILLISECONDS = 50, 200
"""When a socket connects anew: first, and at most."""


def patient_socket(
    context: "zmq.Context[zmq.Socket[bytes]]", kind: int, endpoint: str
) -> "zmq.Socket[bytes]":
    """A socket that connects anew until it is closed, and keeps nothing back then."""
    socket = context.socket(kind)
    socket.linger = 0
    socket.reconnect_ivl, socket.reconnect_ivl_max = RECONNECT_MILLISECONDS
    socket.connect(endpoint)
    return socket


class Caller:
    """One REQ-like client: one request at a time, matched by id, sent again when told to.

    :param endpoint: the broker's, for clients.
    :param resend_after: seconds without an answer after which the same is sent again by a new socket; None: never.
    """

    def __init__(
        self, context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str, resend_after: float | None
    ) -> None:
        self.context = context
        self.endpoint = endpoint
        self.resend_after = resend_after
        self.socket = self._connect()

    def _connect(self) -> "zmq.Socket[bytes]":
        return patient_socket(self.context, zmq.DEALER, self.endpoint)

    def call(self, operation: str, fields: Reply, patience: float) -> Reply | None:
        """The inner map of the reply, or None after ``patience`` seconds without one.

        A refusal that speaks of one sending alone (it has ``tente_em``) is not definite once there was another.
        """
        fields = {"id": secrets.token_hex(12), **fields, "timestamp": time.time(), "clock": 0}
        body = msgpack.packb({"opcao": operation, "dados": fields})
        deadline = time.monotonic() + patience
        self.socket.send_multipart([b"", body])
        sent = time.monotonic()
        again = False
        while (left := deadline - time.monotonic()) > 0:
            if self.socket.poll(int(min(left, 0.1) * 1000)):
                reply: Reply = msgpack.unpackb(self.socket.recv_multipart()[-1])["dados"]
                if reply.get("id") == fields["id"]:
                    if again and "tente_em" in reply:
                        reply["definitivo"] = False
                    return reply
            elif self.resend_after is not None and time.monotonic() - sent > self.resend_after:
                self.socket.close()
                self.socket = self._connect()
                self.socket.send_multipart([b"", body])
                sent = time.monotonic()
                again = True
        return None

    def close(self) -> None:
        """Close its socket."""
        self.socket.close()
