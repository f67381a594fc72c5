"""What readers write down is what they were told, and pages that nobody wrote so are found."""

from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.streams import Stream
from bulletin.torture import reader
from bulletin.torture.reader import (
    HistoryReader,
    UnreadableError,
    channels,
    whole_history,
    whole_listing,
    wrong_in,
)
from bulletin.torture.record import Record
from bulletin.torture.registrar import USERS
from bulletin.torture.writer import text_digest, text_of
from tests.torture.callers import Caller

OTHERS = reader.OLDER_SHARE
"""A draw at which the newest posts are read."""


def post(place):
    seq, id_ = place
    return {"seq": seq, "id": id_, "message": text_of(id_)}


class WrongTests(SynchronousTestCase):
    def wrong(self, *messages, ids=None):
        return list(wrong_in("geral", list(messages), {} if ids is None else ids))

    def test_a_page_as_it_was_written(self):
        self.assertEqual(self.wrong(), [])
        self.assertEqual(self.wrong(post((7, "a")), post((8, "b"))), [])

    def test_gaps(self):
        self.assertEqual(self.wrong(post((7, "a")), post((9, "b"))), ["a page of geral has gaps: [7, 9]"])

    def test_a_text_that_nobody_wrote(self):
        changed = post((7, "a")) | {"message": text_of("a")[:-1] + "y"}
        self.assertEqual(self.wrong(changed), ["a page has a text of geral 7 (a) that nobody wrote"])

    def test_another_post_than_before(self):
        ids = {}
        self.assertEqual(self.wrong(post((7, "a")), ids=ids), [])
        self.assertEqual(self.wrong(post((7, "b")), ids=ids), ["a page has b as geral 7, which was a"])


class ReadingTests(SynchronousTestCase):
    def test_a_read_is_the_newest_posts_and_their_head(self):
        record, caller = self.read(OTHERS, [(3, "a"), (4, "b")])
        (read,) = record.reads
        self.assertEqual((read.stream, read.head, read.shown), ("w0", 4, ((3, "a"), (4, "b"))))
        self.assertEqual((record.wrong, record.pages), ([], 1))
        self.assertEqual(record.ids, {("w0", 3): "a", ("w0", 4): "b"})
        self.assertEqual(caller.calls, [("listar historico", {"user": "w0", "limite": 3})])

    def test_a_read_that_failed_is_none(self):
        record, _ = self.read(OTHERS, None)
        self.assertEqual((record.reads, len(record.failures), record.pages), ([], 1, 0))

    def test_a_page_of_any_time(self):
        record, caller = self.read(0.0, [(1, "a"), (2, "b")])
        self.assertEqual((record.wrong, record.reads, record.pages), ([], [], 1))
        self.assertEqual(caller.calls[0][1]["desde"], 0)

    def test_one_that_does_not_begin_where_it_should(self):
        record, _ = self.read(0.0, [(2, "b")])
        self.assertEqual(record.wrong, ["a page of w0 after 0 does not begin there"])

    def read(self, draw, posts):
        """One read, of older posts if the draw is low."""
        record = Record()
        record.stop.set()
        caller = Caller(None if posts is None else {"status": "sucesso", "messages": list(map(post, posts))})
        one = HistoryReader(record, caller, "r0", (Stream(StreamKind.INBOX, "w0"),), 1.0)
        with mock.patch.object(one.rng, "random", lambda: draw):
            one.once()
        return record, caller

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
        self.assertRaises(UnreadableError, whole_listing, Caller(None), USERS)

    def test_a_page_that_cannot_be_had(self):
        self.assertRaises(UnreadableError, whole_history, Caller(None), channels("geral"))
