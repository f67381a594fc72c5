"""The store on a disk: a directory with a SQLite database and a hard-state file, a writer's thread and a reader's."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import apsw
import attrs

from bulletin.core.board.history import Page, PageQuery, conversation_sides
from bulletin.core.board.outcome import Applied, RestoredBoard, StreamRow
from bulletin.core.limits import BALLAST_BYTES, OPERATIONS_REMEMBERED
from bulletin.core.log.entry import NO_HASH, Entry, LogIdentity
from bulletin.core.log.founding import FOUNDING_INDEX, FOUNDING_TERM, ID_BYTES, FoundingDocument
from bulletin.core.raft.ready import Fetch, HardState, Persist, Restored, Taken
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.log_tail import LogTail
from bulletin.core.store.port import (
    CallFromThread,
    Failed,
    Opened,
    StoreDamaged,
    StoreError,
    StoreFull,
    damaged,
)
from bulletin.core.store.recovery import MAJORITY_WITHOUT_ONE, Verdict, judge
from bulletin.core.store.writes import Write
from bulletin.storage import database
from bulletin.storage.batch import Batch
from bulletin.storage.files import replace_durably
from bulletin.storage.giver import Giver
from bulletin.storage.hard_state import HardStateFile
from bulletin.storage.history import Located, read_entries, read_page
from bulletin.storage.learnt import read_learnt, write_learnt
from bulletin.storage.machine import Machine
from bulletin.storage.reader import Reader
from bulletin.storage.repair import keep_founding, repair
from bulletin.storage.schema import STORE_BATCH
from bulletin.storage.scrub import Scrubber
from bulletin.storage.server_directory import ServerDirectory, is_full
from bulletin.storage.tables import (
    LogRead,
    read_board,
    read_hard,
    read_incarnations,
    read_log,
    read_marks,
    restored,
    term_at,
)
from bulletin.storage.writer import CHECKPOINT_PAGES, Job, Writer


@attrs.frozen
class Tuning:
    """What tests and benchmarks may change of a store.

    :param window: operations remembered: the board's.
    :param ballast_bytes: the reserve for a full disk.
    :param check_entries: entries at the end of the log that a start holds against their chain, and waits for; fewer where
        they are large, more where they are not applied.  Those before are left to the scrubber, which takes them first;
        each is checked in any case when it is fetched.
    :param checkpoint_pages: see :data:`bulletin.storage.writer.CHECKPOINT_PAGES`.
    :param scrub_pause: seconds between two slices of scrubbing; 0: none is done.
    """

    window: int = OPERATIONS_REMEMBERED
    ballast_bytes: int = BALLAST_BYTES
    check_entries: int = 1024
    checkpoint_pages: int = CHECKPOINT_PAGES
    scrub_pause: float = 1.0


_Read = tuple[HardRecord, LogRead | None, RestoredBoard | None, tuple[tuple[bytes, int], ...]]


class SqliteStore:
    """One server's disk; implements :class:`~bulletin.core.store.port.Store`."""

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        call_from_thread: CallFromThread,
        failed: Failed,
        tuning: Tuning | None = None,
        machine: Machine | None = None,
    ) -> None:
        """Nothing is touched before :meth:`open`.

        :param directory: one per server; is made where it is not there.
        :param name: the server's label, as it is told to operators.
        :param machine: where this runs; None: the real one.
        """
        self._tuning: Final = tuning or Tuning()
        self._machine: Final = machine or Machine()
        self._files: Final = self._machine.files
        self._directory: Final = ServerDirectory(directory, self._tuning.ballast_bytes, self._files)
        self._name: Final = name
        self._call_from_thread: Final = call_from_thread
        self._failed: Final = failed
        self._has_failed = False
        self._numbers: Final[dict[str, int]] = {}
        """The number of each stream, by its name."""
        self._backlog = 0
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._joins: tuple[Callable[[], None], ...] = ()
        """Wait for the ends of the reader's and the writer's work."""
        self._identity: LogIdentity | None = None
        self._tail: LogTail | None = None
        self._incarnation = 0
        self._document: FoundingDocument | None = None

    @property
    def backlog(self) -> int:
        """Bytes (about) of writes that were asked for and are not done."""
        return self._backlog

    @property
    def scrub_rounds(self) -> int:
        """How often everything was read and checked since the start."""
        scrubber = None if self._reader is None else self._reader.scrubber
        return 0 if scrubber is None else scrubber.rounds

    # Opening

    def open(self) -> Opened:
        """See :meth:`bulletin.core.store.port.Store.open`."""
        self._directory.acquire()
        try:
            return self._open()
        except database.DAMAGE as error:
            raise damaged(str(self._directory.path), str(error)) from error
        except apsw.Error as error:
            if is_full(error):
                raise self._directory.full() from error
            raise StoreError(
                f"The database in {self._directory.path} cannot be used ({type(error).__name__}: {error}): check its "
                "disk and its permissions."
            ) from error
        except OSError as error:
            raise self._directory.refusal(error) from error
        finally:
            if self._writer is None:
                self._directory.release()

    def _open(self) -> Opened:
        """Open the database; one that is damaged is put aside first."""
        why = self._directory.damage()
        if why is None:
            try:
                return self._open_whole()
            except database.DAMAGE as error:
                why = str(error)
        note = repair(self._directory, self._name, why)
        opened = self._open_whole()
        return attrs.evolve(opened, notes=(note, *opened.notes))

    def _open_whole(self) -> Opened:
        self._create_if_new()
        try:
            return self._open_database(full=False)
        except (apsw.Error, OSError, StoreFull) as error:
            if not is_full(error):
                raise
            self._directory.give_up_ballast()
        return self._open_database(full=True)

    def _open_database(self, *, full: bool) -> Opened:
        """Open it.

        :param full: the disk is, and the ballast is given up: it is only to be read.
        """
        self._directory.write_wal_anew(in_place=full)
        connection = database.open_writer(self._directory.database, self._files)
        try:
            opened = self._open_with(connection, full=full)
            return attrs.evolve(opened, full=str(self._directory.full()) if full else None)
        except BaseException:
            if self._writer is None:
                connection.close()
            raise

    def _create_if_new(self) -> None:
        directory = self._directory
        if self._files.exists(directory.database):
            return
        left = next((path for path in directory.beside_database() if self._files.exists(path)), None)
        if left is not None:
            raise StoreError(
                f"{directory.database} is missing, though {left} says that there was one: put it back, "
                f"or put {directory.path} aside and start the server with an empty directory, as a new member."
            )
        record = HardRecord(self._machine.random_bytes(ID_BYTES), b"", 1, 0, 0, None, 0, NO_HASH)
        database.create(directory.database, record, self._name, self._files)
        replace_durably(directory.hard_state, HardStateFile.image(record), self._files)

    def _open_with(self, connection: apsw.Connection, *, full: bool) -> Opened:
        database.check_structure(connection)
        record, log, board, incarnations = self._read(connection)
        hard_state = self._open_hard_state()
        try:
            verdict = self._judge(hard_state, record, log)
            self._raise_incarnation(connection, hard_state, verdict.record)
            if log is not None and not full:
                keep_founding(self._directory, log.document)
            if not full:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                self._directory.reserve()
            reader = database.open_reader(self._directory.database, self._files)
        except BaseException:
            hard_state.close()
            raise
        self._incarnation = verdict.record.incarnation
        self._start(connection, hard_state, verdict.record, reader)
        node = None
        if log is not None and board is not None:
            node = restored(log, verdict.record, board.marks.applied, incarnations)
            self._begin(log, board)
            self._scrub(log)
        return Opened(
            record.member, node, board, verdict.notes, read_learnt(self._directory.learnt, self._files)
        )

    def _read(self, connection: apsw.Connection) -> _Read:
        """All that a start needs of the database."""
        record = read_hard(connection)
        log = board = None
        if record.cluster:
            marks = read_marks(connection)
            log = read_log(connection, record, marks.applied, self._tuning.check_entries)
            board = read_board(connection, log.document, marks, self._tuning.window)
        else:
            database.check_all(connection)
        return record, log, board, read_incarnations(connection)

    def _open_hard_state(self) -> HardStateFile:
        """The file, which is made anew where it is missing."""
        path = self._directory.hard_state
        if not self._files.exists(path):
            replace_durably(path, HardStateFile.image(None), self._files)
        return HardStateFile(path, self._files)

    def _judge(self, hard_state: HardStateFile, record: HardRecord, log: LogRead | None) -> Verdict:
        """Hold the database's hard state against the file's."""
        found, bad_slots = hard_state.read()
        alone = log is not None and len(log.document.members) == 1
        place, founded = str(self._directory.path), self._files.exists(self._directory.founding)
        return judge(record, found, bad_slots, place, alone=alone, founded=founded)

    def _raise_incarnation(
        self, connection: apsw.Connection, hard_state: HardStateFile, record: HardRecord
    ) -> None:
        connection.execute(STORE_BATCH, Batch(self._tuning.window).bindings(database.seal_hard(record), {}))
        hard_state.write(record)

    def _begin(self, log: LogRead, board: RestoredBoard) -> None:
        """There is a log: writes can come."""
        applied = board.marks.applied
        applied_term = log.anchor.term if applied == log.anchor.index else term_at(log.terms, applied)
        self._document = log.document
        self._identity = log.document.identity
        self._tail = LogTail(self._identity, applied, applied_term, log.applied_hash)
        self._tail.append(log.entries)
        self._numbers.update((stream.name, stream.number) for stream in board.streams)

    def _scrub(self, log: LogRead) -> None:
        """The log is in the database: it can be scrubbed."""
        assert self._reader is not None
        self._reader.scrubber = Scrubber(log.document.identity, log.checked_from)

    def _start(
        self,
        connection: apsw.Connection,
        hard_state: HardStateFile,
        record: HardRecord,
        reader: apsw.Connection,
    ) -> None:
        self._writer = Writer(
            connection,
            hard_state,
            self._directory,
            record,
            window=self._tuning.window,
            checkpoint_pages=self._tuning.checkpoint_pages,
            call_from_thread=self._call_from_thread,
            failed=self._fail,
        )
        self._reader = Reader(
            reader,
            str(self._directory.path),
            self._tuning.scrub_pause,
            Giver(self._directory.path, self._tuning.window, self._machine),
            self._machine,
            call_from_thread=self._call_from_thread,
            failed=self._fail,
            ended=self._writer.stop,
        )
        run = self._machine.run
        self._joins = run("bulletin-reader", self._reader), run("bulletin-writer", self._writer)

    def distrust(self, why: str) -> None:
        """See :meth:`bulletin.core.store.port.Store.distrust`."""
        with contextlib.suppress(OSError):  # of a disk that is full, or fails: the others will say it again
            self._directory.note_damage(why)

    def _fail(self, error: StoreError) -> None:
        if isinstance(error, StoreDamaged) and self._document is not None:
            assert self._writer is not None
            if len(self._document.members) < MAJORITY_WITHOUT_ONE and self._writer.trimmed:
                error = StoreError(
                    f"The database in {self._directory.path} is damaged ({error.what}): put back a copy of the directory."
                )
            else:
                self.distrust(error.what)
        if not self._has_failed:
            self._has_failed = not isinstance(error, StoreFull)
            self._failed(error)

    # In use

    def found(self, document: FoundingDocument, done: Callable[[Restored, RestoredBoard], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.found`."""
        assert self._writer is not None
        assert self._tail is None, "the server has data"
        entry = document.entry()
        board = RestoredBoard.empty(document.users_max, document.channels_max)
        log = LogRead(
            document, (entry,), FOUNDING_INDEX, entry.hash, NO_HASH, ((FOUNDING_INDEX, FOUNDING_TERM),), 1
        )
        self._begin(log, board)
        node = Restored(
            document,
            HardState(FOUNDING_TERM),
            self._incarnation,
            log.entries,
            log.last_index,
            log.last_hash,
            log.terms,
            board.marks.applied,
        )
        persist = Persist(0, node.hard_state, None, log.entries)

        def founded() -> None:
            self._scrub(log)
            done(node, board)

        self._submit(persist, Applied((), board.marks), log.terms, founded, document)

    def write(self, persist: Persist | None, applied: Applied | None, done: Callable[[], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.write`."""
        assert self._tail is not None, "the server is empty, or other tables are being put in place"
        runs = () if persist is None else self._tail.persist(persist)
        if applied is not None:
            self._tail.applied(applied.marks.applied)
            self._numbers.update((row.name, row.number) for row in applied.rows if isinstance(row, StreamRow))
        self._submit(persist, applied, runs, done)

    def _submit(
        self,
        persist: Persist | None,
        applied: Applied | None,
        runs: tuple[tuple[int, int], ...],
        done: Callable[[], None],
        founding: FoundingDocument | None = None,
    ) -> None:
        assert self._writer is not None
        assert self._tail is not None
        weight = Write.weigh(persist, applied)
        self._backlog += weight
        self._writer.submit(
            Write(
                persist,
                applied,
                runs,
                self._tail.last_index,
                self._tail.last_hash,
                partial(self._done, weight, done),
                weight,
                founding,
            )
        )

    def _done(self, weight: int, done: Callable[[], None]) -> None:
        self._backlog -= weight
        done()

    def page(self, query: PageQuery, done: Callable[[Page], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.page`."""
        assert self._reader is not None
        names = (
            [query.stream] if query.partner is None else [side.inbox for side in conversation_sides(query)]
        )
        numbers = {name: self._numbers[name] for name in names if name in self._numbers}
        self._reader.submit(partial(read_page, located=Located(query, numbers)), done)

    def fetch(self, fetch: Fetch, done: Callable[[Sequence[Entry]], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.fetch`."""
        assert self._reader is not None
        assert self._identity is not None, "the server is empty"
        self._reader.submit(partial(read_entries, identity=self._identity, fetch=fetch), done)

    def remember(self, learnt: Mapping[bytes, str], done: Callable[[str | None], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.remember`."""
        assert self._reader is not None
        path = self._directory.learnt
        self._reader.submit(lambda _: write_learnt(path, learnt, self._files), done)

    def give(self, ask: bytes, done: Callable[[bytes, int], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.give`."""
        assert self._reader is not None
        giver = self._reader.giver
        self._reader.submit(lambda connection: giver.give(connection, ask), lambda given: done(*given))

    def take(self, body: bytes | None, done: Callable[[Taken], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.take`."""
        assert self._writer is not None
        weight = 0 if body is None else len(body)
        self._backlog += weight
        self._writer.do(
            Job(lambda writer: writer.take(body), lambda taken: self._done(weight, partial(done, taken)))
        )

    def install(self, done: Callable[[Restored, RestoredBoard], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.install`."""
        assert self._writer is not None
        self._tail = None
        self._writer.do(Job(self._install, partial(self._installed, done)))

    def _install(self, writer: Writer) -> tuple[LogRead, RestoredBoard, Restored]:
        """In the writer's thread."""
        record = writer.install()
        connection = writer.connection
        marks = read_marks(connection)
        log = read_log(connection, record, marks.applied, self._tuning.check_entries)
        board = read_board(connection, log.document, marks, self._tuning.window)
        return log, board, restored(log, record, marks.applied, read_incarnations(connection))

    def _installed(
        self,
        done: Callable[[Restored, RestoredBoard], None],
        read: tuple[LogRead, RestoredBoard, Restored],
    ) -> None:
        log, board, node = read
        self._incarnation = node.incarnation
        self._begin(log, board)
        done(node, board)

    def resume(self, done: Callable[[Restored | None, RestoredBoard | None], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.resume`."""
        assert self._writer is not None
        self._writer.do(Job(self._resume, partial(self._resumed, done), revives=True))

    def _resume(self, writer: Writer) -> tuple[LogRead, RestoredBoard, Restored] | None:
        """In the writer's thread."""
        if not self._directory.has_room():
            return None
        try:
            record, log, board, incarnations = self._read(writer.connection)
            assert log is not None, "an empty server does not step aside"
            assert board is not None
            record = self._judge(writer.hard_state, record, log).record
            self._directory.reserve()
            writer.revive(record)
        except (apsw.FullError, OSError, StoreFull) as error:
            if not is_full(error):
                raise
            self._directory.give_up_ballast()
            return None
        return log, board, restored(log, record, board.marks.applied, incarnations)

    def _resumed(
        self,
        done: Callable[[Restored | None, RestoredBoard | None], None],
        read: tuple[LogRead, RestoredBoard, Restored] | None,
    ) -> None:
        if read is None:
            done(None, None)
            return
        self._backlog = 0  # of what was dropped, no ``done`` comes
        self._installed(done, read)

    def close(self, done: Callable[[], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.close`."""
        if self._reader is None or self._writer is None:
            self._call_from_thread(done)
            return
        self._writer.when_ended = partial(self._call_from_thread, self._closed, done)
        self._reader.stop()  # which stops the writer

    def _closed(self, done: Callable[[], None]) -> None:
        for join in self._joins:
            join()
        self._directory.release()
        done()
