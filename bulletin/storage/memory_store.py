"""The store's twin without a disk, for unit tests and for simulation: it passes the same tests.

The disk is a value of its own, which outlives the store, so that a server can be crashed and started again.  It has the
two states that a disk has: what is written, and what is synced.  :meth:`MemoryDisk.crash` goes back to the latter: rows
that were only applied since the last sync are lost, as in a power cut.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from bulletin.core.board.chain import chain_start
from bulletin.core.board.history import (
    Page,
    PageQuery,
    Side,
    conversation_sides,
    merge_conversation,
    seq_range,
    take,
    trim_page,
)
from bulletin.core.board.outcome import (
    Applied,
    Marks,
    OperationRow,
    Post,
    PostRow,
    RestoredBoard,
    SessionRow,
    StreamRow,
    StreamState,
)
from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.log.entry import NO_HASH, Entry
from bulletin.core.log.founding import FOUNDING_INDEX, FOUNDING_TERM, FoundingDocument
from bulletin.core.raft.ready import Fetch, HardState, Persist, Restored
from bulletin.storage.batch import Write, next_record
from bulletin.storage.hard_state import HardRecord
from bulletin.storage.log_tail import LogTail
from bulletin.storage.recovery import judge
from bulletin.storage.store import CallFromThread, Failed, Opened, StoreBusy, StoreError


class _Tables:
    """What the database of the real store holds, but the hard state."""

    def __init__(self, window: int) -> None:
        self.window: Final = window
        self.log: list[Entry] = []
        self.incarnations: dict[bytes, int] = {}
        self.marks: Marks | None = None
        self.streams: dict[int, StreamRow] = {}
        self.posts: dict[int, list[Post]] = {}
        self.operations: dict[int, OperationRow] = {}
        self.sessions: dict[tuple[str, str], SessionRow] = {}

    def copy(self) -> "_Tables":
        twin = _Tables(self.window)
        twin.log = self.log.copy()
        twin.incarnations = self.incarnations.copy()
        twin.marks = self.marks
        twin.streams = self.streams.copy()
        twin.posts = {number: posts.copy() for number, posts in self.posts.items()}
        twin.operations = self.operations.copy()
        twin.sessions = self.sessions.copy()
        return twin

    def write(self, write: Write) -> None:
        if write.persist is not None:
            if write.persist.truncate_after is not None:
                del self.log[write.persist.truncate_after :]
            self.log.extend(write.persist.entries)
            self.incarnations.update(write.persist.incarnations)
        if write.applied is not None:
            self._apply(write.applied)

    def _apply(self, applied: Applied) -> None:
        for row in applied.rows:
            match row:
                case PostRow():
                    posts = self.posts.setdefault(row.number, [])
                    posts.append(row.post)
                    assert row.post.seq == len(posts), "a post is missing, or is there twice"
                case OperationRow():
                    self.operations[row.ordinal] = row
                case SessionRow():
                    if row.highest is None:
                        self.sessions.pop((row.user, row.session), None)
                    else:
                        self.sessions[row.user, row.session] = row
                case StreamRow():
                    assert row.number not in self.streams, "a stream is there twice"
                    self.streams[row.number] = row
        forget = applied.marks.ordinal - self.window
        while self.operations and (oldest := next(iter(self.operations))) <= forget:
            del self.operations[oldest]
        self.marks = applied.marks

    def number_of(self, name: str) -> int | None:
        return next((row.number for row in self.streams.values() if row.name == name), None)

    def board(self, document: FoundingDocument, marks: Marks) -> RestoredBoard:
        return RestoredBoard(
            marks,
            document.users_max,
            document.channels_max,
            tuple(self._state(row) for row in self.streams.values()),
            tuple(self.operations.values()),
            tuple(sorted(self.sessions.values(), key=lambda row: (row.user, row.session))),
        )

    def _state(self, row: StreamRow) -> StreamState:
        posts = self.posts.get(row.number)
        if not posts:
            return StreamState(
                row.number, row.kind, row.name, row.position, 0, chain_start(row.kind, row.name), 0.0
            )
        last = posts[-1]
        return StreamState(row.number, row.kind, row.name, row.position, last.seq, last.chain, last.received)


class MemoryDisk:
    """A disk in memory.

    :param member: the random id that a first start would draw, 16 bytes.
    :param window: operations remembered: the board's.
    """

    def __init__(self, member: bytes, window: int = OPERATIONS_REMEMBERED) -> None:
        self.record = HardRecord(member, b"", 1, 0, 0, None, 0, NO_HASH)
        """The hard state, which is only ever written through."""
        self.written = _Tables(window)
        """What a process sees."""
        self.synced = _Tables(window)
        """What a power cut leaves."""
        self.unsynced: Final[list[Write]] = []
        """The writes by which the two differ."""
        self.in_use = False
        self.learnt: dict[bytes, str] = {}
        """Where fellow servers are; advice, which a power cut may leave or not: here it does."""

    def write(self, writes: Sequence[Write], record: HardRecord | None) -> None:
        """One transaction, synced where there is a new hard state."""
        for write in writes:
            self.written.write(write)
        self.unsynced.extend(writes)
        if record is not None:
            for write in self.unsynced:
                self.synced.write(write)
            self.unsynced.clear()
            self.record = record

    def crash(self) -> None:
        """The power fails: what was not synced is lost, and nobody uses the disk."""
        self.written = self.synced.copy()
        self.unsynced.clear()
        self.in_use = False


class MemoryStore:
    """One server's disk; implements :class:`~bulletin.storage.store.Store`."""

    def __init__(
        self,
        disk: MemoryDisk,
        *,
        call_from_thread: CallFromThread,
        failed: Failed,
        automatic: bool = True,
    ) -> None:
        """Nothing is touched before :meth:`open`.

        :param automatic: each write is stored in a later turn by itself, together with those that have come by then;
            else whoever has the store calls :meth:`step`, as late as the disk is to be slow.
        """
        self._disk: Final = disk
        self._call_from_thread: Final = call_from_thread
        self._failed: Final = failed
        self._automatic: Final = automatic
        self._queue: Final[deque[Write]] = deque()
        self._tail: LogTail | None = None
        self._stopped = True

    @property
    def backlog(self) -> int:
        """Bytes (about) of writes that were asked for and are not done."""
        return sum(write.weight for write in self._queue)

    def open(self) -> Opened:
        """See :meth:`bulletin.storage.store.Store.open`."""
        disk = self._disk
        if disk.in_use:
            raise StoreBusy("The disk in memory is in use by another store: close that one.")
        disk.in_use = True
        self._stopped = False
        tables = disk.written
        document = FoundingDocument.decode(tables.log[0].body) if tables.log else None
        alone = document is not None and len(document.members) == 1
        record = judge(disk.record, disk.record, 0, "memory", alone=alone).record
        disk.write((), record)
        if document is None:
            return Opened(record.member, None, None, learnt=disk.learnt)
        marks = tables.marks
        assert marks is not None
        before = tables.log[marks.applied - 1] if marks.applied else None
        term, hash_ = (0, NO_HASH) if before is None else (before.term, before.hash)
        self._tail = LogTail(document.identity, marks.applied, term, hash_)
        entries = tuple(tables.log[marks.applied :])
        self._tail.append(entries)
        restored = Restored(
            document,
            HardState(record.term, record.vote),
            record.incarnation,
            entries,
            record.last_index,
            record.last_hash,
            _runs(tables.log),
            marks.applied,
            tuple(sorted(tables.incarnations.items())),
            record.trusted_from or None,
        )
        return Opened(record.member, restored, tables.board(document, marks), learnt=disk.learnt)

    def found(self, document: FoundingDocument, done: Callable[[Restored, RestoredBoard], None]) -> None:
        """See :meth:`bulletin.storage.store.Store.found`."""
        assert self._tail is None, "the server has data"
        entry = document.entry()
        board = RestoredBoard.empty(document.users_max, document.channels_max)
        self._tail = LogTail(document.identity, board.marks.applied, 0, NO_HASH)
        restored = Restored(
            document,
            HardState(FOUNDING_TERM),
            self._disk.record.incarnation,
            (entry,),
            FOUNDING_INDEX,
            entry.hash,
            ((FOUNDING_INDEX, FOUNDING_TERM),),
            board.marks.applied,
        )
        persist = Persist(0, restored.hard_state, None, (entry,))
        self._submit(
            persist, Applied((), board.marks), lambda: done(restored, board), founding=document.cluster
        )

    def write(self, persist: Persist | None, applied: Applied | None, done: Callable[[], None]) -> None:
        """See :meth:`bulletin.storage.store.Store.write`."""
        self._submit(persist, applied, done)

    def _submit(
        self,
        persist: Persist | None,
        applied: Applied | None,
        done: Callable[[], None],
        founding: bytes = b"",
    ) -> None:
        assert self._tail is not None, "the server is empty"
        runs = () if persist is None else self._tail.persist(persist)
        if applied is not None:
            self._tail.applied(applied.marks.applied)
        if self._stopped:
            return
        write = Write(
            persist,
            applied,
            runs,
            self._tail.last_index,
            self._tail.last_hash,
            done,
            Write.weigh(persist, applied),
            founding,
        )
        self._queue.append(write)
        if self._automatic and len(self._queue) == 1:
            self._call_from_thread(self.step)

    def step(self) -> bool:
        """Store everything that waits as one transaction, and call each ``done``; False: nothing waited."""
        writes = tuple(self._queue)
        if not writes or self._stopped:
            return False
        self._queue.clear()
        self._disk.write(writes, next_record(self._disk.record, writes))
        for write in writes:
            write.done()
        return True

    def fail(self, error: StoreError) -> None:
        """Have the disk fail: nothing that waits is stored, nothing is ever done again."""
        self._queue.clear()
        if not self._stopped:
            self._stopped = True
            self._call_from_thread(self._failed, error)

    def page(self, query: PageQuery, done: Callable[[Page], None]) -> None:
        """See :meth:`bulletin.storage.store.Store.page`."""
        if not self._stopped:
            self._call_from_thread(done, self._page(query))

    def _page(self, query: PageQuery) -> Page:
        if query.partner is not None:
            return merge_conversation([self._side(side, query) for side in conversation_sides(query)], query)
        posts = self._posts(query.stream)
        span = seq_range(query, len(posts))
        return trim_page(_directed(posts[span.first - 1 : span.last], query), query, more=span.more)

    def _side(self, side: Side, query: PageQuery) -> Iterator[Post]:
        posts = [
            post
            for post in self._posts(side.inbox)
            if post.user == side.sender
            and side.first <= post.clock
            and (side.last is None or post.clock <= side.last)
        ]
        return _directed(posts, query)

    def _posts(self, name: str) -> list[Post]:
        number = self._disk.written.number_of(name)
        return [] if number is None else self._disk.written.posts.get(number, [])

    def fetch(self, fetch: Fetch, done: Callable[[Sequence[Entry]], None]) -> None:
        """See :meth:`bulletin.storage.store.Store.fetch`."""
        if not self._stopped:
            entries = self._disk.written.log[fetch.first - 1 : fetch.last]
            self._call_from_thread(done, take(entries, lambda entry: len(entry.body), fetch.bytes_max)[0])

    def remember(self, learnt: Mapping[bytes, str], done: Callable[[str | None], None]) -> None:
        """See :meth:`bulletin.storage.store.Store.remember`."""
        if not self._stopped:
            self._disk.learnt = dict(learnt)
            self._call_from_thread(done, None)

    def close(self, done: Callable[[], None]) -> None:
        """See :meth:`bulletin.storage.store.Store.close`."""
        self.step()
        self._stopped = True
        self._disk.in_use = False
        self._call_from_thread(done)


def _directed(posts: Sequence[Post], query: PageQuery) -> Iterator[Post]:
    return iter(posts) if query.forward else reversed(posts)


def _runs(entries: Iterable[Entry]) -> tuple[tuple[int, int], ...]:
    """(first index, term) of each run of entries of one term."""
    runs: list[tuple[int, int]] = []
    for entry in entries:
        if not runs or runs[-1][1] != entry.term:
            runs.append((entry.index, entry.term))
    return tuple(runs)
