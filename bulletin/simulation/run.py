"""What the runs of all tiers have in common: time, faults, what happened how often, the last steps, a hash over all."""

import hashlib
from abc import ABC, abstractmethod
from collections import Counter

from bulletin.core.raft.node import Node
from bulletin.simulation.steps import Steps
from bulletin.simulation.strikes import Strikes
from bulletin.simulation.time import SimulatedTime
from bulletin.simulation.violation import Violation


class Run(ABC):
    """One run of a tier.

    :param trace: whether to keep a hash over all events, to compare two runs.
    """

    faults: Strikes

    def __init__(self, *, trace: bool) -> None:
        self.time = SimulatedTime()
        self.counts: Counter[str] = Counter()
        self.steps = Steps()
        self._digest = hashlib.sha256() if trace else None

    @property
    def strikes(self) -> int:
        """Faults that have struck, or were left out."""
        return self.faults.strikes

    @property
    def trace(self) -> str:
        """A hash over all that happened; the run must have been told to keep it."""
        assert self._digest is not None, "no trace was kept"
        return self._digest.hexdigest()

    @property
    def last_steps(self) -> list[str]:
        """What happened last, in words."""
        return self.steps.in_words()

    def step(self, who: str, *what: object) -> None:
        """Something happened."""
        self.steps.add(self.time.now, who, *what)

    def note(self, what: str, times: int = 1) -> None:
        """Something happened that a campaign should have seen."""
        self.counts[what] += times

    def keep_counters(self, node: Node) -> None:
        """A node is at its end, or the run is."""
        for name, count in node.counters.values():
            self.counts[name] += count

    def run(self) -> None:
        """All of it.

        :raises Violation: a promise is broken.
        """
        try:
            self._run()
        except Violation:
            raise
        except AssertionError as error:
            raise Violation.of(error) from error

    @abstractmethod
    def _run(self) -> None:
        """Its phases; a broken promise may be an assertion that begins with its name."""
