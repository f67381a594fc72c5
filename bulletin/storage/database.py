"""The database file: made whole or not at all, and opened only when it is this application's and of a known version.

Two connections for the life of a server, since PRAGMAs are per connection: one that writes *and* checkpoints, in the
writer's thread, and one that only reads, in the reader's.  (Before SQLite 3.51.3, two connections that wrote or
checkpointed at the same time could corrupt the WAL; there is no need to, whatever the version.)  SQLITE_BUSY is not
waited for: the directory is locked, so whoever gets it has found a bug.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import apsw
import attrs

from bulletin.core.board.outcome import RestoredBoard
from bulletin.core.log.founding import FOUNDING_INDEX, FOUNDING_TERM, FoundingDocument
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.port import StoreError
from bulletin.core.store.records import Damaged, encode_entry, encode_founding, encode_marks, seal
from bulletin.storage.files import SYSTEM_FILES, Files, coming
from bulletin.storage.schema import (
    APPLICATION_ID,
    BATCH_TRIGGER,
    BATCH_VIEW,
    COMPATIBLE,
    TABLES,
    VERSION,
)
from bulletin.storage.upgrade import upgrade

_HEADER_BYTES: Final = 100
_HEADER_MAGIC: Final = b"SQLite format 3\0"
_APPLICATION_ID_AT: Final = 68
_VERSIONS_AT: Final = 18
_VERSIONS: Final = bytes((2, 2, 0, 64, 32, 32))
"""A write-ahead log, for writing and for reading; nothing reserved in a page; three that SQLite has fixed.  With others it would refuse to
write, or to read, for reasons that sound like the disk's."""
_WRITER_CACHE_KIB: Final = 8192
_READER_CACHE_KIB: Final = 2048


@attrs.frozen
class Log:
    """A log from its first entry on, with what goes with it.

    :param rows: index and body of each row.
    :param terms: (first index, term) of each run.
    :param incarnations: (member, the highest incarnation seen of it).
    """

    rows: Sequence[tuple[int, bytes]]
    terms: Sequence[tuple[int, int]]
    incarnations: Sequence[tuple[bytes, int]] = ()

    @classmethod
    def of(cls, document: FoundingDocument) -> Self:
        """The one that a founding document begins."""
        return cls(((FOUNDING_INDEX, encode_entry(document.entry())),), ((FOUNDING_INDEX, FOUNDING_TERM),))


def create(
    path: Path,
    record: HardRecord,
    name: str,
    files: Files,
    document: FoundingDocument | None = None,
    log: Log | None = None,
) -> None:
    """Make an empty database, synced, its name in the directory too.

    :param record: the server's first hard state.
    :param name: the server's label.
    :param document: the founding document, where the server has one.
    :param log: what the log is to have then; None: the founding document alone.
    :raises OSError: it could not be made.
    :raises apsw.Error: the same.
    """
    with coming(path, files) as draft:
        # SQLite gives its journals the mode of the database.
        files.open(draft, os.O_CREAT | os.O_EXCL).close()
        connection = apsw.Connection(str(draft), vfs=files.vfs)
        try:
            connection.pragma("auto_vacuum", 0)
            connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", "full")
            with connection:
                connection.pragma("application_id", APPLICATION_ID)
                connection.pragma("user_version", VERSION)
                for table in TABLES:
                    connection.execute(table)
                connection.executemany(
                    "INSERT INTO meta VALUES (?, ?)", (("compatible", COMPATIBLE), ("name", name))
                )
                connection.execute("INSERT INTO state VALUES ('hard', ?)", (seal_hard(record),))
                if document is not None:
                    _begin_with(connection, document, log or Log.of(document))
        finally:
            connection.close()  # folds the WAL in and removes it


def _begin_with(connection: apsw.Connection, document: FoundingDocument, log: Log) -> None:
    """What the storing of a founding document leaves, and a log."""
    marks = RestoredBoard.empty(document.users_max, document.channels_max).marks
    connection.executemany(
        "INSERT INTO state VALUES (?, ?)",
        (("founding", encode_founding(document)), ("board", encode_marks(marks))),
    )
    connection.executemany("INSERT INTO log VALUES (?, ?)", log.rows)
    connection.executemany(
        "INSERT INTO terms VALUES (?, ?)",
        ((first, seal("terms", first, (term,))) for first, term in log.terms),
    )
    connection.executemany(
        "INSERT INTO incarnations VALUES (?, ?)",
        (
            (member.hex(), seal("incarnations", member.hex(), (incarnation,)))
            for member, incarnation in log.incarnations
        ),
    )


def seal_hard(record: HardRecord) -> bytes:
    """The row of ``state`` with the hard state."""
    return seal("state", "hard", (record.encode(),))


def open_writer(path: Path, files: Files = SYSTEM_FILES) -> apsw.Connection:
    """The connection that writes, after the file was found to be one that this version may open.

    :raises StoreError: another application's, a newer version's, or damaged where it says so.
    :raises apsw.Error: it cannot be opened or read.
    :raises OSError: the same.
    """
    _check_header(path, files)
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=files.vfs)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        _configure(connection, _WRITER_CACHE_KIB)
        version = _check_version(connection, path)
        if connection.pragma("journal_mode", "wal") != "wal":
            raise StoreError(f"{path} cannot use a write-ahead log: keep it on a local disk.")
        if version < VERSION:
            upgrade(connection, version)
        connection.pragma("wal_autocheckpoint", 0)
        connection.pragma("synchronous", "full")
        connection.execute(BATCH_VIEW)
        connection.execute(BATCH_TRIGGER)
    except BaseException:
        connection.close()
        raise
    return connection


DAMAGE: Final = (
    Damaged,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.SQLError,  # of a schema that is not what it was
    apsw.SchemaChangeError,
    apsw.MismatchError,
    UnicodeDecodeError,
)
"""What says that a database is not what was written: no word of these is about the disk or the system."""


def open_to_salvage(path: Path, files: Files) -> apsw.Connection:
    """A connection to what may be no database any more, which changes nothing in it.

    :raises apsw.Error: it is none.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=files.vfs)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.pragma("query_only", True)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path, files: Files) -> apsw.Connection:
    """The connection that only reads.

    :raises apsw.Error: it cannot be opened.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, vfs=files.vfs)
    try:
        _configure(connection, _READER_CACHE_KIB)
        connection.pragma("query_only", True)
    except BaseException:
        connection.close()
        raise
    return connection


def check_structure(connection: apsw.Connection) -> None:
    """Have SQLite check the trees of the tables that a start reads whole: a row that fell out of one leaves no trace.

    But for ``operations``, the largest one: its rows are numbered.

    :raises Damaged: one is damaged.
    """
    for table in ("meta", "state", "terms", "incarnations", "streams", "heads", "sessions"):
        found = connection.execute(f"PRAGMA quick_check({table})").get
        if found != "ok":
            raise Damaged(f"table {table}: {found}")


def check_all(connection: apsw.Connection) -> None:
    """Have SQLite check all trees: of a database that holds nothing yet, whose tables nobody would read before they are needed.

    :raises Damaged: one is damaged.
    """
    found = connection.execute("PRAGMA quick_check").get
    if found != "ok":
        raise Damaged(str(found))


def _configure(connection: apsw.Connection, cache_kib: int) -> None:
    connection.set_busy_timeout(0)
    connection.pragma("mmap_size", 0)
    connection.pragma("temp_store", 2)  # memory
    connection.pragma("cache_size", -cache_kib)
    connection.pragma("cell_size_check", True)
    connection.pragma("trusted_schema", False)


def _check_header(path: Path, files: Files) -> None:
    """Look before SQLite does: opening another application's file could already change it."""
    file = files.open(path, os.O_RDONLY)
    try:
        header = file.read(_HEADER_BYTES, 0)
    finally:
        file.close()
    if len(header) < _HEADER_BYTES or not header.startswith(_HEADER_MAGIC):
        raise Damaged(f"{path.name} is no database, or its beginning is damaged")
    application = struct.unpack_from(">I", header, _APPLICATION_ID_AT)[0]
    flipped = (application ^ APPLICATION_ID).bit_count()
    if flipped > 1:
        raise StoreError(f"{path} is another application's database: give this server another directory.")
    if flipped or header[_VERSIONS_AT : _VERSIONS_AT + len(_VERSIONS)] != _VERSIONS:
        raise Damaged(f"the header of {path.name}")


def _check_version(connection: apsw.Connection, path: Path) -> int:
    version = connection.pragma("user_version")
    compatible = connection.execute("SELECT value FROM meta WHERE key = 'compatible'").get
    if not isinstance(version, int) or not isinstance(compatible, int):
        raise Damaged(f"{path.name} does not say of which version it is")
    if compatible > VERSION:
        raise StoreError(
            f"{path} was written by a newer version of the server (format {version}, this one knows {VERSION}): "
            "start the newer version."
        )
    return version
