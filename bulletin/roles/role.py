"""What every long-running role is: sockets from the start to the end, timers, a web page, a stop that ends in time."""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    TimeoutError as DeferredTimeoutError,
    maybeDeferred,
    succeed,
)
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from bulletin.core.clocks.instant import Instant
from bulletin.roles import ending
from bulletin.roles.options import HostPort
from bulletin.transport.endpoints import EndpointError
from bulletin.transport.rate_limit import RateLimitedLog
from bulletin.web.health import Health
from bulletin.web.metrics import Sample, counter, gauge, make_registry

if TYPE_CHECKING:
    from bulletin.transport.connection import Connection, Transport
    from bulletin.transport.sockets import Sockets

    AnyConnection = TypeVar("AnyConnection", bound=Connection)

DRAIN_SECONDS: Final = 2.5
"""A stop waits so long for what must still go out."""

CLOSE_SECONDS: Final = 1.5
"""And so long for the rest to be let go of: with both, and the sockets' linger, it is below the 5 s that it may take."""

_log = Logger()


class StartError(Exception):
    """The role cannot start; the message is one sentence."""


def system_instant() -> Instant:
    """This moment, by this machine's clocks.

    Where the system has a monotonic clock that goes on while the machine sleeps, it is that one: a server that slept
    has stood still, and its clock has not.
    """
    return Instant(_monotonic(), time.time())


_monotonic: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)


class Role(Service):
    """A role of the board: subclasses make their sockets in `open`, and answer for themselves in `health` and `samples`.

    Nothing is opened before `startService`: what was made before twistd forks has no I/O thread afterwards.

    :param http: where to serve ``/healthz``, ``/readyz`` and ``/metrics``; None: nowhere.
    :param sockets: in place of ZeroMQ's, in tests.
    :param reactor: in place of the global one, in tests.
    :param instant: in place of the machine's clocks, in tests.
    """

    label: ClassVar[str] = "role"
    """Its name in the log."""

    def __init__(
        self,
        *,
        http: HostPort | None = None,
        sockets: "Sockets | None" = None,
        reactor: Any = None,
        instant: Callable[[], Instant] = system_instant,
    ) -> None:
        self.http = http
        self.now = instant
        self.page: Any = None
        self.quiet = RateLimitedLog(_log, lambda: self.now().monotonic)
        self._given = sockets, reactor
        self._calls: list[LoopingCall] = []
        self._watched: dict[str, Connection] = {}

    # What subclasses say

    def opening_seconds(self) -> float:
        """How long `open` may keep the reactor at most, where that is long; 0: it does not."""
        return 0.0

    def open(self) -> None:
        """Make the sockets and start the timers; what was made is closed again if this raises."""

    def drain(self) -> Deferred[Any] | None:
        """Take nothing new, and finish what is under way; the sockets and timers still work meanwhile."""

    def close(self) -> Deferred[Any] | None:
        """Let go of what is neither a socket nor a timer."""

    def health(self) -> Health:
        """Whether it does its work."""
        return Health(self.running != 0)

    def samples(self) -> Iterable[Sample]:
        """Its metrics, besides those of its sockets."""
        return ()

    # What they use

    def watch(self, name: str, connection: "AnyConnection") -> "AnyConnection":
        """Show a socket's counters in the metrics, under a name of the role's own."""
        self._watched[name] = connection
        return connection

    def every(self, seconds: float, function: Callable[[], object]) -> LoopingCall:
        """Call a function at once and every so many seconds until the stop.

        An exception in it is logged, and the next call comes all the same (by itself a LoopingCall would end there).
        """

        def call() -> None:
            try:
                function()
            except Exception:  # noqa: BLE001 - logged; a timer must not end silently
                self.quiet.failure("timer", "A timer of the {label} failed", label=self.label)

        loop = LoopingCall(call)
        loop.clock = self.reactor
        self._calls.append(loop)
        loop.start(seconds)
        return loop

    # A service's life

    def startService(self) -> None:
        """Open everything.

        :raises StartError: if an endpoint cannot be used; nothing is left open, and one sentence stands on stderr.
        """
        self._choose()
        self.transport: Transport = self.sockets.Transport()
        try:
            self.open()
            self._serve()
        except (EndpointError, CannotListenError) as error:
            self._let_go()
            sentence = f"{self.label}: {error}."
            ending.say(sentence)
            raise StartError(sentence) from None
        except BaseException:
            self._let_go()
            raise
        super().startService()
        _log.info(
            "The {label} is up: {endpoints}",
            label=self.label,
            endpoints=", ".join(f"{name} {end}" for name, end in self.endpoints()) or "it listens nowhere",
        )

    def endpoints(self) -> Iterator[tuple[str, str]]:
        """Where it listens: names and endpoints."""
        for name, connection in self._watched.items():
            for endpoint in connection.bound:
                yield name, endpoint
        if self.page is not None:
            host = self.page.getHost()
            yield "http", f"http://{host.host}:{host.port}"

    def stopService(self) -> Deferred[None]:
        """Drain, for a bounded time, then close everything.  May be called again."""
        if not self.running:
            return succeed(None)
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for step, seconds in ((self.drain, DRAIN_SECONDS), (self.close, CLOSE_SECONDS)):
            try:
                await maybeDeferred(step).addTimeout(seconds, self.reactor)
            except (DeferredTimeoutError, CancelledError):
                _log.warn("The {label} stops although it has not finished", label=self.label)
            except Exception:  # noqa: BLE001 - logged; the rest must be closed all the same
                _log.failure("The {label} could not finish what was under way", label=self.label)
        page, self.page = self.page, None
        if page is not None:
            await maybeDeferred(page.stopListening)
        self._let_go()

    def _choose(self) -> None:
        """Take ZeroMQ's sockets and the global reactor, unless a test gave others."""
        sockets, reactor = self._given
        if sockets is None:
            from bulletin.transport.sockets import ZEROMQ  # noqa: PLC0415 - importing txZMQ installs the reactor

            sockets = ZEROMQ
        if reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415 - so does this
        self.sockets: Sockets = sockets
        self.reactor: Any = reactor

    def _serve(self) -> None:
        if self.http is not None:
            from bulletin.web.site import make_site  # noqa: PLC0415 - only those with a page pay for twisted.web

            site = make_site(self.health, make_registry(self._samples), self.reactor)
            self.page = self.reactor.listenTCP(self.http.port, site, interface=self.http.interface)

    def _samples(self) -> Iterator[Sample]:
        for name, connection in self._watched.items():
            counted = connection.counters
            for field, help_ in _COUNTED:
                yield counter(f"socket_{field}_total", help_, getattr(counted, field), socket=name)
            yield gauge(
                "socket_backlog", "Messages waiting for a queue to have room.", counted.backlog, socket=name
            )
        yield gauge("ready", "Whether the role does its work.", float(self.health().ready))
        yield from self.samples()

    def _let_go(self) -> None:
        """Stop the timers and close the sockets."""
        for call in self._calls:
            if call.running:
                call.stop()
        self._calls.clear()
        self._watched.clear()
        self.transport.shutdown()


_COUNTED: Final = (
    ("sent", "Messages handed to ZeroMQ."),
    ("received", "Messages handed to the role."),
    ("dropped", "Messages for a peer that was gone or did not read."),
    ("malformed", "Messages with the wrong number or size of frames."),
    ("failed", "Messages whose handling ended in an exception."),
    ("cut", "Connections cut for asking too much, or for a message without an end."),
)
