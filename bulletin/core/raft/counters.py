"""How often each thing worth a metric, or worth reaching in a simulation, happened to a node."""

from collections import Counter


class Counters:
    """Counts by name; the names are those of the calls to :meth:`count` in this package."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, name: str, times: int = 1) -> None:
        """It happened so many times more."""
        self._counts[name] += times

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def values(self) -> tuple[tuple[str, int], ...]:
        """All counts, sorted by name."""
        return tuple(sorted(self._counts.items()))
