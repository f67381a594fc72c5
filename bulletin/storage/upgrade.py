"""From earlier versions of the database to the present one, in one transaction: it is the old one, or the new one.

::

    1   had all of the log, and the founding document in no other place
    2   had a row for each remembered operation, and one for each session of a user

Whatever was stored is checked as it is read, as by a start.
"""

from typing import Final

import apsw

from bulletin.core.board.commands import OperationId, Scope
from bulletin.core.board.outcome import Answer, OperationBlock, OperationRow, SessionsRow
from bulletin.core.board.remembered import (
    BLOCK_OPERATIONS,
    KEY_BYTES,
    block_of,
    operation_record,
    pack_operations,
)
from bulletin.core.board.sessions import operation_key, pack_sessions, session_id
from bulletin.core.log.entry import NO_ANCHOR
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.store.records import (
    Damaged,
    decode_entry,
    encode_anchor,
    encode_founding,
    encode_operations,
    encode_sessions,
    sessions_key,
    unseal,
)
from bulletin.storage.schema import COMPATIBLE, INCOMING, OPERATIONS, VERSION

_NOTHING: Final = bytes(KEY_BYTES)


def upgrade(connection: apsw.Connection, version: int) -> None:
    """Make the present version of an earlier one.

    :raises Damaged: a row is not what was written.
    """
    with connection:
        if version == 1:
            _keep_founding(connection)
        if version <= 2:
            _pack_operations(connection)
            _pack_sessions(connection)
            connection.execute("DELETE FROM incoming")  # packed as before
        connection.execute("UPDATE meta SET value = ? WHERE key = 'compatible'", (COMPATIBLE,))
        connection.pragma("user_version", VERSION)


def _keep_founding(connection: apsw.Connection) -> None:
    connection.execute(INCOMING)
    entry = connection.execute("SELECT body FROM log WHERE idx = 1").get
    if entry is not None:
        document = FoundingDocument.decode(decode_entry(1, entry).body)
        connection.executemany(
            "INSERT INTO state VALUES (?, ?)",
            (("founding", encode_founding(document)), ("anchor", encode_anchor(NO_ANCHOR))),
        )


def _pack_operations(connection: apsw.Connection) -> None:
    """Blocks of rows; where the first one of a block is forgotten, nothing stands in its place."""
    rows = [
        _operation(ordinal, body)
        for ordinal, body in connection.execute("SELECT ordinal, body FROM operations ORDER BY ordinal")
    ]
    if rows and rows[-1].ordinal - rows[0].ordinal + 1 != len(rows):
        raise Damaged("the rows of table operations")
    connection.execute("DROP TABLE operations")
    connection.execute(OPERATIONS)
    if rows:
        begin = (block_of(rows[0].ordinal) - 1) * BLOCK_OPERATIONS
        rows[:0] = [OperationRow(ordinal, _NOTHING, b"") for ordinal in range(begin + 1, rows[0].ordinal)]
    blocks: list[OperationBlock] = []
    for start in range(0, len(rows), BLOCK_OPERATIONS):
        blocks += pack_operations(None, rows[start : start + BLOCK_OPERATIONS])
    connection.executemany(
        "INSERT INTO operations VALUES (?, ?)",
        ((block.number, encode_operations(block)) for block in blocks),
    )


def _operation(ordinal: int, body: object) -> OperationRow:
    """A row of version 2."""
    scope, user, id_, content, *answer = unseal("operations", ordinal, body)
    operation = OperationId(Scope(scope), user, id_)
    record = operation_record(content, Answer(*answer), session_id(operation))
    return OperationRow(ordinal, operation_key(operation), record)


def _pack_sessions(connection: apsw.Connection) -> None:
    sessions: dict[str, list[tuple[str, int, int]]] = {}
    for key, body in connection.execute("SELECT key, body FROM sessions"):
        user, session, highest, used = unseal("sessions", key, body)
        sessions.setdefault(user, []).append((session, highest, used))
    connection.execute("DELETE FROM sessions")
    for user, of_user in sessions.items():
        packed = pack_sessions(sorted(of_user, key=lambda session: session[2]))
        connection.execute(
            "INSERT INTO sessions VALUES (?, ?)",
            (sessions_key(user), encode_sessions(SessionsRow(user, packed))),
        )
