"""The store's twin without a disk, for unit tests and for simulation: it passes the same tests.

The disk is a value of its own, which outlives the store, so that a server can be crashed and started again.  It has the
two states that a disk has: what is written, and what is synced.  :meth:`MemoryDisk.crash` goes back to the latter: rows
that were only applied since the last sync are lost, as in a power cut.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import attrs

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
    Post,
    RestoredBoard,
)
from bulletin.core.log.entry import NO_HASH, Entry
from bulletin.core.log.founding import FOUNDING_INDEX, FOUNDING_TERM, FoundingDocument
from bulletin.core.raft.log import ENTRY_OVERHEAD
from bulletin.core.raft.ready import Fetch, HardState, Persist, Restored, Taken
from bulletin.core.store.intake import Intake
from bulletin.core.store.log_tail import LogTail
from bulletin.core.store.parts import AskPosts, Refused, decode_ask, encode_manifest
from bulletin.core.store.port import (
    CallFromThread,
    Failed,
    Opened,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreLow,
    damaged,
)
from bulletin.core.store.recovery import begin_anew, judge
from bulletin.core.store.writes import Write, next_record
from bulletin.simulation.memory_tables import MemoryCopy, MemoryDisk, MemoryShelf, install_rows

ENDS_OTHERWISE: Final = "the log does not end with the hash of the hard state"
"""What a start says of a log whose last entry is not the one that was synced."""

FULL: Final = "The disk in memory is full: make room there, then the server goes on by itself."


@attrs.frozen
class _Resume:
    """What is done although the disk is full."""

    action: Callable[[], Callable[[], None]]

    def __call__(self) -> Callable[[], None]:
        return self.action()


class MemoryStore:
    """One server's disk; implements :class:`~bulletin.core.store.port.Store`."""

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
        self._queue: Final[deque[Write | Callable[[], Callable[[], None]]]] = deque()
        self._intake = Intake(MemoryShelf(disk))
        self._full = False
        self._copy: MemoryCopy | None = None
        self._tail: LogTail | None = None
        self._stopped = True

    @property
    def backlog(self) -> int:
        """Bytes (about) of writes that were asked for and are not done."""
        return sum(write.weight for write in self._queue if isinstance(write, Write))

    def open(self) -> Opened:
        """See :meth:`bulletin.core.store.port.Store.open`."""
        disk = self._disk
        if disk.in_use:
            raise StoreBusy("The disk in memory is in use by another store: close that one.")
        disk.in_use = True
        self._stopped = False
        notes: tuple[str, ...] = ()
        if disk.damage is None and not disk.ends_as_known:
            disk.damage = ENDS_OTHERWISE
        if disk.damage is not None:
            damage = f"The disk in memory is damaged ({disk.damage})"
            document = disk.written.document
            record = begin_anew(disk.file, disk.bad_slots, disk.record, document, damage)
            assert document is not None
            disk.begin_anew(document, record)
            notes = (f"{damage}: it is put aside, and the other servers fill a new one.",)
        tables = disk.written
        document = tables.document
        alone = document is not None and len(document.members) == 1
        record = judge(disk.record, disk.file, disk.bad_slots, "memory", alone=alone).record
        if disk.full:
            disk.ballast = False
        disk.write((), record)
        full = FULL if disk.full else None
        if document is None:
            return Opened(record.member, None, None, notes, disk.learnt, full)
        restored, board = self._restored(document)
        return Opened(record.member, restored, board, notes, disk.learnt, full)

    def _restored(self, document: FoundingDocument) -> tuple[Restored, RestoredBoard]:
        """What a start finds."""
        tables, record = self._disk.written, self._disk.record
        marks = tables.marks
        assert marks is not None
        self._tail = LogTail(document.identity, marks.applied, *tables.at(marks.applied))
        entries = tuple(tables.log[marks.applied - tables.anchor.index :])
        self._tail.append(entries)
        restored = Restored(
            document,
            HardState(record.term, record.vote),
            record.incarnation,
            entries,
            record.last_index,
            record.last_hash,
            tables.terms(),
            marks.applied,
            tuple(sorted(tables.incarnations.items())),
            record.trusted_from or None,
            tables.anchor,
            record.log_size,
        )
        return restored, tables.board(document, marks)

    def found(self, document: FoundingDocument, done: Callable[[Restored, RestoredBoard], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.found`."""
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
        self._submit(persist, Applied((), board.marks), lambda: done(restored, board), founding=document)

    def write(self, persist: Persist | None, applied: Applied | None, done: Callable[[], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.write`."""
        self._submit(persist, applied, done)

    def _submit(
        self,
        persist: Persist | None,
        applied: Applied | None,
        done: Callable[[], None],
        founding: FoundingDocument | None = None,
    ) -> None:
        assert self._tail is not None, "the server is empty, or other tables are being put in place"
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
        self._enqueue(write)

    def _enqueue(self, item: Write | Callable[[], Callable[[], None]]) -> None:
        self._queue.append(item)
        if self._automatic and len(self._queue) == 1:
            self._call_from_thread(self.step)

    def step(self) -> bool:
        """Store everything that waits as one transaction, and call each ``done``; False: nothing waited.

        What is neither a write is done in its turn between two transactions.
        """
        items = tuple(self._queue)
        if not items or self._stopped:
            return False
        self._queue.clear()
        if self._out_of_room():
            for item in items:
                if isinstance(item, _Resume):
                    item()()
            return True
        writes: list[Write] = []
        for item in items:
            if isinstance(item, Write):
                writes.append(item)
                continue
            self._store(writes)
            writes = []
            item()()
        self._store(writes)
        return True

    def _out_of_room(self) -> bool:
        """Whether nothing can be stored: the first time the ballast makes room."""
        disk = self._disk
        if not disk.full:
            return self._full
        if disk.ballast:
            disk.ballast, disk.room = False, disk.ballast_steps
            self._call_from_thread(self._failed, StoreLow(FULL))
        disk.room -= 1
        if disk.room < 0 and not self._full:
            self._full = True
            self._call_from_thread(self._failed, StoreFull(FULL))
        return self._full

    def resume(self, done: Callable[[Restored | None, RestoredBoard | None], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.resume`."""
        if not self._stopped:
            self._enqueue(_Resume(lambda: partial(done, *self._resume())))

    def _resume(self) -> tuple[Restored, RestoredBoard] | tuple[None, None]:
        disk = self._disk
        if disk.full:
            return None, None
        document = disk.written.document
        assert document is not None, "an empty server does not step aside"
        self._full, disk.ballast = False, True
        alone = len(document.members) == 1
        disk.write((), judge(disk.record, disk.record, 0, "memory", alone=alone).record)
        self._intake = Intake(MemoryShelf(disk))
        return self._restored(document)

    def _store(self, writes: Sequence[Write]) -> None:
        if writes:
            self._disk.write(writes, next_record(self._disk.record, writes))
        for write in writes:
            write.done()

    def give(self, ask: bytes, done: Callable[[bytes, int], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.give`."""
        if self._readable():
            self._call_from_thread(done, *self._given(ask))

    def _given(self, ask: bytes) -> tuple[bytes, int]:
        try:
            asked = decode_ask(ask)
        except Refused:
            return b"", 0
        tables = self._disk.written
        if isinstance(asked, AskPosts):
            return MemoryCopy.posts(tables, asked), 0
        if asked is None:
            if self._copy is None or self._copy.manifest.index < tables.anchor.index:
                self._copy = self._disk.copy()
            return encode_manifest(self._copy.manifest), self._copy.manifest.index
        return b"" if self._copy is None else self._copy.chunk(asked), 0

    def take(self, body: bytes | None, done: Callable[[Taken], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.take`."""
        if not self._stopped:
            self._enqueue(lambda: partial(done, self._intake.take(body)))

    def install(self, done: Callable[[Restored, RestoredBoard], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.install`."""
        self._tail = None
        if not self._stopped:
            self._enqueue(lambda: partial(done, *self._install()))

    def _install(self) -> tuple[Restored, RestoredBoard]:
        disk, intake = self._disk, self._intake
        manifest, record = intake.manifest, disk.record
        assert disk.written.marks is not None
        assert manifest.index > disk.written.marks.applied, "tables are put in place of later ones"
        assert manifest.term <= record.term, "tables of a term that is not known"
        rows = [
            (chunk.table, intake.rows_of(number))
            for number, chunk in enumerate(manifest.chunks, 1)
            if number in disk.written.incoming
        ]
        disk.change(partial(install_rows, manifest=manifest, rows=rows))
        last_index, last_hash = record.last_index, record.last_hash
        if not disk.written.log:
            last_index, last_hash = manifest.index, manifest.hash
        disk.sync(
            attrs.evolve(
                record,
                commit=record.commit + 1,
                incarnation=record.incarnation + 1,
                last_index=last_index,
                last_hash=last_hash,
                log_size=sum(len(entry.body) + ENTRY_OVERHEAD for entry in disk.written.log),
            )
        )
        assert disk.written.document is not None
        return self._restored(disk.written.document)

    def fail(self, error: StoreError) -> None:
        """Have the disk fail: nothing that waits is stored, nothing is ever done again."""
        self._queue.clear()
        if not self._stopped:
            self._stopped = True
            self._call_from_thread(self._failed, error)

    def distrust(self, why: str) -> None:
        """See :meth:`bulletin.core.store.port.Store.distrust`."""
        self._disk.damage = why

    def _readable(self) -> bool:
        """Whether something can be read; damage is noticed."""
        if self._disk.damage is not None:
            self.fail(damaged("memory", self._disk.damage))
        return not self._stopped

    def page(self, query: PageQuery, done: Callable[[Page], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.page`."""
        if self._readable():
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
        """See :meth:`bulletin.core.store.port.Store.fetch`."""
        if self._readable():
            tables = self._disk.written
            begin = tables.anchor.index
            entries = tables.log[fetch.first - 1 - begin : fetch.last - begin] if fetch.first > begin else []
            self._call_from_thread(done, take(entries, lambda entry: len(entry.body), fetch.bytes_max)[0])

    def remember(self, learnt: Mapping[bytes, str], done: Callable[[str | None], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.remember`."""
        if not self._stopped:
            self._disk.learnt = dict(learnt)
            self._call_from_thread(done, None)

    def close(self, done: Callable[[], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.close`."""
        self.step()
        self._stopped = True
        self._disk.in_use = False
        self._call_from_thread(done)


def _directed(posts: Sequence[Post], query: PageQuery) -> Iterator[Post]:
    return iter(posts) if query.forward else reversed(posts)
