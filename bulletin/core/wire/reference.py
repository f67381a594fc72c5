"""What a server and the reference say to each other, in either of the clients' envelopes.

The founding of a cluster rides on ``rank`` and ``heartbeat``: a server says which member and cluster it is, the
reference answers with the founding document once there is one.  What holds the clocks together has messages of its
own (:mod:`~bulletin.core.wire.clocks`).

Both envelopes in both encodings are understood, and answered alike.  JSON has no bytes: there the fields ``membro``,
``documento`` and ``cluster`` are hex; in MessagePack they are binary, and hex is understood.  What an old client
leaves out counts as none: ``rank`` with a ``user`` alone is complete.
"""

from collections.abc import Callable
from math import isfinite
from typing import Any, Final

import attrs

from bulletin.core import codec
from bulletin.core.errors import BY_WORD, ENGLISH, REASON_BY_WORD, Code, Reason, Refusal
from bulletin.core.limits import ENDPOINT_BYTES_MAX, MEMBERS_MAX, NAME_BYTES_MAX, RANK_MAX
from bulletin.core.log.founding import ID_BYTES
from bulletin.core.wire import clocks
from bulletin.core.wire.envelope import (
    UNREADABLE,
    Dialect,
    Encoding,
    Envelope,
    clock_of,
    open_envelope,
    unreadable,
)
from bulletin.core.wire.moments import seconds_of
from bulletin.core.wire.reference_fields import integer, octets, present, text, text_fault

INTERVAL: Final = 1.0
"""Seconds between two heartbeats of a server."""

SILENCE: Final = 3 * INTERVAL
"""Seconds without a word after which either side counts as gone."""

REQUEST_BYTES_MAX: Final = 128 * 1024
"""A request's bytes: a founding document of 64 members, in hex, with its envelope."""

REPLY_BYTES_MAX: Final = 512 * 1024
"""A reply's bytes: a list of 1024 servers."""

DOCUMENT_BYTES_MAX: Final = 48 * 1024
"""A founding document's bytes."""

SERVERS_MAX: Final = 2048
"""Servers in a list, at most."""

NONCE_MAX: Final = 2**63 - 1
NESTING_MAX: Final = 4
ITEMS_MAX: Final = 16 * 1024


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
    """One server in a list.

    :param endpoint: what it said last that its peers connect to; empty where it said nothing.
    :param member: its random id (``membro``), which only members of the cluster are told; else None.
    """

    name: str
    rank: int
    endpoint: str
    member: bytes | None = None


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
    """What a sign of life is answered with.

    :param known: False (``status: "unknown"``): ask for the rank again.
    :param document: as in :class:`RankReply`.
    :param members: to a server with data: the members of its cluster that have registered, with their ids and where they
        are now (``list``); empty to all others.
    """

    known: bool
    document: bytes | None
    members: tuple[ListedServer, ...] = ()


@attrs.frozen
class ClockRequest:
    """``clock``: the reference's time."""


@attrs.frozen
class ClockReply:
    """The reference's corrected time, seconds since the epoch."""

    time: float


ReferenceRequest = RankRequest | ListRequest | HeartbeatRequest | ClockRequest | clocks.ClockRequestBody
ReferenceReply = RankReply | ListReply | HeartbeatReply | ClockReply | clocks.ClockReplyBody


@attrs.frozen
class Addressed:
    """A request or a reply with what travels beside it.

    :param body: what is said; a refusal in place of a request says why it cannot be read, in place of a reply what
        the reference refused.
    :param dialect: the reply is in the request's.
    :param clock: the sender's Lamport clock, or None.
    :param timestamp: the sender's time, or None.
    :param nonce: the requester's number of this request, echoed in its reply (``pedido``); None from old clients.
    :param encoding: the reply is in the request's.
    :param name: the operation's name; only a refusal does not know it itself.
    """

    body: ReferenceRequest | ReferenceReply | Refusal
    dialect: Dialect
    clock: int | None
    timestamp: float | None
    nonce: int | None = None
    encoding: Encoding = Encoding.MSGPACK
    name: str = ""


_NAMES: Final[dict[type, str]] = {
    RankRequest: "rank",
    RankReply: "rank",
    ListRequest: "list",
    ListReply: "list",
    HeartbeatRequest: "heartbeat",
    HeartbeatReply: "heartbeat",
    ClockRequest: "clock",
    ClockReply: "clock",
    **clocks.NAMES,
}


def encode(message: Addressed) -> bytes:
    """The one frame of a request or a reply; a reply has ``clock`` and ``timestamp`` beside its inner map, too."""
    body = message.body
    inner = _refusal_fields(body) if isinstance(body, Refusal) else _ENCODERS[type(body)](body)
    stamps: dict[str, Any] = {"timestamp": message.timestamp, "clock": message.clock}
    if message.nonce is not None:
        inner["pedido"] = message.nonce
    operation, data = message.dialect.value
    outer: dict[str, Any] = {
        operation: _NAMES.get(type(body), message.name or UNREADABLE),
        data: inner | stamps,
    }
    if not isinstance(body, ReferenceRequest):
        outer |= stamps
    if message.encoding is Encoding.JSON:
        return codec.pack_json(_with_hex(outer))
    return codec.pack(outer)


def read_request(frame: bytes) -> Addressed:
    """What a frame asks for.  Total: what is no request becomes one whose body is the refusal to answer with."""
    heading = unreadable(frame)
    try:
        envelope = _open(frame, REQUEST_BYTES_MAX)
    except Refusal as refusal:
        return Addressed(refusal, heading.dialect, None, None, None, heading.encoding, heading.name)
    reader = _REQUESTS.get(envelope.name) if isinstance(envelope.name, str) else None
    name = heading.name if reader is None else str(envelope.name)
    clock = nonce = None
    body: ReferenceRequest | Refusal
    try:
        inner = _map_in(envelope)
        nonce = _nonce(inner)
        clock = clock_of(_beside(envelope, "clock"))
        if reader is None:
            raise Refusal(Code.UNKNOWN_OPERATION)
        body = reader(inner)
    except Refusal as refusal:
        body = refusal
    return Addressed(body, envelope.dialect, clock, _timestamp(envelope), nonce, envelope.encoding, name)


def decode_request(frame: bytes) -> Addressed:
    """A request from its frame.

    :raises Refusal: for whatever is none.
    """
    message = read_request(frame)
    if isinstance(message.body, Refusal):
        raise message.body
    return message


def decode_reply(frame: bytes) -> Addressed:
    """A reply from its frame; its body is a refusal where the reference refused.

    :raises Refusal: for whatever is none.
    """
    envelope = _open(frame, REPLY_BYTES_MAX)
    inner = _map_in(envelope)
    name = envelope.name
    if not isinstance(name, str):
        raise Refusal(Code.UNKNOWN_OPERATION)
    body: ReferenceReply | Refusal
    if inner.get("status") == "erro":
        body = _read_refusal(inner)
    elif (reader := _REPLIES.get(name)) is not None:
        body = reader(inner)
    else:
        raise Refusal(Code.UNKNOWN_OPERATION)
    return Addressed(
        body,
        envelope.dialect,
        clock_of(_beside(envelope, "clock")),
        _timestamp(envelope),
        _nonce(inner),
        envelope.encoding,
        name,
    )


# Bodies to fields.


def _refusal_fields(refusal: Refusal) -> dict[str, Any]:
    sentence = refusal.sentence(ENGLISH)
    fields = {
        "status": "erro",
        "erro": refusal.word,
        "description": sentence,
        "message": sentence,
        "msg": sentence,
        "definitivo": refusal.definite,
    }
    if refusal.field is not None:
        fields["campo"] = refusal.field
    if refusal.reason is not None:
        fields["motivo"] = refusal.reason.word
    if refusal.retry_after is not None:
        fields["tente_em"] = refusal.retry_after
    return fields


def _rows(servers: tuple[ListedServer, ...]) -> list[dict[str, Any]]:
    return [
        present(name=server.name, rank=server.rank, endereco=server.endpoint, membro=server.member)
        for server in servers
    ]


_ENCODERS: Final[dict[type, Callable[[Any], dict[str, Any]]]] = {
    RankRequest: lambda body: present(
        user=body.user,
        endereco=body.endpoint,
        membro=body.member,
        documento=body.document,
        esperados=body.expect,
    ),
    ListRequest: lambda _: {},
    HeartbeatRequest: lambda body: present(user=body.user, membro=body.member, cluster=body.cluster),
    ClockRequest: lambda _: {},
    RankReply: lambda body: present(status="sucesso", rank=body.rank, documento=body.document),
    ListReply: lambda body: {"status": "sucesso", "list": _rows(body.servers)},
    HeartbeatReply: lambda body: present(
        status="OK" if body.known else "unknown", documento=body.document, list=_rows(body.members) or None
    ),
    ClockReply: lambda body: {"status": "sucesso", "time": body.time},
    **clocks.ENCODERS,
}


def _with_hex(value: Any) -> Any:
    """The same value with hex in place of bytes, for JSON."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: _with_hex(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_hex(item) for item in value]
    return value


# Frames to maps.


def _open(frame: bytes, bytes_max: int) -> Envelope:
    return open_envelope(frame, bytes_max=bytes_max, nesting_max=NESTING_MAX, items_max=ITEMS_MAX)


def _map_in(envelope: Envelope) -> dict[str, Any]:
    if envelope.inner is None:
        raise Refusal(Code.MALFORMED, field=envelope.inner_key, reason=Reason.NOT_A_MAP)
    return envelope.inner


def _beside(envelope: Envelope, name: str) -> Any:
    value = None if envelope.inner is None else envelope.inner.get(name)
    return envelope.outer.get(name) if value is None else value


def _timestamp(envelope: Envelope) -> float | None:
    return seconds_of(_beside(envelope, "timestamp"))


# Fields to bodies.


def _nonce(inner: dict[str, Any]) -> int | None:
    return integer(inner, "pedido", 0, NONCE_MAX)


def _read_rank(inner: dict[str, Any]) -> RankRequest:
    return RankRequest(
        user=text(inner, "user", NAME_BYTES_MAX, required=True),
        endpoint=text(inner, "endereco", ENDPOINT_BYTES_MAX, required=False),
        member=octets(inner, "membro", ID_BYTES, ID_BYTES),
        document=octets(inner, "documento", 1, DOCUMENT_BYTES_MAX),
        expect=integer(inner, "esperados", 1, MEMBERS_MAX),
    )


def _read_heartbeat(inner: dict[str, Any]) -> HeartbeatRequest:
    return HeartbeatRequest(
        user=text(inner, "user", NAME_BYTES_MAX, required=True),
        member=octets(inner, "membro", ID_BYTES, ID_BYTES),
        cluster=octets(inner, "cluster", ID_BYTES, ID_BYTES),
    )


_REQUESTS: Final[dict[str, Callable[[dict[str, Any]], ReferenceRequest]]] = {
    "rank": _read_rank,
    "list": lambda _: ListRequest(),
    "heartbeat": _read_heartbeat,
    "clock": lambda _: ClockRequest(),
    **clocks.REQUESTS,
}


def _rank_of(inner: dict[str, Any]) -> int:
    rank = integer(inner, "rank", 1, RANK_MAX)
    if rank is None:
        raise Refusal(Code.INVALID_FIELD, field="rank", reason=Reason.MISSING)
    return rank


def _read_rank_reply(inner: dict[str, Any]) -> RankReply:
    return RankReply(_rank_of(inner), octets(inner, "documento", 1, DOCUMENT_BYTES_MAX))


def _read_rows(inner: dict[str, Any]) -> tuple[ListedServer, ...]:
    rows = inner.get("list")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refusal(Code.INVALID_FIELD, field="list", reason=Reason.WRONG_TYPE)
    if len(rows) > SERVERS_MAX:
        raise Refusal(Code.INVALID_FIELD, field="list", reason=Reason.TOO_MANY_ITEMS)
    return tuple(
        ListedServer(
            name=text(row, "name", NAME_BYTES_MAX, required=True),
            rank=_rank_of(row),
            endpoint=text(row, "endereco", ENDPOINT_BYTES_MAX, required=False),
            member=octets(row, "membro", ID_BYTES, ID_BYTES),
        )
        for row in rows
    )


def _read_heartbeat_reply(inner: dict[str, Any]) -> HeartbeatReply:
    status = inner.get("status")
    if status not in ("OK", "unknown"):
        raise Refusal(Code.INVALID_FIELD, field="status", reason=Reason.UNKNOWN_VALUE)
    members = () if inner.get("list") is None else _read_rows(inner)
    return HeartbeatReply(status == "OK", octets(inner, "documento", 1, DOCUMENT_BYTES_MAX), members)


def _read_clock_reply(inner: dict[str, Any]) -> ClockReply:
    time = inner.get("time")
    if not isinstance(time, float) or not isfinite(time):
        raise Refusal(Code.INVALID_FIELD, field="time", reason=Reason.WRONG_TYPE)
    return ClockReply(time)


_REPLIES: Final[dict[str, Callable[[dict[str, Any]], ReferenceReply]]] = {
    "rank": _read_rank_reply,
    "list": lambda inner: ListReply(_read_rows(inner)),
    "heartbeat": _read_heartbeat_reply,
    "clock": _read_clock_reply,
    **clocks.REPLIES,
}


def _read_refusal(inner: dict[str, Any]) -> Refusal:
    word, field, reason = inner.get("erro"), inner.get("campo"), inner.get("motivo")
    code = BY_WORD.get(word) if isinstance(word, str) else None
    if code is None:
        raise Refusal(Code.INVALID_FIELD, field="erro", reason=Reason.UNKNOWN_VALUE)
    return Refusal(
        code,
        field=field if text_fault(field, NAME_BYTES_MAX) is None else None,
        reason=REASON_BY_WORD.get(reason) if isinstance(reason, str) else None,
    )
