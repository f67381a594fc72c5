"""Nodes and logs for tests, with everything that a test does not care for filled in."""

from random import Random

from bulletin.core.clocks.instant import Instant
from bulletin.core.log.entry import Entry, EntryKind, make_entry
from bulletin.core.log.port import Operation
from bulletin.core.raft.config import Config
from bulletin.core.raft.log import RaftLog
from bulletin.core.raft.node import Node
from bulletin.core.raft.ready import HardState, Persist, Ready, Restored
from bulletin.simulation.log.cluster import found

THREE = found(3)
ONE = found(1)
IDS = tuple(member.member for member in THREE.members)


def at(seconds: float) -> Instant:
    """A moment."""
    return Instant(seconds, seconds)


def entries_of(*terms: int, document=THREE) -> list[Entry]:
    """A log's entries by their terms; the first is the founding one."""
    entries = [document.entry()]
    for term in terms[1:]:
        last = entries[-1]
        body = f"in {term}".encode()
        entries.append(make_entry(last.hash, document.identity, last.index + 1, term, EntryKind.NOOP, body))
    return entries


def runs_of(entries: list[Entry]) -> tuple[tuple[int, int], ...]:
    """The runs of equal terms."""
    runs: list[tuple[int, int]] = []
    for entry in entries:
        if not runs or runs[-1][1] != entry.term:
            runs.append((entry.index, entry.term))
    return tuple(runs)


def log_of(*terms: int, base: int = 0) -> RaftLog:
    """A log that is on the disk, with the entries above ``base`` in memory."""
    entries = entries_of(*terms)
    return RaftLog(entries[base:], len(entries), entries[-1].hash, runs_of(entries))


def restored_of(*terms: int, document=THREE, **changes) -> Restored:
    """What a disk with such a log holds."""
    entries = entries_of(*terms, document=document)
    fields = {
        "document": document,
        "hard_state": HardState(entries[-1].term),
        "incarnation": 1,
        "entries": tuple(entries),
        "last_index": len(entries),
        "last_hash": entries[-1].hash,
        "terms": runs_of(entries),
        "applied": 1,
    }
    return Restored(**(fields | changes))


def operation(text: str = "x", size: int = 0) -> Operation:
    """An operation named by a text."""
    return Operation(text.encode().ljust(16, b".")[:16], text.encode().ljust(size, b"."))


class Group:
    """Nodes whose messages arrive and whose disks sync at once, unless held."""

    def __init__(self, document=THREE, config: Config | None = None, make=None) -> None:
        self.now = 0.0
        self.steps = 0
        self.held: set[bytes] = set()
        self.writes: dict[bytes, list[Persist]] = {}
        self.sent: list[tuple[bytes, bytes, object]] = []
        self.readies: list[tuple[bytes, Ready]] = []
        self.lost: set[bytes] = set()
        self.machines = {}
        for place, member in enumerate(document.members):
            restored = restored_of(1, document=document)
            node = Node(config or Config(), member.member, restored, Random(place), at(0))
            self.machines[member.member] = node if make is None else make(node, at(0))
            self.writes[member.member] = []

    @property
    def instant(self) -> Instant:
        return at(self.now)

    def settle(self) -> None:
        """Carry out everything until nothing is left to do."""
        moved = True
        while moved:
            moved = False
            for member, machine in self.machines.items():
                ready = machine.ready()
                if ready != Ready():
                    moved = True
                    self.readies.append((member, ready))
                if ready.persist is not None:
                    self.writes[member].append(ready.persist)
                if member not in self.held:
                    moved |= self.sync(member)
                for recipient, message in ready.messages:
                    self.sent.append((member, recipient, message))
                    if not {member, recipient} & self.lost:
                        self.machines[recipient].receive(member, message, self.instant)

    def sync(self, member: bytes) -> bool:
        """The disk of a member answers."""
        writes, self.writes[member] = self.writes[member], []
        for persist in writes:
            self.machines[member].persisted(persist.sequence, self.instant)
        return bool(writes)

    def advance(self, seconds: float) -> None:
        """Time passes, in steps."""
        for _ in range(round(seconds / 0.05)):
            self.steps += 1
            self.now = self.steps * 0.05 * (1 + 1e-9)  # what is due after a number of steps is due
            for machine in self.machines.values():
                machine.tick(self.instant)
            self.settle()

    def elect(self):
        """Wait until there is a leader; returns it."""
        self.advance(1.5)
        return next(machine for machine in self.machines.values() if machine.leads)
