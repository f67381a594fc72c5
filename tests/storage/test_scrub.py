import shutil
from pathlib import Path

import apsw
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.store.records import Damaged
from bulletin.storage import database, scrub
from bulletin.storage.scrub import Scrubber
from tests.storage.stores import SqliteHarness

SEQ = 40
PAGE = 4096


class ScrubberTests(SynchronousTestCase):
    def setUp(self):
        self.disk = SqliteHarness.hasty(self)
        scribe = self.disk.begin()
        self.disk.write(scribe.persist([scribe.login("ana"), scribe.channel("geral"), scribe.login("rui")]))
        for number in range(60):
            commands = [
                scribe.post("geral", f"{number} " * 20),
                scribe.send("ana", f"olá {number}", user="rui"),
                scribe.send("rui", f"olé {number}", user="ana", id_=f"a:{number}"),
            ]
            self.disk.write(scribe.persist(commands), scribe.apply())
        self.disk.stop()
        self.identity = scribe.identity
        self.patch(scrub, "SLICE_ROWS", 7)
        self.database = self.disk.directory / "board.sqlite"
        self.connection = database.open_writer(self.database)
        self.addCleanup(self.connection.close)

    def scrub(self, checked_from=1):
        """A whole round; the number of slices that it took."""
        scrubber = Scrubber(self.identity, checked_from)
        slices = 0
        while not scrubber.rounds:
            scrubber.step(self.connection)
            slices += 1
        return slices

    def damaged(self, statement, *bindings):
        """In a copy of the database, what a round finds; None: nothing."""
        good = self.connection
        self.disk.directory = Path(self.mktemp())
        self.disk.directory.mkdir()
        shutil.copy(self.database, self.disk.directory)
        self.connection = database.open_writer(self.disk.directory / "board.sqlite")
        try:
            self.connection.execute(statement, bindings)
            self.assertGreater(self.connection.changes(), 0)
            self.scrub()
        except Damaged as error:
            return str(error)
        finally:
            self.connection.close()
            self.connection = good
        return None

    def test_a_whole_database(self):
        self.assertGreater(self.scrub(), 40)

    def test_it_goes_on_after_a_round(self):
        scrubber = Scrubber(self.identity, 1)
        while scrubber.rounds < 3:
            scrubber.step(self.connection)

    def test_large_rows_come_in_smaller_slices(self):
        few = self.scrub()
        self.patch(scrub, "SLICE_BYTES", 200)
        self.assertGreater(self.scrub(), 2 * few)

    def test_no_slice_leaves_a_statement_behind(self):
        """It would hold its view of the database: pages that are read later would lack what was written since."""
        self.patch(scrub, "SLICE_BYTES", 200)
        scrubber = Scrubber(self.identity, 1)
        while not scrubber.rounds:
            scrubber.step(self.connection)
            self.assertEqual(self.connection.txn_state(), apsw.SQLITE_TXN_NONE)

    def test_a_first_round_hurries_through_what_the_start_left_out(self):
        scrubber = Scrubber(self.identity, 30)
        slices = 0
        while scrubber.hurry:
            scrubber.step(self.connection)
            slices += 1
        self.assertEqual(slices, -(-29 // 7))
        self.assertFalse(Scrubber(self.identity, 1).hurry)

    def test_what_it_finds(self):
        flip = "UPDATE {} SET body = CAST(substr(body, 1, length(body) - 1) || x'7f' AS BLOB) WHERE {} = ?"
        for statement, key in (
            (flip.format("log", "idx"), 12),
            (flip.format("posts", "key"), 2 << SEQ | 31),
            (flip.format("posts", "key"), 1 << SEQ | 60),
            (flip.format("streams", "number"), 3),
            (flip.format("heads", "number"), 1),
            (flip.format("operations", "number"), 2),
            (flip.format("correspondents", "key"), "1:rui"),
            (flip.format("terms", "first"), 1),
            (flip.format("state", "key"), "board"),
            (flip.format("state", "key"), "hard"),
            ("DELETE FROM log WHERE idx = ?", 12),
            ("DELETE FROM posts WHERE key = ?", 2 << SEQ | 1),
            ("DELETE FROM posts WHERE key = ?", 2 << SEQ | 31),
            ("DELETE FROM posts WHERE key = ?", 2 << SEQ | 60),
            ("DELETE FROM posts WHERE key >> 40 = ?", 1),
            ("DELETE FROM streams WHERE number = ?", 2),
            ("DELETE FROM conversations WHERE inbox = 1 AND seq = ?", 9),
            ("UPDATE conversations SET seq = 10 WHERE inbox = 1 AND seq = ?", 9),
            ("UPDATE posts SET key = 9 << 40 | 1 WHERE key = ?", 3 << SEQ | 1),
        ):
            self.assertIn("table", self.damaged(statement, key) or "nothing", f"{statement} {key}")

    def test_another_server_s_tables_that_are_being_taken_in(self):
        """Each part is asked for again where it is another; pages that cannot be read are damage like any."""
        self.connection.executemany(
            "INSERT INTO incoming VALUES (?, ?)", [(number, b"part" * 2000) for number in range(20)]
        )
        self.connection.wal_checkpoint()
        self.patch(scrub, "SLICE_BYTES", 10_000)
        self.assertGreater(self.scrub(), 50)
        self.assertIsNone(self.damaged("UPDATE incoming SET body = x'00' WHERE number = ?", 7))
        root = self.connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'incoming'").get
        data = bytearray(self.database.read_bytes())
        data[(root - 1) * PAGE : root * PAGE] = bytes(PAGE)
        spoilt = Path(self.mktemp())
        spoilt.write_bytes(data)
        self.connection = database.open_writer(spoilt)
        self.addCleanup(self.connection.close)
        self.assertRaises(apsw.CorruptError, self.scrub)


class InTheReadersThreadTests(SynchronousTestCase):
    def test_damage_that_nobody_reads_is_found(self):
        disk = SqliteHarness.hasty(self)
        scribe = disk.begin()
        commands = [scribe.login("ana"), scribe.channel("geral"), scribe.post("geral", "texto")]
        disk.write(scribe.persist(commands), scribe.apply())
        disk.stop()
        connection = database.open_writer(disk.directory / "board.sqlite")
        connection.execute("UPDATE posts SET body = CAST(x'00' || substr(body, 2) AS BLOB)")
        connection.close()
        disk.tuning["scrub_pause"] = 0.001
        disk.start()
        disk.loop.run(lambda: disk.failures)
        self.assertIn("table posts", str(disk.failures[0]))
        disk.stop()
