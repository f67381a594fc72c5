"""A server's disk: what stands on it for good, as the checkers look at it, and how it loses some of that."""

from collections import deque
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

import attrs

from bulletin.core.board.commands import Kind, decode, encode
from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.log.batch import decode_batch, encode_batch
from bulletin.core.log.entry import NO_HASH, Anchor, Entry, EntryKind, make_entry
from bulletin.core.log.port import Operation
from bulletin.core.raft.ready import HardState
from bulletin.core.store.hard_record import HardRecord
from bulletin.simulation.memory_tables import MemoryDisk, MemoryTables

PAST_KEPT: Final = 12
"""Syncs that a disk can go back."""


class Content:
    """What survives a loss of power.

    :param disk: of the server.
    :param committed: the committed entries, from index 1 on: what is trimmed is only in the tables.
    """

    def __init__(self, disk: MemoryDisk, committed: Sequence[Entry]) -> None:
        self._disk = disk
        self._committed = committed

    @property
    def _records(self) -> tuple[HardRecord, ...]:
        """Of the database, and of the file beside it, if that can be read."""
        file = self._disk.file
        return (self._disk.record,) if file is None else (self._disk.record, file)

    @property
    def hard_state(self) -> HardState:
        """Term and vote."""
        newest = max(self._records, key=lambda record: (record.term, record.vote is not None, record.commit))
        return HardState(newest.term, newest.vote)

    @property
    def incarnation(self) -> int:
        """Starts, counted."""
        return max(record.incarnation for record in self._records)

    @property
    def incarnations(self) -> Mapping[bytes, int]:
        """The highest seen of each fellow."""
        return self._disk.synced.incarnations

    @property
    def anchor(self) -> Anchor:
        """Where the log begins."""
        return self._disk.synced.anchor

    def hash_at(self, index: int) -> bytes | None:
        """The chain hash of what is on the disk at an index, be it only in the tables; None: nothing."""
        tables = self._disk.synced
        begin = tables.anchor.index
        if not 1 <= index <= begin + len(tables.log):
            return None
        if index > begin:
            return tables.log[index - begin - 1].hash
        return tables.anchor.hash if index == begin else self._committed[index - 1].hash

    def last(self) -> tuple[int, int]:
        """(term, index) of the last entry: what votes compare."""
        return self._disk.synced.last()


class SimulatedDisk(MemoryDisk):
    """A disk in memory that remembers what it was, so that it can lose its end.

    :param member: the random id that a first start would draw, 16 bytes.
    :param window: operations remembered: the board's.
    """

    def __init__(self, member: bytes, window: int = OPERATIONS_REMEMBERED) -> None:
        super().__init__(member, window)
        self.past: deque[tuple[MemoryTables, HardRecord]] = deque(maxlen=PAST_KEPT)
        """What it was before each of its latest syncs."""
        self.had_last = (0, 0)
        """(term, index) of the last entry that it ever had; on a disk that loses nothing it has it."""
        self.had_hard_state = HardState(0)
        """The latest term that it ever had, and the vote in it."""

    def sync(self, record: HardRecord) -> None:
        """See :class:`MemoryDisk`."""
        self.past.append((self.synced.copy(), self.record))
        super().sync(record)
        self.had_last = max(self.had_last, self.synced.last())
        known = self.had_hard_state, HardState(record.term, record.vote)
        self.had_hard_state = max(known, key=lambda state: (state.term, state.vote is not None))

    def back_to(self, tables: MemoryTables, record: HardRecord) -> None:
        """The database is what it was."""
        self.synced, self.record = tables, record
        self.written = tables.copy()
        self.unsynced.clear()
        self.past.clear()


class Disk:
    """One server's disk, and what it was through.

    :param member: the id of a first start.
    :param committed: the committed entries.
    :param window: operations remembered.
    """

    def __init__(
        self, member: bytes, committed: Sequence[Entry], window: int = OPERATIONS_REMEMBERED
    ) -> None:
        self._committed = committed
        self._window = window
        self.memory = SimulatedDisk(member, window)
        self.durable = Content(self.memory, committed)
        self.amnesias = 0
        """How often it has lost its end and did not know how much."""
        self.forgetful = False
        """Whether it has forgotten for good what it had acknowledged."""
        self._forged: Entry | None = None
        """What was put into its log, and its hard state agrees with."""
        self.waiting = 0
        """Writes that were asked for and are not stored."""

    @property
    def forged(self) -> bool:
        """Whether there is something in its log that was never committed, and nothing on the disk says so."""
        forged = self._forged
        return forged is not None and self.durable.hash_at(forged.index) == forged.hash

    @property
    def tainted(self) -> bool:
        """Whether nobody makes up for what it has lost, but a person."""
        return self.forgetful or self.forged

    @property
    def damaged(self) -> bool:
        """Whether it has lost what was acknowledged, and nobody has made up for it."""
        memory = self.memory
        spoilt = memory.file is None or self._behind or memory.damage is not None
        return self.tainted or spoilt or bool(memory.record.trusted_from)

    @property
    def _behind(self) -> bool:
        """Whether the database has lost what the hard-state file remembers."""
        file = self.memory.file
        return file is not None and file.commit > self.memory.record.commit

    def _earlier(self, rng: Random) -> tuple[MemoryTables, HardRecord] | None:
        """What it was some syncs ago, of the same server with data."""
        past = list(self.memory.past)[-rng.choice((1, 2, PAST_KEPT)) :]
        if not past or not past[0][1].cluster:
            return None
        return past[0]

    def lose_tail(self, rng: Random) -> bool:
        """The database loses its latest syncs; the hard-state file beside it remembers that there was more.

        Where that file has lost its newest slot before, nothing remembers it.
        """
        earlier = self._earlier(rng)
        if earlier is None:
            return False
        file = self.memory.file
        if file is None or file.commit < self.memory.record.commit:
            self.forgetful = True
            self.amnesias += 1
        self.memory.back_to(*earlier)
        self.memory.file = file
        return True

    def lose_file(self, rng: Random) -> bool:
        """The hard-state file cannot be read; often the database has lost its end, too, and nobody can tell how much.

        A fellow that knows of what was lost cannot tell it from an old copy, and excludes it.
        """
        earlier = self._earlier(rng)
        if earlier is None:
            return False
        self.forgetful |= self._behind  # the file alone knew of what the database had lost before
        if rng.random() < 0.7:
            self.forgetful = True
            self.memory.back_to(*earlier)
            self.amnesias += 1
        self.memory.file = None
        return True

    def tear_slot(self) -> bool:
        """The newest slot of the hard-state file is torn; the one before it is good."""
        past = self.memory.past
        if not past or self.damaged:
            return False
        self.memory.file, self.memory.bad_slots = past[-1][1], 1
        return True

    def flip(self) -> bool:
        """A bit of some row is another: whoever reads it notices, or the next start.

        Where the hard-state file, too, does not know the latest start, its fellows exclude the server.
        """
        memory = self.memory
        if not memory.record.cluster:
            return False
        memory.damage = "a row"
        self.forgetful |= memory.file is None or memory.file.incarnation < memory.record.incarnation
        return True

    def forge(self, *, agreed: bool) -> bool:
        """The last entry of the log that has a post is another one, rightly chained and sealed, and so is what follows it.

        The tables are as they were, with the true entry in them or not yet.  False: there is nothing that could be forged.

        :param agreed: the hard state, in both places, has the hash of the forged log's end: no start can tell.
        """
        memory = self.memory
        document, log, begin = memory.synced.document, memory.synced.log, memory.synced.anchor.index
        if document is None or memory.file != memory.record:
            return False
        place = next((at for at in reversed(range(len(log))) if _forged_body(log[at]) is not None), None)
        if place is None:
            return False
        before = memory.synced.at(begin + place)[1] if begin + place else NO_HASH
        forged: list[Entry] = []
        for entry in log[place:]:
            body = entry.body if forged else _forged_body(entry)
            assert body is not None, "it has a post"
            forged.append(make_entry(before, document.identity, entry.index, entry.term, entry.kind, body))
            before = forged[-1].hash
        for tables in (memory.synced, memory.written):
            tables.log[place:] = forged
        memory.past.clear()
        if agreed:
            memory.record = memory.file = attrs.evolve(memory.record, last_hash=before)
            self._forged = forged[0]
        return True

    def roll_back(self, rng: Random) -> bool:
        """The whole directory is an earlier copy of itself."""
        earlier = self._earlier(rng)
        if earlier is None:
            return False
        self.memory.back_to(*earlier)
        self.memory.file = self.memory.record
        self.amnesias += 1
        self.forgetful = True
        return True

    def wipe(self, rng: Random) -> bool:
        """The directory is empty."""
        return self._become(SimulatedDisk(rng.randbytes(16), self._window))

    def copy_of(self, other: "Disk") -> bool:
        """The directory is a copy of another server's, which has data: else nothing in it says whose it is."""
        if not other.memory.record.cluster:
            return False
        twin = SimulatedDisk(other.memory.record.member, self._window)
        twin.back_to(other.memory.synced.copy(), other.memory.record)
        twin.file = other.memory.file
        return self._become(twin)

    def _become(self, memory: SimulatedDisk) -> bool:
        self.memory = memory
        self.durable = Content(memory, self._committed)
        self.amnesias += 1
        self.forgetful = True
        return True


def _forged_body(entry: Entry) -> bytes | None:
    """What an entry would be with another text in one of its posts; None where it has none."""
    if entry.kind is not EntryKind.OPERATIONS:
        return None
    operations = [Operation(key, payload) for key, payload in decode_batch(entry.body)]
    for place, operation in enumerate(operations):
        command = decode(operation.payload)
        if command.kind in {Kind.PUBLISH, Kind.SEND}:
            other = attrs.evolve(command, message=f"{command.message} forged")
            operations[place] = attrs.evolve(operation, payload=encode(other))
            return encode_batch(operations)
    return None
