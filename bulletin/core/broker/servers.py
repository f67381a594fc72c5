"""The servers as a broker sees them: who is there, in which session, and what each has in its hands."""

from collections.abc import Iterator
from enum import Enum
from typing import Final

import attrs

from bulletin.core.broker.pending import Pending
from bulletin.core.limits import MIB

SERVERS_MAX: Final = 64
"""Connections on the servers' side that a broker knows at most, silent ones included."""

FORGET: Final = 60.0
"""Seconds without a word after which a silent server's connection is forgotten."""

WINDOW_REQUESTS: Final = 512
"""Requests in one server's hands at most: what is above waits at the broker, where any server can have it."""

WINDOW_BYTES: Final = 3 * MIB
"""Bytes of requests in a server's hands above which it gets no more.  With one more request of the largest size this
is ``BATCH_BYTES_MAX``: so what one turn gives to a server always fits into one frame."""


class Standing(Enum):
    """How a server stands."""

    READY = "ready"
    """It gets requests."""
    DRAINING = "draining"
    """It gets nothing new, and still answers what it has."""
    SILENT = "silent"
    """It gets nothing until it is heard again in the same session."""


WINDOW_REPLY_BYTES: Final = 8 * MIB
"""Bytes of replies that a server's hands may come to, going by the replies that it gave lately, above which it gets no more:
a request for a page is short, and five hundred of them come back as a quarter of a GiB at once."""

FADING: Final = 32
"""Replies after which a long one has been forgotten by two thirds."""


@attrs.define(eq=False)
class Server:
    """One server's connection.

    :param identity: its routing id on the servers' socket.
    :param name: what it calls itself; a label, never compared.
    :param session: its session, from READY.
    :param standing: whether it gets requests.
    :param heard: when it was last heard, monotonic seconds.
    :param beaten: when it was last sent a heartbeat, monotonic seconds.
    :param congested: the transport refused a frame for it, and it has not been heard since.
    :param holds: the requests in its hands by id, at most ``WINDOW_REQUESTS``.
    :param size: their size.
    :param reply_size: bytes of a reply as they have been lately: at once what a longer one has, slowly less.
    """

    identity: bytes
    name: str
    session: int
    heard: float
    standing: Standing = Standing.READY
    beaten: float = float("-inf")
    congested: bool = False
    holds: dict[bytes, Pending] = attrs.Factory(dict)
    size: int = 0
    reply_size: float = 0.0

    @property
    def roomy(self) -> bool:
        """Whether one more request may be put into its hands."""
        held = len(self.holds)
        return (
            not self.congested
            and held < WINDOW_REQUESTS
            and self.size < WINDOW_BYTES
            and held * self.reply_size < WINDOW_REPLY_BYTES
        )

    def replied(self, size: int) -> None:
        """It gave a reply of that many bytes."""
        self.reply_size = max(size, self.reply_size + (size - self.reply_size) / FADING)

    def take(self, request: Pending, now: float) -> None:
        """Put a request into its hands, as the request's next attempt."""
        assert self.standing is Standing.READY
        assert request.holder is None
        request.holder = self.identity
        request.attempt += 1
        request.handed = now
        self.holds[request.id] = request
        self.size += request.size

    def release(self, request: Pending) -> None:
        """Take a request out of its hands."""
        assert request.holder == self.identity
        request.holder = None
        del self.holds[request.id]
        self.size -= request.size
        assert self.size >= 0

    def overdue(self, before: float) -> list[Pending]:
        """The requests that it has had since before that moment, oldest first."""
        late = []
        for request in self.holds.values():
            if request.handed > before:
                break
            late.append(request)
        return late


class ServerTable:
    """All servers' connections, and whose turn it is."""

    def __init__(self) -> None:
        self._servers: dict[bytes, Server] = {}
        self._ready: list[Server] = []
        self._turn = 0

    def __iter__(self) -> Iterator[Server]:
        return iter(self._servers.values())

    def __len__(self) -> int:
        return len(self._servers)

    @property
    def ready(self) -> tuple[Server, ...]:
        """Those that get requests."""
        return tuple(self._ready)

    def get(self, identity: bytes) -> Server | None:
        """The server of that connection, or None."""
        return self._servers.get(identity)

    def admit(self, identity: bytes, name: str, session: int, now: float) -> Server | None:
        """Know one more connection; None where there is no room: all ``SERVERS_MAX`` speak."""
        assert identity not in self._servers
        if len(self._servers) >= SERVERS_MAX:
            silent = [server for server in self if server.standing is Standing.SILENT]
            if not silent:
                return None
            self.forget(min(silent, key=lambda server: server.heard))
        server = Server(identity, name, session, now)
        self._servers[identity] = server
        self._refresh()
        return server

    def forget(self, server: Server) -> None:
        """Drop a connection; its hands must be empty."""
        assert not server.holds
        del self._servers[server.identity]
        self._refresh()

    def stand(self, server: Server, standing: Standing) -> None:
        """Change how a server stands."""
        if server.standing is not standing:
            server.standing = standing
            self._refresh()

    def excuse(self, seconds: float) -> None:
        """Count a time in which nobody listened as nobody's silence."""
        for server in self:
            server.heard += seconds

    def next(self, declined: tuple[bytes, ...] = ()) -> Server | None:
        """The next server in turn with room, other than those; None where there is none."""
        ready = self._ready
        for step in range(len(ready)):
            server = ready[(self._turn + step) % len(ready)]
            if server.roomy and server.identity not in declined:
                self._turn = (self._turn + step + 1) % len(ready)
                return server
        return None

    def untried(self, declined: tuple[bytes, ...]) -> bool:
        """Whether a ready server is not among those."""
        return any(server.identity not in declined for server in self._ready)

    def _refresh(self) -> None:
        self._ready = [server for server in self if server.standing is Standing.READY]
