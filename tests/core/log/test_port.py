"""Positions."""

from hypothesis import given, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.limits import OPERATIONS_PER_ENTRY_MAX
from bulletin.core.log.port import index_of, position_of


class PositionTests(SynchronousTestCase):
    @given(st.integers(1, 2**47 - 1), st.integers(1, OPERATIONS_PER_ENTRY_MAX))
    def test_index_of_a_position(self, index, offset) -> None:
        """A position tells its index, has 63 bits, and is below all positions of the next entry."""
        position = position_of(index, offset)
        self.assertEqual(index_of(position), index)
        self.assertLess(position, position_of(index + 1, 1))
        self.assertLess(position, 2**63)
