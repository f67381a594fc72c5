"""The bot's process in memory: a board that answers, falls silent, or is another one."""

import json
from pathlib import Path

from prometheus_client.exposition import generate_latest
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from bulletin.core.board.outcome import StreamKind
from bulletin.core.bot.bot import Plan
from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.publications import write_post
from bulletin.roles import ending
from bulletin.roles.bot.journal import Journal
from bulletin.roles.bot.service import CALL_SECONDS, BotRole
from bulletin.roles.client.link import Reach
from bulletin.roles.role import StartError
from bulletin.web.metrics import make_registry
from tests.memory_transport import Network
from tests.roles.client.board import WALL, FakeBoard

ANY = ("tcp://127.0.0.1:0",)


@implementer(ILogObserver)
class Lines(list):
    def __call__(self, event):
        self.append(formatEvent(event))


class Memory(SynchronousTestCase):
    """A board in memory that publishes what it stores, and a bot of it.

    :ivar loses: whether what clients ask gets no answer.
    """

    def setUp(self):
        self.clock = Clock()
        self.network = Network(self.clock)
        self.board = FakeBoard()
        self.published = {}
        self.loses = False
        transport = self.network.sockets.Transport()
        self.router = self.network.sockets.Router(transport, listen=ANY, received=self.asked)
        self.publisher = self.network.sockets.Publisher(transport, listen=ANY)
        self.journal = Path(self.mktemp())
        self.lines = Lines()
        globalLogPublisher.addObserver(self.lines)
        self.addCleanup(globalLogPublisher.removeObserver, self.lines)
        self.bot = None
        self.addCleanup(self.stop)

    def asked(self, envelope, parts):
        if not self.loses:
            self.router.send_to(envelope, self.board.answer(parts[-1]))
            self.publish()

    def publish(self):
        for stream, posts in self.board.posts.items():
            for post in posts[self.published.get(stream, 0) :]:
                self.publisher.publish(*write_post(post))
            self.published[stream] = len(posts)

    def begin(self, rate=10.0, seconds=None, name="ana", journal=None):
        self.bot = BotRole(
            Reach(self.router.bound, self.publisher.bound, CALL_SECONDS),
            Plan(name, rate, seconds),
            1,
            journal=Journal(journal or self.journal),
            random_bytes=lambda size: (5).to_bytes(size, "big"),
            sockets=self.network.sockets,
            reactor=self.clock,
            instant=lambda: Instant(self.clock.seconds(), WALL + self.clock.seconds()),
        )
        self.bot.startService()

    def stop(self):
        if self.bot is not None:
            stopped = self.bot.stopService()
            self.pass_time(5)
            self.successResultOf(stopped)
            self.bot = None
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def pass_time(self, seconds):
        for _ in range(round(seconds / 0.025)):
            self.clock.advance(0.025)

    def written(self, what):
        lines = [json.loads(line) for line in self.journal.read_text().splitlines()]
        return [line for line in lines if line["what"] == what]

    def stored(self, kind=StreamKind.CHANNEL):
        return [post for stream, posts in self.board.posts.items() if stream.kind is kind for post in posts]


class Works(Memory):
    def test_writes_and_reads(self):
        """What it wrote is on the board, what is on the board it read, and the journal has both."""
        self.begin(seconds=5.0)
        self.pass_time(10)
        posts = self.stored()
        self.assertGreater(len(posts), 40)
        counted = self.bot.bot.counters
        self.assertEqual((counted.posts, counted.read), (len(posts), len(posts)))
        self.stop()
        ids = sorted(post.id for post in posts)
        self.assertEqual(sorted(line["id"] for line in self.written("wrote")), ids)
        self.assertEqual(sorted(line["id"] for line in self.written("read")), ids)
        self.assertEqual({line["seq"] for line in self.written("began")}, {0})

    def test_reports(self):
        """A line a second, whose numbers add up."""
        self.begin(seconds=5.0)
        self.pass_time(8)
        reports = [
            dict(field.split("=") for field in line.split())
            for line in self.lines
            if line.startswith("posts=")
        ]
        self.assertEqual(len(reports), 9)
        self.assertEqual(sum(int(report["posts_now"]) for report in reports), int(reports[-1]["posts"]))
        self.assertEqual(int(reports[-1]["posts"]), len(self.stored()))
        self.assertEqual(int(reports[-1]["read"]), len(self.stored()))
        self.assertGreater(int(reports[-1]["clock"]), 100)
        self.assertTrue(any("--seed 1" in line for line in self.lines))

    def test_metrics(self):
        self.begin(seconds=2.0)
        self.pass_time(4)
        text = generate_latest(make_registry(self.bot._samples)).decode()
        posts = len(self.stored())
        for line in (
            f"bulletin_bot_posts_total {posts}.0",
            f"bulletin_bot_read_total {posts}.0",
            "bulletin_bot_refused_total 0.0",
            "bulletin_bot_in_flight 0.0",
            "bulletin_bot_writing 0.0",
            "bulletin_bot_retries_total 0.0",
            "bulletin_ready 1.0",
        ):
            self.assertIn(line, text)

    def test_private(self):
        """It writes to whom it read, and reads what comes into its inbox."""
        self.begin(rate=20.0)
        self.pass_time(1)
        self.board.write("geral", "oi")
        self.publish()
        self.pass_time(20)
        received = self.stored(StreamKind.INBOX)
        self.assertEqual({post.stream for post in received}, {"bob"})
        self.assertEqual(self.bot.bot.counters.sent, len(received))

    def test_gaps(self):
        """What the live stream loses comes from the history."""
        lost = iter(range(10**6))
        self.network.loses = lambda sender, *_: sender is self.publisher and next(lost) % 3 == 0
        self.begin(seconds=5.0)
        self.pass_time(30)
        posts = self.stored()
        self.assertEqual(self.bot.bot.counters.read, len(posts))
        self.stop()
        self.assertEqual(
            sorted(line["id"] for line in self.written("read")), sorted(post.id for post in posts)
        )


class Survives(Memory):
    def test_silence(self):
        """A board that takes requests and answers none for a minute: each post is there once, and counted once."""
        self.begin(rate=20.0)
        self.pass_time(2)
        answer = self.board.answer
        self.router.received = lambda _envelope, parts: answer(parts[-1])  # stored, and nobody is told
        self.pass_time(60)
        self.assertFalse(self.bot.health().ready)
        self.assertIn("waits for the board", self.bot.health().reason)
        self.router.received = self.asked
        self.pass_time(30)
        self.assertTrue(self.bot.health().ready)
        self.successResultOf(self.stopped())
        posts = self.stored()
        self.assertEqual(len({post.id for post in posts}), len(posts))
        self.assertEqual(
            sorted(line["id"] for line in self.written("wrote")), sorted(post.id for post in posts)
        )
        self.assertEqual(self.written("unsettled"), [])

    def stopped(self):
        stopped, self.bot = self.bot.stopService(), None
        self.pass_time(5)
        return stopped

    def test_starts_before_the_board(self):
        self.loses = True
        self.begin()
        self.pass_time(30)
        self.assertEqual(self.board.seen, [])
        self.assertFalse(self.bot.health().ready)
        self.loses = False
        self.pass_time(15)
        self.assertTrue(self.bot.health().ready)
        self.assertGreater(len(self.stored()), 10)

    def test_another_board(self):
        """It makes channels again, and goes on."""
        self.begin()
        self.pass_time(3)
        self.board.users.clear()
        self.board.channels.clear()
        self.board.posts.clear()
        self.published.clear()
        self.pass_time(20)
        self.assertEqual(len(self.board.channels), 3)
        self.assertGreater(len(self.stored()), 50)
        self.assertGreater(self.bot.bot.counters.refused, 0)
        self.assertTrue(self.bot.health().ready)
        self.stop()
        self.assertTrue(self.written("refused"))
        self.assertEqual({line["erro"] for line in self.written("refused")}, {"canal_inexistente"})

    def test_not_taken(self):
        """It ends with the board's sentence and status 1."""
        said = []
        self.patch(ending, "fail", lambda _reactor, sentence: said.append(sentence))
        self.board.refusal = Refusal(Code.FULL)
        self.begin()
        self.pass_time(1)
        self.assertEqual(
            said, ["bot: the board does not take it: This board has reached its limit of names."]
        )


class Stops(Memory):
    def test_settles_first(self):
        """What was under way is acknowledged and read before it ends; the last line says that nothing is left."""
        self.begin(rate=20.0)
        self.pass_time(2)
        self.loses = True
        self.pass_time(0.5)
        written = len(self.bot.bot.unsettled())
        self.assertGreater(written, 5)
        stopped = self.bot.stopService()
        self.assertNoResult(stopped)
        self.loses = False
        self.bot = None
        self.pass_time(2.5)
        self.successResultOf(stopped)
        self.assertEqual(self.written("unsettled"), [])
        self.assertIn("The bot ana ends; unsettled=0", self.lines)
        self.assertEqual(len(self.written("read")), len(self.stored()))

    def test_ends_all_the_same(self):
        """With nobody answering: within its bound, and it says what it does not know about."""
        self.begin(rate=20.0)
        self.pass_time(2)
        self.loses = True
        self.pass_time(2)
        left = dict(self.bot.bot.unsettled())
        stopped = self.bot.stopService()
        self.bot = None
        self.pass_time(4)
        self.successResultOf(stopped)
        self.assertEqual({line["id"] for line in self.written("unsettled")}, set(left))
        self.assertIn(f"The bot ana ends; unsettled={len(left)}", self.lines)

    def test_before_it_has_joined(self):
        self.loses = True
        self.begin()
        self.pass_time(1)
        stopped, self.bot = self.bot.stopService(), None
        self.successResultOf(stopped)


class JournalTests(Memory):
    def test_cannot_be_opened(self):
        self.patch(ending, "say", self.lines.append)
        with self.assertRaises(StartError):
            self.begin(journal=self.journal / "none")
        self.bot = None
        self.assertTrue(any("the journal cannot be written" in line for line in self.lines))

    def test_cannot_be_written(self):
        """The bot ends: what it was to prove it cannot."""
        said = []
        self.patch(ending, "fail", lambda _reactor, sentence: said.append(sentence))
        self.begin(journal=Path("/dev/full"))
        self.pass_time(3)
        self.stop()
        self.assertEqual(len(said), 1)
        self.assertIn("bot: the journal cannot be written", said[0])

    def test_goes_on_where_it_was(self):
        """A file that is there is added to."""
        for _ in range(2):
            self.begin(rate=1.0)
            self.pass_time(2.5)
            self.stop()
            self.network.sockets.all[:] = [self.router, self.publisher]
        self.assertEqual(len(self.written("began")), 2 * 4)

    def test_without(self):
        self.begin(seconds=1.0)
        self.bot._journal = Journal(None)
        self.pass_time(3)
        self.assertGreater(self.bot.bot.counters.posts, 5)
