"""``/healthz``, ``/readyz`` and ``/metrics``: three pages, and nothing that a stranger could make grow."""

from collections.abc import Callable
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from twisted.internet.interfaces import IReactorTime
from twisted.protocols.policies import WrappingFactory
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from bulletin.web.health import Health

BODY_BYTES_MAX: Final = 4096
"""A request's body, which no page reads."""

CONNECTIONS_MAX: Final = 64
"""Connections at a time: for a further one the oldest is closed.  As many again may be on their way out."""

METRICS_SHARE: Final = 0.1
"""Of a role's time so much goes at most into writing its metrics down: who asks more often gets those of the moment before."""

IDLE_SECONDS: Final = 15
"""A connection that says nothing, or has not finished its request, is closed after this."""


class _BoundedRequest(Request):
    """A request whose body is not kept: Twisted would write a large one to a file."""

    _body_bytes = 0

    def gotLength(self, _length: int | None) -> None:  # noqa: N802 - Twisted's name
        """Make no file, whatever length is announced."""
        super().gotLength(0)  # type: ignore[no-untyped-call]  # Twisted's

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Count it, and forget it."""
        self._body_bytes += len(data)
        channel: Any = self.channel
        if self._body_bytes > BODY_BYTES_MAX and channel is not None:
            channel.transport.abortConnection()


class _OneRequest(HTTPChannel):
    """A connection of one request: whoever sends a thousand at once would have them answered in one turn of the reactor."""

    def checkPersistence(self, request: Any, _version: bytes) -> bool:  # noqa: N802 - Twisted's name
        """Never."""
        request.responseHeaders.setRawHeaders(b"connection", [b"close"])
        return False


class _Pages(Resource):
    """The three pages, and the answer to whatever else is asked for."""

    def __init__(
        self, health: Callable[[], Health], registry: CollectorRegistry, seconds: Callable[[], float]
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.isLeaf = True
        self._health = health
        self._registry = registry
        self._seconds = seconds
        self._metrics = b""
        self._fresh_from = self._fresh_until = float("-inf")

    def render(self, request: Any) -> bytes:
        """One page; nothing of what the client sent is repeated."""
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        request.setHeader(b"cache-control", b"no-store")
        if request.method not in {b"GET", b"HEAD"}:
            request.setHeader(b"allow", b"GET, HEAD")
            return _line(request, 405, "There is only GET.")
        match request.path:
            case b"/healthz":
                return _line(request, 200, "Alive.")
            case b"/readyz":
                health = self._health()
                return _line(request, 200 if health.ready else 503, health.reason)
            case b"/metrics":
                body = self._latest()
                request.setHeader(b"content-type", CONTENT_TYPE_LATEST.encode())
                return body
        return _line(request, 404, "There are only /healthz, /readyz and /metrics.")

    def _latest(self) -> bytes:
        """The metrics: they take milliseconds to be written down, in the thread that does all else."""
        begun = self._seconds()
        if not self._fresh_from <= begun < self._fresh_until:
            self._metrics = generate_latest(self._registry)
            ended = self._seconds()
            self._fresh_from, self._fresh_until = begun, ended + (ended - begun) * (1 / METRICS_SHARE - 1)
        return self._metrics


def _line(request: Any, status: int, text: str) -> bytes:
    request.setResponseCode(status)
    return text.encode("utf-8", "replace") + b"\n"


class _QuietSite(Site):
    """A site without a log line for each request."""

    noisy = False
    protocol: Any = _OneRequest

    def log(self, request: Any) -> None:
        """Nothing: scrapes come every few seconds."""


class _BoundedFactory(WrappingFactory):
    """Closes the oldest connection where there are too many: whoever holds them all would else keep everybody out."""

    noisy = False

    def __init__(self, wrapped: Site) -> None:
        super().__init__(wrapped)  # type: ignore[no-untyped-call]  # Twisted's
        self._kept: dict[Any, None] = {}

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        """A channel, or None."""
        if len(self.protocols) >= 2 * CONNECTIONS_MAX:
            return None
        return super().buildProtocol(addr)

    def registerProtocol(self, p: Any) -> None:  # noqa: N802 - Twisted's name
        """A connection is there."""
        super().registerProtocol(p)  # type: ignore[no-untyped-call]  # Twisted's
        if len(self._kept) >= CONNECTIONS_MAX:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            oldest.transport.abortConnection()
        self._kept[p] = None

    def unregisterProtocol(self, p: Any) -> None:  # noqa: N802 - Twisted's name
        """A connection is gone."""
        self._kept.pop(p, None)
        super().unregisterProtocol(p)  # type: ignore[no-untyped-call]  # Twisted's


def make_site(
    health: Callable[[], Health], registry: CollectorRegistry, reactor: IReactorTime
) -> WrappingFactory:
    """The factory of a role's web page.

    :param health: called for each ``/readyz``.
    :param registry: see `bulletin.web.metrics.make_registry`.
    :param reactor: for timeouts.
    """
    make: Any = _QuietSite
    site = make(
        _Pages(health, registry, reactor.seconds),
        requestFactory=_BoundedRequest,
        parsePOSTFormSubmission=False,
        timeout=IDLE_SECONDS,
        reactor=reactor,
    )
    wrap: Any = _BoundedFactory
    bounded: WrappingFactory = wrap(site)
    return bounded
