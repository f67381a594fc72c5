"""Server ↔ server: one frame carries all that one turn has to say to one fellow server.

A frame is a map in the ``service`` envelope with ``replicado`` beside it: what is in it is applied and never
replicated again::

    {"service": "replicate", "replicado": true, "data": {
        "cluster": 16 bytes, "grupo": int, "de": sender's member id, "para": recipient's member id,
        "mensagens": [[kind, field, …], …], "resumo": [index, digest] or null, "cheio": true where it is,
        "clock": int, "timestamp": float}}

A message is an array that begins with its kind's number; the table :data:`_SHAPES` has the fields of each, in the
order of the class in :mod:`bulletin.core.raft.messages`.  Decoding is total: whatever the bytes are, it returns a
frame of exactly these types or raises :class:`Refusal`.
"""

from collections.abc import Callable
from typing import Any, Final

import attrs

from bulletin.core.codec import pack, unpack
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import (
    BATCH_BYTES_MAX,
    CLOCK_MAX,
    FRAME_BYTES_MAX,
    ITEMS_INTERNAL_MAX,
    KIB,
    NESTING_INTERNAL_MAX,
    OPERATIONS_PER_ENTRY_MAX,
)
from bulletin.core.log.entry import HASH_BYTES, Entry, EntryKind
from bulletin.core.log.port import Operation
from bulletin.core.raft.messages import (
    Append,
    AppendReply,
    Forward,
    Greeting,
    GreetingReply,
    Message,
    ReadIndex,
    ReadIndexReply,
    RequestVote,
    SnapshotAsk,
    SnapshotOffer,
    SnapshotPart,
    TimeoutNow,
    VoteReply,
)

SERVICE: Final = "replicate"
MEMBER_BYTES: Final = 16
KEY_BYTES: Final = 16
MESSAGES_MAX: Final = 4096
"""Messages in one frame."""
ENTRIES_MAX: Final = 40_000
"""Entries in one Append."""
INDEX_MAX: Final = 2**47 - 1
"""The largest log index: a position, ``index * 2**16 + offset``, has 63 bits."""
NUMBER_MAX: Final = 2**63 - 1
"""The largest term, round, context and incarnation."""
ASK_BYTES_MAX: Final = 64 * KIB
"""A question for a part of the tables."""
BODY_BYTES_MAX: Final = BATCH_BYTES_MAX + BATCH_BYTES_MAX // 2
"""An entry's body with its framing; also a part of the tables."""
MESSAGE_OVERHEAD: Final = 128
"""Bytes of a message beside the bodies in it, at most."""
ITEM_OVERHEAD: Final = 96
"""Bytes of an entry or an operation beside its body, at most."""


@attrs.frozen
class Checkpoint:
    """The sender's digest of everything applied up to an index: equal indexes must have equal digests.

    :param index: a log index that all servers compare at.
    :param digest: 32 bytes.
    """

    index: int
    digest: bytes


@attrs.frozen
class PeerFrame:
    """What one server says to another in one turn.

    :param cluster: the cluster's id, 16 bytes; a frame of another cluster is dropped.
    :param group: the replica group.
    :param sender: the sender's member id, 16 bytes.
    :param recipient: the member that it is meant for, 16 bytes.
    :param messages: in the order in which they were said.
    :param clock: the sender's Lamport clock.
    :param timestamp: the sender's time, seconds since the epoch.
    :param checkpoint: the sender's latest comparable digest, or None.
    :param full: the sender's disk is full, and it takes no part.
    """

    cluster: bytes
    group: int
    sender: bytes
    recipient: bytes
    messages: tuple[Message, ...]
    clock: int
    timestamp: float
    checkpoint: Checkpoint | None = None
    full: bool = False


def weight(message: Message) -> int:
    """An upper bound of a message's encoded size in bytes: what a frame is split by."""
    match message:
        case Append(entries=entries):
            return MESSAGE_OVERHEAD + sum(ITEM_OVERHEAD + len(entry.body) for entry in entries)
        case Forward(operations=operations):
            return MESSAGE_OVERHEAD + sum(ITEM_OVERHEAD + len(item.payload) for item in operations)
        case SnapshotAsk(ask=ask):
            return MESSAGE_OVERHEAD + len(ask)
        case SnapshotPart(body=body):
            return MESSAGE_OVERHEAD + len(body)
        case _:
            return MESSAGE_OVERHEAD


def encode(frame: PeerFrame) -> bytes:
    """The bytes of a frame."""
    checkpoint = frame.checkpoint
    return pack(
        {
            "service": SERVICE,
            "replicado": True,
            "data": {
                "cluster": frame.cluster,
                "grupo": frame.group,
                "de": frame.sender,
                "para": frame.recipient,
                "mensagens": [_ENCODERS[type(message)](message) for message in frame.messages],
                "resumo": None if checkpoint is None else [checkpoint.index, checkpoint.digest],
                **({"cheio": True} if frame.full else {}),
                "clock": frame.clock,
                "timestamp": frame.timestamp,
            },
        }
    )


def decode(frame: bytes) -> PeerFrame:
    """A frame from its bytes.

    :raises Refusal: for whatever :func:`encode` would not have written.
    """
    value = unpack(
        frame, bytes_max=FRAME_BYTES_MAX, nesting_max=NESTING_INTERNAL_MAX, items_max=ITEMS_INTERNAL_MAX
    )
    if type(value) is not dict or type(value.get("data")) is not dict:
        raise Refusal(Code.MALFORMED, reason=Reason.NOT_A_MAP)
    if value.get("service") != SERVICE or value.get("replicado") is not True:
        raise _bad("replicado", Reason.UNKNOWN_VALUE)
    data = value["data"]
    messages = data.get("mensagens")
    if type(messages) is not list:
        raise _bad("mensagens", Reason.WRONG_TYPE)
    if len(messages) > MESSAGES_MAX:
        raise _bad("mensagens", Reason.TOO_MANY_ITEMS)
    timestamp = data.get("timestamp")
    if type(timestamp) is not float:
        raise _bad("timestamp", Reason.WRONG_TYPE)
    return PeerFrame(
        cluster=_member(data.get("cluster")),
        group=_number(data.get("grupo")),
        sender=_member(data.get("de")),
        recipient=_member(data.get("para")),
        messages=tuple([_message(fields) for fields in messages]),
        clock=_within(data.get("clock"), CLOCK_MAX),
        timestamp=timestamp,
        checkpoint=_checkpoint(data.get("resumo")),
        full=_mark(data.get("cheio")),
    )


def _bad(field: str, reason: Reason) -> Refusal:
    return Refusal(Code.MALFORMED, field, reason)


def _within(value: Any, largest: int) -> int:
    if type(value) is not int:
        raise _bad("mensagens", Reason.WRONG_TYPE)
    if not 0 <= value <= largest:
        raise _bad("mensagens", Reason.OUT_OF_RANGE)
    return value


def _number(value: Any) -> int:
    return _within(value, NUMBER_MAX)


def _index(value: Any) -> int:
    return _within(value, INDEX_MAX)


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise _bad("mensagens", Reason.WRONG_TYPE)
    return value


def _mark(value: Any) -> bool:
    """A flag that is only there where it is true."""
    if value not in (None, True) or type(value) is int:
        raise _bad("cheio", Reason.UNKNOWN_VALUE)
    return value is True


def _bytes_of(length: int) -> Callable[[Any], bytes]:
    def check(value: Any) -> bytes:
        if type(value) is not bytes:
            raise _bad("mensagens", Reason.WRONG_TYPE)
        if len(value) != length:
            raise _bad("mensagens", Reason.OUT_OF_RANGE)
        return value

    return check


_member: Final = _bytes_of(MEMBER_BYTES)
_key: Final = _bytes_of(KEY_BYTES)
_hash: Final = _bytes_of(HASH_BYTES)


def _bytes_to(longest: int) -> Callable[[Any], bytes]:
    def check(value: Any) -> bytes:
        if type(value) is not bytes:
            raise _bad("mensagens", Reason.WRONG_TYPE)
        if len(value) > longest:
            raise _bad("mensagens", Reason.TOO_MANY_BYTES)
        return value

    return check


_body: Final = _bytes_to(BODY_BYTES_MAX)
_ask: Final = _bytes_to(ASK_BYTES_MAX)


def _rows(value: Any, length: int, longest: int) -> list[list[Any]]:
    """A list of at most ``longest`` lists of ``length`` values each."""
    if type(value) is not list:
        raise _bad("mensagens", Reason.WRONG_TYPE)
    if len(value) > longest:
        raise _bad("mensagens", Reason.TOO_MANY_ITEMS)
    for row in value:
        if type(row) is not list or len(row) != length:
            raise _bad("mensagens", Reason.WRONG_TYPE)
    return value


def _entries(value: Any) -> tuple[Entry, ...]:
    return tuple([_entry(row) for row in _rows(value, 7, ENTRIES_MAX)])


def _entry(row: list[Any]) -> Entry:
    index, term, kind, body, hash_, format_, level = row
    try:
        known = EntryKind(_number(kind))
    except ValueError:
        raise _bad("mensagens", Reason.UNKNOWN_VALUE) from None
    return Entry(
        _index(index), _number(term), known, _body(body), _hash(hash_), _number(format_), _number(level)
    )


def _operations(value: Any) -> tuple[Operation, ...]:
    return tuple(
        [Operation(_key(key), _body(payload)) for key, payload in _rows(value, 2, OPERATIONS_PER_ENTRY_MAX)]
    )


def _checkpoint(value: Any) -> Checkpoint | None:
    if value is None:
        return None
    if type(value) is not list or len(value) != 2:
        raise _bad("resumo", Reason.WRONG_TYPE)
    return Checkpoint(_index(value[0]), _hash(value[1]))


_SHAPES: Final[dict[int, tuple[type[Message], tuple[Callable[[Any], Any], ...]]]] = {
    1: (RequestVote, (_number, _index, _number, _flag, _flag)),
    2: (VoteReply, (_number, _flag, _flag, _index, _number)),
    3: (Append, (_number, _index, _number, _hash, _entries, _index, _number, _index)),
    4: (AppendReply, (_number, _index, _flag, _index, _index, _number, _number)),
    5: (TimeoutNow, (_number,)),
    6: (Forward, (_number, _operations)),
    7: (ReadIndex, (_number, _number)),
    8: (ReadIndexReply, (_number, _number, _index)),
    9: (Greeting, (_number, _number, _index)),
    10: (GreetingReply, (_number, _number, _number)),
    11: (SnapshotOffer, (_number, _index)),
    12: (SnapshotAsk, (_number, _number, _ask)),
    13: (SnapshotPart, (_number, _number, _body)),
}
"""Kind → its class and, per field, the check that its value must pass."""


def _message(fields: Any) -> Message:
    if type(fields) is not list or not fields or type(fields[0]) is not int:
        raise _bad("mensagens", Reason.WRONG_TYPE)
    shape = _SHAPES.get(fields[0])
    if shape is None:
        raise _bad("mensagens", Reason.UNKNOWN_VALUE)
    cls, checks = shape
    if len(fields) != len(checks) + 1:
        raise _bad("mensagens", Reason.WRONG_TYPE)
    message = cls(*[check(value) for check, value in zip(checks, fields[1:], strict=True)])
    if type(message) is Append:
        _check_consecutive(message)
    return message


def _check_consecutive(message: Append) -> None:
    for expected, entry in enumerate(message.entries, message.previous_index + 1):
        if entry.index != expected:
            raise _bad("mensagens", Reason.OUT_OF_RANGE)


def _encode_plainly(kind: int, cls: type[Message]) -> Callable[[Any], list[Any]]:
    names = tuple(field.name for field in attrs.fields(cls))

    def encode_one(message: Any) -> list[Any]:
        return [kind, *[getattr(message, name) for name in names]]

    return encode_one


def _encode_append(message: Append) -> list[Any]:
    rows = [[e.index, e.term, int(e.kind), e.body, e.hash, e.format, e.level] for e in message.entries]
    return [
        3,
        message.term,
        message.previous_index,
        message.previous_term,
        message.previous_hash,
        rows,
        message.commit,
        message.round,
        message.synced,
    ]


def _encode_forward(message: Forward) -> list[Any]:
    return [6, message.term, [[item.key, item.payload] for item in message.operations]]


_ENCODERS: Final[dict[type[Message], Callable[[Any], list[Any]]]] = {
    **{cls: _encode_plainly(kind, cls) for kind, (cls, _) in _SHAPES.items()},
    Append: _encode_append,
    Forward: _encode_forward,
}
