"""What travels when a server takes in another's tables: questions and parts, as bytes.

::

    ask    [0]                           begin: which tables are there?
    part   [0, SHA-256, [name, index, term, hash, marks, [[table, last key, SHA-256], …]]]     a manifest
    ask    [1, name, number]             one of its chunks
    part   [1, name, number, chunk]
    ask    [2, [[stream, after, until], …]]                                          posts by their numbers
    part   [2, [[key, length], …], bodies]

**Why the tables that come out are those at one index, though the sender's go on changing.**  What changes (heads, sessions,
correspondents, remembered operations, marks) is copied in one read transaction, into a file of the sender's, and cut
into chunks: that is the manifest, and all of it is as it was at ``index``.  What does not change (posts) is not copied:
it is asked for by number afterwards, stream by stream, from where the receiver's posts end to where the manifest's
heads say.  A post, once it is there, is the same on every server for ever, so it does not matter when it is read, nor
from whom.  Hence a new leader can be asked for posts that the one before was asked for; only chunks are from one sender,
and where that is gone (or has thrown its copy away) the receiver begins anew and keeps the posts.

**What a receiver has already it does not ask for**: its tables are those of an earlier index of the same history, so streams,
posts and operations are a prefix of the sender's.  That this is so is checked: each post must follow by its chain hash
from the one before it, and the last one of a stream must have the head's.

**Checked**: rows by their checksums, on both sides; the manifest by SHA-256; chunks by the manifest's, when they are given, when
they come, when all are there, and when they are put in place; posts by their streams' chains; the remembered operations and the marks by what a start checks.

**Bounds**: one question is under way at a time; a part is at most :data:`PART_BYTES`, unless it is one row.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs
import msgpack

from bulletin.core.board.outcome import Marks
from bulletin.core.board.remembered import BLOCK_OPERATIONS
from bulletin.core.codec import unpack
from bulletin.core.errors import Refusal
from bulletin.core.limits import FRAME_BYTES_MAX, ITEMS_INTERNAL_MAX, KIB, SESSIONS_PER_USER
from bulletin.core.log.entry import HASH_BYTES
from bulletin.core.store.records import (
    SEQ_BITS,
    post_key,
)

PART_BYTES: Final = 512 * KIB
"""Bytes of rows in a part, about."""

CHUNK_ROWS: Final = {
    "streams": 2000,
    "heads": 2000,
    "correspondents": 2000,
    "sessions": 2000 // SESSIONS_PER_USER,
    "operations": 2000 // BLOCK_OPERATIONS,
}
"""How many rows of a table are in a chunk: none of them is large."""

CHUNKED: Final = tuple(CHUNK_ROWS)
"""The tables that come in chunks, in this order."""

STREAM_BITS: Final = 22
"""A stream's number, of as many as a board can have."""

RANGES_MAX: Final = 256
"""Streams in one question."""

NAME_BYTES: Final = 16

_NESTING_MAX: Final = 3

_BEGIN, _CHUNK, _POSTS = range(3)


class Refused(Exception):
    """What came is not what was asked for, or not whole."""


@attrs.frozen
class Chunk:
    """Rows of one table that follow on from each other.

    :param last: the last key in it.
    :param hash: SHA-256 of its bytes.
    """

    table: str
    last: int | str
    hash: bytes


@attrs.frozen
class Manifest:
    """Tables at one index.

    :param name: chosen by the sender, for the chunks.
    :param index: they are those after this entry;
    :param term: of that entry, and
    :param hash: its chain hash.
    :param marks: of the board.
    """

    name: bytes
    index: int
    term: int
    hash: bytes
    marks: Marks
    chunks: tuple[Chunk, ...]


@attrs.frozen
class Range:
    """Posts of one stream: those above ``after`` and up to ``until``."""

    stream: int
    after: int
    until: int


@attrs.frozen
class AskChunk:
    """One chunk of a manifest; from 1."""

    name: bytes
    number: int


@attrs.frozen
class AskPosts:
    """As many of these posts as go into a part."""

    ranges: tuple[Range, ...]


Ask = None | AskChunk | AskPosts
"""None: which tables are there?"""

BEGIN: Final[bytes] = msgpack.packb([_BEGIN])

Rows = list[tuple[int | str, bytes]]
"""Keys with sealed bodies."""


def encode_ask(ask: AskChunk | AskPosts) -> bytes:
    """A question as bytes."""
    if isinstance(ask, AskChunk):
        packed: bytes = msgpack.packb([_CHUNK, ask.name, ask.number])
    else:
        packed = msgpack.packb([_POSTS, [attrs.astuple(item) for item in ask.ranges]])
    return packed


def decode_ask(data: bytes) -> Ask:
    """A question from its bytes.

    :raises Refused: they are none.
    """
    match _unpack(data):
        case [0]:
            return None
        case [1, bytes(name), int(number)] if number > 0:
            return AskChunk(name, number)
        case [2, list(ranges)] if 0 < len(ranges) <= RANGES_MAX:
            return AskPosts(tuple(_range(item) for item in ranges))
    raise Refused("a question that nobody asks")


def _range(item: Any) -> Range:
    match item:
        case [int(stream), int(after), int(until)] if 0 <= after < until and is_place(stream, until):
            return Range(stream, after, until)
    raise Refused("a range of posts that cannot be")


def encode_manifest(manifest: Manifest) -> bytes:
    """A manifest as a part."""
    marks = manifest.marks
    packed: bytes = msgpack.packb(
        [
            manifest.name,
            manifest.index,
            manifest.term,
            manifest.hash,
            [marks.applied, marks.clock, marks.ordinal, marks.digest],
            [[chunk.table, chunk.last, chunk.hash] for chunk in manifest.chunks],
        ]
    )
    part: bytes = msgpack.packb([_BEGIN, hashlib.sha256(packed).digest(), packed])
    return part


def encode_chunk(name: bytes, number: int, chunk: bytes) -> bytes:
    """A chunk as a part."""
    packed: bytes = msgpack.packb([_CHUNK, name, number, chunk])
    return packed


def encode_posts(rows: Rows) -> bytes:
    """Posts as a part."""
    packed: bytes = msgpack.packb([_POSTS, *_joined(rows)])
    return packed


def pack_rows(rows: Rows) -> bytes:
    """A chunk's bytes."""
    packed: bytes = msgpack.packb(_joined(rows))
    return packed


def _joined(rows: Rows) -> list[Any]:
    return [[[key, len(body)] for key, body in rows], b"".join(body for _, body in rows)]


def unpack_rows(data: bytes) -> Rows:
    """A chunk's rows.

    :raises Refused: they are none.
    """
    match _unpack(data):
        case [list(keys), bytes(bodies)]:
            return _parted(keys, bodies)
    raise Refused("a chunk that is none")


def _parted(keys: list[Any], bodies: bytes) -> Rows:
    rows: Rows = []
    start = 0
    for item in keys:
        match item:
            case [int() | str() as key, int(length)] if length > 0:
                rows.append((key, bodies[start : start + length]))
                start += length
            case _:
                raise Refused("rows that are none")
    if start != len(bodies):
        raise Refused("rows that are not as long as they were said to be")
    return rows


def _unpack(data: bytes) -> Any:
    try:
        return unpack(data, bytes_max=FRAME_BYTES_MAX, nesting_max=_NESTING_MAX, items_max=ITEMS_INTERNAL_MAX)
    except Refusal as refusal:
        raise Refused("bytes that are nothing") from refusal


def decode_manifest(data: bytes) -> Manifest:
    """A manifest from its part.

    :raises Refused: it is none.
    """
    match _unpack(data):
        case [0, bytes(hash_), bytes(packed)] if hash_ == hashlib.sha256(packed).digest():
            return _manifest(_unpack(packed))
    raise Refused("a manifest that is none")


def _manifest(values: Any) -> Manifest:
    match values:
        case [bytes(name), int(index), int(term), bytes(hash_), list(marks), list(chunks)]:
            return Manifest(
                name, index, term, hash_, _marks(marks, index), tuple(_chunk(item) for item in chunks)
            )
    raise Refused("a manifest that is none")


@attrs.frozen
class ChunkPart:
    """A chunk that came."""

    name: bytes
    number: int
    data: bytes


def decode_part(data: bytes) -> Manifest | ChunkPart | Rows:
    """A part from its bytes; rows are posts.

    :raises Refused: they are none.
    """
    match _unpack(data):
        case [0, *_]:
            return decode_manifest(data)
        case [1, bytes(name), int(number), bytes(chunk)]:
            return ChunkPart(name, number, chunk)
        case [2, list(keys), bytes(bodies)]:
            return _parted(keys, bodies)
    raise Refused("a part that is none")


def _marks(values: list[Any], index: int) -> Marks:
    match values:
        case [int(applied), int(clock), int(ordinal), bytes(digest)] if (
            applied == index and len(digest) == HASH_BYTES
        ):
            return Marks(applied, clock, ordinal, digest)
    raise Refused("marks that are none")


def _chunk(item: Any) -> Chunk:
    match item:
        case [str(table), int() | str() as last, bytes(hash_)] if table in CHUNKED:
            return Chunk(table, last, hash_)
    raise Refused("a chunk that is none")


def chunk_of(table: str, rows: Rows) -> tuple[Chunk, bytes]:
    """A chunk, and its bytes."""
    data = pack_rows(rows)
    return Chunk(table, rows[-1][0], hashlib.sha256(data).digest()), data


def take_rows(lengths: Sequence[tuple[int, int]], bytes_left: int) -> list[tuple[int, int]]:
    """The first keys with their lengths that go into so many bytes, but at least one."""
    taken: list[tuple[int, int]] = []
    for key, length in lengths:
        bytes_left -= length
        if taken and bytes_left < 0:
            break
        taken.append((key, length))
    return taken


def is_place(stream: Any, seq: Any) -> bool:
    """Whether there can be a post of that number in a stream of that number: more has no key in the tables."""
    return (
        type(stream) is int and 0 < stream < 1 << STREAM_BITS and type(seq) is int and 0 < seq < 1 << SEQ_BITS
    )


def range_keys(item: Range) -> tuple[int, int]:
    """The first and the last key of a range."""
    return post_key(item.stream, item.after + 1), post_key(item.stream, item.until)


def parse_pairs(text: str) -> Iterator[tuple[Any, int]]:
    """Keys and lengths as SQLite gathers them."""
    yield from json.loads(text)
