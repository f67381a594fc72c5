"""Makes the fault list of a failing run shorter while it still fails.

Greedy, and in the order of what is worth most to the reader: fewer kinds of faults, fewer servers and clients, less time,
then single strikes, by halves first.  Every change changes what chance brings afterwards, too, so a candidate that passes
says nothing about the bug; only one that fails with the same promise is taken.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from bulletin.simulation.campaign import Outcome, attempt
from bulletin.simulation.tier import Options, Tier

SECONDS_MIN: Final = 0.2


@attrs.define
class Shrinker:
    """Shrinks one failing run.

    :param tier: where it failed.
    :param found: its outcome.
    :param enough: says when to stop trying.
    """

    tier: Tier
    found: Outcome
    enough: Callable[[], bool]
    tried: int = 0

    def shrink(self) -> Outcome:
        """The smallest run found that breaks the same promise."""
        assert self.found.failure is not None
        while any(self._take(candidates) for candidates in (self._smaller, self._fewer_strikes)):
            pass
        return self.found

    def _take(self, candidates: Callable[[], Iterator[Options]]) -> bool:
        """Go through candidates until one fails, and go on from there; whether there was any."""
        for options in candidates():
            if self.enough():
                return False
            self.tried += 1
            outcome = attempt(self.tier, self.found.seed, options)
            assert self.found.failure is not None
            if outcome.failure is not None and outcome.failure.name == self.found.failure.name:
                self.found = outcome
                return True
        return False

    def _smaller(self) -> Iterator[Options]:
        options: Any = self.found.options
        for number in range(len(options.faults)):
            yield attrs.evolve(options, faults=options.faults[:number] + options.faults[number + 1 :])
        if options.clients > 1:
            yield attrs.evolve(options, clients=1)
            yield attrs.evolve(options, clients=options.clients - 1)
        if options.servers > 1:
            yield attrs.evolve(options, servers=options.servers - 1)
        if options.seconds > SECONDS_MIN:
            yield attrs.evolve(options, seconds=round(options.seconds / 2, 2))
            yield attrs.evolve(options, seconds=round(options.seconds * 0.9, 2))

    def _fewer_strikes(self) -> Iterator[Options]:
        options: Any = self.found.options
        left = [number for number in range(1, self.found.strikes + 1) if number not in options.skip]
        size = len(left)
        while size:
            for begin in range(0, len(left), size):
                yield attrs.evolve(options, skip=options.skip | frozenset(left[begin : begin + size]))
            size //= 2
