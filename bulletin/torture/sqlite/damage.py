"""Spoilt copies of a server's disk: a store that starts on one notices it, or reads from it what it should.

Nothing of it touches the run: the copy is started by a store of its own, everything is read, and scrubbed once; and the
same from a copy that is whole.  "Noticed" is: the start is refused with a sentence, or says that something is lost or was put aside
(then the server does not count before it has caught up), or a read or the scrubber fails.  Whatever was read before is right.
"""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any, Final

import attrs

from bulletin.core.board.history import Page, PageQuery
from bulletin.core.board.outcome import Post
from bulletin.core.log.entry import Entry
from bulletin.core.raft.ready import Fetch
from bulletin.core.store.port import Opened, StoreError
from bulletin.simulation.violation import Violation
from bulletin.storage.simulated_disk.disk import SimulatedDisk
from bulletin.storage.simulated_disk.host import Host
from bulletin.storage.simulated_disk.keeping import SECTOR, everything
from bulletin.storage.sqlite_store import SqliteStore, Tuning
from bulletin.torture.sqlite.disk import DIRECTORY
from bulletin.torture.sqlite.server import SqliteServer

DAMAGE: Final = "damage"
"""The name of the promise: no wrong byte is served, and damage is noticed."""

COPIES: Final = 4
"""That are spoilt at one strike."""

KINDS: Final = ("flip", "flip", "flip", "flips", "zeros", "truncated", "misplaced", "lost")
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
        while not self._store.scrub_rounds:
            self._now += 1.0
            if not self._host.step() or self._failures:
                break
        return not self._failures


class Damage:
    """Spoils copies.

    :param note: called with what came of each.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note: Final = note

    def strike(self, server: SqliteServer, rng: Random) -> None:
        """Spoil some copies of a server's disk.

        :raises Violation: a wrong byte was read, or something is wrong and was not noticed.
        """
        own = Random(rng.getrandbits(64))
        files = server.disk.files
        whole = Look(files.image(everything, own)).run()
        if whole.how != HARMLESS or whole.opened is None or whole.opened.restored is None:
            return  # it was not founded yet, or the last cut tore its hard-state file
        for _ in range(COPIES):
            copy = files.image(everything, own)
            what = spoil(copy, own)
            spoilt = Look(copy).run()
            wrong = differing(whole, spoilt)
            if wrong is not None:
                raise Violation(DAMAGE, f"{server.name}, {what}: {wrong}")
            self._note(f"damage_{spoilt.how}")


def spoil(disk: SimulatedDisk, rng: Random) -> str:
    """Damage a disk that nobody uses; what was done, in words."""
    files = [(path, len(data)) for path, data in sorted(disk.files().items()) if data]
    if rng.random() < 0.5:
        path, size = rng.choices(files, weights=[size for _, size in files])[0]
    else:
        path, size = rng.choice(files)
    kind = rng.choice(KINDS)
    place = rng.randrange(size) // SECTOR * SECTOR
    data = disk.files()[path]
    if kind == "lost":
        disk.forget(path)
    elif kind in ("flip", "flips"):
        for _ in range(1 if kind == "flip" else 3):
            bit = rng.randrange(8 * size)
            place = bit // 8
            disk.flip(path, bit)
    elif kind == "truncated":
        disk.put(path, data[:place])
    else:
        source = rng.randrange(size) // SECTOR * SECTOR
        sector = bytes(SECTOR) if kind == "zeros" else data[source : source + SECTOR]
        disk.put(path, (data[:place] + sector + data[place + len(sector) :])[:size])
    return f"{path} of {size} bytes {kind} at {place}"


def differing(whole: Found, spoilt: Found) -> str | None:
    """What is wrong with what was read from a spoilt disk, or None."""
    for stream, posts in spoilt.posts.items():
        true = whole.posts.get(stream, [])
        for post in posts:
            if post.seq > len(true) or true[post.seq - 1] != post:
                return f"a post was read that was never made: {post}"
    if spoilt.how != HARMLESS:
        return None
    if _plain(whole) != _plain(spoilt):
        return "the start found something else, and said nothing"
    if whole.posts != spoilt.posts:
        return "posts are missing, and nothing was noticed"
    if whole.entries != spoilt.entries:
        return "entries of the log are others or missing, and nothing was noticed"
    return None


def _plain(found: Found) -> Opened:
    """What a start found, without what is of this start alone, or advice."""
    opened = found.opened
    assert opened is not None
    assert opened.restored is not None
    restored = attrs.evolve(opened.restored, incarnation=0, entries=())
    return attrs.evolve(opened, restored=restored, learnt={})
