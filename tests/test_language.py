"""Sentences in two languages, by the words of the environment."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.language import Complaint, Language

GREETING = "Welcome back, {user}."


class Choosing(SynchronousTestCase):
    def test_by_the_environment(self):
        for environment, expected in (
            ({}, "en"),
            ({"LANG": "pt_BR.UTF-8"}, "pt"),
            ({"LANG": "pt_BR.UTF-8", "LC_ALL": "C"}, "en"),
            ({"LANG": "C", "LC_MESSAGES": "pt_PT"}, "pt"),
            ({"LANG": "", "LC_ALL": ""}, "en"),
        ):
            self.assertEqual(Language.of(environment).code, expected)

    def test_there_are_two(self):
        self.assertRaises(ValueError, Language, "fr")


class Saying(SynchronousTestCase):
    def test_each_language(self):
        self.assertEqual(Language("en").say(GREETING, user="ana"), "Welcome back, ana.")
        self.assertEqual(Language("pt").say(GREETING, user="ana"), "Que bom ver você de novo, ana.")

    def test_what_is_in_no_catalogue_stays_english(self):
        self.assertEqual(Language("pt").say("no {thing} at all", thing="cat"), "no cat at all")

    def test_braces_of_others(self):
        """What comes in as a value, or without any, is never read as a place."""
        self.assertEqual(Language("en").say(GREETING, user="{x}"), "Welcome back, {x}.")
        self.assertEqual(Language("en").say("a {b}"), "a {b}")

    def test_count(self):
        for code in ("en", "pt"):
            language = Language(code)
            said = [
                language.count("{number} cat of {who}", "{number} cats of {who}", number, who="bo")
                for number in (1, 2)
            ]
            self.assertEqual(said, ["1 cat of bo", "2 cats of bo"])

    def test_complaints(self):
        complaint = Complaint(GREETING, user="ana")
        self.assertEqual(str(complaint), "Welcome back, ana.")
        self.assertEqual(Language("pt").tell(complaint), "Que bom ver você de novo, ana.")
        self.assertEqual(str(Complaint("a {b}")), "a {b}")
