"""The store on a disk as a whole: batches, processes that are killed, directories that others use."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from random import Random

import apsw
import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import Anchor
from bulletin.core.raft.ready import Fetch
from bulletin.core.store.port import StoreBusy
from bulletin.storage.database import check_structure, open_writer
from bulletin.storage.hard_state import HardStateFile
from tests.storage.scribe import Scribe
from tests.storage.stores import SqliteHarness

TABLES = (
    "log",
    "terms",
    "streams",
    "heads",
    "posts",
    "conversations",
    "correspondents",
    "operations",
    "sessions",
)

CHILD = """
import sys
from pathlib import Path
from tests.storage.scribe import Scribe
from tests.storage.stores import SqliteHarness

class Case:
    def mktemp(self):
        return sys.argv[1]

disk = SqliteHarness(Case(), checkpoint_pages=40)
scribe = disk.begin()
disk.write(scribe.persist([scribe.login("ana"), scribe.channel("geral")]), scribe.apply())

def acknowledge(index, hash):
    print(index, hash.hex(), flush=True)

outstanding = []
while True:
    for _ in range(5):
        persist = scribe.persist([scribe.post("geral", "x" * 300), scribe.send("ana", "oi", user="rui")])
        entry, = persist.entries
        outstanding.append(entry.index)
        done = lambda e=entry: (acknowledge(e.index, e.hash), outstanding.remove(e.index))
        disk.store.write(persist, None, done)
        disk.store.write(None, scribe.apply(), lambda: None)
    disk.loop.run(lambda: not outstanding)
"""


class KilledTests(SynchronousTestCase):
    def test_a_server_that_is_killed_while_it_writes(self):
        disk = SqliteHarness(self)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(disk.directory.absolute())],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        lines = [child.stdout.readline() for _ in range(60)]
        self.assertRaises(StoreBusy, disk.start)
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.read().splitlines(keepends=True)
        child.stdout.close()
        child.wait()
        acknowledged = [line.split() for line in lines if line.endswith(b"\n")]
        opened = disk.start()
        self.assertIsNone(opened.restored.trusted_from)
        self.assertGreaterEqual(opened.restored.last_index, int(acknowledged[-1][0]))
        hashes = {}
        while len(hashes) < opened.restored.last_index:
            fetch = Fetch(1, len(hashes) + 1, opened.restored.last_index, 1 << 20)
            hashes.update((entry.index, entry.hash.hex()) for entry in disk.fetch(fetch))
        for index, hash_ in acknowledged:
            self.assertEqual(hashes[int(index)], hash_.decode())
        scribe = Scribe(opened.restored, opened.board)
        self.assertTrue(disk.write(scribe.persist(body=b"on it goes")))
        disk.stop()


class BatchingTests(SynchronousTestCase):
    """The same log, applied by other steps and stored by other batches, gives the same tables."""

    def dump(self, directory):
        connection = open_writer(directory / "board.sqlite")
        check_structure(connection)
        dump = {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
            if table == "conversations"
            else connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in TABLES
        }
        dump["marks"] = connection.execute("SELECT body FROM state WHERE key = 'board'").fetchall()
        self.assertEqual(connection.pragma("integrity_check"), "ok")
        connection.close()
        return dump

    def run_with(self, seed):
        disk = SqliteHarness.hasty(self)
        disk.window = disk.tuning["window"] = 30
        disk.start()
        scribe = Scribe(*disk.found(b"member--16-bytes"), disk.window)
        random = Random(seed)
        done = []
        for number in range(60):
            if number == 0:
                commands = [
                    scribe.login("ana"),
                    scribe.login("rui"),
                    scribe.channel("geral"),
                    scribe.channel("b"),
                ]
            else:
                commands = [
                    scribe.post("geral", f"texto {number}", id_=f"{number % 20:x}:{number}"),
                    scribe.post("b", f"texto {number}", user="rui"),
                    scribe.send("ana", f"olá {number}", user="rui"),
                    scribe.send("rui", f"olé {number}", user="ana"),
                ][: 1 + number % 4]
            if number == 30:
                scribe.term = 2
            persist = scribe.persist(commands)
            how = random.randrange(4)
            applied = scribe.apply() if how else None
            if how == 1:
                disk.store.write(persist, None, lambda: None)
                persist = None
            disk.store.write(persist, applied, lambda: done.append(1))
            if random.randrange(3) == 0:
                wanted = number + 1
                disk.loop.run(lambda wanted=wanted: len(done) >= wanted)
        disk.write(None, scribe.apply())
        disk.stop()
        self.assertEqual(disk.failures, [])
        return self.dump(disk.directory)

    def test_the_same_tables(self):
        first = self.run_with(1)
        self.assertEqual(len(first["operations"]), 2)
        self.assertEqual(len(first["sessions"]), 1)
        for seed in (2, 3):
            self.assertEqual(self.run_with(seed), first)


class TrimmingTests(SynchronousTestCase):
    def test_the_room_is_used_again(self):
        """A log that is trimmed as it grows needs no more room than what is left of it."""
        disk = SqliteHarness.hasty(self)
        disk.tuning["checkpoint_pages"] = 20
        scribe = disk.begin()
        sizes = []
        for number in range(1, 241):
            disk.write(scribe.persist(body=bytes(20_000)), scribe.apply())
            if number % 10 == 0:
                entry = scribe.log[scribe.last_index - 5]
                anchor = Anchor(entry.index, entry.term, entry.hash)
                disk.write(attrs.evolve(scribe.persist(), anchor=anchor))
            if number % 80 == 0:
                disk.stop()
                sizes.append((disk.directory / "board.sqlite").stat().st_size)
                self.assertEqual(disk.start().restored.anchor, anchor)
        self.assertLess(sizes[-1], 240 * 20_000 / 4)
        self.assertLess(sizes[-1], 1.5 * sizes[0])
        left = apsw.Connection(str(disk.directory / "board.sqlite")).execute("SELECT count(*) FROM log").get
        self.assertLess(left, 40)
        disk.stop()
        self.assertEqual(disk.failures, [])

    def test_a_gap_between_the_anchor_and_the_log_is_damage(self):
        disk = SqliteHarness.hasty(self)
        scribe = disk.begin()
        for _ in range(10):
            disk.write(scribe.persist(body=b"x"), scribe.apply())
        entry = scribe.log[4]
        disk.write(attrs.evolve(scribe.persist(), anchor=Anchor(4, entry.term, entry.hash)))
        disk.stop()
        with apsw.Connection(str(disk.directory / "board.sqlite")) as connection:
            connection.execute("DELETE FROM log WHERE idx <= 11")
        opened = disk.start()
        self.assertIn("row 11 of table log", opened.notes[0])
        self.assertEqual((opened.restored.last_index, opened.restored.trusted_from), (1, 11))
        disk.stop()


class FoldingTests(SynchronousTestCase):
    def test_the_write_ahead_log_does_not_grow_for_ever(self):
        disk = SqliteHarness.hasty(self)
        disk.tuning["checkpoint_pages"] = 20
        scribe = disk.begin()
        wal = disk.directory / "board.sqlite-wal"
        sizes = []
        for _ in range(100):
            disk.write(scribe.persist(body=os.urandom(6000)))
            sizes.append(wal.stat().st_size)
        disk.stop()
        self.assertLess(max(sizes), 60 * 4200)
        self.assertEqual(wal.stat().st_size, 0)

    def test_also_while_somebody_reads(self):
        """A reader's transactions are short; the writer gets past between two of them."""
        disk = SqliteHarness.hasty(self)
        disk.tuning.update(checkpoint_pages=20, scrub_pause=0.0001)
        scribe = disk.begin()
        wal = disk.directory / "board.sqlite-wal"
        for _ in range(200):
            disk.write(scribe.persist(body=os.urandom(6000)))
        self.assertLess(wal.stat().st_size, 200 * 4200)
        disk.stop()
        self.assertEqual(disk.failures, [])


class OptionsTests(SynchronousTestCase):
    """What RAFT's storage rests on is really turned on."""

    def test_the_writer(self):
        disk = SqliteHarness(self)
        disk.start()
        disk.stop()
        connection = open_writer(disk.directory / "board.sqlite")
        self.addCleanup(connection.close)
        for pragma, value in (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("wal_autocheckpoint", 0),
            ("mmap_size", 0),
            ("busy_timeout", 0),
        ):
            self.assertEqual(connection.pragma(pragma), value, pragma)
        self.assertEqual(connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, -1), 1)

    def test_the_hard_state_is_written_through(self):
        self.assertTrue(HardStateFile.FLAGS & os.O_DSYNC)

    def test_the_library_has_no_bug_that_corrupts(self):
        """Before SQLite 3.51.3 a reset of the write-ahead log could corrupt it."""
        self.assertGreaterEqual(tuple(map(int, apsw.sqlite_lib_version().split("."))), (3, 51, 3))

    def test_nobody_else_reads_the_files(self):
        disk = SqliteHarness(self)
        disk.start()
        disk.stop()
        self.assertEqual(
            sorted(path.name for path in disk.directory.iterdir()),
            ["ballast", "board.sqlite", "board.sqlite-shm", "board.sqlite-wal", "hard-state", "lock"],
        )
        modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in disk.directory.iterdir()}
        self.assertEqual(modes, dict.fromkeys(modes, "0o600"))
