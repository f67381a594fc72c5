"""What typed lines mean."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.language import Complaint, Language
from bulletin.roles.client.interactive.lines import (
    BY_WORD,
    COMMANDS,
    CREATE,
    HISTORY,
    JOIN,
    LEAVE,
    MESSAGE,
    SAY,
    Order,
    Place,
    Say,
    quoted,
    understand,
)

ENGLISH, PORTUGUESE = Language("en"), Language("pt")


class Understood(SynchronousTestCase):
    def means(self, line, meaning):
        self.assertEqual(understand(line, ENGLISH), meaning)

    def wrong(self, line, language=ENGLISH):
        complaint = understand(line, language)
        self.assertIsInstance(complaint, Complaint, line)
        return language.tell(complaint)

    def test_texts(self):
        """As they were typed, blanks included."""
        self.means(" oi  mundo ", Say(" oi  mundo "))
        self.means("a /b", Say("a /b"))
        self.means("//b", Say("/b"))
        self.means("um\n/dois", Say("um\n/dois"))

    def test_line_ends_at_the_end(self):
        """What is pasted often has one too many."""
        self.means("um\ndois\n", Say("um\ndois"))
        self.means("//b\r\n", Say("/b"))
        self.means("/msg ana oi\n", Order(MESSAGE, {Place.USER: "ana", Place.TEXT: "oi"}))

    def test_nothing(self):
        for line in ("", "  ", "\t\n"):
            self.means(line, None)

    def test_names_of_commands(self):
        """In both languages, whatever the case of letters, with and without accents."""
        for line in ("/entrar geral", "/join geral", "/JOIN geral", "/canal  geral "):
            self.means(line, Order(JOIN, {Place.CHANNEL: "geral"}))
        self.means("/histórico geral", Order(HISTORY, {Place.CHANNEL: "geral"}))

    def test_every_name_once(self):
        self.assertEqual(len(BY_WORD), sum(len(command.words) for command in COMMANDS))

    def test_names_with_blanks(self):
        """Alone they need no quotes; where more follows they do."""
        self.means("/join sala dois", Order(JOIN, {Place.CHANNEL: "sala dois"}))
        self.means('/join "sala dois"', Order(JOIN, {Place.CHANNEL: "sala dois"}))
        self.means(
            '/msg "ana maria" oi você', Order(MESSAGE, {Place.USER: "ana maria", Place.TEXT: "oi você"})
        )
        self.means('/msg "a\\"b\\\\" oi', Order(MESSAGE, {Place.USER: 'a"b\\', Place.TEXT: "oi"}))
        self.means('/msg bia "oi"', Order(MESSAGE, {Place.USER: "bia", Place.TEXT: '"oi"'}))

    def test_numbers(self):
        self.means("/history", Order(HISTORY, {}))
        self.means("/history 30", Order(HISTORY, {Place.NUMBER: "30"}))
        self.means("/history sala dois 30", Order(HISTORY, {Place.CHANNEL: "sala dois", Place.NUMBER: "30"}))
        self.means('/history "30"', Order(HISTORY, {Place.CHANNEL: "30"}))

    def test_texts_of_commands(self):
        self.means("/say /quit  now ", Order(SAY, {Place.TEXT: "/quit  now "}))
        self.means("/msg bia um\ndois", Order(MESSAGE, {Place.USER: "bia", Place.TEXT: "um\ndois"}))

    def test_optional(self):
        self.means("/leave", Order(LEAVE, {}))

    def test_near(self):
        """The near name is suggested, in the language in which it was mistyped."""
        self.assertIn("Do you mean /join?", self.wrong("/jion geral"))
        self.assertIn("Do you mean /entrar?", self.wrong("/entar geral"))
        self.assertIn("Você quis dizer /usuarios?", self.wrong("/usuário", PORTUGUESE))
        self.assertIn("/help lists them", self.wrong("/xyzzyx"))
        self.assertIn("/help lists them", self.wrong("/"))

    def test_usage(self):
        """What is missing, or too much, is answered with how it is typed, in the language."""
        self.assertEqual(self.wrong("/join"), "It is typed like this: /join CHANNEL")
        self.assertEqual(self.wrong("/msg bia", PORTUGUESE), "Digita-se assim: /msg USUÁRIO TEXTO")
        self.assertEqual(self.wrong("/users all"), "It is typed like this: /users")
        self.assertEqual(self.wrong("/inbox many"), "It is typed like this: /inbox [NUMBER]")
        self.assertEqual(CREATE.usage(PORTUGUESE), "/criar CANAL")

    @settings(deadline=None, max_examples=200, derandomize=True)
    @given(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12))
    def test_quoted(self, name, text):
        """What `quoted` makes of a name is read as that name."""
        if not (name.strip() and text.strip()) or text != text.lstrip().rstrip("\r\n"):
            return
        self.means(f"/msg {quoted(name)} {text}", Order(MESSAGE, {Place.USER: name, Place.TEXT: text}))

    @settings(deadline=None, max_examples=300, derandomize=True)
    @given(st.text(st.characters() | st.sampled_from('/" \\\n\x1b'), max_size=30))
    def test_anything(self, line):
        """Whatever is typed means something."""
        for text in (line, "/msg " + line, "/history " + line):
            self.assertIsInstance(understand(text, PORTUGUESE), Say | Order | Complaint | None)
