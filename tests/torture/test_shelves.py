"""What the disks hold is read back whole, compared, and held against receipts."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import apsw
import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.log.port import index_of
from bulletin.torture.record import Receipt
from bulletin.torture.shelves import compare
from tests.core.board.scripts import create, publish
from tests.storage.stores import SqliteHarness


class ShelvesTests(SynchronousTestCase):
    def setUp(self):
        harness = SqliteHarness(self)
        scribe = harness.begin()
        for commands in ([create("@0", "geral")], *([publish(text, "ana", "geral", text)] for text in "abc")):
            harness.write(scribe.persist(commands), scribe.apply())
        posts = harness.page(PageQuery(StreamKind.CHANNEL, "geral", None, None, None, 50)).posts
        harness.stop()
        self.receipts = [Receipt("geral", post.seq, index_of(post.position), 0, post.chain) for post in posts]
        self.folder = Path(self.mktemp())
        servers = [SimpleNamespace(name=name) for name in ("server1", "server2")]
        for server in servers:
            shutil.copytree(harness.directory, self.folder / server.name)
        self.board = SimpleNamespace(servers=servers, data=lambda server: self.folder / server.name)

    def compared(self, receipts=()):
        return compare(self.board, receipts)

    def change(self, name, statement, *bindings):
        connection = apsw.Connection(str(self.folder / name / "board.sqlite"))
        connection.execute(statement, bindings)
        connection.close()

    def test_two_that_are_the_same(self):
        self.assertEqual(len(self.receipts), 3)
        self.assertEqual(self.compared(self.receipts), (3, []))

    def test_a_post_that_one_does_not_have(self):
        self.change("server2", "DELETE FROM posts WHERE key = (SELECT max(key) FROM posts)")
        _, broken = self.compared()
        self.assertIn("server2 has another end of geral than its posts", broken[0])
        self.assertIn("hold different posts, 1 in number, such as ('geral', 3)", broken[1])

    def test_a_row_that_was_changed(self):
        self.change(
            "server1",
            "UPDATE posts SET body = CAST(body || x'00' AS BLOB) WHERE key = (SELECT min(key) FROM posts)",
        )
        _, broken = self.compared()
        self.assertIn("the database of server1 cannot be read at the end: row", broken[0])

    def test_receipts_that_are_not_true(self):
        for change in ({"seq": 4}, {"index": 99}, {"chain": bytes(32)}, {"stream": "avisos"}):
            false = attrs.evolve(self.receipts[0], **change)
            _, broken = self.compared([false])
            self.assertEqual(len(broken), 1, change)
            self.assertIn(f"the receipt of {false.stream} {false.seq} says", broken[0])
