from pathlib import Path

import attrs
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import NO_HASH
from bulletin.core.store.hard_record import HardRecord
from bulletin.storage.hard_state import SLOT_BYTES, HardStateFile, decode_slot, encode_slot

RECORD = HardRecord(b"member--16-bytes", b"cluster-16-bytes", 7, 3, 5, b"another-16-bytes", 41, b"h" * 32)
HASHES = st.binary(min_size=32, max_size=32)
IDS = st.binary(min_size=16, max_size=16)
NUMBERS = st.integers(0, 2**63 - 1)


class SlotTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=50, derandomize=True)
    @given(
        st.builds(
            HardRecord,
            IDS,
            IDS | st.just(b""),
            NUMBERS,
            NUMBERS,
            NUMBERS,
            IDS | st.none(),
            NUMBERS,
            HASHES,
            NUMBERS,
        )
    )
    def test_round_trip(self, record):
        self.assertEqual(decode_slot(encode_slot(record)), record)

    def test_every_flipped_bit_is_noticed(self):
        slot = encode_slot(RECORD)
        for place in range(SLOT_BYTES):
            bad = bytearray(slot)
            bad[place] ^= 1 << place % 8
            self.assertIsNone(decode_slot(bytes(bad)), place)

    def test_what_is_no_slot(self):
        for junk in (b"", bytes(SLOT_BYTES), b"\xff" * SLOT_BYTES, encode_slot(RECORD)[:-1]):
            self.assertIsNone(decode_slot(junk))


class FileTests(SynchronousTestCase):
    def setUp(self):
        self.path = Path(self.mktemp())
        self.path.write_bytes(HardStateFile.image(RECORD))

    def read(self):
        file = HardStateFile(self.path)
        self.addCleanup(file.close)
        return file, *file.read()

    def after(self, commits, record=RECORD):
        return attrs.evolve(record, commit=record.commit + commits)

    def test_a_new_file(self):
        self.assertEqual(self.read()[1:], (RECORD, 0))

    def test_a_file_that_says_that_one_was_lost(self):
        self.path.write_bytes(HardStateFile.image(None))
        file, found, bad = self.read()
        self.assertEqual((found, bad), (None, 0))
        file.write(RECORD)
        self.assertEqual(self.read()[1:], (RECORD, 0))

    def test_the_newest_is_read(self):
        file, *_ = self.read()
        for commit in range(1, 6):
            file.write(self.after(commit))
            self.assertEqual(self.read()[1:], (self.after(commit), 0))

    def test_the_one_before_is_never_touched(self):
        """Also not by the first write after a start."""
        for commit in range(1, 6):
            file, *_ = self.read()
            file.write(self.after(commit))
            slots = self.path.read_bytes()
            records = {decode_slot(slots[:SLOT_BYTES]), decode_slot(slots[SLOT_BYTES:])}
            self.assertEqual(records, {self.after(commit), self.after(commit - 1)})

    def test_a_write_torn_at_any_byte_leaves_the_one_before(self):
        file, *_ = self.read()
        file.write(self.after(1))
        old = self.path.read_bytes()
        new = encode_slot(attrs.evolve(self.after(2), last_hash=b"x" * 32))
        for place in range(SLOT_BYTES):
            torn = new[:place] + old[place:]
            self.path.write_bytes(torn)
            found = self.read()[1]
            complete = torn[:SLOT_BYTES] == new
            self.assertEqual(found, decode_slot(new) if complete else self.after(1), place)

    def test_no_good_slot(self):
        self.path.write_bytes(b"\x01" * SLOT_BYTES * 2)
        self.assertEqual(self.read()[1:], (None, 2))

    def test_a_file_that_was_cut_short(self):
        self.path.write_bytes(HardStateFile.image(RECORD)[: SLOT_BYTES + 5])
        self.assertEqual(self.read()[1:], (RECORD, 1))
        self.path.write_bytes(b"")
        self.assertEqual(self.read()[1:], (None, 2))

    def test_a_hash_of_nothing(self):
        empty = HardRecord(b"member--16-bytes", b"", 1, 0, 0, None, 0, NO_HASH)
        self.path.write_bytes(HardStateFile.image(empty))
        self.assertEqual(self.read()[1], empty)
