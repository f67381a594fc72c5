"""Gives parts of this server's tables to another one; in the reader's thread, while everything goes on.

The tables that change are copied by one read transaction into a file without a name, which nobody has to remove; it is
given up when nobody has asked for :data:`KEPT_SECONDS`.  A copy is given to whoever asks meanwhile, as long as the log goes
on from it.  Nothing is held in memory but the list of chunks.

A copy that is not what was written is given up: whoever began with it begins anew, with another one.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw

from bulletin.core.board.remembered import blocks_forgotten
from bulletin.core.store.parts import (
    CHUNK_ROWS,
    CHUNKED,
    NAME_BYTES,
    PART_BYTES,
    AskChunk,
    AskPosts,
    Chunk,
    Manifest,
    Range,
    Refused,
    Rows,
    chunk_of,
    decode_ask,
    encode_chunk,
    encode_manifest,
    encode_posts,
    parse_pairs,
    range_keys,
    take_rows,
)
from bulletin.core.store.records import Damaged, check_seal, decode_entry
from bulletin.storage.files import OpenFile
from bulletin.storage.machine import Machine
from bulletin.storage.tables import read_anchor, read_marks

KEPT_SECONDS: Final = 60.0
"""How long a copy is kept that nobody asks for."""

POSTS_LOOKED_AT: Final = 4096
"""Posts of one stream whose lengths are asked for at once."""

_KEYS: Final = {
    "streams": "number",
    "heads": "number",
    "correspondents": "key",
    "sessions": "key",
    "operations": "number",
}
_ROWS: Final = (
    "SELECT json_group_array(json_array({key}, coalesce(length(body), 0))), CAST(group_concat(body, '') AS BLOB)"
    " FROM (SELECT {key}, body FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT ?)"
)
_POST_LENGTHS: Final = (
    "SELECT json_group_array(json_array(key, coalesce(length(body), 0)))"
    " FROM (SELECT key, body FROM posts WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?)"
)
_POST_BODIES: Final = "SELECT CAST(group_concat(body, '') AS BLOB) FROM (SELECT body FROM posts WHERE key BETWEEN ? AND ? ORDER BY key)"

Given = tuple[bytes, int]
"""A part (empty: there is none), and the index of the tables, or 0 where that is not said."""


class Giver:
    """One copy at most, and what is asked of it and of the posts.

    :param directory: where the copy is made: the disk that the database is on.
    :param window: operations remembered.
    :param machine: where this runs.
    """

    def __init__(self, directory: Path, window: int, machine: Machine) -> None:
        self._directory: Final = directory
        self._window: Final = window
        self._machine: Final = machine
        self._file: OpenFile | None = None
        self._manifest: Manifest | None = None
        self._places: list[tuple[int, int]] = []
        self._used_at = 0.0

    def give(self, connection: apsw.Connection, ask: bytes) -> Given:
        """The part that was asked for.

        :raises Damaged: a row is not what was written.
        """
        self._used_at = self._machine.monotonic()
        try:
            asked = decode_ask(ask)
        except Refused:
            return b"", 0
        if isinstance(asked, AskPosts):
            return self._posts(connection, asked), 0
        if isinstance(asked, AskChunk):
            return self._chunk(asked), 0
        try:
            manifest = self._current(connection)
        except OSError:
            self.give_up()  # no room for a copy: another server has some, or this one later
            return b"", 0
        return encode_manifest(manifest), manifest.index

    def expire(self) -> None:
        """Give up a copy that nobody asks for."""
        if self._file is not None and self._machine.monotonic() - self._used_at > KEPT_SECONDS:
            self.give_up()

    def give_up(self) -> None:
        """Give the copy up."""
        if self._file is not None:
            self._file.close()
        self._file = self._manifest = None
        self._places = []

    def _current(self, connection: apsw.Connection) -> Manifest:
        connection.execute("BEGIN")
        try:
            anchor = read_anchor(connection)
            if self._manifest is None or self._manifest.index < anchor.index:
                self.give_up()
                self._manifest = self._copy(connection)
            return self._manifest
        finally:
            connection.execute("COMMIT")

    def _copy(self, connection: apsw.Connection) -> Manifest:
        self._file = self._machine.files.temporary(self._directory)
        marks = read_marks(connection)
        anchor = read_anchor(connection)
        term, hash_ = anchor.term, anchor.hash
        if marks.applied != anchor.index:
            body = connection.execute("SELECT body FROM log WHERE idx = ?", (marks.applied,)).get
            entry = decode_entry(marks.applied, body)
            term, hash_ = entry.term, entry.hash
        chunks: list[Chunk] = []
        end = 0
        for table in CHUNKED:
            first = blocks_forgotten(marks.ordinal, self._window) if table == "operations" else None
            for rows in _chunks_of(connection, table, first):
                chunk, data = chunk_of(table, rows)
                self._places.append((end, len(data)))
                self._file.write(data, end)
                end += len(data)
                chunks.append(chunk)
        return Manifest(
            self._machine.random_bytes(NAME_BYTES), marks.applied, term, hash_, marks, tuple(chunks)
        )

    def _chunk(self, asked: AskChunk) -> bytes:
        manifest, file = self._manifest, self._file
        if (
            manifest is None
            or file is None
            or manifest.name != asked.name
            or asked.number > len(self._places)
        ):
            return b""
        place, length = self._places[asked.number - 1]
        data = file.read(length, place)
        if hashlib.sha256(data).digest() != manifest.chunks[asked.number - 1].hash:
            self.give_up()
            return b""
        return encode_chunk(asked.name, asked.number, data)

    def _posts(self, connection: apsw.Connection, asked: AskPosts) -> bytes:
        rows: Rows = []
        left = PART_BYTES
        for item in asked.ranges:
            found = _range_rows(connection, item, left)
            rows += found
            left -= sum(len(body) for _, body in found)
            if left <= 0:
                break
        return encode_posts(rows) if rows else b""


def _chunks_of(connection: apsw.Connection, table: str, first: int | None) -> Iterator[Rows]:
    """All rows of a table, so many at a time.

    :param first: keys above this one; None: all.
    """
    key = _KEYS[table]
    after: int | str = first if first is not None else "" if key == "key" else 0
    statement = _ROWS.format(table=table, key=key)
    while True:
        found = connection.execute(statement, (after, CHUNK_ROWS[table])).fetchone()
        assert found is not None
        lengths = list(parse_pairs(found[0]))
        if not lengths:
            return
        yield _checked(table, lengths, found[1])
        after = lengths[-1][0]


def _checked(table: str, lengths: list[tuple[int | str, int]], bodies: bytes | None) -> Rows:
    """Rows, cut from their bodies, each with its checksum right."""
    if bodies is None or len(bodies) != sum(length for _, length in lengths):
        raise Damaged(f"a row of table {table} from {lengths[0][0]} on")
    rows: Rows = []
    start = 0
    for key, length in lengths:
        body = bodies[start : start + length]
        check_seal(table, key, body)
        rows.append((key, body))
        start += length
    return rows


def _range_rows(connection: apsw.Connection, item: Range, bytes_left: int) -> Rows:
    first, last = range_keys(item)
    found = json.loads(connection.execute(_POST_LENGTHS, (first, last, POSTS_LOOKED_AT)).get)
    if not found or found[0][0] != first:
        return []  # a follower that is ahead of this server in this stream
    taken = take_rows([(key, length) for key, length in found], max(bytes_left, 1))
    bodies = connection.execute(_POST_BODIES, (taken[0][0], taken[-1][0])).get
    return _checked("posts", list(taken), bodies)
