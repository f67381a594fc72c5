"""The database's tables, its versions, and the one statement by which a whole batch is stored.

::

    meta           compatible, name        which software may open it; the server's label
    state          hard, board, founding, anchor      the hard state; the marks after what was applied; the founding
                                           document; where the log begins
    log            index -> entry          head and body; checked by its chain.  Rows up to the anchor are rubbish, which
                                           is swept away in small portions
    terms          first index -> term     the runs of entries of one term, so that a start need not read the log
    incarnations   member -> incarnation   the highest seen of each peer
    streams        number -> kind, name, position
    heads          number -> seq, chain, received       of its last post; none while it has no posts
    posts          number · 2^40 + seq -> post          a stream's posts lie next to each other
    conversations  (inbox, sender, clock) -> n, seq     private messages: n is 1, 2, 3, … for each inbox and sender
    correspondents inbox and sender -> n of the last
    operations     number -> a block of remembered operations
    sessions       user -> the highest evicted number of each session
    incoming       number -> part          another server's tables, as far as they have come

All but ``conversations`` are a key and a sealed body (see :mod:`bulletin.core.store.records`).  Its rows are checked in another
way: each against its post, and their numbers have no gap up to the last, so that none is missing from a page unnoticed.

Of a server that takes in another's tables, ``posts`` and ``conversations`` have rows already that its heads and its clock do
not reach yet: nobody sees them before they do, and where the log brings the same rows nevertheless, they are the same.

**One statement.**  apsw gives up the interpreter's lock in every step of a statement, and gets it back only when the
thread that has it gives it up: after 5 ms, where the reactor is busy.  A batch of 64 posts by a statement per row waited
50 ms for the lock (measured; 7 ms as it is done here, of which 1 ms is work).  So the rows of a batch are handed over
as two values per table, a JSON object ``{key: offset · 2^24 + length}`` and one blob that the bodies are cut from, and
an INSTEAD OF trigger on a temporary view puts everything where it belongs: one step, one transaction, which
SQLite begins and commits by itself.

What is declared (``NOT NULL``, a type) holds for what is written: a bit that flips in the head of a record makes NULL of a body, or a
text, and SQLite gives that.  So whoever reads a value checks its type, and a length may be missing.

A file has a *version*, and the version of the oldest software that may still open it, its *compatible* version:
software refuses a file whose compatible version is above its own.
"""

from typing import Final

APPLICATION_ID: Final = 0x42756C42
"""``BulB``, in the header of the file: what tells it from another application's."""

VERSION: Final = 3
"""Of the tables as this module has them; in the header (``user_version``)."""

COMPATIBLE: Final = 3
"""The oldest :data:`VERSION` of software that may open a file of this version."""

INCOMING: Final = "CREATE TABLE incoming (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT"
"""New in version 2."""

OPERATIONS: Final = "CREATE TABLE operations (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT"
"""Had a row an operation before version 3."""

TABLES: Final = (
    INCOMING,
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE state (key TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE log (idx INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
    "CREATE TABLE terms (first INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
    "CREATE TABLE incarnations (member TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE streams (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
    "CREATE TABLE heads (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
    "CREATE TABLE posts (key INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
    """CREATE TABLE conversations (
        inbox INTEGER, sender TEXT, clock INTEGER, n INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (inbox, sender, clock)
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE correspondents (key TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID",
    OPERATIONS,
    "CREATE TABLE sessions (key TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID",
)

BULK: Final = {
    "log": "INSERT",
    "terms": "INSERT",
    "streams": "INSERT",
    "posts": "INSERT",  # or the same is there: see the trigger
    "operations": "INSERT OR REPLACE",
    "heads": "INSERT OR REPLACE",
    "correspondents": "INSERT OR REPLACE",
    "sessions": "INSERT OR REPLACE",
    "incarnations": "INSERT OR REPLACE",
    "state": "INSERT OR REPLACE",
}
"""The tables that a batch puts sealed rows into, and how: a row that is there already is an error where rows never
change."""

LENGTH_BITS: Final = 24

_SINGLES: Final = ("truncate_after", "forget", "conversations")
_COLUMNS: Final = (*_SINGLES, *(f"{table}_{part}" for table in BULK for part in ("keys", "bodies")))
_LENGTH_MASK: Final = (1 << LENGTH_BITS) - 1

_SAME: Final = (
    "ON CONFLICT DO UPDATE SET"
    " body = CASE WHEN body = excluded.body THEN body ELSE RAISE(ABORT, 'a post is another') END"
)

BATCH_VIEW: Final = f"CREATE TEMP VIEW batch AS SELECT {', '.join(f'NULL AS {name}' for name in _COLUMNS)}"

BATCH_TRIGGER: Final = "\n".join(
    (
        "CREATE TEMP TRIGGER store_batch INSTEAD OF INSERT ON batch BEGIN",
        "DELETE FROM log WHERE idx > new.truncate_after;",
        "DELETE FROM terms WHERE first > new.truncate_after;",
        "DELETE FROM operations WHERE number <= new.forget;",
        """INSERT INTO conversations
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(new.conversations)
        WHERE true ON CONFLICT DO UPDATE SET
        n = CASE WHEN n = excluded.n AND seq = excluded.seq THEN n ELSE RAISE(ABORT, 'a conversation is another') END;""",
        *(
            f"""{how} INTO {table}
            SELECT key, substr(new.{table}_bodies, value >> {LENGTH_BITS}, value & {_LENGTH_MASK})
            FROM json_each(new.{table}_keys) WHERE true {_SAME if table == "posts" else ""};"""
            for table, how in BULK.items()
        ),
        "END",
    )
)

STORE_BATCH: Final = f"INSERT INTO batch VALUES ({', '.join('?' * len(_COLUMNS))})"
"""Takes ``truncate_after`` (log rows above it go; None: none), ``forget`` (blocks of operations up to it go; None: none), a
JSON array of rows of ``conversations``, then keys and bodies of each table in the order of :data:`BULK`."""
