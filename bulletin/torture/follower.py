"""A subscriber with the reader that ships, which writes down every post that it was shown."""

import secrets
import threading
import time
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

BATCH_MAX: Final = 500
"""Publications that are taken in at once."""


class Follower(threading.Thread):
    """Follows streams from their first posts.

    :param endpoints: the broker's and the proxy's, for clients.
    """

    def __init__(
        self,
        record: Record,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoints: tuple[str, str],
        name: str,
        streams: tuple[Stream, ...],
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.stop = threading.Event()
        self.healed = 0
        """Posts that came from the history instead of a publication."""
        self._record = record
        self._shown = record.shown[name]
        self._streams = streams
        self._broker = patient_socket(context, zmq.DEALER, endpoints[0])
        self._proxy = patient_socket(context, zmq.SUB, endpoints[1])
        for topic in (HEADS_TOPIC, *(topic_of(stream.name) for stream in streams)):
            self._proxy.subscribe(topic)
        self._exchange = Exchange(secrets.token_hex(8), 1, CALL_SECONDS, self._send)

    def is_at(self, heads: dict[str, int]) -> bool:
        """Whether it was shown the posts of these numbers; of another thread's asking."""
        return all(len(self._shown[stream]) >= head for stream, head in heads.items())

    def run(self) -> None:
        """Follow until told to stop."""
        try:
            self._follow()
        except BaseException as error:
            self._record.crashes.append(f"{self.name}: {error!r}")
            raise
        finally:
            self._broker.close()
            self._proxy.close()

    def _follow(self) -> None:
        exchange = self._exchange
        exchange.heard = self._heard
        for stream in self._streams:
            exchange.follow(stream, now(), since=0)
        poller = zmq.Poller()
        poller.register(self._broker, zmq.POLLIN)
        poller.register(self._proxy, zmq.POLLIN)
        while not self.stop.is_set():
            ready = dict(poller.poll(int(TICK_SECONDS * 1000)))
            if self._broker in ready:
                exchange.received(0, self._broker.recv_multipart()[-1:], now())
            if self._proxy in ready:
                self._take_in()
            exchange.tick(now())
            exchange.turn(now())
        if exchange.reader is not None:
            self.healed = exchange.reader.counters.healed

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
