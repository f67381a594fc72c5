"""A disk in memory: writes are ordered, synced together some time later, and lost as a suffix at a crash."""

from collections import deque
from collections.abc import Callable
from random import Random

import attrs
import msgpack

from bulletin.core.log.entry import NO_ANCHOR, Anchor, Entry
from bulletin.core.log.founding import FOUNDING_TERM, FoundingDocument
from bulletin.core.raft.ready import Fetch, HardState, Persist, Restored, Taken
from bulletin.simulation.checkers import Truth

PAST_KEPT = 16
PARTS = 3
"""So many parts are the tables cut into."""
BEGIN = b"begin"


@attrs.define
class Content:
    """What stands on a disk: the log above its anchor, and tables that are nothing but a digest of what was applied."""

    truth: Truth
    entries: list[Entry]
    hard_state: HardState
    applied: int = 1
    state: bytes = b""
    anchor: Anchor = NO_ANCHOR
    incoming: dict[int, bytes] = attrs.Factory(dict)
    log_size: int = 0
    incarnation: int = 0
    incarnations: dict[bytes, int] = attrs.Factory(dict)
    trusted_from: int | None = None

    @property
    def last_index(self) -> int:
        """The last index of the log."""
        return self.anchor.index + len(self.entries)

    def at(self, index: int) -> tuple[int, bytes]:
        """Term and hash at an index of the log, or at its anchor."""
        if index == self.anchor.index:
            return self.anchor.term, self.anchor.hash
        entry = self.entries[index - self.anchor.index - 1]
        assert entry.index == index, "an entry is not where it should be"
        return entry.term, entry.hash

    def hash_at(self, index: int) -> bytes | None:
        """What is on the disk at an index, be it only in the tables."""
        if 1 <= index < self.anchor.index:
            return self.truth.entries[index - 1].hash
        return self.at(index)[1] if 1 <= index <= self.last_index else None

    def last(self) -> tuple[int, int]:
        """(term, index) of the last entry: what votes compare."""
        return self.at(self.last_index)[0], self.last_index

    def cut_after(self, index: int) -> None:
        """Drop the entries above an index."""
        assert index >= self.anchor.index, "what is trimmed is never dropped"
        del self.entries[index - self.anchor.index :]

    def store(self, persist: Persist | None, applied: int, state: bytes = b"") -> None:
        """Carry out a transaction."""
        if persist is not None:
            if persist.hard_state is not None:
                self.hard_state = persist.hard_state
            if persist.truncate_after is not None:
                assert persist.truncate_after >= self.applied, "applied entries are never dropped"
                self.cut_after(persist.truncate_after)
            for entry in persist.entries:
                assert entry.index == self.last_index + 1, "a gap on the disk"
                self.entries.append(entry)
            self.incarnations.update(persist.incarnations)
        assert applied <= self.last_index, "applied beyond the log"
        if applied > self.applied:
            self.applied, self.state = applied, state
        if persist is not None:
            self.log_size = persist.log_size
        if persist is not None and persist.anchor is not None:
            self._trim(persist.anchor)
        if persist is not None and persist.trusted:
            self.trusted_from = None

    def _trim(self, anchor: Anchor) -> None:
        assert self.at(anchor.index) == (anchor.term, anchor.hash), "the anchor is not in the log"
        assert anchor.index <= self.applied, "what is trimmed is not in the tables"
        del self.entries[: anchor.index - self.anchor.index]
        self.anchor = anchor

    def take(self, body: bytes | None) -> Taken:
        """Store a part of another's tables, and say what is missing."""
        old = body is None and 0 in self.incoming and msgpack.unpackb(self.incoming[0])[1] <= self.applied
        if body == b"" or old:
            self.incoming = {}
        elif body is not None:
            name, part, index, content = msgpack.unpackb(body)
            if part == 0 or self.incoming.get(0) == msgpack.packb([name, index]):
                self.incoming = self.incoming if part else {}
                self.incoming[part] = content if part else msgpack.packb([name, index])
        if 0 not in self.incoming:
            return Taken(BEGIN, anew=body == b"")
        name, index = msgpack.unpackb(self.incoming[0])
        missing = [part for part in range(1, PARTS + 1) if part not in self.incoming]
        if missing and index > self.applied:
            return Taken(msgpack.packb([name, missing[0]]))
        return Taken(b"", index)

    def install(self) -> None:
        """Put in place the tables that were taken in; a log that goes on from them stays."""
        whole = b"".join(self.incoming[part] for part in range(1, PARTS + 1))
        index, term, hash_, state = msgpack.unpackb(whole)
        assert index > self.applied, "tables are put in place of later ones"
        assert self.hard_state.term >= term, "tables of a term that is not known"
        kept = []
        if self.anchor.index < index <= self.last_index and self.at(index) == (term, hash_):
            kept = [entry for entry in self.entries if entry.index > index]
        self.entries, self.anchor = kept, Anchor(index, term, hash_)
        self.applied, self.state = index, state
        self.incoming = {}

    def copy(self) -> "Content":
        """The same in other containers."""
        return attrs.evolve(
            self,
            entries=list(self.entries),
            incarnations=dict(self.incarnations),
            incoming=dict(self.incoming),
        )


@attrs.frozen
class _Change:
    """Something that is done to what is written at once, and to what is durable at the next sync.

    :param syncs: whether that sync is due because of it.
    :param sequence: the ``Persist``'s, if there is one in it.
    """

    carry_out: Callable[[Content], object]
    syncs: bool
    sequence: int | None = None


class SimulatedDisk:
    """One server's disk.

    ``durable`` survives a crash; ``written`` is what a reader sees: it has the writes that are not synced as well.
    """

    def __init__(self, document: FoundingDocument, truth: Truth | None = None) -> None:
        self.document = document
        self.truth = truth or Truth(document)
        self.durable = Content(self.truth, [document.entry()], HardState(FOUNDING_TERM))
        self.written = self.durable.copy()
        self.amnesias = 0
        self._queue: deque[_Change] = deque()
        self._dumps: dict[int, list[bytes]] = {}
        self._past: deque[Content] = deque(maxlen=PAST_KEPT)
        """What ``durable`` was since the start, before each of the latest syncs: the database's WAL."""

    @property
    def busy(self) -> bool:
        """Whether something waits that has to be synced."""
        return any(change.syncs for change in self._queue)

    def write(self, persist: Persist | None, applied: int, state: bytes = b"") -> None:
        """Log, hard state and tables, in one transaction."""
        sequence = None if persist is None else persist.sequence
        self._do(
            _Change(lambda content: content.store(persist, applied, state), sequence is not None, sequence)
        )

    def take(self, body: bytes | None) -> Taken:
        """A part of another's tables; what is missing."""
        self._queue.append(_Change(lambda content: content.take(body), syncs=body is not None))
        return self.written.take(body)

    def install(self) -> None:
        """Other tables in place of the own ones."""
        self._do(_Change(Content.install, syncs=True))

    def _do(self, change: "_Change") -> None:
        self._queue.append(change)
        change.carry_out(self.written)

    def give(self, ask: bytes, rng: Random) -> tuple[bytes, int]:
        """A part of the tables, and their index; sometimes there is none any more."""
        if ask == BEGIN:
            content = self.written
            index = content.applied
            whole = msgpack.packb([index, *content.at(index), content.state])
            cuts = sorted(rng.randint(0, len(whole)) for _ in range(PARTS - 1))
            parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
            name = len(self._dumps) + rng.getrandbits(32)
            self._dumps[name] = [
                msgpack.packb([name, part, index, content]) for part, content in enumerate([b"", *parts])
            ]
            return self._dumps[name][0], index
        name, part = msgpack.unpackb(ask)
        if name not in self._dumps or rng.random() < 0.05:
            return b"", 0
        return self._dumps[name][part], 0

    def sync(self, count: int | None = None) -> int | None:
        """Make the oldest writes durable, all by default; the highest sequence among them."""
        sequence = None
        self._past.append(self.durable.copy())
        for _ in range(len(self._queue) if count is None else count):
            change = self._queue.popleft()
            change.carry_out(self.durable)
            sequence = sequence if change.sequence is None else change.sequence
        return sequence

    @property
    def waiting(self) -> int:
        """Writes that are not synced."""
        return len(self._queue)

    def crash(self, rng: Random) -> None:
        """Some of the oldest writes may have reached the disk; the others are gone."""
        self.sync(rng.randint(0, len(self._queue)))
        self.forget_unsynced()

    def forget_unsynced(self) -> None:
        """Only what is synced is left."""
        self._queue.clear()
        self.written = self.durable.copy()

    def lose_tail(self, kept: int) -> None:
        """The database loses what stood after ``kept``; the hard-state file beside it remembers that there was more."""
        self.durable.trusted_from = max(self.durable.last_index, self.durable.trusted_from or 0)
        self.durable.cut_after(kept)
        if self.durable.applied > kept:
            self.durable.applied, self.durable.state = kept, self.truth.states.get(kept, b"")
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
        """Entries of the log, as many as were asked for at most."""
        found: list[Entry] = []
        size = 0
        begin = self.written.anchor.index
        if fetch.first <= begin:
            return ()
        for entry in self.written.entries[fetch.first - 1 - begin : fetch.last - begin]:
            size += len(entry.body)
            if found and size > fetch.bytes_max:
                break
            found.append(entry)
        return tuple(found)

    def restored(self, *, tail_extra: int = 0) -> Restored:
        """What a start finds; ``tail_extra`` more entries than needed come from the log's end."""
        self.durable.incarnation += 1
        self._past.clear()
        self._dumps.clear()
        self.written = self.durable.copy()
        content = self.durable
        anchor = content.anchor
        runs: list[tuple[int, int]] = [(anchor.index, anchor.term)] if anchor.index else []
        for entry in content.entries:
            if not runs or runs[-1][1] != entry.term:
                runs.append((entry.index, entry.term))
        first = max(0, content.applied - tail_extra - anchor.index)
        return Restored(
            document=self.document,
            hard_state=content.hard_state,
            incarnation=content.incarnation,
            entries=tuple(content.entries[first:]),
            last_index=content.last_index,
            last_hash=content.at(content.last_index)[1],
            terms=tuple(runs),
            applied=content.applied,
            incarnations=tuple(sorted(content.incarnations.items())),
            trusted_from=content.trusted_from,
            anchor=anchor,
            log_size=content.log_size,
        )
