"""What a power cut leaves of what was not synced."""

from collections.abc import Callable, Sequence
from random import Random

import attrs

SECTOR = 512
"""Bytes that a disk writes as one."""


@attrs.frozen
class Wrote:
    """Bytes were put at a place."""

    offset: int
    data: bytes


@attrs.frozen
class Truncated:
    """A file was cut, or made longer."""

    size: int


@attrs.frozen
class Renamed:
    """A name came to be, or went: a file was made or removed.

    :param source: the name that is gone; None: there was none.
    :param target: the name that is there; None: the file is gone.
    :param file: which file it names.
    """

    source: str | None
    target: str | None
    file: object


Operation = Wrote | Truncated | Renamed

Keep = Callable[[Sequence[Operation]], Sequence[Operation]]
"""Given the unsynced operations of one file, or of all names, in order: those that came to be on the disk."""


def nothing(_operations: Sequence[Operation]) -> Sequence[Operation]:
    """All that was not synced is lost."""
    return ()


def everything(operations: Sequence[Operation]) -> Sequence[Operation]:
    """All that was done is there, synced or not."""
    return operations


def some(random: Random) -> Keep:
    """Any of the operations, in their order, the last of them torn at a sector."""

    def keep(operations: Sequence[Operation]) -> Sequence[Operation]:
        likely = random.choice((0.1, 0.6, 0.9))
        kept = [operation for operation in operations if random.random() < likely]
        if kept and isinstance(last := kept[-1], Wrote):
            sectors = random.randrange(len(last.data) // SECTOR + 1)
            kept[-1] = attrs.evolve(last, data=last.data[: sectors * SECTOR])
        return kept

    return keep


def any_of(random: Random) -> Keep:
    """For each file one of the three."""

    def keep(operations: Sequence[Operation]) -> Sequence[Operation]:
        chosen = random.choice((nothing, everything, some(random)))
        return chosen(operations)

    return keep
