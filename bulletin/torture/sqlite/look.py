"""One start of a store on a disk, and all that can be read from it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import attrs

from bulletin.core.board.history import Page, PageQuery
from bulletin.core.board.outcome import Post
from bulletin.core.log.entry import Entry
from bulletin.core.raft.ready import Fetch
from bulletin.core.store.port import Opened, StoreError
from bulletin.storage.simulated_disk.disk import SimulatedDisk
from bulletin.storage.simulated_disk.host import Host
from bulletin.storage.sqlite_store import SqliteStore, Tuning
from bulletin.torture.sqlite.disk import DIRECTORY

PAGE_POSTS: Final = 500
FETCH_BYTES: Final = 1 << 20
STEPS_MAX: Final = 100_000

HARMLESS, REFUSED, SAID, READING, SCRUBBING = (
    "harmless",
    "refused",
    "said",
    "found_by_reading",
    "found_by_scrubbing",
)


@attrs.define
class Found:
    """What a store read from a disk.

    :param how: the damage was noticed, or :data:`HARMLESS`: nothing was.
    :param opened: what the start found.
    :param posts: by stream.
    :param entries: of the log.
    """

    how: str = HARMLESS
    opened: Opened | None = None
    posts: dict[tuple[int, str], list[Post]] = attrs.Factory(dict)
    entries: list[Entry] = attrs.Factory(list)


class Look:
    """One start on a disk, and all that can be read from it."""

    def __init__(self, disk: SimulatedDisk) -> None:
        self.found: Final = Found()
        self._now = 0.0
        self._calls: list[Callable[[], object]] = []
        self._failures: list[StoreError] = []
        self._host: Final = Host(disk, lambda: self._now)
        self._store: Final = SqliteStore(
            DIRECTORY,
            "damaged",
            call_from_thread=lambda function, *arguments: self._calls.append(partial(function, *arguments)),
            failed=self._failures.append,
            tuning=Tuning(ballast_bytes=0, check_entries=5, scrub_pause=1.0),
            machine=self._host.machine,
        )

    def run(self) -> Found:
        """All of it."""
        found = self.found
        try:
            found.opened = self._store.open()
        except StoreError:
            found.how = REFUSED
            return found
        try:
            if found.opened.notes:
                found.how = SAID
            if found.opened.restored is not None and not (self._read_posts() and self._read_log()):
                found.how = READING
            elif found.opened.restored is not None and not self._scrub():
                found.how = SCRUBBING
        finally:
            self._store.close(lambda: None)
            self._until(lambda: False)
        return found

    def _until(self, condition: Callable[[], bool]) -> None:
        for _ in range(STEPS_MAX):
            if self._failures or condition():
                return
            if self._calls:
                self._calls.pop(0)()
            elif not self._host.step():
                return
        raise AssertionError("a store that finds no end")

    def _ask(self, method: Callable[..., None], asked: object) -> Any:
        """What a method answers; None: the store failed."""
        answers: list[object] = []
        method(asked, answers.append)
        self._until(lambda: bool(answers))
        return answers[0] if answers else None

    def _read_posts(self) -> bool:
        assert self.found.opened is not None
        board = self.found.opened.board
        assert board is not None
        for stream in board.streams:
            posts = self.found.posts.setdefault((stream.kind.value, stream.name), [])
            while True:
                since = posts[-1].seq if posts else 0
                query = PageQuery(stream.kind, stream.name, None, since, None, PAGE_POSTS)
                page: Page | None = self._ask(self._store.page, query)
                if page is None:
                    return False
                posts.extend(page.posts)
                if not page.more:
                    break
        return True

    def _read_log(self) -> bool:
        assert self.found.opened is not None
        restored = self.found.opened.restored
        assert restored is not None
        first = restored.anchor.index + 1
        while first <= restored.last_index:
            entries: Sequence[Entry] | None = self._ask(
                self._store.fetch, Fetch(1, first, restored.last_index, FETCH_BYTES)
            )
            if entries is None:
                return False
            if not entries:
                return True  # whoever asked goes on asking; the scrubber has to find it
            self.found.entries.extend(entries)
            first += len(entries)
        return True

    def _scrub(self) -> bool:
        """One round; False: it has found something."""
        for _ in range(STEPS_MAX):
            if self._failures or self._store.scrub_rounds:
                return not self._failures
            if self._calls:
                self._calls.pop(0)()
            else:
                self._now += 1.0
                self._host.step()
        raise AssertionError("a scrubber that finds no end")
