"""How far another process's clock is off, from the shortest of several round trips.

Cristian, "Probabilistic Clock Synchronization", 1989, section 3.

::

    coordinator   sent ●───────────────────────────● received
                        ╲                         ╱
    server               ╲──────● reading ───────╱

The other clock was read at some moment between the two, when the coordinator's own showed something between ``sent``
and ``received``: their middle, give or take half of their difference, whatever the two ways' delays were.  The shorter
the round trip, the better; so several are made, one after the other, each as soon as the last one is over.
"""

from typing import Final

import attrs

PROBES: Final = 6
"""Round trips with each server in a round."""

ROUND_TRIP_MAX: Final = 0.25
"""Seconds of a round trip above which nothing is concluded from it."""

PROBE_PATIENCE: Final = 0.25
"""Seconds after which a probe counts as lost or late, and the next one goes out."""

READING_ERROR: Final = 2e-6
"""What a reading loses in a float of seconds since the epoch."""


@attrs.frozen
class RoundTrip:
    """One probe and its answer.

    :param number: the probe's.
    :param sent: the coordinator's clock when it was sent.
    :param received: and when its answer came.
    :param reading: what the other clock showed in between.
    """

    number: int
    sent: float
    received: float
    reading: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.received - self.sent

    @property
    def offset(self) -> float:
        """How far the other clock is ahead of the coordinator's."""
        return self.reading - (self.sent + self.received) / 2

    @property
    def error(self) -> float:
        """How far off that may be."""
        return self.seconds / 2 + READING_ERROR


@attrs.define
class Probing:
    """The round trips with one server in one round.  At most one is under way.

    :param sent: probes sent so far; they are numbered from 1.
    :param best: the shortest round trip so far.
    :param late: whether an answer took too long.
    """

    sent: int = 0
    best: RoundTrip | None = None
    late: bool = False
    _sent_at: float | None = None

    @property
    def done(self) -> bool:
        """Whether nothing more is asked."""
        return self.sent >= PROBES and self._sent_at is None

    @property
    def due(self) -> bool:
        """Whether a probe is to be sent."""
        return self.sent < PROBES and self._sent_at is None

    def send(self, time: float) -> int:
        """A probe goes out; its number."""
        self.sent += 1
        self._sent_at = time
        return self.sent

    def answered(self, number: int, reading: float, time: float) -> bool:
        """An answer came; False: to nothing that is waited for."""
        if self._sent_at is None or number != self.sent:
            self.late = self.late or 1 <= number <= self.sent
            return False
        trip = RoundTrip(number, self._sent_at, time, reading)
        self._sent_at = None
        if trip.seconds > ROUND_TRIP_MAX:
            self.late = True
        elif self.best is None or trip.seconds < self.best.seconds:
            self.best = trip
        return True

    def give_up(self, time: float) -> None:
        """Wait no longer for an answer that takes too long."""
        if self._sent_at is not None and time - self._sent_at >= PROBE_PATIENCE:
            self._sent_at = None
