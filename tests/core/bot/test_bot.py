"""A bot by scripted answers: what it does, what it counts, and that its seed decides."""

from itertools import count
from random import Random

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.core.bot.bot import PEERS_MAX, Bot, Follow, Leave, Plan, WasRefused, Wrote
from bulletin.core.bot.joining import CannotJoin, Joined
from bulletin.core.bot.window import WINDOW_FIRST
from bulletin.core.client.caller import Unreachable
from bulletin.core.client.reader import Caught, Delivered, WasReset
from bulletin.core.client.streams import Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.publications import Published
from bulletin.core.wire.replies import ChannelCreated, ChannelNames, LoggedIn, Posted, Receipt
from bulletin.core.wire.requests import CreateChannel, ListChannels, Login, Publish, Send

WALL = 1_700_000_000.0


class Bench:
    """A bot, and a board that answers at once, unless the test says otherwise.

    :ivar answer: in place of the board's answer, where it gives one: outcome, or None.
    """

    def __init__(self, plan=None, seed=1):
        numbers = count(1)
        self.now = Instant(50.0, WALL)
        self.clock = LamportClock()
        self.bot = Bot(plan or Plan("ana", 10.0), Random(seed), lambda: f"k:{next(numbers)}", self.clock)
        self.channels = ["redes", "geral", "musica"]
        self.stored = {}
        self.asks, self.moves, self.notes = [], [], []
        self.answer = lambda _ask: None
        self.silent = False
        self.unanswered = []

    def step(self, seconds=0.05):
        """Time passes, and what was asked is answered, until nothing more is."""
        self.now = Instant(self.now.monotonic + seconds, self.now.wall + seconds)
        self.bot.tick(self.now)
        while ready := self.bot.ready():
            self.moves.extend(ready.moves)
            self.notes.extend(ready.notes)
            for move in ready.moves:
                if isinstance(move, Follow):
                    self.bot.heard(Caught(move.stream), self.now)
            for ask in ready.asks:
                self.asks.append(ask)
                self.unanswered.append(ask)
            if not self.silent:
                self.answer_all()
            self.bot.tick(self.now)

    def answer_all(self, outcome=None):
        unanswered, self.unanswered = self.unanswered, []
        for ask in unanswered:
            given = outcome or self.answer(ask)
            self.bot.answered(ask.key, given if given is not None else self.board(ask), self.now)

    def board(self, ask):
        match ask.request:
            case Login():
                return LoggedIn(False)
            case ListChannels():
                return ChannelNames(tuple(self.channels))
            case CreateChannel(_, channel):
                self.channels.append(channel)
                return ChannelCreated(False)
            case Publish(_, channel, _):
                return self.store(Stream(StreamKind.CHANNEL, channel), ask)
            case Send(_, receiver, _):
                return self.store(Stream(StreamKind.INBOX, receiver), ask)

    def store(self, stream, ask):
        posts = self.stored.setdefault(stream, {})
        seq = posts.setdefault(ask.key, len(posts) + 1)
        return Posted(ask.key, seq, Receipt(1, 1, bytes(32)))

    def run(self, seconds):
        for _ in range(round(seconds / 0.05)):
            self.step()

    def read(self, channel, seq, user="bia", clock=0, kind=StreamKind.CHANNEL):
        post = Published(kind, channel, seq, f"x{seq}", user, "oi", WALL, None, clock, WALL, None)
        self.bot.heard(Delivered(Stream(kind, channel), post), self.now)

    def requests(self, kind):
        return [ask.request for ask in self.asks if isinstance(ask.request, kind)]


class Comes(SynchronousTestCase):
    def test_in_order(self):
        """It logs in, lists, follows its channels and its inbox, and then writes."""
        bench = Bench()
        bench.step()
        self.assertEqual([type(ask.request) for ask in bench.asks], [Login, ListChannels, Publish])
        followed = {move.stream for move in bench.moves}
        expected = {Stream(StreamKind.CHANNEL, channel) for channel in bench.channels}
        self.assertEqual(followed, {*expected, Stream(StreamKind.INBOX, "ana")})

    def test_not_before_it_reads(self):
        """Else it might miss its own first posts."""
        bench = Bench()
        bench.bot.heard = lambda *_: None
        bench.run(3)
        self.assertEqual(bench.requests(Publish), [])
        self.assertFalse(bench.bot.joined)

    def test_however_long_it_takes(self):
        """With no answer at all the same login goes on for ever."""
        bench = Bench()
        bench.answer = lambda _ask: Unreachable()
        bench.run(120)
        self.assertGreater(len(bench.asks), 10)
        self.assertEqual(set(bench.asks), {bench.asks[0]})
        bench.answer = lambda _ask: None
        bench.run(10)
        self.assertTrue(bench.bot.joined)

    def test_not_wanted(self):
        """It says so once, and asks no more."""
        bench = Bench()
        bench.answer = lambda _ask: Refusal(Code.FULL)
        bench.run(10)
        self.assertEqual(bench.notes, [CannotJoin(Refusal(Code.FULL))])
        self.assertEqual(len(bench.asks), 1)


class Writes(SynchronousTestCase):
    def test_rate(self):
        bench = Bench(Plan("ana", 10.0))
        bench.run(10)
        self.assertLessEqual(abs(len(bench.requests(Publish)) - 100), 2)
        self.assertEqual(bench.bot.counters.posts, len(bench.requests(Publish)))

    def test_numbers(self):
        """Its texts are numbered without gaps."""
        bench = Bench()
        bench.run(5)
        texts = [request.message for request in bench.requests(Publish)]
        self.assertEqual(
            [text.rpartition("(#")[2] for text in texts],
            [f"{number})" for number in range(1, len(texts) + 1)],
        )

    def test_only_reads(self):
        bench = Bench(Plan("ana", 0.0))
        bench.step()
        bench.read("geral", 1)
        bench.run(30)
        self.assertEqual(bench.requests(Publish | Send), [])
        self.assertTrue(bench.bot.joined)
        self.assertEqual(bench.bot.counters.read, 1)

    def test_for_some_seconds(self):
        bench = Bench(Plan("ana", 10.0, 2.0))
        bench.run(20)
        self.assertLessEqual(abs(len(bench.requests(Publish)) - 20), 2)

    def test_bounded(self):
        """With nobody answering it says no more than so much, and does not make up for it later."""
        bench = Bench(Plan("ana", 20.0))
        bench.step()
        bench.silent = True
        bench.run(60)
        in_flight = len(bench.bot.outbox)
        self.assertLessEqual(in_flight, WINDOW_FIRST + 1)
        self.assertGreaterEqual(in_flight, WINDOW_FIRST)
        before = len(bench.requests(Publish))
        bench.silent = False
        bench.answer_all()
        bench.step()
        self.assertLess(len(bench.requests(Publish)) - before, 10)

    def test_private(self):
        """Now and then, to whoever it has read, and never to itself."""
        bench = Bench(Plan("ana", 20.0))
        bench.step()
        bench.run(5)
        self.assertEqual(bench.requests(Send), [])
        bench.read("geral", 1, user="ana")
        bench.read("geral", 2, user="bia")
        bench.read("ana", 1, user="caio", kind=StreamKind.INBOX)
        bench.run(60)
        sent = bench.requests(Send)
        self.assertEqual({request.receiver for request in sent}, {"bia", "caio"})
        self.assertLessEqual(abs(len(sent) / len(bench.requests(Publish)) - 0.05), 0.03)
        self.assertEqual(bench.bot.counters.sent, len(sent))
        self.assertEqual(bench.bot.counters.received, 1)

    def test_peers_are_bounded(self):
        bench = Bench(Plan("ana", 0.0))
        bench.step()
        for number in range(3 * PEERS_MAX):
            bench.read("geral", number + 1, user=f"u{number}")
        self.assertEqual(len(bench.bot._peers), PEERS_MAX)


class Counts(SynchronousTestCase):
    """Exactly what was acknowledged, whatever happened on the way."""

    def test_notes(self):
        bench = Bench()
        bench.step()
        (_joined, wrote) = bench.notes
        self.assertEqual(wrote, Wrote(bench.asks[-1].request, bench.asks[-1].key, 1))

    def test_refused(self):
        bench = Bench()
        refusal = Refusal(Code.INVALID_FIELD)
        bench.answer = lambda ask: refusal if isinstance(ask.request, Publish) else None
        bench.step()
        self.assertEqual(bench.notes[-1], WasRefused(bench.asks[-1].request, bench.asks[-1].key, refusal))
        self.assertEqual((bench.bot.counters.posts, bench.bot.counters.refused), (0, 1))

    @settings(deadline=None, derandomize=True, max_examples=30)
    @given(st.integers(0, 2**32))
    def test_whatever_the_answers_were(self, seed):
        """Each post of the bot is on the board once, and counted once; lost answers and refusals included."""
        chance = Random(seed)
        bench = Bench(Plan("ana", 20.0, 5.0), seed=seed)

        def answer(ask):
            dice = chance.random()
            if dice < 0.2:
                return Refusal(chance.choice([Code.OVERLOADED, Code.NO_LEADER]))
            if dice < 0.5:  # an answer that got lost: it may have taken effect
                if chance.random() < 0.5:
                    bench.board(ask)
                return chance.choice([Unreachable(), Refusal(Code.TIMED_OUT)])
            return None

        bench.answer = answer
        bench.run(15)
        bench.answer = lambda _ask: None
        bench.run(60)
        self.assertEqual(bench.bot.unsettled(), [])
        stored = sum(len(posts) for posts in bench.stored.values())
        self.assertGreater(stored, 3)
        self.assertEqual(bench.bot.counters.posts + bench.bot.counters.sent, stored)

    def test_waits(self):
        """The longest since it was asked last, of what was settled or is not."""
        bench = Bench(Plan("ana", 1.0))
        bench.step()
        bench.bot.longest(bench.now)
        bench.silent = True
        bench.run(2)
        self.assertLessEqual(abs(bench.bot.longest(bench.now) - 1.0), 0.2)
        bench.answer_all()
        self.assertLessEqual(abs(bench.bot.longest(bench.now) - 1.0), 0.2)
        self.assertEqual(bench.bot.longest(bench.now), 0.0)


class AnotherBoard(SynchronousTestCase):
    def test_a_channel_is_gone(self):
        """It logs in and lists again, leaves what is gone and follows what it took in its place."""
        bench = Bench()
        bench.step()
        bench.channels = ["geral", "nova"]
        gone = {"redes", "musica"}
        bench.answer = lambda ask: (
            Refusal(Code.NO_SUCH_CHANNEL)
            if isinstance(ask.request, Publish) and ask.request.channel in gone
            else None
        )
        bench.moves.clear()
        bench.run(5)
        self.assertEqual({move.stream.name for move in bench.moves if isinstance(move, Leave)}, gone)
        self.assertTrue({"geral", "nova"} < set(bench.bot.channels))
        self.assertFalse(gone & set(bench.bot.channels))
        self.assertEqual(len([note for note in bench.notes if isinstance(note, Joined)]), 2)

    def test_a_stream_begins_anew(self):
        bench = Bench(Plan("ana", 0.0))
        bench.step()
        bench.bot.heard(WasReset(Stream(StreamKind.CHANNEL, "geral"), 9, 2), bench.now)
        bench.bot.heard(WasReset(Stream(StreamKind.CHANNEL, "redes"), 9, 2), bench.now)
        bench.step()
        self.assertEqual(len(bench.requests(Login)), 2)

    def test_somebody_is_gone(self):
        """It writes to her no more."""
        bench = Bench(Plan("ana", 20.0))
        bench.step()
        bench.read("geral", 1)
        bench.answer = lambda ask: Refusal(Code.NO_SUCH_USER) if isinstance(ask.request, Send) else None
        bench.run(60)
        self.assertEqual(len(bench.requests(Send)), 1)

    def test_its_name_became_a_channels(self):
        """It comes again by another one, and has another inbox."""
        bench = Bench()
        bench.step()
        bench.moves.clear()
        bench.answer = lambda ask: (
            Refusal(Code.NAME_IN_USE) if getattr(ask.request, "user", "") == "ana" else None
        )
        bench.run(3)
        self.assertEqual(bench.bot.name, "ana-2")
        self.assertEqual(
            bench.moves,
            [Leave(Stream(StreamKind.INBOX, "ana")), Follow(Stream(StreamKind.INBOX, "ana-2"))],
        )


class Reads(SynchronousTestCase):
    def test_clock(self):
        """What it reads moves its clock on."""
        bench = Bench(Plan("ana", 0.0))
        bench.step()
        bench.read("geral", 1, clock=77)
        self.assertEqual(bench.clock.value, 77)

    def test_idle(self):
        """Only once it has read what it wrote."""
        bench = Bench(Plan("ana", 10.0))
        bench.step()
        self.assertFalse(bench.bot.idle)
        bench.read(bench.asks[-1].request.channel, 1, user="ana")
        self.assertTrue(bench.bot.idle)

    def test_read_before_it_was_acknowledged(self):
        bench = Bench(Plan("ana", 0.001))
        bench.silent = True
        while not bench.requests(Publish):
            bench.answer_all()
            bench.step()
        self.assertFalse(bench.bot.idle)
        bench.read(bench.asks[-1].request.channel, 1, user="ana")
        bench.answer_all()
        self.assertTrue(bench.bot.idle)

    def test_stopping(self):
        """Nothing new; what is unsettled still is asked for."""
        bench = Bench(Plan("ana", 10.0))
        bench.step()
        bench.silent = True
        bench.run(1)
        bench.bot.stop()
        written = len(bench.requests(Publish))
        bench.answer_all(Unreachable())
        bench.silent = False
        bench.run(5)
        self.assertEqual(bench.bot.unsettled(), [])
        self.assertEqual(len({ask.key for ask in bench.asks if isinstance(ask.request, Publish)}), written)


class Seed(SynchronousTestCase):
    def acted(self, seed, loses=False):
        bench = Bench(Plan("ana", 20.0), seed=seed)
        for second in range(10):
            bench.run(1)
            bench.read("geral", second + 1, user=f"u{second}")
            if loses:
                bench.answer = lambda ask: Unreachable() if int(ask.key[2:]) % 3 == 0 else None
        return list(dict.fromkeys(ask.request for ask in bench.asks)), bench

    def test_the_same_again(self):
        self.assertEqual(self.acted(1)[0], self.acted(1)[0])
        self.assertNotEqual(self.acted(1)[0], self.acted(2)[0])

    def test_the_same_whatever_has_to_be_sent_again(self):
        """Retries draw nothing: what it writes is the same, as far as it gets."""
        calm, rough = self.acted(1)[0], self.acted(1, loses=True)[0]
        posts = [request for request in calm if isinstance(request, Publish)]
        others = [request for request in rough if isinstance(request, Publish)]
        self.assertGreater(len(others), 50)
        self.assertEqual(others, posts[: len(others)])
