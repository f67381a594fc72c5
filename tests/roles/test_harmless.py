"""Somebody else's words, written out where they command or deceive."""

import unicodedata

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles.harmless import harmless

ANYTHING = settings(deadline=None, max_examples=200, derandomize=True)
HOSTILE = st.text(
    st.characters() | st.sampled_from("\x1b\x07\x9b\r\n\t\x00\u202e\u2066\u200b\u2028\ufeff"), max_size=40
)


class Harmless(SynchronousTestCase):
    def test_escapes(self):
        self.assertEqual(harmless("\x1b[2J\x07\x9b31m\x7f"), "\\x1b[2J\\x07\\x9b31m\\x7f")

    def test_directions(self):
        self.assertEqual(harmless("a\u202eb\u2066c\u200bd"), "a\\u202eb\\u2066c\\u200bd")

    def test_invisible(self):
        """What has no width, or looks like a blank, would make a name look like another one."""
        for (
            character
        ) in "\xad\u034f\u115f\u1160\u180e\u200d\u2060\u2800\u3164\ufe0f\ufeff\uffa0\U0001d173\U000e0100":
            self.assertNotIn(character, harmless(f"ana{character}"), ascii(character))

    def test_plain(self):
        """Letters, signs and emoji of any language stay as they are."""
        for text in ("olá, çãõ", "日本語", "✓ 😀 ❤\ufe0f 1\ufe0f\u20e3", "a b", "\\n"):
            self.assertEqual(harmless(text), text)

    @ANYTHING
    @given(HOSTILE)
    def test_anything(self, text):
        """No control, format, line or surrogate character comes through that could command or deceive."""
        for character in harmless(text):
            self.assertNotIn(unicodedata.category(character), {"Cc", "Cs", "Zl", "Zp"})
            self.assertNotIn(
                unicodedata.bidirectional(character),
                {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"},
            )
