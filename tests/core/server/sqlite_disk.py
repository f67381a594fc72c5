"""A disk for the whole board in memory: real SQLite on a simulated disk, its work done step by step."""

from pathlib import Path
from random import Random

from bulletin.core.store.port import CallFromThread, Failed, Store
from bulletin.storage.simulated_disk.disk import SimulatedDisk
from bulletin.storage.simulated_disk.host import Host
from bulletin.storage.simulated_disk.keeping import any_of
from bulletin.storage.sqlite_store import SqliteStore, Tuning
from tests.core.server.cluster import Cluster, Server

DIRECTORY = Path("/board")


class SqliteDisk:
    """Implements :class:`tests.core.server.cluster.Disk`."""

    def __init__(self, cluster: Cluster, server: Server) -> None:
        self.random = Random(cluster.rng.getrandbits(64))
        self.disk = SimulatedDisk(self.random)
        self.name = server.name
        self.tuning = Tuning(
            ballast_bytes=4096,
            checkpoint_pages=self.random.choice((4, 30, 1000)),
            check_entries=self.random.choice((2, 50, 16_384)),
            scrub_pause=self.random.choice((0.0, 0.02, 1.0)),
        )
        self.ends = 0
        """How often a process ended, or the power failed."""
        self.calm = True
        """Whether the power stays."""
        self._cluster = cluster
        self._host: Host | None = None
        self._store: SqliteStore

    def store(self, call_from_thread: CallFromThread, failed: Failed) -> Store:
        self._host = Host(self.disk, lambda: self._cluster.time)
        self._store = SqliteStore(
            DIRECTORY,
            self.name,
            call_from_thread=call_from_thread,
            failed=failed,
            tuning=self.tuning,
            machine=self._host.machine,
        )
        if not self.calm and self.random.random() < 0.3:
            self.cut_within(200)  # the power fails during the start
        return self._store

    def step(self) -> bool:
        return self._host is not None and self._host.step()

    @property
    def alive(self) -> bool:
        return self._host is not None and self._host.alive

    def cut_within(self, operations: int) -> None:
        """The power fails at one of so many operations to come."""
        self.disk.stop_after(self.random.randrange(operations), self.cut)

    def be_calm(self, *, calm: bool) -> None:
        """From now on the power stays, or not."""
        self.calm = calm
        self.disk.stop_after(None)

    def cut(self) -> None:
        self.disk.cut(any_of(self.random))

    def crash(self) -> None:
        host, self._host = self._host, None
        if host is None:
            return
        self.ends += 1
        if host.alive:
            if self.random.random() < 0.6:
                self.cut()
            else:
                self.disk.kill()
        self._store.close(lambda: None)
        while host.step():
            pass
