"""What a node has asked to be stored, what is known to be stored, and how long the disk has been silent."""

from collections import deque

from bulletin.core.raft.log import RaftLog
from bulletin.core.raft.ready import HardState, Persist


class Disk:
    """The hard state, and the numbering of writes.

    :param hard_state: as restored: it is on the disk.
    """

    def __init__(self, hard_state: HardState) -> None:
        self.hard_state = hard_state
        self.persisted = 0
        self._given = 0
        self._hard_sequence = 0
        self._remembered_sequence = 0
        self._hard_changed = False
        self._trusted = False
        self._incarnations: dict[bytes, int] = {}
        self._flights: deque[tuple[int, float, bool]] = deque()

    @property
    def following(self) -> int:
        """The sequence of the next write."""
        return self._given + 1

    @property
    def hard_sequence(self) -> int:
        """The write that makes the present hard state durable; at or below ``persisted`` where it is already."""
        return self.following if self._hard_changed else self._hard_sequence

    @property
    def hard_synced(self) -> bool:
        """Whether the present term and vote are on the disk."""
        return self.hard_sequence <= self.persisted

    def change(self, term: int, vote: bytes | None) -> None:
        """A new term, or a vote in the present one."""
        old = self.hard_state
        assert term > old.term or (term == old.term and old.vote in (None, vote)), "a vote is given once"
        self.hard_state = HardState(term, vote)
        self._hard_changed = True

    def remember(self, member: bytes, incarnation: int) -> None:
        """Note the highest incarnation seen of a member."""
        self._incarnations[member] = incarnation

    def trust(self) -> None:
        """What was lost is made good: to be noted together with, or after, what made it so."""
        self._trusted = True

    @property
    def remembered_sequence(self) -> int:
        """The write that makes all incarnations seen durable."""
        return self.following if self._incarnations else self._remembered_sequence

    def take(self, log: RaftLog, now: float) -> Persist | None:
        """What must be stored next, if anything."""
        if not (self._hard_changed or self._incarnations or self._trusted or log.has_unstored):
            return None
        sequence = self._given = self.following
        truncate_after, entries = log.give(sequence)
        persist = Persist(
            sequence=sequence,
            hard_state=self.hard_state if self._hard_changed else None,
            truncate_after=truncate_after,
            entries=entries,
            incarnations=tuple(sorted(self._incarnations.items())),
            trusted=self._trusted,
            anchor=log.give_anchor(),
            log_size=log.size,
        )
        if self._hard_changed:
            self._hard_sequence = sequence
        if self._incarnations:
            self._remembered_sequence = sequence
        self._hard_changed = self._trusted = False
        self._incarnations.clear()
        self._flights.append((sequence, now, bool(entries)))
        return persist

    def stored(self, sequence: int) -> None:
        """All writes up to ``sequence`` are on the disk."""
        assert sequence <= self._given, "a write that was never asked for"
        self.persisted = max(self.persisted, sequence)
        while self._flights and self._flights[0][0] <= sequence:
            self._flights.popleft()

    @property
    def writing_entries(self) -> bool:
        """Whether a write with entries in it is under way."""
        return any(with_entries for _sequence, _since, with_entries in self._flights)

    def silent_for(self, now: float) -> float:
        """For how many seconds the oldest write under way has been."""
        return now - self._flights[0][1] if self._flights else 0.0
