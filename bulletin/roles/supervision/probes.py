"""Asks a child over HTTP how it is: ``/readyz``, and of a server ``/metrics``, which says whether it leads."""

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.web.client import Agent, HTTPConnectionPool, readBody

from bulletin.roles.supervision.layout import HOST
from bulletin.roles.supervision.policy import Health

PATIENCE: Final = 1.0
"""Seconds that an answer may take."""

LEADING: Final = b'bulletin_log_role{role="leader"} 1.0'
"""The line in the metrics of a server that leads."""


class Probe:
    """Asks one child at a time or many; keeps no connection.

    :param reactor: makes the connections.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._agent = Agent(
            reactor, connectTimeout=PATIENCE, pool=HTTPConnectionPool(reactor, persistent=False)
        )

    def ask(self, port: int, *, is_server: bool) -> Deferred[Health]:
        """How the child behind a port is; fails with whatever kept it from answering in time."""
        asking = Deferred.fromCoroutine(self._ask(port, is_server=is_server))
        asking.addTimeout(2 * PATIENCE, self._reactor)
        return asking

    async def _ask(self, port: int, *, is_server: bool) -> Health:
        status, _ = await self._get(port, "readyz")
        if not is_server:
            return Health(ready=status == 200)
        _, metrics = await self._get(port, "metrics")
        return Health(ready=status == 200, leads=leads(metrics))

    async def _get(self, port: int, page: str) -> tuple[int, bytes]:
        response = await self._agent.request(b"GET", f"http://{HOST}:{port}/{page}".encode())
        return response.code, await readBody(response)


def leads(metrics: bytes) -> bool:
    """Whether a page of metrics is that of the leader."""
    return LEADING in metrics.splitlines()
