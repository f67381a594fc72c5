"""How posts look, on a terminal and in a pipe."""

from datetime import UTC

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.outbox import Line
from bulletin.core.wire.publications import Published
from bulletin.core.wire.requests import Publish, Send
from bulletin.roles.client.interactive.look import (
    SHOWN_CHARACTERS_MAX,
    SHOWN_LINES_MAX,
    Look,
    columns,
    plain,
    summary,
)
from bulletin.roles.harmless import harmless

NOW = 1_700_000_000.0


def post(message="oi", *, user="bia", stream="geral", kind=StreamKind.CHANNEL, received=NOW):
    return Published(kind, stream, 3, "b:1", user, message, 1.0, None, 103, received, 0.5)


class Posts(SynchronousTestCase):
    def setUp(self):
        self.look = Look("ana", brief=True, zone=UTC)

    def lines(self, shown, look=None):
        return [plain(row) for row in (look or self.look).post(shown, NOW, "(more)")]

    def test_all_of_it(self):
        """Channel, number, time, Lamport clock, author, text; without the date today, at a terminal."""
        self.assertEqual(self.lines(post()), ["geral #3 22:13:20 L103 bia: oi"])
        self.assertEqual(
            self.lines(post(received=NOW - 86_400)), ["geral #3 2023-11-13 22:13:20 L103 bia: oi"]
        )
        full = Look("ana", brief=False, zone=UTC)
        self.assertEqual(self.lines(post(), full), ["geral #3 2023-11-14 22:13:20 L103 bia: oi"])

    def test_private(self):
        """With whom, in either direction."""
        to_me = post(stream="ana", kind=StreamKind.INBOX)
        self.assertEqual(self.lines(to_me), ["@bia #3 22:13:20 L103 bia: oi"])
        from_me = post(stream="bia", user="ana", kind=StreamKind.INBOX)
        self.assertEqual(self.lines(from_me), ["@bia #3 22:13:20 L103 ana: oi"])

    def test_several_lines(self):
        self.assertEqual(self.lines(post("um\ndois"))[1:], ["    | dois"])

    def test_long_texts(self):
        """Cut at a terminal, with how to see the rest; whole in a pipe."""
        full = Look("ana", brief=False)
        for text in ("x" * (SHOWN_CHARACTERS_MAX + 1), "\n".join("x" * (SHOWN_LINES_MAX + 1))):
            lines = self.lines(post(text))
            self.assertEqual(lines[-1], "    | (more)")
            self.assertLess(sum(map(len, lines)), SHOWN_CHARACTERS_MAX + 100)
            self.assertEqual("".join(self.lines(post(text), full)).count("x"), text.count("x"))

    def test_strange_times(self):
        self.assertIn("1e+300", self.lines(post(received=1e300))[0])

    def test_authors(self):
        """One's own posts look different; another's always the same."""
        self.assertEqual(self.look.author("ana"), "own")
        self.assertEqual(self.look.author("bia"), self.look.author("bia"))

    @settings(deadline=None, max_examples=200, derandomize=True)
    @given(*[st.text(st.characters() | st.sampled_from("\x1b\r\n\x9b\u202e\u200b"), max_size=30)] * 3)
    def test_hostile(self, user, stream, text):
        """Nobody's name or text commands a terminal, or looks like the next post."""
        first, *rest = self.lines(post(text, user=user or "x", stream=stream or "x"))
        for line in (first, *rest):
            self.assertEqual(line, harmless(line))
        for line in rest:
            self.assertTrue(line.startswith("    | "))


class Rows(SynchronousTestCase):
    def test_waiting(self):
        self.assertEqual(summary(Line("a:1", Publish("ana", "geral", "um\ndois"))), "geral: um dois")
        self.assertEqual(summary(Line("a:1", Send("ana", "bia", "oi"))), "@bia: oi")
        self.assertLess(len(summary(Line("a:1", Publish("ana", "geral", "x" * 999)))), 80)

    def test_columns(self):
        shown = [plain(row) for row in columns(["a", "bb", "c", "d"], 9)]
        self.assertEqual(shown, ["a   bb", "c   d"])
        self.assertEqual(columns([], 9), [])
        self.assertEqual([plain(row) for row in columns(["x" * 50], 9)], ["x" * 50])
