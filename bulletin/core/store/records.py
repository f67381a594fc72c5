"""Rows as bytes: each value of the core that is stored, sealed with a checksum, and back.

A sealed row is ``CRC-32 (4 bytes) ‖ MessagePack array``.  The checksum covers the table's name and the row's key too,
so that a row that turns up in another place is as bad as one with a flipped bit.  It is checked whenever a row is
read: SQLite itself does not notice a bit that flips inside a row.

A row is one blob, and not a column per field, for three reasons.  What comes back is what went in, whatever it is:
SQLite would turn a whole float of a client into an integer, NaN into NULL, and refuse what is above 2^63.  The checksum
covers stored bytes, with no question of how they were read.  And many rows go in by one statement (see
:mod:`bulletin.storage.schema`).

Log rows have no checksum: their chain hash is one.
"""

import struct
import zlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgpack

from bulletin.core.board.chain import chain_start
from bulletin.core.board.commands import Proof
from bulletin.core.board.outcome import (
    Marks,
    OperationBlock,
    Post,
    SessionsRow,
    StreamKind,
    StreamRow,
    StreamState,
)
from bulletin.core.board.remembered import operations_in
from bulletin.core.log.entry import HASH_BYTES, Anchor, Entry, EntryKind
from bulletin.core.log.founding import FoundingDocument

SEQ_BITS: Final = 40
"""A post's key is its stream's number, then so many bits of ``seq``."""

POST_USER: Final = 2
"""Where the sender stands among a post's values."""

POST_CLOCK: Final = 7
"""Where the clock stands among a post's values."""

POST_CHAIN: Final = 10
"""Where the chain hash stands among a post's values."""

_CRC: Final = struct.Struct(">I")
_LOG_HEAD: Final = struct.Struct(f">QHHH{HASH_BYTES}s")
LOG_HEAD_BYTES: Final = _LOG_HEAD.size
"""What an entry's row has beside its body."""

_SPREAD: Final = 0x9E3779B97F4A7C15
"""An odd number that has every bit of a key change about half of the bits that are taken."""

_SEEDS: Final = {
    table: zlib.crc32(table.encode())
    for table in (
        "state",
        "terms",
        "incarnations",
        "streams",
        "heads",
        "posts",
        "correspondents",
        "operations",
        "sessions",
    )
}

_VALUES_MAX: Final = 32
"""Values of a row at most, with room to spare: nothing is built for more of them."""

_pack: Final = msgpack.Packer().pack

Made = TypeVar("Made")


class Damaged(Exception):
    """A stored row is not what was written; the message names the row."""


def _seed(table: str, key: int | str) -> int:
    """What the checksum of a row begins with: different keys, different checksums of the same bytes."""
    if isinstance(key, int):
        return _SEEDS[table] ^ (key * _SPREAD >> 32 & 0xFFFFFFFF)
    return zlib.crc32(key.encode(), _SEEDS[table])


def seal(table: str, key: int | str, values: tuple[Any, ...]) -> bytes:
    """The bytes of a row."""
    packed: bytes = _pack(values)
    return _CRC.pack(zlib.crc32(packed, _seed(table, key))) + packed


def unseal(table: str, key: int | str, body: Any) -> list[Any]:
    """The values of a row.

    :param body: bytes, if the row is not damaged.
    :raises Damaged: it is none, or its checksum is wrong, or there is no row behind it.
    """
    packed = check_seal(table, key, body)
    try:
        values = msgpack.unpackb(packed, max_array_len=_VALUES_MAX, max_map_len=0, max_ext_len=0)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise Damaged(f"row {key} of table {table}") from error
    if type(values) is not list:
        raise Damaged(f"row {key} of table {table}")
    return values


def _read(table: str, key: int | str, body: Any, make: Callable[..., Made]) -> Made:
    """What is made of the values of a row.

    A right checksum says that somebody wrote the row; another server may have, and then it need not be one.

    :raises Damaged: it is none.
    """
    values = unseal(table, key, body)
    try:
        return make(*values)
    except (TypeError, ValueError) as error:
        raise Damaged(f"row {key} of table {table}") from error


def check_seal(table: str, key: int | str, body: Any) -> bytes:
    """What is sealed in a row.

    :param body: bytes, if the row is not damaged.
    :raises Damaged: it is none, or its checksum is wrong.
    """
    if not isinstance(body, bytes) or len(body) < _CRC.size:
        raise Damaged(f"row {key} of table {table}")
    packed = body[_CRC.size :]
    if _CRC.unpack_from(body)[0] != zlib.crc32(packed, _seed(table, key)):
        raise Damaged(f"row {key} of table {table}")
    return packed


def post_key(number: int, seq: int) -> int:
    """The key of a post: a stream's posts lie next to each other."""
    return (number << SEQ_BITS) | seq


def encode_post(number: int, post: Post) -> bytes:
    """A row of ``posts``.  The stream's kind and name are those of its row."""
    return seal(
        "posts",
        post_key(number, post.seq),
        (
            post.position,
            post.id,
            post.user,
            post.message,
            post.salt,
            post.timestamp,
            post.sent,
            post.clock,
            post.received,
            post.uncertainty,
            post.chain,
            post.proof,
        ),
    )


def decode_post(kind: StreamKind, stream: str, number: int, seq: int, body: Any) -> Post:
    """A post from its row.

    :raises Damaged: the checksum is wrong, or it is none.
    """

    def post(*fields: Any) -> Post:
        *others, proof = fields
        values: list[Any] = [kind, stream, seq, *others, Proof(proof)]
        return Post(*values)

    return _read("posts", post_key(number, seq), body, post)


def encode_stream(row: StreamRow) -> bytes:
    """A row of ``streams``."""
    return seal("streams", row.number, (row.kind, row.name, row.position))


def encode_head(number: int, post: Post) -> bytes:
    """A row of ``heads``: a stream's last post."""
    return seal("heads", number, (post.seq, post.chain, post.received))


def decode_head(number: int, body: Any) -> tuple[int, bytes, float]:
    """``seq``, ``chain`` and ``received`` of a stream's last post.

    :raises Damaged: the checksum is wrong, or it is none.
    """

    def head(seq: int, chain: bytes, received: float) -> tuple[int, bytes, float]:
        return seq, chain, received

    return _read("heads", number, body, head)


def decode_stream(number: int, body: Any, head: Any) -> StreamState:
    """A stream from its two rows.

    :param head: its row of ``heads``, or None while it has no posts.
    :raises Damaged: a checksum is wrong.
    """

    def stream(kind: int, name: str, position: int) -> tuple[StreamKind, str, int]:
        return StreamKind(kind), name, position

    kind, name, position = _read("streams", number, body, stream)
    if head is None:
        return StreamState(number, kind, name, position, 0, chain_start(kind, name), 0.0)
    return StreamState(number, kind, name, position, *decode_head(number, head))


def correspondent_key(inbox: int, sender: str) -> str:
    """The key of a sender in an inbox, which is given by its stream's number."""
    return f"{inbox}:{sender}"


def encode_correspondent(key: str, count: int) -> bytes:
    """A row of ``correspondents``: how many private messages somebody sent to an inbox."""
    return seal("correspondents", key, (count,))


def decode_correspondent(key: str, body: Any) -> int:
    """How many private messages somebody sent to an inbox; ``body`` is None where there is no row yet.

    :raises Damaged: the checksum is wrong, or it is none.
    """
    if body is None:
        return 0
    return _read("correspondents", key, body, int)


def encode_operations(block: OperationBlock) -> bytes:
    """A row of ``operations``: a block of remembered ones."""
    return seal("operations", block.number, (block.keys, block.ends, block.records))


def decode_operations(number: int, body: Any) -> OperationBlock:
    """A block of remembered operations from its row.

    :raises Damaged: the checksum is wrong, or it is none.
    """

    def block(keys: bytes, ends: bytes, records: bytes) -> OperationBlock:
        read = OperationBlock(number, keys, ends, records)
        operations_in(read)
        return read

    return _read("operations", number, body, block)


def sessions_key(user: str) -> str:
    """The key of a user's sessions; not empty for the empty name, which stands for "no user"."""
    return f"@{user}"


def encode_sessions(row: SessionsRow) -> bytes:
    """A row of ``sessions``: a user's."""
    return seal("sessions", sessions_key(row.user), (row.packed,))


def decode_sessions(key: str, body: Any) -> SessionsRow:
    """A user's sessions from their row.

    :raises Damaged: the checksum is wrong, or it is none.
    """
    return _read("sessions", key, body, lambda packed: SessionsRow(key[1:], packed))


def encode_marks(marks: Marks) -> bytes:
    """The row of ``state`` with the board's marks."""
    return seal("state", "board", (marks.applied, marks.clock, marks.ordinal, marks.digest))


def decode_marks(body: Any) -> Marks:
    """The board's marks from their row.

    :raises Damaged: the checksum is wrong, or it is none.
    """
    return _read("state", "board", body, Marks)


def encode_anchor(anchor: Anchor) -> bytes:
    """The row of ``state`` that says where the log begins."""
    return seal("state", "anchor", (anchor.index, anchor.term, anchor.hash))


def decode_anchor(body: Any) -> Anchor:
    """Where the log begins, from its row.

    :raises Damaged: the checksum is wrong, or it is none.
    """
    return _read("state", "anchor", body, Anchor)


def encode_founding(document: FoundingDocument) -> bytes:
    """The row of ``state`` with the founding document, which stays when the log is trimmed."""
    return seal("state", "founding", (document.encode(),))


def decode_founding(body: Any) -> FoundingDocument:
    """The founding document from its row.

    :raises Damaged: the checksum is wrong, or it is none.
    """
    return _read("state", "founding", body, FoundingDocument.decode)


def encode_entry(entry: Entry) -> bytes:
    """A row of ``log``."""
    return _LOG_HEAD.pack(entry.term, entry.kind, entry.format, entry.level, entry.hash) + entry.body


def decode_entry(index: int, row: Any) -> Entry:
    """An entry from its row; whether it is intact is for its chain to say.

    :param row: bytes, if the row is not damaged.
    :raises Damaged: it is none, too short to be one, or of an unknown kind.
    """
    if not isinstance(row, bytes):
        raise Damaged(f"row {index} of table log")
    try:
        term, kind, format_, level, hash_ = _LOG_HEAD.unpack_from(row)
        return Entry(index, term, EntryKind(kind), row[_LOG_HEAD.size :], hash_, format_, level)
    except (struct.error, ValueError) as error:
        raise Damaged(f"row {index} of table log") from error


def hash_in(row: Any, index: int) -> bytes:
    """The chain hash in a row of ``log``.

    :param row: bytes, if the row is not damaged.
    :raises Damaged: it is none, or too short to have a hash.
    """
    if not isinstance(row, bytes) or len(row) < _LOG_HEAD.size:
        raise Damaged(f"row {index} of table log")
    return row[_LOG_HEAD.size - HASH_BYTES : _LOG_HEAD.size]
