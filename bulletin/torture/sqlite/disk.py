"""A server's disk in this tier: real files' bytes, and beside them what a memory store would have on its disk."""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final

from bulletin.core.log.entry import Entry
from bulletin.simulation.board.disk import Disk
from bulletin.storage.machine import Machine
from bulletin.storage.simulated_disk.disk import SimulatedDisk
from bulletin.storage.simulated_disk.host import Host
from bulletin.storage.simulated_disk.keeping import any_of
from bulletin.storage.sqlite_store import Tuning

DIRECTORY: Final = Path("/board")


class SqliteDisk(Disk):
    """One server's.

    :param member: of a first start of the memory store; SQLite draws another one.
    :param committed: the committed entries.
    :param random: what is left to chance.
    :param monotonic: the machine's seconds.
    """

    def __init__(
        self, member: bytes, committed: Sequence[Entry], random: Random, monotonic: Callable[[], float]
    ) -> None:
        super().__init__(member, committed)
        self.files: Final = SimulatedDisk(random)
        """What SQLite works on."""
        self.tuning: Final = Tuning(
            ballast_bytes=4096,
            checkpoint_pages=random.choice((4, 30, 1000)),
            check_entries=random.choice((2, 50, 16_384)),
            scrub_pause=random.choice((0.0, 0.1, 1.0)),
        )
        self.calm = False
        """Whether the power stays."""
        self._random: Final = random
        self._monotonic: Final = monotonic
        self._host: Host | None = None

    def begin(self) -> Machine:
        """A process begins; sometimes the power fails before it has started."""
        self._host = Host(self.files, self._monotonic)
        if not self.calm and self._random.random() < 0.2:
            self.cut_within(200)
        return self._host.machine

    @property
    def alive(self) -> bool:
        """Whether the process lives, and the power is on."""
        return self._host is not None and self._host.alive

    def step(self) -> bool:
        """Do one thing of what is to be done; False: there is nothing."""
        return self._host is not None and self._host.step()

    def end(self, close: Callable[[], None]) -> None:
        """The process ends as by ``kill -9``, if it has not ended yet.

        :param close: has what it left open closed, so that nothing of it stays behind in this one.
        """
        host, self._host = self._host, None
        if host is None:
            return
        if host.alive:
            self.files.kill()
        close()
        while host.step():
            pass

    def cut(self) -> None:
        """The power fails; any part of what is not synced is left."""
        self.files.cut(any_of(self._random))

    def cut_within(self, operations: int) -> None:
        """The power fails at one of so many operations to come."""
        self.files.stop_after(self._random.randrange(operations), self.cut)

    def fail_next(self, kind: str) -> None:
        """The next operation of a kind fails; and nothing else does."""

        def fault(_path: str, what: str) -> OSError | None:
            if what != kind:
                return None
            self.files.fault = lambda _path, _what: None
            return OSError(errno.EIO, os.strerror(errno.EIO))

        self.files.fault = fault

    def heal(self) -> None:
        """From now on it works, and the power stays."""
        self.calm = True
        self.files.stop_after(None)
        self.files.capacity = None
        self.files.fault = lambda _path, _what: None
