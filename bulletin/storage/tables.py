"""What a start reads: the log's end and its terms, and the rows that the board's state is rebuilt from."""

import json
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

import apsw
import attrs

from bulletin.core.board.outcome import Marks, OperationBlock, RestoredBoard
from bulletin.core.board.remembered import blocks_forgotten, check_blocks
from bulletin.core.limits import MIB
from bulletin.core.log.entry import NO_ANCHOR, Anchor, Entry, LogIdentity, intact
from bulletin.core.log.founding import FOUNDING_INDEX, FoundingDocument
from bulletin.core.raft.ready import HardState, Restored
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.records import (
    Damaged,
    decode_anchor,
    decode_correspondent,
    decode_entry,
    decode_founding,
    decode_marks,
    decode_operations,
    decode_sessions,
    decode_stream,
    hash_in,
    unseal,
)


@attrs.frozen
class LogRead:
    """The log as a start found it.

    :param document: the founding document.
    :param anchor: where the log begins.
    :param entries: all above the applied index.
    :param last_index: of the last entry.
    :param last_hash: its chain hash.
    :param applied_hash: the chain hash at the applied index; of nothing, where that is 0.
    :param terms: (first index, term) of each run.
    :param checked_from: entries from here on were held against the chain.
    """

    document: FoundingDocument
    entries: tuple[Entry, ...]
    last_index: int
    last_hash: bytes
    applied_hash: bytes
    terms: tuple[tuple[int, int], ...]
    checked_from: int
    anchor: Anchor = NO_ANCHOR


def read_hard(connection: apsw.Connection) -> HardRecord:
    """The hard state's row.

    :raises Damaged: it is not what was written.
    """
    body = connection.execute("SELECT body FROM state WHERE key = 'hard'").get
    try:
        return HardRecord.decode(unseal("state", "hard", body)[0])
    except ValueError as error:
        raise Damaged("row hard of table state") from error


def read_marks(connection: apsw.Connection) -> Marks:
    """The board's marks.

    :raises Damaged: they are not what was written.
    """
    body = connection.execute("SELECT body FROM state WHERE key = 'board'").get
    return decode_marks(body)


def read_document(connection: apsw.Connection) -> FoundingDocument:
    """The founding document.

    :raises Damaged: it is not what was written.
    """
    return decode_founding(connection.execute("SELECT body FROM state WHERE key = 'founding'").get)


def read_anchor(connection: apsw.Connection) -> Anchor:
    """Where the log begins.

    :raises Damaged: it is not what was written.
    """
    body = connection.execute("SELECT body FROM state WHERE key = 'anchor'").get
    return NO_ANCHOR if body is None else decode_anchor(body)


CHECK_BYTES: Final = MIB
"""Bytes of the log's end that a start holds against their chain at most, beyond what is not applied."""


def read_log(connection: apsw.Connection, record: HardRecord, applied: int, check_entries: int) -> LogRead:
    """Read the end of the log and hold it against its chain, its terms and the hard state.

    :param applied: everything above it is returned.
    :param check_entries: so many entries at the end are checked at most, and all above ``applied``.
    :raises Damaged: something is not what was written.
    """
    document = read_document(connection)
    if document.cluster != record.cluster:
        raise Damaged("the founding document, against the hard state,")
    anchor = read_anchor(connection)
    if not anchor.index <= applied <= record.last_index:
        raise Damaged("the applied index, against the log's beginning and end,")
    checked_from = max(anchor.index + 1, _check_from(connection, applied, record.last_index, check_entries))
    applied_hash = read_hash(connection, applied, anchor)
    terms = read_terms(connection, record.last_index, anchor)
    chain = LogCheck(document.identity, checked_from, read_hash(connection, checked_from - 1, anchor))
    entries = []
    for index, body in connection.execute(
        "SELECT idx, body FROM log WHERE idx >= ? ORDER BY idx", (checked_from,)
    ):
        entry = decode_entry(index, body)
        chain.check(entry)
        if index > applied:
            entries.append(entry)
        if entry.term != term_at(terms, index):
            raise Damaged("the rows of table terms")
    if chain.next - 1 != record.last_index or chain.hash != record.last_hash:
        raise Damaged("the end of table log, against the hard state,")
    return LogRead(
        document,
        tuple(entries),
        record.last_index,
        record.last_hash,
        applied_hash,
        terms,
        checked_from,
        anchor,
    )


def _check_from(connection: apsw.Connection, applied: int, last_index: int, check_entries: int) -> int:
    """Where to begin: at what is not applied at the latest, else at what can be checked in no time."""
    first, size = applied + 1, 0
    rows = connection.execute(
        "SELECT idx, coalesce(length(body), 0) FROM log WHERE idx BETWEEN ? AND ? ORDER BY idx DESC",
        (last_index - check_entries + 1, applied),
    )
    with closing(rows):
        for index, length in rows:
            size += length
            if size > CHECK_BYTES:
                break
            first = index
    return first


class LogCheck:
    """Holds entries against their chain, one after the other."""

    def __init__(self, identity: LogIdentity, first: int, hash_before: bytes) -> None:
        """Begin before the entry at ``first``."""
        self._identity: Final = identity
        self.next = first
        """The index of the next entry."""
        self.hash = hash_before
        """The chain hash of the last one."""

    def check(self, entry: Entry) -> None:
        """Check the next entry.

        :raises Damaged: it is not the next one, or does not follow.
        """
        if entry.index != self.next or not intact(entry, self.hash, self._identity):
            raise Damaged(f"row {self.next} of table log")
        self.next += 1
        self.hash = entry.hash


def read_hash(connection: apsw.Connection, index: int, anchor: Anchor) -> bytes:
    """The chain hash at an index, which is not below the log's anchor.

    :raises Damaged: there is no such entry.
    """
    if index == anchor.index:
        return anchor.hash
    body = connection.execute("SELECT substr(body, 1, 64) FROM log WHERE idx = ?", (index,)).get
    return hash_in(body, index)


def read_terms(connection: apsw.Connection, last_index: int, anchor: Anchor) -> tuple[tuple[int, int], ...]:
    """(first index, term) of each run of entries of one term, ascending, from the anchor on.

    :raises Damaged: they are not what was written.
    """
    runs: list[tuple[int, int]] = []
    for first, body in connection.execute("SELECT first, body FROM terms ORDER BY first"):
        (term,) = unseal("terms", first, body)
        if runs and term <= runs[-1][1]:
            raise Damaged("the rows of table terms")
        runs.append((first, term))
    first = max(FOUNDING_INDEX, anchor.index)
    while len(runs) > 1 and runs[1][0] <= first:
        del runs[0]
    if not runs or runs[0][0] > first or runs[-1][0] > last_index:
        raise Damaged("the rows of table terms")
    runs[0] = (first, runs[0][1])
    if anchor.index and runs[0][1] != anchor.term:
        raise Damaged("the rows of table terms")
    return tuple(runs)


def term_at(terms: tuple[tuple[int, int], ...], index: int) -> int:
    """The term of the entry at ``index``."""
    for first, term in reversed(terms):
        if first <= index:
            return term
    raise AssertionError("an index before the log")


def read_incarnations(connection: apsw.Connection) -> tuple[tuple[bytes, int], ...]:
    """(member, the highest incarnation seen of it), by member.

    :raises Damaged: one is not what was written.
    """
    incarnations = []
    for member, body in connection.execute("SELECT member, body FROM incarnations ORDER BY member"):
        (incarnation,) = unseal("incarnations", member, body)
        incarnations.append((bytes.fromhex(member), incarnation))
    return tuple(incarnations)


def read_correspondents(connection: apsw.Connection, keys: Sequence[str]) -> dict[str, int]:
    """How many private messages there are for each of some inboxes and senders; by one step of a statement.

    :raises Damaged: a row is not what was written.
    """
    found = connection.execute(
        "SELECT json_group_array(json_array(k.key, hex(c.body)))"
        " FROM json_each(?) AS k JOIN correspondents AS c ON c.key = k.value",
        (json.dumps(keys),),
    ).get
    counts = dict.fromkeys(keys, 0)
    for place, body in json.loads(found):
        counts[keys[place]] = decode_correspondent(keys[place], bytes.fromhex(body))
    return counts


def read_board(
    connection: apsw.Connection, document: FoundingDocument, marks: Marks, window: int
) -> RestoredBoard:
    """Everything that the board's state is rebuilt from.

    :param window: operations remembered.
    :raises Damaged: a row is not what was written, or missing.
    """
    heads = dict(connection.execute("SELECT number, body FROM heads"))
    streams = tuple(
        decode_stream(number, body, heads.pop(number, None))
        for number, body in connection.execute("SELECT number, body FROM streams ORDER BY number")
    )
    if heads or [stream.number for stream in streams] != list(range(1, len(streams) + 1)):
        raise Damaged("the rows of table streams")
    forgotten = blocks_forgotten(marks.ordinal, window)
    rows: Any = connection.execute(
        "SELECT number, body FROM operations WHERE number > ? ORDER BY number", (forgotten,)
    )
    operations = tuple(decode_operations(number, body) for number, body in rows)
    try:
        check_blocks(operations, marks.ordinal, forgotten)
    except ValueError:
        raise Damaged("the rows of table operations") from None
    sessions = tuple(
        decode_sessions(key, body)
        for key, body in connection.execute("SELECT key, body FROM sessions ORDER BY key")
    )
    return RestoredBoard(marks, document.users_max, document.channels_max, streams, operations, sessions)


def read_last_block(connection: apsw.Connection) -> OperationBlock | None:
    """The last block of remembered operations, or None: there is none.

    :raises Damaged: it is not what was written.
    """
    row: Any = connection.execute(
        "SELECT number, body FROM operations ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return None if row is None else decode_operations(*row)


def restored(
    log: LogRead, record: HardRecord, applied: int, incarnations: tuple[tuple[bytes, int], ...]
) -> Restored:
    """What a node starts from."""
    return Restored(
        log.document,
        HardState(record.term, record.vote),
        record.incarnation,
        log.entries,
        log.last_index,
        log.last_hash,
        log.terms,
        applied,
        incarnations,
        record.trusted_from or None,
        log.anchor,
        record.log_size,
    )
