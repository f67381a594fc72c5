"""What the disks hold is read back whole, compared, and held against receipts."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import apsw
import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.commands import encode
from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.log.batch import encode_batch
from bulletin.core.log.port import Operation, index_of
from bulletin.torture.record import Receipt
from bulletin.torture.shelves import differences, read
from bulletin.torture.verdict import disks
from tests.core.board.scripts import create, publish
from tests.storage.stores import SqliteHarness


def batch(*commands):
    """The body of an entry, as servers write it."""
    return encode_batch(Operation(bytes(16), encode(command)) for command in commands)


class ShelvesTests(SynchronousTestCase):
    def setUp(self):
        harness = SqliteHarness(self)
        scribe = harness.begin()
        for commands in ([create("@0", "geral")], *([publish(text, "ana", "geral", text)] for text in "abc")):
            harness.write(scribe.persist(commands, body=batch(*commands)), scribe.apply())
        term = scribe.term
        harness.write(scribe.hard_state(term + 1))
        commands = [publish("d", "ana", "geral", "d")]
        harness.write(scribe.persist(commands, body=batch(*commands)), scribe.apply())
        posts = harness.page(PageQuery(StreamKind.CHANNEL, "geral", None, None, None, 50)).posts
        harness.stop()
        self.receipts = [
            Receipt(
                "ana",
                post.id,
                "geral",
                post.seq,
                index_of(post.position),
                term + (post.id == "d"),
                post.chain,
                post.clock + 1,
            )
            for post in posts
        ]
        self.folder = Path(self.mktemp())
        servers = [SimpleNamespace(name=name) for name in ("server1", "server2")]
        for server in servers:
            shutil.copytree(harness.directory, self.folder / server.name)
        self.board = SimpleNamespace(servers=servers, data=lambda server: self.folder / server.name)

    def compared(self, receipts=()):
        return disks(self.board, receipts)

    def change(self, name, statement, *bindings):
        connection = apsw.Connection(str(self.folder / name / "board.sqlite"))
        connection.execute(statement, bindings)
        connection.close()

    def test_two_that_are_the_same(self):
        self.assertEqual(len(self.receipts), 4)
        self.assertEqual(self.compared(self.receipts), (4, []))

    def test_a_post_that_one_does_not_have(self):
        self.change("server2", "DELETE FROM posts WHERE key = (SELECT max(key) FROM posts)")
        _, broken = self.compared()
        self.assertIn("server2 has another end of geral than its posts", broken[0])
        self.assertIn("the scrubber of server2 would find: the last post of a stream", broken[1])
        self.assertIn("hold different posts, 1 in number, such as ('geral', 4)", broken[2])

    def test_a_row_that_was_changed(self):
        self.change(
            "server1",
            "UPDATE posts SET body = CAST(body || x'00' AS BLOB) WHERE key = (SELECT min(key) FROM posts)",
        )
        _, broken = self.compared()
        self.assertIn("the database of server1 cannot be read at the end: row", broken[0])

    def test_receipts_that_are_not_true(self):
        for change in ({"seq": 5}, {"index": 99}, {"chain": bytes(32)}, {"stream": "avisos"}, {"term": 9}):
            false = attrs.evolve(self.receipts[-1], **change)
            _, broken = self.compared([false])
            self.assertEqual(len(broken), 1, change)
            self.assertIn(f"the receipt of {false.stream} {false.seq} (d) says", broken[0])

    def test_terms_that_fall(self):
        false = attrs.evolve(self.receipts[0], term=9)
        _, broken = self.compared([false, *self.receipts[1:]])
        self.assertEqual(len(broken), 2)
        self.assertIn("says term 9 at index 3; the receipt of geral 2 (b) says term", broken[0])

    def test_a_row_that_nobody_asks_for(self):
        self.change("server2", "INSERT INTO correspondents VALUES ('1:ana', x'00')")
        _, broken = self.compared(self.receipts)
        self.assertEqual(len(broken), 1)
        self.assertIn("the scrubber of server2 would find: row 1:ana of table correspondents", broken[0])

    def test_damage_where_it_may_be(self):
        self.change("server2", "UPDATE log SET body = CAST(body || x'00' AS BLOB) WHERE idx = 3")
        self.assertEqual(disks(self.board, self.receipts, ["server2"]), (4, []))
        self.change("server1", "INSERT INTO correspondents VALUES ('1:ana', x'00')")
        self.assertEqual(len(disks(self.board, self.receipts, ["server2"])[1]), 1)
        self.assertEqual(disks(self.board, self.receipts, ["server1", "server2"])[0], 0)

    def test_an_entry_that_is_not_what_was_written(self):
        self.change("server2", "UPDATE log SET body = CAST(body || x'00' AS BLOB) WHERE idx = 3")
        _, broken = self.compared()
        self.assertEqual(
            broken, ["the database of server2 cannot be read at the end: row 3 of table log of server2"]
        )

    def test_a_log_without_the_post_that_was_made_there(self):
        harness = SqliteHarness(self)
        scribe = harness.begin()
        harness.write(
            scribe.persist([create("@0", "geral")], body=batch(create("@0", "geral"))), scribe.apply()
        )
        made, logged = publish("a", "ana", "geral", "a"), publish("b", "ana", "geral", "a")
        harness.write(scribe.persist([made], body=batch(logged)), scribe.apply())
        harness.stop()
        shelf = read(harness.directory, "server1")
        self.assertEqual(shelf.broken, ["the log of server1 has no post a where geral 1 was made"])

    def test_entries_that_differ(self):
        one, other = (read(self.folder / name, name) for name in ("server1", "server2"))
        self.assertEqual(differences(one, other), [])
        other.entries[4] = other.entries[5] = bytes(32)
        self.assertEqual(differences(one, other), ["server2 and server1 have different entries from 4 on"])
        one.entries = {5: one.entries[5]}  # the other one's log goes further back
        self.assertEqual(differences(one, other), ["server2 and server1 have different entries from 5 on"])
