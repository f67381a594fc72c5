"""The physical clock of one process: what its machine says, corrected by what the others say.

The machine's clock is read once, at the start; from there on the monotonic clock drives, so that nobody who sets the
machine's clock moves this one.  A correction is *slewed*: for a while the clock runs 1 % faster or slower (adjtime(2)
does the same; Gusella and Zatti, "The Accuracy of the Clock Synchronization Achieved by TEMPO in Berkeley UNIX
4.3BSD", 1989, section 2).  So it never runs backwards, and it jumps at its first correction alone, before anybody has
seen a time of it; or later forwards, where the machine's wall clock and the others agree that it is so far behind.

::

    time ▲            ┌ anchor: time and monotonic of the latest correction
         │            │      ┌ reached: the correction is worked off
         │            │  ╱───┴──────  speed: the machine's, times the learnt rate
         │            ╱╱
         │  ─────────╱   faster by the slew
         └───────────────────────────► monotonic
"""

from enum import Enum
from math import copysign, isfinite
from typing import Final

import attrs

from bulletin.core.clocks.berkeley import ROUND_SECONDS
from bulletin.core.clocks.instant import Instant

SLEW: Final = 0.01
"""How much faster or slower a clock runs while it works a correction off.  Far above any drift, so that it arrives; and
small enough that a second on it stays a second to whoever measures by it."""

DRIFT_BOUND: Final = 500e-6
"""How far two clocks may part in a second at most: 200 ppm of drift each, and 100 ppm that the reference may steer."""

RATE_MAX: Final = 500e-6
"""The largest rate error that is learnt; a larger one is no rate."""

RATE_ERROR_MAX: Final = 50e-6
"""A rate is learnt when it is known this well: over a few seconds on a fast network, over minutes on a slow one."""

BASELINE_SECONDS: Final = 32.0
"""The rate is measured over one to two times as long, once it has been running for so long."""

FREE_AFTER: Final = 5 * ROUND_SECONDS
"""Seconds without a round after which a clock counts as running free."""

SLEPT_MIN: Final = 5.0
"""A machine's wall clock that has gained so many seconds on the monotonic one may mean that the machine slept."""

SLEPT_TOLERANCE: Final = 1.0
"""And the others must confirm that gain, to within so many seconds."""

SECONDS_MAX: Final = 1e11
"""Times further from the epoch than this are refused."""

_PPM: Final = 1e-6
_MACHINE_SPEED_MIN: Final = 1e-3


class State(Enum):
    """How far a clock can be trusted; the value is its name on the wire."""

    NEVER = "nunca"
    """It was never set after the board's time."""
    IN_STEP = "em_passo"
    """It takes part in the rounds."""
    FREE = "livre"
    """The rounds go on without it, or not at all: it runs on at the last known rate."""


@attrs.frozen
class Measured:
    """What a round found out about the board's time.

    :param at: a moment of this clock's process, in monotonic seconds.
    :param time: the board's time then.
    :param error: how far off that may be, in seconds.
    :param source: who found it out: another one's word ends what an earlier one's was compared with.
    """

    at: float
    time: float
    error: float
    source: int = 0


class CorrectedClock:
    """Turns an instant into the time that a process stamps; reading it is a few operations on floats.

    :param now: when the clock starts.
    :param offset: seconds by which the machine's clock is made wrong, for trying the synchronisation.
    :param drift_ppm: microseconds a second by which it runs too fast, for the same.
    :param slew: how much faster or slower it runs while it works a correction off.
    """

    def __init__(self, now: Instant, offset: float = 0.0, drift_ppm: float = 0.0, slew: float = SLEW) -> None:
        self._machine = max(_MACHINE_SPEED_MIN, 1.0 + drift_ppm * _PPM)
        self._slew = slew
        self._wall_ahead = now.wall - now.monotonic
        self._may_step = True
        self._rate = 0.0
        self._known: Measured | None = None
        self._heard_at: float | None = None
        self._older: Measured | None = None
        self._newer: Measured | None = None
        self.steps = 0
        """How often it jumped: once at its start, and once after each time that its machine slept or was set right."""
        self.stepped = 0.0
        """Seconds that it jumped, summed."""
        self._run(now.monotonic, now.wall + offset, 0.0)

    # Reading

    def read(self, now: Instant) -> float:
        """The time, in seconds since the epoch.  It never falls while the instants do not."""
        elapsed = now.monotonic - self._anchor
        if elapsed < self._until:
            return self._time + elapsed * self._slewing_speed
        return self._reached + (elapsed - self._until) * self._speed

    def left(self, now: Instant) -> float:
        """What is left to slew, in seconds: it will run so far ahead (or fall so far back) of its own accord."""
        elapsed = now.monotonic - self._anchor
        return 0.0 if elapsed >= self._until else self._left * (1.0 - elapsed / self._until)

    def bound(self, now: Instant) -> float | None:
        """How far :meth:`read` may be from the board's time, in seconds; None while it was never synchronised.

        The error of the latest measurement, what two clocks may have drifted apart since, and what is left to slew.
        """
        known = self._known
        if known is None:
            return None
        return known.error + DRIFT_BOUND * max(0.0, now.monotonic - known.at) + abs(self.left(now))

    def state(self, now: Instant) -> State:
        """How far it can be trusted."""
        if self._heard_at is None:
            return State.NEVER
        return State.FREE if now.monotonic - self._heard_at >= FREE_AFTER else State.IN_STEP

    def correction(self, now: Instant) -> float:
        """How far it is ahead of this machine's own clock, in seconds."""
        return self.read(now) - now.wall

    @property
    def rate(self) -> float:
        """How much faster than its machine it was found to have to run, as a fraction."""
        return self._rate

    # Setting

    def fix(self) -> None:
        """From now on people see its times: even its first correction is slewed."""
        self._may_step = False

    def adjust(self, found: Measured, now: Instant) -> bool:
        """Take what a round found out.

        What is known already may be better than a measurement that a busy moment made poor: where the two do not
        contradict each other, the one with the smaller error counts (the clock filter of NTP, RFC 5905 section 10,
        prefers the shorter delay for the same reason).

        :returns: whether it was used; False: what was known is better.
        :raises ValueError: it would take the clock out of all range.
        """
        difference = found.time + (now.monotonic - found.at) * self._speed - self.read(now)
        if not (isfinite(difference) and abs(found.time) <= SECONDS_MAX and found.error >= 0.0):
            raise ValueError("the board's time is out of range")
        self._heard_at = now.monotonic
        known = self._known
        if known is not None and known.source != found.source:
            self._older = self._newer = None
        elif known is not None and self._is_better(known, found, difference, now):
            return False
        self._learn(found)
        self._known = found
        self._correct(difference, now)
        return True

    def steer(self, difference: float, now: Instant) -> bool:
        """Change the time by so many seconds from what it is now; what was left to slew is forgotten.

        :returns: whether it jumped.
        """
        self._heard_at = now.monotonic
        return self._correct(difference, now)

    # Inside

    def _run(self, monotonic: float, time: float, left: float) -> None:
        """Go on from here."""
        self._anchor = monotonic
        self._time = time
        self._left = left
        self._speed = speed = self._machine * (1.0 + self._rate)
        # One factor for both, so that rounding cannot make the time fall from one reading to the next.
        self._slewing_speed = speed * (1.0 + copysign(self._slew, left))
        self._until = abs(left) / (self._slew * speed)
        self._reached = time + self._until * self._slewing_speed

    def _correct(self, difference: float, now: Instant) -> bool:
        time = self.read(now)
        if self._may_step or self._slept(difference, now):
            self._may_step = False
            self._wall_ahead = now.wall - now.monotonic
            self.steps += 1
            self.stepped += difference
            self._run(now.monotonic, time + difference, 0.0)
            return True
        self._run(now.monotonic, time, difference)
        return False

    def _slept(self, difference: float, now: Instant) -> bool:
        """Whether the machine slept, or its virtual machine stood still, with its monotonic clock.

        Then both the wall clock and the others are ahead, by the same; a wall clock that somebody has set is alone, unless
        it was set right.
        To slew hours would take weeks.
        """
        leap = now.wall - now.monotonic - self._wall_ahead
        return leap >= SLEPT_MIN and abs(leap - difference) <= SLEPT_TOLERANCE

    def _is_better(self, known: Measured, found: Measured, difference: float, now: Instant) -> bool:
        """Whether what is known has the smaller error, and the two may both be true."""
        old = known.error + DRIFT_BOUND * (now.monotonic - known.at)
        new = found.error + DRIFT_BOUND * (now.monotonic - found.at)
        return old <= new and abs(difference - self.left(now)) <= old + new

    def _learn(self, found: Measured) -> None:
        """Measure the rate against the board's, over as long a time as there is."""
        if self._older is None or self._newer is None or found.at <= self._newer.at:
            self._older = self._newer = found
            return
        machine = (found.at - self._older.at) * self._machine
        if found.error + self._older.error <= RATE_ERROR_MAX * machine:
            rate = (found.time - self._older.time) / machine - 1.0
            if abs(rate) > RATE_MAX:  # no clock is so bad: it was put somewhere else meanwhile
                self._older = self._newer = found
                return
            self._rate = rate
        if found.at - self._newer.at >= BASELINE_SECONDS:
            self._older, self._newer = self._newer, found
