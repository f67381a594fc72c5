"""A session without a terminal: what a test types, and what it would see."""

import re
import tempfile
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.instant import Instant
from bulletin.language import Language
from bulletin.roles.client.interactive.look import Look, plain
from bulletin.roles.client.interactive.service import Interactive, Setting
from bulletin.roles.client.interactive.voice import Voice
from bulletin.roles.client.link import Reach, Refused
from tests.roles.client.board import WALL, FakeBoard, MemorySockets, Screen

BROKER = "tcp://127.0.0.1:1"
PROXY = "tcp://127.0.0.1:2"


class Shown:
    """A display that remembers."""

    width = 80

    def __init__(self):
        self.lines = []
        self.errors = []

    def show(self, rows, *, aside=False):
        for row in rows:
            (self.errors if row and row[0][0] == "error" else self.lines).append(plain(row))

    def changed(self):
        pass


class Seated(Interactive):
    """A session that begins, and then does what the test types."""

    def __init__(self, *arguments, terminal, **further):
        super().__init__(*arguments, **further)
        self.terminal = terminal
        self.display = Shown()
        self.failed = None

    async def run(self):
        setting = self.setting
        look = Look(setting.user, brief=self.terminal)
        voice = Voice(self.display, setting.language, look, self.now, terminal=self.terminal)
        session = self.make_session(setting.user, voice)
        try:
            await session.begin()
        except Refused as refused:
            self.failed = voice.reason(refused.refusal)
        await Deferred()


class SessionTestCase(SynchronousTestCase):
    """A board in memory, and sessions of it; by default the user is ana, at a terminal."""

    def setUp(self):
        self.board = FakeBoard()
        self.sockets = MemorySockets(self.board)
        self.clock = Clock()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.seat = None
        self.sessions = 0
        self.statuses = []
        self.up = True
        self.told = []
        """The sockets for publications that have been told how they are connected."""
        self.addCleanup(self.leave)

    def begin(self, user="ana", *, language="en", terminal=True, connected=True):
        """Start a session, and let the board answer."""
        self.leave()
        self.sockets.dealers.clear()
        self.sockets.subscribers.clear()
        self.sessions += 1
        number = self.sessions
        setting = Setting(
            Reach((BROKER,), (PROXY,), 5.0),
            user,
            Language(language),
            Screen().console,
            {"XDG_STATE_HOME": str(self.folder)},
        )
        self.seat = Seated(
            setting,
            self.statuses.append,
            terminal=terminal,
            random_bytes=lambda size: number.to_bytes(size, "big"),
            sockets=self.sockets,
            reactor=self.clock,
            instant=lambda: Instant(self.clock.seconds(), WALL + self.clock.seconds()),
        )
        self.up = connected
        self.sockets.away = set() if connected else {BROKER}
        self.seat.startService()
        if connected:
            self.link(True)
        self.pass_time(0.1)
        return self.seat.session

    @property
    def session(self):
        return self.seat.session

    def leave(self):
        """End the session, as SIGTERM would."""
        if self.seat is not None:
            self.successResultOf(self.seat.stopService())
            self.seat = None
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def crash(self):
        """End it as ``kill -9`` would: nothing is written down any more."""
        self.seat.session.close = self.seat.session.sending.close
        self.leave()

    def link(self, up):
        """Broker and proxy are connected, or no longer."""
        self.up = up
        self.sockets.away = set() if up else {BROKER}
        for socket in [*self.sockets.dealers, *self.sockets.subscribers]:
            socket.linked(up)

    def pass_time(self, seconds):
        for _ in range(max(1, round(seconds / 0.05))):
            self.clock.advance(0.05)
            self.sockets.turn()
            for subscriber in self.sockets.subscribers:
                if subscriber not in self.told:
                    self.told.append(subscriber)
                    subscriber.linked(self.up)

    def type(self, *lines, seconds=0.1):
        """Type lines, and let the board answer."""
        for line in lines:
            self.session.typed(line)
        self.sockets.turn()
        self.pass_time(seconds)

    @property
    def lines(self):
        return self.seat.display.lines

    @property
    def errors(self):
        return self.seat.display.errors

    def texts(self):
        """The texts of the posts that were shown."""
        return [line.split(": ", 1)[1] for line in self.lines if re.search(r" L\d+ ", line)]

    def publish(self, channel, *messages, user="bob"):
        """Somebody else posts, and it is published."""
        self.sockets.publish(*self.board.write(channel, *messages, user=user))
