import os
from pathlib import Path

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.reference.ranks import Record
from bulletin.core.store.port import StoreBusy, StoreError
from bulletin.storage.ranks import FILE_NAME, RankStore

CLUSTER = bytes(range(16))
DOCUMENT = FoundingDocument(CLUSTER, (Member(bytes(16), "a", "tcp://a:1", 1),)).encode()
RECORD = Record((("a", 1), ("servidor é", 2)), DOCUMENT, CLUSTER)


class RankStoreTests(SynchronousTestCase):
    def setUp(self):
        self.directory = Path(self.mktemp())
        self.path = self.directory / FILE_NAME

    def open(self):
        store = RankStore(self.directory)
        record = store.open()
        self.addCleanup(store.close)
        return store, record

    def written(self):
        store, _ = self.open()
        store.write(RECORD)
        store.close()
        return self.path.read_bytes()

    def test_a_new_directory_holds_nothing(self):
        self.assertEqual(self.open()[1], Record())

    def test_what_was_written_is_found(self):
        self.written()
        self.assertEqual(self.open()[1], RECORD)

    def test_two_references_do_not_share_a_directory(self):
        self.open()
        self.assertRaises(StoreBusy, RankStore(self.directory).open)

    def test_a_failed_write_says_what_to_do(self):
        store, _ = self.open()

        def fail(_):
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", fail)
        self.assertIn("No space left on device", str(self.assertRaises(StoreError, store.write, RECORD)))

    def test_what_a_crash_left_half_written_does_no_harm(self):
        self.written()
        (self.directory / (FILE_NAME + ".new")).write_bytes(b"half")
        store, record = self.open()
        self.assertEqual(record, RECORD)
        store.write(Record())
        store.close()
        self.assertEqual(self.open()[1], Record())

    def test_a_newer_version_is_not_read(self):
        data = self.written()
        self.path.write_bytes(data.replace(b"ranks 1\n", b"ranks 12\n"))
        self.assertIn("newer version", str(self.assertRaises(StoreError, self.open)))

    def test_a_refused_directory_is_not_kept_locked(self):
        self.directory.mkdir()
        self.path.write_bytes(b"junk")
        self.assertRaises(StoreError, self.open)
        self.path.unlink()
        self.open()

    def test_a_file_that_cannot_be_read(self):
        self.path.mkdir(parents=True)
        self.assertIn("cannot be read", str(self.assertRaises(StoreError, self.open)))

    def test_any_damage_is_found_and_says_what_to_do(self):
        whole = self.written()

        @settings(deadline=None, max_examples=150, derandomize=True)
        @given(st.integers(0, len(whole) - 1), st.integers(1, 255), st.booleans())
        def damage(place, flip, cut):
            data = bytearray(whole)
            data[place] ^= flip
            self.path.write_bytes(bytes(whole[:place] if cut else data))
            error = self.assertRaises(StoreError, RankStore(self.directory).open)
            self.assertIn(str(self.path), str(error))

        damage()
        self.path.write_bytes(whole + b"x")
        self.assertIn("move it away", str(self.assertRaises(StoreError, self.open)))
