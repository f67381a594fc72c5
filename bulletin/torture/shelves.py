"""What the servers' disks hold once all of them have stopped: posts, what is remembered, what is left of the log."""

from pathlib import Path
from typing import Final

import apsw
import attrs

from bulletin.core.board.chain import chain_after, chain_start
from bulletin.core.board.commands import decode as decode_command
from bulletin.core.board.remembered import Remembered
from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.log.batch import decode_batch
from bulletin.core.log.entry import EntryKind
from bulletin.core.log.port import index_of, position_of
from bulletin.core.store.records import SEQ_BITS, Damaged, decode_entry, decode_post, decode_stream
from bulletin.storage.database import DAMAGE
from bulletin.storage.scrub import Scrubber
from bulletin.storage.tables import (
    LogCheck,
    read_anchor,
    read_board,
    read_document,
    read_hard,
    read_marks,
    read_terms,
    term_at,
)

PLACE_MAX: Final = (1 << SEQ_BITS) - 1

Place = tuple[str, int]
"""A stream and a number in it."""


@attrs.frozen
class Held:
    """A post as a server has it.

    :param chain: the stream's hash up to and with it.
    :param position: where in the log it was made.
    :param id: of the operation.
    :param clock: the board's.
    """

    chain: bytes
    position: int
    id: str
    clock: int


@attrs.define
class Shelf:
    """The board as one server has it.

    :param name: the server's, for a person.
    :param applied: the last entry of the log in its tables.
    :param remembered: the last operations, with their first answers.
    :param forgets: whether there have been more of them than are remembered.
    :param posts: by their places.
    :param terms: (first index, term) of each run of entries of one term, from where its log begins.
    :param entries: the hash of each entry that is in its log still, by index.
    :param broken: what is wrong with it by itself.
    """

    name: str
    applied: int
    remembered: Remembered
    forgets: bool
    posts: dict[Place, Held] = attrs.Factory(dict)
    terms: tuple[tuple[int, int], ...] = ()
    entries: dict[int, bytes] = attrs.Factory(dict)
    broken: list[str] = attrs.Factory(list)

    def term_of(self, index: int) -> int | None:
        """The term of an entry of the log, or None: nothing is known of it any more."""
        return term_at(self.terms, index) if self.terms and self.terms[0][0] <= index else None


def read(directory: Path, name: str) -> Shelf:
    """Read a server's database, which nobody uses.

    :param name: the server's, for a person.
    :raises Damaged: something is not what was written.
    """
    connection = apsw.Connection(str(directory / "board.sqlite"))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    try:
        marks = read_marks(connection)
        board = read_board(connection, read_document(connection), marks, OPERATIONS_REMEMBERED)
        remembered = Remembered(OPERATIONS_REMEMBERED, marks.ordinal, board.operations)
        shelf = Shelf(name, marks.applied, remembered, marks.ordinal > OPERATIONS_REMEMBERED)
        _read_posts(connection, shelf)
        _read_log(connection, shelf)
        _read_all(connection, shelf)
    except Damaged as error:
        raise Damaged(f"{error} of {name}") from error
    finally:
        connection.close()
    return shelf


def _read_all(connection: apsw.Connection, shelf: Shelf) -> None:
    """Every row of every table, as a server's scrubber does in time, and what SQLite itself can say of its file."""
    found = connection.execute("PRAGMA integrity_check").get
    if found != "ok":
        shelf.broken.append(f"the database of {shelf.name} is damaged: {found}")
    scrubber = Scrubber(read_document(connection).identity, 1)
    try:
        while not scrubber.rounds:
            scrubber.step(connection)
    except DAMAGE as error:
        shelf.broken.append(f"the scrubber of {shelf.name} would find: {error}")


def _read_posts(connection: apsw.Connection, shelf: Shelf) -> None:
    name = shelf.name
    heads = dict(connection.execute("SELECT number, body FROM heads"))
    for number, body in connection.execute("SELECT number, body FROM streams ORDER BY number"):
        stream = decode_stream(number, body, heads.get(number))
        chain = chain_start(stream.kind, stream.name)
        seq = 0
        rows = connection.execute(
            "SELECT key, body FROM posts WHERE key BETWEEN ? AND ? ORDER BY key",
            (number << SEQ_BITS, number << SEQ_BITS | PLACE_MAX),
        )
        for key, row in rows:
            seq += 1
            post = decode_post(stream.kind, stream.name, number, key & PLACE_MAX, row)
            if post.seq != seq:
                shelf.broken.append(f"{name} has {stream.name} {post.seq} where {seq} belongs")
                break
            if post.chain != chain_after(chain, post):
                shelf.broken.append(f"the chain of {stream.name} is broken at {seq} on {name}")
            chain = post.chain
            shelf.posts[stream.name, seq] = Held(chain, post.position, post.id, post.clock)
        if stream.seq != seq or stream.chain != chain:
            shelf.broken.append(f"{name} has another end of {stream.name} than its posts")


def _read_log(connection: apsw.Connection, shelf: Shelf) -> None:
    """Read what is left of the log, hold it against its chain and its terms, and the posts against it."""
    anchor, document, record = read_anchor(connection), read_document(connection), read_hard(connection)
    shelf.terms = read_terms(connection, record.last_index, anchor)
    chain = LogCheck(document.identity, anchor.index + 1, anchor.hash)
    logged: dict[int, str] = {}
    for index, row in connection.execute(
        "SELECT idx, body FROM log WHERE idx > ? ORDER BY idx", (anchor.index,)
    ):
        entry = decode_entry(index, row)
        chain.check(entry)
        shelf.entries[index] = entry.hash
        if entry.term != shelf.term_of(index):
            shelf.broken.append(f"{shelf.name} has entry {index} of term {entry.term} in a run of another")
        if entry.kind is EntryKind.OPERATIONS:
            for offset, (_, payload) in enumerate(decode_batch(entry.body), 1):
                logged[position_of(index, offset)] = decode_command(payload).operation.id
    for (stream, seq), held in shelf.posts.items():
        if index_of(held.position) in shelf.entries and logged.get(held.position) != held.id:
            shelf.broken.append(
                f"the log of {shelf.name} has no post {held.id} where {stream} {seq} was made"
            )


def differences(first: Shelf, other: Shelf) -> list[str]:
    """What two servers have that should be the same, in words."""
    found = []
    if other.posts != first.posts:
        differ = {*other.posts.items()} ^ {*first.posts.items()}
        found.append(
            f"{other.name} (at {other.applied}) and {first.name} (at {first.applied}) hold"
            f" different posts, {len(differ)} in number, such as {min(place for place, _ in differ)}"
        )
    end = min(first.applied, other.applied)
    both = (index for index in first.entries.keys() & other.entries.keys() if index <= end)
    other_entries = sorted(index for index in both if first.entries[index] != other.entries[index])
    if other_entries:
        found.append(f"{other.name} and {first.name} have different entries from {other_entries[0]} on")
    return found
