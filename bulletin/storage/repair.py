"""A database that is damaged is put aside, and a new one begun, which a leader's log or tables fill again.

See :func:`bulletin.core.store.recovery.begin_anew` for what makes that safe.  On the disk::

    damaged         written first: from here on every start does all of this, until it is done
    mended.sqlite   is made, whole, with the founding document in it, or all of the log of the damaged one
    board.sqlite    and its write-ahead log get other names
    mended.sqlite   gets its name
    damaged         removed

So a log that is whole has its name until there is another one, also where the disk is full in between.  The hard-state file stays as it is: the new database is its next commit.
"""

import os
from collections.abc import Callable
from typing import Final, TypeVar

import apsw

from bulletin.core.log.entry import NO_ANCHOR, NO_HASH
from bulletin.core.log.founding import FOUNDING_INDEX, FoundingDocument
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.records import decode_entry, decode_founding, encode_founding
from bulletin.core.store.recovery import begin_anew
from bulletin.storage import database
from bulletin.storage.files import replace_durably
from bulletin.storage.hard_state import HardStateFile
from bulletin.storage.server_directory import ServerDirectory, is_full
from bulletin.storage.tables import LogCheck, read_anchor, read_document, read_hard, read_incarnations

FOUNDING_BYTES_MAX: Final = 1 << 20
"""More than a founding document has."""

T = TypeVar("T")


def repair(directory: ServerDirectory, name: str, why: str) -> str:
    """Put the database aside, and begin a new one; on a full disk in the room of the ballast.

    :param name: the server's label.
    :param why: how it is damaged, in words.
    :returns: what an operator should know.
    :raises StoreError: it is not safe; all is as it was.
    :raises OSError: the disk does not let it; to be done again.
    :raises apsw.Error: the same.
    """
    try:
        return _begin_anew(directory, name, why)
    except (apsw.FullError, OSError) as error:
        if not is_full(error) or not directory.give_up_ballast():
            raise
    return _begin_anew(directory, name, why)


def _begin_anew(directory: ServerDirectory, name: str, why: str) -> str:
    file, bad_slots = _read_hard_state(directory)
    damage = f"The database in {directory.path} is damaged ({why})"
    record = _mended(directory, file)
    if record is None:
        salvaged, document, log = _salvage(directory)
        document = read_founding(directory) or document
        record = begin_anew(file, bad_slots, salvaged, document, damage, whole_log=log is not None)
        of_log = log is not None and record.last_index == log.rows[-1][0]
        directory.note_damage(why)
        document = document if record.cluster else None
        database.create(directory.mended, record, name, directory.files, document, log if of_log else None)
    directory.put_database_aside()
    directory.put_mended_in_place()
    directory.end_damage()
    if not record.cluster:
        return f"{damage}: it was put aside, and a new one is begun; there was nothing in it yet."
    if not record.trusted_from:
        return f"{damage}: it was put aside, and a new one is made of its log, which is whole."
    return (
        f"{damage}: it was put aside, and a new one is begun, which the other servers fill. The server does not vote until"
        " it has caught up from them."
    )


def keep_founding(directory: ServerDirectory, document: FoundingDocument) -> None:
    """Have the founding document in a file of its own, too.

    :raises OSError: it cannot be written.
    """
    if read_founding(directory) != document:
        replace_durably(directory.founding, encode_founding(document), directory.files)


def read_founding(directory: ServerDirectory) -> FoundingDocument | None:
    """The document from its own file, or None: it is not there, or damaged."""
    try:
        file = directory.files.open(directory.founding, os.O_RDONLY)
    except OSError:
        return None
    try:
        return _or_none(lambda: decode_founding(file.read(FOUNDING_BYTES_MAX, 0)))
    finally:
        file.close()


def _mended(directory: ServerDirectory, file: HardRecord | None) -> HardRecord | None:
    """The hard state of a new database that an earlier start has made, and not put in place yet; or None."""
    if not directory.files.exists(directory.mended):
        return None
    connection = _or_none(lambda: database.open_to_salvage(directory.mended, directory.files))
    if connection is None:
        return None
    try:
        record = _or_none(lambda: read_hard(connection))
    finally:
        connection.close()
    if record is None or file is None or (record.member, record.commit) != (file.member, file.commit + 1):
        return None
    return record


def _read_hard_state(directory: ServerDirectory) -> tuple[HardRecord | None, int]:
    if not directory.files.exists(directory.hard_state):
        return None, 0
    file = HardStateFile(directory.hard_state, directory.files)
    try:
        return file.read()
    finally:
        file.close()


def _salvage(
    directory: ServerDirectory,
) -> tuple[HardRecord | None, FoundingDocument | None, database.Log | None]:
    """What of the hard state, the founding document and the log can be read in the damaged database."""
    if not directory.files.exists(directory.database):
        return None, None, None
    connection = _or_none(lambda: database.open_to_salvage(directory.database, directory.files))
    if connection is None:
        return None, None, None
    try:
        record = _or_none(lambda: read_hard(connection))
        document = _or_none(lambda: read_document(connection)) or read_founding(directory)
        log = None
        if record is not None and document is not None and document.cluster == record.cluster:
            log = _or_none(lambda: _whole_log(connection, document, record))
        return record, document, log
    finally:
        connection.close()


def _whole_log(
    connection: apsw.Connection, document: FoundingDocument, record: HardRecord
) -> database.Log | None:
    """The log, if it was never trimmed, and each entry follows from the one before, up to the hard state's last.

    :raises Damaged: one does not; or another error of :data:`bulletin.storage.database.DAMAGE`.
    """
    if read_anchor(connection) != NO_ANCHOR:
        return None
    check = LogCheck(document.identity, FOUNDING_INDEX, NO_HASH)
    rows: list[tuple[int, bytes]] = []
    terms: list[tuple[int, int]] = []
    for index, body in connection.execute("SELECT idx, body FROM log ORDER BY idx"):
        entry = decode_entry(index, body)
        check.check(entry)
        rows.append((index, body))
        if not terms or terms[-1][1] != entry.term:
            terms.append((index, entry.term))
    if (check.next - 1, check.hash) != (record.last_index, record.last_hash):
        return None
    return database.Log(rows, terms, read_incarnations(connection))


def _or_none(read: Callable[[], T]) -> T | None:
    """What can be read of something that is damaged."""
    try:
        return read()
    except (*database.DAMAGE, apsw.Error, ValueError, TypeError, OSError):
        return None
