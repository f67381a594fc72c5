"""The reader: every post once and in order, whatever the stream drops, doubles, reorders or makes up."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core import codec
from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.caller import Unreachable
from bulletin.core.client.reader import (
    BACK_OFF_MAX,
    GAP,
    OVERTAKEN,
    PAUSE,
    QUIET,
    Caught,
    Delivered,
    Failed,
    Reader,
    Recovered,
    WasReset,
)
from bulletin.core.client.streams import BUFFER_BYTES_MAX, BUFFER_POSTS_MAX, REMEMBERED, Stream, _size
from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import MESSAGE_BYTES_MAX, PAGE_POSTS_MAX
from bulletin.core.wire.publications import (
    HEADS_TOPIC,
    Head,
    Published,
    write_election,
    write_heads,
    write_post,
)
from bulletin.core.wire.replies import PublishedPage

WALL = 1_700_000_000.0
GERAL = Stream(StreamKind.CHANNEL, "geral")
INBOX = Stream(StreamKind.INBOX, "ana")


def post(seq, stream=GERAL, *, board="a", text="oi"):
    return Published(
        stream.kind, stream.name, seq, f"{board}:{seq}", "bob", text, 1.0, None, 100 + seq, 2.0, None
    )


class Bench:
    """A reader, its clock, and a history that it can be let read.

    :ivar posts: the history of each stream.
    :ivar asked: the pages that were asked for and not answered yet.
    """

    def __init__(self):
        self.now = Instant(10.0, WALL)
        self.reader = Reader(self.now)
        self.posts = {GERAL: [], INBOX: []}
        self.events = []
        self.asked = []

    def write(self, count=1, stream=GERAL, **options):
        """Posts that nobody was told of."""
        posts = self.posts[stream]
        new = [post(len(posts) + number, stream, **options) for number in range(1, count + 1)]
        posts.extend(new)
        return new

    def turn(self):
        while ready := self.reader.ready():
            self.events.extend(ready.events)
            self.asked.extend((fetch.stream, fetch.request.query) for fetch in ready.fetches)

    def tell(self, published, topic=None):
        """A publication."""
        own, body = write_post(published, bell=published.message is None)
        self.reader.publication(topic or own, body, self.now)
        self.turn()

    def beacon(self, *heads):
        for topic, body in write_heads(
            [Head(stream.kind, stream.name, seq) for stream, seq in heads], 1, WALL
        ):
            self.reader.publication(topic, body, self.now)
        self.turn()

    def pass_time(self, seconds, step=0.05):
        end = self.now.monotonic + seconds
        while self.now.monotonic < end - 1e-9:
            moment = min(step, end - self.now.monotonic)
            self.now = Instant(self.now.monotonic + moment, self.now.wall + moment)
            self.reader.tick(self.now)
            self.turn()

    def page(self, query, stream):
        """What the history answers, as the board does."""
        posts = self.posts[stream]
        if query.since is not None:
            chosen = [each for each in posts if each.seq > query.since]
            return PublishedPage(tuple(chosen[: query.limit]), len(chosen) > query.limit)
        return PublishedPage(tuple(posts[-query.limit :]), len(posts) > query.limit)

    def fetch(self, outcome=None):
        """Answer the page that was asked for first; True if there was one."""
        if not self.asked:
            return False
        stream, query = self.asked.pop(0)
        self.reader.fetched(stream, outcome or self.page(query, stream), self.now)
        self.turn()
        return True

    def settle(self):
        """Answer all pages; says how many."""
        pages = 0
        while self.fetch():
            pages += 1
        return pages

    def follow(self, stream=GERAL, **options):
        self.reader.follow(stream, self.now, **options)
        self.turn()

    def seqs(self, stream=GERAL):
        return [
            event.post.seq for event in self.events if isinstance(event, Delivered) and event.stream == stream
        ]

    def others(self):
        return [event for event in self.events if not isinstance(event, Delivered)]


class Beginning(SynchronousTestCase):
    def setUp(self):
        self.bench = Bench()
        self.bench.write(30)

    def test_the_last_few(self):
        self.bench.follow(last=3)
        self.bench.settle()
        self.assertEqual(self.bench.seqs(), [28, 29, 30])
        self.assertEqual(self.bench.others(), [Caught(GERAL)])
        self.assertEqual(self.bench.reader.cursor(GERAL), 30)

    def test_only_new_ones(self):
        self.bench.follow()
        self.bench.settle()
        self.bench.tell(*self.bench.write())
        self.assertEqual(self.bench.seqs(), [31])

    def test_empty(self):
        """A channel without posts: the first one is 1."""
        bench = Bench()
        bench.follow(last=5)
        self.assertIsNone(bench.reader.cursor(GERAL))
        bench.settle()
        bench.tell(*bench.write())
        self.assertEqual(bench.seqs(), [1])

    def test_since(self):
        """A cursor: what came after it, over as many pages as it takes."""
        self.bench.write(1200)
        self.bench.follow(since=20)
        self.assertEqual(self.bench.settle(), 3)
        self.assertEqual(self.bench.seqs(), list(range(21, 1231)))
        self.assertEqual(self.bench.others(), [Caught(GERAL)])

    def test_from_the_first(self):
        self.bench.follow(since=0)
        self.bench.settle()
        self.assertEqual(self.bench.seqs(), list(range(1, 31)))

    def test_published_meanwhile(self):
        """What is published while the first page is under way comes out once, after it."""
        self.bench.follow(last=2)
        self.bench.tell(*self.bench.write())
        self.assertEqual(self.bench.seqs(), [])
        self.bench.settle()
        self.assertEqual(self.bench.seqs(), [30, 31])
        bench = Bench()
        bench.write(30)
        bench.follow(last=2)
        page = bench.page(bench.asked[0][1], GERAL)
        for new in bench.write(3):
            bench.tell(new)
        bench.fetch(page)
        self.assertEqual(bench.seqs(), [29, 30, 31, 32, 33])
        self.assertEqual(bench.asked, [])

    def test_published_while_the_last_page_is_under_way(self):
        """What is newer than the page is not taken for made up: it comes out without another page."""
        self.bench.follow(since=28)
        page = self.bench.page(self.bench.asked[0][1], GERAL)
        for new in self.bench.write(2):
            self.bench.tell(new)
        self.bench.fetch(page)
        self.assertEqual(self.bench.seqs(), [29, 30, 31, 32])
        self.assertEqual(self.bench.asked, [])

    def test_left(self):
        """A stream that was left is nobody's; it can be followed again."""
        self.bench.follow(last=1)
        self.bench.reader.leave(GERAL)
        self.bench.fetch()
        self.bench.tell(*self.bench.write())
        self.assertEqual(self.bench.events, [])
        self.bench.follow(since=30)
        self.bench.settle()
        self.assertEqual(self.bench.seqs(), [31])


class Following(SynchronousTestCase):
    def setUp(self):
        self.bench = Bench()
        self.bench.follow()
        self.bench.settle()

    def test_in_order(self):
        """Publications in order come out at once, and no history is asked."""
        for new in self.bench.write(5):
            self.bench.tell(new)
        self.assertEqual(self.bench.seqs(), [1, 2, 3, 4, 5])
        self.bench.pass_time(QUIET - 1)
        self.assertEqual(self.bench.asked, [])

    def test_out_of_order(self):
        """A little out of order: sorted, and no history is asked."""
        one, two, three = self.bench.write(3)
        for new in (two, three, one):
            self.bench.tell(new)
            self.bench.pass_time(GAP / 4)
        self.assertEqual(self.bench.seqs(), [1, 2, 3])
        self.bench.pass_time(1)
        self.assertEqual(self.bench.asked, [])

    def test_twice(self):
        (one,) = self.bench.write()
        self.bench.tell(one)
        self.bench.tell(one)
        self.assertEqual(self.bench.seqs(), [1])
        self.assertEqual(self.bench.reader.counters.repeated, 1)

    def test_gap(self):
        """A gap that stays is fetched from the history, once and no more than it."""
        new = self.bench.write(6)
        self.bench.tell(new[0])
        self.bench.tell(new[4])
        self.assertEqual(self.bench.asked, [])
        self.bench.pass_time(GAP + 0.05)
        ((stream, query),) = self.bench.asked
        self.assertEqual((stream, query.since, query.limit), (GERAL, 1, 3))
        self.bench.tell(new[5])
        self.bench.pass_time(1)
        self.bench.settle()
        self.assertEqual(self.bench.seqs(), [1, 2, 3, 4, 5, 6])
        self.assertEqual(self.bench.reader.counters.healed, 3)

    def test_many_small_gaps(self):
        """A page is for all gaps that it reaches, not for the first alone: else a busy stream is never read to its end."""
        new = self.bench.write(3000)
        for each in new:
            if each.seq % 3:
                self.bench.tell(each)
        self.bench.pass_time(GAP + 0.05)
        self.assertLessEqual(self.bench.settle(), 3000 / PAGE_POSTS_MAX + 1)
        self.assertEqual(self.bench.seqs(), list(range(1, 3001)))
        self.assertLess(self.bench.reader.counters.healed, 3000)

    def test_lost_last_post(self):
        """The last post was lost: the head beacon tells."""
        self.bench.write(2)
        self.bench.beacon((GERAL, 2))
        self.bench.pass_time(GAP + 0.05)
        self.bench.settle()
        self.assertEqual(self.bench.seqs(), [1, 2])

    def test_bell(self):
        """A publication without its text: fetched."""
        (one,) = self.bench.write()
        self.bench.tell(bell(one))
        self.bench.settle()
        self.assertEqual(
            [event.post.message for event in self.bench.events if isinstance(event, Delivered)], ["oi"]
        )

    def test_quiet(self):
        """After a long silence the history is asked: the proxy may have been away."""
        self.bench.write(2)
        self.bench.pass_time(QUIET + 0.1)
        self.bench.settle()
        self.assertEqual(self.bench.seqs(), [1, 2])
        self.bench.pass_time(QUIET + 0.1)
        self.assertEqual(len(self.bench.asked), 1)

    def test_prefix(self):
        """A longer topic that begins like ours is not ours."""
        longer = Stream(StreamKind.CHANNEL, "geral2")
        self.bench.tell(post(1, longer))
        self.bench.beacon((longer, 7))
        self.bench.pass_time(1)
        self.assertEqual((self.bench.seqs(), self.bench.asked), ([], []))
        self.assertEqual(self.bench.reader.counters.foreign, 1)

    def test_wrong_topic(self):
        """A body of another stream under our topic is malformed; an inbox's under a channel's name is not ours."""
        self.bench.tell(post(1, Stream(StreamKind.CHANNEL, "outro")), topic=b"geral")
        self.bench.tell(post(1, Stream(StreamKind.INBOX, "geral")))
        self.bench.reader.publication(*write_election("s1", 1, WALL), self.bench.now)
        self.assertEqual(self.bench.seqs(), [])
        counters = self.bench.reader.counters
        self.assertEqual((counters.malformed, counters.foreign), (1, 2))

    def test_two_streams(self):
        """Each stream has its own numbers."""
        self.bench.follow(INBOX, since=0)
        self.bench.settle()
        for new in [*self.bench.write(2), *self.bench.write(2, INBOX)]:
            self.bench.tell(new)
        self.assertEqual((self.bench.seqs(), self.bench.seqs(INBOX)), ([1, 2], [1, 2]))

    def test_flood(self):
        """More posts ahead of a gap than the buffer holds: the rest is fetched."""
        new = self.bench.write(BUFFER_POSTS_MAX + 500)
        for each in new[1:]:
            self.bench.tell(each)
        progress = self.bench.reader._streams[GERAL]
        self.assertEqual(len(progress.buffer), BUFFER_POSTS_MAX)
        self.bench.pass_time(1)
        self.bench.settle()
        self.assertEqual(self.bench.seqs(), list(range(1, len(new) + 1)))
        self.assertEqual((len(progress.buffer), progress.buffered), (0, 0))
        self.assertEqual(len(progress.remembered), REMEMBERED)

    def test_flood_of_bytes(self):
        new = self.bench.write(100, text="x" * MESSAGE_BYTES_MAX)
        for each in new[1:]:
            self.bench.tell(each)
        self.assertLessEqual(self.bench.reader._streams[GERAL].buffered, BUFFER_BYTES_MAX)
        self.bench.pass_time(1)
        self.bench.settle()
        self.assertEqual(self.bench.seqs(), list(range(1, 101)))


def bell(published):
    """The same post without its text."""
    return Published(
        published.kind,
        published.stream,
        published.seq,
        published.id,
        published.user,
        None,
        published.timestamp,
        published.sent,
        published.clock,
        published.received,
        published.uncertainty,
    )


class Trouble(SynchronousTestCase):
    def setUp(self):
        self.bench = Bench()
        self.bench.write(5)

    def test_no_page(self):
        """A page that cannot be had is said once, and tried again, less and less often, until it comes."""
        self.bench.follow(since=0)
        for _ in range(6):
            self.bench.fetch(Unreachable())
            self.bench.pass_time(BACK_OFF_MAX + 0.1)
        self.assertEqual(self.bench.others(), [Failed(GERAL, Unreachable())])
        self.bench.settle()
        self.assertEqual(self.bench.others()[1:], [Recovered(GERAL), Caught(GERAL)])
        self.assertEqual(self.bench.seqs(), [1, 2, 3, 4, 5])

    def test_back_off(self):
        self.bench.follow(since=0)
        for seconds in (0.5, 1.0, 2.0, 4.0, 5.0, 5.0):
            self.bench.fetch(Refusal(Code.NO_LEADER))
            self.bench.pass_time(seconds - 0.1)
            self.assertEqual(self.bench.asked, [])
            self.bench.pass_time(0.2)
            self.assertEqual(len(self.bench.asked), 1)

    def test_live_while_no_page(self):
        """A cursor, no page, but the next posts come live: they come out."""
        self.bench.follow(since=5)
        self.bench.fetch(Unreachable())
        self.bench.tell(*self.bench.write())
        self.assertEqual(self.bench.seqs(), [6])

    def test_made_up_number(self):
        """Somebody publishes a post of the far future: the history does not have it, and it is forgotten."""
        self.bench.follow(since=0)
        self.bench.settle()
        self.bench.tell(post(10**6))
        self.bench.pass_time(1)
        self.bench.settle()
        self.bench.tell(*self.bench.write())
        self.bench.pass_time(5)
        self.assertEqual(self.bench.seqs(), [1, 2, 3, 4, 5, 6])
        self.assertEqual(self.bench.asked, [])
        self.assertEqual(self.bench.reader._streams[GERAL].buffer, {})

    def test_made_up_number_while_asking(self):
        """What is said while a page is under way may be newer than the page: it is asked once more."""
        self.bench.follow(since=0)
        page = self.bench.page(self.bench.asked[0][1], GERAL)
        _, later = self.bench.write(2)
        self.bench.tell(later)
        self.bench.fetch(page)
        self.assertEqual(self.bench.seqs(), [1, 2, 3, 4, 5])
        self.bench.settle()
        self.assertEqual(self.bench.seqs(), [1, 2, 3, 4, 5, 6, 7])

    def test_history_lags_behind_the_hint(self):
        """A page that brings nothing is not asked for again at once."""
        self.bench.follow(since=0)
        self.bench.settle()
        self.bench.beacon((GERAL, 6))
        self.bench.pass_time(GAP + 0.05)
        page = self.bench.page(self.bench.asked[0][1], GERAL)
        self.bench.beacon((GERAL, 6))
        self.bench.fetch(page)
        self.assertEqual(self.bench.asked, [])
        self.bench.pass_time(PAUSE + 0.1)
        self.bench.write()
        self.bench.settle()
        self.assertEqual(self.bench.seqs()[-1], 6)

    def test_history_with_a_hole(self):
        """The history is the truth, whatever it lacks."""
        self.bench.follow(since=0)
        self.bench.tell(post(2))
        del self.bench.posts[GERAL][1]
        self.bench.settle()
        self.assertEqual(self.bench.seqs(), [1, 3, 4, 5])

    def test_pages_out_of_order(self):
        """A page that no board would send does no harm."""
        self.bench.follow(since=0)
        self.bench.fetch(PublishedPage((post(3), post(1), post(3), post(4, INBOX)), more=False))
        self.assertEqual(self.bench.seqs(), [3])

    def test_nobody_asked(self):
        """A page that was not asked for is dropped."""
        self.bench.follow(since=0)
        self.bench.settle()
        self.bench.reader.fetched(GERAL, PublishedPage((post(9),), more=False), self.bench.now)
        self.bench.reader.fetched(INBOX, PublishedPage((post(9, INBOX),), more=False), self.bench.now)
        self.bench.turn()
        self.assertEqual(self.bench.seqs(), [1, 2, 3, 4, 5])

    @settings(deadline=None, max_examples=100, derandomize=True)
    @given(st.sampled_from([b"geral", HEADS_TOPIC]), st.binary(max_size=60))
    def test_any_bytes(self, topic, body):
        bench = Bench()
        bench.follow()
        bench.reader.publication(topic, body, bench.now)
        self.assertEqual(bench.reader.counters.malformed, 1)

    def test_any_shape(self):
        bench = Bench()
        bench.follow()
        for value in (None, [], {}, {"service": "heads", "data": {"channels": {"geral": -1}, "users": {}}}):
            bench.reader.publication(HEADS_TOPIC, codec.pack(value), bench.now)
        self.assertEqual(bench.reader.counters.malformed, 4)


class Reset(SynchronousTestCase):
    """The board was set up anew under the reader."""

    def setUp(self):
        self.bench = Bench()
        self.bench.write(20)

    def test_cursor_above_the_head(self):
        self.bench.follow(since=50)
        self.bench.settle()
        self.assertEqual(self.bench.others(), [WasReset(GERAL, 50, 20), Caught(GERAL)])
        self.assertEqual(self.bench.seqs(), list(range(1, 21)))

    def test_cursor_at_the_head(self):
        """Nothing new is no reset."""
        self.bench.follow(since=20)
        self.bench.settle()
        self.assertEqual(self.bench.events, [Caught(GERAL)])

    def replace(self, count):
        """Another board has taken the place."""
        self.bench.posts[GERAL] = []
        return self.bench.write(count, board="b")

    def test_noticed_by_a_post(self):
        """A post under a number that another post had."""
        self.bench.follow(last=5)
        self.bench.settle()
        new = self.replace(18)
        self.bench.tell(new[-1])
        self.bench.settle()
        self.assertEqual(self.bench.others()[1:], [WasReset(GERAL, 20, 18)])
        self.assertEqual(self.bench.seqs()[5:], list(range(1, 19)))

    def test_noticed_though_it_grew(self):
        """The other board has as many posts already: they are others."""
        self.bench.follow(last=5)
        self.bench.settle()
        self.replace(20)
        self.bench.pass_time(QUIET + 0.1)
        self.bench.settle()
        self.assertEqual(self.bench.others()[1:], [WasReset(GERAL, 20, 20)])
        self.assertEqual(len(self.bench.seqs()), 25)

    def test_noticed_by_a_beacon(self):
        self.bench.follow(last=5)
        self.bench.settle()
        self.replace(3)
        self.bench.pass_time(OVERTAKEN + 0.1)
        self.bench.beacon((GERAL, 3))
        self.bench.settle()
        self.assertEqual(self.bench.others()[1:], [WasReset(GERAL, 20, 3)])
        self.assertEqual(self.bench.seqs()[5:], [1, 2, 3])

    def test_overtaken_beacon(self):
        """A beacon that a post overtook on its way is no reset, nor a reason to ask."""
        self.bench.follow(last=1)
        self.bench.settle()
        self.bench.tell(*self.bench.write())
        self.bench.beacon((GERAL, 20))
        self.assertEqual(self.bench.asked, [])

    def test_post_during_the_probe(self):
        """A post that comes while the newest one is asked for does not make the older answer a reset."""
        self.bench.follow(last=1)
        self.bench.settle()
        self.bench.pass_time(QUIET + 0.1)
        page = self.bench.page(self.bench.asked[0][1], GERAL)
        self.bench.tell(*self.bench.write())
        self.bench.fetch(page)
        self.assertEqual(self.bench.others(), [Caught(GERAL)])
        self.assertEqual(self.bench.seqs(), [20, 21])


class Anything(SynchronousTestCase):
    @settings(deadline=None, max_examples=150, derandomize=True)
    @given(st.data())
    def test_once_and_in_order(self, data):
        """Lost, doubled, reordered publications, lost beacons, failed and late pages: each post once, in order."""
        bench = Bench()
        bench.write(data.draw(st.integers(0, 5)))
        since = data.draw(st.sampled_from([None, 0, 2]))
        since = since if since is None else min(since, len(bench.posts[GERAL]))
        bench.follow(since=since, last=2)
        under_way = []
        for _ in range(data.draw(st.integers(1, 30))):
            match data.draw(st.sampled_from("ppptttlbfffxq")):
                case "p":
                    under_way.extend(bench.write(data.draw(st.integers(1, 3))))
                case "t" if under_way:
                    bench.tell(under_way.pop(data.draw(st.integers(0, len(under_way) - 1))))
                case "l" if under_way:
                    under_way.pop()
                case "b":
                    if bench.posts[GERAL]:
                        bench.beacon((GERAL, data.draw(st.integers(1, len(bench.posts[GERAL])))))
                case "f":
                    bench.fetch()
                case "x":
                    bench.fetch(Unreachable())
                case "q" if bench.posts[GERAL]:
                    bench.tell(data.draw(st.sampled_from(bench.posts[GERAL])))
            bench.pass_time(data.draw(st.sampled_from([0.01, 0.1, 1.0])), step=1.0)
            progress = bench.reader._streams[GERAL]
            self.assertLessEqual(len(progress.buffer), len(bench.posts[GERAL]))
            self.assertEqual(progress.buffered, sum(_size(kept) for kept, _ in progress.buffer.values()))
        for _ in range(5):
            bench.pass_time(QUIET + 0.1, step=1.0)
            bench.settle()
        seqs = bench.seqs()
        if seqs:
            self.assertEqual(seqs, list(range(seqs[0], len(bench.posts[GERAL]) + 1)))
        if since is not None:
            self.assertEqual(seqs, list(range(since + 1, len(bench.posts[GERAL]) + 1)))
        self.assertFalse([event for event in bench.events if isinstance(event, WasReset)])
