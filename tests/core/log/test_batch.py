"""Bodies of entries: whatever goes in comes out, and nothing else is taken for one."""

import msgpack
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.limits import OPERATIONS_PER_ENTRY_MAX
from bulletin.core.log.batch import decode_batch, encode_batch, size_of, split_batch
from bulletin.core.log.port import Operation

OPERATIONS = st.lists(
    st.builds(Operation, key=st.binary(min_size=16, max_size=16), payload=st.binary(max_size=300)),
    max_size=20,
)


class BatchTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=50, derandomize=True)
    @given(OPERATIONS)
    def test_round_trip(self, operations) -> None:
        """What is encoded is decoded, in order."""
        pairs = [(operation.key, operation.payload) for operation in operations]
        self.assertEqual(decode_batch(encode_batch(operations)), pairs)

    @settings(deadline=None, max_examples=50, derandomize=True)
    @given(OPERATIONS)
    def test_size_is_an_upper_bound(self, operations) -> None:
        """A body is never larger than its operations were said to be."""
        size = sum(map(size_of, operations))
        self.assertLessEqual(len(encode_batch(operations)), size + 5)

    @settings(deadline=None, max_examples=50, derandomize=True)
    @given(OPERATIONS, st.integers(1, 1000))
    def test_split_keeps_all_in_order(self, operations, bytes_max) -> None:
        """Cutting loses nothing; a run is within the bound unless it is a single operation."""
        runs = split_batch(operations, bytes_max)
        self.assertEqual([operation for run in runs for operation in run], operations)
        for run in runs:
            self.assertTrue(len(run) == 1 or sum(map(size_of, run)) <= bytes_max)

    def test_split_by_number(self) -> None:
        """More operations than a position's offset can count go into two entries."""
        operation = Operation(b"k" * 16, b"")
        runs = split_batch([operation] * (OPERATIONS_PER_ENTRY_MAX + 1), 2**40)
        self.assertEqual([len(run) for run in runs], [OPERATIONS_PER_ENTRY_MAX, 1])

    def test_not_pairs(self) -> None:
        """What is MessagePack, but no batch, is refused."""
        for value in (
            None,
            1,
            [1],
            [[b"k"]],
            [[b"k", 1]],
            [[b"k", b"p", b"x"]],
            [["k", b"p"]],
            {b"k": b"p"},
            b"k",
        ):
            with self.assertRaises(ValueError):
                decode_batch(msgpack.packb(value))

    def test_another_form(self) -> None:
        """A batch has one form; an empty one is an empty list."""
        for data in (
            b"",
            b"\xc4\x00",
            b"\x80",
            b"\xdc\x00\x00",
            b"\x91\xdc\x00\x02\xc4\x00\xc4\x00",
            b"\x91\x92\xa0\xa0",
        ):
            with self.assertRaises(ValueError, msg=data):
                decode_batch(data)

    def test_too_large(self) -> None:
        """A body beyond every bound is not even looked at."""
        with self.assertRaises(ValueError):
            decode_batch(bytes(5 * 1024 * 1024))
