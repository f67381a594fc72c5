"""A server's physical time: what its machine says, with what is known to be wrong with it."""

from typing import Final

from bulletin.core.clocks.instant import Instant

_PPM: Final = 1e-6


class CorrectedClock:
    """Turns an instant into the time that this server stamps on what it admits.

    A post's time decides nothing, and the board's state machine never lets it fall within a stream; so this clock
    may follow the machine's wherever it goes.

    :param now: when the clock starts; the drift counts from here.
    :param offset: seconds that are added to the machine's clock: a wrong clock, for trying the synchronisation.
    :param drift_ppm: microseconds a second by which it runs too fast, for the same.
    """

    __slots__ = ("_drift", "_offset", "_started")

    def __init__(self, now: Instant, offset: float = 0.0, drift_ppm: float = 0.0) -> None:
        self._started = now.monotonic
        self._offset = offset
        self._drift = drift_ppm * _PPM

    def read(self, now: Instant) -> float:
        """The time, in seconds since the epoch."""
        return now.wall + self._offset + self._drift * (now.monotonic - self._started)

    def bound(self, now: Instant) -> float | None:
        """How far :meth:`read` may be from the cluster's time, in seconds; None while it was never synchronised."""
        del now
        return None
