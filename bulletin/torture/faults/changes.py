"""Roles that come back other than they went: with another clock, at another address, without a memory."""

import shutil
from random import Random
from typing import Final

from bulletin.torture.board import RoleProcess
from bulletin.torture.faults.fault import Scene
from bulletin.torture.faults.processes import Kill

OFFSETS: Final = (-3600.0, -5.0, -0.2, 0.0, 0.2, 5.0, 3600.0)
"""Seconds."""

SERVERS_MAX: Final = 7
"""Servers of a board at most, so that each has a second port of its own."""

DRIFTS: Final = (-200.0, -20.0, 0.0, 20.0, 200.0)
"""Microseconds a second: as bad as a machine's clock may be."""


class Clock(Kill):
    """A server comes back with another clock."""

    kind = "clock"

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        self._offset, self._drift = rng.choice(OFFSETS), rng.choice(DRIFTS)
        self.detail = f"{self._offset:+g} s, {self._drift:+g} ppm"

    def end(self) -> None:
        """Start it with that clock."""
        for server in self.claims:
            set_option(server, "--clock-offset", str(self._offset))
            set_option(server, "--clock-drift", str(self._drift))
        super().end()


class Move(Kill):
    """A server comes back at another address, of which the reference tells the others."""

    kind = "move"

    def end(self) -> None:
        """Start it at the other one of its two ports."""
        for server in self.claims:
            listen = server.command.index("--listen") + 1
            host, _, port = server.command[listen].rpartition(":")
            usual = self.scene.board.base + 5 + self.scene.board.servers.index(server) + 1
            moved = usual + SERVERS_MAX if int(port) == usual else usual
            server.command[listen] = f"{host}:{moved}"
            self.detail = f"to port {moved}"
            self.scene.say(f"{server.name} moves {self.detail}")
        super().end()


class Forget(Kill):
    """The reference comes back with an empty directory, and learns from the servers."""

    kind = "forget"
    servers_min = 1

    @classmethod
    def pick(
        cls, scene: Scene, rng: Random, free: list[RoleProcess], budget: int
    ) -> tuple[RoleProcess, ...] | None:
        """The reference."""
        del rng, budget
        return (scene.board.reference,) if scene.board.reference in free else None

    def end(self) -> None:
        """Start it without what it knew."""
        shutil.rmtree(self.scene.board.folder / "reference")
        super().end()


def set_option(role: RoleProcess, option: str, value: str) -> None:
    """Have a role started with an option from now on, in place of what that was."""
    if option in role.command:
        role.command[role.command.index(option) + 1] = value
    else:
        role.command += [option, value]
