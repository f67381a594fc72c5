"""Sessions at a pipe: each line is carried out to its end, and the exit status says what came of it."""

import io

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.streams import Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Code, Refusal
from bulletin.language import Language
from bulletin.roles.client.interactive.plain import LINE_BYTES_MAX, Lines
from bulletin.roles.client.interactive.service import Scripted, Setting
from bulletin.roles.client.link import Reach
from tests.roles.client.board import WALL, Screen
from tests.roles.client.interactive.seat import BROKER, PROXY, SessionTestCase

GERAL = Stream(StreamKind.CHANNEL, "geral")


class ScriptedTests(SessionTestCase):
    def script(self, *lines, user="ana", language="en", seconds=1.0, each=lambda text: text):
        """Carry lines out; gives the status, or None if it has not ended."""
        self.leave()
        self.sockets.dealers.clear()
        self.sockets.subscribers.clear()
        self.screen = Screen()
        self.sessions += 1
        number = self.sessions
        self.statuses.clear()
        setting = Setting(
            Reach((BROKER,), (PROXY,), 5.0),
            user,
            Language(language),
            self.screen.console,
            {"XDG_STATE_HOME": str(self.folder)},
        )
        self.left = list(lines)
        self.seat = Scripted(
            setting,
            self.statuses.append,
            random_bytes=lambda size: number.to_bytes(size, "big"),
            sockets=self.sockets,
            reactor=self.clock,
            instant=lambda: Instant(self.clock.seconds(), WALL + self.clock.seconds()),
        )
        self.seat.next_line = lambda: succeed(each(self.left.pop(0)) if self.left else None)
        self.seat.startService()
        self.link(True)
        self.pass_time(seconds)
        return self.statuses[0] if self.statuses else None

    @property
    def errors(self):
        """What is said besides greetings."""
        return [line for line in self.screen.complaints if "ana" not in line and "What you type" not in line]

    def posts(self):
        return [line.partition(": ")[2] for line in self.screen.lines if " L" in line]

    def test_all_done(self):
        """In order, each to its end; what was posted is shown."""
        self.board.write("geral", "um")
        self.assertEqual(self.script("/entrar geral", "oi", "", "/msg bob psst", "tchau"), 0)
        self.assertEqual(self.posts(), ["um", "oi", "psst", "tchau"])
        self.assertEqual(len(self.screen.lines), 4)
        self.assertEqual(
            self.screen.complaints, ["ana is registered now.", "What you type is posted in geral now."]
        )

    def test_refused(self):
        """What was refused is on standard error; the rest is done, but not in a channel that was not meant."""
        self.board.write("geral", "um")
        self.assertEqual(self.script("/join geral", "/join geal", "segredo", "/join geral", "oi"), 1)
        self.assertEqual(self.posts(), ["um", "oi"])
        self.assertEqual(len(self.errors), 2)
        self.assertTrue(self.errors[1].endswith("Not posted: segredo"))

    def test_quit(self):
        self.assertEqual(self.script("/fim", "/nada"), 0)
        self.assertEqual(self.left, ["/nada"])

    def test_nobody_answers_at_first(self):
        self.sockets.away = {BROKER}
        self.link = lambda up: None
        self.assertIsNone(self.script("oi", seconds=4))
        self.pass_time(2)
        self.assertEqual(self.statuses, [3])
        self.assertIn("No broker answered within 5 s (tcp://127.0.0.1:1).", self.errors)

    def test_cannot_be_logged_in(self):
        self.board.refusal = Refusal(Code.NAME_IN_USE)
        self.assertEqual(self.script("oi"), 1)
        self.assertEqual(self.errors, ["A user and a channel cannot have the same name."])

    def test_not_settled(self):
        """A line of which nobody knows is kept, and sent by the next session, once; the lines behind it are not read."""
        self.board.write("geral", "um")

        def cut_off(text):
            if text == "oi":
                self.sockets.away = {BROKER}
            return text

        self.assertEqual(self.script("/join geral", "oi", "mais", seconds=8, each=cut_off), 3)
        self.assertEqual(
            self.errors,
            [
                "The connection is lost: no broker answers.  What you write is kept until it is back.",
                "1 line is kept, and sent when the next session begins.",
            ],
        )
        self.assertEqual(self.left, ["mais"])
        self.assertEqual(self.script("/join geral"), 0)
        self.assertEqual([post.message for post in self.board.posts[GERAL]], ["um", "oi"])

    def test_acknowledged_and_not_to_be_read(self):
        """A post that is there is not waited for without end."""
        self.board.write("geral", "um")

        def each(text):
            if text == "oi":
                self.board.page = lambda _: Refusal(Code.NO_LEADER)
            return text

        self.assertIsNone(self.script("/join geral", "oi", "tchau", each=each, seconds=4))
        self.pass_time(8)
        self.assertEqual(self.statuses, [0])
        self.assertEqual(
            self.screen.lines[1:], ["Posted as number 2 of geral.", "Posted as number 3 of geral."]
        )

    def test_the_reader_leaves(self):
        """Whoever read the output has seen enough."""
        self.script(*["/users"] * 3, seconds=0.05)
        self.seat.setting.console.lost = BrokenPipeError()
        self.pass_time(0.2)
        self.assertEqual(self.statuses, [0])


class LinesTests(SynchronousTestCase):
    def read(self, data, encoding="utf-8"):
        lines = Lines(io.BytesIO(data), encoding, None)
        found = []
        while (line := lines._read()) is not None:
            found.append(line)
        return found

    def test_ends(self):
        self.assertEqual(self.read(b"a\r\n\nb"), ["a", "", "b"])
        self.assertEqual(self.read("olá\n".encode("latin-1"), "latin-1"), ["olá"])
        self.assertEqual(self.read(b"\xff\n"), ["\udcff"])
        self.assertEqual(self.read(b""), [])

    def test_long(self):
        """Cut, and the next line is the next line."""
        first, second = self.read(b"x" * (3 * LINE_BYTES_MAX) + b"\nb\n")
        self.assertEqual((len(first), second), (LINE_BYTES_MAX, "b"))

    def test_unreadable(self):
        class Gone:
            def readline(self, _):
                raise OSError

        self.assertIsNone(Lines(Gone(), "utf-8", None)._read())
