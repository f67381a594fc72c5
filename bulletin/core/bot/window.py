"""How many requests may be under way: more while the board answers at once, fewer when it does not.

Additive increase, multiplicative decrease (Jacobson, "Congestion Avoidance and Control", 1988, section 3).  Without it bots bury
a board that is merely slow: whatever is not answered in time is sent again, which makes it slower.
"""

from typing import Final

WINDOW_MIN: Final = 2
WINDOW_MAX: Final = 128
WINDOW_FIRST: Final = 32

SLOW: Final = 1.2
"""Seconds above which an answer was late: by then the request was sent a second time."""

CUT: Final = 2.0
"""Seconds in which the window is cut at most once: what was late together is late for one reason."""


class Window:
    """Grows by one for each window of prompt answers, and is halved by a late one."""

    def __init__(self) -> None:
        self._size = float(WINDOW_FIRST)
        self._cut = float("-inf")

    @property
    def size(self) -> int:
        """Requests that may be under way, `WINDOW_MIN` to `WINDOW_MAX`."""
        return int(self._size)

    def told(self, seconds: float, now: float, *, answered: bool) -> None:
        """Something came of a request.

        :param seconds: after which.
        :param answered: whether it is what was asked for, or a refusal for good; not "later", and not silence.
        """
        if answered and seconds <= SLOW:
            self._size = min(float(WINDOW_MAX), self._size + 1 / self._size)
        elif now - self._cut >= CUT:
            self._cut = now
            self._size = max(float(WINDOW_MIN), self._size / 2)
