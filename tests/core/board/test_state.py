"""Names and heads: listed in the order in which they came into being, within bounds."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.chain import chain_start
from bulletin.core.board.outcome import StreamKind, StreamRow, StreamState
from bulletin.core.board.state import LISTED_OVERHEAD, State

CHANNEL, INBOX = StreamKind.CHANNEL, StreamKind.INBOX


def state_of(*names, kind=INBOX):
    state = State(100, 100, ())
    for name in names:
        state.create(kind, name, 1)
    return state


class Streams(SynchronousTestCase):
    def test_users_and_channels_are_numbered_in_one_row(self):
        state = State(2, 2, ())
        self.assertEqual(state.create(INBOX, "zoe", 5), StreamRow(1, INBOX, "zoe", 5))
        self.assertEqual(state.create(CHANNEL, "geral", 6), StreamRow(2, CHANNEL, "geral", 6))
        self.assertEqual(state.create(INBOX, "ana", 7), StreamRow(3, INBOX, "ana", 7))
        self.assertEqual(len(state), 3)

    def test_each_kind_is_full_by_its_own_limit(self):
        state = State(1, 2, ())
        state.create(INBOX, "ana", 1)
        self.assertTrue(state.full(INBOX))
        self.assertFalse(state.full(CHANNEL))
        state.create(CHANNEL, "geral", 2)
        state.create(CHANNEL, "rust", 3)
        self.assertTrue(state.full(CHANNEL))
        self.assertEqual((state.users_max, state.channels_max), (1, 2))

    def test_a_name_is_never_given_twice(self):
        state = state_of("ana")
        self.assertRaises(AssertionError, state.create, CHANNEL, "ana", 2)

    def test_a_stream_without_posts_has_its_own_starting_hash(self):
        state = state_of("ana", "bia")
        one, two = state.heads(INBOX)
        self.assertEqual(one.chain, chain_start(INBOX, "ana"))
        self.assertNotEqual(one.chain, two.chain)

    def test_restored_heads_are_the_ones_that_were_written(self):
        heads = (
            StreamState(1, INBOX, "ana", 5, 3, b"c" * 32, 9.5),
            StreamState(2, CHANNEL, "geral", 6, 0, chain_start(CHANNEL, "geral"), 0.0),
        )
        state = State(9, 9, heads)
        self.assertEqual((*state.heads(INBOX), *state.heads(CHANNEL)), heads)

    def test_what_stands_for_the_chain_of_no_posts_does_not_matter(self):
        state = State(9, 9, [StreamState(1, INBOX, "ana", 5, 0, b"x" * 32, 0.0)])
        self.assertEqual(next(state.heads(INBOX)).chain, chain_start(INBOX, "ana"))

    def test_heads_with_a_gap_or_a_name_twice_are_refused(self):
        def head(number, name):
            return StreamState(number, INBOX, name, 5, 0, b"", 0.0)

        for heads in ([head(2, "ana")], [head(1, "ana"), head(3, "bia")], [head(1, "ana"), head(2, "ana")]):
            with self.subTest(heads):
                self.assertRaises(ValueError, State, 9, 9, heads)


class Lists(SynchronousTestCase):
    def test_names_come_in_the_order_of_their_registration(self):
        state = state_of("zoe", "ana", "mia")
        self.assertEqual(state.names(INBOX, None, 1000), (("zoe", "ana", "mia"), False))
        self.assertEqual(state.names(CHANNEL, None, 1000), ((), False))

    def test_a_list_goes_on_after_the_name_where_it_ended(self):
        state = state_of("zoe", "ana", "mia")
        self.assertEqual(state.names(INBOX, "zoe", 1000), (("ana", "mia"), False))
        self.assertEqual(state.names(INBOX, "mia", 1000), ((), False))

    def test_after_a_name_that_is_not_there_is_nothing(self):
        state = state_of("zoe", "ana")
        state.create(CHANNEL, "geral", 3)
        self.assertEqual(state.names(INBOX, "nobody", 1000), ((), False))
        self.assertEqual(state.names(INBOX, "geral", 1000), ((), False))

    def test_a_list_ends_early_by_bytes_not_by_letters(self):
        state = state_of("é" * 10, "b", "c")
        first = 20 + LISTED_OVERHEAD
        second = 1 + LISTED_OVERHEAD
        self.assertEqual(state.names(INBOX, None, first + second - 1), (("é" * 10,), True))
        self.assertEqual(state.names(INBOX, None, first + second), (("é" * 10, "b"), True))

    def test_a_list_has_a_name_however_small_the_bound_is(self):
        state = state_of("ana", "bia")
        self.assertEqual(state.names(INBOX, None, 0), (("ana",), True))
        self.assertEqual(state.names(INBOX, "ana", 0), (("bia",), False))

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(st.lists(st.text("aé€", min_size=1, max_size=8), unique=True, max_size=12), st.integers(0, 60))
    def test_pages_of_a_list_make_up_the_whole_list(self, names, bytes_max):
        state = state_of(*names, kind=CHANNEL)
        seen = []
        more = bool(names)
        while more:
            page, more = state.names(CHANNEL, seen[-1] if seen else None, bytes_max)
            size = sum(len(name.encode()) + LISTED_OVERHEAD for name in page)
            self.assertTrue(len(page) == 1 or size <= bytes_max)
            seen += page
        self.assertEqual(seen, names)
