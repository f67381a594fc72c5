"""A server of this tier: the board tier's, on real SQLite."""

from functools import partial
from typing import TYPE_CHECKING, Final

import apsw

from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.port import CallFromThread, Failed, Store, StoreError
from bulletin.simulation.board.machine import Machine
from bulletin.simulation.board.server import Server
from bulletin.simulation.memory_tables import MemoryTables
from bulletin.storage.server_directory import DAMAGED, DATABASE
from bulletin.storage.sqlite_store import SqliteStore
from bulletin.storage.tables import read_hard
from bulletin.torture.sqlite.disk import DIRECTORY, SqliteDisk
from bulletin.torture.sqlite.loading import load, load_shelf
from bulletin.torture.sqlite.look import HARMLESS, READING, SCRUBBING
from bulletin.torture.sqlite.twin import Shelf, Twins, TwinStore

if TYPE_CHECKING:
    from bulletin.torture.sqlite.world import SqliteWorld

STEP_SECONDS_MAX: Final = 0.001
"""Between two things that a disk does."""


class SqliteServer(Server):
    """See :class:`bulletin.simulation.board.server.Server`."""

    world: "SqliteWorld"
    disk: SqliteDisk

    def __init__(self, world: "SqliteWorld", number: int, machine: Machine) -> None:
        super().__init__(world, number, machine)
        self.disk = SqliteDisk(self.member, world.committed, self.rng, lambda: self.now.monotonic)
        self.disk.calm = "power_within" not in dict(world.options.faults)
        self.twins: Final = Twins(self.disk.memory)
        """What its disks hold."""
        self._sqlite: SqliteStore | None = None
        self._work_due = False

    # Life

    def make_store(self, call_from_thread: CallFromThread, failed: Failed) -> Store:
        """See :class:`Server`."""
        self._work_due = False
        self._sqlite = SqliteStore(
            DIRECTORY,
            self.name,
            call_from_thread=call_from_thread,
            failed=failed,
            tuning=self.disk.tuning,
            machine=self.disk.begin(),
        )
        return TwinStore(self._sqlite, self.twins, self, self._named)

    def _connect(self) -> apsw.Connection:
        """Another connection to the database that was opened."""
        mounted = self.disk.files.mounted
        assert mounted is not None
        path = str(DIRECTORY / DATABASE)
        return apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY, vfs=mounted.vfs)

    def load(self) -> tuple[MemoryTables, HardRecord]:
        """See :class:`bulletin.torture.sqlite.twin.Database`."""
        connection = self._connect()
        try:
            return load(connection), read_hard(connection)
        finally:
            connection.close()

    def shelf(self) -> Shelf:
        """See :class:`bulletin.torture.sqlite.twin.Database`."""
        connection = self._connect()
        try:
            return load_shelf(connection)
        finally:
            connection.close()

    def _named(self, member: bytes) -> None:
        self.world.by_member.pop(self.member, None)
        self.member = member
        self.world.by_member[member] = self

    def kill(self) -> None:
        """See :class:`Server`."""
        super().kill()
        self.disk.end(self._close)

    def _close(self) -> None:
        assert self._sqlite is not None
        self._sqlite.close(lambda: None)

    def lose_power(self) -> None:
        """See :class:`Server`; any part of what was not synced is left."""
        self.kill()
        self.disk.cut()
        self.twins.power_failed = True

    def stop(self, sentence: str) -> None:
        """See :class:`Server`; where the power failed, it starts again."""
        lost_power = not self.disk.alive
        super().stop(sentence)
        if lost_power:
            self._power_failed()
        elif self.twins.spoilt:  # whoever watches over it starts it again
            self.world.note("spoilt_server_stopped")
            self.world.time.after(1.0, self._start_again)

    def _start_again(self) -> None:
        if not self.running and self.twins.spoilt and self.stopped is not None:
            self.start()

    def _power_failed(self) -> None:
        self.twins.power_failed = True
        self.world.note("power_failed_within")
        self.world.faults.start_later(self)

    @property
    def may_stop(self) -> bool:
        """See :class:`Server`; an empty one whose disk is full at its start ends, too, with a sentence."""
        return super().may_stop or self.twins.spoilt or self.disk.files.capacity is not None

    def begin(self) -> None:
        """See :class:`Server`."""
        was_spoilt = self.twins.spoilt
        super().begin()
        if was_spoilt and self.running and self.twins.memory.record.trusted_from:
            self.disk.amnesias += 1  # how much it has lost, the server itself need not know
            self.world.note("spoilt_server_goes_on")

    def heal(self) -> None:
        """See :class:`Server`; somebody has a spoilt disk scrubbed, so that what is wrong is noticed now."""
        if self.twins.spoilt:
            self.kill()
            how = self.world.damage.how_noticed(self)
            if how in (READING, SCRUBBING):
                self.disk.files.put(str(DIRECTORY / DAMAGED), b"it was scrubbed")
            self.twins.spoilt = how != HARMLESS
            self.twins.shelf_spoilt = not self.twins.spoilt
        self.disk.heal()
        super().heal()

    # The disk

    def tick(self) -> None:
        """See :class:`Server`."""
        super().tick()
        self._work_soon()

    def turn(self) -> None:
        """See :class:`Server`."""
        super().turn()
        self._work_soon()

    def _work_soon(self) -> None:
        if self.running and not self._work_due:
            self._work_due = True
            self.world.time.after(STEP_SECONDS_MAX * self.rng.random(), partial(self._work, self.epoch))

    def _work(self, epoch: int) -> None:
        """Its disk does one thing of what is to be done."""
        if epoch != self.epoch:
            return
        self._work_due = False
        if self.paused or self.stalled:
            return
        operations = self.disk.files.operations
        if self.disk.step():
            self.world.step(self.name, f"disk has done {self.disk.files.operations - operations} operations")
            self._work_soon()
        if not self.disk.alive:
            self.kill()
            self._power_failed()

    def fail_disk(self, error: StoreError) -> None:
        """The next sync, or write, of the disk fails."""
        if not self.running:
            return
        self.disk_failed = True
        kind = self.rng.choice(("sync", "sync", "write"))
        self.disk.fail_next(kind)
        self.world.step(self.name, f"the next {kind} of its disk fails: {error}")
