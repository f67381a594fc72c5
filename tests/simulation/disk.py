"""A disk in memory: writes are ordered, synced together some time later, and lost as a suffix at a crash."""

from collections import deque
from random import Random

import attrs

from bulletin.core.log.entry import Entry
from bulletin.core.log.founding import FOUNDING_TERM, FoundingDocument
from bulletin.core.raft.ready import Fetch, HardState, Persist, Restored

PAST_KEPT = 16


@attrs.define
class Content:
    """What stands on a disk."""

    entries: list[Entry]
    hard_state: HardState
    applied: int = 1
    incarnation: int = 0
    incarnations: dict[bytes, int] = attrs.Factory(dict)
    trusted_from: int | None = None

    @property
    def last_index(self) -> int:
        return len(self.entries)

    def hash_at(self, index: int) -> bytes | None:
        return self.entries[index - 1].hash if 1 <= index <= len(self.entries) else None

    def last(self) -> tuple[int, int]:
        """(term, index) of the last entry: what votes compare."""
        return self.entries[-1].term, len(self.entries)

    def store(self, persist: Persist | None, applied: int) -> None:
        if persist is not None:
            if persist.hard_state is not None:
                self.hard_state = persist.hard_state
            if persist.truncate_after is not None:
                assert persist.truncate_after >= self.applied, "applied entries are never dropped"
                del self.entries[persist.truncate_after :]
            for entry in persist.entries:
                assert entry.index == len(self.entries) + 1, "a gap on the disk"
                self.entries.append(entry)
            self.incarnations.update(persist.incarnations)
        assert applied <= len(self.entries), "applied beyond the log"
        self.applied = max(self.applied, applied)
        if persist is not None and persist.trusted:
            self.trusted_from = None

    def copy(self) -> "Content":
        return attrs.evolve(self, entries=list(self.entries), incarnations=dict(self.incarnations))


class SimulatedDisk:
    """One server's disk.

    ``durable`` survives a crash; ``written`` is what a reader sees: it has the writes that are not synced as well.
    """

    def __init__(self, document: FoundingDocument) -> None:
        self.document = document
        self.durable = Content([document.entry()], HardState(FOUNDING_TERM))
        self.written = self.durable.copy()
        self.amnesias = 0
        self._queue: deque[tuple[Persist | None, int]] = deque()
        self._past: deque[Content] = deque(maxlen=PAST_KEPT)
        """What ``durable`` was since the start, before each of the latest syncs: the database's WAL."""

    @property
    def busy(self) -> bool:
        return any(persist is not None for persist, _applied in self._queue)

    def write(self, persist: Persist | None, applied: int) -> None:
        self.written.store(persist, applied)
        self._queue.append((persist, applied))

    def sync(self, count: int | None = None) -> int | None:
        """Make the oldest writes durable, all by default; the highest sequence among them."""
        sequence = None
        self._past.append(self.durable.copy())
        for _ in range(len(self._queue) if count is None else count):
            persist, applied = self._queue.popleft()
            self.durable.store(persist, applied)
            if persist is not None:
                sequence = persist.sequence
        return sequence

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def crash(self, rng: Random) -> None:
        """Some of the oldest writes may have reached the disk; the others are gone."""
        self.sync(rng.randint(0, len(self._queue)))
        self.forget_unsynced()

    def forget_unsynced(self) -> None:
        self._queue.clear()
        self.written = self.durable.copy()

    def lose_tail(self, kept: int) -> None:
        """The database loses what stood after ``kept``; the hard-state file beside it remembers that there was more."""
        self.durable.trusted_from = max(self.durable.last_index, self.durable.trusted_from or 0)
        del self.durable.entries[kept:]
        self.durable.applied = min(self.durable.applied, kept)
        self.written = self.durable.copy()

    def forget(self, syncs: int) -> bool:
        """The database loses its last syncs, and the hard-state file, which alone could tell how many, is lost as well.

        :returns: False, with nothing lost, if there have been none since the start.
        """
        if not self._past:
            return False
        self.durable = self._past[-min(syncs, len(self._past))]
        self.durable.trusted_from = max(self.durable.last_index + 1, self.durable.trusted_from or 0)
        self._past.clear()
        self.amnesias += 1
        self.written = self.durable.copy()
        return True

    def fetch(self, fetch: Fetch) -> tuple[Entry, ...]:
        found: list[Entry] = []
        size = 0
        for entry in self.written.entries[fetch.first - 1 : fetch.last]:
            size += len(entry.body)
            if found and size > fetch.bytes_max:
                break
            found.append(entry)
        return tuple(found)

    def restored(self, *, tail_extra: int = 0) -> Restored:
        """What a start finds; ``tail_extra`` more entries than needed come from the log's end."""
        self.durable.incarnation += 1
        self._past.clear()
        self.written = self.durable.copy()
        content = self.durable
        runs: list[tuple[int, int]] = []
        for entry in content.entries:
            if not runs or runs[-1][1] != entry.term:
                runs.append((entry.index, entry.term))
        first = max(0, content.applied - tail_extra)
        return Restored(
            document=self.document,
            hard_state=content.hard_state,
            incarnation=content.incarnation,
            entries=tuple(content.entries[first:]),
            last_index=content.last_index,
            last_hash=content.entries[-1].hash,
            terms=tuple(runs),
            applied=content.applied,
            incarnations=tuple(sorted(content.incarnations.items())),
            trusted_from=content.trusted_from,
        )
