"""The faults of this tier: those of the first that are not of its disks, and real disks' own."""

from random import Random
from typing import TYPE_CHECKING, Final

import attrs

from bulletin.simulation.board.faults import Faults
from bulletin.simulation.board.options import DISK as BOARD_DISK, KINDS as BOARD_KINDS, Options
from bulletin.torture.sqlite.spoiling import spoil

if TYPE_CHECKING:
    from bulletin.torture.sqlite.server import SqliteServer
    from bulletin.torture.sqlite.world import SqliteWorld

KEPT: Final = ("slow_disk", "stalled_disk", "failing_sync")
"""Faults of the board tier's disks that strike this one's, too; all others strike a memory store's tables."""

LEFT_OUT: Final = tuple(kind for kind in BOARD_DISK if kind not in KEPT)

DISK: Final = ("power_within", "power_within_all", "short_disk", "spoilt_copy", "spoilt_disk")
KINDS: Final = (*(kind for kind in BOARD_KINDS if kind not in LEFT_OUT), *DISK)


def draw(seed: int) -> Options:
    """What a seed draws: as in the board tier, with more power cuts, and fewer runs without a fault."""
    drawn = Options.draw(seed)
    rng = Random(f"{seed} sqlite options")
    kept = [(kind, mean) for kind, mean in drawn.faults if kind not in LEFT_OUT]
    if rng.random() < 0.8:
        share = rng.choice((0.3, 0.6))
        kept += [(kind, rng.choice((0.3, 1.0))) for kind in DISK if rng.random() < share]
    changed: Options = attrs.evolve(drawn, faults=tuple(kept))
    return changed


class SqliteFaults(Faults):
    """See :class:`bulletin.simulation.board.faults.Faults`."""

    _world: "SqliteWorld"

    def _victim(self) -> "SqliteServer":
        return self._rng.choice(self._world.sqlite_servers)

    def start_later(self, server: "SqliteServer") -> None:
        """A server is down: somebody starts it again."""
        self._start_later(server)

    def _power_within(self) -> None:
        """The power fails at one of the next operations of a disk."""
        self._victim().disk.cut_within(self._rng.choice((3, 30, 300)))

    def _power_within_all(self) -> None:
        for server in self._world.sqlite_servers:
            if self._rng.random() < 0.8:
                server.disk.cut_within(self._rng.choice((3, 30)))

    def _short_disk(self) -> None:
        """Somebody else fills a disk, but for a little; and makes room again."""
        files = self._victim().disk.files
        files.capacity = files.used + self._rng.choice((0, 3_000, 30_000, 200_000))
        self._ending(lambda: setattr(files, "capacity", None), longest=4.0)

    def _spoilt_disk(self) -> None:
        """A server's disk is spoilt: of so few at a time that the others make a majority that has everything."""
        victim, servers = self._victim(), self._world.sqlite_servers
        spoilt = sum(server.damaged or server.twins.spoilt for server in servers if server is not victim)
        if spoilt >= (len(servers) - 1) // 2 or victim.disk.files.used == 0:
            return
        victim.lose_power()
        what = spoil(victim.disk.files, self._rng)
        victim.twins.spoilt = True
        self._world.step(victim.name, what)
        self._start_later(victim)

    def _spoilt_copy(self) -> None:
        """A copy of a server's disk is spoilt: what a store reads from it is right, or the damage is noticed."""
        self._world.damage.strike(self._victim(), self._rng)
