"""A stream's past cannot be changed without its chain telling, and a text can be taken away without breaking it."""

from attrs import evolve
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board
from bulletin.core.board.chain import chain_after, chain_post, chain_start, text_hash, verify
from bulletin.core.board.outcome import StreamKind
from tests.core.board.scripts import KINDS, NAMES, Driver, create, drawn_entries, publish, send

CHANGES = {
    "seq": 9,
    "id": "other",
    "user": "bia",
    "message": "another text",
    "salt": b"\x01" * 16,
    "timestamp": 1.0,
    "sent": "2026-01-01",
    "clock": 99,
    "received": 1.0,
    "uncertainty": None,
}
NOT_COVERED = {"kind", "stream", "position", "chain", "proof"}
"""``kind`` and ``stream`` are in the starting hash; ``proof`` has one value yet; the position is the log's."""


def three_posts():
    driver = Driver(Board.empty(9, 9))
    driver.one(create("c", "geral"))
    return [driver.one(publish(f"p{n}", "ana", "geral", f"text {n}")).post for n in range(3)]


class Chain(SynchronousTestCase):
    def test_a_true_history_verifies_from_its_start_and_from_any_post(self):
        posts = three_posts()
        self.assertIsNone(verify(chain_start(StreamKind.CHANNEL, "geral"), posts))
        self.assertIsNone(verify(posts[0].chain, posts[1:]))
        self.assertIsNone(verify(posts[2].chain, []))

    def test_the_first_post_that_was_changed_is_found_whatever_was_changed(self):
        posts = three_posts()
        self.assertEqual(
            CHANGES.keys() | NOT_COVERED, {field.name for field in type(posts[0]).__attrs_attrs__}
        )
        for field, changed in CHANGES.items():
            with self.subTest(field):
                forged = evolve(posts[1], **{field: changed})
                found = verify(chain_start(StreamKind.CHANNEL, "geral"), [posts[0], forged, posts[2]])
                self.assertIs(found, forged)

    def test_a_post_left_out_put_in_or_moved_is_found(self):
        one, two, three = three_posts()
        start = chain_start(StreamKind.CHANNEL, "geral")
        self.assertIs(verify(start, [one, three]), three)
        self.assertIs(verify(start, [two, three]), two)
        self.assertIs(verify(start, [one, three, two]), three)
        self.assertIs(verify(start, [one, one, two]), one)

    def test_the_history_of_one_stream_is_not_that_of_another(self):
        posts = three_posts()
        self.assertIs(verify(chain_start(StreamKind.CHANNEL, "rust"), posts), posts[0])
        self.assertIs(verify(chain_start(StreamKind.INBOX, "geral"), posts), posts[0])

    def test_the_chain_verifies_without_the_text_and_its_salt(self):
        one, two, _ = three_posts()
        kept = text_hash(two.salt, two.message)
        again = chain_post(
            one.chain,
            seq=two.seq,
            id=two.id,
            user=two.user,
            proof=two.proof,
            timestamp=two.timestamp,
            sent=two.sent,
            clock=two.clock,
            received=two.received,
            uncertainty=two.uncertainty,
            text=kept,
        )
        self.assertEqual(again, two.chain)

    def test_the_same_text_has_another_hash_under_another_salt(self):
        self.assertNotEqual(text_hash(b"a" * 16, "yes"), text_hash(b"b" * 16, "yes"))

    def test_the_hashes_are_what_they_were(self):
        self.assertEqual(
            chain_start(StreamKind.CHANNEL, "geral").hex(),
            "77eaf49bb4d480f34024d54302f1a8fe327d77194466bab06f7976aeed090f41",
        )
        self.assertEqual(
            three_posts()[2].chain.hex(), "068ca46ca9d46aeaa6c01870f1a22463ea7f3501a8ebd8148cd81bba4f42130b"
        )

    @settings(deadline=None, derandomize=True, max_examples=50)
    @given(drawn_entries)
    def test_every_stream_of_a_board_verifies(self, entries):
        driver = Driver(Board.empty(3, 3), 0)
        for commands in entries:
            driver.entry(*commands)
        driver.one(send("last", "ana", "ana"))
        posts = [outcome.post for outcome in driver.outcomes if outcome.post is not None]
        for kind in KINDS:
            for name in NAMES:
                mine = [post for post in posts if (post.kind, post.stream) == (kind, name)]
                self.assertIsNone(verify(chain_start(kind, name), mine))
                if mine:
                    head = driver.board.head(kind, name)
                    self.assertEqual((head.seq, head.chain), (mine[-1].seq, mine[-1].chain))
                    previous = mine[-2].chain if len(mine) > 1 else chain_start(kind, name)
                    self.assertEqual(chain_after(previous, mine[-1]), head.chain)
