"""What a server and the reference say to each other, in the envelope of PROTOCOL ("Between the servers…").

The founding of a cluster rides on ``rank`` and ``heartbeat``: a server says which member and cluster it is, the
reference answers with the founding document once there is one.
"""

import attrs

from bulletin.core.wire.envelope import Dialect


@attrs.frozen
class RankRequest:
    """``rank``: register, and get (or get back) the rank.

    :param user: the server's name.
    :param endpoint: what its peers connect to (``endereco``); empty where an old client gives none.
    :param member: its random id, 16 bytes (``membro``), or None from a client that is no server of ours.
    :param document: the founding document's bytes, where it has one (``documento``): so that a reference that
        lost its disk learns of the cluster, its members and ranks; else None.
    :param expect: how many servers found a new cluster (``esperados``), or None.
    """

    user: str
    endpoint: str
    member: bytes | None
    document: bytes | None
    expect: int | None


@attrs.frozen
class RankReply:
    """The rank; and the founding document (``documento``), once there is one that the member is (or may be) in."""

    rank: int
    document: bytes | None


@attrs.frozen
class ListRequest:
    """``list``: the servers that are alive."""


@attrs.frozen
class ListedServer:
    """One server in a list."""

    name: str
    rank: int
    endpoint: str


@attrs.frozen
class ListReply:
    """The servers that are alive, by rank."""

    servers: tuple[ListedServer, ...]


@attrs.frozen
class HeartbeatRequest:
    """``heartbeat``: alive.

    :param member: as in :class:`RankRequest`.
    :param cluster: the cluster's id (16 bytes) where the server has data; else None: it is empty and waits.
    """

    user: str
    member: bytes | None
    cluster: bytes | None


@attrs.frozen
class HeartbeatReply:
    """``known`` False (``status: "unknown"``): ask for the rank again.  The document as in :class:`RankReply`."""

    known: bool
    document: bytes | None


@attrs.frozen
class ClockRequest:
    """``clock``: the reference's time."""


@attrs.frozen
class ClockReply:
    """The reference's corrected time, seconds since the epoch."""

    time: float


ReferenceRequest = RankRequest | ListRequest | HeartbeatRequest | ClockRequest
ReferenceReply = RankReply | ListReply | HeartbeatReply | ClockReply


@attrs.frozen
class Addressed:
    """A request or a reply with what travels beside it.

    :param body: what is said.
    :param dialect: the reply is in the request's.
    :param clock: the sender's Lamport clock, or None.
    :param timestamp: the sender's time, or None.
    :param nonce: the requester's number of this request, echoed in its reply (``pedido``); None from old clients.
    """

    body: ReferenceRequest | ReferenceReply
    dialect: Dialect
    clock: int | None
    timestamp: float | None
    nonce: int | None = None
