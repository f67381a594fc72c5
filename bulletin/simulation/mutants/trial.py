"""Whether a planted bug is noticed, and by what."""

import re
from collections.abc import Callable
from functools import partial
from typing import Final

import attrs

from bulletin.core.raft.diverged import Diverged
from bulletin.simulation.mutants.mutant import Mutant
from bulletin.simulation.scenarios.playing import SCENARIO
from bulletin.simulation.violation import UNNAMED, Violation

SURVIVED: Final = "survives"
FAIL_STOP: Final = "fail-stop"
"""What a replica does by itself that finds out that its log differs from the leader's."""

BY_ITSELF: Final = (SCENARIO, UNNAMED, FAIL_STOP)
"""What a schedule may be stopped by beside the promise that is broken later: something else happens than it says, or the
core finds out itself."""


@attrs.frozen
class Verdict:
    """What became of one mutant.

    :param schedule: the promise by which its schedule noticed it, or None.
    :param unplanted: what its schedule noticed without the bug, which has to be nothing, or None.
    :param seeds: how many runs it took, or how many it survived; 0: none were made.
    :param chance: the promise by which the last of them noticed it, or None.
    """

    schedule: str | None
    unplanted: str | None
    seeds: int
    chance: str | None

    def caught(self, mutant: Mutant) -> bool:
        """Whether it was noticed in each way that it should be, by the promise that it breaks, and only where it was planted."""
        by_schedule = self.schedule in BY_ITSELF or re.fullmatch(mutant.check, self.schedule or SURVIVED)
        by_chance = not self.seeds or (self.chance is not None and re.fullmatch(mutant.check, self.chance))
        return self.unplanted is None and bool(by_schedule) and bool(by_chance)


def noticed(run: Callable[[], None]) -> str | None:
    """The name of the promise that a run breaks, or None."""
    try:
        run()
    except Violation as violation:
        return violation.name
    except AssertionError as error:
        return Violation.of(error).name
    except Diverged:
        return FAIL_STOP
    return None


def by_schedule(mutant: Mutant) -> tuple[str | None, str | None]:
    """By what its schedule notices a mutant, and what it notices without it."""
    unplanted = noticed(mutant.schedule)
    with mutant.planted():
        return noticed(mutant.schedule), unplanted


def by_chance(mutant: Mutant, seeds: int) -> tuple[int, str | None]:
    """How many runs it takes until one notices a mutant, and by what; or how many it survives, and None."""
    chance = mutant.chance
    if chance is None:
        return 0, None
    with mutant.planted():
        for seed in range(seeds):
            found = noticed(partial(chance.run, seed))
            if found is not None:
                return seed + 1, found
    return seeds, None


def try_out(mutant: Mutant, seeds: int | None = None) -> Verdict:
    """Both.

    :param seeds: how many at most; None: as many as the mutant says; 0: the schedule alone.
    """
    schedule, unplanted = by_schedule(mutant)
    count = mutant.chance.seeds if mutant.chance is not None and seeds is None else seeds or 0
    tried, chance = by_chance(mutant, count) if count else (0, None)
    return Verdict(schedule, unplanted, tried, chance)
