"""How results look; above all, that nobody else's text commands or deceives a terminal."""

import errno
import json
import unicodedata
from datetime import UTC

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.streams import Stream
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.wire.publications import Published
from bulletin.core.wire.replies import Posted, Receipt
from bulletin.language import Language
from bulletin.roles.client.show import CONTINUED, Console, Human, Json, refusal_words
from tests.roles.client.board import Screen

ENGLISH, PORTUGUESE = Language("en"), Language("pt")
PUBLISHED = "Published as number {seq} of {stream}."
ANYTHING = settings(deadline=None, max_examples=200, derandomize=True)
HOSTILE = st.text(
    st.characters() | st.sampled_from("\x1b\x07\x9b\r\n\t\x00\u202e\u2066\u200b\u2028\ufeff"), max_size=40
)


def post(message, *, user="bob", stream="geral", received=1_700_000_000.0):
    return Published(StreamKind.CHANNEL, stream, 3, "b:1", user, message, 1.0, None, 103, received, 0.5)


class ForPeople(SynchronousTestCase):
    def setUp(self):
        self.screen = Screen()
        self.show = Human(self.screen.console, ENGLISH, UTC)

    def test_post(self):
        self.show.post(post("oi"))
        self.show.post(post("oi"), stream=True)
        self.assertEqual(
            self.screen.lines,
            ["#3 2023-11-14 22:13:20 bob: oi", "geral #3 2023-11-14 22:13:20 bob: oi"],
        )

    def test_lines(self):
        """A text of several lines cannot look like several posts."""
        self.show.post(post("one\n#4 2023-11-14 22:13:21 eva: two\r\n\tthree\u2028four"))
        first, *rest = self.screen.lines
        self.assertEqual(first, "#3 2023-11-14 22:13:20 bob: one")
        self.assertEqual(len(rest), 3)
        self.assertTrue(all(line.startswith(CONTINUED) for line in rest))

    @ANYTHING
    @given(HOSTILE, HOSTILE)
    def test_anything(self, message, user):
        screen = Screen()
        Human(screen.console, ENGLISH, UTC).post(post(message, user=user))
        text = screen.out.getvalue().decode()
        first, *rest = text.removesuffix("\n").split("\n")
        self.assertTrue(first.startswith("#3 2023"))
        self.assertTrue(all(line.startswith(CONTINUED) for line in rest))
        self.assertFalse([c for c in text if unicodedata.category(c) == "Cc" and c != "\n"])

    def test_times(self):
        """A time that no calendar has is shown as it is."""
        self.show.post(post("oi", received=1e17))
        self.assertEqual(self.screen.lines, ["#3 1e+17 bob: oi"])

    def test_bell(self):
        self.show.post(post(None))
        self.assertEqual(len(self.screen.lines), 1)

    def test_sentences(self):
        """Both languages, and nobody's name as it is."""
        for language in (ENGLISH, PORTUGUESE):
            show = Human(self.screen.console, language)
            show.logged_in("a\x1b", existing=False)
            show.logged_in("a\x1b", existing=True)
            show.created("a\x1b", existing=False)
            show.created("a\x1b", existing=True)
            show.names("user", ["a\x1b"])
            show.posted(PUBLISHED, "a\x1b", Posted("i", 3, Receipt(9, 2, bytes(2))))
            show.reset(Stream(StreamKind.CHANNEL, "a\x1b"), 9, 3)
            show.more("--before", 9)
        lines = self.screen.lines + self.screen.complaints
        self.assertEqual(len(lines), len(set(lines)) + 1)
        self.assertEqual(len(lines), 18)
        self.assertFalse([line for line in lines if "\x1b" in line])

    def test_refusals(self):
        """The sentence in the person's language; and whether it may have taken effect."""
        self.assertEqual(
            refusal_words(Refusal(Code.NO_SUCH_CHANNEL), "", ENGLISH), "There is no such channel."
        )
        self.assertEqual(refusal_words(Refusal(Code.NO_SUCH_CHANNEL), "x", PORTUGUESE), "O canal não existe.")
        self.assertIn(
            "message", refusal_words(Refusal(Code.INVALID_FIELD, "message", Reason.EMPTY), "", ENGLISH)
        )
        unknown = refusal_words(Refusal(Code.NO_LEADER, definite=False), "", ENGLISH)
        self.assertTrue(unknown.endswith("Whether it took effect is not known."))
        self.assertEqual(
            refusal_words(Refusal(Code.TIMED_OUT), "", ENGLISH),
            "The board did not learn the outcome in time. Whether it took effect is not known.",
        )
        self.assertEqual(
            refusal_words(Refusal(Code.UNSPECIFIED, definite=True), "New\x1b!", ENGLISH), "New\\x1b!"
        )

    def test_how_to_settle_a_doubt(self):
        """By the id, as a shell takes it, where there is one; never after what is certain."""
        doubt = refusal_words(Refusal(Code.NO_LEADER, definite=False), "", ENGLISH, "it's")
        self.assertIn("""--id 'it'"'"'s' before""", doubt)
        self.assertNotIn("--id", refusal_words(Refusal(Code.NO_LEADER), "", ENGLISH, "x:1"))


class ForPrograms(SynchronousTestCase):
    def setUp(self):
        self.screen = Screen()
        self.show = Json(self.screen.console, ENGLISH)

    @property
    def objects(self):
        return [json.loads(line) for line in self.screen.lines]

    def test_objects(self):
        self.show.logged_in("ana", existing=True)
        self.show.created("geral", existing=False)
        self.show.names("channel", ["geral", "outro"])
        self.show.posted(PUBLISHED, "geral", Posted("i:1", 3, Receipt(9, 2, b"\xab")))
        self.show.more("--before", 7)
        self.show.reset(Stream(StreamKind.CHANNEL, "geral"), 9, 3)
        self.assertEqual(
            self.objects,
            [
                {"user": "ana", "existente": True},
                {"channel": "geral", "existente": False},
                {"channel": "geral"},
                {"channel": "outro"},
                {"id": "i:1", "seq": 3, "recibo": {"indice": 9, "termo": 2, "hash": "ab"}},
                {"type": "more", "before": 7},
                {"type": "reset", "channel": "geral", "cursor": 9, "head": 3},
            ],
        )

    def test_post(self):
        """The shape of the wire."""
        self.show.post(post("o\x1bi\n"), stream=True)
        (line,) = self.screen.lines
        self.assertTrue(line.isascii() and line.isprintable())
        (item,) = self.objects
        self.assertEqual(
            (item["type"], item["message"], item["seq"], item["canal"]), ("channel", "o\x1bi\n", 3, "geral")
        )

    def test_refusal(self):
        """An object for the program, and the sentence for whoever looks."""
        self.show.refused(Refusal(Code.TIMED_OUT), "")
        (item,) = self.objects
        self.assertEqual((item["erro"], item["definitivo"]), ("tempo_esgotado", False))
        self.assertEqual(self.screen.complaints, [item["description"]])
        self.assertNotIn("id", item)

    def test_refusal_of_a_post(self):
        """The id with which it can be settled, if there is a doubt."""
        self.show.refused(Refusal(Code.TIMED_OUT), "", "x:1")
        self.show.refused(Refusal(Code.NO_SUCH_CHANNEL), "", "x:2")
        self.assertEqual([item.get("id") for item in self.objects], ["x:1", None])

    def test_notice(self):
        self.show.notice("{channel}: the board is back.", channel="geral")
        self.assertEqual((self.screen.lines, len(self.screen.complaints)), ([], 1))


class Outputs(SynchronousTestCase):
    def test_encoding(self):
        """What the terminal's encoding lacks is written out."""
        screen = Screen()
        screen.console.encoding = "ascii"
        screen.console.line("olá ✓")
        self.assertEqual(screen.lines, ["ol\\xe1 \\u2713"])

    def test_lost(self):
        """Nobody reads any more: remembered, not raised."""

        class Broken:
            def write(self, data):
                raise BrokenPipeError(errno.EPIPE, "broken")

            def flush(self):
                raise AssertionError

        console = Console(Broken(), Broken())
        console.line("x")
        self.assertEqual(console.lost.errno, errno.EPIPE)
        console.line("y")
        console.complain("z")
        other = Console(Broken(), Broken())
        other.complain("z")
        self.assertIsNone(other.lost)
