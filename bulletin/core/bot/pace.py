"""When the next post is due: so many a second, evenly, and no more than a few at once after a pause."""

import math
from typing import Final

BURST_SECONDS: Final = 0.25
"""What a pause left unsaid is made up for as far back as this; the rest is forgotten."""


class Pace:
    """A schedule on the monotonic clock.

    In any stretch of time it lets through at most ``rate · (seconds + BURST_SECONDS) + 1``.

    :param rate: posts a second; 0: never one.
    :param now: the first one is due now, monotonic seconds.
    """

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._next = now

    def take(self, most: int, now: float) -> int:
        """How many are due now, and let through.

        :param most: more of them than this are not; how many can be taken.
        """
        if not self._rate or now < self._next:
            return 0
        self._next = max(self._next, now - BURST_SECONDS)
        due = min(most, 1 + math.floor((now - self._next) * self._rate))
        self._next += due / self._rate
        return due
