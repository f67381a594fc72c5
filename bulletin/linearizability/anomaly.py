"""The ways in which a history can break a promise, by name."""

from collections.abc import Iterable
from enum import Enum

import attrs


class Kind(Enum):
    """What went wrong; the value is what a person reads.  Worst first."""

    LOST_WRITE = "lost write"
    """It was acknowledged, and is not there."""

    INVENTED_WRITE = "invented write"
    """It is there, and nobody asked for it."""

    MOVED_WRITE = "moved write"
    """It was acknowledged at another place than it has."""

    CHANGED_WRITE = "changed write"
    """It is there, and is not what was sent, acknowledged or shown."""

    REFUSED_WRITE = "refused write"
    """It was refused for good, and is there."""

    DUPLICATE = "duplicate"
    """It took effect twice, or was shown to one reader twice."""

    GAP = "gap"
    """Numbers are missing, or given twice."""

    WRONG_ANSWER = "wrong answer"
    """No board answers so at that place of the order."""

    STALE_READ = "stale read"
    """A read does not show a write that had returned before it began."""

    NONMONOTONIC = "nonmonotonic"
    """A read shows less than one that had returned before it began; or a clock, or a reader's numbers, go back."""

    FUTURE_READ = "future read"
    """A read shows a write that was asked for only after it."""

    REORDERED = "reordered"
    """A write comes after one that was asked for only when it had returned."""

    SKIP = "skip"
    """A reader was shown what follows a post, and not the post."""

    UNOBSERVED = "unobserved"
    """A reader that stayed to the end was not shown the last posts."""


@attrs.frozen
class Anomaly:
    """One broken promise.

    :param kind: its name.
    :param where: the channel, inbox or list that it is about; for a person.
    :param what: a sentence, without its end.
    """

    kind: Kind
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.where}: {self.what}"


_RANKS = {kind: rank for rank, kind in enumerate(Kind)}


def worst_first(found: Iterable[Anomaly]) -> list[Anomaly]:
    """The same, in the order of their kinds; among equals, as they were found."""
    return sorted(found, key=lambda anomaly: _RANKS[anomaly.kind])
