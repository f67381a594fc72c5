"""A client's request as a value: ``read`` turns any bytes into one, or into the refusal to answer with.

Liberal where it does no harm: every alias of every operation and field in both envelopes; of several aliases the
first of the table that is not null or empty counts (clients that send a whole structure leave the rest empty);
unknown fields are ignored.  Strict about what is stored: :mod:`bulletin.core.board.rules`.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from bulletin.core.board import rules
from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.board.value import value
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import CLOCK_MAX, PAGE_POSTS_DEFAULT, PAGE_POSTS_MAX
from bulletin.core.wire.envelope import (
    Dialect,
    Encoding,
    Envelope,
    Heading,
    clock_of,
    open_envelope,
    repeatable,
    seal,
    unreadable,
)
from bulletin.core.wire.moments import understand
from bulletin.core.wire.operations import BY_NAME, Operation


class ReadLevel(Enum):
    """How fresh a read must be."""

    LINEARIZABLE = "linearizavel"
    LOCAL = "local"


@value
class Login:
    """Log in; registers the user at first."""

    user: str


@value
class CreateChannel:
    """Create a channel; ``user`` is empty where the request names none."""

    user: str
    channel: str


@value
class Publish:
    """A post to a channel."""

    user: str
    channel: str
    message: str


@value
class Send:
    """A private message."""

    user: str
    receiver: str
    message: str


@value
class ListUsers:
    """The users, in the order in which they registered, after the name ``after`` (None: from the first)."""

    level: ReadLevel
    after: str | None = None


@value
class ListChannels:
    """The channels, in the order in which they were created, after the name ``after`` (None: from the first)."""

    level: ReadLevel
    after: str | None = None


@value
class History:
    """A page of a channel, an inbox, or a private conversation."""

    level: ReadLevel
    query: PageQuery


Write = Login | CreateChannel | Publish | Send
Query = ListUsers | ListChannels | History


@value
class Incoming:
    """What a body was.

    :param heading: what its reply needs.
    :param clock: the sender's Lamport clock, or None where it gave none that counts.
    :param timestamp: the sender's time in seconds since the epoch, or None where it gave none that is understood.
    :param sent: the sender's time as it came, where that was not a float of seconds; else None.
    :param request: the request, or why it is refused.
    """

    heading: Heading
    clock: int | None
    timestamp: float | None
    sent: int | float | str | None
    request: Write | Query | Refusal


Fields = Mapping[str, Any]

_USER: Final = ("user",)
_CHANNEL: Final = ("canal", "channel", "name")
_SENDER: Final = ("user", "src", "from")
_RECEIVER: Final = ("receptor", "dst", "to")
_MESSAGE: Final = ("message", "content")
_PARTNER: Final = ("com", "with")
_SINCE: Final = ("desde", "since")
_BEFORE: Final = ("antes", "before")
_LIMIT: Final = ("limite", "limit")
_LEVEL: Final = "leitura"


def _optional(fields: Fields, names: tuple[str, ...]) -> tuple[str, Any]:
    """The first of a field's names that holds something, with it; its first name and None where none does."""
    for name in names:
        given = fields.get(name)
        if given is not None and given != "":
            return name, given
    return names[0], None


def _required(fields: Fields, names: tuple[str, ...]) -> tuple[Any, str]:
    """The same, turned round for the rules, for a field that a request must have."""
    name, given = _optional(fields, names)
    if given is None:
        for name_of_empty in names:
            if fields.get(name_of_empty) == "":
                raise Refusal(Code.INVALID_FIELD, name_of_empty, Reason.EMPTY)
        raise Refusal(Code.INVALID_FIELD, name, Reason.MISSING)
    return given, name


def _login(fields: Fields) -> Login:
    return Login(rules.own_name(*_required(fields, _USER)))


def _create_channel(fields: Fields) -> CreateChannel:
    field, user = _optional(fields, _USER)
    return CreateChannel(
        user="" if user is None else rules.name(user, field),
        channel=rules.own_name(*_required(fields, _CHANNEL)),
    )


def _publish(fields: Fields) -> Publish:
    return Publish(
        user=rules.own_name(*_required(fields, _USER)),
        channel=rules.own_name(*_required(fields, _CHANNEL)),
        message=rules.message(*_required(fields, _MESSAGE)),
    )


def _send(fields: Fields) -> Send:
    return Send(
        user=rules.own_name(*_required(fields, _SENDER)),
        receiver=rules.own_name(*_required(fields, _RECEIVER)),
        message=rules.message(*_required(fields, _MESSAGE)),
    )


def _level(fields: Fields) -> ReadLevel:
    word = fields.get(_LEVEL)
    if word is None or word in ("", ReadLevel.LINEARIZABLE.value):
        return ReadLevel.LINEARIZABLE
    if word == ReadLevel.LOCAL.value:
        return ReadLevel.LOCAL
    raise Refusal(Code.INVALID_FIELD, _LEVEL, Reason.UNKNOWN_VALUE)


def _after(fields: Fields) -> str | None:
    """Where a list goes on: after a name.  What is no string is some other client's field, and no harm."""
    field, name = _optional(fields, _SINCE)
    return rules.name(name, field) if isinstance(name, str) else None


def _list_users(fields: Fields) -> ListUsers:
    return ListUsers(_level(fields), _after(fields))


def _list_channels(fields: Fields) -> ListChannels:
    return ListChannels(_level(fields), _after(fields))


def _integer(fields: Fields, names: tuple[str, ...], least: int, most: int) -> int | None:
    """A number in a page's request, or None; what is above ``most`` asks for no more than ``most`` does."""
    field, number = _optional(fields, names)
    if number is None:
        return None
    if type(number) is float and number.is_integer():
        number = int(number)  # some languages have no other numbers
    if type(number) is not int:
        raise Refusal(Code.INVALID_FIELD, field, Reason.WRONG_TYPE)
    if number < least:
        raise Refusal(Code.INVALID_FIELD, field, Reason.OUT_OF_RANGE)
    return min(number, most)


def _history(fields: Fields) -> History:
    """``canal`` wins over ``user``.  With both ``desde`` and ``antes`` the page is the first one between them."""
    partner = None
    field, stream = _optional(fields, _CHANNEL)
    kind = StreamKind.CHANNEL
    if stream is None:
        kind = StreamKind.INBOX
        field, stream = _optional(fields, _USER)
        if stream is None:
            _required(fields, _CHANNEL)
        partner_field, partner = _optional(fields, _PARTNER)
        if partner is not None:
            partner = rules.name(partner, partner_field)
    stream = rules.name(stream, field)
    since = _integer(fields, _SINCE, 0, CLOCK_MAX)
    before = _integer(fields, _BEFORE, 0, CLOCK_MAX)
    limit = _integer(fields, _LIMIT, 1, PAGE_POSTS_MAX)
    return History(
        _level(fields),
        PageQuery(
            kind=kind,
            stream=stream,
            partner=partner,
            since=since,
            before=before,
            limit=PAGE_POSTS_DEFAULT if limit is None else limit,
        ),
    )


_READERS: Final[dict[Operation, Callable[[Fields], Write | Query]]] = {
    Operation.LOGIN: _login,
    Operation.LIST_USERS: _list_users,
    Operation.CREATE_CHANNEL: _create_channel,
    Operation.LIST_CHANNELS: _list_channels,
    Operation.PUBLISH: _publish,
    Operation.SEND: _send,
    Operation.HISTORY: _history,
}
_READERS_BY_NAME: Final = {name: _READERS[operation] for name, operation in BY_NAME.items()}


def _clock(inner: Fields, outer: Fields) -> int | None:
    """The inner map's clock, or the one beside it where the inner map has none that counts."""
    clock = clock_of(inner.get("clock"))
    return clock_of(outer.get("clock")) if clock is None else clock


def _id(inner: Fields) -> str | None:
    given = inner.get("id")
    return None if given is None or given == "" else rules.operation_id(given)


def _forged(fields: Fields) -> bool:
    """Whether a map claims to be replication's; a false or null claim is none."""
    claim = fields.get("replicado")
    return claim is not None and claim is not False


def _asked(envelope: Envelope, inner: Fields) -> Write | Query:
    if envelope.inner is None:
        raise Refusal(Code.INVALID_FIELD, envelope.inner_key, Reason.WRONG_TYPE)
    if _forged(inner) or _forged(envelope.outer):
        raise Refusal(Code.REPLICATED_FORBIDDEN)
    name = envelope.name
    if name is None or name == "":
        field = envelope.dialect.value[0]
        raise Refusal(Code.INVALID_FIELD, field, Reason.MISSING if name is None else Reason.EMPTY)
    reader = _READERS_BY_NAME.get(name) if isinstance(name, str) else None
    if reader is None:
        raise Refusal(Code.UNKNOWN_OPERATION)
    return reader(inner)


def read(body: bytes) -> Incoming:
    """What a client's body asks for.  Total: whatever the bytes are, it returns, within the bounds of ``limits``."""
    try:
        envelope = open_envelope(body)
    except Refusal as refusal:
        return Incoming(unreadable(body), None, None, None, refusal.as_value())
    inner = envelope.inner or {}
    id_ = clock = None
    request: Write | Query | Refusal
    try:
        # The id first: every other refusal is to carry it.  The clock before the rest: what is refused for
        # its content was still sent, and counts as received.
        id_ = _id(inner)
        clock = _clock(inner, envelope.outer)
        request = _asked(envelope, inner)
    except Refusal as refusal:
        request = refusal.as_value()
    timestamp, sent = understand(
        inner.get("timestamp"), inner.get("time"), envelope.outer.get("timestamp"), envelope.outer.get("time")
    )
    heading = Heading(envelope.dialect, envelope.encoding, repeatable(envelope.name), id_)
    return Incoming(heading, clock, timestamp, sent, request)


def operation_of(request: Write | Query) -> Operation:
    """Which row of the table of operations a request belongs to."""
    return _OPERATIONS[type(request)]


_OPERATIONS: Final[dict[type[Write | Query], Operation]] = {
    Login: Operation.LOGIN,
    ListUsers: Operation.LIST_USERS,
    CreateChannel: Operation.CREATE_CHANNEL,
    ListChannels: Operation.LIST_CHANNELS,
    Publish: Operation.PUBLISH,
    Send: Operation.SEND,
    History: Operation.HISTORY,
}


def _fields_of(request: Write | Query, dialect: Dialect) -> dict[str, Any]:
    """A request's own fields, by the names that are canonical in an envelope."""
    native = dialect is Dialect.NATIVE
    channel = "canal" if native else "channel"
    match request:
        case Login(user):
            return {"user": user}
        case CreateChannel(user, name):
            return {"user": user, channel: name} if user else {channel: name}
        case Publish(user, name, message):
            return {"user": user, channel: name, "message": message}
        case Send(user, receiver, message):
            if native:
                return {"user": user, "receptor": receiver, "message": message}
            return {"src": user, "dst": receiver, "message": message}
        case ListUsers(level, after) | ListChannels(level, after):
            return {_LEVEL: level.value, "desde": after}
        case History(level, query):
            stream = channel if query.kind is StreamKind.CHANNEL else "user"
            return {
                stream: query.stream,
                "com": query.partner,
                "desde": query.since,
                "antes": query.before,
                "limite": query.limit,
                _LEVEL: level.value,
            }


def write(
    request: Write | Query,
    *,
    clock: int,
    timestamp: float,
    id: str | None = None,  # noqa: A002 - the field's name on the wire
    dialect: Dialect = Dialect.NATIVE,
    encoding: Encoding = Encoding.MSGPACK,
) -> bytes:
    """The body of a client's request; the inverse of :func:`read`.

    :param clock: the client's Lamport clock, ticked for this send.
    :param timestamp: the client's time, seconds since the epoch.
    :param id: names the operation within its user, for a retry; None: the broker gives it one.
    """
    inner = {name: given for name, given in _fields_of(request, dialect).items() if given is not None}
    if id is not None:
        inner["id"] = id
    heading = Heading(dialect, encoding, operation_of(request).name_in(dialect))
    return seal(heading, inner, clock, timestamp)
