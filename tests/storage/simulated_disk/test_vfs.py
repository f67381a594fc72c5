"""Real SQLite on a simulated disk."""

from pathlib import Path
from random import Random

import apsw
from twisted.trial.unittest import SynchronousTestCase

from bulletin.storage.simulated_disk.disk import SimulatedDisk
from bulletin.storage.simulated_disk.keeping import some
from bulletin.storage.simulated_disk.vfs import seed_sqlite

DIRECTORY = Path("/db")
DATABASE = str(DIRECTORY / "x.sqlite")


class Case(SynchronousTestCase):
    def setUp(self):
        self.disk = SimulatedDisk(Random(1))
        self.mount = self.disk.mount()
        self.mount.lock(DIRECTORY).acquire()
        self.mount.sync(Path("/"))
        self.connection = self.open(self.mount, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        self.connection.pragma("journal_mode", "wal")
        self.connection.execute("CREATE TABLE t (x)")
        self.mount.sync(DIRECTORY)

    def open(self, mount, flags=apsw.SQLITE_OPEN_READWRITE):
        connection = apsw.Connection(DATABASE, flags=flags, vfs=mount.vfs)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.pragma("synchronous", "full")
        connection.pragma("wal_autocheckpoint", 0)
        self.addCleanup(connection.close)
        return connection

    def put(self, *values):
        for value in values:
            self.connection.execute("INSERT INTO t VALUES (?)", (value,))

    def rows(self, connection):
        return [row[0] for row in connection.execute("SELECT x FROM t ORDER BY x")]


class VfsTests(Case):
    def test_two_connections_see_the_same(self):
        reader = self.open(self.mount, apsw.SQLITE_OPEN_READONLY)
        self.put(1, 2)
        self.assertEqual(self.rows(reader), [1, 2])
        self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self.put(3)
        self.assertEqual(self.rows(reader), [1, 2, 3])
        self.assertRaises(apsw.ReadOnlyError, reader.execute, "INSERT INTO t VALUES (4)")

    def test_what_is_committed_outlives_every_cut(self):
        self.put(*range(30))
        self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self.put(*range(30, 40))
        self.connection.pragma("synchronous", "normal")
        self.put(40)
        found = set()
        for seed in range(40):
            image = self.disk.image(some(Random(seed)))
            rows = self.rows(self.open(image.mount()))
            self.assertEqual(rows[:40], list(range(40)))
            found.add(len(rows))
        self.assertEqual(found, {40, 41})

    def test_a_journal_is_rolled_back(self):
        """Of a database without a WAL; its name is synced with its bytes, and its end by ``extra`` alone."""
        self.connection.pragma("journal_mode", "delete")
        self.connection.pragma("synchronous", "extra")
        self.put(*range(200))
        self.disk.stop_after(3, self.disk.cut)
        self.assertRaises(apsw.IOError, self.connection.execute, "UPDATE t SET x = x + 1000")
        self.assertEqual(self.rows(self.open(self.disk.mount())), list(range(200)))

    def test_a_full_disk(self):
        self.disk.capacity = sum(map(len, self.disk.files().values())) + 5000
        self.assertRaises(apsw.FullError, self.put, *[bytes(4000)] * 3)

    def test_one_seed_gives_one_wal(self):
        found = []
        for seed in (1, 1, 2):
            seed_sqlite(Random(seed))
            self.setUp()
            self.put(*range(5))
            found.append(self.disk.files())
        self.assertEqual(found[0], found[1])
        self.assertNotEqual(found[0], found[2])
        self.assertEqual(apsw.vfs_names()[0], "unix")
