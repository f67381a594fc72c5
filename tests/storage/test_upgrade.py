"""Databases of earlier versions are taken over as they are: with all ids that are remembered, in one transaction."""

import apsw
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board
from bulletin.core.board.commands import encode
from bulletin.core.board.outcome import OperationRow
from bulletin.core.board.remembered import operation_record, pack_operations
from bulletin.core.board.sessions import content_hash, operation_key, session_id
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.log.port import position_of
from bulletin.core.store.records import encode_operations
from bulletin.storage import upgrade
from tests.storage.old_versions import as_version_1, as_version_2
from tests.storage.scribe import Scribe
from tests.storage.stores import SqliteHarness

WINDOW = 40


class UpgradeTests(SynchronousTestCase):
    disk = None

    def setUp(self):
        self.begin()

    def begin(self):
        """Another server, just founded; the one before is closed."""
        if self.disk is not None and self.disk.store is not None:
            self.disk.stop()
        self.disk = SqliteHarness.hasty(self)
        self.disk.window = self.disk.tuning["window"] = WINDOW
        self.disk.start()
        self.scribe = Scribe(*self.disk.found(b"member--16-bytes"), WINDOW)
        self.document = FoundingDocument.decode(self.scribe.log[1].body)
        self.database = self.disk.directory / "board.sqlite"

    def run_board(self, entries):
        scribe = self.scribe
        for number in range(entries):
            user = f"u{number % 3}"
            commands = [
                scribe.channel("geral", user=user),
                scribe.post("geral", f"{number}", user=user, id_=f"{number % 17:x}:{number}"),
                scribe.send("u0", f"{number}", user=user),
            ]
            self.disk.write(scribe.persist(commands), scribe.apply())

    def downgrade(self, as_version):
        """Of a server that is stopped: the rows as that version had them."""
        with apsw.Connection(str(self.database)) as connection:
            as_version(connection, self.scribe, WINDOW)

    def assert_goes_on(self, opened):
        """Every id that was remembered has its first answer, those before are expired or new, on a board that goes on the same."""
        boards = [Board(opened.board, WINDOW), self.scribe.board]
        self.assertEqual(boards[0].marks(), boards[1].marks())
        index = self.scribe.last_index
        for offset, (command, _) in enumerate(self.scribe.answers * 2, 1):
            outcomes = [board.apply(position_of(index + 1, offset), 1, encode(command)) for board in boards]
            self.assertEqual(*outcomes)
        for board in boards:
            board.applied_entry(index + 1)
        self.assertEqual(boards[0].marks(), boards[1].marks())

    def test_a_database_of_version_2(self):
        for entries in (0, 1, 5, 30):
            self.begin()
            self.run_board(entries)
            self.disk.stop()
            self.downgrade(as_version_2)
            first = self.disk.start()
            self.disk.stop()
            again = self.disk.start()
            self.assertEqual(first.board, again.board)
            self.assertEqual(first.restored.entries, again.restored.entries)
            self.run_board(3)
            self.disk.stop()
            again = self.disk.start()
            with apsw.Connection(str(self.database)) as connection:
                self.assertEqual(connection.execute("SELECT count(*) FROM incoming").get, 0)
            self.assert_goes_on(again)
            self.disk.stop()
            self.assertEqual(self.disk.failures, [])

    def test_the_blocks_are_those_that_would_have_been_written(self):
        """But for the operations in the oldest one that are forgotten."""
        self.run_board(10)
        self.disk.stop()
        self.downgrade(as_version_2)
        blocks = self.disk.start().board.operations
        self.disk.stop()
        records = []
        for command, answer in self.scribe.answers:
            record = operation_record(content_hash(command), answer, session_id(command.operation))
            records.append((operation_key(command.operation), record))
        rows = [OperationRow(ordinal, *packed) for ordinal, packed in enumerate(records, 1)]
        self.assertEqual(encode_operations(blocks[0]), encode_operations(pack_operations(None, rows[:32])[0]))

    def test_a_database_of_version_1(self):
        """Its log begins with the founding document, which is nowhere else."""
        self.run_board(2)
        self.disk.stop()
        self.downgrade(as_version_1)
        (self.disk.directory / "founding").unlink()
        for _ in range(2):
            opened = self.disk.start()
            self.assertEqual(opened.restored.document, self.document)
            self.assertEqual((opened.restored.last_index, opened.restored.applied), (3, 3))
            self.disk.stop()
        self.assert_goes_on(opened)

    def test_one_that_does_not_come_to_an_end(self):
        """The database is as it was, and the next start does it again."""
        self.run_board(20)
        self.disk.stop()
        self.downgrade(as_version_2)
        before = self.database.read_bytes()
        patch = self.patch(upgrade, "pack_sessions", lambda _: 1 // 0)
        self.assertRaises(ZeroDivisionError, self.disk.start)
        self.disk.store = None
        self.assertEqual(self.database.read_bytes(), before)
        patch.restore()
        self.assert_goes_on(self.disk.start())
        self.disk.stop()

    def test_damage_is_noticed(self):
        for change in (
            "DELETE FROM operations WHERE ordinal = 30",
            "UPDATE operations SET body = CAST(x'00' || substr(body, 2) AS BLOB) WHERE ordinal = 30",
            "UPDATE sessions SET body = CAST(x'00' || substr(body, 2) AS BLOB)",
        ):
            self.begin()
            self.run_board(20)
            self.disk.stop()
            self.downgrade(as_version_2)
            with apsw.Connection(str(self.database)) as connection:
                connection.execute(change)
            self.assertIn("put aside", " ".join(self.disk.start().notes))
            self.disk.stop()
