"""The scrubber: reads everything in small slices, over and over, so that damage is found before it is needed.

Each slice is one short transaction of the reader's, and closes its statements: one that was left in the midst of its rows
would keep the connection's view of the database, commit or not, and pages would lack what was written since.  A round goes through the log (as far as it is applied: what is above
may still be truncated, and was checked at the start), the posts, and the smaller tables.  In the first round the log comes
without pauses: a start checks only its end.

Of another server's tables, as far as they have come, it finds pages that cannot be read, and no more: each part is held against
its hash before it is put in place, and asked for again if it is another, for which no database has to be put aside.

What it cannot find: rows of ``incarnations`` and ``sessions`` that are gone without a trace.
"""

import json
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, Final

import apsw

from bulletin.core.board.outcome import StreamKind
from bulletin.core.log.entry import NO_HASH, LogIdentity
from bulletin.core.log.founding import FOUNDING_INDEX
from bulletin.core.store.records import (
    POST_CLOCK,
    POST_USER,
    SEQ_BITS,
    Damaged,
    decode_correspondent,
    decode_entry,
    decode_operations,
    decode_sessions,
    decode_stream,
    post_key,
    unseal,
)
from bulletin.storage.tables import (
    LogCheck,
    read_anchor,
    read_document,
    read_hard,
    read_incarnations,
    read_marks,
    read_terms,
)

SLICE_ROWS: Final = 200
"""Rows that one slice reads at most."""

SLICE_BYTES: Final = 256 * 1024
"""Bytes that one slice reads at most, unless it is one row."""

_SEQ_LAST: Final = (1 << SEQ_BITS) - 1

Step = Generator[None, apsw.Connection, None]
"""Reads a slice from each connection that it is sent, and ends with its table."""


class Scrubber:
    """The state of a round.

    :param identity: of the log.
    :param checked_from: entries from here on were checked at the start.
    """

    def __init__(self, identity: LogIdentity, checked_from: int) -> None:
        self._identity: Final = identity
        self._checked_from = checked_from
        self._hurry = checked_from > FOUNDING_INDEX
        self.rounds = 0
        """Rounds that were completed."""
        self._round = self._next_round()
        next(self._round)

    @property
    def hurry(self) -> bool:
        """Whether the next slice is of entries that nobody has checked since the start."""
        return self._hurry

    def step(self, connection: apsw.Connection) -> None:
        """Read the next slice.

        :raises Damaged: something is not what was written.
        """
        connection.execute("BEGIN")
        try:
            self._round.send(connection)
        finally:
            connection.execute("COMMIT")

    def _next_round(self) -> Step:
        while True:
            yield from self._log()
            self._hurry = False
            yield from self._streams()
            yield from self._posts()
            yield from self._rows("correspondents", "key", "", decode_correspondent)
            yield from self._rows("operations", "number", 0, decode_operations)
            yield from self._rows("sessions", "key", "", decode_sessions)
            yield from self._incoming()
            yield from self._small()
            self.rounds += 1

    def _log(self) -> Step:
        """The log up to what is applied; in the first round, up to what was checked at the start."""
        check = LogCheck(self._identity, FOUNDING_INDEX, NO_HASH)
        while True:
            connection = yield
            anchor = read_anchor(connection)
            if check.next <= anchor.index:
                check = LogCheck(self._identity, anchor.index + 1, anchor.hash)
            last = read_marks(connection).applied
            if self._hurry:
                last = min(last, self._checked_from - 1)
            first = check.next
            total = 0
            rows = connection.execute(
                "SELECT idx, body FROM log WHERE idx BETWEEN ? AND ? ORDER BY idx LIMIT ?",
                (first, last, SLICE_ROWS),
            )
            with closing(rows):
                for index, body in rows:
                    check.check(decode_entry(index, body))
                    total += len(body)
                    if total > SLICE_BYTES:
                        break
            if first <= last and check.next == first:
                raise Damaged(f"row {first} of table log")
            if check.next > last:
                return

    def _streams(self) -> Step:
        """The streams and their heads; each head's post must be there."""
        after = 0
        while True:
            connection = yield
            rows: list[Any] = connection.execute(
                "SELECT number, streams.body, heads.body FROM streams LEFT JOIN heads USING (number)"
                " WHERE number > ? ORDER BY number LIMIT ?",
                (after, SLICE_ROWS),
            ).fetchall()
            last_posts = []
            for number, body, head in rows:
                stream = decode_stream(number, body, head)
                after += 1
                if number != after:
                    raise Damaged(f"row {after} of table streams")
                if stream.seq:
                    last_posts.append(post_key(number, stream.seq))
            found = connection.execute(
                "SELECT count(*) FROM json_each(?) JOIN posts ON posts.key = value", (json.dumps(last_posts),)
            ).get
            if found != len(last_posts):
                raise Damaged("the last post of a stream, in table posts,")
            if not rows:
                return

    def _posts(self) -> Step:
        """All posts, stream by stream without a gap, and of an inbox's posts their rows in ``conversations``."""
        number, seq, private, head = 0, 0, False, 0
        while True:
            connection = yield
            rows = connection.execute(
                "SELECT key, body FROM posts WHERE key > ? ORDER BY key LIMIT ?",
                (post_key(number, seq), SLICE_ROWS),
            )
            total = 0
            conversations = []
            ended = True
            with closing(rows):
                for key, body in rows:
                    ended = False
                    if key >> SEQ_BITS != number:
                        number, seq = key >> SEQ_BITS, 0
                        private, head = self._stream(connection, number)
                    seq += 1
                    if seq > head:  # of tables that are being taken in: the rest of the stream is passed over
                        seq = _SEQ_LAST
                        break
                    values = unseal("posts", key, body)
                    if key != post_key(number, seq):
                        raise Damaged(f"row {post_key(number, seq)} of table posts")
                    if private:
                        conversations.append([number, values[POST_USER], values[POST_CLOCK], seq])
                    total += len(body)
                    if total > SLICE_BYTES:
                        break
            self._check_conversations(connection, conversations)
            if ended:
                return

    def _stream(self, connection: apsw.Connection, number: int) -> tuple[bool, int]:
        """Whether a stream is an inbox, and its head; 0 for one that is being taken in."""
        body, head, last = connection.execute(
            "SELECT (SELECT body FROM streams WHERE number = ?1), (SELECT body FROM heads WHERE number = ?1),"
            " (SELECT coalesce(max(number), 0) FROM streams)",
            (number,),
        ).fetchall()[0]
        if body is None:
            assert isinstance(last, int)
            if number > last:
                return False, 0
            raise Damaged(f"row {number} of table streams")
        stream = decode_stream(number, body, head)
        return stream.kind is StreamKind.INBOX, stream.seq

    def _check_conversations(self, connection: apsw.Connection, expected: list[list[Any]]) -> None:
        found = connection.execute(
            "SELECT count(*) FROM json_each(?) JOIN conversations"
            " ON inbox = value ->> 0 AND sender = value ->> 1 AND clock = value ->> 2 AND seq = value ->> 3",
            (json.dumps(expected),),
        ).get
        if found != len(expected):
            raise Damaged("a row of table conversations")

    def _rows(self, table: str, key: str, after: int | str, decode: Callable[[Any, bytes], object]) -> Step:
        """A table of sealed rows."""
        while True:
            connection = yield
            rows: list[Any] = connection.execute(
                f"SELECT {key}, body FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT ?", (after, SLICE_ROWS)
            ).fetchall()
            for row_key, body in rows:
                decode(row_key, body)
            if not rows:
                return
            after = rows[-1][0]

    def _incoming(self) -> Step:
        """Another server's tables, as far as they have come: whether they can be read."""
        after = -1
        while True:
            connection = yield
            rows: Any = connection.execute(
                "SELECT number, body FROM incoming WHERE number > ? ORDER BY number LIMIT ?",
                (after, SLICE_ROWS),
            )
            total = 0
            ended = True
            with closing(rows):
                for number, body in rows:
                    if number <= after or not isinstance(body, bytes):
                        raise Damaged(f"row {number} of table incoming")
                    ended, after = False, number
                    total += len(body)
                    if total > SLICE_BYTES:
                        break
            if ended:
                return

    def _small(self) -> Step:
        connection = yield
        read_hard(connection)
        read_incarnations(connection)
        last_index = connection.execute("SELECT coalesce(max(idx), 0) FROM log").get
        assert isinstance(last_index, int)
        anchor = read_anchor(connection)
        read_terms(connection, max(last_index, anchor.index), anchor)
        read_document(connection)
