"""The server's store as its role sees it: one interface, with SQLite behind it, or memory in tests.

Every method is called in the reactor's thread and returns at once.  Every ``done`` is called later, in the reactor's
thread too (through the ``call_from_thread`` that the store was made with), in the order of the calls of its method.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import attrs

from bulletin.core.board.history import Page, PageQuery
from bulletin.core.board.outcome import Applied, RestoredBoard
from bulletin.core.limits import MIB
from bulletin.core.log.entry import Entry
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.raft.ready import Fetch, Persist, Restored, Taken

CallFromThread = Callable[..., object]
"""``reactor.callFromThread``: has a function called, with the arguments after it, in the reactor's thread, in order."""

BACKLOG_BYTES_MAX: Final = 64 * MIB
"""Bytes under way to the disk (:attr:`Store.backlog`) above which a server should take nothing new.

The store itself refuses nothing: what reaches it is bounded by the node's uncommitted tail and by the windows of its
leader, and a server that dropped a ``Persist`` could not go on.
"""


class StoreError(Exception):
    """The store cannot be used; the message is one sentence (or two) that says what to do."""


class StoreFull(StoreError):
    """The disk is full.  Nothing more is written before :meth:`Store.resume` has found room; pages are still read."""


class StoreLow(StoreFull):
    """The disk is full, and the reserve is given up: writes go on in its room, for a little."""


class StoreBusy(StoreError):
    """Another process uses the directory."""


class StoreDamaged(StoreError):
    """Something in the database is not what was written: ``what``, in words."""

    def __init__(self, sentence: str, what: str) -> None:
        super().__init__(sentence)
        self.what = what


def damaged(place: str, what: str) -> StoreDamaged:
    """The error for a database in which something is not what was written."""
    return StoreDamaged(
        f"The database in {place} is damaged ({what}): start the server again, and it is put aside and made anew.",
        what,
    )


Failed = Callable[[StoreError], None]
"""Called in the reactor's thread: a write or a sync failed, or what was read is damaged.

No ``done`` of a write is called afterwards, nothing is tried again: after a failed sync nobody knows what is on the
disk.  The process has to end.  ``str(error)`` is the sentence for the operator.

A full disk is another matter: what could not be written was rolled back, which is known.  First :class:`StoreLow` comes, and all is
done yet; then, if the reserve is used up too, :class:`StoreFull`: now no ``done`` of a write comes any more, but the server
may go on reading pages, and :meth:`Store.resume` puts an end to it.
"""


@attrs.frozen
class Opened:
    """What a store holds at its start.

    :param member: the random id on this disk, 16 bytes; made and synced when the directory was new.
    :param restored: the log and the hard state; None while the server is empty (no founding document yet).
    :param board: the tables; None while the server is empty.
    :param learnt: where fellow servers are, by member id, as :meth:`Store.remember` was told last.
    :param notes: what an operator should know of this start, one sentence each; most often none.
    :param full: the disk is full, the sentence that says so: pages can be read, and nothing written before
        :meth:`Store.resume`; None: it is not.
    """

    member: bytes
    restored: Restored | None
    board: RestoredBoard | None
    notes: tuple[str, ...] = ()
    learnt: Mapping[bytes, str] = attrs.Factory(dict)
    full: str | None = None


class Store(Protocol):
    """One server's disk."""

    @property
    def backlog(self) -> int:
        """Bytes (about) of writes that were asked for and are not done: see :data:`BACKLOG_BYTES_MAX`."""

    def open(self) -> Opened:
        """Lock the directory, check what is there, raise the incarnation, start the threads.

        Blocks: call it once, before the server takes part.

        A database that is damaged, here or when it was last used, is put aside, and a new one begun, as far as that is safe
        (:func:`bulletin.core.store.recovery.begin_anew`).

        :raises StoreError: in use, damaged beyond that, newer, or another cluster's or server's.
        :raises StoreFull: the disk is so full that nothing can be read either; opening it may be tried again.
        """

    def found(self, document: FoundingDocument, done: Callable[[Restored, RestoredBoard], None]) -> None:
        """Store the founding document as entry 1, synced; then the server has data.  Asked for once, while empty."""

    def write(self, persist: Persist | None, applied: Applied | None, done: Callable[[], None]) -> None:
        """Store a ``Persist``, or rows that were applied, or both as one.

        When ``done`` is called, the ``Persist`` is synced; the rows are in the tables, and :meth:`page` sees them (they
        get no sync of their own).  Calls that come while one batch is being synced make up the next one.

        Entries that are applied must have been given in this call's or an earlier ``persist``.
        """

    def page(self, query: PageQuery, done: Callable[[Page], None]) -> None:
        """Read one page of history, in the reader's thread.  A stream that is not there has no posts."""

    def fetch(self, fetch: Fetch, done: Callable[[Sequence[Entry]], None]) -> None:
        """Read entries of the log, in the reader's thread; the hash of each is checked.

        Fewer come, or none, where the log ends before ``fetch.last`` (it may have been truncated meanwhile, and
        entries whose write is not done are not there yet), or where they are very many; none where the first is trimmed.
        """

    def give(self, ask: bytes, done: Callable[[bytes, int], None]) -> None:
        """Read a part of the tables for a fellow server, in the reader's thread; see :mod:`bulletin.core.store.parts`.

        ``done`` is called with the part (empty: there is none) and the index of the tables, or 0 where that is not said.
        """

    def take(self, body: bytes | None, done: Callable[[Taken], None]) -> None:
        """Take in a part of a fellow's tables, after the writes before; what is in the own tables stays as it is.

        :param body: see :class:`bulletin.core.raft.ready.Take`.  Whatever it is, it does no harm.
        """

    def install(self, done: Callable[[Restored, RestoredBoard], None]) -> None:
        """Put the tables that were taken in into the place of the own ones, all or nothing, synced, after the writes before.

        To be asked for when :meth:`take` has said that nothing is missing; nothing is to be written until it is done.
        The incarnation is raised, as by a start: ``done`` gets what a start would find.
        """

    def distrust(self, why: str) -> None:
        """The tables are not what they should be, as the others say: the next start puts them aside.

        :param why: in words, for the next start's note.
        """

    def resume(self, done: Callable[[Restored | None, RestoredBoard | None], None]) -> None:
        """Look for room, after the writes that were asked for; if there is enough, go on from what is on the disk.

        To be asked for once the server has stepped aside and writes nothing more.  The reserve is taken again, and the
        incarnation raised, as by a start: ``done`` gets what a start would find, or None twice: there is no room.
        """

    def remember(self, learnt: Mapping[bytes, str], done: Callable[[str | None], None]) -> None:
        """Keep where fellow servers are, for :attr:`Opened.learnt` of the next start.

        It is advice: not synced, and gone where the file is damaged.  ``done`` gets why it could not be kept, or None.
        """

    def close(self, done: Callable[[], None]) -> None:
        """Finish what was asked, end the threads, release the directory."""
