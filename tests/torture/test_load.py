"""What clients write down is what they called and were told."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.streams import Stream
from bulletin.torture.load import (
    HistoryReader,
    LoadError,
    Writer,
    channels,
    text_digest,
    whole_history,
    whole_listing,
)
from bulletin.torture.record import Receipt, Record
from bulletin.torture.registrar import USERS

RECEIPT = {"indice": 9, "termo": 2, "hash": "ab" * 32}


class Caller:
    """Answers in turn with what a test says."""

    resend_after = None

    def __init__(self, *replies):
        self.replies = list(replies)
        self.calls = []

    def call(self, operation, fields, patience):
        self.calls.append((operation, fields))
        return self.replies.pop(0)

    def close(self):
        """Nothing is open."""


def refused(code, *, definite):
    return {"status": "erro", "erro": code, "definitivo": definite}


class WriterTests(SynchronousTestCase):
    def wrote(self, reply, users=()):
        record = Record()
        record.stop.set()  # it does not rest
        caller = Caller(reply)
        Writer(record, caller, "w0", users=users, channels=("geral",), patience=1.0, rate=1.0).once()
        (post,) = record.posts
        (call,) = caller.calls
        self.assertEqual((call[1]["id"], text_digest(call[1]["message"])), (post.id, post.text))
        return record, post

    def test_an_acknowledged_post_and_its_receipt(self):
        record, post = self.wrote(
            {"status": "sucesso", "id": "w0-1", "seq": 4, "recibo": RECEIPT, "clock": 12}
        )
        self.assertEqual((post.stream, post.seq, post.refused), ("geral", 4, False))
        self.assertLess(post.returned, float("inf"))
        (receipt,) = record.receipts
        self.assertEqual(receipt, Receipt("w0", "w0-1", "geral", 4, 9, 2, b"\xab" * 32, 12))
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


class ReadingTests(SynchronousTestCase):
    def test_a_read_is_the_newest_posts_and_their_head(self):
        record = Record()
        record.stop.set()
        page = {"status": "sucesso", "messages": [{"seq": 3, "id": "a"}, {"seq": 4, "id": "b"}]}
        HistoryReader(record, Caller(page), "r0", (Stream(StreamKind.INBOX, "w0"),), 1.0).once()
        (read,) = record.reads
        self.assertEqual((read.stream, read.head, read.shown), ("w0", 4, ((3, "a"), (4, "b"))))

    def test_a_read_that_failed_is_none(self):
        record = Record()
        record.stop.set()
        HistoryReader(record, Caller(None), "r0", channels("geral"), 1.0).once()
        self.assertEqual((record.reads, len(record.failures)), ([], 1))

    def test_the_whole_history_page_by_page(self):
        def post(seq):
            return {"seq": seq, "id": f"i{seq}", "clock": seq, "recebido": float(seq), "message": f"m{seq}"}

        caller = Caller(
            {"status": "sucesso", "messages": [post(1), post(2)], "mais": True},
            {"status": "sucesso", "messages": [post(3)], "mais": False},
        )
        stored = whole_history(caller, channels("geral"))
        self.assertEqual(
            [(row.seq, row.text) for row in stored], [(n, text_digest(f"m{n}")) for n in (1, 2, 3)]
        )
        self.assertEqual([fields["desde"] for _, fields in caller.calls], [0, 2])

    def test_a_whole_listing_part_by_part(self):
        caller = Caller(
            {"status": "sucesso", "lista": ["a", "b"], "mais": True},
            {"status": "sucesso", "lista": ["c"], "mais": False},
        )
        self.assertEqual(whole_listing(caller, USERS), ["a", "b", "c"])
        self.assertEqual(caller.calls, [("listar usuarios", {}), ("listar usuarios", {"desde": "b"})])
        self.assertRaises(LoadError, whole_listing, Caller(None), USERS)

    def test_a_page_that_cannot_be_had(self):
        self.assertRaises(LoadError, whole_history, Caller(None), channels("geral"))


class RecordTests(SynchronousTestCase):
    def test_the_longest_pause(self):
        record = Record()
        self.assertEqual(record.longest_pause(), float("inf"))
        record.acknowledged += [5.0, 1.0, 2.0]
        self.assertEqual(record.longest_pause(), 3.0)
