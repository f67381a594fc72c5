"""Processes that are killed, stopped or paused: one, some, all."""

import signal
import subprocess
from random import Random
from threading import Event
from typing import ClassVar, Final

from bulletin.torture.board import RoleProcess
from bulletin.torture.faults.fault import Fault, Scene
from bulletin.torture.faults.probe import WITHOUT_MAJORITY, Probe

STOP_SECONDS: Final = 30.0
"""Seconds that a role which was told to stop may take on a busy machine; 5 are promised."""

LIFE_SECONDS: Final = (0.2, 1.5)
"""How long a server lives that is killed while it starts: that takes about a second."""

COPY_SHARE: Final = 0.5
"""How often a killed server's directory is copied, for a later fault to go back to."""


class Kill(Fault):
    """``kill -9`` of a server; it is started again later."""

    kind = "kill"

    def begin(self) -> None:
        """Kill it; sometimes a copy of its directory is kept."""
        for role in self.claims:
            self.scene.held.add(role.name)
            role.kill()
            if role in self.scene.board.servers and self.rng.random() < COPY_SHARE:
                self.scene.copy(role)

    def end(self) -> None:
        """Start it."""
        for role in self.claims:
            role.start()
            self.scene.held.discard(role.name)


class Restarts(Kill):
    """A server that is killed again and again while it starts."""

    kind = "restarts"
    seconds = (0.0, 1.0)

    def end(self) -> None:
        """Let it live a little longer each time, or not."""
        for _ in range(self.rng.randint(2, 4)):
            for role in self.claims:
                role.start()
                Event().wait(self.rng.uniform(*LIFE_SECONDS))
                role.kill()
        super().end()


class Behind(Kill):
    """A server that is away for longer than the others keep their logs."""

    kind = "behind"
    seconds = (12.0, 25.0)


class Pause(Fault):
    """SIGSTOP, and SIGCONT later."""

    kind = "pause"
    seconds = (0.3, 6.0)

    def begin(self) -> None:
        """Have it stand still."""
        for role in self.claims:
            role.signal(signal.SIGSTOP)

    def end(self) -> None:
        """Have it go on."""
        for role in self.claims:
            role.signal(signal.SIGCONT)


class Stop(Fault):
    """SIGTERM, which a role obeys with status 0."""

    kind = "stop"

    def begin(self) -> None:
        """Tell it to stop."""
        for role in self.claims:
            self.scene.held.add(role.name)
            role.signal(signal.SIGTERM)

    def end(self) -> None:
        """See to it that it has, and start it."""
        for role in self.claims:
            try:
                status = role.running.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.scene.broken.append(f"{role.name} did not stop within {STOP_SECONDS:g} s of SIGTERM")
                role.kill()
            else:
                if status:
                    self.scene.broken.append(f"{role.name} ended with status {status} after SIGTERM")
            role.start()
            self.scene.held.discard(role.name)


class _Edge:
    """One role that is no server."""

    role_name: ClassVar[str]

    @classmethod
    def pick(
        cls, scene: Scene, rng: Random, free: list[RoleProcess], budget: int
    ) -> tuple[RoleProcess, ...] | None:
        """That role."""
        del scene, rng, budget
        return tuple(role for role in free if role.name == cls.role_name) or None


class _EdgeFault(_Edge, Fault):
    """An edge role that is killed, stopped, or paused."""

    servers_min = 1

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        self._way = rng.choice((Kill, Stop, Pause))(scene, rng, claims)
        self.detail = self._way.kind

    def begin(self) -> None:
        """As that does."""
        self._way.begin()

    def end(self) -> None:
        """As that does."""
        self._way.end()


class Broker(_EdgeFault):
    """The broker: who waits for an answer does so in vain, and asks again."""

    kind = role_name = "broker"
    excuses = delays = True


class Proxy(_EdgeFault):
    """The proxy: publications are lost."""

    kind = role_name = "proxy"


class Reference(_EdgeFault):
    """The reference: nobody founds, nobody tells the time."""

    kind = role_name = "reference"


class Everything(Fault):
    """All processes at once, as when the power fails, but for what the kernel had not written yet."""

    kind = "everything"
    servers_min = 1
    alone = True
    weight = 1
    excuses = delays = True
    seconds = (0.2, 3.0)

    @classmethod
    def pick(
        cls, scene: Scene, rng: Random, free: list[RoleProcess], budget: int
    ) -> tuple[RoleProcess, ...] | None:
        """All roles."""
        del rng, budget
        return tuple(free) if len(free) == len(scene.board.roles) else None

    def begin(self) -> None:
        """Kill them all before one of them can notice."""
        self.scene.held.update(role.name for role in self.claims)
        for role in self.claims:
            role.signal(signal.SIGKILL)
        for role in self.claims:
            role.running.wait()

    def end(self) -> None:
        """Start them, in any order."""
        for role in self.rng.sample(self.claims, len(self.claims)):
            role.start()
        self.scene.held.difference_update(role.name for role in self.claims)


def majority_of(scene: Scene, rng: Random) -> tuple[RoleProcess, ...]:
    """So many servers that no majority is left."""
    servers = scene.board.servers
    return tuple(rng.sample(servers, len(servers) // 2 + 1))


class Majority(Fault):
    """So many servers that no majority is left: writes are refused in time, local reads go on."""

    kind = "majority"
    alone = True
    weight = 1
    excuses = True
    seconds = (0.0, 2.0)

    @classmethod
    def pick(
        cls, scene: Scene, rng: Random, free: list[RoleProcess], budget: int
    ) -> tuple[RoleProcess, ...] | None:
        """A majority, of which one may be the leader; at least one server stays."""
        del budget
        return majority_of(scene, rng) if len(free) == len(scene.board.roles) else None

    def begin(self) -> None:
        """Kill them, and ask what is left."""
        for role in self.claims:
            self.scene.held.add(role.name)
            role.kill()
        with Probe(self.scene) as probe:
            code = probe.write()
            if code not in WITHOUT_MAJORITY:
                self.scene.broken.append(f"a write without a majority came to {code or 'success'}")
            probe.read()
            self.detail = f"(a write came to {code})"

    def end(self) -> None:
        """Start them."""
        for role in self.claims:
            role.start()
            self.scene.held.discard(role.name)
