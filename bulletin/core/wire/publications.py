"""What travels from the servers to the readers: topic and body of posts, bells, head beacons and elections.

A post's body is two shapes in one map, since readers were written for either: flat, and again under ``service`` and
``data``.  Items of a history have the flat one alone.  A *bell* is a post without its text: the reader fetches it by
``seq``.

Whatever is no post travels under a topic that begins with a zero byte, which no name can have; the announcement of
a new leader, which readers know, is the exception.  A *head beacon* tells the last ``seq`` of streams that changed
lately, so that a reader who lost the last post of one learns of it: all streams together under one topic, in chunks,
so that neither a board of many quiet streams nor one of many busy ones makes a large frame.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bulletin.core.board import rules
from bulletin.core.board.outcome import Post, StreamKind
from bulletin.core.board.value import value
from bulletin.core.codec import pack, unpack
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import (
    CLOCK_MAX,
    HEADS_PER_FRAME_MAX,
    NESTING_MAX,
    PUBLICATION_BYTES_MAX,
    PUBLICATION_ITEMS_MAX,
)
from bulletin.core.wire.envelope import clock_of
from bulletin.core.wire.moments import seconds_of

HEADS_TOPIC: Final = b"\0heads"
ELECTION_TOPIC: Final = b"servers"

Frames = tuple[bytes, bytes]
"""Topic and body."""


@value
class Published:
    """A post as a reader gets it; the fields are those of :class:`~bulletin.core.board.outcome.Post`.

    :param message: None for a bell.
    """

    kind: StreamKind
    stream: str
    seq: int
    id: str
    user: str
    message: str | None
    timestamp: float
    sent: int | float | str | None
    clock: int
    received: float
    uncertainty: float | None


@value
class Head:
    """The last ``seq`` of one stream."""

    kind: StreamKind
    stream: str
    seq: int


@value
class Heads:
    """A head beacon, or one chunk of it."""

    heads: tuple[Head, ...]
    clock: int
    timestamp: float


@value
class Election:
    """The servers' leader changed.

    :param coordinator: the new leader's name.
    """

    coordinator: str
    clock: int
    timestamp: float


Publication = Published | Heads | Election


def topic_of(stream: str) -> bytes:
    """The topic of a channel or an inbox: its name."""
    return stream.encode("utf-8")


def flat(post: Post | Published) -> dict[str, Any]:
    """A post's flat shape: what an item of a history is, and the first half of a publication."""
    if post.kind is StreamKind.CHANNEL:
        fields: dict[str, Any] = {
            "type": "channel",
            "topic": post.stream,
            "user": post.user,
            "channel": post.stream,
            "canal": post.stream,
        }
    else:
        fields = {
            "type": "user",
            "topic": post.stream,
            "src": post.user,
            "user": post.user,
            "dst": post.stream,
            "receptor": post.stream,
        }
    if post.message is not None:
        fields["message"] = post.message
    fields["timestamp"] = post.timestamp
    fields["clock"] = post.clock
    fields["seq"] = post.seq
    fields["id"] = post.id
    fields["recebido"] = post.received
    fields["incerteza"] = post.uncertainty
    if post.sent is not None:
        fields["enviado"] = post.sent
    return fields


_DATA_OF_CHANNEL: Final = ("user", "channel", "message", "timestamp", "clock")
_DATA_OF_USER: Final = ("src", "user", "dst", "message", "timestamp", "clock")


def write_post(post: Post | Published, *, flat_only: bool = False, bell: bool = False) -> Frames:
    """A post's two frames.

    :param flat_only: leave ``service`` and ``data`` out (``--publications flat``).
    :param bell: leave the text out.
    """
    fields = flat(post)
    if bell:
        fields.pop("message", None)
    if not flat_only:
        in_channel = post.kind is StreamKind.CHANNEL
        names = _DATA_OF_CHANNEL if in_channel else _DATA_OF_USER
        fields["service"] = "publish" if in_channel else "message"
        fields["data"] = {name: fields[name] for name in names if name in fields}
    return topic_of(post.stream), pack(fields)


def _write_event(topic: bytes, service: str, data: dict[str, Any], clock: int, timestamp: float) -> Frames:
    data["timestamp"] = timestamp
    data["clock"] = clock
    return topic, pack({"service": service, "data": data, "timestamp": timestamp, "clock": clock})


def write_heads(heads: Sequence[Head], clock: int, timestamp: float) -> Iterator[Frames]:
    """A head beacon, in chunks of at most :data:`~bulletin.core.limits.HEADS_PER_FRAME_MAX` streams."""
    for start in range(0, len(heads), HEADS_PER_FRAME_MAX):
        data: dict[str, Any] = {"channels": {}, "users": {}}
        for head in heads[start : start + HEADS_PER_FRAME_MAX]:
            data["channels" if head.kind is StreamKind.CHANNEL else "users"][head.stream] = head.seq
        yield _write_event(HEADS_TOPIC, "heads", data, clock, timestamp)


def write_election(coordinator: str, clock: int, timestamp: float) -> Frames:
    """The announcement of a new leader."""
    return _write_event(ELECTION_TOPIC, "election", {"coordinator": coordinator}, clock, timestamp)


def _refused(field: str, reason: Reason) -> Refusal:
    return Refusal(Code.INVALID_FIELD, field, reason)


def _number(fields: Mapping[str, Any], name: str) -> float:
    """A time or an error bound."""
    given = fields.get(name)
    if type(given) is not float and type(given) is not int:
        raise _refused(name, Reason.MISSING if given is None else Reason.WRONG_TYPE)
    if not -1e18 < given < 1e18:
        raise _refused(name, Reason.OUT_OF_RANGE)
    return float(given)


def _count(given: object, name: str) -> int:
    """A ``seq``."""
    if type(given) is not int:
        raise _refused(name, Reason.MISSING if given is None else Reason.WRONG_TYPE)
    if not 1 <= given <= CLOCK_MAX:
        raise _refused(name, Reason.OUT_OF_RANGE)
    return given


def _clock(fields: Mapping[str, Any]) -> int:
    clock = clock_of(fields.get("clock"))
    if clock is None:
        raise _refused("clock", Reason.MISSING)
    return clock


def read_flat(fields: object) -> Published:
    """A post from its flat shape, in a publication or a history; fields that it does not know are ignored.

    :raises Refusal: for whatever :func:`flat` would not have made.
    """
    if not isinstance(fields, dict):
        raise Refusal(Code.MALFORMED, reason=Reason.NOT_A_MAP)
    type_ = fields.get("type")
    if type_ == "channel":
        kind, sender, stream = StreamKind.CHANNEL, "user", "channel"
    elif type_ == "user":
        kind, sender, stream = StreamKind.INBOX, "src", "dst"
    else:
        raise _refused("type", Reason.UNKNOWN_VALUE)
    message = fields.get("message")
    sent = fields.get("enviado")
    return Published(
        kind=kind,
        stream=rules.name(fields.get(stream), stream),
        seq=_count(fields.get("seq"), "seq"),
        id=rules.operation_id(fields.get("id")),
        user=rules.name(fields.get(sender), sender),
        message=None if message is None else rules.message(message, "message"),
        timestamp=_number(fields, "timestamp"),
        sent=None if seconds_of(sent) is None else sent,
        clock=_clock(fields),
        received=_number(fields, "recebido"),
        uncertainty=None if fields.get("incerteza") is None else _number(fields, "incerteza"),
    )


def _event_data(fields: Mapping[str, Any], service: str) -> Mapping[str, Any]:
    data = fields.get("data")
    if fields.get("service") != service:
        raise _refused("service", Reason.UNKNOWN_VALUE)
    if not isinstance(data, dict):
        raise _refused("data", Reason.WRONG_TYPE)
    return data


def _heads_of(data: Mapping[str, Any]) -> Iterator[Head]:
    for kind, field in ((StreamKind.CHANNEL, "channels"), (StreamKind.INBOX, "users")):
        streams = data.get(field)
        if not isinstance(streams, dict):
            raise _refused(field, Reason.WRONG_TYPE)
        for stream, seq in streams.items():
            yield Head(kind, rules.name(stream, field), _count(seq, "seq"))


def read(topic: bytes, body: bytes) -> Publication:
    """A publication from its two frames; the inverse of the ``write`` functions.

    :raises Refusal: for whatever they would not have made, a post under another stream's topic included.
    """
    fields = unpack(
        body, bytes_max=PUBLICATION_BYTES_MAX, nesting_max=NESTING_MAX, items_max=PUBLICATION_ITEMS_MAX
    )
    if not isinstance(fields, dict):
        raise Refusal(Code.MALFORMED, reason=Reason.NOT_A_MAP)
    if topic == HEADS_TOPIC:
        data = _event_data(fields, "heads")
        return Heads(tuple(_heads_of(data)), _clock(data), _number(data, "timestamp"))
    if topic == ELECTION_TOPIC:
        data = _event_data(fields, "election")
        coordinator = rules.name(data.get("coordinator"), "coordinator")
        return Election(coordinator, _clock(data), _number(data, "timestamp"))
    post = read_flat(fields)
    if topic_of(post.stream) != topic:
        raise _refused("topic", Reason.UNKNOWN_VALUE)
    return post
