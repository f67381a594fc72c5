from pathlib import Path

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.storage.learnt import BYTES_MAX, read_learnt, write_learnt

WHERE = {b"m" * 16: "tcp://10.0.0.1:5561", b"n" * 16: "tcp://servidor:5561"}


class LearntTests(SynchronousTestCase):
    def setUp(self):
        self.path = Path(self.mktemp())

    def test_what_was_written_last_is_read(self):
        self.assertEqual(read_learnt(self.path), {})
        for endpoints in ({}, WHERE, {b"m" * 16: "ipc://m"}):
            self.assertIsNone(write_learnt(self.path, endpoints))
            self.assertEqual(read_learnt(self.path), endpoints)
        self.assertEqual(list(self.path.parent.glob(self.path.name + "*")), [self.path])

    def test_a_file_that_cannot_be_written_is_a_sentence(self):
        self.assertIn("No such", write_learnt(self.path / "nowhere", WHERE))

    def test_damage_counts_as_nothing(self):
        write_learnt(self.path, WHERE)
        whole = self.path.read_bytes()

        @settings(deadline=None, max_examples=200, derandomize=True)
        @given(
            st.one_of(
                st.binary(max_size=100),
                st.integers(0, len(whole) - 1).map(lambda end: whole[:end]),
                st.just(whole + bytes(BYTES_MAX)),
            )
        )
        def reads_nothing_else(data):
            self.path.write_bytes(data)
            for member, endpoint in read_learnt(self.path).items():
                self.assertIsInstance(member, bytes)
                self.assertIsInstance(endpoint, str)
            if whole.startswith(data) or len(data) > BYTES_MAX:
                self.assertEqual(read_learnt(self.path), {})

        reads_nothing_else()
