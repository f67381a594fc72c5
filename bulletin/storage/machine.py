"""What a store has of the machine that it runs on: files, chance, time, and somebody who has its work done beside it.

The work itself knows no threads: the writer and the reader are objects with a ``step`` that does one thing.  A shipped store
has a thread for each, which does nothing but call it; a simulation calls it when it likes.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

import attrs

from bulletin.storage.files import SYSTEM_FILES, Files


class Stepping(Protocol):
    """Work that is done step by step."""

    def step(self, *, wait: bool) -> bool:
        """Do one thing.

        :param wait: for something to do, where there is nothing.
        :returns: False: there was nothing to do; of one that waits: it has ended.
        """


Run = Callable[[str, Stepping], Callable[[], None]]
"""Has work done, under a name, until it ends; returns a function that waits for its end."""


def run_in_thread(name: str, work: Stepping) -> Callable[[], None]:
    """Have work done in a thread of its own."""

    def steps() -> None:
        while work.step(wait=True):
            pass

    thread = threading.Thread(target=steps, name=name, daemon=True)
    thread.start()
    return thread.join


@attrs.frozen
class Machine:
    """A machine; the real one, if nothing else is said.

    :param files: its file system.
    :param random_bytes: so many of them.
    :param monotonic: seconds.
    :param run: has the writer's and the reader's work done.
    """

    files: Files = SYSTEM_FILES
    random_bytes: Callable[[int], bytes] = os.urandom
    monotonic: Callable[[], float] = time.monotonic
    run: Run = run_in_thread
