"""One run of this tier."""

from random import Random
from typing import ClassVar, Final

from bulletin.simulation.board.options import Options
from bulletin.simulation.board.server import Server
from bulletin.simulation.board.world import World
from bulletin.simulation.tier import Tier
from bulletin.storage.simulated_disk.vfs import seed_sqlite
from bulletin.torture.sqlite.damage import Damage
from bulletin.torture.sqlite.faults import KINDS, SqliteFaults, draw
from bulletin.torture.sqlite.server import SqliteServer


class SqliteWorld(World):
    """See :class:`bulletin.simulation.board.world.World`."""

    make_server: ClassVar[type[Server]] = SqliteServer
    make_faults = SqliteFaults
    faults: SqliteFaults

    def __init__(self, seed: int, options: Options | None = None, *, trace: bool = False) -> None:
        seed_sqlite(Random(f"{seed} sqlite"))
        self.damage: Final = Damage(self.note)
        """What was spoilt, and what came of it."""
        super().__init__(seed, options or draw(seed), trace=trace)

    @property
    def sqlite_servers(self) -> list[SqliteServer]:
        """The servers."""
        return [server for server in self.servers if isinstance(server, SqliteServer)]

    def _count(self) -> None:
        super()._count()
        for server in self.sqlite_servers:
            self.note("disk_operations", server.disk.files.operations)
            self.note("stores_opened", server.disk.files.mounts)
            self.note("found_more_than_acknowledged", server.twins.adopted)


SOMETIMES: Final = (
    "power_within",
    "power_failed_within",
    "found_more_than_acknowledged",
    "damage_said",
    "damage_found_by_reading",
    "damage_harmless",
    "spoilt_server_stopped",
    "spoilt_server_goes_on",
)
"""What a campaign of some hundred seeds must have come by."""

SQLITE_TIER: Final = Tier(
    "sqlite",
    "the board tier, with real SQLite under its servers",
    draw,
    SqliteWorld,
    KINDS,
    SOMETIMES,
)
