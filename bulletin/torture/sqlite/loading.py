"""A memory store's tables, as a database has them: for disks that have lost something, where no history gives what is left."""

from typing import Any, Final

import apsw

from bulletin.core.board.outcome import StreamRow
from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.store.records import (
    SEQ_BITS,
    decode_entry,
    decode_operations,
    decode_post,
    decode_sessions,
    decode_stream,
)
from bulletin.simulation.memory_tables import MemoryTables
from bulletin.storage.database import DAMAGE
from bulletin.storage.tables import read_anchor, read_document, read_hard, read_incarnations, read_marks
from bulletin.torture.sqlite.twin import Shelf

_SEQ_MASK: Final = (1 << SEQ_BITS) - 1


def load(connection: apsw.Connection) -> MemoryTables:
    """All that is in a database, but its hard state.

    :raises Damaged: something of it is damaged.
    """

    def rows(statement: str) -> list[Any]:
        return connection.execute(statement).fetchall()

    tables = MemoryTables(OPERATIONS_REMEMBERED)
    tables.document = read_document(connection)
    tables.anchor, tables.marks = read_anchor(connection), read_marks(connection)
    tables.incarnations = dict(read_incarnations(connection))
    log = rows("SELECT idx, body FROM log ORDER BY idx")
    tables.log = [decode_entry(index, body) for index, body in log if index > tables.anchor.index]
    heads = {}
    for number, body, head in rows(
        "SELECT number, streams.body, heads.body FROM streams LEFT JOIN heads USING (number) ORDER BY number"
    ):
        stream = decode_stream(number, body, head)
        tables.streams[number] = StreamRow(number, stream.kind, stream.name, stream.position)
        heads[number] = stream.seq
    for key, body in rows("SELECT key, body FROM posts ORDER BY key"):
        number, seq = key >> SEQ_BITS, key & _SEQ_MASK
        if seq <= heads.get(number, 0):
            row = tables.streams[number]
            post = decode_post(row.kind, row.name, number, seq, body)
            tables.posts.setdefault(number, []).append(post)
        else:
            tables.ahead.setdefault(number, {})[seq] = body
    for number, body in rows("SELECT number, body FROM operations ORDER BY number"):
        tables.operations[number] = decode_operations(number, body)
    for key, body in rows("SELECT key, body FROM sessions ORDER BY key"):
        sessions = decode_sessions(key, body)
        tables.sessions[sessions.user] = sessions
    tables.incoming = dict(rows("SELECT number, body FROM incoming"))
    return tables


def load_shelf(connection: apsw.Connection) -> Shelf:
    """What a start does not say of a database; a table of it may be damaged, which a start need not notice."""

    def rows(statement: str, *bindings: int) -> list[Any] | None:
        try:
            return connection.execute(statement, bindings).fetchall()
        except DAMAGE:
            return None

    parts = rows("SELECT number, body FROM incoming")
    posts = rows("SELECT key >> ?1, count(*), max(key) & ?2 FROM posts GROUP BY 1", SEQ_BITS, _SEQ_MASK)
    return Shelf(
        None if parts is None else dict(parts),
        None if posts is None else sum(count for _, count, _ in posts),
        None if posts is None else {number: last for number, _, last in posts},
        read_hard(connection).incarnation,
    )
