"""The proxy's two sockets: what servers publish comes in at one, what clients subscribed to goes out at the other.

A subscription costs memory here, some 45 bytes for each byte of a topic that nobody else has, and libzmq has no limit for it:
``XPUB_MANUAL``, which asks before it takes one, has stored it in a second trie by then.  What bounds it is to cut the
connection that asks for too much: a subscription says which descriptor it came through, and a descriptor that is shut
down looks to libzmq like a peer that went away, with everything that belonged to it.
"""

import fcntl
import struct
import termios
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

import attrs
import zmq

from bulletin.core.limits import KIB, MIB, PUBLICATION_BYTES_MAX
from bulletin.transport.accounts import descriptor_of, shut_down
from bulletin.transport.bounds import (
    FACING_PUBLISHERS,
    FACING_SUBSCRIBERS,
    TOPIC_BYTES_MAX,
    Bounds,
)
from bulletin.transport.connection import Transport
from bulletin.transport.guarded import Guarded

TOPICS_PER_CONNECTION_MAX: Final = 1000
"""Topics of one subscriber; whoever wants more can subscribe to the empty topic, which is all of them."""

TOPICS_MAX: Final = 50_000
"""Topics of all subscribers together, each counted for each.  Past that, whoever has most is cut.  With names of 64 bytes
that are all different this is some 200 MiB, the worst case; clients that follow channels share most of it."""

COMMANDS_WAITING_MAX: Final = 2000
"""Subscriptions and other things that one connection sends without a pause in which all are caught up with."""

RECEIVE_BUFFER: Final = 16 * KIB
"""The kernel's buffer for what subscribers send: it is read to the end even after the connection was cut."""

SLOW_BYTES: Final = 64 * KIB
"""A subscriber with more than this in the kernel's queue is called slow."""

BEHIND_BYTES: Final = 32 * MIB
"""What is published while a subscriber is slow without a pause, and `BEHIND_LOOKS` long: it is cut then.  The mark alone, in
messages, would let each that stopped reading at another moment keep 256 MiB of long posts.  It connects anew, and fetches
what it missed from the history."""

BEHIND_LOOKS: Final = 5
"""Looks (`LOOK_SECONDS` apart) at which it was slow: even a quick one is that at a moment in which much is published."""

SUBSCRIBE: Final = b"\x01"
"""In front of a topic: from now on.  The byte 0x00 there: no longer."""


class FrontXSub(Guarded):
    """Where servers publish.  It subscribes to everything, once: what clients subscribe to never goes upstream.

    ``received(topic, body)`` gets what is a publication by its form; everything else is counted and dropped.
    """

    socketType = zmq.XSUB

    def __init__(
        self,
        transport: Transport,
        *,
        received: Callable[[bytes, bytes], object],
        listen: Iterable[str] = (),
        turn_ended: Callable[[], object] | None = None,
        bounds: Bounds = FACING_PUBLISHERS,
    ) -> None:
        super().__init__(transport, listen=listen, received=received, turn_ended=turn_ended, bounds=bounds)
        self._send((SUBSCRIBE,))  # whoever connects later is sent it, too

    def messageReceived(self, parts: list[bytes]) -> None:
        """Hand a publication on."""
        self.accounts.heard(self._frame, self.factory.seconds())
        if (
            len(parts) != 2
            or not 0 < len(parts[0]) <= TOPIC_BYTES_MAX
            or len(parts[1]) > PUBLICATION_BYTES_MAX
        ):
            self.malformed(parts)
            return
        assert self._received is not None
        self.counters.received += 1
        self._received(parts[0], parts[1])


@attrs.define
class Subscribed:
    """One connection to the XPUB.

    :param topics: what it subscribed to, `TOPICS_PER_CONNECTION_MAX` at most.
    :param waiting: what it sent since the last moment at which all that had come was read.
    :param cut: whether it was shut down, so that what still comes from it does not count.
    :param slow_looks: how many looks in a row found it slow.
    :param slow_bytes: what was published meanwhile.
    """

    topics: set[bytes] = attrs.field(factory=set)
    waiting: int = 0
    cut: bool = False
    slow_looks: int = 0
    slow_bytes: int = 0


class BackXPub(Guarded):
    """Where clients subscribe.  One that is slow misses messages, one that asks for too much is cut; nobody else notices.

    :param topics_max: in place of `TOPICS_MAX`.
    :param topics_per_connection_max: in place of `TOPICS_PER_CONNECTION_MAX`.
    """

    socketType = zmq.XPUB
    settings: ClassVar[tuple[tuple[int, int], ...]] = (
        (zmq.XPUB_VERBOSER, 1),  # every subscription is heard of, also to a topic that somebody else has
        (zmq.RCVBUF, RECEIVE_BUFFER),
    )
    max_frames: ClassVar[int] = 1

    def __init__(
        self,
        transport: Transport,
        *,
        listen: Iterable[str] = (),
        bounds: Bounds = FACING_SUBSCRIBERS,
        topics_max: int = TOPICS_MAX,
        topics_per_connection_max: int = TOPICS_PER_CONNECTION_MAX,
    ) -> None:
        self.topics_max = topics_max
        self.topics_per_connection_max = topics_per_connection_max
        self.topics = 0
        """Topics of all connections together."""
        self._subscribers: dict[int, Subscribed] = {}
        self._talking: list[Subscribed] = []
        self._gone: list[int] = []
        self._published = 0
        super().__init__(transport, listen=listen, bounds=bounds)

    @property
    def subscribers(self) -> int:
        """Connections that have subscribed to something."""
        return len(self._subscribers)

    def slow_subscribers(self) -> int:
        """Connections that have not taken what was sent to them, at this moment; ZeroMQ drops more for them uncounted."""
        return sum(_waiting_bytes(descriptor) > SLOW_BYTES for descriptor in self._subscribers)

    def forward(self, topic: bytes, body: bytes) -> None:
        """Send to all who subscribed, and whose queue has room."""
        self._send((topic, body))
        self.counters.sent += 1
        self._published += len(body)

    def _look(self) -> None:
        """Besides: cut those that are too far behind."""
        super()._look()
        published, self._published = self._published, 0
        if not published:
            return
        for descriptor, subscriber in list(self._subscribers.items()):
            if _waiting_bytes(descriptor) <= SLOW_BYTES:
                subscriber.slow_looks = subscriber.slow_bytes = 0
                continue
            subscriber.slow_looks += 1
            subscriber.slow_bytes += published
            if subscriber.slow_looks >= BEHIND_LOOKS and subscriber.slow_bytes > BEHIND_BYTES:
                self._cut(descriptor, "it does not take what is published")

    def doRead(self) -> None:
        """Read what subscribers sent; forget those that are gone once all of theirs is read."""
        gone, self._gone = self._gone, []
        super().doRead()
        if self.drained:
            for descriptor in gone:
                self._forget(descriptor)
            for subscriber in self._talking:
                subscriber.waiting = 0
            self._talking.clear()
        else:
            self._gone[:0] = gone

    def messageReceived(self, parts: list[bytes]) -> None:
        """Count a subscription; libzmq itself has acted on it already."""
        self.accounts.heard(self._frame, self.factory.seconds())
        descriptor = descriptor_of(self._frame)
        if descriptor < 0:
            return  # libzmq's own, for a connection that is gone
        subscriber = self._subscribers.get(descriptor)
        if subscriber is None:
            subscriber = self._subscribers[descriptor] = Subscribed()
        if subscriber.cut:
            return
        if not subscriber.waiting:
            self._talking.append(subscriber)
        subscriber.waiting += 1
        kind, topic = parts[0][:1], parts[0][1:]
        if len(parts) > 1 or kind not in {SUBSCRIBE, b"\0"}:
            self.malformed(parts)
        else:
            self.counters.received += 1
            self.topics -= len(subscriber.topics)
            if kind == SUBSCRIBE:
                subscriber.topics.add(topic)
            else:
                subscriber.topics.discard(topic)
            self.topics += len(subscriber.topics)
        if (
            len(subscriber.topics) > self.topics_per_connection_max
            or subscriber.waiting > COMMANDS_WAITING_MAX
        ):
            self._cut(descriptor)
        elif self.topics > self.topics_max:
            greedy = max(self._subscribers, key=lambda number: len(self._subscribers[number].topics))
            self._cut(greedy, "it asks for most, and all together for too much")

    def _cut(self, descriptor: int, why: str = "it asks for too much") -> None:
        """Shut a connection down: to libzmq its peer went away."""
        subscriber = self._subscribers[descriptor]
        if subscriber.cut:
            return
        self.counters.cut += 1
        self._log.warn(
            "cut",
            "A subscriber was cut: {why}; it has {topics} topics, and sent {waiting} commands in a row",
            why=why,
            topics=len(subscriber.topics),
            waiting=subscriber.waiting,
        )
        self.topics -= len(subscriber.topics)
        subscriber.topics.clear()
        subscriber.cut = True
        shut_down(descriptor, self._is_mine)

    def _lost(self, descriptor: int) -> None:
        self._gone.append(descriptor)
        self._again()

    def _forget(self, descriptor: int) -> None:
        subscriber = self._subscribers.pop(descriptor, None)
        if subscriber is not None:
            self.topics -= len(subscriber.topics)


def _waiting_bytes(descriptor: int) -> int:
    """Bytes in the kernel that the peer has not acknowledged."""
    try:
        (waiting,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return 0
    return int(waiting)
