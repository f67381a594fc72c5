"""Simulated time: events in order of their time, and of their scheduling where times are equal."""

from collections.abc import Callable
from heapq import heappop, heappush

Action = Callable[[], None]


class SimulatedTime:
    """The one queue of events of a run.

    :param rate_max: more events a second than this are a storm, and end the run.
    """

    def __init__(self, rate_max: int = 50_000) -> None:
        self.now = 0.0
        self.events = 0
        self._rate_max = rate_max
        self._queue: list[tuple[float, int, Action]] = []
        self._scheduled = 0

    def after(self, delay: float, action: Action) -> None:
        """Run ``action`` in ``delay`` seconds."""
        self._scheduled += 1
        heappush(self._queue, (self.now + max(0.0, delay), self._scheduled, action))

    def step(self) -> None:
        """Run the next event."""
        self.now, _order, action = heappop(self._queue)
        self.events += 1
        assert self.events < self._rate_max * (self.now + 1), "S13: a storm of messages"
        action()

    def run_until(self, moment: float) -> None:
        """Run all events up to ``moment``."""
        while self._queue and self._queue[0][0] <= moment:
            self.step()
        self.now = max(self.now, moment)
