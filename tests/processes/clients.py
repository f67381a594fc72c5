"""Plain ZeroMQ clients in threads, which write down what they called and what they were told."""

import itertools
import secrets
import threading
import time
from random import Random

import msgpack
import zmq

from bulletin.linearizability.streams import Post, Read, Stored


class Caller:
    """One REQ-like client: one request at a time, matched by id, sent again when told to."""

    def __init__(self, context: zmq.Context, endpoint: str, resend_after: float | None) -> None:
        self.context = context
        self.endpoint = endpoint
        self.resend_after = resend_after
        self.socket = self._connect()

    def _connect(self) -> zmq.Socket:
        socket = self.context.socket(zmq.DEALER)
        socket.linger = 0
        socket.reconnect_ivl = 50
        socket.reconnect_ivl_max = 200
        socket.connect(self.endpoint)
        return socket

    def call(self, operation: str, fields: dict, patience: float) -> dict | None:
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
            if self.socket.poll(min(left, 0.1) * 1000):
                reply = msgpack.unpackb(self.socket.recv_multipart()[-1])["dados"]
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
        self.socket.close()


class Record:
    """What all clients saw, and the stop signal for them."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.reads: list[Read] = []
        self.errors: list[str] = []
        self.acknowledged: list[float] = []
        self.stop = threading.Event()

    def longest_pause(self) -> float:
        """Seconds between two acknowledgements, whoever got them."""
        moments = sorted(self.acknowledged)
        return max((b - a for a, b in itertools.pairwise(moments)), default=float("inf"))


class Writer(threading.Thread):
    """Posts to random channels, one post at a time, waiting 5 s for each answer."""

    def __init__(
        self, record: Record, caller: Caller, name: str, channels: list[str], patience: float = 5.0
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.record, self.caller, self.channels, self.patience = record, caller, channels, patience
        self.rng = Random(name)

    def run(self) -> None:
        number = 0
        while not self.record.stop.is_set():
            number += 1
            channel = self.rng.choice(self.channels)
            id_ = f"{self.name}-{number}"
            fields = {
                "user": self.name,
                "canal": channel,
                "message": f"post {number} " + "x" * self.rng.randrange(2000),
                "id": id_,
            }
            invoked = time.monotonic()
            reply = self.caller.call("publicar mensagem", fields, self.patience)
            returned = time.monotonic()
            if reply is not None and reply["status"] == "sucesso":
                self.record.acknowledged.append(returned)
                self.record.posts.append(Post(channel, id_, invoked, returned, reply["seq"]))
                continue
            what = "no answer" if reply is None else f"{reply['erro']} definitivo={reply['definitivo']}"
            self.record.errors.append(f"{id_}: {what} after {returned - invoked:.2f} s")
            if reply is None or not reply["definitivo"]:
                self.record.posts.append(Post(channel, id_, invoked))
        self.caller.close()


class Reader(threading.Thread):
    """Reads the newest posts of random channels."""

    def __init__(self, record: Record, caller: Caller, name: str, channels: list[str]) -> None:
        super().__init__(name=name, daemon=True)
        self.record, self.caller, self.channels = record, caller, channels
        self.rng = Random(name)

    def run(self) -> None:
        while not self.record.stop.is_set():
            channel = self.rng.choice(self.channels)
            invoked = time.monotonic()
            reply = self.caller.call("listar historico", {"canal": channel, "limite": 3}, 5.0)
            returned = time.monotonic()
            if reply is None or reply["status"] != "sucesso":
                what = "no answer" if reply is None else reply["erro"]
                self.record.errors.append(f"read: {what} after {returned - invoked:.2f} s")
                continue
            head = max((post["seq"] for post in reply["messages"]), default=0)
            self.record.reads.append(Read(channel, invoked, returned, head))
            self.record.stop.wait(0.01)
        self.caller.close()


def whole_history(caller: Caller, channels: list[str]) -> list[Stored]:
    """Every post of the channels, page by page."""
    stored = []
    for channel in channels:
        since, more = 0, True
        while more:
            reply = caller.call("listar historico", {"canal": channel, "desde": since, "limite": 500}, 10.0)
            assert reply is not None, f"no history of {channel}"
            assert reply["status"] == "sucesso", reply
            stored += [
                Stored(channel, post["seq"], post["id"], post["clock"], post["recebido"])
                for post in reply["messages"]
            ]
            if reply["messages"]:
                since = reply["messages"][-1]["seq"]
            more = reply["mais"]
    return stored
