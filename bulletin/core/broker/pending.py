"""The bounded table of requests that are not answered yet."""

from collections.abc import Iterator
from typing import Final

import attrs

from bulletin.core.limits import KIB, MIB, REQUEST_BYTES_MAX

PENDING_MAX: Final = 8192
"""Requests that a broker holds at most, by default."""

PENDING_BYTES_MAX: Final = 64 * MIB
"""Bytes of requests that a broker holds at most, by default."""

CLIENT_SHARE: Final = 4
"""One client (one connection) holds at most the bounds divided by this: three greedy ones leave room for others."""

MODEST_REQUESTS: Final = 16
"""A client that holds fewer is modest: it is refused only when there is no room at all."""

RESERVE_SHARE: Final = 8
"""The bounds divided by this are room that only modest clients get: so many greedy ones at a time do not shut them out."""

ENVELOPE_BYTES_MAX: Final = 1 * KIB
"""The frames before the body, in bytes; four hops' routing ids of the longest kind fit."""

OVERHEAD_BYTES: Final = 2 * KIB
"""What a pending request counts for beside its body: the envelope, the objects around it."""


@attrs.frozen
class Bounds:
    """How much a broker holds at most.

    :param requests: requests over all clients.
    :param size: bytes over all clients, each request counted with ``OVERHEAD_BYTES``.
    """

    requests: int = PENDING_MAX
    size: int = PENDING_BYTES_MAX

    @property
    def client_requests(self) -> int:
        """Requests of one client."""
        return max(1, self.requests // CLIENT_SHARE)

    @property
    def client_size(self) -> int:
        """Bytes of one client; at least one request of the largest size fits."""
        return max(REQUEST_BYTES_MAX + OVERHEAD_BYTES, self.size // CLIENT_SHARE)


@attrs.define(eq=False)
class Pending:
    """One request between its arrival and its answer.

    :param id: its id between broker and servers, 16 bytes.
    :param envelope: the frames that lead back to the client; the first one names its connection.
    :param body: the client's bytes.
    :param arrived: when it came, monotonic seconds.
    :param size: what it counts for in the bounds, in bytes.
    :param attempt: how often it was handed to a server; the newest attempt's number.
    :param holder: the identity of the server that has the newest attempt, or None while it waits.
    :param handed: when the newest attempt was handed out, monotonic seconds.
    :param refusal: the last LATER: its attempt, and the answer to give at the deadline if that is still the newest.
    :param declined: servers that said LATER in this round; at most as many as there are servers.
    """

    id: bytes
    envelope: tuple[bytes, ...]
    body: bytes
    arrived: float
    size: int = attrs.field(
        default=attrs.Factory(lambda self: len(self.body) + OVERHEAD_BYTES, takes_self=True), init=False
    )
    attempt: int = 0
    holder: bytes | None = None
    handed: float = 0.0
    refusal: tuple[int, bytes] | None = None
    declined: tuple[bytes, ...] = ()


@attrs.define
class _Share:
    """What one client holds at the moment."""

    requests: int = 0
    size: int = 0


class PendingTable:
    """The requests not answered yet, oldest first.

    :param bounds: how many, and how many bytes.
    :param patience: seconds from a request's arrival until it must have been answered.
    """

    def __init__(self, bounds: Bounds, patience: float) -> None:
        self.bounds = bounds
        self.size = 0
        self._patience = patience
        self._requests: dict[bytes, Pending] = {}
        self._shares: dict[bytes, _Share] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[Pending]:
        return iter(self._requests.values())

    @property
    def clients(self) -> int:
        """How many connections have a request here."""
        return len(self._shares)

    def admits(self, envelope: tuple[bytes, ...], size: int) -> bool:
        """Whether one more body of ``size`` bytes by this client fits."""
        size += OVERHEAD_BYTES
        bounds = self.bounds
        requests_left = bounds.requests - len(self._requests)
        size_left = bounds.size - self.size - size
        if requests_left <= 0 or size_left < 0:
            return False
        share = self._shares.get(envelope[0])
        if share is None:
            return True
        if share.requests >= bounds.client_requests or share.size + size > bounds.client_size:
            return False
        return share.requests < MODEST_REQUESTS or (
            requests_left > bounds.requests // RESERVE_SHARE and size_left >= bounds.size // RESERVE_SHARE
        )

    def add(self, request: Pending) -> None:
        """Keep a request; the caller has asked :meth:`admits`."""
        assert request.id not in self._requests
        self._requests[request.id] = request
        size = request.size
        self.size += size
        share = self._shares.get(request.envelope[0])
        if share is None:
            share = self._shares[request.envelope[0]] = _Share()
        share.requests += 1
        share.size += size

    def get(self, request_id: bytes) -> Pending | None:
        """The request of that id, or None if it was answered or never here."""
        return self._requests.get(request_id)

    def remove(self, request: Pending) -> None:
        """Let go of a request: it has been answered."""
        del self._requests[request.id]
        size = request.size
        self.size -= size
        client = request.envelope[0]
        share = self._shares[client]
        share.requests -= 1
        share.size -= size
        assert self.size >= 0
        assert share.requests >= 0
        if not share.requests:
            assert not share.size
            del self._shares[client]

    def overdue(self, now: float) -> list[Pending]:
        """The requests whose deadline has come, oldest first; the caller answers and removes them."""
        late = []
        for request in self._requests.values():
            if self.deadline(request) > now:
                break
            late.append(request)
        return late

    def deadline(self, request: Pending) -> float:
        """When the request must have been answered, monotonic seconds."""
        return request.arrived + self._patience
