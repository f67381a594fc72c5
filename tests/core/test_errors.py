"""The catalogue of refusals."""

import re
import string

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.errors import BY_WORD, ENGLISH, PORTUGUESE, REASON_BY_WORD, Code, Reason, Refusal

INDEFINITE = {Code.ID_EXPIRED, Code.TIMED_OUT, Code.UNSPECIFIED}


class Catalogue(SynchronousTestCase):
    def texts(self):
        """Every code, word and sentence that a reply may carry."""
        for code in Code:
            yield from (code.value.code, code.value.portuguese, code.value.english)
        for reason in Reason:
            yield from reason.value
        for code in Code:
            for reason in (None, *Reason):
                for language in (PORTUGUESE, ENGLISH):
                    yield Refusal(code, "canal", reason).sentence(language)

    def test_no_text_has_a_word_of_success(self):
        for text in self.texts():
            self.assertNotIn("OK", text)
            self.assertNotIn("sucesso", text.lower())

    def test_words_are_stable_identifiers_each_once(self):
        for words in ([code.value.code for code in Code], [reason.word for reason in Reason]):
            self.assertEqual(len(words), len(set(words)))
            for word in words:
                self.assertTrue(re.fullmatch(r"[a-z_]+", word), word)

    def test_each_code_is_found_by_its_word(self):
        for code in Code:
            self.assertIs(BY_WORD[code.value.code], code)
        for reason in Reason:
            self.assertIs(REASON_BY_WORD[reason.word], reason)

    def test_both_languages_name_the_same_particulars(self):
        for code in Code:
            names = [
                {name for _, name, _, _ in string.Formatter().parse(text) if name}
                for text in (code.value.portuguese, code.value.english)
            ]
            self.assertEqual(names[0], names[1])
            self.assertLessEqual(names[0], {"campo", "motivo"})

    def test_sentences_are_whole(self):
        for code in Code:
            for language in (PORTUGUESE, ENGLISH):
                sentence = Refusal(code, "canal", Reason.EMPTY).sentence(language)
                self.assertTrue(sentence[0].isupper() and sentence.endswith("."), sentence)
                self.assertNotIn("{", sentence)

    def test_only_what_may_yet_take_effect_is_indefinite(self):
        self.assertEqual({code for code in Code if not code.value.definite}, INDEFINITE)


class Refusals(SynchronousTestCase):
    def test_definite_as_the_catalogue_says_unless_told(self):
        self.assertTrue(Refusal(Code.NO_LEADER).definite)
        self.assertFalse(Refusal(Code.TIMED_OUT).definite)
        self.assertFalse(Refusal(Code.NO_LEADER, definite=False).definite)

    def test_a_refusal_is_a_value(self):
        one, same = Refusal(Code.FULL, "user"), Refusal(Code.FULL, "user")
        self.assertEqual(one, same)
        self.assertEqual(hash(one), hash(same))
        self.assertNotEqual(one, Refusal(Code.FULL, "canal"))

    def test_its_field_is_no_template(self):
        self.assertIn("{motivo}", Refusal(Code.INVALID_FIELD, "{motivo}", Reason.EMPTY).sentence())

    def test_it_tells_people_what_it_is(self):
        self.assertEqual(str(Refusal(Code.NO_SUCH_CHANNEL)), "canal_inexistente: There is no such channel.")

    def test_as_a_value_it_holds_no_frames(self):
        try:
            try:
                raise ValueError
            except ValueError:
                raise Refusal(Code.MALFORMED) from None
        except Refusal as refusal:
            value = refusal.as_value()
        self.assertIsNone(value.__traceback__)
        self.assertIsNone(value.__context__)
        self.assertEqual(value, Refusal(Code.MALFORMED))
