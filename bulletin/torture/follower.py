"""A subscriber with the reader that ships, which writes down every post that it was shown."""

import secrets
import threading
import time
from random import Random
from typing import Final

import zmq

from bulletin.core.client.caller import ToBroker
from bulletin.core.client.exchange import TICK_SECONDS, Exchange
from bulletin.core.client.reader import Delivered, Event, WasReset
from bulletin.core.client.streams import Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.wire.publications import HEADS_TOPIC, topic_of
from bulletin.torture.calls import patient_socket
from bulletin.torture.record import Record

CALL_SECONDS: Final = 5.0
"""How long one page may take; the reader then asks again."""

VISIT_SECONDS: Final = (3.0, 20.0)
"""How long a restless one stays, from and to."""

AWAY_SECONDS: Final = (0.0, 3.0)
"""How long it is away."""

BATCH_MAX: Final = 500
"""Publications that are taken in at once."""


class Follower(threading.Thread):
    """Follows streams from their first posts.

    :param endpoints: the broker's and the proxy's, for clients.
    :param restless: whether it goes away now and then, and comes back with nothing but the numbers of the last posts.
    """

    def __init__(
        self,
        record: Record,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoints: tuple[str, str],
        name: str,
        streams: tuple[Stream, ...],
        *,
        restless: bool = False,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.stop = threading.Event()
        self.healed = 0
        """Posts that came from the history instead of a publication."""
        self._record = record
        self._shown = record.shown[name]
        self._streams = streams
        self._context = context
        self._endpoints = endpoints
        self._restless = restless
        self._rng = Random(name)
        self.visits = 0
        """How often it has come."""
        self._connect()

    def _connect(self) -> None:
        self._broker = patient_socket(self._context, zmq.DEALER, self._endpoints[0])
        self._proxy = patient_socket(self._context, zmq.SUB, self._endpoints[1])
        for topic in (HEADS_TOPIC, *(topic_of(stream.name) for stream in self._streams)):
            self._proxy.subscribe(topic)
        self._exchange = Exchange(secrets.token_hex(8), 1, CALL_SECONDS, self._send)

    def is_at(self, heads: dict[str, int]) -> bool:
        """Whether it was shown the posts of these numbers; of another thread's asking."""
        return all(len(self._shown[stream]) >= head for stream, head in heads.items())

    def run(self) -> None:
        """Follow until told to stop."""
        try:
            while not self.stop.is_set():
                self._visit()
        except BaseException as error:
            self._record.crashes.append(f"{self.name}: {error!r}")
            raise

    def _visit(self) -> None:
        """Follow from where it was; until told to stop, or until it has enough for a while."""
        if self.visits:
            self.stop.wait(self._rng.uniform(*AWAY_SECONDS))
            self._connect()
        self.visits += 1
        try:
            self._follow(time.monotonic() + self._rng.uniform(*VISIT_SECONDS))
        finally:
            self._broker.close()
            self._proxy.close()

    def _follow(self, until: float) -> None:
        exchange = self._exchange
        exchange.heard = self._heard
        for stream in self._streams:
            shown = self._shown[stream.name]
            exchange.follow(stream, now(), since=shown[-1][0] if shown else 0)
        poller = zmq.Poller()
        poller.register(self._broker, zmq.POLLIN)
        poller.register(self._proxy, zmq.POLLIN)
        while not self.stop.is_set() and not (self._restless and time.monotonic() > until):
            ready = dict(poller.poll(int(TICK_SECONDS * 1000)))
            if self._broker in ready:
                exchange.received(0, self._broker.recv_multipart()[-1:], now())
            if self._proxy in ready:
                self._take_in()
            exchange.tick(now())
            exchange.turn(now())
        if exchange.reader is not None:
            self.healed += exchange.reader.counters.healed

    def _take_in(self) -> None:
        for _ in range(BATCH_MAX):
            try:
                parts = self._proxy.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if len(parts) == 2:
                self._exchange.published(parts[0], parts[1], now())

    def _send(self, send: ToBroker) -> None:
        self._broker.send_multipart([b"", send.body])

    def _heard(self, event: Event) -> None:
        if isinstance(event, Delivered):
            self._shown[event.stream.name].append((event.post.seq, event.post.id))
        elif isinstance(event, WasReset):
            self._record.resets.append(
                f"{self.name} was told that {event.stream.name} ends at {event.head}, and had read to {event.cursor}"
            )


def now() -> Instant:
    """Both clocks, as the core takes them."""
    return Instant(time.monotonic(), time.time())
