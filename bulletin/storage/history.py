"""Pages of history and stretches of the log, read from the database.

Many rows come by one step of a statement, as the concatenation of their bodies beside the list of their lengths, for
the same reason for which they go in that way (see :mod:`bulletin.storage.schema`): apsw gives up the interpreter's lock
at each step.  No statement returns more than about :data:`CHUNK_BYTES` (and at least one row), so a read transaction
is short: the writer folds its WAL away behind it.

Posts never change, and a stream's head only moves on: so a page may be read by several transactions.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import apsw
import attrs

from bulletin.core.board.history import (
    Page,
    PageQuery,
    Side,
    conversation_sides,
    merge_conversation,
    seq_range,
    trim_page,
)
from bulletin.core.board.outcome import Post, StreamKind
from bulletin.core.limits import MIB
from bulletin.core.log.entry import Entry, LogIdentity
from bulletin.core.raft.ready import Fetch
from bulletin.core.store.records import (
    Damaged,
    correspondent_key,
    decode_correspondent,
    decode_entry,
    decode_head,
    decode_post,
    post_key,
)
from bulletin.storage.tables import LogCheck, read_anchor, read_hash, read_marks

CHUNK_BYTES: Final = 1 * MIB
"""Bytes of rows that one statement returns at most, unless it is one row."""

FETCH_ENTRIES_MAX: Final = 4096
"""Entries that one fetch returns at most."""

_LENGTHS: Final = "SELECT json_group_array(coalesce(length(body), 0)) FROM (SELECT body FROM {table} WHERE {key} BETWEEN ? AND ? ORDER BY {key})"
_BODIES: Final = (
    "SELECT CAST(group_concat(body, '') AS BLOB)"
    " FROM (SELECT body FROM {table} WHERE {key} BETWEEN ? AND ? ORDER BY {key})"
)
_POST_LENGTHS: Final = _LENGTHS.format(table="posts", key="key")
_POST_BODIES: Final = _BODIES.format(table="posts", key="key")
_LOG_LENGTHS: Final = _LENGTHS.format(table="log", key="idx")
_LOG_BODIES: Final = _BODIES.format(table="log", key="idx")
_HEAD: Final = "SELECT body FROM heads WHERE number = ?"
_SIDE: Final = """
    SELECT (SELECT body FROM correspondents WHERE key = ?1),
    (SELECT json_array(clock, n) FROM conversations
        WHERE inbox = ?2 AND sender = ?3 AND clock {beyond} ?4 AND clock <= ?6 ORDER BY clock {back} LIMIT 1),
    (SELECT json_group_array(json_array(clock, n, seq)) FROM (SELECT clock, n, seq FROM conversations
        WHERE inbox = ?2 AND sender = ?3 AND clock {within} ?4 AND clock <= ?6 ORDER BY clock {on} LIMIT ?5))
"""
"""The count of one side of a conversation, the row just before where a page begins, and the page's rows."""

_SIDE_FORWARD: Final = _SIDE.format(beyond="<", within=">=", back="DESC", on="ASC")
_SIDE_BACKWARD: Final = _SIDE.format(beyond=">", within="<=", back="ASC", on="DESC")
_SIDE_LENGTHS: Final = (
    "SELECT json_group_array(coalesce(length(body), 0)) FROM (SELECT body FROM json_each(?) JOIN posts ON posts.key = value"
    " ORDER BY json_each.key)"
)
_SIDE_BODIES: Final = (
    "SELECT CAST(group_concat(body, '') AS BLOB) FROM (SELECT body FROM json_each(?) JOIN posts ON posts.key = value"
    " ORDER BY json_each.key)"
)


@attrs.frozen
class Located:
    """A page's query, and the numbers of the streams that it is read from.

    :param numbers: by name; a name that is not there has no stream.
    """

    query: PageQuery
    numbers: dict[str, int]


def read_page(connection: apsw.Connection, located: Located) -> Page:
    """One page of history.

    :raises Damaged: a row is missing, or not what was written.
    """
    query = located.query
    if query.partner is not None:
        sides = (
            _side_posts(connection, side, located.numbers.get(side.inbox), query)
            for side in conversation_sides(query)
        )
        return merge_conversation(sides, query)
    number = located.numbers.get(query.stream)
    if number is None:
        return Page((), more=False)
    row = connection.execute(_HEAD, (number,)).get
    head = 0 if row is None else decode_head(number, row)[0]
    span = seq_range(query, head)
    posts = _posts(connection, query, number, span.first, span.last)
    return trim_page(posts, query, more=span.more)


def _posts(
    connection: apsw.Connection, query: PageQuery, number: int, first: int, last: int
) -> Iterator[Post]:
    """The posts of a range of ``seq``, in the query's direction, read as they are taken."""
    if last < first:
        return
    keys = (post_key(number, first), post_key(number, last))
    lengths = json.loads(connection.execute(_POST_LENGTHS, keys).get)
    if len(lengths) != last - first + 1:
        raise Damaged(f"a row of table posts between {keys[0]} and {keys[1]}")
    sized = list(zip(range(first, last + 1), lengths, strict=True))
    for chunk in _chunks(sized if query.forward else reversed(sized)):
        low, high = sorted((chunk[0][0], chunk[-1][0]))
        bodies = connection.execute(_POST_BODIES, (post_key(number, low), post_key(number, high))).get
        ascending = chunk if query.forward else chunk[::-1]
        posts = [
            decode_post(query.kind, query.stream, number, seq, body)
            for (seq, _), body in zip(ascending, _cut(bodies, ascending), strict=True)
        ]
        yield from posts if query.forward else reversed(posts)


def _side_posts(
    connection: apsw.Connection, side: Side, number: int | None, query: PageQuery
) -> Iterator[Post]:
    """One side of a conversation, in the query's direction, read as it is taken."""
    if number is None:
        return
    rows = _side_rows(connection, side, number, query)
    if not rows:
        return
    keys = json.dumps([post_key(number, seq) for _, _, seq in rows])
    lengths = json.loads(connection.execute(_SIDE_LENGTHS, (keys,)).get)
    if len(lengths) != len(rows):
        raise Damaged(f"a row of table conversations of inbox {number}")
    clocks = (clock for clock, _, _ in rows)
    for chunk in _chunks(zip((seq for _, _, seq in rows), lengths, strict=True)):
        keys = json.dumps([post_key(number, seq) for seq, _ in chunk])
        bodies = connection.execute(_SIDE_BODIES, (keys,)).get
        for (seq, _), body in zip(chunk, _cut(bodies, chunk), strict=True):
            post = decode_post(StreamKind.INBOX, side.inbox, number, seq, body)
            if post.user != side.sender or post.clock != next(clocks):
                raise Damaged(f"a row of table conversations of inbox {number}")
            yield post


def _side_rows(
    connection: apsw.Connection, side: Side, number: int, query: PageQuery
) -> list[tuple[int, int, int]]:
    """Clock, n and ``seq`` of one more of a side's posts than the query may take, in its direction.

    :raises Damaged: their numbers have a gap, or do not go on where the row before them, or the count, says.
    """
    key = correspondent_key(number, side.sender)
    connection.execute("BEGIN")  # rows beyond the marks are of tables that are being taken in
    try:
        clock = read_marks(connection).clock
        last = clock if side.last is None else min(side.last, clock)
        begin, statement = (side.first, _SIDE_FORWARD) if query.forward else (last, _SIDE_BACKWARD)
        bindings = (key, number, side.sender, begin, query.limit + 1, clock)
        found = connection.execute(statement, bindings).fetchone()
    finally:
        connection.execute("COMMIT")
    assert found is not None
    count = decode_correspondent(key, found[0])
    rows: list[tuple[int, int, int]] = [tuple(row) for row in json.loads(found[2])]
    step = 1 if query.forward else -1
    edge = 0 if query.forward else count + 1
    at = edge if found[1] is None else json.loads(found[1])[1]
    for _, n, seq in rows:
        at += step
        if n != at or not isinstance(seq, int):
            raise Damaged(f"a row of table conversations of inbox {number}")
    if len(rows) <= query.limit and at != (count if query.forward else 1):
        raise Damaged(f"a row of table conversations of inbox {number}")
    return [row for row in rows if side.first <= row[0] <= last]


def read_entries(connection: apsw.Connection, identity: LogIdentity, fetch: Fetch) -> Sequence[Entry]:
    """Entries of the log, each held against its chain; at most :data:`FETCH_ENTRIES_MAX`.

    :raises Damaged: one is missing, or not what was written.
    """
    connection.execute("BEGIN")  # the log may be truncated at any time, but not in the midst of this
    try:
        return _entries(connection, identity, fetch)
    finally:
        connection.execute("COMMIT")


def _entries(connection: apsw.Connection, identity: LogIdentity, fetch: Fetch) -> Sequence[Entry]:
    anchor = read_anchor(connection)
    if fetch.first <= anchor.index:
        return ()
    last = min(fetch.last, fetch.first + FETCH_ENTRIES_MAX - 1)
    lengths = json.loads(connection.execute(_LOG_LENGTHS, (fetch.first, last)).get)
    if not lengths:
        return ()
    check = LogCheck(identity, fetch.first, read_hash(connection, fetch.first - 1, anchor))
    entries: list[Entry] = []
    total = 0
    for chunk in _chunks(zip(range(fetch.first, last + 1), lengths, strict=False)):
        bodies = connection.execute(_LOG_BODIES, (chunk[0][0], chunk[-1][0])).get
        for (index, _), row in zip(chunk, _cut(bodies, chunk), strict=True):
            entry = decode_entry(index, row)
            check.check(entry)
            total += len(entry.body)
            if entries and total > fetch.bytes_max:
                return entries
            entries.append(entry)
    return entries


def _chunks(sized: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Rows with their lengths, in the same order, so many together as one statement may return."""
    chunk: list[tuple[int, int]] = []
    total = 0
    for key, length in sized:
        if chunk and total + length > CHUNK_BYTES:
            yield chunk
            chunk, total = [], 0
        chunk.append((key, length))
        total += length
    if chunk:
        yield chunk


def _cut(bodies: bytes | None, chunk: list[tuple[int, int]]) -> Iterator[bytes]:
    """The bodies of a chunk's rows.

    :raises Damaged: they are not as long as they were said to be.
    """
    if bodies is None or len(bodies) != sum(length for _, length in chunk):
        raise Damaged(f"a row of those from {chunk[0][0]} to {chunk[-1][0]}")
    start = 0
    for _, length in chunk:
        yield bodies[start : start + length]
        start += length
