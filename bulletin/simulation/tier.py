"""What a campaign needs of a simulated world, whichever it is."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs


class Options(Protocol):
    """How a run is set up: drawn from its seed, or from the command line in its place.  An attrs class.

    ``str`` says it in words.
    """

    @property
    def servers(self) -> int:
        """How many."""

    @property
    def clients(self) -> int:
        """How many ask for things at the same time."""

    @property
    def seconds(self) -> float:
        """How long the faults last, in simulated seconds."""

    @property
    def faults(self) -> tuple[tuple[str, float], ...]:
        """Kinds, and the mean seconds between two strikes of each."""

    @property
    def skip(self) -> frozenset[int]:
        """Strikes that are left out, by their number from 1 on."""


class Time(Protocol):
    """The world's time."""

    @property
    def events(self) -> int:
        """How many have happened."""


class World(Protocol):
    """One run."""

    @property
    def options(self) -> Options:
        """How it is set up."""

    @property
    def time(self) -> Time:
        """Its time."""

    @property
    def counts(self) -> Counter[str]:
        """What happened how often."""

    @property
    def strikes(self) -> int:
        """Faults that have struck, or were left out."""

    @property
    def last_steps(self) -> Sequence[str]:
        """What happened last, in words."""

    @property
    def trace(self) -> str:
        """A hash over all that happened; the run must have been told to keep it."""

    def run(self) -> None:
        """To its end.

        :raises Violation: a promise is broken.
        """


class MakeWorld(Protocol):
    """Makes a run."""

    def __call__(self, seed: int, options: Any = None, *, trace: bool = False) -> World:
        """Of the same seed and options (the tier's own, or None: what the seed draws), the same run."""


@attrs.frozen
class Tier:
    """A kind of world.

    :param name: what it is called on the command line.
    :param about: what runs in it, in a few words.
    :param draw: the options that a seed draws.
    :param world: makes a run.
    :param kinds: of faults.
    :param sometimes: what a campaign must have come by; if it never does, the faults have become too tame.
    """

    name: str
    about: str
    draw: Callable[[int], Options]
    world: MakeWorld
    kinds: tuple[str, ...]
    sometimes: tuple[str, ...]
