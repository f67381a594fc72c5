"""The sockets that the roles use.  No role sees ZeroMQ itself: they see messages, and what became of those they sent."""

import errno
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

import attrs
import zmq

from bulletin.transport.accounts import wire_bytes
from bulletin.transport.bounds import BETWEEN_ROLES, FACING_CLIENTS, Bounds
from bulletin.transport.connection import Connection, Transport
from bulletin.transport.forwarding import BackXPub, FrontXSub
from bulletin.transport.guarded import Guarded
from bulletin.transport.monitor import Monitor
from bulletin.transport.traffic import Full, Outcome

ENVELOPE_FRAMES_MAX: Final = 8
"""Frames of an envelope, the empty one included: the peer's routing id, and one of each device on the way to it."""


class Router(Guarded):
    """Answers many peers; tells when one is gone or does not read.

    ``received(envelope, body)``: the envelope is all frames up to and with the first empty one, or else the first frame
    alone; it goes back unchanged in `send_to`.  So whoever sends ``[body]`` is answered with ``[body]``, and whoever sends
    ``[empty, body]``, as a REQ does, with that.  The body has no frame, one or several: only the role knows how many are
    right, and its peer may need an answer even to what is wrong.  Of a message of very many frames it sees the first few.

    A peer that does not read is sent no more once it has so many messages, or bytes (`accounts`), before it.
    """

    socketType = zmq.ROUTER
    settings = ((zmq.ROUTER_MANDATORY, 1),)
    max_frames: ClassVar[int] = ENVELOPE_FRAMES_MAX + 2

    def __init__(
        self,
        transport: Transport,
        *,
        received: Callable[[tuple[bytes, ...], list[bytes]], object],
        listen: Iterable[str] = (),
        turn_ended: Callable[[], object] | None = None,
        bounds: Bounds = FACING_CLIENTS,
    ) -> None:
        super().__init__(transport, listen=listen, received=received, turn_ended=turn_ended, bounds=bounds)

    def messageReceived(self, parts: list[bytes]) -> None:
        """Part the envelope from the body."""
        assert self._received is not None
        self.accounts.heard_of(parts[0], self._frame, self.factory.seconds())
        if len(parts) > self.max_frames:
            self.malformed(parts)
        self.counters.received += 1
        try:
            end = parts.index(b"", 1, ENVELOPE_FRAMES_MAX) + 1
        except ValueError:
            end = 1
        self._received(tuple(parts[:end]), parts[end:])

    def send_to(self, envelope: tuple[bytes, ...], *parts: bytes) -> Outcome:
        """Send to one peer, or not at all: nothing waits here.

        :param envelope: as it was received; its first frame names the peer.
        :param parts: the frames behind it.
        """
        message = (*envelope, *parts)
        peer, size = envelope[0], wire_bytes(message[1:])  # the routing id stays here
        if not self.accounts.admit(peer, size):
            self.counters.dropped += 1
            return Outcome.FULL
        try:
            self._send(message)
        except zmq.Again:
            outcome = Outcome.FULL
        except zmq.ZMQError as error:
            if error.errno != errno.EHOSTUNREACH:
                raise
            outcome = Outcome.GONE
        except Full:  # closed
            outcome = Outcome.GONE
        else:
            self.counters.sent += 1
            return Outcome.SENT
        self.accounts.refused(peer, size)
        self.counters.dropped += 1
        return outcome


class Linked(Connection):
    """A socket that connects, and can tell whether anybody is at the other end.

    :param linked: called with True when a peer has been reached (after the handshake), and with False as soon as the last is
        lost.  A peer that was killed is noticed at once; one that is stopped or cut off only by silence (see `Bounds`).
    """

    def __init__(
        self, transport: Transport, *, linked: Callable[[bool], object] | None, **arguments: Any
    ) -> None:
        self._linked = linked
        self._up: set[bytes] = set()
        super().__init__(transport, **arguments)

    def _before_endpoints(self) -> None:
        if self._linked is not None:
            events = int(zmq.EVENT_HANDSHAKE_SUCCEEDED) | int(zmq.EVENT_DISCONNECTED)
            self._auxiliaries.append(Monitor(self.factory, self, events, self._link_changed))

    def _link_changed(self, event: int, _value: int, endpoint: bytes) -> None:
        assert self._linked is not None
        before = self.connected
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._up.add(endpoint)
        else:
            self._up.discard(endpoint)
        if self.connected != before:
            self._linked(self.connected)

    @property
    def connected(self) -> bool:
        """Whether a peer is connected, as far as is known; always False without ``linked``."""
        return bool(self._up)


class Dealer(Linked):
    """Talks to one peer, or shares its messages out among several; never to one that is not connected.

    What was given to ZeroMQ is lost with the connection: whoever needs an answer sends again.

    :param max_backlog: messages that wait here while no peer takes them; 0: `send` raises at once.
    :param linked: see `Linked`.
    """

    socketType = zmq.DEALER
    settings = ((zmq.IMMEDIATE, 1),)

    def __init__(
        self,
        transport: Transport,
        *,
        received: Callable[[list[bytes]], object],
        connect: Iterable[str] = (),
        turn_ended: Callable[[], object] | None = None,
        bounds: Bounds = BETWEEN_ROLES,
        identity: bytes | None = None,
        max_backlog: int = 1000,
        linked: Callable[[bool], object] | None = None,
    ) -> None:
        super().__init__(
            transport,
            connect=connect,
            received=received,
            turn_ended=turn_ended,
            bounds=bounds,
            identity=identity,
            max_backlog=max_backlog,
            linked=linked,
        )

    def send(self, *parts: bytes) -> None:
        """Send one message.

        :raises bulletin.transport.traffic.Full: if no peer takes it and the backlog is full; it was dropped and counted.
        """
        self._send_or_keep(parts)


class Publisher(Connection):
    """Publishes to whoever subscribed; a subscriber that does not read misses what its queue has no room for."""

    socketType = zmq.PUB
    receives = False

    def __init__(
        self,
        transport: Transport,
        *,
        connect: Iterable[str] = (),
        listen: Iterable[str] = (),
        bounds: Bounds = BETWEEN_ROLES,
    ) -> None:
        super().__init__(transport, listen=listen, connect=connect, bounds=bounds)

    def publish(self, topic: bytes, body: bytes) -> None:
        """Publish one body under a topic.  Nobody's absence or slowness is an error."""
        if not self._open:
            self.counters.dropped += 1
            return
        self._send((topic, body))
        self.counters.sent += 1


class Subscriber(Linked):
    """Hears what is published under its topics, and under longer ones that begin like them: compare the topic.

    ``received(topic, body)`` is called for messages of exactly two frames; others are counted and dropped.

    :param linked: see `Linked`.
    """

    socketType = zmq.SUB

    def __init__(
        self,
        transport: Transport,
        *,
        received: Callable[[bytes, bytes], object],
        connect: Iterable[str] = (),
        turn_ended: Callable[[], object] | None = None,
        bounds: Bounds = BETWEEN_ROLES,
        linked: Callable[[bool], object] | None = None,
    ) -> None:
        self._topics: set[bytes] = set()
        super().__init__(
            transport,
            connect=connect,
            received=received,
            turn_ended=turn_ended,
            bounds=bounds,
            linked=linked,
        )

    def messageReceived(self, parts: list[bytes]) -> None:
        """Hand a topic and a body on."""
        if len(parts) != 2:
            self.malformed(parts)
            return
        assert self._received is not None
        self.counters.received += 1
        self._received(parts[0], parts[1])

    def subscribe(self, topic: bytes) -> None:
        """Hear what begins with ``topic``; once more has no effect (ZeroMQ itself would count)."""
        if topic not in self._topics:
            self.socket.set(zmq.SUBSCRIBE, topic)
            self._topics.add(topic)
            self._again()

    def unsubscribe(self, topic: bytes) -> None:
        """Hear of it no longer; what is under way may still come."""
        if topic in self._topics:
            self.socket.set(zmq.UNSUBSCRIBE, topic)
            self._topics.remove(topic)
            self._again()


@attrs.frozen
class Sockets:
    """The classes that a role makes its sockets from: these, or their twins in memory in tests."""

    Transport: type[Transport] = Transport
    Router: type[Router] = Router
    Dealer: type[Dealer] = Dealer
    Publisher: type[Publisher] = Publisher
    Subscriber: type[Subscriber] = Subscriber
    FrontXSub: type[FrontXSub] = FrontXSub
    BackXPub: type[BackXPub] = BackXPub


ZEROMQ: Final = Sockets()
"""The real ones."""
