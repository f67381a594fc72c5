"""The server's store as its role sees it: one interface, with SQLite behind it, or memory in tests.

Every method is called in the reactor's thread and returns at once.  Every ``done`` is called later, in the reactor's
thread too (through the ``call_from_thread`` that the store was made with), in the order of the calls of its method.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from bulletin.core.board.history import Page, PageQuery
from bulletin.core.board.outcome import Applied, RestoredBoard
from bulletin.core.log.entry import Entry
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.raft.ready import Fetch, Persist, Restored


class StoreError(Exception):
    """The store cannot be used; the message is one sentence that says what to do."""


@attrs.frozen
class Opened:
    """What a store holds at its start.

    :param member: the random id on this disk, 16 bytes; made and synced when the directory was new.
    :param restored: the log and the hard state; None while the server is empty (no founding document yet).
    :param board: the tables; None while the server is empty.
    """

    member: bytes
    restored: Restored | None
    board: RestoredBoard | None


class Store(Protocol):
    """One server's disk."""

    def open(self) -> Opened:
        """Lock the directory, check what is there, raise the incarnation, start the threads.  Blocks: call it once,
        before the server takes part.

        :raises StoreError: in use, damaged, newer, or another cluster's or server's.
        """

    def found(self, document: FoundingDocument, done: Callable[[Restored, RestoredBoard], None]) -> None:
        """Store the founding document as entry 1, synced; then the server has data."""

    def write(self, persist: Persist | None, applied: Applied | None, done: Callable[[], None]) -> None:
        """Store a ``Persist`` (synced when ``done`` is called) and rows that were applied (in the tables when
        ``done`` is called, and visible to :meth:`page`; no sync of their own).  Calls that come while one batch is
        being synced make up the next one.
        """

    def page(self, query: PageQuery, done: Callable[[Page], None]) -> None:
        """Read one page of history, in the reader's thread."""

    def fetch(self, fetch: Fetch, done: Callable[[Sequence[Entry]], None]) -> None:
        """Read entries of the log, in the reader's thread; the hash of each is checked."""

    def close(self, done: Callable[[], None]) -> None:
        """Finish what was asked, end the threads, release the directory."""
