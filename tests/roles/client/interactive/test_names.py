"""Names that are known, the near ones, and completions."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.language import Language
from bulletin.roles.client.interactive.completion import complete, wants_names
from bulletin.roles.client.interactive.names import Directory, Names, near


class Known(SynchronousTestCase):
    def test_bound(self):
        names = Names(2)
        for name in "abca":
            names.learn(name)
        self.assertEqual(names.first(9), ["a", "b"])

    def test_listing(self):
        """The list goes on after the last name that the board listed, whatever was met besides."""
        names = Names(9)
        names.listing(["ana", "bia"])
        names.learn("eva")
        self.assertEqual(names.listed, "bia")
        names.forget()
        self.assertEqual((len(names), names.listed), (0, None))

    def test_near(self):
        self.assertEqual(near("geal", ["avisos", "geral"]), "geral")
        self.assertEqual(near("#geral", ["avisos", "Geral"]), "Geral")
        self.assertIsNone(near("xyzzy", ["avisos", "geral"]))
        self.assertIsNone(near("x", []))

    def test_near_among_many(self):
        """Those that begin alike are looked at first."""
        many = [f"zz{number}" for number in range(5000)]
        self.assertEqual(near("geal", [*many, "geral"]), "geral")


class Completed(SynchronousTestCase):
    def setUp(self):
        self.names = Directory()
        for channel in ("geral", "gente", "sala dois"):
            self.names.channels.learn(channel)
        for user in ("ana", "ana maria", "Bia", "e\u202evil"):
            self.names.users.learn(user)

    def offers(self, before, language="en"):
        return [each.text for each in complete(before, self.names, Language(language))]

    def test_commands(self):
        """Those of the language first, with a word about each."""
        self.assertEqual(self.offers("/jo"), ["/join "])
        self.assertEqual(self.offers("/en", "pt"), ["/entrar "])
        self.assertEqual(self.offers("/", "pt")[0], "/entrar ")
        (join,) = complete("/joi", self.names, Language("pt"))
        self.assertEqual((join.help, join.replaces), ("acompanhar um canal e escrever nele", 4))

    def test_channels(self):
        self.assertEqual(self.offers("/join ge"), ["gente", "geral"])
        self.assertEqual(self.offers("/entrar sala d"), ["sala dois"])
        self.assertEqual(self.offers("/historico G"), ["gente", "geral"])

    def test_users(self):
        """Followed by a blank, in quotes where they have one; none in the text."""
        self.assertEqual(self.offers("/msg a"), ["ana ", '"ana maria" '])
        self.assertEqual(self.offers('/msg "ana m'), ['"ana maria" '])
        self.assertEqual(self.offers("/msg b"), ["Bia "])
        self.assertEqual(self.offers("/msg ana a"), [])

    def test_mentions(self):
        self.assertEqual(self.offers("olá @an"), ["ana", "ana maria"])
        self.assertEqual(self.offers("olá an"), [])
        self.assertEqual(self.offers("//en"), [])

    def test_harmful_names(self):
        """They are not put into the line."""
        self.assertEqual(self.offers("/msg e"), [])

    def test_wants_names(self):
        """When it is worth looking whether there are new ones."""
        self.assertTrue(wants_names("/join "))
        self.assertTrue(wants_names("/msg b"))
        for before in ("/jo", "oi", "/users ", "/msg bia oi"):
            self.assertFalse(wants_names(before), before)
