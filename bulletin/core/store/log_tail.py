"""What a store asserts of the writes that it is given: the log stays one unbroken chain, and what is applied stays in it.

Kept in memory: term and chain hash from the last applied index on.  No write truncates below that (what was applied was
committed), so the hash before every entry that is appended is at hand.
"""

from collections.abc import Iterable
from typing import Final

from bulletin.core.log.entry import Entry, LogIdentity, intact
from bulletin.core.raft.ready import Persist


class LogTail:
    """The end of the log as it will be when all writes are done.  Its size is bounded by the node's unapplied tail."""

    def __init__(self, identity: LogIdentity, applied: int, term: int, hash_: bytes) -> None:
        """The tail of a log that ends at the last applied entry.

        :param applied: the last applied index.
        :param term: the term there; 0 where nothing is applied.
        :param hash_: the chain hash there.
        """
        self._identity: Final = identity
        self._applied = applied
        self._ends = [(term, hash_)]
        """Term and chain hash of the entries from ``_applied`` on."""

    @property
    def last_index(self) -> int:
        """The log's last index."""
        return self._applied + len(self._ends) - 1

    @property
    def last_hash(self) -> bytes:
        """The chain hash there."""
        return self._ends[-1][1]

    def persist(self, persist: Persist) -> tuple[tuple[int, int], ...]:
        """Take a write's entries; (first index, term) of each run of entries of one term that begins in it."""
        if persist.truncate_after is not None:
            assert self._applied <= persist.truncate_after <= self.last_index, "an applied entry is truncated"
            del self._ends[persist.truncate_after - self._applied + 1 :]
        if persist.anchor is not None:
            assert persist.anchor.index <= self._applied, "what is not applied is trimmed"
        return self.append(persist.entries)

    def append(self, entries: Iterable[Entry]) -> tuple[tuple[int, int], ...]:
        """Take entries that follow the last one; the runs of one term that begin in them."""
        runs = []
        for entry in entries:
            last_term, last_hash = self._ends[-1]
            assert entry.index == self.last_index + 1, "the log has a gap, or an entry twice"
            assert entry.term >= last_term, "terms go back"
            assert intact(entry, last_hash, self._identity), "an entry does not follow its predecessor"
            if entry.term != last_term:
                runs.append((entry.index, entry.term))
            self._ends.append((entry.term, entry.hash))
        return tuple(runs)

    def applied(self, index: int) -> None:
        """Everything up to ``index`` has been applied."""
        assert self._applied <= index <= self.last_index, "what is applied is not in the log, or goes back"
        del self._ends[: index - self._applied]
        self._applied = index
