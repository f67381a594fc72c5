"""Asks a child over HTTP how it is: ``/readyz``, and of a server ``/metrics``, which says whether it leads."""

from typing import Any, Final, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from bulletin.roles.supervision.layout import HOST
from bulletin.roles.supervision.policy import Health

PATIENCE: Final = 2.0
"""Seconds that an answer may take."""

PAGE_BYTES_MAX: Final = 1024 * 1024
"""Bytes of a page that are read."""

LEADING: Final = b'bulletin_log_role{role="leader"} 1.0'
"""The line in the metrics of a server that leads."""


class Page(Protocol):
    """Reads one page in HTTP 1.0: all until the other side closes.  Twisted's own client logs four lines for each.

    :param path: such as ``/readyz``.
    """

    transport: Any

    def __init__(self, path: str) -> None:
        self._path = path
        self._received = bytearray()
        self.read: Deferred[tuple[int, bytes]] = Deferred(lambda _: self.transport.abortConnection())

    def connectionMade(self) -> None:
        """Ask."""
        self.transport.write(f"GET {self._path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())

    def dataReceived(self, data: bytes) -> None:
        """Keep it, within bounds."""
        self._received += data
        if len(self._received) > PAGE_BYTES_MAX:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 - as Twisted has it
        """Give status and body, or why there are none."""
        head, blank, body = bytes(self._received).partition(b"\r\n\r\n")
        status = head[9:12]
        if self.read.called:
            return
        if reason.check(ConnectionDone) and blank and head.startswith(b"HTTP/1.") and status.isdigit():
            self.read.callback((int(status), body))
        else:
            self.read.errback(reason)


class _Once(Factory):
    """Connects one protocol, without a log line.

    :param protocol: that one.
    """

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: Any) -> Protocol:
        """The one."""
        del addr
        return self._protocol


class Probe:
    """Asks one child at a time or many; keeps no connection.

    :param reactor: makes the connections.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def ask(self, port: int, *, is_server: bool) -> Deferred[Health]:
        """How the child behind a port is; fails with whatever kept it from answering in time."""
        asking = Deferred.fromCoroutine(self._ask(port, is_server=is_server))
        asking.addTimeout(PATIENCE, self._reactor, onTimeoutCancel=_late)
        return asking

    async def _ask(self, port: int, *, is_server: bool) -> Health:
        status, _ = await self._get(port, "/readyz")
        if not is_server:
            return Health(ready=status == 200)
        _, metrics = await self._get(port, "/metrics")
        return Health(ready=status == 200, leads=leads(metrics))

    async def _get(self, port: int, path: str) -> tuple[int, bytes]:
        endpoint = TCP4ClientEndpoint(self._reactor, HOST, port, timeout=PATIENCE)
        page = Page(path)
        await endpoint.connect(_Once(page))
        return await page.read


def _late(_failure: object, seconds: float) -> NoReturn:
    raise TimeoutError(f"nothing came within {seconds:g} s")


def leads(metrics: bytes) -> bool:
    """Whether a page of metrics is that of the leader."""
    return LEADING in metrics.splitlines()
