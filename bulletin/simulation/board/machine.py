"""One machine's clocks: a monotonic one that drifts, and a wall clock that people set."""

from typing import Final

from bulletin.core.clocks.instant import Instant
from bulletin.simulation.time import SimulatedTime

WALL: Final = 1.7e9
"""What an honest wall clock shows when a run begins, in seconds since the epoch."""


class Machine:
    """Where one process runs.

    :param time: the true time.
    :param booted: seconds on its monotonic clock when the run begins.
    :param ahead: seconds by which its wall clock is ahead then.
    :param rate: seconds on its clocks for each true one.
    """

    def __init__(self, time: SimulatedTime, booted: float, ahead: float = 0.0, rate: float = 1.0) -> None:
        self.ahead = ahead
        self.rate = rate
        self._time = time
        self._since = time.now
        self._monotonic = booted
        self._booted = booted

    @property
    def now(self) -> Instant:
        """This moment, as its processes see it."""
        monotonic = self._monotonic + (self._time.now - self._since) * self.rate
        return Instant(monotonic, WALL + monotonic - self._booted + self.ahead)

    def drift(self, rate: float) -> None:
        """From now on its clocks run at another rate."""
        self._monotonic, self._since = self.now.monotonic, self._time.now
        self.rate = rate

    def set_wall(self, seconds: float) -> None:
        """Somebody sets its wall clock forward or back by so much."""
        self.ahead += seconds
