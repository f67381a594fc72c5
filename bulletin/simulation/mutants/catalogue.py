"""All planted bugs."""

from typing import Final

from bulletin.simulation.mutants import (
    broker,
    client,
    clocks,
    disks,
    election,
    liveness,
    reader,
    reads,
    replication,
    snapshots,
    state,
    tables,
)
from bulletin.simulation.mutants.mutant import Mutant
from bulletin.simulation.mutants.trial import Verdict, try_out

SUBJECTS: Final = (
    election,
    replication,
    reads,
    disks,
    snapshots,
    liveness,
    state,
    tables,
    broker,
    reader,
    client,
    clocks,
)

MUTANTS: Final[tuple[Mutant, ...]] = tuple(mutant for subject in SUBJECTS for mutant in subject.MUTANTS)
"""In the order of the table."""

BY_NUMBER: Final = {mutant.number: mutant for mutant in MUTANTS}
"""The same, by their numbers."""


def tried(seeds: int | None, number: str) -> tuple[str, Verdict]:
    """What becomes of one: a process of its own can be asked.

    :param seeds: see :func:`~bulletin.simulation.mutants.trial.try_out`.
    """
    return number, try_out(BY_NUMBER[number], seeds)


assert len(BY_NUMBER) == len(MUTANTS), "two mutants have one number"
