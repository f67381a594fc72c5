"""The log in memory, against a list and a disk that are kept the long way."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import NO_HASH, EntryKind, make_entry
from bulletin.core.raft.log import RaftLog
from tests.core.raft.making import THREE, entries_of, log_of, runs_of


class LogTests(SynchronousTestCase):
    def test_terms_of_the_whole_log(self) -> None:
        """Any term is known, also where the entry is not in memory."""
        log = log_of(1, 1, 2, 2, 5, base=4)
        self.assertEqual([log.term_at(index) for index in range(-1, 8)], [None, 0, 1, 1, 2, 2, 5, None, None])

    def test_hashes_in_memory(self) -> None:
        """Hashes are known in memory, and at index 0."""
        entries = entries_of(1, 1, 2)
        self.assertEqual(log_of(1, 1, 2).hash_at(0), NO_HASH)
        log = log_of(1, 1, 2, base=2)
        self.assertEqual(
            [log.hash_at(index) for index in range(5)], [NO_HASH, None, None, entries[2].hash, None]
        )
        self.assertEqual(log_of(1, 1, 2, base=3).hash_at(3), entries[2].hash)

    def test_meeting_place(self) -> None:
        """The last index whose term is not above another's: two logs cannot meet later."""
        log = log_of(1, 1, 2, 2, 5)
        for index, term, expected in (
            (5, 5, 5),
            (9, 9, 5),
            (5, 4, 4),
            (5, 1, 2),
            (3, 2, 3),
            (5, 0, 0),
            (0, 9, 0),
            (-3, 9, 0),
        ):
            self.assertEqual(log.last_at_most(index, term), expected, (index, term))

    def test_up_to_date(self) -> None:
        """The later term wins; of equal terms the longer log."""
        log = log_of(1, 2, 2)
        self.assertTrue(log.up_to_date(3, 2))
        self.assertTrue(log.up_to_date(1, 3))
        self.assertFalse(log.up_to_date(2, 2))
        self.assertFalse(log.up_to_date(9, 1))

    def test_between(self) -> None:
        """As many as fit, but at least one."""
        log = log_of(1, 1, 1, 1)
        size = len(log.after(1, 2)[0].body)
        self.assertEqual([e.index for e in log.between(2, 4, 2 * size, 9)], [2, 3])
        self.assertEqual([e.index for e in log.between(2, 4, 1, 9)], [2])
        self.assertEqual([e.index for e in log.between(2, 4, 2**20, 2)], [2, 3])
        self.assertEqual([e.index for e in log.between(2, 3, 2**20, 9)], [2, 3])

    def test_forget(self) -> None:
        """Old entries leave the memory, never those that are not synced or not applied."""
        log = log_of(1, 1, 1, 1)
        log.forget(3, bytes_kept=0)
        self.assertEqual((log.base, log.hash_at(3)), (3, entries_of(1, 1, 1, 1)[2].hash))
        log.append_new(THREE.identity, 2, EntryKind.NOOP, b"x" * 10)
        log.forget(5, bytes_kept=0)
        self.assertEqual((log.base, log.synced, log.last_index), (4, 4, 5))

    def test_forget_keeps_what_fits(self) -> None:
        """As long as little is held, nothing leaves."""
        log = log_of(1, 1, 1, 1)
        log.forget(4, bytes_kept=log.bytes_held)
        self.assertEqual(log.base, 0)

    def test_nonsense_is_refused(self) -> None:
        """What does not fit together is not begun with."""
        entries = entries_of(1, 1, 2)
        last = entries[-1].hash
        for arguments in (
            (entries[:2], 3, last, runs_of(entries)),
            (entries, 3, NO_HASH, runs_of(entries)),
            (entries, 3, last, ((1, 2), (3, 1))),
            (entries, 3, last, ((2, 1),)),
            (entries, 3, last, ((1, 1), (9, 2))),
            (entries, 3, last, ()),
        ):
            with self.assertRaises(ValueError):
                RaftLog(*arguments)

    def test_gaps_and_falling_terms(self) -> None:
        """The log asserts what callers must have made sure of."""
        log = log_of(1, 2)
        for index, term in ((4, 2), (2, 2), (3, 1)):
            entry = make_entry(log.last_hash, THREE.identity, index, term, EntryKind.NOOP, b"")
            with self.assertRaises(AssertionError):
                log.append(entry)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 2)),
        st.tuples(st.just("truncate"), st.integers(0, 4)),
        st.tuples(st.just("give"), st.just(0)),
        st.tuples(st.just("store"), st.integers(1, 3)),
    ),
    max_size=30,
)


class DiskTests(SynchronousTestCase):
    """What the log believes of its disk."""

    @settings(deadline=None, max_examples=300, derandomize=True)
    @given(STEPS)
    def test_synced_is_true(self, steps) -> None:
        """However writes, truncations and late acknowledgements interleave: what counts as synced is on the disk."""
        log = log_of(1, 1)
        disk = entries_of(1, 1)
        queue: list[tuple[int, int | None, tuple]] = []
        sequence = 0
        for step, number in steps:
            if step == "append":
                log.append_new(THREE.identity, log.last_term + number, EntryKind.NOOP, b"")
            elif step == "truncate" and log.last_index - number > 2:
                keep = max(2, log.last_index - 1 - number)
                log.truncate_after(keep, log.hash_at(keep))
            elif step == "give" and log.has_unstored:
                sequence += 1
                queue.append((sequence, *log.give(sequence)))
            elif step == "store" and queue:
                for stored, truncate_after, entries in queue[:number]:
                    if truncate_after is not None:
                        del disk[truncate_after:]
                    self.assertTrue(all(e.index == len(disk) + n for n, e in enumerate(entries, 1)))
                    disk.extend(entries)
                    last = stored
                del queue[:number]
                log.stored(last)
            self.assertLessEqual(log.synced, len(disk))
            self.assertEqual(log.hash_at(log.synced), disk[log.synced - 1].hash)
            if not queue and not log.has_unstored:
                self.assertEqual([e.hash for e in disk], [e.hash for e in log.after(0, log.last_index)])
                self.assertEqual(log.synced, log.last_index)

    def test_sequence_for(self) -> None:
        """Which write an acknowledgement has to wait for."""
        log = log_of(1, 1)
        log.append_new(THREE.identity, 1, EntryKind.NOOP, b"")
        log.give(7)
        log.append_new(THREE.identity, 1, EntryKind.NOOP, b"")
        self.assertEqual([log.sequence_for(index, 8) for index in (2, 3, 4)], [0, 7, 8])
