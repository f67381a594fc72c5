"""SQLite's store, held against a memory store that is given the same.

Whatever is asked goes to SQLite.  When that says that it is done, the same is asked of the memory store, and what the two
say is compared; only then it is passed on.  So the memory store's disk never has more than what SQLite has
acknowledged, and the checkers can look at it.

What SQLite has after a crash is what it had acknowledged and, of what was under way, a beginning: which one, is found
out by trying; if there is none, a promise is broken.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

import attrs

from bulletin.core.board.history import Page, PageQuery
from bulletin.core.board.outcome import Applied, RestoredBoard
from bulletin.core.log.entry import NO_ANCHOR, Entry
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.raft.ready import Fetch, Persist, Restored, Taken
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.port import Opened, StoreError
from bulletin.core.store.records import Damaged
from bulletin.simulation.board.disk import SimulatedDisk
from bulletin.simulation.memory_store import MemoryStore
from bulletin.simulation.memory_tables import MemoryTables
from bulletin.simulation.steps import in_words
from bulletin.simulation.violation import Violation
from bulletin.storage.sqlite_store import SqliteStore

TWINS: Final = "twins"
"""The name of the promise: real and simulated disks hold the same."""

Ask = Callable[[MemoryStore, Callable[..., None]], None]
"""Asks a memory store what SQLite was asked."""


T = TypeVar("T")


@attrs.frozen
class Shelf:
    """What a start does not say of a database, as it does not read it.

    :param parts: of another server's tables, as far as they have come, by their numbers; None: damaged.
    :param posts: how many there are in all; None: damaged.
    :param last: of each stream's posts the last number; None: damaged.
    :param incarnation: of this start.
    """

    parts: Mapping[int, bytes] | None
    posts: int | None
    last: Mapping[int, int] | None
    incarnation: int


class Database(Protocol):
    """What was opened."""

    def shelf(self) -> Shelf:
        """See there."""

    def load(self) -> tuple[MemoryTables, HardRecord]:
        """All of it.

        :raises Damaged: something of it is damaged.
        """


class Twins:
    """One server's two disks, beyond the life of a process.

    :param memory: the memory store's disk.
    """

    def __init__(self, memory: SimulatedDisk) -> None:
        self.memory: Final = memory
        self.under_way: Final[deque[Ask]] = deque()
        """What SQLite was asked for and has not said to be done, in order."""
        self.power_failed = False
        """Whether it did since the last start, so that what was done and not synced may be gone."""
        self.adopted = 0
        """How often something under way was found to be on the disk after a crash."""
        self.spoilt = False
        """Whether SQLite's files are damaged, or may be."""
        self.shelf_spoilt = False
        """Whether that goes, at most, for what no start reads, nor the scrubber checks."""

    def adopt(self, opened: Opened, database: Database) -> MemoryStore:
        """Have the memory store's disk hold what was found on SQLite's, and open it.

        :raises Violation: what was found is not what was acknowledged, and a beginning of what was under way.
        :raises StoreError: the disk is spoilt, and more is wrong with it than that something is gone.
        """
        shelf = database.shelf()
        for number, disk in enumerate(self._beginnings(losing=self.power_failed)):
            if _has_shelf(disk, shelf) and _opens_as(disk, opened, shelf.incarnation):
                self.adopted += number > 0
                return self._go_on(disk)
        found = opened.restored
        left = self._left(opened, shelf) if self.spoilt or self.shelf_spoilt else None
        if left is not None:
            return self._go_on(left)
        if self.spoilt and found is not None and found.trusted_from is not None:
            return self._go_on(_loaded(opened, database))
        what = (
            "an empty disk" if found is None else f"entries up to {found.last_index}, {found.applied} applied"
        )
        raise Violation(TWINS, f"after a crash SQLite has {what}, which no beginning of what was asked gives")

    def _left(self, opened: Opened, shelf: Shelf) -> SimulatedDisk | None:
        """What a spoilt disk may be that has lost nothing of what a start reads, as its start found it; None: it is none.

        Either only what is on the shelf is another, or the tables were made anew of the log, and the start says so.
        """
        disks = list(self._beginnings(losing=self.power_failed))
        for disk in disks:
            _shelve(disk, shelf)
        disks.sort(key=lambda disk: sum(map(len, disk.written.ahead.values())), reverse=True)
        if opened.notes:
            disks += [of_log for disk in disks if (of_log := _of_its_log(disk)) is not None]
        return next((disk for disk in disks if _opens_as(disk, opened, shelf.incarnation)), None)

    def explains(self, opened: Opened) -> bool:
        """Whether a start may have found this on a copy of the disk: what was acknowledged, and of all else a beginning."""
        incarnation = 1 if opened.restored is None else opened.restored.incarnation
        return any(_opens_as(disk, opened, incarnation) for disk in self._beginnings(losing=True))

    def _beginnings(self, *, losing: bool) -> Iterator[SimulatedDisk]:
        """Copies of the memory store's disk, as SQLite's may be: the likeliest first.

        :param losing: what was not synced may be gone.
        """
        memory = self.memory
        lasting = len(memory.unsynced)
        yield from self._going_on(_copy(memory, lasting))
        if losing:
            for count in reversed(range(lasting)):
                yield _copy(memory, count)

    def _going_on(self, disk: SimulatedDisk) -> Iterator[SimulatedDisk]:
        """With more and more of what was under way."""
        yield _copy(disk, len(disk.unsynced))
        store = _store_on(disk)
        store.open()
        if disk.written.document is not None:
            store.take(None, lambda _taken: None)
            store.step()
        for ask in self.under_way:
            ask(store, lambda *_found: None)
            while store.step():
                pass
            yield _copy(disk, len(disk.unsynced))

    def _go_on(self, disk: SimulatedDisk) -> MemoryStore:
        """From what a disk has."""
        memory = self.memory
        memory.back_to(disk.written, disk.record)
        memory.file = disk.record
        self.under_way.clear()
        self.power_failed = self.shelf_spoilt = False
        store = _store_on(memory)
        store.open()
        return store


def _copy(disk: SimulatedDisk, unsynced: int) -> SimulatedDisk:
    """A disk with so many of another's unsynced changes, all of them written."""
    twin = SimulatedDisk(disk.record.member)
    twin.written = disk.synced.copy()
    for change in disk.unsynced[:unsynced]:
        change(twin.written)
    twin.synced = twin.written.copy()
    twin.record = twin.file = disk.record
    return twin


def _store_on(disk: SimulatedDisk) -> MemoryStore:
    disk.in_use = False

    def failed(error: StoreError) -> None:
        raise error

    return MemoryStore(
        disk,
        call_from_thread=lambda function, *arguments: function(*arguments),
        failed=failed,
        automatic=False,
    )


def _has_shelf(disk: SimulatedDisk, shelf: Shelf) -> bool:
    """Whether a disk has what a database has, of what a start does not say."""
    tables = disk.written
    posts = sum(map(len, tables.posts.values())) + sum(map(len, tables.ahead.values()))
    return (tables.incoming, posts) == (shelf.parts, shelf.posts)


def _shelve(disk: SimulatedDisk, shelf: Shelf) -> None:
    """Have a disk hold of another server's tables what is left of them in a database that is spoilt.

    No start reads them, and nobody is shown anything of them before they are put in place, which checks parts by their hashes,
    and posts by the last of a stream.  So a part that is another, and posts that are gone, are nothing that a start has to
    notice: who takes the tables in asks for them again, and the memory store has to do the same.  What cannot be read stays as
    it was: there SQLite fails, and says nothing that could be compared.
    """
    tables = disk.written
    if shelf.parts is not None:
        tables.incoming = dict(shelf.parts)
    if shelf.last is not None:
        tables.ahead = {
            number: {seq: body for seq, body in posts.items() if seq <= shelf.last.get(number, 0)}
            for number, posts in tables.ahead.items()
        }
    disk.back_to(tables, disk.record)


def _of_its_log(disk: SimulatedDisk) -> SimulatedDisk | None:
    """A disk whose tables were made anew of its log, as by a start that finds them damaged and the log whole; None: it is trimmed.

    Nothing that was acknowledged is lost, since the tables follow from the log: the server counts as before.
    """
    tables = disk.written
    if tables.document is None or tables.anchor != NO_ANCHOR:
        return None
    anew = MemoryTables(tables.window)
    anew.document, anew.log, anew.incarnations = tables.document, tables.log, tables.incarnations
    anew.marks = RestoredBoard.empty(tables.document.users_max, tables.document.channels_max).marks
    twin = SimulatedDisk(disk.record.member)
    twin.back_to(anew, disk.record)
    return twin


def _opens_as(disk: SimulatedDisk, opened: Opened, incarnation: int) -> bool:
    """Whether a memory store opens a disk as SQLite did; then the disk's record is as it was before SQLite's start.

    :param incarnation: of SQLite's start.
    """
    found = opened.restored
    if (found is None) != (disk.written.document is None):
        return False
    record = attrs.evolve(disk.record, member=opened.member, incarnation=incarnation - 1)
    disk.record = disk.file = record
    other = _store_on(_copy(disk, 0)).open()
    plain = attrs.evolve(opened, restored=_plain(found), notes=(), full=None, learnt={})
    return attrs.evolve(other, restored=_plain(other.restored), learnt={}) == plain


def _loaded(opened: Opened, database: Database) -> SimulatedDisk:
    """What a start found on a disk that has lost something: it says so, and all that is left is as it was said to be."""
    try:
        tables, record = database.load()
    except Damaged as error:
        raise StoreError(f"More of the disk is damaged than its start has found: {error}.") from error
    disk = SimulatedDisk(record.member)
    disk.back_to(tables, record)
    if not _opens_as(disk, opened, database.shelf().incarnation):
        raise Violation(TWINS, "a start of a spoilt disk found what is not in its tables")
    return disk


def _plain(found: T) -> T:
    """What was found, without entries that are applied: how many of those a start brings is the store's affair."""
    if not isinstance(found, Restored):
        return found
    return attrs.evolve(found, entries=tuple(entry for entry in found.entries if entry.index > found.applied))


class TwinStore:
    """Implements :class:`bulletin.core.store.port.Store`.

    :param sqlite: what ships.
    :param twins: the disks.
    :param database: what SQLite has opened.
    :param named: called with the member id that a start of an empty server found.
    """

    def __init__(
        self,
        sqlite: SqliteStore,
        twins: Twins,
        database: Database,
        named: Callable[[bytes], None],
    ) -> None:
        self._sqlite: Final = sqlite
        self._twins: Final = twins
        self._database: Final = database
        self._named: Final = named
        self._memory: MemoryStore | None = None

    @property
    def backlog(self) -> int:
        """See :attr:`bulletin.core.store.port.Store.backlog`."""
        return self._sqlite.backlog

    def open(self) -> Opened:
        """See :meth:`bulletin.core.store.port.Store.open`."""
        opened = self._sqlite.open()
        lost = opened.restored is not None and opened.restored.trusted_from is not None
        if lost and not (self._twins.spoilt or self._twins.memory.record.trusted_from):
            raise Violation(TWINS, f"SQLite holds its disk to be damaged: {opened.notes}")
        self._memory = self._twins.adopt(opened, self._database)
        if opened.restored is None:
            self._named(opened.member)
        return opened

    # What changes something

    def found(self, document: FoundingDocument, done: Callable[[Restored, RestoredBoard], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.found`."""
        self._sqlite.found(document, self._ask(lambda memory, then: memory.found(document, then), done))

    def write(self, persist: Persist | None, applied: Applied | None, done: Callable[[], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.write`."""
        self._sqlite.write(
            persist, applied, self._ask(lambda memory, then: memory.write(persist, applied, then), done)
        )

    def take(self, body: bytes | None, done: Callable[[Taken], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.take`."""
        self._sqlite.take(body, self._ask(lambda memory, then: memory.take(body, then), done))

    def install(self, done: Callable[[Restored, RestoredBoard], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.install`."""
        self._sqlite.install(self._ask(lambda memory, then: memory.install(then), done))

    def _ask(self, ask: Ask, done: Callable[..., None]) -> Callable[..., None]:
        """Note that something is under way; returns what is to be called when SQLite has done it."""
        self._twins.under_way.append(ask)
        return partial(self._did, ask, done)

    def _did(self, ask: Ask, done: Callable[..., None], *found: object) -> None:
        assert self._twins.under_way.popleft() is ask, "what was asked is done in its order"
        assert self._memory is not None
        same: list[list[object]] = []
        ask(self._memory, lambda *others: same.append([*map(_plain, others)]))
        self._memory.step()
        if same != [[*map(_plain, found)]]:
            raise Violation(TWINS, f"SQLite says {in_words(found)}, and memory {in_words(same)}")
        done(*found)

    def resume(self, done: Callable[[Restored | None, RestoredBoard | None], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.resume`."""

        def resumed(restored: Restored | None, board: RestoredBoard | None) -> None:
            if restored is not None:
                opened = Opened(self._twins.memory.record.member, restored, board)
                self._memory = self._twins.adopt(opened, self._database)
            done(restored, board)

        self._sqlite.resume(resumed)

    def distrust(self, why: str) -> None:
        """See :meth:`bulletin.core.store.port.Store.distrust`.

        :raises Violation: the disk is not spoilt, and there is no reason for it.
        """
        if not self._twins.spoilt:
            raise Violation(TWINS, f"the others hold its tables to be wrong: {why}")
        self._sqlite.distrust(why)

    # What only reads

    def page(self, query: PageQuery, done: Callable[[Page], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.page`.  Posts that the memory store has are the same there."""

        def read(page: Page) -> None:
            tables = self._twins.memory.written
            for post in page.posts:
                number = tables.number_of(post.stream)
                posts = [] if number is None else tables.posts.get(number, [])
                if post.seq <= len(posts) and posts[post.seq - 1] != post:
                    other = posts[post.seq - 1]
                    raise Violation(TWINS, f"SQLite gives {in_words(post)}, and memory {in_words(other)}")
            done(page)

        self._sqlite.page(query, read)

    def fetch(self, fetch: Fetch, done: Callable[[Sequence[Entry]], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.fetch`; the log's chain says that the entries are right."""
        self._sqlite.fetch(fetch, done)

    def give(self, ask: bytes, done: Callable[[bytes, int], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.give`; what takes it in checks it."""
        self._sqlite.give(ask, done)

    def remember(self, learnt: Mapping[bytes, str], done: Callable[[str | None], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.remember`."""
        self._sqlite.remember(learnt, done)

    def close(self, done: Callable[[], None]) -> None:
        """See :meth:`bulletin.core.store.port.Store.close`."""
        self._sqlite.close(done)
