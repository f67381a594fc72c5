"""A database that is damaged is put aside, and a new one begun, which a leader's log or tables fill again.

See :func:`bulletin.core.store.recovery.begin_anew` for what makes that safe.  On the disk::

    damaged        written first: from here on every start does all of this, until it is done
    board.sqlite   and its write-ahead log get other names
    board.sqlite   is made, whole, with the founding document in it
    damaged        removed

The hard-state file stays as it is: the new database is its next commit.
"""

import os
from collections.abc import Callable
from typing import Final, TypeVar

import apsw

from bulletin.core.log.founding import FoundingDocument
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.records import decode_founding, encode_founding
from bulletin.core.store.recovery import begin_anew
from bulletin.storage import database
from bulletin.storage.files import replace_durably
from bulletin.storage.hard_state import HardStateFile
from bulletin.storage.server_directory import ServerDirectory
from bulletin.storage.tables import read_document, read_hard

FOUNDING_BYTES_MAX: Final = 1 << 20
"""More than a founding document has."""

T = TypeVar("T")


def repair(directory: ServerDirectory, name: str, why: str) -> str:
    """Put the database aside, and begin a new one.

    :param name: the server's label.
    :param why: how it is damaged, in words.
    :returns: what an operator should know.
    :raises StoreError: it is not safe; all is as it was.
    :raises OSError: the disk does not let it; to be done again.
    :raises apsw.Error: the same.
    """
    files = directory.files
    salvaged, document = _salvage(directory)
    file, bad_slots = _read_hard_state(directory)
    damage = f"The database in {directory.path} is damaged ({why})"
    document = read_founding(directory) or document
    record = begin_anew(file, bad_slots, salvaged, document, damage)
    directory.note_damage(why)
    directory.put_database_aside()
    database.create(directory.database, record, name, files, document)
    directory.end_damage()
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


def _read_hard_state(directory: ServerDirectory) -> tuple[HardRecord | None, int]:
    if not directory.files.exists(directory.hard_state):
        return None, 0
    file = HardStateFile(directory.hard_state, directory.files)
    try:
        return file.read()
    finally:
        file.close()


def _salvage(directory: ServerDirectory) -> tuple[HardRecord | None, FoundingDocument | None]:
    """What of the hard state and the founding document can be read in the damaged database."""
    if not directory.files.exists(directory.database):
        return None, None
    connection = _or_none(lambda: database.open_to_salvage(directory.database, directory.files))
    if connection is None:
        return None, None
    try:
        return _or_none(lambda: read_hard(connection)), _or_none(lambda: read_document(connection))
    finally:
        connection.close()


def _or_none(read: Callable[[], T]) -> T | None:
    """What can be read of something that is damaged."""
    try:
        return read()
    except (*database.DAMAGE, apsw.Error, ValueError, TypeError, OSError):
        return None
