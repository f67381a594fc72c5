"""The writer: in a thread of its own it takes all writes that have gathered and stores them as one transaction.

::

    reactor   write(1)  write(2) write(3)         done(1)   write(4)        done(2) done(3)
                 │         │        │                ▲          │              ▲      ▲
    writer       └─ batch, sync ────┴── batch, sync ─┴──────────┴── …          └──────┘

For each batch: one statement that commits (and syncs, if there is more in it than applied rows), then the hard-state
file, through to the disk, then the ``done``s.  That order is what everything else rests on.

**Fail-stop.**  When anything here fails (a sync, a write, a row that is there already), the writer stops:
``failed`` is called, nothing that was not acknowledged is, and nothing is tried again.  After a failed sync the system
may have dropped what it could not write, and the next sync would report success.

**A full disk** is no failure of that kind: SQLite could not write, and has rolled back.  The first time the ballast is given up, and the
same is done in its room.  The second time the writer drops what it is given, until a job of its own is to look for room.

**Checkpoints.**  The WAL is folded into the database by this thread as well: when nothing waits and
:data:`CHECKPOINT_PAGES` have been written since, at the latest after :data:`CHECKPOINT_PATIENCE` times as many; writes wait
that long.

**Rubbish.**  Log rows below the anchor are removed in small portions: one after each batch, and one after the other while
nothing waits; those transactions are not synced.  SQLite uses the room again.

**Tables of another server** are taken in and put in place here too, each in its place in the queue.

**Bounds.**  The queue holds what the node has under way; see :attr:`bulletin.core.store.port.Store.backlog`.  A batch
takes at most :data:`BATCH_BYTES` of it (and at least one write).
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import apsw
import attrs

from bulletin.core.limits import MIB
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.port import CallFromThread, Failed, StoreError, damaged
from bulletin.core.store.writes import Write, next_record
from bulletin.storage.batch import Batch
from bulletin.storage.database import DAMAGE, seal_hard
from bulletin.storage.hard_state import HardStateFile
from bulletin.storage.repair import keep_founding
from bulletin.storage.schema import STORE_BATCH
from bulletin.storage.server_directory import ServerDirectory, is_full
from bulletin.storage.shelf import SWEEP_ROWS, Incoming, sweep
from bulletin.storage.tables import read_anchor, read_correspondents, read_last_block

T = TypeVar("T")

BATCH_BYTES: Final = 16 * MIB
"""Bytes (about) after which a batch takes no further write."""

CHECKPOINT_PAGES: Final = 1000
"""Pages of the WAL after which it is folded into the database once nothing waits."""

CHECKPOINT_PATIENCE: Final = 4
"""At so many times as many pages it is folded although something waits."""


@attrs.frozen
class Job:
    """Something else that the writer does between two batches.

    :param run: does it, in the thread.
    :param done: called with what came of it.
    :param revives: it is done although the disk is full, to find out whether it still is.
    """

    run: Callable[["Writer"], object]
    done: Callable[..., object]
    revives: bool = False


class Writer:
    """The writer's work; implements :class:`bulletin.storage.machine.Stepping`.

    The connection and the hard-state file are its own from the first step to the last.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        hard_state: HardStateFile,
        directory: ServerDirectory,
        record: HardRecord,
        *,
        window: int,
        checkpoint_pages: int,
        call_from_thread: CallFromThread,
        failed: Failed,
    ) -> None:
        """Nothing is written yet.

        :param record: as it stands in both places.
        :param window: operations remembered.
        :param checkpoint_pages: see :data:`CHECKPOINT_PAGES`.
        """
        self._connection: Final = connection
        self._hard_state: Final = hard_state
        self._directory: Final = directory
        self._record = record
        self._window: Final = window
        self._checkpoint_pages: Final = checkpoint_pages
        self._call_from_thread: Final = call_from_thread
        self._failed: Final = failed
        self.when_ended: Callable[[], object] = lambda: None
        """Called in the last step, last of all; to be set before :meth:`stop`."""
        self._queue: Final[SimpleQueue[Write | Job | None]] = SimpleQueue()
        self._next_job: Job | None = None
        self._incoming = Incoming(connection, window)
        self._anchor = read_anchor(connection).index
        self._last_block = read_last_block(connection)
        self._rubbish = self._anchor > 0
        self._has_failed = False
        self._told_to_stop = False
        self._full = False
        self._has_ended = False
        self._full_sync = True
        self._pages = 0
        """Of the WAL, written since it was last folded in."""

    def submit(self, write: Write) -> None:
        """Have a write stored after those before it."""
        self._queue.put(write)

    def do(self, job: Job) -> None:
        """Have something else done after the writes before it."""
        self._queue.put(job)

    def take(self, body: bytes | None) -> object:
        """Take a part of another's tables in; in the thread."""
        self._synchronous(full=False)
        return self._incoming.take(body)

    def install(self) -> HardRecord:
        """Put another's tables in place; in the thread."""
        self._synchronous(full=True)
        record = self._incoming.install(self._record)
        self._hard_state.write(record)
        self._record = record
        self._anchor = read_anchor(self._connection).index
        self._last_block = read_last_block(self._connection)
        self._rubbish = True
        return record

    @property
    def trimmed(self) -> bool:
        """Whether the log lacks its beginning; in any thread."""
        return self._anchor > 0

    @property
    def hard_state(self) -> HardStateFile:
        """For jobs, in the thread."""
        return self._hard_state

    @property
    def connection(self) -> apsw.Connection:
        """For jobs, in the thread."""
        return self._connection

    def stop(self) -> None:
        """Have the work end after the writes so far."""
        self._queue.put(None)

    # In the thread

    def step(self, *, wait: bool) -> bool:
        """Store what has gathered, or do one other thing; while there is neither, sweep."""
        if self._has_ended:
            return False
        did = True
        try:
            if self._has_failed:
                did = self._drop(wait=wait)
            elif self._full:
                did = self._await_room(wait=wait)
            else:
                did = self._store_next(wait=wait)
                if self._told_to_stop:
                    self._fold(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except DAMAGE as error:
            self._fail(damaged(str(self._directory.path), str(error)))
        except (apsw.FullError, OSError) as error:
            self._failed_to_write(error)
        except apsw.Error as error:
            self._fail(self._refusal(f"{type(error).__name__}: {error}"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the server must not go on without its disk
            self._fail(self._refusal(f"{type(error).__name__}: {error}"))
        if self._told_to_stop:
            self._end()
        return did

    def _end(self) -> None:
        self._has_ended = True
        try:
            self._connection.close()
            self._hard_state.close()
        finally:
            self.when_ended()

    def _await_room(self, *, wait: bool) -> bool:
        """Drop a write, or do what is to find out whether there is room."""
        try:
            asked = self._queue.get(block=wait)
        except Empty:
            return False
        self._told_to_stop = asked is None
        if isinstance(asked, Job) and asked.revives:
            self._call_from_thread(asked.done, asked.run(self))
        return True

    def revive(self, record: HardRecord) -> None:
        """There is room again; in the thread, by a job.

        :param record: to be stored in both places, before anything else.
        """
        self._synchronous(full=True)
        self._connection.execute(STORE_BATCH, Batch(self._window).bindings(seal_hard(record), {}))
        self._hard_state.write(record)
        self._record = record
        self._anchor = read_anchor(self._connection).index
        self._last_block = read_last_block(self._connection)
        self._rubbish = self._anchor > 0
        self._incoming = Incoming(self._connection, self._window)
        self._full = False

    def _in_room(self, action: Callable[[], T]) -> T:
        """Do something that is rolled back where the disk is full, if need be once more in the room of the ballast."""
        try:
            return action()
        except apsw.FullError:
            if not self._directory.give_up_ballast():
                raise
        self._call_from_thread(self._failed, self._directory.low())
        return action()

    def _failed_to_write(self, error: Exception) -> None:
        if is_full(error):
            self._full, self._next_job = True, None
            self._call_from_thread(self._failed, self._directory.full())
        else:
            self._fail(self._refusal(str(error)))

    def _fail(self, error: StoreError) -> None:
        self._has_failed = True
        self._call_from_thread(self._failed, error)

    def _drop(self, *, wait: bool) -> bool:
        """Drop a write: nothing is acknowledged any more."""
        try:
            self._told_to_stop = self._queue.get(block=wait) is None
        except Empty:
            return False
        return True

    def _refusal(self, what: str) -> StoreError:
        return StoreError(
            f"Writing to {self._directory.path} failed ({what}): what was under way may or may not be on the disk; "
            "check the disk, then start the server again."
        )

    def _store_next(self, *, wait: bool) -> bool:
        batch = Batch(self._window, self._last_block)
        while self._next_job is None and (
            not batch.writes or (batch.weight < BATCH_BYTES and not self._queue.empty())
        ):
            if not batch.writes and self._rubbish and self._queue.empty():
                self._sweep(SWEEP_ROWS)
                self._consider_fold()
                return True
            try:
                write = self._queue.get(block=wait)
            except Empty:
                return False
            if write is None:
                self._told_to_stop = True
                break
            if isinstance(write, Job):
                self._next_job = write
                break
            batch.add(write)
        if batch.writes:
            self._commit(batch)
            self._call_from_thread(_call_all, self._call_from_thread, batch.writes)
            self._sweep(batch.entries)
            self._consider_fold()
        elif self._next_job is not None:
            job, self._next_job = self._next_job, None
            self._call_from_thread(job.done, job.run(self))
            self._consider_fold()
        return True

    def _sweep(self, rows: int) -> None:
        """Remove some rows below the log's anchor: more than came, so that they grow fewer."""
        swept = 0
        while self._rubbish and swept <= rows:
            self._synchronous(full=False)
            count = self._in_room(self._sweep_some)
            self._rubbish = count > 0
            swept += count

    def _sweep_some(self) -> int:
        with self._connection:
            count = sweep(self._connection, self._anchor)
        return count  # noqa: RET504 - the transaction has to end before

    def _commit(self, batch: Batch) -> None:
        if batch.anchor is not None:
            self._anchor = batch.anchor.index
            self._rubbish = True
        record = next_record(self._record, batch.writes)
        correspondents = batch.correspondents()
        counts = read_correspondents(self._connection, correspondents) if correspondents else {}
        for write in batch.writes:
            if write.founding is not None:
                keep_founding(self._directory, write.founding)
        if record is not None:
            self._synchronous(full=True)
            self._store(batch.bindings(seal_hard(record), counts))
            self._hard_state.write(record)
            self._record = record
        elif batch.marks is not None:
            self._synchronous(full=False)
            self._store(batch.bindings(None, counts))
        self._last_block = batch.last_block

    def _store(self, bindings: tuple[Any, ...]) -> None:
        self._in_room(lambda: self._connection.execute(STORE_BATCH, bindings))

    def _synchronous(self, *, full: bool) -> None:
        """Whether the next transaction syncs; what was only applied can be derived from the log again."""
        if full is not self._full_sync:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._full_sync = full

    def _consider_fold(self) -> None:
        self._pages += self._connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, reset=True)[0]
        patience = 1 if self._queue.empty() else CHECKPOINT_PATIENCE
        if self._pages >= self._checkpoint_pages * patience:
            self._fold(apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _fold(self, mode: int) -> None:
        """Fold the WAL into the database, as far as no reader stands in the way."""
        try:
            pages, folded = self._in_room(lambda: self._connection.wal_checkpoint(mode=mode))
            self._pages = pages - folded
        except apsw.BusyError:
            pass  # a reader was in the way; the next batch tries again


def _call_all(call_from_thread: CallFromThread, writes: list[Write]) -> None:
    """Call each ``done``; if one raises, the others are called all the same."""
    while writes:
        write = writes.pop(0)
        try:
            write.done()
        except BaseException:
            call_from_thread(_call_all, call_from_thread, writes)
            raise
