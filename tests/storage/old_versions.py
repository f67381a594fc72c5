"""Rows of a database as earlier versions of the software had them."""

import msgpack

from bulletin.core.board.sessions import content_hash
from bulletin.core.store.records import decode_sessions, seal


def as_version_2(connection, scribe, window):
    """Make the database of a server that is stopped one of version 2.

    :param scribe: has applied all that is in it.
    """
    connection.execute("DROP TABLE operations")
    connection.execute("CREATE TABLE operations (ordinal INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")
    last = len(scribe.answers)
    for ordinal in range(max(1, last - window + 1), last + 1):
        body = _operation(ordinal, *scribe.answers[ordinal - 1])
        connection.execute("INSERT INTO operations VALUES (?, ?)", (ordinal, body))
    rows = [decode_sessions(*row) for row in connection.execute("SELECT key, body FROM sessions")]
    connection.execute("DELETE FROM sessions")
    for row in rows:
        for session, highest, used in msgpack.unpackb(row.packed):
            key = f"{len(row.user)}:{row.user}:{session}"
            body = seal("sessions", key, (row.user, session, highest, used))
            connection.execute("INSERT INTO sessions VALUES (?, ?)", (key, body))
    connection.execute("INSERT INTO incoming VALUES (0, x'00')")
    _set_version(connection, 2)


def _operation(ordinal, command, answer):
    named = command.operation
    values = (named.scope, named.user, named.id, content_hash(command), answer.code, answer.field)
    more = (answer.id, answer.existing, answer.seq, answer.index, answer.term, answer.chain, answer.clock)
    return seal("operations", ordinal, (*values, *more))


def as_version_1(connection, scribe, window):
    """Make it one of version 1, whose log has all that there ever was."""
    as_version_2(connection, scribe, window)
    connection.execute("DROP TABLE incoming")
    connection.execute("DELETE FROM state WHERE key IN ('founding', 'anchor')")
    _set_version(connection, 1)


def _set_version(connection, version):
    connection.execute("UPDATE meta SET value = ? WHERE key = 'compatible'", (version,))
    connection.pragma("user_version", version)
