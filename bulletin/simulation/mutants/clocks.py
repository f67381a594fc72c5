"""Planted bugs in the clocks: the logical one, and the physical ones that the reference holds together."""

from typing import Final

from bulletin.core.clocks import berkeley
from bulletin.core.clocks.berkeley import Reading, fault_tolerant_average
from bulletin.core.clocks.corrected import CorrectedClock, Measured
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.clocks.round_trip import RoundTrip
from bulletin.simulation.clocks import WALL
from bulletin.simulation.mutants.chance import clock_tier
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.violation import UNNAMED, Violation

_RUNS: Final = Chance(clock_tier(60.0), quick=True)


def _at(seconds: float) -> Instant:
    return Instant(seconds, WALL + seconds)


def what_was_heard_comes_before() -> None:
    """A message comes, and something is sent because of it.

    :raises Violation: what is sent has no larger clock.
    """
    clock = LamportClock()
    clock.receive(41)
    if clock.tick() <= 41:
        raise Violation("S8", "what was caused by a message has no larger clock than it")


def set_back() -> None:
    """A clock that people have seen is found to be a second ahead.

    :raises Violation: it runs backwards.
    """
    clock = CorrectedClock(_at(0.0))
    clock.adjust(Measured(1.0, clock.read(_at(1.0)), 0.001), _at(1.0))
    clock.fix()
    before = clock.read(_at(2.0))
    clock.adjust(Measured(2.0, before - 1.0, 0.0001), _at(2.0))
    if clock.read(_at(2.001)) < before:
        raise Violation("S8", "a clock ran backwards")


def left_alone() -> None:
    """Nobody sets a clock for an hour.

    :raises Violation: it is said to be as good as at first.
    """
    clock = CorrectedClock(_at(0.0))
    clock.adjust(Measured(1.0, clock.read(_at(1.0)), 0.001), _at(1.0))
    early, late = clock.bound(_at(1.0)), clock.bound(_at(3600.0))
    assert early is not None
    assert late is not None
    if late < early + 0.1:
        raise Violation(UNNAMED, f"after an hour a clock is said to be within {late} s")


def one_lies() -> None:
    """Three clocks agree, one is an hour off.

    :raises Violation: it moves the average.
    """
    readings = [Reading(name, 0.001 * place, settled=True) for place, name in enumerate("abc")]
    average = fault_tolerant_average([*readings, Reading("liar", 3600.0, settled=True)])
    if abs(average.offset) > 1.0:
        raise Violation(UNNAMED, f"one clock that lies moves the average by {average.offset} s")


def a_slow_answer() -> None:
    """An answer takes half a second: what it says is that uncertain.

    :raises Violation: it counts as certain.
    """
    if RoundTrip(1, 10.0, 10.5, WALL).error < 0.2:
        raise Violation(UNNAMED, "half the round trip is not in the error of what an answer says")


MUTANTS: Final = (
    Mutant(
        "B14",
        "the logical clock does not follow what comes",
        (
            Patch(
                LamportClock,
                "receive",
                "if clock is not None and self._value < clock <= self._value + CLOCK_JUMP_MAX:",
                "if False:",
            ),
        ),
        "S8",
        what_was_heard_comes_before,
        why="the state machine gives each post a clock of its own, whatever its admission said",
    ),
    Mutant(
        "B15",
        "a corrected clock jumps to where it should be, backwards too",
        (
            Patch(
                CorrectedClock,
                "_correct",
                "if self._may_step or self._slept(difference, now):",
                "if self._may_step or difference:",
            ),
        ),
        "S8|invariant",
        set_back,
        _RUNS,
    ),
    Mutant(
        "B16",
        "a clock's bound does not grow while nobody sets it",
        (Patch(CorrectedClock, "bound", "DRIFT_BOUND * max(0.0, now.monotonic - known.at)", "0.0"),),
        "invariant",
        left_alone,
        _RUNS,
    ),
    Mutant(
        "B17",
        "a clock that lies is among those whose average is taken",
        (Patch(berkeley, "_windows", "ordered[end].offset - first.offset <= gamma", "True"),),
        "invariant",
        one_lies,
        _RUNS,
    ),
    Mutant(
        "B18",
        "half the round trip is left out of the error of what an answer says",
        (Patch(RoundTrip, "error", "self.seconds / 2 + READING_ERROR", "READING_ERROR"),),
        "invariant",
        a_slow_answer,
        _RUNS,
    ),
)
