"""What bots say can be stored, differs, and carries its number."""

from random import Random

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board import rules
from bulletin.core.bot import texts

SEEDS = st.integers(0, 10**18)


class TextTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=50)
    @given(SEEDS, st.integers(1, 10**9))
    def test_posts(self, seed, number):
        text = texts.post(Random(seed), number)
        self.assertEqual(rules.message(text, "message"), text)
        self.assertTrue(text.endswith(f" (#{number})"))
        self.assertNotIn("{", text)
        self.assertEqual(text, texts.post(Random(seed), number))

    @settings(deadline=None, derandomize=True, max_examples=50)
    @given(SEEDS)
    def test_private(self, seed):
        text = texts.private(Random(seed), 3, "ana{0}", "geral")
        self.assertTrue(text.endswith(" (#3)"))
        self.assertEqual(text, texts.private(Random(seed), 3, "ana{0}", "geral"))

    def test_both_languages_and_some_variety(self):
        rng = Random(1)
        said = [texts.post(rng, 0) for _ in range(500)]
        self.assertGreater(len(set(said)), 50)
        self.assertTrue(any("Does anybody" in text for text in said))
        self.assertTrue(any("Alguém" in text for text in said))

    @settings(deadline=None, derandomize=True, max_examples=50)
    @given(SEEDS)
    def test_names(self, seed):
        name = texts.drawn_name(Random(seed))
        self.assertEqual(rules.own_name(name, "user"), name)

    def test_other_names(self):
        self.assertEqual(texts.other_name("ana", 2), "ana-2")
        long = texts.other_name("ã" * 32, 3)
        self.assertEqual(rules.own_name(long, "user"), "ã" * 31 + "-3")

    def test_channels(self):
        for channel in texts.CHANNELS:
            rules.own_name(channel, "canal")
        self.assertEqual(len(set(texts.CHANNELS)), len(texts.CHANNELS))
