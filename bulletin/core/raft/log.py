"""The log as a node holds it: its tail in memory, the terms of all of it, and what of it is on the disk.

::

      1 ............ base | base+1 ......... synced ........ given ........ last
      on the disk only    | in memory:       on the disk     in flight      not given yet

*Given* entries were handed out to be stored; *synced* ones are known to be stored.  A store may have several writes
under way, and a truncation can overtake them: the acknowledgement of a write then speaks of entries that this log
no longer has.  Each write in flight therefore remembers up to which index it leaves the disk equal to the log **as
it is now**; a truncation lowers that mark of every write in flight, so a late acknowledgement claims nothing about
entries that were overwritten (the ABA race of asynchronous storage).
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

import attrs

from bulletin.core.log.entry import NO_HASH, Entry, EntryKind, LogIdentity, make_entry


@attrs.define
class _Flight:
    """A write that is under way: once ``sequence`` is stored, the disk equals this log up to ``end``."""

    sequence: int
    end: int


class RaftLog:
    """One node's log.

    :param entries: the tail to begin with; consecutive, ending at ``last_index``.
    :param last_index: the last index; all up to it is on the disk.
    :param last_hash: the chain hash there.
    :param terms: (first index, term) of each run of equal terms, ascending, from index 1 on.
    :raises ValueError: if these do not fit together.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        last_index: int,
        last_hash: bytes,
        terms: Sequence[tuple[int, int]],
    ) -> None:
        base = last_index - len(entries)
        if [entry.index for entry in entries] != list(range(base + 1, last_index + 1)):
            raise ValueError("the restored entries are not the end of the log")
        if entries and entries[-1].hash != last_hash:
            raise ValueError("the restored entries do not end with the log's last hash")
        self._entries = list(entries)
        self._base = base
        self._base_hash = None if entries else last_hash
        self._bytes = sum(len(entry.body) for entry in entries)
        self._run_starts = [first for first, _term in terms]
        self._run_terms = [term for _first, term in terms]
        self._check_runs(last_index)
        self.last_index = last_index
        """Index of the last entry, 0 in an empty log."""
        self.last_hash = last_hash
        """The chain hash there."""
        self._given = last_index
        self._synced = last_index
        self._truncate_after: int | None = None
        self._flights: deque[_Flight] = deque()

    def _check_runs(self, last_index: int) -> None:
        starts, terms = self._run_starts, self._run_terms
        if starts != sorted(set(starts)) or terms != sorted(set(terms)):
            raise ValueError("the runs of terms do not ascend")
        if (last_index > 0) != bool(starts) or (starts and (starts[0] != 1 or starts[-1] > last_index)):
            raise ValueError("the runs of terms do not cover the log")

    @property
    def last_term(self) -> int:
        """Term of the last entry, 0 in an empty log."""
        return self._run_terms[-1] if self._run_terms else 0

    @property
    def base(self) -> int:
        """Entries up to this index are no longer in memory."""
        return self._base

    @property
    def synced(self) -> int:
        """Up to this index the disk is known to hold exactly this log."""
        return self._synced

    @property
    def bytes_held(self) -> int:
        """Bytes of the bodies in memory."""
        return self._bytes

    @property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """(first index, term) of each run of equal terms."""
        return tuple(zip(self._run_starts, self._run_terms, strict=True))

    def term_at(self, index: int) -> int | None:
        """The term of an entry; 0 before the first; None after the last."""
        if index == 0:
            return 0
        if index < 0 or index > self.last_index:
            return None
        return self._run_terms[bisect_right(self._run_starts, index) - 1]

    def hash_at(self, index: int) -> bytes | None:
        """The chain hash at an index, or None where it is not in memory; before the first entry it is known for ever."""
        if index == 0:
            return NO_HASH
        if index == self._base:
            return self._base_hash
        if self._base < index <= self.last_index:
            return self._entries[index - self._base - 1].hash
        return None

    def up_to_date(self, last_index: int, last_term: int) -> bool:
        """Whether a log that ends so has all that this one has, as far as a vote can tell (3.6.1)."""
        return (last_term, last_index) >= (self.last_term, self.last_index)

    def last_at_most(self, index: int, term: int) -> int:
        """The last index, ``index`` at most, whose term is ``term`` at most; 0 where there is none.

        Both sides use it to agree after a rejection: where terms differ by index and by size, no entry above it
        can be common to both logs.
        """
        index = min(index, self.last_index)
        run = bisect_right(self._run_terms, term) - 1
        if run < 0 or index <= 0:
            return 0
        end = self._run_starts[run + 1] - 1 if run + 1 < len(self._run_starts) else self.last_index
        return min(index, end)

    def between(self, first: int, last: int, bytes_max: int, count_max: int) -> tuple[Entry, ...]:
        """Entries from memory, as many as fit the bounds, at least one; ``first`` must be above ``base``."""
        start = first - self._base - 1
        stop = min(last - self._base, start + count_max)
        assert 0 <= start < len(self._entries), "an entry is not in memory"
        size, end = 0, start
        while end < stop:
            size += len(self._entries[end].body)
            if size > bytes_max and end > start:
                break
            end += 1
        return tuple(self._entries[start:end])

    def after(self, index: int, last: int) -> tuple[Entry, ...]:
        """All entries in memory above ``index`` and up to ``last``; ``index`` must be at or above ``base``."""
        assert index >= self._base, "an entry is not in memory"
        return tuple(self._entries[index - self._base : last - self._base])

    def bytes_between(self, index: int, last: int) -> int:
        """Bytes of the bodies above ``index`` and up to ``last``; ``index`` must be at or above ``base``."""
        return sum(len(entry.body) for entry in self.after(index, last))

    def append_new(self, identity: LogIdentity, term: int, kind: EntryKind, body: bytes) -> Entry:
        """Append one entry of the leader's own making."""
        entry = make_entry(self.last_hash, identity, self.last_index + 1, term, kind, body)
        self.append(entry)
        return entry

    def append(self, entry: Entry) -> None:
        """Append one entry whose hash was checked."""
        assert entry.index == self.last_index + 1, "the log would have a gap"
        assert entry.term >= self.last_term, "terms in a log never fall"
        if entry.term != self.last_term:
            self._run_starts.append(entry.index)
            self._run_terms.append(entry.term)
        self._entries.append(entry)
        self._bytes += len(entry.body)
        self.last_index = entry.index
        self.last_hash = entry.hash

    def truncate_after(self, index: int, hash_there: bytes) -> None:
        """Drop all entries above ``index``, where the chain hash is ``hash_there``.

        The caller has made sure that none of them is committed.
        """
        assert self._base <= index < self.last_index, "only the tail in memory can be dropped"
        kept = index - self._base
        self._bytes -= sum(len(entry.body) for entry in self._entries[kept:])
        del self._entries[kept:]
        while self._run_starts and self._run_starts[-1] > index:
            self._run_starts.pop()
            self._run_terms.pop()
        assert self.hash_at(index) in (None, hash_there), "the hash before a conflict is common to both logs"
        self.last_index = index
        self.last_hash = hash_there
        if index == self._base:
            self._base_hash = hash_there
        if index < self._given:
            self._given = index
            lowest = self._truncate_after
            self._truncate_after = index if lowest is None else min(index, lowest)
        self._synced = min(self._synced, index)
        for flight in self._flights:
            flight.end = min(flight.end, index)

    @property
    def has_unstored(self) -> bool:
        """Whether there is anything that was not yet handed out to be stored."""
        return self._truncate_after is not None or self._given < self.last_index

    def give(self, sequence: int) -> tuple[int | None, tuple[Entry, ...]]:
        """Hand out, as write ``sequence``, what must be dropped from the disk and what must be added."""
        truncate_after, entries = self._truncate_after, self.after(self._given, self.last_index)
        self._truncate_after = None
        self._given = self.last_index
        self._flights.append(_Flight(sequence, self.last_index))
        return truncate_after, entries

    def stored(self, sequence: int) -> None:
        """All writes up to ``sequence`` are on the disk."""
        while self._flights and self._flights[0].sequence <= sequence:
            self._synced = max(self._synced, self._flights.popleft().end)

    def sequence_for(self, index: int, following: int) -> int:
        """Which write makes the log durable up to ``index``: 0 if it is already; ``following`` is the next one."""
        if index <= self._synced:
            return 0
        for flight in self._flights:
            if flight.end >= index:
                return flight.sequence
        return following

    def forget(self, below: int, bytes_kept: int) -> None:
        """Let entries up to ``below`` leave the memory, oldest first, while more than ``bytes_kept`` is held.

        Entries that are not synced stay, whatever ``below`` says.
        """
        below = min(below, self._synced, self._given)
        if self._bytes <= bytes_kept + bytes_kept // 4 or below <= self._base:
            return
        count = 0
        while self._base + count < below and self._bytes > bytes_kept:
            self._bytes -= len(self._entries[count].body)
            count += 1
        if count:
            self._base_hash = self._entries[count - 1].hash
            self._base += count
            del self._entries[:count]
