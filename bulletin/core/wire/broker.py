"""What a broker and a server say to each other: one frame a message, a batch in each.

The names are those of the Majordomo pattern: a server says READY and DISCONNECT, both sides say HEARTBEAT, and
REQUEST and REPLY carry what one turn of the reactor brought.  A frame is a MessagePack map in the ``service``
envelope; requests and replies in it are arrays of a fixed length, since there are hundreds in a frame::

    {"service": "request", "data": {"sessao": 7, "pedidos": [[id, attempt, milliseconds, body], …],
                                    "clock": 12, "timestamp": 1700000000.0}}

======================  ============  ==================================================
message                 ``service``   fields of ``data`` beside ``clock`` and ``timestamp``
======================  ============  ==================================================
:class:`ServerReady`       ``ready``       ``user`` (the server's name), ``sessao``
:class:`ServerHeartbeat`   ``heartbeat``   ``sessao``
:class:`ServerDraining`    ``disconnect``  ``sessao``
:class:`Replies`           ``reply``       ``sessao``, ``respostas``: ``[id, attempt, result, body]``
:class:`BrokerHeartbeat`   ``heartbeat``   ``conhecida``
:class:`Requests`          ``request``     ``sessao``, ``pedidos``: ``[id, attempt, milliseconds, body]``
======================  ============  ==================================================
"""

from collections.abc import Callable
from math import isfinite
from typing import Any, Final

import attrs

from bulletin.core import codec
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import (
    CLOCK_MAX,
    FRAME_BYTES_MAX,
    ITEMS_INTERNAL_MAX,
    NAME_BYTES_MAX,
    NESTING_INTERNAL_MAX,
)

BEAT: Final = 0.15
"""Seconds between two messages from either side to the other, at most."""

SILENCE: Final = 0.6
"""Seconds without a word after which a broker gives a server up.  Both have to mean the same by it: a server that stood
still for so long begins a new session."""

ID_BYTES: Final = 16
"""A request's id between broker and servers: 8 random bytes per broker start, 8 of a counter."""

SESSION_MAX: Final = 2**63 - 1
"""The largest session number; the smallest is 1."""

ATTEMPT_MAX: Final = 2**31 - 1
"""The largest number of an attempt."""

MILLISECONDS_MAX: Final = 2**31 - 1
"""The longest time that a request may have left, in milliseconds."""


@attrs.frozen
class ServerReady:
    """Server → broker: this server takes requests, as session ``session``; anything older is forgotten."""

    name: str
    session: int
    clock: int
    timestamp: float


@attrs.frozen
class ServerHeartbeat:
    """Server → broker: alive, in session ``session``.  Any message of the server counts as one, too."""

    session: int
    clock: int
    timestamp: float


@attrs.frozen
class ServerDraining:
    """Server → broker (DISCONNECT): give me nothing new; what I have I still answer."""

    session: int
    clock: int
    timestamp: float


@attrs.frozen
class BrokerHeartbeat:
    """Broker → server: alive.  ``known`` is the server's session as the broker has it, or 0: send READY."""

    known: int
    clock: int
    timestamp: float


@attrs.frozen
class Request:
    """One client's request on its way to a server.

    :param id: the broker's id of it, 16 bytes: 8 random per broker start, 8 of a counter.
    :param attempt: 1, 2, 3, …: how often it has been handed to a server.
    :param milliseconds_left: until the client has been answered by the broker itself.
    :param body: the client's bytes, not decoded.
    """

    id: bytes
    attempt: int
    milliseconds_left: int
    body: bytes


@attrs.frozen
class Requests:
    """Broker → server: what one turn brought, for session ``session``."""

    session: int
    requests: tuple[Request, ...]
    clock: int
    timestamp: float


SUCCESS = 0
REFUSAL = 1
LATER = 2
"""How an attempt ended: LATER asks the broker to hand the request to another server (its body is the refusal to
give where there is none)."""


@attrs.frozen
class Reply:
    """One attempt's reply.

    :param id: the broker's id of the request.
    :param attempt: which attempt this answers.
    :param result: SUCCESS, REFUSAL or LATER.
    :param body: the client's reply, in its envelope and encoding.
    """

    id: bytes
    attempt: int
    result: int
    body: bytes


@attrs.frozen
class Replies:
    """Server → broker: what one turn answered, in session ``session``."""

    session: int
    replies: tuple[Reply, ...]
    clock: int
    timestamp: float


ToBroker = ServerReady | ServerHeartbeat | ServerDraining | Replies
ToServer = BrokerHeartbeat | Requests


def encode(message: ToBroker | ToServer) -> bytes:
    """The one frame of a message."""
    service, data = _ENCODERS[type(message)](message)
    data["clock"] = message.clock
    data["timestamp"] = message.timestamp
    return codec.pack({"service": service, "data": data})


def decode(frame: bytes) -> ToBroker | ToServer:
    """A message from its frame.

    :raises bulletin.core.errors.Refusal: for whatever is none.
    """
    outer = codec.unpack(
        frame, bytes_max=FRAME_BYTES_MAX, nesting_max=NESTING_INTERNAL_MAX, items_max=ITEMS_INTERNAL_MAX
    )
    service = _member(outer, "service")
    data = _member(outer, "data")
    reader = _DECODERS.get(service) if type(service) is str else None
    if reader is None:
        raise Refusal(Code.UNKNOWN_OPERATION)
    clock = _integer(data, "clock", 0, CLOCK_MAX)
    timestamp = _member(data, "timestamp")
    if type(timestamp) is not float or not isfinite(timestamp):
        raise Refusal(Code.MALFORMED, "timestamp", Reason.WRONG_TYPE)
    return reader(data, clock, timestamp)


def _encode_ready(message: Any) -> tuple[str, dict[str, Any]]:
    return "ready", {"user": message.name, "sessao": message.session}


def _encode_server_heartbeat(message: Any) -> tuple[str, dict[str, Any]]:
    return "heartbeat", {"sessao": message.session}


def _encode_draining(message: Any) -> tuple[str, dict[str, Any]]:
    return "disconnect", {"sessao": message.session}


def _encode_broker_heartbeat(message: Any) -> tuple[str, dict[str, Any]]:
    return "heartbeat", {"conhecida": message.known}


def _encode_requests(message: Any) -> tuple[str, dict[str, Any]]:
    rows = [[row.id, row.attempt, row.milliseconds_left, row.body] for row in message.requests]
    return "request", {"sessao": message.session, "pedidos": rows}


def _encode_replies(message: Any) -> tuple[str, dict[str, Any]]:
    rows = [[row.id, row.attempt, row.result, row.body] for row in message.replies]
    return "reply", {"sessao": message.session, "respostas": rows}


_ENCODERS: Final[dict[type, Callable[[Any], tuple[str, dict[str, Any]]]]] = {
    ServerReady: _encode_ready,
    ServerHeartbeat: _encode_server_heartbeat,
    ServerDraining: _encode_draining,
    BrokerHeartbeat: _encode_broker_heartbeat,
    Requests: _encode_requests,
    Replies: _encode_replies,
}


def _decode_ready(data: Any, clock: int, timestamp: float) -> ServerReady:
    name = _member(data, "user")
    if type(name) is not str:
        raise Refusal(Code.MALFORMED, "user", Reason.WRONG_TYPE)
    if not 0 < len(name.encode()) <= NAME_BYTES_MAX:
        raise Refusal(Code.MALFORMED, "user", Reason.OUT_OF_RANGE)
    return ServerReady(name, _session(data), clock, timestamp)


def _decode_heartbeat(data: Any, clock: int, timestamp: float) -> ServerHeartbeat | BrokerHeartbeat:
    if "conhecida" in data:
        return BrokerHeartbeat(_integer(data, "conhecida", 0, SESSION_MAX), clock, timestamp)
    return ServerHeartbeat(_session(data), clock, timestamp)


def _decode_draining(data: Any, clock: int, timestamp: float) -> ServerDraining:
    return ServerDraining(_session(data), clock, timestamp)


def _decode_requests(data: Any, clock: int, timestamp: float) -> Requests:
    session = _session(data)
    rows = _rows(data, "pedidos", MILLISECONDS_MAX)
    return Requests(session, tuple(Request(*row) for row in rows), clock, timestamp)


def _decode_replies(data: Any, clock: int, timestamp: float) -> Replies:
    session = _session(data)
    rows = _rows(data, "respostas", LATER)
    return Replies(session, tuple(Reply(*row) for row in rows), clock, timestamp)


_DECODERS: Final[dict[str, Callable[[Any, int, float], ToBroker | ToServer]]] = {
    "ready": _decode_ready,
    "heartbeat": _decode_heartbeat,
    "disconnect": _decode_draining,
    "request": _decode_requests,
    "reply": _decode_replies,
}


def _member(data: Any, key: str) -> Any:
    """A member of what should be a map; None where the map has none."""
    if type(data) is not dict:
        raise Refusal(Code.MALFORMED, reason=Reason.NOT_A_MAP)
    return data.get(key)


def _integer(data: Any, key: str, least: int, largest: int) -> int:
    value = _member(data, key)
    if type(value) is not int:
        raise Refusal(Code.MALFORMED, key, Reason.WRONG_TYPE)
    if not least <= value <= largest:
        raise Refusal(Code.MALFORMED, key, Reason.OUT_OF_RANGE)
    return value


def _session(data: Any) -> int:
    return _integer(data, "sessao", 1, SESSION_MAX)


def _rows(data: Any, key: str, third_max: int) -> list[list[Any]]:
    """The rows ``[id, attempt, a third number, body]``, each with its types and ranges checked."""
    rows = _member(data, key)
    if type(rows) is not list:
        raise Refusal(Code.MALFORMED, key, Reason.WRONG_TYPE)
    for row in rows:
        if type(row) is not list or len(row) != 4:
            raise Refusal(Code.MALFORMED, key, Reason.WRONG_TYPE)
        name, attempt, third, body = row
        if type(name) is not bytes or type(body) is not bytes or type(attempt) is not int:
            raise Refusal(Code.MALFORMED, key, Reason.WRONG_TYPE)
        if type(third) is not int:
            raise Refusal(Code.MALFORMED, key, Reason.WRONG_TYPE)
        if len(name) != ID_BYTES or not 1 <= attempt <= ATTEMPT_MAX or not 0 <= third <= third_max:
            raise Refusal(Code.MALFORMED, key, Reason.OUT_OF_RANGE)
    return rows
