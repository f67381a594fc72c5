"""What writers write down is what they wrote and were told."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.record import Receipt, Record
from bulletin.torture.writer import Writer, text_digest, text_of
from tests.torture.callers import Caller, refused

RECEIPT = {"indice": 9, "termo": 2, "hash": "ab" * 32}


class WriterTests(SynchronousTestCase):
    def wrote(self, reply, users=()):
        record = Record()
        record.stop.set()  # it does not rest
        caller = Caller(reply)
        Writer(record, caller, "w0", users=users, channels=("geral",), patience=1.0, rate=1.0).once()
        (post,) = record.posts
        (call,) = caller.calls
        self.assertEqual((call[1]["id"], text_digest(call[1]["message"])), (post.id, post.text))
        self.assertEqual(call[1]["message"], text_of(post.id))
        return record, post

    def test_an_acknowledged_post_and_its_receipt(self):
        record, post = self.wrote(
            {"status": "sucesso", "id": "w0-1", "seq": 4, "recibo": RECEIPT, "clock": 12}
        )
        self.assertEqual((post.stream, post.seq, post.refused), ("geral", 4, False))
        self.assertLess(post.returned, float("inf"))
        (receipt,) = record.receipts
        self.assertEqual(receipt, Receipt("w0", "w0-1", "geral", 4, 9, 2, b"\xab" * 32, 12))
        self.assertEqual(record.ids, {("geral", 4): "w0-1"})
        self.assertEqual(record.errors, [])

    def test_one_that_was_refused_for_good(self):
        record, post = self.wrote(refused("sobrecarregado", definite=True))
        self.assertEqual((post.seq, post.refused, post.returned), (None, True, float("inf")))
        self.assertIn("w0-1: sobrecarregado definitivo=True after", record.errors[0])

    def test_ones_whose_outcome_is_not_known(self):
        for reply in (None, refused("tempo_esgotado", definite=False)):
            record, post = self.wrote(reply)
            self.assertEqual((post.seq, post.refused, post.returned), (None, False, float("inf")))
            self.assertEqual((len(record.failures), record.failures[0].definite), (1, False))

    def test_private_messages_go_to_users(self):
        record = Record()
        record.stop.set()
        caller = Caller(*[None] * 100)
        writer = Writer(record, caller, "w0", users=("w1",), channels=("geral",), patience=1.0, rate=1.0)
        for _ in range(100):
            writer.once()
        self.assertEqual({post.stream for post in record.posts}, {"geral", "w1"})
        self.assertEqual(
            {fields.get("receptor", fields.get("canal")) for _, fields in caller.calls}, {"geral", "w1"}
        )
