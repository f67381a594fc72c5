"""Disks that hang, fail or are full."""

import re
from contextlib import suppress
from random import Random
from threading import Event
from time import monotonic
from typing import Final

from bulletin.core.limits import MIB
from bulletin.torture.board import RoleProcess
from bulletin.torture.faults.fault import READY, Conditions, Fault, Scene
from bulletin.torture.faults.probe import Probe
from bulletin.torture.faults.processes import majority_of
from bulletin.torture.waiting import InVainError, until

SYNC_FAILED: Final = re.compile(r"server: .*failed")

DISK_FULL: Final = "disco_cheio"

SAYS_FULL: Final = "is full"
"""What ``/readyz`` of a server says that has stepped aside, or was started on a full disk."""

ANEW_SHARE: Final = 0.5
"""How often a server that has stepped aside is killed and started again before there is room."""

NOTICED_SECONDS: Final = 30.0
"""Within these it is noticed that disks are full to which all the time something is written."""


class _Ordered(Fault):
    """A disk that does what a preloaded library was ordered."""

    word: str

    @classmethod
    def obstacle(cls, conditions: Conditions) -> str | None:
        """It takes the library."""
        return super().obstacle(conditions) or conditions.abilities.disk_orders

    def begin(self) -> None:
        """Order it."""
        for server in self.claims:
            self.scene.orders(server).write_text(self.word)

    def end(self) -> None:
        """Have it do as the system does."""
        for server in self.claims:
            self.scene.orders(server).write_text("ok")


class Stall(_Ordered):
    """Syncs that do not return for a while."""

    kind = "stall"
    word = "hang"
    seconds = (0.5, 10.0)


class SyncFails(_Ordered):
    """A sync that fails: the server stops, since what is on its disk is not known; it is started again."""

    kind = "sync-fails"
    word = "eio"
    seconds = (3.0, 6.0)

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        self._before = {server.name: server.process for server in claims}

    def begin(self) -> None:
        """From the next sync on."""
        for server in self.claims:
            self.scene.may_end[server.name] = SYNC_FAILED
        super().begin()

    def over(self) -> bool:
        """Whether it has been started again, and is well."""
        if not super().over():
            return False
        for server in self.claims:
            if server.process is self._before[server.name]:
                self.scene.broken.append(f"{server.name} went on although its syncs failed")
            self.scene.may_end.pop(server.name)
        return True


class Full(Fault):
    """A disk without room: its server steps aside, and comes back by itself when there is room.

    On a file system of the server's own where there is one, else by the library's word.  Where nothing that it was sent
    took new room, it may not have noticed.
    """

    kind = "full"
    seconds = (3.0, 10.0)
    anew_share = ANEW_SHARE

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        self._anew = rng.random() < self.anew_share

    @classmethod
    def obstacle(cls, conditions: Conditions) -> str | None:
        """Either will do."""
        able = conditions.abilities
        return super().obstacle(conditions) or (able.mounts and able.disk_orders)

    def begin(self) -> None:
        """Take all the room."""
        for server in self.claims:
            if self.scene.abilities.mounts is None:
                fill(self.scene, server)
            else:
                self.scene.orders(server).write_text("enospc")

    def end(self) -> None:
        """Make room; sometimes only after another start."""
        for server in self.claims:
            if self._anew and says_full(server):
                self._start_on_it(server)
            if self.scene.abilities.mounts is None:
                self.scene.filler(server).unlink()
            else:
                self.scene.orders(server).write_text("ok")

    def _start_on_it(self, server: RoleProcess) -> None:
        """Kill it, and have it start on a disk that is full: it takes no part, and says so."""
        self.scene.say(f"{server.name} starts again on its full disk")
        server.kill()
        server.start()
        try:
            until(lambda: says_full(server), "", NOTICED_SECONDS)
        except InVainError:
            status, said = server.get("/readyz")
            self.scene.broken.append(
                f"{server.name}, started on a full disk, does not say so: {status} {said.strip()}"
            )


class FullMajority(Full):
    """Disks of so many servers are full that none of them can be done without: all but local reads is refused."""

    kind = "full-majority"
    alone = True
    excuses = True
    weight = 1
    seconds = (0.5, 3.0)
    anew_share = 0.0

    @classmethod
    def pick(
        cls, scene: Scene, rng: Random, free: list[RoleProcess], budget: int
    ) -> tuple[RoleProcess, ...] | None:
        """A majority."""
        del budget
        return majority_of(scene, rng) if len(free) == len(scene.board.roles) else None

    def begin(self) -> None:
        """Fill them, and ask until the board says so."""
        super().begin()
        end = monotonic() + NOTICED_SECONDS
        with Probe(self.scene) as probe:
            while (code := probe.write()) != DISK_FULL and monotonic() < end:
                Event().wait(0.2)
            if code != DISK_FULL:
                self.scene.broken.append(f"with full disks a write came to {code or 'success'}")
            probe.read()


def says_full(server: RoleProcess) -> bool:
    """Whether it takes no part, and says that its disk is full."""
    status, said = server.get("/readyz")
    return status != READY and SAYS_FULL in said


def fill(scene: Scene, server: RoleProcess) -> None:
    """Take all the room on a server's file system, while the server takes some, too."""
    with scene.filler(server).open("wb", buffering=0) as file:
        for size in (MIB, 4096):
            with suppress(OSError):  # no room: a smaller piece may fit
                while True:
                    file.write(bytes(size))
