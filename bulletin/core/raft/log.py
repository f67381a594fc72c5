"""The log as a node holds it: its tail in memory, the terms of all of it, and what of it is on the disk.

::

      anchor | anchor+1 .. base | base+1 ......... synced ........ given ........ last
      gone   | on the disk only | in memory:       on the disk     in flight      not given yet

The log is bounded: what is in the tables is *trimmed* from its beginning.  The :class:`Anchor` is what remains of that.
It moves from one *milestone* to the next: places whose hash is remembered as the log grows, so that it need not be read
for that.

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

from bulletin.core.limits import MIB
from bulletin.core.log.entry import NO_ANCHOR, Anchor, Entry, EntryKind, LogIdentity, make_entry


@attrs.define
class _Flight:
    """A write that is under way: once ``sequence`` is stored, the disk equals this log up to ``end``."""

    sequence: int
    end: int


@attrs.frozen
class _Milestone:
    """A place in the log up to which it may be trimmed.

    :param size: bytes appended up to it.
    """

    anchor: Anchor
    size: int


ENTRY_OVERHEAD = 128
"""Bytes that an entry counts for beside its body: so that empty ones are bounded, too."""

_MILESTONES = 8
"""In so many parts is what is retained divided."""


@attrs.frozen
class Retention:
    """How much of the log is kept for followers that are a little behind.

    :param entries: of more, the oldest may be trimmed;
    :param size: and so of more bytes.
    :param held_entries: what a follower needs that is being brought up to date is kept up to so many entries …
    :param held_size: … and bytes.
    """

    entries: int
    size: int
    held_entries: int
    held_size: int


_DEFAULT = Retention(65_536, 64 * MIB, 262_144, 256 * MIB)


class RaftLog:
    """One node's log.

    :param entries: the tail to begin with; consecutive, ending at ``last_index``.
    :param last_index: the last index; all up to it is on the disk.
    :param last_hash: the chain hash there.
    :param terms: (first index, term) of each run of equal terms, ascending, from the anchor (or index 1) on.
    :param anchor: where the log begins.
    :param retention: how much is kept.
    :param size: what :attr:`size` was when it was stored last.
    :raises ValueError: if these do not fit together.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        last_index: int,
        last_hash: bytes,
        terms: Sequence[tuple[int, int]],
        anchor: Anchor = NO_ANCHOR,
        retention: Retention = _DEFAULT,
        size: int = 0,
    ) -> None:
        base = last_index - len(entries)
        if [entry.index for entry in entries] != list(range(base + 1, last_index + 1)):
            raise ValueError("the restored entries are not the end of the log")
        if entries and entries[-1].hash != last_hash:
            raise ValueError("the restored entries do not end with the log's last hash")
        if base < anchor.index or (base == last_index == anchor.index and last_hash != anchor.hash):
            raise ValueError("the log does not begin where it was trimmed")
        self.anchor = anchor
        """Where the log begins."""
        self._anchor_given = anchor
        self._retention = retention
        self._size = size
        self._trimmed_size = 0
        self._milestones: deque[_Milestone] = deque()
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
        self._find_milestones(size)

    def _find_milestones(self, size: int) -> None:
        """Where the restored log may be trimmed: at its end, or, where entries are in memory, from the first of them on."""
        if not self._entries:
            if self.last_index > self.anchor.index:
                end = Anchor(self.last_index, self.last_term, self.last_hash)
                self._milestones.append(_Milestone(end, size))
            return
        self._size = max(0, size - sum(len(entry.body) + ENTRY_OVERHEAD for entry in self._entries))
        for entry in self._entries:
            self._grow(entry, least=1 if not self._milestones else None)

    def _check_runs(self, last_index: int) -> None:
        starts, terms, anchor = self._run_starts, self._run_terms, self.anchor
        if starts != sorted(set(starts)) or terms != sorted(set(terms)):
            raise ValueError("the runs of terms do not ascend")
        first = max(1, anchor.index)
        if (last_index > 0) != bool(starts) or (starts and (starts[0] != first or starts[-1] > last_index)):
            raise ValueError("the runs of terms do not cover the log")
        if anchor.index and terms[0] != anchor.term:
            raise ValueError("the log does not begin with the term of what was trimmed")

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
    def size(self) -> int:
        """Bytes in the log, on the disk and in memory."""
        return self._size - self._trimmed_size

    @property
    def bytes_held(self) -> int:
        """Bytes of the bodies in memory."""
        return self._bytes

    @property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """(first index, term) of each run of equal terms."""
        return tuple(zip(self._run_starts, self._run_terms, strict=True))

    def term_at(self, index: int) -> int | None:
        """The term of an entry; None where it is trimmed, or beyond the last; 0 before the first of a whole log."""
        if index == self.anchor.index:
            return self.anchor.term
        if index < self.anchor.index or index > self.last_index:
            return None
        return self._run_terms[bisect_right(self._run_starts, index) - 1]

    def hash_at(self, index: int) -> bytes | None:
        """The chain hash at an index, or None where it is not in memory; at the anchor it is known."""
        if index == self.anchor.index:
            return self.anchor.hash
        if index == self._base:
            return self._base_hash
        if self._base < index <= self.last_index:
            return self._entries[index - self._base - 1].hash
        return None

    def up_to_date(self, last_index: int, last_term: int) -> bool:
        """Whether a log that ends so has all that this one has, as far as a vote can tell (3.6.1)."""
        return (last_term, last_index) >= (self.last_term, self.last_index)

    def last_at_most(self, index: int, term: int) -> int:
        """The last index, ``index`` at most, whose term is ``term`` at most; the anchor's where there is none.

        Both sides use it to agree after a rejection: where terms differ by index and by size, no entry above it
        can be common to both logs.  What was trimmed was committed, so nobody who has it has it otherwise.
        """
        first = self.anchor.index
        index = min(index, self.last_index)
        run = bisect_right(self._run_terms, term) - 1
        if run < 0 or index <= first:
            return first
        end = self._run_starts[run + 1] - 1 if run + 1 < len(self._run_starts) else self.last_index
        return max(first, min(index, end))

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
        self._grow(entry)

    def _grow(self, entry: Entry, least: int | None = None) -> None:
        """Note where the log may be trimmed, now and then: after an eighth of what is retained, or ``least`` entries."""
        self._size += len(entry.body) + ENTRY_OVERHEAD
        latest = self._milestones[-1] if self._milestones else _Milestone(self.anchor, self._trimmed_size)
        retention = self._retention
        step = least or max(1, retention.entries // _MILESTONES)
        if (
            entry.index - latest.anchor.index >= step
            or self._size - latest.size >= retention.size // _MILESTONES
        ):
            self._milestones.append(_Milestone(Anchor(entry.index, entry.term, entry.hash), self._size))

    def truncate_after(self, index: int, hash_there: bytes) -> None:
        """Drop all entries above ``index``, where the chain hash is ``hash_there``.

        The caller has made sure that none of them is committed.
        """
        assert self._base <= index < self.last_index, "only the tail in memory can be dropped"
        kept = index - self._base
        dropped = sum(len(entry.body) for entry in self._entries[kept:])
        self._bytes -= dropped
        self._size -= dropped + ENTRY_OVERHEAD * (len(self._entries) - kept)
        del self._entries[kept:]
        while self._milestones and self._milestones[-1].anchor.index > index:
            self._milestones.pop()
        while self._run_starts and self._run_starts[-1] > max(index, self.anchor.index):
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
        return (
            self._truncate_after is not None
            or self._given < self.last_index
            or self._anchor_given is not self.anchor
        )

    def give_anchor(self) -> Anchor | None:
        """Hand out where the log begins, if that has changed."""
        changed = self._anchor_given is not self.anchor
        self._anchor_given = self.anchor
        return self.anchor if changed else None

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

    def trim(self, written: int, held: int) -> bool:
        """Trim what is in the tables and older than what is retained; says whether anything was.

        :param written: the tables have reached this index, and the disk has it.
        :param held: what is above is needed by somebody, and stays as long as that is no more than may be held.
        """
        trimmed, retention = False, self._retention
        while self._milestones:
            milestone = self._milestones[0]
            index = milestone.anchor.index
            if index > min(written, self._synced):
                break
            enough = self._exceeds(milestone, retention.entries, retention.size)
            if index > held:
                enough = enough and self._exceeds(milestone, retention.held_entries, retention.held_size)
            if not enough:
                break
            self._milestones.popleft()
            self._begin_after(milestone.anchor)
            self._trimmed_size = milestone.size
            trimmed = True
        return trimmed

    def _exceeds(self, milestone: _Milestone, entries: int, size: int) -> bool:
        """Whether there is too much beyond a milestone; or in all, where all up to it was there at the start."""
        return (
            self.last_index - milestone.anchor.index >= entries
            or self._size - milestone.size >= size
            or self.last_index - self.anchor.index >= 2 * entries
            or self.size >= 2 * size
        )

    def _begin_after(self, anchor: Anchor) -> None:
        if anchor.index > self._base:
            count = anchor.index - self._base
            self._bytes -= sum(len(entry.body) for entry in self._entries[:count])
            del self._entries[:count]
            self._base = anchor.index
            self._base_hash = anchor.hash
        self.anchor = anchor
        run = bisect_right(self._run_starts, anchor.index) - 1
        del self._run_starts[:run]
        del self._run_terms[:run]
        self._run_starts[0] = anchor.index
