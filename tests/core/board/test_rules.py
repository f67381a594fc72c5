"""What is a valid name, text or id."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board import rules
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import ID_BYTES_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]


class RulesCase(SynchronousTestCase):
    def refused(self, rule, value, reason, code=Code.INVALID_FIELD):
        refusal = self.assertRaises(Refusal, rule, value, "campo")
        self.assertEqual(
            (refusal.code, refusal.field, refusal.reason), (code, "campo", reason), repr(value)[:60]
        )


class Every(RulesCase):
    LONGEST = (
        (rules.name, NAME_BYTES_MAX),
        (rules.message, MESSAGE_BYTES_MAX),
        (rules.operation_id, ID_BYTES_MAX),
    )

    def test_what_is_no_string_is_refused(self):
        for rule, _ in self.LONGEST:
            for value in (1, 1.5, True, b"ana", [], {}, ["ana"]):
                self.refused(rule, value, Reason.WRONG_TYPE)

    def test_what_is_missing_or_empty_is_refused(self):
        for rule, _ in self.LONGEST:
            self.refused(rule, None, Reason.MISSING)
            self.refused(rule, "", Reason.EMPTY)

    def test_lengths_are_counted_in_bytes(self):
        for rule, most in self.LONGEST:
            self.assertEqual(rule("x" * most, "f"), "x" * most)
            self.assertEqual(rule("é" * (most // 2), "f"), "é" * (most // 2))
            self.refused(rule, "x" * (most + 1), Reason.TOO_LONG)
            self.refused(rule, "é" * (most // 2) + "x", Reason.TOO_LONG)
            self.refused(rule, "😀" * (most // 4) + "x", Reason.TOO_LONG)

    def test_lone_surrogates_are_refused(self):
        for rule, _ in self.LONGEST:
            for value in ("\ud800", "a\udfff", "\udcff\udcfe"):
                self.refused(rule, value, Reason.NOT_UNICODE)

    def test_any_language_passes_unchanged(self):
        for rule, _ in self.LONGEST:
            for value in ("ana", "olá ✓", "日本語", "e\u0301", "😀", "a b", " a", "x'\"\\;--"):
                self.assertEqual(rule(value, "f"), value)


class Names(RulesCase):
    def test_no_control_characters(self):
        for rule in (rules.name, rules.operation_id):
            for control in CONTROLS:
                self.refused(rule, f"a{control}b", Reason.CONTROL_CHARACTER)

    def test_blanks_are_no_name(self):
        for value in (" ", "   ", "\u3000"):
            self.refused(rules.name, value, Reason.EMPTY)

    def test_reserved_names_are_nobodys_own(self):
        for value in ("servers", "replication", "replicate", "replica"):
            self.refused(rules.own_name, value, None, Code.RESERVED_NAME)
            self.assertEqual(rules.name(value, "f"), value)
        self.assertEqual(rules.own_name("Servers", "f"), "Servers")

    def test_no_name_is_a_topic_of_the_boards_own(self):
        self.refused(rules.own_name, "\0heads", Reason.CONTROL_CHARACTER)


class Messages(RulesCase):
    def test_tab_and_line_ends_belong(self):
        self.assertEqual(rules.message("a\tb\r\nc\n", "f"), "a\tb\r\nc\n")
        self.assertEqual(rules.message("\n", "f"), "\n")

    def test_no_other_control_characters(self):
        for control in set(CONTROLS) - set("\t\n\r"):
            self.refused(rules.message, f"a{control}b", Reason.CONTROL_CHARACTER)


VALUES = st.none() | st.booleans() | st.integers() | st.binary() | st.text(max_size=200) | st.lists(st.text())


class Properties(SynchronousTestCase):
    @given(VALUES | st.text(alphabet=st.characters(categories=["Cc", "Cs", "Lu", "So"])))
    @settings(deadline=None, max_examples=200, derandomize=True, database=None)
    def test_what_passes_is_safe_to_store(self, value):
        for rule in (rules.name, rules.own_name, rules.message, rules.operation_id):
            try:
                taken = rule(value, "f")
            except Refusal:
                continue
            self.assertIs(taken, value)
            self.assertLessEqual(1, len(taken.encode("utf-8")))
            self.assertNotIn("\0", taken)
