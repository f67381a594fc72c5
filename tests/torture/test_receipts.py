"""A receipt that says anything else than what the servers have is found, by each of the sources alone."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.commands import OperationId, Scope
from bulletin.core.board.outcome import Answer
from bulletin.core.board.remembered import Remembered, operation_record
from bulletin.core.board.sessions import operation_key
from bulletin.core.log.port import position_of
from bulletin.torture.receipts import false_receipts, terms_that_fall
from bulletin.torture.record import Receipt
from bulletin.torture.shelves import Held, Shelf


def receipt(seq, index, term):
    return Receipt("ana", f"i{seq}", "geral", seq, index, term, bytes([seq]) * 32, 10 * seq + 2)


RECEIPTS = [receipt(1, 3, 1), receipt(2, 5, 2), receipt(3, 6, 2)]


def shelf_of(receipts, window=100):
    """A server that has what these say, and remembers as many operations as fit the window."""
    remembered = Remembered(window, 0, ())
    shelf = Shelf("server1", 6, remembered, len(receipts) > window)
    for one in receipts:
        answer = Answer("", "", one.id, False, one.seq, one.index, one.term, one.chain, one.clock - 2)
        key = operation_key(OperationId(Scope.USER, one.user, one.id))
        remembered.add(key, operation_record(bytes(8), answer, None))
        shelf.posts[one.stream, one.seq] = Held(one.chain, position_of(one.index, 1), one.id, one.clock - 2)
    shelf.terms = ((1, 1), (4, 2))
    return shelf


class ReceiptsTests(SynchronousTestCase):
    def wrong(self, shelf, receipts):
        return [sentence for _, sentence in false_receipts(shelf, receipts)]

    def test_true_ones(self):
        self.assertEqual(self.wrong(shelf_of(RECEIPTS), RECEIPTS), [])
        self.assertEqual(self.wrong(shelf_of(RECEIPTS, window=1), RECEIPTS), [])
        self.assertEqual(terms_that_fall(RECEIPTS), [])

    def test_what_is_not_what_the_post_has(self):
        for change, words in (
            ({"seq": 4}, "server1 has nothing there"),
            ({"stream": "avisos"}, "server1 has nothing there"),
            ({"index": 99}, "at index 5, of i2"),
            ({"chain": bytes(32)}, f"server1 has hash {'02' * 32}"),
            ({"id": "i9"}, "of i2"),
            ({"clock": 20}, "clock 20, which does not come after the post's, 20 on server1"),
        ):
            false = attrs.evolve(RECEIPTS[1], **change)
            (sentence,) = self.wrong(shelf_of(RECEIPTS), [RECEIPTS[0], false])
            self.assertIn(words, sentence)
            self.assertIn(f"the receipt of {false.stream} {false.seq} ({false.id}) says", sentence)

    def test_a_term_that_is_not_what_is_remembered(self):
        false = attrs.evolve(RECEIPTS[1], term=1)
        shelf = shelf_of(RECEIPTS)
        shelf.terms = ()
        (sentence,) = self.wrong(shelf, [false])
        self.assertIn("says term 1 at index 5; what server1 would tell again is seq 2, term 2", sentence)

    def test_a_term_that_is_not_what_the_log_has(self):
        shelf = shelf_of(RECEIPTS, window=1)
        false = attrs.evolve(RECEIPTS[1], term=3)
        (sentence,) = self.wrong(shelf, [false])
        self.assertIn("says term 3 at index 5; the log of server1 has term 2 there", sentence)

    def test_what_is_forgotten_too_early(self):
        shelf = shelf_of(RECEIPTS[:2])
        extra = shelf_of(RECEIPTS)
        shelf.posts = extra.posts
        (sentence,) = self.wrong(shelf, RECEIPTS)
        self.assertIn("(i3) says index 6; server1 has forgotten it", sentence)
        shelf.forgets = True
        self.assertEqual(len(self.wrong(shelf, RECEIPTS)), 1)

    def test_of_what_nobody_has_any_more_the_other_receipts_say_something(self):
        false = attrs.evolve(RECEIPTS[0], term=9)
        shelf = shelf_of(RECEIPTS, window=2)
        shelf.terms = ((5, 2),)
        self.assertEqual(self.wrong(shelf, [false, *RECEIPTS[1:]]), [])
        (sentence,) = terms_that_fall([*RECEIPTS[1:], false])
        self.assertEqual(
            sentence,
            "the receipt of geral 1 (i1) says term 9 at index 3; the receipt of geral 2 (i2) says term 2 at index 5",
        )

    def test_one_entry_has_one_term(self):
        other = attrs.evolve(RECEIPTS[2], index=5, term=3)
        self.assertEqual(len(terms_that_fall([RECEIPTS[1], other])), 1)
