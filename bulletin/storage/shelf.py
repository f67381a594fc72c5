"""The shelf in the database: where parts of another server's tables are kept, and how they are put in place.

In the writer's thread.  What comes is stored without a sync: what a power cut takes is asked for again.  Putting it in
place is one transaction, which replaces what changes, and leaves the posts where they are.
"""

import json
from collections.abc import Sequence
from typing import Final

import apsw
import attrs

from bulletin.core.board.outcome import Marks, StreamKind
from bulletin.core.board.remembered import blocks_forgotten
from bulletin.core.log.entry import Anchor
from bulletin.core.raft.log import ENTRY_OVERHEAD
from bulletin.core.raft.ready import Taken
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.intake import Intake
from bulletin.core.store.parts import Manifest, Refused, Rows
from bulletin.core.store.records import (
    LOG_HEAD_BYTES,
    POST_CHAIN,
    SEQ_BITS,
    Damaged,
    decode_entry,
    decode_stream,
    encode_anchor,
    encode_marks,
    hash_in,
    post_key,
    seal,
    unseal,
)
from bulletin.storage.database import seal_hard
from bulletin.storage.schema import LENGTH_BITS
from bulletin.storage.tables import read_marks

_LENGTH_MASK: Final = (1 << LENGTH_BITS) - 1
_SEQ_MASK: Final = (1 << SEQ_BITS) - 1

_PUT: Final = (
    f"INSERT OR REPLACE INTO {{table}} SELECT key, substr(?1, value >> {LENGTH_BITS}, value & {_LENGTH_MASK})"
    " FROM json_each(?2)"
)
_COUNT: Final = "SELECT n FROM conversations WHERE inbox = ? AND sender = ? ORDER BY clock DESC LIMIT 1"


class DatabaseShelf:
    """Implements :class:`bulletin.core.store.parts.Shelf`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection: Final = connection

    def applied(self) -> Marks:
        """The marks of the own tables."""
        return read_marks(self._connection)

    def streams(self) -> int:
        """How many streams there are in the own tables."""
        return int(self._connection.execute("SELECT coalesce(max(number), 0) FROM streams").get)

    def stream(self, number: int) -> tuple[StreamKind, str] | None:
        """A stream's kind and name, if it is in the own tables."""
        body = self._connection.execute("SELECT body FROM streams WHERE number = ?", (number,)).get
        if body is None:
            return None
        stream = decode_stream(number, body, None)
        return stream.kind, stream.name

    def get(self, number: int) -> bytes | None:
        """What was put under a number."""
        body = self._connection.execute("SELECT body FROM incoming WHERE number = ?", (number,)).get
        return body if isinstance(body, bytes) else None

    def put(self, number: int, data: bytes) -> None:
        """Keep something under a number."""
        self._connection.execute("INSERT OR REPLACE INTO incoming VALUES (?, ?)", (number, data))

    def numbers(self) -> set[int]:
        """Under which numbers something was put."""
        return set(json.loads(self._connection.execute("SELECT json_group_array(number) FROM incoming").get))

    def clear(self) -> None:
        """Throw away what was put; the posts stay."""
        self._connection.execute("DELETE FROM incoming")

    def last_post(self, stream: int) -> tuple[int, bytes]:
        """Number and chain hash of a stream's last post, those that only came included."""
        row = self._connection.execute(
            "SELECT key, body FROM posts WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1",
            (post_key(stream, 0), post_key(stream, _SEQ_MASK)),
        ).fetchone()
        if row is None:
            return 0, b""
        return row[0] & _SEQ_MASK, unseal("posts", row[0], row[1])[POST_CHAIN]

    def chain(self, stream: int, seq: int) -> bytes | None:
        """The chain hash of a post, those that only came included."""
        key = post_key(stream, seq)
        body = self._connection.execute("SELECT body FROM posts WHERE key = ?", (key,)).get
        return None if body is None else unseal("posts", key, body)[POST_CHAIN]

    def put_posts(
        self, rows: Sequence[tuple[int, int, bytes]], private: Sequence[tuple[int, str, int, int]]
    ) -> None:
        """Keep posts."""
        put_rows(self._connection, "posts", [(post_key(stream, seq), body) for stream, seq, body in rows])
        counts: dict[tuple[int, str], int] = {}
        numbered = []
        for inbox, sender, clock, seq in private:
            side = inbox, sender
            if side not in counts:
                count = self._connection.execute(_COUNT, side).get or 0
                if not isinstance(count, int):
                    raise Damaged(f"a row of table conversations of inbox {inbox}")
                counts[side] = count
            counts[side] += 1
            numbered.append((inbox, sender, clock, counts[side], seq))
        self._connection.executemany("INSERT OR REPLACE INTO conversations VALUES (?, ?, ?, ?, ?)", numbered)


def put_rows(connection: apsw.Connection, table: str, rows: Rows) -> None:
    """Put sealed rows into a table, by one step of a statement."""
    places = {}
    end = 1  # SQLite counts from 1
    for key, body in rows:
        places[key] = end << LENGTH_BITS | len(body)
        end += len(body)
    bodies = b"".join(body for _, body in rows)
    connection.execute(_PUT.format(table=table), (bodies, json.dumps(places)))


class Incoming:
    """Another's tables, on their way into this database."""

    def __init__(self, connection: apsw.Connection, window: int) -> None:
        """Nothing is read yet.

        :param window: operations remembered.
        """
        self._connection: Final = connection
        self._window: Final = window
        self._intake: Final = Intake(DatabaseShelf(connection))

    def take(self, body: bytes | None) -> Taken:
        """Take a part in, in one transaction.

        :raises Damaged: the own tables do not fit those of the sender.
        """
        with self._connection:
            taken = self._intake.take(body)
        return taken  # noqa: RET504 - the transaction has to end before

    def install(self, record: HardRecord) -> HardRecord:
        """Put in place what came, in one transaction; the hard state with it, which is to be written to the file then.

        A log that has the entry at the tables' index stays above it; one that has another, or none, is gone.

        :param record: as it was.
        """
        connection, manifest = self._connection, self._intake.manifest
        assert manifest.index > read_marks(connection).applied, "tables are put in place of later ones"
        assert manifest.term <= record.term, "tables of a term that is not known"
        with connection:
            self._put_tables(manifest)
            last_index, last_hash = self._cut_log(manifest, record)
            record = attrs.evolve(
                record,
                commit=record.commit + 1,
                incarnation=record.incarnation + 1,
                last_index=last_index,
                last_hash=last_hash,
                log_size=self._log_size(manifest.index),
            )
            anchor = Anchor(manifest.index, manifest.term, manifest.hash)
            put_rows(
                connection,
                "state",
                [
                    ("board", encode_marks(manifest.marks)),
                    ("anchor", encode_anchor(anchor)),
                    ("hard", seal_hard(record)),
                ],
            )
            connection.execute("DELETE FROM incoming")
        return record

    def _put_tables(self, manifest: Manifest) -> None:
        connection = self._connection
        present = DatabaseShelf(connection).numbers()
        for number, chunk in enumerate(manifest.chunks, 1):
            if number in present:
                put_rows(connection, chunk.table, self._rows_of(number))
        connection.execute(
            "DELETE FROM operations WHERE number <= ?",
            (blocks_forgotten(manifest.marks.ordinal, self._window),),
        )

    def _rows_of(self, number: int) -> Rows:
        try:
            return self._intake.rows_of(number)
        except Refused as error:
            raise Damaged(f"row {number} of table incoming") from error

    def _cut_log(self, manifest: Manifest, record: HardRecord) -> tuple[int, bytes]:
        """Where the log ends: beyond the tables, if it goes on from them; else where they do."""
        connection, index = self._connection, manifest.index
        body = connection.execute("SELECT body FROM log WHERE idx = ?", (index,)).get
        same = False
        if body is not None and index <= record.last_index:
            same = hash_in(body, index) == manifest.hash and decode_entry(index, body).term == manifest.term
        if same:
            connection.execute("DELETE FROM terms WHERE first <= ?", (index,))
        else:
            connection.execute("DELETE FROM log WHERE idx > ?", (index,))
            connection.execute("DELETE FROM terms")
        put_rows(connection, "terms", [(index, seal("terms", index, (manifest.term,)))])
        return (record.last_index, record.last_hash) if same else (index, manifest.hash)

    def _log_size(self, anchor: int) -> int:
        """Bytes in the log, as :attr:`bulletin.core.raft.log.RaftLog.size` counts them."""
        length = self._connection.execute(
            "SELECT coalesce(sum(length(body) + ?), 0) FROM log WHERE idx > ?",
            (ENTRY_OVERHEAD - LOG_HEAD_BYTES, anchor),
        ).get
        assert isinstance(length, int)
        return length


SWEEP_ROWS: Final = 256
"""Rows of the log below its anchor that are removed at once, at most …"""

SWEEP_BYTES: Final = 1 << 20
"""… and bytes of them, unless it is one row."""


def sweep(connection: apsw.Connection, anchor: int) -> int:
    """Remove a few of the oldest rows up to the log's anchor; says how many."""
    lengths = json.loads(
        connection.execute(
            "SELECT json_group_array(json_array(idx, coalesce(length(body), 0)))"
            " FROM (SELECT idx, body FROM log WHERE idx <= ? ORDER BY idx LIMIT ?)",
            (anchor, SWEEP_ROWS),
        ).get
    )
    total = 0
    last = None
    for count, (index, length) in enumerate(lengths):
        total += length
        if count and total > SWEEP_BYTES:
            break
        last = index
    if last is None:
        return 0
    connection.execute("DELETE FROM log WHERE idx <= ?", (last,))
    connection.execute(
        "DELETE FROM terms WHERE first < (SELECT max(first) FROM terms WHERE first <= ?)", (anchor,)
    )
    return len(lengths)
