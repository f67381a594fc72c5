"""Which posts a page holds: the same whichever store reads them, and never a post lost between two pages."""

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.history import (
    Page,
    PageQuery,
    SeqRange,
    Side,
    conversation_sides,
    merge_conversation,
    post_bytes,
    seq_range,
    take,
    trim_page,
)
from bulletin.core.board.outcome import Post, StreamKind
from bulletin.core.limits import MESSAGE_BYTES_MAX, PAGE_BYTES_MAX, PAGE_POSTS_MAX

CHANNEL, INBOX = StreamKind.CHANNEL, StreamKind.INBOX


def channel(since=None, before=None, limit=3):
    return PageQuery(CHANNEL, "geral", None, since, before, limit)


def conversation(since=None, before=None, limit=3, partner="bia"):
    return PageQuery(INBOX, "ana", partner, since, before, limit)


def post(seq, message="", *, clock=None, kind=CHANNEL, stream="geral", user="ana"):
    return Post(
        kind=kind,
        stream=stream,
        seq=seq,
        position=seq << 16,
        id=str(seq),
        user=user,
        message=message,
        salt=b"s" * 16,
        timestamp=1.0,
        sent=None,
        clock=seq if clock is None else clock,
        received=1.0,
        uncertainty=None,
        chain=b"c" * 32,
    )


def read(posts, query, bytes_max=PAGE_BYTES_MAX):
    """A page of a stream, as a store makes it."""
    found = seq_range(query, len(posts))
    chosen = posts[found.first - 1 : found.last]
    return trim_page(
        chosen if found.forward else reversed(chosen), query, more=found.more, bytes_max=bytes_max
    )


def read_conversation(inboxes, query, bytes_max=PAGE_BYTES_MAX):
    """A page of a conversation, as a store makes it."""
    sides = []
    for side in conversation_sides(query):
        found = [
            post
            for post in inboxes[side.inbox]
            if post.user == side.sender
            and side.first <= post.clock
            and (side.last is None or post.clock <= side.last)
        ]
        found = found if query.forward else found[::-1]
        sides.append(found[: query.limit + 1])
    return merge_conversation(sides, query, bytes_max=bytes_max)


def expected(posts, query, cursor, bytes_max=PAGE_BYTES_MAX):
    """The page by its definition, from all posts there are."""
    found = [
        post
        for post in posts
        if (query.since is None or cursor(post) > query.since)
        and (query.before is None or cursor(post) < query.before)
    ]
    ordered = found if query.since is not None else found[::-1]
    kept = []
    for post in ordered[: query.limit]:
        if kept and sum(map(post_bytes, kept)) + post_bytes(post) > bytes_max:
            break
        kept.append(post)
    return Page(tuple(sorted(kept, key=cursor)), more=len(kept) < len(found))


cursors = st.one_of(st.none(), st.integers(-2, 30))
limits = st.one_of(st.integers(1, 6), st.just(PAGE_POSTS_MAX))
texts = st.sampled_from(("", "é", "four", "longer text"))
budgets = st.one_of(st.integers(0, 120), st.just(PAGE_BYTES_MAX))


class Ranges(SynchronousTestCase):
    def test_since_gives_the_first_posts_above_it(self):
        self.assertEqual(seq_range(channel(since=4), 10), SeqRange(5, 7, forward=True, more=True))
        self.assertEqual(seq_range(channel(since=7), 10), SeqRange(8, 10, forward=True, more=False))
        self.assertEqual(seq_range(channel(since=0), 2), SeqRange(1, 2, forward=True, more=False))

    def test_before_gives_the_last_posts_below_it(self):
        self.assertEqual(seq_range(channel(before=6), 10), SeqRange(3, 5, forward=False, more=True))
        self.assertEqual(seq_range(channel(before=4), 10), SeqRange(1, 3, forward=False, more=False))
        self.assertEqual(seq_range(channel(before=99), 10), SeqRange(8, 10, forward=False, more=True))

    def test_neither_gives_the_last_posts(self):
        self.assertEqual(seq_range(channel(), 10), SeqRange(8, 10, forward=False, more=True))
        self.assertEqual(seq_range(channel(), 3), SeqRange(1, 3, forward=False, more=False))

    def test_both_give_the_first_posts_between_them(self):
        self.assertEqual(seq_range(channel(since=2, before=9), 10), SeqRange(3, 5, forward=True, more=True))
        self.assertEqual(seq_range(channel(since=2, before=6), 10), SeqRange(3, 5, forward=True, more=False))

    def test_where_there_is_nothing_the_range_is_empty_and_nothing_more_comes(self):
        for query, head in (
            (channel(), 0),
            (channel(since=0), 0),
            (channel(since=10), 10),
            (channel(since=99), 10),
            (channel(before=1), 10),
            (channel(before=-5), 10),
            (channel(since=5, before=6), 10),
            (channel(since=8, before=2), 10),
        ):
            with self.subTest(query):
                found = seq_range(query, head)
                self.assertLess(found.last, found.first)
                self.assertFalse(found.more)

    def test_a_conversation_is_what_each_wrote_to_the_other(self):
        self.assertEqual(
            conversation_sides(conversation(since=4, before=9)),
            (Side("ana", "bia", 5, 8), Side("bia", "ana", 5, 8)),
        )
        self.assertEqual(conversation_sides(conversation())[0], Side("ana", "bia", 0, None))

    def test_a_conversation_with_oneself_is_one_inbox_once(self):
        query = conversation(partner="ana", limit=9)
        self.assertEqual(conversation_sides(query), (Side("ana", "ana", 0, None),))
        notes = [post(n, kind=INBOX, stream="ana") for n in (1, 2)]
        self.assertEqual(read_conversation({"ana": notes}, query), Page(tuple(notes), more=False))


class EarlyEnds(SynchronousTestCase):
    def setUp(self):
        self.posts = [post(n, "x" * MESSAGE_BYTES_MAX) for n in range(1, 21)]

    def seqs(self, page):
        return [post.seq for post in page.posts]

    def test_a_page_ends_at_512_kib_and_says_that_there_is_more(self):
        page = read(self.posts, channel(since=0, limit=20))
        self.assertEqual(self.seqs(page), [1, 2, 3, 4, 5, 6, 7])
        self.assertTrue(page.more)

    def test_read_backward_the_newest_are_kept(self):
        for query in (channel(before=21, limit=20), channel(limit=20)):
            page = read(self.posts, query)
            self.assertEqual(self.seqs(page), [14, 15, 16, 17, 18, 19, 20])
            self.assertTrue(page.more)

    def test_what_fits_to_the_byte_is_kept(self):
        posts = [post(1, "é"), post(2, "text")]
        size = sum(map(post_bytes, posts))
        self.assertEqual(size, 2 + 4 + 2 * len("ana" + "geral"))
        self.assertEqual(read(posts, channel(since=0), size), Page(tuple(posts), more=False))
        self.assertEqual(read(posts, channel(since=0), size - 1), Page(tuple(posts[:1]), more=True))

    def test_one_post_is_given_however_large_it_is(self):
        self.assertEqual(self.seqs(read(self.posts, channel(), 10)), [20])
        self.assertEqual(self.seqs(read(self.posts, channel(since=4), 10)), [5])

    def test_no_more_is_read_than_the_page_needs(self):
        read_so_far = []

        def reading(posts):
            for each in posts:
                read_so_far.append(each.seq)
                yield each

        trim_page(reading(self.posts), channel(since=0, limit=20), more=False)
        self.assertEqual(read_so_far, [1, 2, 3, 4, 5, 6, 7, 8])
        read_so_far.clear()
        merge_conversation([reading(self.posts)], conversation(since=0, limit=2))
        self.assertEqual(read_so_far, [1, 2, 3])

    def test_anything_with_a_size_can_be_taken_up_to_a_bound(self):
        self.assertEqual(take([3, 4, 5], int, 7), ([3, 4], True))
        self.assertEqual(take([3, 4], int, 7), ([3, 4], False))
        self.assertEqual(take([9], int, 7), ([9], False))
        self.assertEqual(take([], int, 7), ([], False))


class Properties(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=120)
    @given(st.lists(texts, max_size=20), cursors, cursors, limits, budgets)
    def test_a_page_of_a_stream_is_what_its_definition_says(self, messages, since, before, limit, budget):
        posts = [post(seq, message) for seq, message in enumerate(messages, 1)]
        query = channel(since, before, limit)
        self.assertEqual(read(posts, query, budget), expected(posts, query, lambda post: post.seq, budget))

    @settings(deadline=None, derandomize=True, max_examples=120)
    @given(
        st.lists(st.tuples(st.sampled_from(("ana", "bia", "caio")), st.booleans(), texts), max_size=25),
        cursors,
        cursors,
        limits,
        budgets,
    )
    def test_a_page_of_a_conversation_is_what_its_definition_says(self, sent, since, before, limit, budget):
        inboxes = {"ana": [], "bia": []}
        for clock, (user, to_ana, message) in enumerate(sent, 1):
            inbox = "ana" if to_ana else "bia"
            inboxes[inbox].append(
                post(len(inboxes[inbox]) + 1, message, clock=clock, kind=INBOX, stream=inbox, user=user)
            )
        both = [p for p in inboxes["ana"] if p.user == "bia"] + [p for p in inboxes["bia"] if p.user == "ana"]
        both.sort(key=lambda post: post.clock)
        query = conversation(since, before, limit)
        self.assertEqual(
            read_conversation(inboxes, query, budget), expected(both, query, lambda post: post.clock, budget)
        )

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(st.lists(texts, max_size=20), limits, budgets, st.booleans())
    def test_pages_one_after_the_other_hold_every_post_once(self, messages, limit, budget, forward):
        posts = [post(seq, message) for seq, message in enumerate(messages, 1)]
        seen = []
        query = channel(since=0, limit=limit) if forward else channel(limit=limit)
        more = True
        while more:
            page = read(posts, query, budget)
            more = page.more
            if forward:
                seen += page.posts
                query = evolve(query, since=page.posts[-1].seq) if page.posts else query
            else:
                seen = [*page.posts, *seen]
                query = evolve(query, before=page.posts[0].seq) if page.posts else query
        self.assertEqual(seen, posts)
