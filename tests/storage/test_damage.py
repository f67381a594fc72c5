"""Files that are damaged, missing, foreign or from another version: refused or noticed, and never served as if good."""

import contextlib
import errno
import os
import shutil
import sqlite3
from pathlib import Path
from random import Random

import apsw
import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board
from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.board.remembered import KEY_BYTES
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.raft.ready import Fetch, HardState
from bulletin.core.store.port import StoreDamaged, StoreError, StoreFull
from bulletin.core.store.records import decode_operations, encode_operations
from bulletin.storage import reader
from bulletin.storage.hard_state import SLOT_BYTES, HardStateFile
from bulletin.storage.schema import VERSION
from tests.storage.hasty import HastyFiles
from tests.storage.scribe import Scribe
from tests.storage.stores import SqliteHarness

PEER = b"another-16-bytes"
PAGE_BYTES = 4096


class Damaged(SynchronousTestCase):
    """A server with something in every table, closed."""

    def setUp(self):
        self.disk = SqliteHarness.hasty(self)
        scribe = self.disk.begin()
        for number in range(40):
            commands = [
                scribe.post("geral", f"{number} " * 50),
                scribe.send("ana", f"olá {number}", user="rui"),
            ]
            if number == 0:
                commands = [scribe.login("ana"), scribe.channel("geral"), *commands]
            self.disk.write(scribe.persist(commands, incarnations=[(PEER, number)]), scribe.apply())
        self.disk.write(scribe.persist([scribe.post("geral", "fim")]))
        self.disk.write(scribe.hard_state(2, PEER))
        self.disk.stop()
        self.scribe = scribe
        self.document = FoundingDocument.decode(scribe.log[1].body)
        self.directory = self.disk.directory
        self.database = self.directory / "board.sqlite"
        self.hard_state = self.directory / "hard-state"

    def refused(self, *words):
        error = self.assertRaises(StoreError, self.disk.start)
        sentence = str(error)
        for word in (str(self.directory), *words):
            self.assertIn(word, sentence)
        self.assertTrue(sentence.endswith("."), sentence)
        self.disk.store = None
        return sentence

    def put_aside(self, *words, of_log=True):
        """A start notices it and begins anew; then all is as it was.

        :param of_log: whether the log is whole, so that nothing is lost; None: that depends.
        """
        kept = Path(self.mktemp())
        shutil.copytree(self.directory, kept)
        opened = self.disk.start()
        come_to = opened.restored.last_index, opened.restored.trusted_from
        self.assertIn(come_to, {True: [(42, None)], False: [(1, 42)], None: [(1, 42), (42, None)]}[of_log])
        if come_to == (42, None):
            self.assertEqual([entry.index for entry in opened.restored.entries], list(range(1, 43)))
            self.assertEqual({*opened.restored.entries}, {*self.scribe.log.values()})
            self.assertEqual(opened.restored.incarnations, ((PEER, 39),))
        self.assertEqual(opened.restored.hard_state, HardState(2, PEER))
        self.assertEqual(opened.restored.document, self.document)
        self.assertEqual(opened.board.marks.applied, 0)
        for word in (str(self.directory), "was put aside", *words):
            self.assertIn(word, opened.notes[0])
        self.disk.stop()
        self.assertEqual(self.disk.start().notes, ())
        self.disk.stop()
        shutil.rmtree(self.directory)
        shutil.copytree(kept, self.directory)

    def change(self, statement, *bindings):
        connection = apsw.Connection(str(self.database))
        connection.execute(statement, bindings)
        self.assertEqual(connection.changes(), 1)
        connection.close()

    def body(self, table, key, value):
        connection = apsw.Connection(str(self.database))
        found = connection.execute(f"SELECT body FROM {table} WHERE {key} = ?", (value,)).get
        connection.close()
        return found

    def flip(self, table, key, value, place=-1):
        body = bytearray(self.body(table, key, value))
        body[place] ^= 4
        self.change(f"UPDATE {table} SET body = ? WHERE {key} = ?", bytes(body), value)

    def lose_value(self, table, column, key, value):
        """As a bit that flips in the head of its record leaves a row: with NULL, whatever the table's declaration says."""
        with contextlib.closing(apsw.Connection(str(self.database))) as connection:
            declared = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).get
        for sql, statement in (
            (declared.replace(" NOT NULL", ""), f"UPDATE {table} SET {column} = NULL WHERE {key} = ?"),
            (declared, None),
        ):
            with contextlib.closing(apsw.Connection(str(self.database))) as connection:
                connection.execute("PRAGMA writable_schema = ON")
                connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, table))
            if statement:
                self.change(statement, value)


class RefusalTests(Damaged):
    def test_another_application_s_file(self):
        self.database.unlink()
        with sqlite3.connect(self.database) as connection:
            connection.execute("CREATE TABLE notes (text)")
        before = self.database.read_bytes()
        self.refused("another application")
        self.assertEqual(self.database.read_bytes(), before)

    def test_no_database_at_all(self):
        for content in (b"", b"hello", bytes(5000)):
            self.database.write_bytes(content)
            self.put_aside("no database", of_log=False)

    def test_a_newer_version(self):
        self.change("UPDATE meta SET value = ? WHERE key = 'compatible'", VERSION + 1)
        self.refused("newer version")

    def test_a_newer_version_that_this_one_can_read(self):
        connection = apsw.Connection(str(self.database))
        connection.pragma("user_version", VERSION + 1)
        connection.close()
        self.assertEqual(self.disk.start().restored.applied, 41)
        self.disk.stop()

    def test_files_of_two_servers(self):
        other = SqliteHarness(self)
        other.begin()
        other.stop()
        shutil.copy(other.directory / "hard-state", self.hard_state)
        self.refused("two different servers")

    def test_the_database_is_missing(self):
        self.database.unlink()
        self.refused("is missing")
        self.hard_state.unlink()
        self.refused("is missing", "-wal")
        self.assertFalse(self.database.exists())

    def test_a_file_that_may_not_be_read(self):
        self.hard_state.unlink()
        self.hard_state.mkdir()
        self.refused("cannot be used")

    def test_a_directory_that_is_a_file(self):
        self.disk.directory = self.database
        error = self.assertRaises(StoreError, self.disk.start)
        self.assertIn("board.sqlite", str(error))
        self.disk.store = None

    def test_a_refused_start_keeps_nothing(self):
        """The lock and the files are free again."""
        good = self.hard_state.read_bytes()
        self.hard_state.write_bytes(b"\x01" * SLOT_BYTES)
        self.flip("state", "key", "hard")
        self.refused("damaged")
        self.flip("state", "key", "hard")
        self.hard_state.write_bytes(good)
        self.disk.start()
        self.disk.stop()

    def test_rows_that_a_start_reads(self):
        for table, key, value in (
            ("state", "key", "hard"),
            ("state", "key", "board"),
            ("log", "idx", 1),
            ("log", "idx", 17),
            ("log", "idx", 42),
            ("terms", "first", 1),
            ("incarnations", "member", PEER.hex()),
            ("streams", "number", 2),
            ("heads", "number", 2),
            ("operations", "number", 2),
        ):
            for place in (0, 5, -1):
                self.flip(table, key, value, place)
                of_log = table not in {"log", "incarnations"} and value != "hard"
                self.put_aside(f"table {table}", of_log=of_log)
                self.flip(table, key, value, place)
        self.assertEqual(self.disk.start().restored.last_index, 42)
        self.disk.stop()

    def test_rows_that_are_missing(self):
        for table, key, value in (
            ("state", "key", "hard"),
            ("state", "key", "board"),
            ("log", "idx", 1),
            ("log", "idx", 17),
            ("log", "idx", 42),
            ("terms", "first", 1),
            ("streams", "number", 1),
            ("operations", "number", 1),
            ("operations", "number", 2),
            ("operations", "number", 3),
        ):
            body = self.body(table, key, value)
            self.change(f"DELETE FROM {table} WHERE {key} = ?", value)
            self.put_aside("damaged", of_log=table != "log" and value != "hard")
            self.change(f"INSERT INTO {table} VALUES (?, ?)", value, body)
        self.disk.start()
        self.disk.stop()

    def test_a_log_that_goes_on_where_it_should_not(self):
        self.change("INSERT INTO log SELECT 43, body FROM log WHERE idx = 42")
        self.put_aside("table log", of_log=False)

    def test_operations_that_do_not_end_where_the_marks_say(self):
        """A page of an earlier moment: the last block as it was before it was full."""
        block = decode_operations(1, self.body("operations", "number", 1))
        size = int.from_bytes(block.ends[:2])
        earlier = attrs.evolve(
            block, keys=block.keys[:KEY_BYTES], ends=block.ends[:2], records=block.records[:size]
        )
        self.change("UPDATE operations SET body = ? WHERE number = 1", encode_operations(earlier))
        self.put_aside("table operations")

    def test_a_row_in_another_s_place(self):
        first, second = (self.body("operations", "number", number) for number in (1, 2))
        self.change("UPDATE operations SET body = ? WHERE number = 1", second)
        self.change("UPDATE operations SET body = ? WHERE number = 2", first)
        self.put_aside("table operations")


class AsideTests(Damaged):
    """What a damaged database is put aside for, what is kept, and where that would not be safe."""

    def test_what_was_put_aside_is_there(self):
        self.flip("state", "key", "board")
        before = self.database.read_bytes()
        self.disk.start()
        self.disk.stop()
        self.assertEqual((self.directory / "damaged.sqlite").read_bytes(), before)
        self.assertFalse((self.directory / "damaged").exists())

    def test_what_was_noticed_when_it_was_read(self):
        """The next start knows, though it would not have looked there."""
        self.flip("posts", "key", 2 << 40 | 7)
        self.disk.start()
        self.assertIsNone(self.disk.page(PageQuery(StreamKind.CHANNEL, "geral", None, None, None, 500)))
        self.disk.stop()
        self.put_aside("table posts")

    def test_what_the_others_say(self):
        self.disk.start()
        self.disk.store.distrust("the state at index 1024 differs")
        self.disk.stop()
        self.put_aside("the state at index 1024 differs")

    def test_a_start_that_ends_anywhere(self):
        """The next one does it again, to the end."""
        self.flip("log", "idx", 17)
        kept = Path(self.mktemp())
        shutil.copytree(self.directory, kept)
        for operation in ("rename", "remove", "sync", "open"):
            for last in range(30):
                shutil.rmtree(self.directory)
                shutil.copytree(kept, self.directory)
                files = self.disk.files
                self.disk.files = EndsAt(operation, last)
                with contextlib.suppress(StoreError):
                    self.disk.start()
                    self.disk.stop()
                self.disk.files = files
                opened = self.disk.start()
                self.assertEqual((opened.restored.last_index, opened.restored.trusted_from), (1, 42))
                self.assertEqual(opened.restored.hard_state, HardState(2, PEER))
                self.disk.stop()

    def test_on_a_full_disk(self):
        """It waits for room with the rest, and forgets nothing meanwhile."""
        self.flip("log", "idx", 17)
        whole = self.disk.files
        for last in range(2):
            self.disk.files = EndsAt("open", last, errno.ENOSPC, to_write=True)
            self.assertIsInstance(self.assertRaises(StoreError, self.disk.start), StoreFull)
        self.disk.files = whole
        restored = self.disk.start().restored
        self.assertEqual((restored.last_index, restored.trusted_from), (1, 42))
        self.assertEqual(restored.hard_state, HardState(2, PEER))
        self.disk.stop()

    def test_a_whole_log_outlives_a_start_that_ends_anywhere(self):
        """Of a full disk, or otherwise: the damaged database keeps its name until there is one to take its place."""
        self.flip("state", "key", "board")
        kept = Path(self.mktemp())
        shutil.copytree(self.directory, kept)
        whole = self.disk.files
        for operation, error in (
            ("rename", errno.EIO),
            ("remove", errno.EIO),
            ("sync", errno.EIO),
            ("open", errno.EIO),
            ("open", errno.ENOSPC),
        ):
            for last in range(20):
                shutil.rmtree(self.directory)
                shutil.copytree(kept, self.directory)
                self.disk.files = EndsAt(operation, last, error, to_write=error == errno.ENOSPC)
                with contextlib.suppress(StoreError):
                    self.disk.start()
                    self.disk.stop()
                self.disk.files = whole
                restored = self.disk.start().restored
                self.assertEqual((restored.last_index, restored.trusted_from), (42, None), (operation, last))
                self.assertEqual(restored.hard_state, HardState(2, PEER))
                self.assertFalse((self.directory / "mended.sqlite").exists())
                self.disk.stop()

    def test_with_a_slot_of_the_hard_state(self):
        """Where the database's own record is newer than that of the other slot, nothing was lost with this one."""
        self.flip("state", "key", "board")
        content = bytearray(self.hard_state.read_bytes())
        newest, _ = HardStateFile(self.hard_state).read()
        self.assertIsNotNone(newest)
        for key in ("board", "hard"):
            if key == "hard":
                self.flip("state", "key", "hard")
            outcomes = []
            for slot in range(2):
                content[slot * SLOT_BYTES + 20] ^= 1
                self.hard_state.write_bytes(content)
                other, _ = HardStateFile(self.hard_state).read()
                outcomes.append(other == newest)
                if key == "board" and other != newest:
                    self.put_aside("row board")
                else:
                    self.refused("damaged", "for whom this server has voted")
                content[slot * SLOT_BYTES + 20] ^= 1
            self.assertEqual(sorted(outcomes), [False, True])
        self.hard_state.write_bytes(content)
        self.put_aside("damaged", of_log=False)

    def test_with_the_hard_state_file(self):
        self.flip("state", "key", "board")
        self.hard_state.write_bytes(b"\xee" * 2 * SLOT_BYTES)
        before = self.database.read_bytes()
        self.refused("damaged", "for whom this server has voted")
        self.assertEqual(self.database.read_bytes(), before)

    def test_the_founding_document_is_there_twice(self):
        self.flip("state", "key", "founding")
        self.put_aside("row founding")
        (self.directory / "founding").write_bytes(b"no")
        self.refused("damaged", "who the other servers are")
        self.flip("state", "key", "founding")
        self.disk.start()
        self.disk.stop()
        self.flip("state", "key", "founding")
        self.put_aside("row founding")

    def test_nobody_else_has_a_majority(self):
        for fellows in ((), (PEER,)):
            disk = SqliteHarness.hasty(self)
            disk.fellows = fellows
            disk.begin()
            disk.stop()
            connection = apsw.Connection(str(disk.directory / "board.sqlite"))
            connection.execute("UPDATE state SET body = zeroblob(9) WHERE key = 'board'")
            connection.close()
            opened = disk.start()
            self.assertIn("made of its log", opened.notes[0])
            self.assertEqual((opened.restored.last_index, opened.restored.trusted_from), (1, None))
            disk.stop()
            connection = apsw.Connection(str(disk.directory / "board.sqlite"))
            connection.execute("UPDATE log SET body = zeroblob(99)")
            connection.close()
            for _ in range(2):
                error = self.assertRaises(StoreError, disk.start)
                self.assertIn("no majority without this server", str(error))
            self.assertFalse((disk.directory / "damaged").exists())

    def test_the_header(self):
        """Also where SQLite would take it for another reason not to write."""
        whole = self.database.read_bytes()
        for at in (0, 5, 15, 16, 18, 19, 20, 21, 68, 69, 71):
            content = bytearray(whole)
            content[at] ^= 1
            self.database.write_bytes(content)
            self.put_aside("damaged", of_log=None)


class EmptyTests(SynchronousTestCase):
    """A server that was never founded has nothing to lose: its start notices whatever is damaged, and begins anew."""

    def test_any_page(self):
        disk = SqliteHarness.hasty(self)
        member = disk.start().member
        disk.stop()
        database = disk.directory / "board.sqlite"
        size = database.stat().st_size
        self.assertEqual(size % PAGE_BYTES, 0)
        for at in range(0, size, PAGE_BYTES):
            content = bytearray(database.read_bytes())
            content[at : at + PAGE_BYTES] = bytes(PAGE_BYTES)
            database.write_bytes(content)
            opened = disk.start()
            self.assertEqual((opened.member, opened.restored), (member, None))
            self.assertIn(
                "was put aside, and a new one is begun; there was nothing in it yet", opened.notes[0]
            )
            disk.stop()
        self.assertEqual(disk.start().notes, ())
        restored, _ = disk.found(member)
        self.assertEqual(restored.incarnation, size // PAGE_BYTES + 2)
        disk.stop()
        opened = disk.start()
        self.assertEqual(
            (opened.restored.last_index, opened.restored.trusted_from, opened.notes), (1, None, ())
        )
        disk.stop()

    def test_with_the_hard_state_file(self):
        disk = SqliteHarness.hasty(self)
        disk.start()
        disk.stop()
        (disk.directory / "board.sqlite").write_bytes(b"no")
        (disk.directory / "hard-state").write_bytes(b"no")
        error = self.assertRaises(StoreError, disk.start)
        self.assertIn("the hard-state file is damaged too", str(error))

    def test_one_that_only_seems_to_be_empty(self):
        """Of all that it had a database is left from before it was founded: the founding document beside it tells."""
        disk = SqliteHarness.hasty(self)
        disk.start()
        disk.stop()
        database, hard_state = disk.directory / "board.sqlite", disk.directory / "hard-state"
        empty = database.read_bytes()
        disk.begin()
        disk.stop()
        database.write_bytes(empty)
        hard_state.unlink()
        for _ in range(2):
            error = self.assertRaises(StoreError, disk.start)
            self.assertIn("has lost everything that it held", str(error))


class EndsAt(HastyFiles):
    """Files whose nth operation of a kind, and every one after it, fails."""

    def __init__(self, operation, left, error=errno.EIO, *, to_write=False):
        """:param to_write: of files that are opened, only those count that are made."""
        super().__init__()
        self.operation, self.left, self.error, self.to_write = operation, left, error, to_write

    def _do(self, operation, *arguments):
        if operation == self.operation and (not self.to_write or arguments[1] & os.O_CREAT):
            self.left -= 1
            if self.left < 0:
                raise OSError(self.error, os.strerror(self.error))
        return getattr(HastyFiles, operation)(self, *arguments)

    def rename(self, source, target):
        return self._do("rename", source, target)

    def remove(self, path):
        return self._do("remove", path)

    def sync(self, path):
        return self._do("sync", path)

    def open(self, path, flags):
        return self._do("open", path, flags)


class NoticedTests(Damaged):
    def tearDown(self):
        if self.disk.store is not None:
            self.disk.stop()

    def query(self, kind, stream, partner=None):
        return PageQuery(kind, stream, partner, None, None, 500)

    def failed(self, *words):
        self.assertEqual(len(self.disk.failures), 1)
        for word in (str(self.directory), "damaged", *words):
            self.assertIn(word, str(self.disk.failures[0]))

    def test_a_post(self):
        self.flip("posts", "key", 2 << 40 | 7)
        self.disk.start()
        query = self.query(StreamKind.CHANNEL, "geral")
        part = PageQuery(StreamKind.CHANNEL, "geral", None, 7, None, 500)
        self.assertEqual(len(self.disk.page(part).posts), 33)
        self.assertIsNone(self.disk.page(query))
        self.failed("table posts")

    def test_values_that_are_gone(self):
        """Of a post, of an entry, and of a row of a conversation."""
        self.lose_value("posts", "body", "key", 2 << 40 | 7)
        self.lose_value("log", "body", "idx", 17)
        self.lose_value("conversations", "seq", "n", 9)
        self.disk.tuning["check_entries"] = 5
        for ask in (
            lambda: self.disk.page(PageQuery(StreamKind.CHANNEL, "geral", None, None, None, 500)),
            lambda: self.disk.page(PageQuery(StreamKind.INBOX, "ana", "rui", None, None, 500)),
            lambda: self.disk.fetch(Fetch(1, 10, 30, 1 << 20)),
        ):
            self.disk.failures.clear()
            self.disk.start()
            self.assertIsNone(ask())
            self.assertIsInstance(self.disk.failures[0], StoreDamaged)
            self.disk.stop()
            (self.directory / "damaged").unlink()

    def test_an_entry_without_a_body(self):
        self.lose_value("log", "body", "idx", 38)
        self.put_aside("row 38 of table log", of_log=False)

    def test_nothing_is_served_afterwards(self):
        self.flip("posts", "key", 2 << 40 | 7)
        self.disk.start()
        query = self.query(StreamKind.CHANNEL, "geral")
        got = []
        for _ in range(3):
            self.disk.store.page(query, got.append)
        self.disk.stop()
        self.assertEqual((got, len(self.disk.failures)), ([], 1))

    def test_a_post_that_is_missing(self):
        self.change("DELETE FROM posts WHERE key = ?", 2 << 40 | 40)
        self.disk.start()
        self.assertIsNone(self.disk.page(self.query(StreamKind.CHANNEL, "geral")))
        self.failed("table posts")

    def test_a_head(self):
        self.disk.start()
        self.flip("heads", "number", 2)
        self.assertIsNone(self.disk.page(self.query(StreamKind.CHANNEL, "geral")))
        self.failed("table heads")

    def test_a_conversation_that_leads_elsewhere(self):
        self.change("UPDATE conversations SET seq = 5 WHERE seq = 6")
        self.disk.start()
        self.assertIsNone(self.disk.page(self.query(StreamKind.INBOX, "ana", "rui")))
        self.failed("table conversations")

    def test_a_conversation_with_a_gap(self):
        """Whichever row is missing, no page has a hole where it was."""
        for seq in (1, 6, 40):
            self.change("UPDATE conversations SET sender = 'rvi' WHERE seq = ?", seq)
            self.disk.start()
            for since, before in ((None, None), (0, None), (None, 2**53)):
                query = PageQuery(StreamKind.INBOX, "ana", "rui", since, before, 500)
                self.assertIsNone(self.disk.page(query))
                self.failed("table conversations")
                del self.disk.failures[:]
                self.disk.stop()
                (self.directory / "damaged").unlink()
                self.disk.start()
            self.disk.stop()
            self.change("UPDATE conversations SET sender = 'rui' WHERE seq = ?", seq)

    def test_a_conversation_whose_count_is_damaged(self):
        self.flip("correspondents", "key", "1:rui")
        self.disk.start()
        self.assertIsNone(self.disk.page(self.query(StreamKind.INBOX, "ana", "rui")))
        self.failed("table correspondents")

    def test_a_count_is_damaged_when_the_next_message_comes(self):
        self.flip("correspondents", "key", "1:rui")
        opened = self.disk.start()
        scribe = Scribe(opened.restored, opened.board)
        scribe.commands[42] = self.scribe.commands[42]
        self.assertFalse(
            self.disk.write(scribe.persist([scribe.send("ana", "oi", user="rui")]), scribe.apply())
        )
        self.failed("table correspondents")

    def test_a_conversation_that_leads_nowhere(self):
        self.change("UPDATE conversations SET seq = 77 WHERE seq = 6")
        self.disk.start()
        self.assertIsNone(self.disk.page(self.query(StreamKind.INBOX, "ana", "rui")))
        self.failed("table conversations")

    def test_an_entry_of_the_log(self):
        self.disk.start()
        self.flip("log", "idx", 9)
        self.assertEqual(len(self.disk.fetch(Fetch(1, 10, 20, 1 << 20))), 11)
        self.assertIsNone(self.disk.fetch(Fetch(2, 5, 20, 1 << 20)))
        self.failed("row 9 of table log")

    def test_an_entry_that_a_start_does_not_wait_for(self):
        """A start checks the end of a long log; the scrubber takes what is before it first of all."""
        self.flip("log", "idx", 9)
        self.disk.tuning.update(check_entries=5, scrub_pause=0.05)
        self.patch(reader, "_HURRIED_PAUSE", 0.001)
        self.assertEqual(self.disk.start().restored.last_index, 42)
        self.disk.loop.run(lambda: self.disk.failures)
        self.failed("row 9 of table log")

    def test_one_slot_of_the_hard_state(self):
        """Where it may have been of a commit that the database has not, that may have been acknowledged."""
        kept = Path(self.mktemp())
        shutil.copytree(self.directory, kept)
        newest, _ = HardStateFile(self.hard_state).read()
        trusted_from = []
        for slot in range(2):
            shutil.rmtree(self.directory)
            shutil.copytree(kept, self.directory)
            content = bytearray(self.hard_state.read_bytes())
            content[slot * SLOT_BYTES + 20] ^= 1
            self.hard_state.write_bytes(content)
            other, _ = HardStateFile(self.hard_state).read()
            opened = self.disk.start()
            self.assertEqual(opened.restored.hard_state, HardState(2, PEER))
            self.assertEqual(opened.restored.trusted_from, 43 if other == newest else None)
            trusted_from.append(opened.restored.trusted_from)
            self.assertEqual(len(opened.notes), 1)
            self.disk.stop()
        self.assertNotEqual(*trusted_from)

    def test_the_whole_hard_state_file(self):
        for content in (None, b"", b"\xee" * 2 * SLOT_BYTES):
            if content is None:
                self.hard_state.unlink()
            else:
                self.hard_state.write_bytes(content)
            for sentence in ("no readable record", ""):
                opened = self.disk.start()
                self.assertEqual(opened.restored.hard_state, HardState(2, PEER))
                self.assertEqual(opened.restored.trusted_from, 43)
                self.assertIn(sentence, "".join(opened.notes))
                self.disk.stop()

    def test_the_only_server_without_its_hard_state_file(self):
        """Nobody could bring anything back: it says so once, and goes on with what there is."""
        disk = SqliteHarness.hasty(self)
        disk.fellows = ()
        disk.begin()
        disk.stop()
        disk.lose_hard_state()
        for count in (1, 0):
            opened = disk.start()
            self.assertEqual((opened.restored.last_index, opened.restored.trusted_from), (1, None))
            self.assertEqual(len(opened.notes), count)
            self.assertIn("the only copy there is" if count else "", "".join(opened.notes))
            disk.stop()

    def test_the_only_server_with_a_database_from_yesterday(self):
        """It refuses, as often as it is started, until the operator has decided to go on without what is lost."""
        disk = SqliteHarness.hasty(self)
        disk.fellows = ()
        scribe = disk.begin()
        disk.stop()
        yesterday = disk.directory.joinpath("board.sqlite").read_bytes()
        disk.start()
        disk.write(scribe.persist(body=b"today"))
        disk.stop()
        disk.directory.joinpath("board.sqlite").write_bytes(yesterday)
        for _ in range(2):
            error = self.assertRaises(StoreError, disk.start)
            self.assertIn("the cluster has no other server", str(error))
        disk.lose_hard_state()
        restored = disk.start().restored
        self.assertEqual((restored.last_index, restored.trusted_from), (1, None))
        disk.stop()

    def test_a_crash_while_a_lost_hard_state_file_is_made_anew(self):
        """Its being lost is not forgotten."""
        self.hard_state.write_bytes(HardStateFile.image(None))
        self.assertEqual(self.disk.start().restored.trusted_from, 43)

    def test_a_database_from_yesterday(self):
        """Rolled back alone, it is behind its hard state; together with it, only its incarnation tells."""
        yesterday = Path(self.mktemp())
        shutil.copytree(self.directory, yesterday)
        opened = self.disk.start()
        scribe = Scribe(opened.restored, opened.board)
        scribe.persist()
        self.disk.write(scribe.persist(body=b"today"))
        self.disk.stop()
        shutil.copytree(yesterday, self.directory, dirs_exist_ok=True, ignore=lambda *_: ["hard-state"])
        again = self.disk.start().restored
        self.assertEqual((again.last_index, again.trusted_from), (42, 43))
        self.assertEqual(again.incarnation, opened.restored.incarnation + 1)


class AnyBitTests(Damaged):
    """A bit flips anywhere in any file, after a clean stop and after a crash."""

    def setUp(self):
        super().setUp()
        self.crashed = Path(self.mktemp())
        opened = self.disk.start()
        scribe = Scribe(opened.restored, opened.board)
        scribe.commands[42] = self.scribe.commands[42]
        self.disk.write(None, scribe.apply())
        self.disk.write(
            scribe.persist([scribe.post("geral", "já"), scribe.send("ana", "oi", user="rui")]), scribe.apply()
        )
        shutil.copytree(self.directory, self.crashed)
        self.disk.stop()
        self.truth = self.everything(self.directory)

    def everything(self, directory):
        """All that a server would ever say of its data; StoreError: it was noticed that something is wrong."""
        disk = SqliteHarness.hasty(self, directory)
        opened = disk.start()
        try:
            restored = opened.restored
            pages = []
            for kind, name, partner in (
                (StreamKind.CHANNEL, "geral", None),
                (StreamKind.INBOX, "ana", None),
                (StreamKind.INBOX, "ana", "rui"),
            ):
                if not disk.failures:
                    pages.append(disk.page(PageQuery(kind, name, partner, None, None, 500)))
            log = None
            if not disk.failures:
                log = disk.fetch(Fetch(1, 1, restored.last_index, 1 << 24))
        finally:
            disk.stop()
        if disk.failures:
            raise disk.failures[0]
        board = Board(opened.board)
        state = (
            restored.hard_state,
            restored.incarnations,
            log,
            pages,
            board.marks(),
            opened.board.operations,
        )
        return state, restored.trusted_from, any("was put aside" in note for note in opened.notes)

    def flip_bits(self, source, name, count, seed):
        random = Random(seed)
        size = (source / name).stat().st_size
        noticed = 0
        place = Path(self.mktemp())
        for _ in range(count):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(source, place)
            content = bytearray((place / name).read_bytes())
            where = random.randrange(size)
            content[where] ^= 1 << random.randrange(8)
            (place / name).write_bytes(content)
            try:
                state, trusted_from, aside = self.everything(place)
            except StoreError:
                noticed += 1
                continue
            if trusted_from is None and aside:
                noticed += 1
                self.assertEqual(state[:3], self.truth[0][:3], f"bit flipped in byte {where} of {name}")
            elif trusted_from is None:
                self.assertEqual(state, self.truth[0], f"bit flipped in byte {where} of {name}")
            else:
                noticed += 1
        return noticed

    def test_in_the_database(self):
        self.assertGreater(self.flip_bits(self.directory, "board.sqlite", 40, 1), 12)

    def test_in_the_write_ahead_log(self):
        self.assertGreater(self.flip_bits(self.crashed, "board.sqlite-wal", 30, 2), 15)

    def test_in_the_hard_state(self):
        self.flip_bits(self.directory, "hard-state", 10, 3)
