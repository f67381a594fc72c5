"""Who is next: clients in turn, and what came back before them."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.broker.pending import Pending
from bulletin.core.broker.waiting import Waiting


def request(client, number):
    return Pending(b"%s%015d" % (client, number), (client, b""), b"", 0.0)


class WaitingTests(SynchronousTestCase):
    def setUp(self):
        self.waiting = Waiting()

    def taken(self):
        return [self.waiting.take() for _ in range(len(self.waiting))]

    def test_clients_take_turns(self):
        flood = [request(b"a", number) for number in range(1000)]
        one, other = request(b"b", 0), request(b"c", 0)
        for each in (*flood, one, other):
            self.waiting.add(each)
        taken = self.taken()
        self.assertEqual(taken[:4], [flood[0], one, other, flood[1]])
        self.assertEqual(taken[3:], flood[1:])

    def test_one_client_is_served_in_order(self):
        flood = [request(b"a", number) for number in range(10)]
        for each in flood:
            self.waiting.add(each)
        self.assertEqual(self.taken(), flood)

    def test_what_came_back_goes_first(self):
        new = request(b"a", 0)
        returned = [request(b"b", number) for number in range(3)]
        self.waiting.add(new)
        for each in reversed(returned):
            self.waiting.put_back(each)
        self.assertEqual(self.taken(), [*returned, new])

    def test_what_was_answered_meanwhile_is_let_go(self):
        new, returned = request(b"a", 0), request(b"a", 1)
        self.waiting.add(new)
        self.waiting.put_back(returned)
        self.assertTrue(self.waiting.discard(new))
        self.assertTrue(self.waiting.discard(returned))
        self.assertFalse(self.waiting.discard(new))
        self.assertEqual((len(self.waiting), list(self.waiting), self.waiting._turns), (0, [], {}))
        self.assertRaises(KeyError, self.waiting.take)

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(st.lists(st.tuples(st.sampled_from(["add", "back", "take", "discard"]), st.integers(0, 5))))
    def test_nothing_is_lost_or_doubled(self, steps):
        waiting, here, number = Waiting(), {}, 0
        for step, choice in steps:
            if step in {"add", "back"}:
                number += 1
                each = request(b"%d" % (choice % 3), number)
                here[each.id] = each
                (waiting.add if step == "add" else waiting.put_back)(each)
            elif here and step == "take":
                del here[waiting.take().id]
            elif here:
                each = list(here.values())[choice % len(here)]
                del here[each.id]
                assert waiting.discard(each)
            assert len(waiting) == len(here)
            assert sorted(each.id for each in waiting) == sorted(here)
