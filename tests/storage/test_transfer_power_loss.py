"""The power fails at any moment of a transfer: the tables are the old ones or the new ones, and it can go on from there."""

from random import Random

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board
from bulletin.core.log.entry import Anchor
from bulletin.storage.simulated_disk.keeping import everything, nothing, some
from tests.storage.scribe import Scribe, document
from tests.storage.stores import MemoryHarness, SimulatedHarness
from tests.storage.test_power_loss import Moments
from tests.storage.test_transfer import Feed

WINDOW = 10
MEMBERS = (b"member--16-bytes", b"another-16-bytes")


class TransferPowerLossTests(SynchronousTestCase):
    def setUp(self):
        self.receiver = SimulatedHarness(window=WINDOW, checkpoint_pages=30)
        self.sender = MemoryHarness(WINDOW)
        for harness in (self.sender, self.receiver):
            harness.start()
        paper = document(*MEMBERS)
        found = [self.found(harness, paper) for harness in (self.sender, self.receiver)]
        self.scribe = Scribe(*found[0], WINDOW)
        self.boards = {0: self.scribe.board.marks()}

    def found(self, harness, paper):
        got = []
        harness.store.found(paper, lambda *found: got.append(found))
        harness.loop.run(lambda: got)
        return got[0]

    def write(self, *harnesses):
        scribe = self.scribe
        persist = scribe.persist(
            [
                scribe.login("ana"),
                scribe.channel("geral"),
                scribe.post("geral", "x" * 700),
                scribe.send("ana", "y", id_=f"a:{scribe.sequence}"),
            ]
        )
        applied = scribe.apply()
        self.boards[applied.marks.applied] = scribe.board.marks()
        for harness in harnesses:
            self.assertTrue(harness.write(persist, applied))

    def acknowledge(self):
        self.moments.acknowledged = self.scribe.last_index

    def trim(self, index):
        entry = self.scribe.log[index]
        anchor = Anchor(index, entry.term, entry.hash)
        self.receiver.write(attrs.evolve(self.scribe.persist(), anchor=anchor))

    def work(self):
        """Entries, a trim, a transfer of what is beyond, and the log going on and being trimmed again."""
        for _ in range(4):
            self.write(self.sender, self.receiver)
        self.trim(3)
        self.acknowledge()
        for _ in range(6):
            self.write(self.sender)
        feed = Feed(self.sender, self.receiver)
        feed.run()
        feed.install()
        self.acknowledge()
        for _ in range(4):
            self.write(self.sender, self.receiver)
            self.acknowledge()
        self.trim(self.scribe.last_index - 1)

    def look(self, image, acknowledged, where, *, to_the_end):
        disk = SimulatedHarness(image, WINDOW)
        opened = disk.start()
        restored = opened.restored
        try:
            self.assertIn(restored.last_index, self.lengths, where)
            self.assertGreaterEqual(restored.last_index, acknowledged, where)
            self.assertEqual(restored.last_hash, self.scribe.log[restored.last_index].hash, where)
            self.assertEqual(Board(opened.board, WINDOW).marks(), self.boards[restored.applied], where)
            self.assertIsNone(restored.trusted_from, where)
            if to_the_end:
                feed = Feed(self.sender, disk)
                feed.run()
                if feed.taken.index > restored.applied:
                    _, tables = feed.install()
                    self.assertEqual(Board(tables, WINDOW).marks(), self.boards[feed.taken.index], where)
        finally:
            disk.stop()
            self.assertEqual(disk.failures, [], where)
        return restored

    def test_at_any_moment(self):
        self.moments = Moments(self.receiver.disk, (nothing, everything, some(Random(3))))
        self.work()
        self.receiver.stop()
        self.moments.stop()
        self.assertEqual(self.receiver.failures, [])
        self.lengths = {1, *range(2, 6), *range(11, 16)}
        applied = set()
        for number, (image, acknowledged, where) in enumerate(self.moments.found):
            restored = self.look(image, acknowledged, where, to_the_end=number % 4 == 0)
            applied.add(restored.applied)
        self.assertEqual(acknowledged, self.scribe.last_index)
        self.assertIn(11, applied)
        self.assertGreater(len(self.moments.found), 80)
