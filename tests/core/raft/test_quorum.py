"""Majority arithmetic."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.quorum import Tally, majority_of, reached_by_majority, tally

VOTERS = [bytes([number]) for number in range(7)]


class QuorumTests(SynchronousTestCase):
    def test_majorities(self) -> None:
        """More than half."""
        self.assertEqual([majority_of(count) for count in range(1, 8)], [1, 2, 2, 3, 3, 4, 4])

    @settings(deadline=None, derandomize=True)
    @given(st.lists(st.integers(0, 9), min_size=1, max_size=7))
    def test_reached_by_majority(self, values) -> None:
        """The largest value that so many have reached, found the long way."""
        reached = reached_by_majority(values)
        needed = majority_of(len(values))
        self.assertGreaterEqual(sum(value >= reached for value in values), needed)
        self.assertLess(sum(value > reached for value in values), needed)

    @settings(deadline=None, derandomize=True)
    @given(st.integers(1, 7), st.dictionaries(st.sampled_from([*VOTERS, b"stranger"]), st.booleans()))
    def test_tally(self, count, votes) -> None:
        """Won with a majority of yes, lost when it cannot come any more; strangers do not count."""
        voters = VOTERS[:count]
        yes = sum(votes.get(voter, False) for voter in voters)
        open_ = sum(voter not in votes for voter in voters)
        outcome = tally(voters, votes)
        self.assertEqual(outcome is Tally.WON, yes >= majority_of(count))
        self.assertEqual(outcome is Tally.LOST, yes + open_ < majority_of(count))
