"""The fault-tolerant average of several clocks (Gusella and Zatti 1989, section 2: TEMPO's master).

"The master computes a fault-tolerant average": of the largest set of clocks that do not differ from each other by more
than a small quantity γ, its own included.  What is outside does not count, and is set right like the others.  A clock
that is an hour off so moves nobody.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from statistics import median
from typing import Final

import attrs

ROUND_SECONDS: Final = 2.0
"""Seconds from one round to the next, unless a server asks for one sooner."""

GAMMA: Final = 0.1
"""γ: how far two clocks of the set may differ, in seconds.  A clock that lies by less moves the average by a share of
that; one that lies by more does not count."""


class Standing(Enum):
    """What became of a clock in a round; the value is its name on the wire."""

    COUNTED = "conta"
    """It is among the clocks whose average was taken, or as close to them."""
    OUTLIER = "fora"
    """It differs from them by more than γ: it does not count, and is set right."""
    SLOW = "lento"
    """Its answers took too long: it was left out."""
    SILENT = "calado"
    """It did not answer: it was left out."""


@attrs.frozen
class Reading:
    """One clock as the coordinator sees it.

    :param name: whose; None: the coordinator's own.
    :param offset: how far it is ahead of the coordinator's, in seconds.
    :param settled: whether it was ever set after the board's time; if not, it is a newcomer's.
    """

    name: str | None
    offset: float
    settled: bool


@attrs.frozen
class Average:
    """What a round makes of the readings.

    :param offset: of the average, from the coordinator's clock, in seconds.  Newcomers do not move it, where there are
        others: else each restart of the coordinator would move the time of a board that runs.
    :param middle: the median of those that move it: where a coordinator that starts anew jumps to.  A jump moves the
        board's time at once, so a clock that lies by less than γ must not have a share in it.
    :param counted: the names in the set; None among them is the coordinator.
    :param spread: how far the clocks of the set differ, in seconds.
    """

    offset: float
    middle: float
    counted: frozenset[str | None]
    spread: float


def fault_tolerant_average(readings: Iterable[Reading], gamma: float = GAMMA) -> Average:
    """The average of the largest set of clocks within ``gamma`` of each other.

    Of several such sets the one counts that has fewer newcomers (so that a coordinator that has just started follows a
    board that runs), then the one with the coordinator, then the closest.  That a clock is none has to be borne out by
    another one's: the claim of a single one, which may lie, wins nothing.

    :param readings: at least one.
    :raises ValueError: there is none.
    """
    ordered = sorted(readings, key=lambda reading: (reading.offset, reading.name or ""))
    if not ordered:
        raise ValueError("there is no clock to take the average of")
    best = max(_windows(ordered, gamma), key=_rank)
    offsets = [reading.offset for reading in best if reading.settled] or [reading.offset for reading in best]
    return Average(
        offset=sum(offsets) / len(offsets),
        middle=median(offsets),
        counted=frozenset(reading.name for reading in best),
        spread=best[-1].offset - best[0].offset,
    )


def _windows(ordered: Sequence[Reading], gamma: float) -> Iterable[Sequence[Reading]]:
    """For each clock the set that begins with it: one of these is the largest of all."""
    end = 0
    for begin, first in enumerate(ordered):
        while end < len(ordered) and ordered[end].offset - first.offset <= gamma:
            end += 1
        yield ordered[begin:end]


def _rank(window: Sequence[Reading]) -> tuple[int, int, bool, float, float, float]:
    low, high = window[0].offset, window[-1].offset
    settled = sum(reading.settled for reading in window)
    return (
        len(window),
        settled if settled > 1 else 0,
        any(reading.name is None for reading in window),
        low - high,
        -abs(low + high),
        low,
    )
