"""Whether this machine keeps up: how long a moment's sleep and a small synced write take, all the time.

Where they take long, it is the machine that stands still, and not the board: clients may see errors then.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

BEAT_SECONDS: Final = 0.25
"""Between two beats."""

LATE_SECONDS: Final = 1.0
"""A beat that takes so much longer was held up: elections take about as long."""

NOTED_SECONDS: Final = 0.02
"""A beat that takes so much longer is noted."""

AFTERMATH_SECONDS: Final = 6.0
"""How long requests may suffer from it afterwards: each has 5 s."""


class Pulse(threading.Thread):
    """Beats until told to stop.

    :param path: a file of its own, on the disk that the board is on.
    :param clock: monotonic seconds.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(name="pulse", daemon=True)
        self.stop = threading.Event()
        self.late: list[tuple[float, float]] = []
        """From when to when the machine, or what it did to the board, may explain errors; monotonic seconds."""
        self.held_up: list[tuple[float, float, float]] = []
        """Beats that were held up: from when to when, and for how long of it."""
        self.slowest = 0.0
        """Seconds that the slowest beat took beyond its time."""
        self._path = path
        self._clock = clock

    def run(self) -> None:
        """Beat."""
        with self._path.open("wb", buffering=0) as file:
            began = self._clock()
            while not self.stop.wait(BEAT_SECONDS):
                file.write(b"beat\n")
                os.fdatasync(file.fileno())
                began = self.beat(began)
        self._path.unlink()

    def beat(self, began: float) -> float:
        """A beat that began then has ended; when the next one begins."""
        now = self._clock()
        late = now - began - BEAT_SECONDS
        self.slowest = max(self.slowest, late)
        if late > NOTED_SECONDS:
            self.held_up.append((began, now, late))
        if late > LATE_SECONDS:
            self.late.append((began, now + AFTERMATH_SECONDS))
        return now

    def lost(self, begin: float, end: float) -> float:
        """For how long the machine stood still between two moments, as far as beats tell."""
        return sum(late for began, ended, late in self.held_up if began < end and begin < ended)
