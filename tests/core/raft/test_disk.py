"""The numbering of writes, and how long the disk is silent."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import EntryKind
from bulletin.core.raft.disk import Disk
from bulletin.core.raft.ready import HardState
from tests.core.raft.making import THREE, log_of


class DiskTests(SynchronousTestCase):
    def test_nothing_to_store(self) -> None:
        """Without a change there is no write."""
        self.assertIsNone(Disk(HardState(1)).take(log_of(1), 0.0))

    def test_one_record(self) -> None:
        """Term, vote, entries and incarnations of a turn are one write."""
        disk, log = Disk(HardState(1)), log_of(1)
        disk.change(2, b"a")
        disk.remember(b"b", 3)
        entry = log.append_new(THREE.identity, 2, EntryKind.NOOP, b"")
        persist = disk.take(log, 0.0)
        self.assertEqual(persist.hard_state, HardState(2, b"a"))
        self.assertEqual((persist.entries, persist.incarnations), ((entry,), ((b"b", 3),)))
        self.assertFalse(disk.hard_synced)
        disk.stored(persist.sequence)
        self.assertTrue(disk.hard_synced)

    def test_a_vote_is_given_once(self) -> None:
        """No second vote in a term, no term that falls."""
        disk = Disk(HardState(3, b"a"))
        for term, vote in ((3, b"b"), (3, None), (2, None)):
            with self.assertRaises(AssertionError):
                disk.change(term, vote)

    def test_silence(self) -> None:
        """Silence is counted from the oldest write under way."""
        disk, log = Disk(HardState(1)), log_of(1)
        self.assertEqual(disk.silent_for(9.0), 0.0)
        disk.change(2, None)
        first = disk.take(log, 1.0)
        log.append_new(THREE.identity, 2, EntryKind.NOOP, b"")
        self.assertFalse(disk.writing_entries)
        second = disk.take(log, 3.0)
        self.assertTrue(disk.writing_entries)
        self.assertEqual(disk.silent_for(4.0), 3.0)
        disk.stored(first.sequence)
        self.assertEqual(disk.silent_for(4.0), 1.0)
        disk.stored(second.sequence)
        self.assertEqual((disk.silent_for(4.0), disk.writing_entries), (0.0, False))

    def test_an_unknown_write(self) -> None:
        """Nobody can have stored what was not asked for."""
        with self.assertRaises(AssertionError):
            Disk(HardState(1)).stored(1)
