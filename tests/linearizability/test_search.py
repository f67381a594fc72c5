"""The exhaustive search, on histories whose verdict is plain: one register that is written and read."""

from typing import NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from bulletin.linearizability.search import linearizable


class Call(NamedTuple):
    invoked: float
    returned: float
    writes: bool
    value: int


def register(state, call):
    if call.writes:
        return call.value
    return state if call.value == state else None


class SearchTests(SynchronousTestCase):
    def verdict(self, *calls):
        return linearizable([Call(*call) for call in calls], 0, register)

    def test_nothing_happened(self):
        self.assertTrue(self.verdict())

    def test_one_after_the_other(self):
        self.assertTrue(self.verdict((0, 1, True, 5), (2, 3, False, 5)))
        self.assertFalse(self.verdict((0, 1, True, 5), (2, 3, False, 0)))

    def test_what_overlaps_may_take_either_order(self):
        self.assertTrue(self.verdict((0, 3, True, 5), (1, 2, False, 0)))
        self.assertTrue(self.verdict((0, 3, True, 5), (1, 2, False, 5)))
        self.assertFalse(self.verdict((0, 9, True, 5), (1, 2, False, 5), (3, 4, False, 0)))

    def test_what_never_returned_may_have_happened(self):
        never = float("inf")
        self.assertTrue(self.verdict((0, never, True, 5), (1, 2, False, 0), (3, 4, False, 5)))
        self.assertTrue(self.verdict((0, never, True, 5), (1, 2, False, 0)))
        self.assertFalse(self.verdict((5, never, True, 5), (1, 2, False, 5)))

    def test_a_dozen_at_once(self):
        calls = [(0, 9, True, number) for number in range(1, 12)] + [(0, 9, False, 12)]
        self.assertFalse(self.verdict(*calls))
