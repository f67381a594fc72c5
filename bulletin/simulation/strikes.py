"""What the faults of all tiers have in common: they strike at random moments, end some time later, and stop for good.

A tier's own are methods named after their kinds, with an underscore before it.
"""

from collections.abc import Callable
from random import Random
from typing import Protocol

from bulletin.simulation.tier import Options
from bulletin.simulation.time import SimulatedTime


class Struck(Protocol):
    """The world that they strike."""

    @property
    def options(self) -> Options:
        """Which faults there are, and which strikes are left out."""

    @property
    def time(self) -> SimulatedTime:
        """Its time."""

    def step(self, who: str, what: str, /) -> None:
        """Something happened."""

    def note(self, what: str) -> None:
        """Something happened that a campaign should have seen."""


class Strikes:
    """The faults of one run.

    :param world: whom they strike.
    :param when: draws the moments.
    :param of_strike: what a strike draws from, by its running number.
    """

    _world: Struck

    def __init__(self, world: Struck, when: Random, of_strike: Callable[[int], Random]) -> None:
        self._world = world
        self._when = when
        self._of_strike = of_strike
        self._rng = when
        """What the strike of the moment draws from."""
        self._over = False
        self.strikes = 0
        """How many there have been, those that were left out included."""

    def stop(self) -> None:
        """They strike no more; what they did is for others to undo."""
        self._over = True

    def _schedule(self, kind: str, mean: float) -> None:
        """Have a kind of fault strike again and again.

        :param mean: seconds between two strikes.
        """

        def strike() -> None:
            if not self._over:
                self._strike(kind)
                self._schedule(kind, mean)

        self._world.time.after(self._when.expovariate(1 / mean), strike)

    def _strike(self, kind: str) -> None:
        self.strikes += 1
        world, number = self._world, self.strikes
        if number not in world.options.skip:
            self._rng = self._of_strike(number)
            world.step(f"strike {number}", kind)
            getattr(self, f"_{kind}")()
            world.note(kind)

    def _ending(self, action: Callable[[], object], longest: float | None = None) -> None:
        """Undo a fault some time later, unless the healing did.

        :param longest: seconds; None: drawn, too.
        """

        def end() -> None:
            if not self._over:
                action()

        most = self._rng.choice((0.05, 0.4, 1.0, 2.0)) if longest is None else longest
        self._world.time.after(most * self._rng.random(), end)
