"""Our connection over txZMQ's: bounded in memory, bounded in work per turn, and never asleep while something waits.

ZeroMQ's descriptor is edge-triggered and speaks of commands, not of messages: whatever touches the socket (a send, a bind, a
look at its events) may take the edge away while a message lies waiting.  So the rule of this module is: after each
touch outside of reading, look once more in the next turn (`Connection._again`); and reading ends only when ZeroMQ says
EAGAIN, having processed every command, or when the turn's share is used up, with another look in the next turn.
"""

import errno
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from typing import Any, ClassVar, Final

import zmq
from twisted.logger import Logger
from txzmq import ZmqConnection, ZmqEndpoint, ZmqEndpointType, ZmqFactory

from bulletin.core.limits import MIB
from bulletin.transport.binding import OwnPath, bind
from bulletin.transport.bounds import BETWEEN_ROLES, Bounds
from bulletin.transport.endpoints import EndpointError, has_name
from bulletin.transport.rate_limit import RateLimitedLog
from bulletin.transport.traffic import Counters, Full

NOBLOCK: Final = int(zmq.NOBLOCK)
MORE: Final = int(zmq.NOBLOCK) | int(zmq.SNDMORE)
"""Plain integers: arithmetic on pyzmq's flags costs as much as sending a frame."""

FRAMES_PER_TURN: Final = 1024
"""Frames of one socket that a turn of the reactor reads at most."""

BYTES_PER_TURN: Final = 8 * MIB
"""Bytes of one socket after which a turn of the reactor reads no further message."""

CONNECT_MILLISECONDS: Final = 2000
"""An attempt to connect ends after this: a host that drops packets is tried anew, not waited for."""

KEEPALIVES: Final = 3
"""Unanswered questions of TCP after which a peer is gone."""

PLAIN_THREAD: Final = 1
"""ZeroMQ's first I/O thread, as a bit of its affinity: for whoever listens, or connects to an address."""

NAME_THREADS: Final = 7
"""I/O threads besides, which connections to names have in turn.  ZeroMQ looks a name up on the thread of the connection, and
while a name server does not answer, that thread does nothing else.  So servers that know each other by addresses go on, and
a broker goes on while the name of the reference, which was stopped, leads nowhere."""

PAUSE_AFTER_ERROR: Final = 0.1
"""Seconds until a socket is read again after an error that should not be."""

_log = Logger()


class Transport(ZmqFactory):
    """The context of a role's sockets; made in ``startService``, never before (no I/O thread survives a fork).

    :param reactor: in place of the global one, in tests.
    """

    ioThreads = 1 + NAME_THREADS
    lingerPeriod = 250
    """Milliseconds for which closing waits, blocking, for what is not yet sent.  The last resort, not a drain."""

    seconds: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, reactor: Any = None) -> None:
        if reactor is not None:
            self.reactor = reactor
        super().__init__()
        self.log = RateLimitedLog(_log, self.seconds)
        self.closed = False
        self._name_threads = cycle(PLAIN_THREAD << number for number in range(1, self.ioThreads))

    def thread_for(self, endpoint: str) -> int:
        """The I/O thread of a new connection to a checked endpoint, as a bit of ZeroMQ's affinity."""
        return next(self._name_threads) if has_name(endpoint) else PLAIN_THREAD

    def shutdown(self) -> None:
        """Close all its sockets and end the context.  May be called again."""
        if self.closed:
            return
        self.closed = True
        for connection in sorted(self.connections, key=lambda each: getattr(each, "auxiliary", False)):
            try:
                connection.shutdown()
            except Exception:  # noqa: BLE001 - the others must be closed whatever befell this one
                _log.failure("A socket could not be closed")
        if self.trigger is not None:
            self.reactor.removeSystemEventTrigger(self.trigger)
            self.trigger = None
        self.context.destroy(0)  # and with it what somebody made behind our back, or the end would never come

    def registerForShutdown(self) -> None:
        """Have it closed when the reactor stops, whatever the services forget."""

        def stop() -> None:
            self.trigger = None
            self.shutdown()

        self.trigger = self.reactor.addSystemEventTrigger("during", "shutdown", stop)


class Connection(ZmqConnection):
    """One socket.

    The handler is never called from within the constructor, nor twice at a time.  An exception in it is counted and logged (with
    restraint), and the next message is read.

    :param transport: whose socket it is.
    :param listen: endpoints to bind.
    :param connect: endpoints to connect to.
    :param received: gets each message; what else is in the call is the subclasses' matter.
    :param turn_ended: called once after the messages of one turn of the reactor, if there were any.
    :param bounds: what the peers may do to it.
    :param identity: the socket's routing id, for tests and peers that need one.
    :param max_backlog: messages that wait here, in order, while ZeroMQ's queue is full; `Bounds` has how many bytes.
    :raises EndpointError: when it cannot listen or connect; nothing is left open then.
    """

    receives: ClassVar[bool] = True
    """Whether the type of socket can receive at all."""
    batch: ClassVar[int] = 64
    """Messages that a turn reads at most."""
    max_frames: ClassVar[int] = 16
    """Frames of a message; of a longer one the rest is read and forgotten."""
    settings: ClassVar[tuple[tuple[int, int], ...]] = ()
    """Further options of a subclass, set before the first endpoint."""
    auxiliary: ClassVar[bool] = False
    """Whether it belongs to another connection, which closes it."""

    highWaterMark = 1000
    reconnectIntervalMax = 1000

    def __init__(
        self,
        transport: Transport,
        *,
        listen: Iterable[str] = (),
        connect: Iterable[str] = (),
        received: Callable[..., object] | None = None,
        turn_ended: Callable[[], object] | None = None,
        bounds: Bounds = BETWEEN_ROLES,
        identity: bytes | None = None,
        max_backlog: int = 0,
    ) -> None:
        self.counters = Counters()
        self.bounds = bounds
        self.max_backlog = max_backlog
        self.bound: tuple[str, ...] = ()
        self._received = received
        self._turn_ended = turn_ended
        self._backlog: deque[Sequence[bytes]] = deque()
        self._backlog_bytes = 0
        self._owned: list[OwnPath] = []
        self._auxiliaries: list[Connection] = []
        self.drained = True
        """Whether the last turn read all that there was."""
        self._log = transport.log
        self._open = self._reading = False
        self._frames_left = self._bytes_left = 0
        self._frame: Any = zmq.Frame()
        """The last one of the last whole message: it knows which connection it came through."""
        listen, connect = tuple(listen), tuple(connect)
        super().__init__(transport, None, identity)
        self._take = self.socket.recv
        self._put = super(zmq.Socket, self.socket).send  # type: ignore[misc]  # the compiled class's own, twice as fast
        try:
            self._set_options(ipv6=any("[" in endpoint for endpoint in (*listen, *connect)))
            self._before_endpoints()
            for endpoint in listen:
                self._listen(endpoint)
            for endpoint in connect:
                self._connect(endpoint)
        except BaseException:
            self.shutdown()  # or the context would wait for this socket for ever
            raise
        self._open = True
        self._again()

    def _set_options(self, *, ipv6: bool) -> None:
        """Everything but marks and subscriptions has no effect on endpoints that are there already."""
        bounds, sock = self.bounds, self.socket
        for option, value in (
            (zmq.SNDHWM, bounds.send_mark),
            (zmq.RCVHWM, bounds.receive_mark),
            (zmq.MAXMSGSIZE, bounds.frame_bytes),
            (zmq.TCP_KEEPALIVE, 1),  # and the three that go with it: without them the kernel refuses it
            (zmq.TCP_KEEPALIVE_IDLE, bounds.keepalive),
            (zmq.TCP_KEEPALIVE_INTVL, bounds.keepalive),
            (zmq.TCP_KEEPALIVE_CNT, KEEPALIVES),
            (zmq.TCP_MAXRT, bounds.patience),
            (zmq.HANDSHAKE_IVL, bounds.handshake),
            (zmq.BACKLOG, bounds.accept_queue),
            (zmq.CONNECT_TIMEOUT, CONNECT_MILLISECONDS),
            (zmq.IPV6, int(ipv6)),
            (zmq.AFFINITY, PLAIN_THREAD),
            *self.settings,
        ):
            sock.set(option, value)

    def _before_endpoints(self) -> None:
        """What a subclass must do while nothing can have connected yet."""

    def _listen(self, endpoint: str) -> None:
        self.bound += (bind(self.socket, endpoint),)
        self.endpoints.append(ZmqEndpoint(ZmqEndpointType.bind, endpoint))
        path = OwnPath.of(endpoint)
        if path is not None:
            self._owned.append(path)

    def _connect(self, endpoint: str) -> None:
        self.socket.set(zmq.AFFINITY, self.factory.thread_for(endpoint))
        try:
            self.addEndpoints([ZmqEndpoint(ZmqEndpointType.connect, endpoint)])
        except zmq.ZMQError as error:
            raise EndpointError(f"cannot connect to {endpoint}: {error.strerror.lower()}") from None

    @property
    def endpoint(self) -> str:
        """Where it listens (the first, if several), with the port that it got.

        :raises LookupError: if it only connects.
        """
        return self.bound[0]

    # Reading

    def doRead(self) -> None:
        """Read what is there, at most a turn's share, and end the turn."""
        scheduled, self.read_scheduled = self.read_scheduled, None
        if scheduled is not None and scheduled.active():
            scheduled.cancel()
        if not self._open:
            return
        before = self.counters.received
        try:
            if not self.receives:
                self.socket.get(zmq.EVENTS)  # takes in the commands; there is nothing to receive
                return
            self._read_turn()
            if self._open and self._turn_ended is not None and self.counters.received != before:
                self._call(self._turn_ended)
            if self._open and self._backlog:
                self._flush()
        except Exception:  # noqa: BLE001 - logged; see the next line
            # Left to the reactor it would drop the descriptor and leave the socket open and deaf.
            self.counters.failed += 1
            self._log.failure(
                "socket", "A {socket} failed, and is read again shortly", socket=type(self).__name__
            )
            if self._open and self.read_scheduled is None:
                self.read_scheduled = self.factory.reactor.callLater(PAUSE_AFTER_ERROR, self.doRead)

    def _read_turn(self) -> None:
        """Receive and hand on at most a turn's share."""
        self._frames_left, self._bytes_left = FRAMES_PER_TURN, BYTES_PER_TURN
        self._reading, self.drained = True, False
        try:
            for _ in range(self.batch):
                parts = self._next()
                if parts is None:
                    self.drained = self._frames_left >= 0
                    return
                self._call(self.messageReceived, parts)
                if not self._open:
                    return
                if self._bytes_left < 0:
                    break
        finally:
            self._reading = False
        self._again()

    def _next(self) -> list[bytes] | None:
        """One whole message; None when there is none, or none yet."""
        receive, parts, most = self._take, self.recv_parts, self.max_frames
        try:
            while True:
                frame = receive(NOBLOCK, False)
                if len(parts) <= most:  # one more than allowed shows that there were too many
                    data = frame.bytes
                    parts.append(data)
                    self._bytes_left -= len(data)
                if not frame.more:
                    break
                self._frames_left -= 1
                if self._frames_left < 0:
                    self._again()
                    return None
        except zmq.Again:  # every command has been processed: the descriptor will tell of the next one
            return None
        self.recv_parts = []
        self._frame = frame
        return parts

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        try:
            function(*arguments)
        except Exception:  # noqa: BLE001 - logged; one bad message must not stop the loop
            self.counters.failed += 1
            self._log.failure(
                "handler", "What a {socket} received could not be handled", socket=type(self).__name__
            )

    def messageReceived(self, parts: list[bytes]) -> None:
        """Hand one message on; subclasses know its form."""
        if len(parts) > self.max_frames:
            self.malformed(parts)
            return
        self.counters.received += 1
        assert self._received is not None
        self._received(parts)

    def malformed(self, parts: Sequence[bytes]) -> None:
        """Count, and say now and then, that a peer sent what no peer should."""
        self.counters.malformed += 1
        self._log.warn(
            "malformed",
            "A {socket} dropped a message of {frames} frames or more, {size} bytes at least, that it cannot take",
            socket=type(self).__name__,
            frames=len(parts),
            size=sum(map(len, parts)),
        )

    def _again(self) -> None:
        """Look at the socket once more in the next turn, whatever its descriptor says."""
        if self.read_scheduled is None and self._open:
            self.read_scheduled = self.factory.reactor.callLater(0, self.doRead)

    # Sending

    def _send(self, parts: Sequence[bytes]) -> None:
        """Hand one message to ZeroMQ, all of it or nothing.

        :raises TypeError: if a frame is not bytes; nothing was sent.
        :raises ValueError: if there is no frame.
        :raises Full: if the socket is closed.
        :raises zmq.ZMQError: ``zmq.Again`` above all.
        """
        _check(parts)
        if not self._open:
            raise Full("the socket is closed")
        put = self._put
        try:
            for part in parts[:-1]:
                put(part, MORE)
            put(parts[-1], NOBLOCK)
        finally:  # also after EAGAIN, which may have swallowed the edge of what waits to be read
            if not self._reading and self.receives and self.read_scheduled is None:
                self.read_scheduled = self.factory.reactor.callLater(0, self.doRead)

    def _send_or_keep(self, parts: Sequence[bytes]) -> None:
        """Send, or wait in the backlog behind what waits there already.

        :raises Full: if that is full, too.
        """
        _check(parts)
        if self._open and not self._backlog:
            try:
                self._send(parts)
            except zmq.Again:
                pass
            else:
                self.counters.sent += 1
                return
        size = sum(map(len, parts))
        if (
            not self._open
            or len(self._backlog) >= self.max_backlog
            or (self._backlog and self._backlog_bytes + size > self.bounds.backlog_bytes)
        ):
            self.counters.dropped += 1
            raise Full("the peer does not take it, and the backlog is full")
        self._backlog.append(parts)
        self._backlog_bytes += size
        self.counters.backlog = len(self._backlog)

    def _flush(self) -> None:
        """Send what waits; if some of it must wait on, make sure that the descriptor will tell when."""
        backlog = self._backlog
        self._reading = True  # the look at the events below takes the place of another turn
        try:
            while backlog:
                self._send(backlog[0])
                self._backlog_bytes -= sum(map(len, backlog.popleft()))
                self.counters.sent += 1
        except zmq.Again:
            pass
        finally:
            self._reading = False
            self.counters.backlog = len(backlog)
        events = int(self.socket.get(zmq.EVENTS))
        if events & zmq.POLLIN or (backlog and events & zmq.POLLOUT):
            self._again()

    # Ending

    def close(self) -> None:
        """Close the socket; what was sent goes out for as long as the transport lingers.  May be called again."""
        self.shutdown()

    def shutdown(self) -> None:
        """What txZMQ calls `close`."""
        if self.factory is None:
            return
        self._open = False
        self._backlog.clear()
        self._backlog_bytes = self.counters.backlog = 0
        if self.read_scheduled is not None:
            if self.read_scheduled.active():
                self.read_scheduled.cancel()
            self.read_scheduled = None
        self._put = self._take = self._closed
        for auxiliary in self._auxiliaries:
            auxiliary.shutdown()
        super().shutdown()
        for path in self._owned:
            path.remove()

    @staticmethod
    def _closed(*_arguments: object) -> Any:
        raise zmq.ZMQError(errno.ENOTSOCK)


def _check(parts: Sequence[bytes]) -> None:
    """All the frames before the first is sent: half a message would stay behind, and swallow the next one."""
    if not parts:
        raise ValueError("a message has at least one frame")
    for part in parts:
        if type(part) is not bytes:
            raise TypeError(f"a frame must be bytes, not {type(part).__name__}")
