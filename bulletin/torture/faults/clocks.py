"""Clocks of servers' machines that are wrong, and go wrong."""

from random import Random
from typing import Final

from bulletin.torture.board import RoleProcess
from bulletin.torture.faults.fault import Scene
from bulletin.torture.faults.processes import Kill

OFFSETS: Final = (-3600.0, -5.0, -0.2, 0.0, 0.2, 5.0, 3600.0)
"""Seconds."""

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


def set_option(role: RoleProcess, option: str, value: str) -> None:
    """Have a role started with an option from now on, in place of what that was."""
    if option in role.command:
        role.command[role.command.index(option) + 1] = value
    else:
        role.command += [option, value]
