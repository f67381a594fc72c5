"""Whole boards on real SQLite, on disks whose power fails at any moment: nothing acknowledged is lost.

At length: ``python -m tests.core.server.test_sqlite_storms FIRST BEYOND``.
"""

import sys
import time
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.storage.simulated_disk.vfs import seed_sqlite
from tests.core.server.sqlite_disk import SqliteDisk
from tests.core.server.test_storms import Storm

SEEDS = (1, 2, 3)


class SqliteStorm(Storm):
    """One run."""

    make_disk = SqliteDisk
    faults = (*Storm.faults, "cut_power_within", "cut_power_within", "mend")

    def __init__(self, seed: int) -> None:
        seed_sqlite(Random(seed))
        super().__init__(seed)

    def form(self) -> None:
        super().form()
        for server in self.cluster.servers:
            server.disk.be_calm(calm=False)

    def cut_power_within(self) -> None:
        """The power of one fails at one of the next operations of its disk."""
        victim = self.victim()
        if victim.running:
            victim.disk.cut_within(self.rng.choice((3, 30, 300)))

    def heal(self) -> None:
        for server in self.cluster.servers:
            server.disk.be_calm(calm=True)
        super().heal()

    @property
    def ends(self) -> int:
        """How often a process ended, or the power failed."""
        return sum(server.disk.ends for server in self.cluster.servers)

    @property
    def operations(self) -> int:
        """What was done on the disks."""
        return sum(server.disk.disk.operations for server in self.cluster.servers)


class SqliteStormTests(SynchronousTestCase):
    def test_nothing_is_lost(self) -> None:
        ends = 0
        for seed in SEEDS:
            storm = SqliteStorm(seed)
            storm.run()
            ends += storm.ends
        self.assertGreater(ends, 10)

    def test_one_seed_is_one_run(self) -> None:
        first, second = SqliteStorm(4), SqliteStorm(4)
        for storm in (first, second):
            seed_sqlite(Random(4))
            storm.run()
        self.assertEqual(first.operations, second.operations)
        for one, other in zip(first.cluster.servers, second.cluster.servers, strict=True):
            self.assertEqual(one.disk.disk.files(), other.disk.disk.files())


if __name__ == "__main__":
    ends = operations = 0
    began = time.monotonic()
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        storm = SqliteStorm(number)
        try:
            storm.run()
        except BaseException as error:
            print(f"seed {number}: {type(error).__name__} {error}", flush=True)
            if not isinstance(error, Exception):
                raise
        ends += storm.ends
        operations += storm.operations
    seconds = time.monotonic() - began
    print(f"{ends} ends of a process, {operations} disk operations in {seconds:.0f} s")
