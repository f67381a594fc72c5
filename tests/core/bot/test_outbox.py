"""What is not settled is asked again with the same id, until it is; and only then is it counted."""

from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.bot.outbox import BACK_OFF_MAX, Ask, Outbox
from bulletin.core.bot.window import WINDOW_FIRST, WINDOW_MIN
from bulletin.core.client.caller import Unreachable
from bulletin.core.client.streams import Stream
from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import PAGE_POSTS_MAX
from bulletin.core.wire.publications import Published
from bulletin.core.wire.replies import ChannelNames, LoggedIn, Posted, PublishedPage, Receipt
from bulletin.core.wire.requests import History, ListChannels, Login, Publish, ReadLevel

POST = Publish("ana", "geral", "oi")
GERAL = Stream(StreamKind.CHANNEL, "geral")
POSTED = Posted("k:1", 7, Receipt(1, 1, bytes(32)))


def stored(seq, id_):
    return Published(StreamKind.CHANNEL, "geral", seq, id_, "ana", "oi", 0.0, None, seq, 0.0, None)


class OutboxCase(SynchronousTestCase):
    def setUp(self):
        numbers = count(1)
        self.outbox = Outbox(lambda: f"k:{next(numbers)}")

    def wait_of(self, now):
        """Seconds until something is due."""
        waited = 0.0
        while not (asks := self.outbox.due(now + waited)):
            waited += 0.25
            self.assertLess(waited, 60)
        return waited, asks


class OutboxTests(OutboxCase):
    def test_once(self):
        """It is sent, not sent again while somebody is asked, and settled by its result."""
        self.outbox.add(POST, 10.0)
        self.assertEqual(self.outbox.due(10.0), [Ask("k:1", POST, "k:1")])
        self.assertEqual(self.outbox.due(99.0), [])
        self.assertEqual(self.outbox.longest(12.0), 2.0)
        settled = self.outbox.answered("k:1", POSTED, 12.0)
        self.assertEqual(
            (settled.key, settled.request, settled.begun, settled.outcome), ("k:1", POST, 10.0, POSTED)
        )
        self.assertEqual((len(self.outbox), self.outbox.retries, self.outbox.longest(13.0)), (0, 0, 0.0))

    def test_silence(self):
        """The same id for ever, ever more slowly, up to the bound."""
        self.outbox.add(POST, 0.0)
        now, waits = 0.0, []
        for _ in range(40):
            waited, asks = self.wait_of(now)
            self.assertEqual(asks, [Ask("k:1", POST, "k:1")])
            now += waited
            waits.append(waited)
            self.assertIsNone(self.outbox.answered("k:1", Unreachable(), now))
        self.assertEqual(waits, sorted(waits))
        self.assertEqual((waits[1], waits[-1]), (0.5, BACK_OFF_MAX))
        self.assertEqual(self.outbox.retries, 39)
        self.assertEqual(list(self.outbox), [("k:1", POST)])

    def test_refused_for_now(self):
        """Overload, no leader and the like: after what the board asks for, definite or not."""
        for code in (Code.OVERLOADED, Code.NO_LEADER, Code.NO_SERVERS, Code.TIMED_OUT):
            for definite in (True, False):
                self.outbox.add(POST, 0.0)
                ((key, _, _),) = [(ask.key, ask.request, ask.id) for ask in self.outbox.due(0.0)]
                self.assertIsNone(self.outbox.answered(key, Refusal(code, definite=definite), 0.0))
                waited, asks = self.wait_of(0.0)
                self.assertGreaterEqual(waited, code.value.retry_after)
                self.assertEqual(asks, [Ask(key, POST, key)])
                self.assertIsNotNone(self.outbox.answered(key, POSTED, 5.0))

    def test_refused_for_good(self):
        self.outbox.add(POST, 0.0)
        self.outbox.due(0.0)
        settled = self.outbox.answered("k:1", Refusal(Code.NO_SUCH_CHANNEL), 0.0)
        self.assertEqual(settled.outcome, Refusal(Code.NO_SUCH_CHANNEL))
        self.assertEqual(len(self.outbox), 0)

    def test_unknown_word_of_a_newer_board(self):
        """Not definite: it may have taken effect."""
        self.outbox.add(POST, 0.0)
        self.outbox.due(0.0)
        self.assertIsNone(self.outbox.answered("k:1", Refusal(Code.UNSPECIFIED), 0.0))
        self.assertEqual(len(self.outbox), 1)

    def test_query(self):
        """A query has no id of its own, and a refusal of it leaves nothing in doubt."""
        query = ListChannels(ReadLevel.LINEARIZABLE)
        self.outbox.add(query, 0.0)
        self.assertEqual(self.outbox.due(0.0), [Ask("k:1", query, None)])
        self.outbox.answered("k:1", Unreachable(), 0.0)
        _, asks = self.wait_of(0.0)
        self.assertEqual(asks, [Ask("k:1", query, None)])
        self.assertIsNotNone(self.outbox.answered("k:1", ChannelNames(()), 1.0))
        self.outbox.add(query, 0.0)
        self.outbox.due(0.0)
        self.assertIsNotNone(self.outbox.answered("k:2", Refusal(Code.UNSPECIFIED), 0.0))

    def test_an_expired_id_of_what_may_take_effect_again(self):
        """A login whose id is too old would never be answered otherwise, and the bot never be in."""
        self.outbox.add(Login("ana"), 0.0)
        self.assertEqual(self.outbox.due(0.0), [Ask("k:1", Login("ana"), "k:1")])
        self.assertIsNone(self.outbox.answered("k:1", Refusal(Code.ID_EXPIRED), 1.0))
        self.assertEqual(self.outbox.due(1.0), [Ask("k:1", Login("ana"), None)])
        self.assertIsNone(self.outbox.answered("k:1", Unreachable(), 2.0))
        _, asks = self.wait_of(2.0)
        self.assertEqual(asks, [Ask("k:1", Login("ana"), None)])
        self.assertIsNotNone(self.outbox.answered("k:1", LoggedIn(existing=True), 9.0))
        self.assertEqual(len(self.outbox), 0)


class WindowTests(OutboxCase):
    def test_no_more_than_the_window(self):
        """The oldest first; the others when there is room."""
        for _ in range(3 * WINDOW_FIRST):
            self.outbox.add(POST, 0.0)
        asks = self.outbox.due(0.0)
        self.assertEqual([ask.key for ask in asks], [f"k:{number + 1}" for number in range(WINDOW_FIRST)])
        self.assertEqual((self.outbox.due(0.0), self.outbox.room), ([], 0))
        self.outbox.answered("k:1", POSTED, 0.0)
        self.assertEqual([ask.key for ask in self.outbox.due(0.0)], [f"k:{WINDOW_FIRST + 1}"])

    def test_silence_makes_it_small(self):
        """After a minute of it very few are sent again at once, and each of them still is in its turn."""
        for _ in range(WINDOW_FIRST):
            self.outbox.add(POST, 0.0)
        sent, now = [], 0.0
        for _ in range(60):
            now += 5.0
            asks = self.outbox.due(now)
            sent.append(len(asks))
            for ask in asks:
                self.outbox.answered(ask.key, Unreachable(), now + 5.0)
            now += 5.0
        self.assertEqual((sent[0], sent[-1]), (WINDOW_FIRST, WINDOW_MIN))
        self.assertGreater(self.outbox.retries, 60)

    def test_a_refusal_for_good_is_an_answer(self):
        self.outbox.add(POST, 0.0)
        self.outbox.due(0.0)
        self.outbox.answered("k:1", Refusal(Code.NO_SUCH_CHANNEL), 0.0)
        self.assertGreaterEqual(self.outbox.room, WINDOW_FIRST)


class ExpiredTests(OutboxCase):
    """The board knows the id no more: the history tells."""

    def expire(self, since=4):
        self.outbox.add(POST, 0.0, stream=GERAL, since=since)
        self.outbox.due(0.0)
        self.assertIsNone(self.outbox.answered("k:1", Refusal(Code.ID_EXPIRED), 1.0))

    def page_asked(self, since, now=1.0):
        query = PageQuery(StreamKind.CHANNEL, "geral", None, since, None, PAGE_POSTS_MAX)
        _, asks = self.wait_of(now)
        self.assertEqual(asks, [Ask("k:1", History(ReadLevel.LINEARIZABLE, query), None)])

    def test_found(self):
        """On the second page, after the first one could not be had once."""
        self.expire()
        self.page_asked(4)
        self.assertIsNone(self.outbox.answered("k:1", Unreachable(), 1.0))
        self.page_asked(4)
        page = PublishedPage((stored(5, "x"), stored(6, "y")), more=True)
        self.assertIsNone(self.outbox.answered("k:1", page, 1.0))
        self.page_asked(6)
        found = stored(7, "k:1")
        settled = self.outbox.answered("k:1", PublishedPage((found,), more=True), 2.0)
        self.assertEqual((settled.request, settled.outcome), (POST, found))
        self.assertEqual(len(self.outbox), 0)

    def test_not_there(self):
        """It never took effect, and never will."""
        self.expire(since=0)
        self.page_asked(0)
        settled = self.outbox.answered("k:1", PublishedPage((stored(1, "x"),), more=False), 2.0)
        self.assertEqual(settled.outcome, Refusal(Code.ID_EXPIRED, definite=True))

    def test_another_board(self):
        """It has no such channel: nor the post."""
        self.expire()
        self.page_asked(4)
        settled = self.outbox.answered("k:1", Refusal(Code.NO_SUCH_CHANNEL), 2.0)
        self.assertEqual(settled.outcome, Refusal(Code.NO_SUCH_CHANNEL))
