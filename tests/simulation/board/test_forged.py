"""A row of a log is forged on a disk: a start notices it, or an append does, and no client is told anything of it."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import EntryKind, intact
from bulletin.core.store.recovery import judge
from bulletin.simulation.board import Options, World
from bulletin.simulation.memory_store import ENDS_OTHERWISE
from tests.simulation.board.checkers.test_lies import OPTIONS

BY_APPEND = 13
BY_START = 77


class ForgedRowTests(SynchronousTestCase):
    """What becomes of it in a run; every promise holds."""

    def run_of(self, seed: int) -> World:
        world = World(seed, Options.draw(seed))
        world.run()
        self.assertGreater(world.counts["disks_spoilt"], 0)
        return world

    def test_an_append_finds_it(self) -> None:
        """Nothing on the disk says so: the leader's hash does, at each start, and the server takes no part."""
        world = self.run_of(BY_APPEND)
        self.assertGreater(world.counts["hash_mismatch_found_by_append"], 1)
        forged = [server for server in world.servers if server.disk.forged]
        self.assertEqual([server.running for server in forged], [False])
        self.assertIn("the leader has another entry of the same term", forged[0].stopped)

    def test_a_start_finds_it(self) -> None:
        """The hard state has another hash: the server takes over what the others have, and counts again."""
        world = self.run_of(BY_START)
        self.assertGreater(world.counts["forged_row_found_by_start"], 0)
        self.assertGreater(world.counts["trusted_again"], 0)


class ForgeTests(SynchronousTestCase):
    """What is put on a disk looks right."""

    def setUp(self) -> None:
        self.world = World(7, attrs.evolve(OPTIONS))
        self.world.run()
        self.server = self.world.servers[0]
        self.server.lose_power()
        self.before = list(self.server.disk.memory.synced.log)

    def forge(self, *, agreed: bool) -> None:
        self.assertTrue(self.server.disk.forge(agreed=agreed))
        tables = self.server.disk.memory.written
        document = tables.document
        before = tables.anchor.hash
        for entry in tables.log:
            self.assertTrue(intact(entry, before, document.identity))
            before = entry.hash
        changed = [a.body != b.body for a, b in zip(self.before, tables.log, strict=True)]
        self.assertEqual(sum(changed), 1)
        self.assertNotEqual(tables.log[-1].hash, self.before[-1].hash)

    def test_the_hard_state_agrees(self) -> None:
        """Nothing on the disk contradicts it, so that nobody but a fellow server can tell."""
        self.forge(agreed=True)
        memory = self.server.disk.memory
        self.assertTrue(memory.ends_as_known)
        self.assertEqual(judge(memory.record, memory.file, memory.bad_slots, "memory").notes, ())
        self.assertTrue(self.server.disk.forged)
        self.assertTrue(self.server.damaged)

    def test_the_hard_state_does_not(self) -> None:
        """The next start notices it, puts the log aside, and waits for the others."""
        self.forge(agreed=False)
        memory = self.server.disk.memory
        self.assertFalse(memory.ends_as_known)
        opened = self.server.make_store(lambda *_: None, lambda *_: None).open()
        self.assertIn(ENDS_OTHERWISE, opened.notes[0])
        self.assertEqual([entry.kind for entry in memory.written.log], [EntryKind.FOUNDING])
        self.assertGreaterEqual(memory.record.trusted_from, self.before[-1].index)
        self.assertFalse(self.server.disk.forged)

    def test_a_log_without_posts(self) -> None:
        """There is nothing to forge."""
        self.server.disk.memory.synced.log[:] = self.before[:1]
        self.assertFalse(self.server.disk.forge(agreed=True))
        self.assertFalse(self.server.damaged)
