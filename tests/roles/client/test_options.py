"""The client's command line."""

import io
import os
import sys

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from bulletin.language import Language
from bulletin.roles.client.options import COMMANDS, Options, stay_in_foreground
from tests import catalogue


class Parsed(SynchronousTestCase):
    def parse(self, *arguments, **environment):
        options = Options(environment)
        options.parseOptions(arguments)
        return options

    def refused(self, *arguments, **environment):
        """The one line of a mistake in the outer options, or the status and the line of one in the command's."""
        err = io.StringIO()
        self.patch(sys, "stderr", err)
        try:
            self.parse(*arguments, **environment)
        except usage.UsageError as error:
            return str(error)
        except SystemExit as end:
            self.assertEqual(end.code, 2)
            self.assertEqual(len(err.getvalue().splitlines()), 1)
            return err.getvalue().strip()
        raise AssertionError(f"{arguments} was taken")

    def test_defaults(self):
        options = self.parse("users")
        self.assertEqual(options["broker"], ("tcp://127.0.0.1:5555",))
        self.assertEqual(options["proxy"], ("tcp://127.0.0.1:5558",))
        self.assertEqual(
            (options["timeout"], options["lang"], options["json"], options["user"]), (5.0, "en", False, None)
        )

    def test_every_command(self):
        """Each command that is listed can be parsed with what it says that it needs."""
        for name, parser, _ in COMMANDS:
            given = [f"word{number}" for number, _ in enumerate(parser.arguments)]
            options = self.parse("--user", "ana", name, *given)
            self.assertEqual(options.subCommand, name)

    def test_before_and_after(self):
        """Options for all commands may stand on either side; nearer to the end wins, and over the environment."""
        options = self.parse(
            "--user", "ana", "--timeout", "2", "users", "--user", "bia", "--json", BULLETIN_USER="caio"
        )
        self.assertEqual((options["user"], options["timeout"], options["json"]), ("bia", 2.0, True))
        self.assertEqual(self.parse("--user", "ana", "users", BULLETIN_USER="caio")["user"], "ana")
        self.assertEqual(self.parse("users", BULLETIN_USER="caio")["user"], "caio")

    def test_options_behind_arguments(self):
        options = self.parse("tail", "geral", "--limit", "3", "avisos", "--count=1", "--json")
        self.assertEqual(options.command.channels, ("geral", "avisos"))
        self.assertEqual((options.command["limit"], options.command["count"]), (3, 1))
        self.assertTrue(options["json"])

    def test_shortened_options(self):
        """As long as it is clear which one is meant."""
        for words in (["geral", "--loc"], ["--loc", "geral"], ["geral", "--loc", "--lim", "3"]):
            options = self.parse("history", *words)
            self.assertEqual((options.command.given, options.command["local"]), ({"CHANNEL": "geral"}, True))

    def test_a_mistyped_option_behind_an_argument(self):
        self.assertIn("--sicne", self.refused("tail", "geral", "--sicne", "3"))

    def test_own_environment(self):
        self.assertEqual(self.parse("history", "geral", BULLETIN_LIMIT="7").command["limit"], 7)

    def test_several_endpoints(self):
        options = self.parse("--broker", "tcp://a:1,tcp://b:2", "users")
        self.assertEqual(options["broker"], ("tcp://a:1", "tcp://b:2"))

    def test_text_that_looks_like_an_option(self):
        """After the first argument everything is an argument."""
        options = self.parse("publish", "--user", "ana", "geral", "--json")
        self.assertEqual(options.command.given, {"CHANNEL": "geral", "TEXT": "--json"})
        self.assertFalse(options["json"])

    def test_page(self):
        command = self.parse("history", "--since", "0", "--limit", "3", "--local", "geral").command
        self.assertEqual((command["since"], command["before"], command["limit"]), (0, None, 3))
        self.assertTrue(command["local"])

    def test_tail(self):
        command = self.parse("tail", "--limit", "0", "geral", "outro", "geral").command
        self.assertEqual(
            (command.channels, command["limit"], command["count"]), (("geral", "outro"), 0, None)
        )

    def test_standard_input(self):
        for data, text in (
            (b"oi\n", "oi"),
            (b"ol\xc3\xa1\r\n", "olá"),
            (b"a\n\nb\n\n", "a\n\nb\n"),
            (b"", ""),
        ):
            self.patch(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
            options = self.parse("--user", "ana", "publish", "geral", "-")
            self.assertEqual(options.command.given["TEXT"], text)
        for data in (b"\xff", b"x" * 70_000):
            self.patch(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
            self.assertIn("tandard input", self.refused("--user", "ana", "send", "bia", "-"))

    def test_mistakes(self):
        for arguments, words in (
            ([], "a command is missing"),
            (["nope"], "There is no command 'nope'; --help names them."),
            (["publih", "geral", "oi"], "There is no command 'publih'; do you mean publish?"),
            (["interactive"], "--user"),
            (["--user", "ana", "interactive", "--json"], "--json"),
            (["login"], "USER"),
            (["users", "extra"], "no argument"),
            (["publish", "geral"], "CHANNEL TEXT"),
            (["publish", "geral", "oi"], "--user"),
            (["inbox"], "--user"),
            (["tail"], "CHANNEL"),
            (["tail", "--since", "3", "a", "b"], "--since"),
            (["history", "--since", "3", "--before", "9", "geral"], "exclude"),
            (["history", "--limit", "501", "geral"], "--limit"),
            (["--timeout", "0", "users"], "--timeout"),
            (["--lang", "fr", "users"], "--lang"),
            (["--broker", "tcp://*:1", "users"], "--broker"),
            (["--nope", "users"], "There is no option '--nope'; --help names them."),
            (["users", "--nope"], "'--nope'; users --help names them"),
            (["create", "\udcff"], "UTF-8"),
        ):
            self.assertIn(words.lower(), self.refused(*arguments).lower())

    def test_language(self):
        """By the option wherever it stands, by its variable, else by the locale."""
        for arguments, environment, expected in (
            (["users"], {}, "en"),
            (["users"], {"LANG": "pt_BR"}, "pt"),
            (["--lang", "en", "users"], {"LANG": "pt_BR"}, "en"),
            (["users", "--lang=pt"], {}, "pt"),
            (["users"], {"BULLETIN_LANG": "pt", "LANG": "en_US"}, "pt"),
        ):
            options = self.parse(*arguments, **environment)
            self.assertEqual((options["lang"], options.language), (expected, Language(expected)))

    def test_mistakes_in_portuguese(self):
        for arguments, words in (
            ([], "Falta um comando"),
            (["nope"], "Não existe o comando 'nope'"),
            (["login"], "precisa de USUÁRIO e não recebeu nada."),
            (["publish", "geral", "bom", "dia"], "entre aspas, e as opções antes de CANAL."),
            (["users", "--nope"], "Não existe a opção '--nope'"),
            (["users", "--timeout"], "--timeout precisa de um valor."),
            (["users", "--json=1"], "--json não aceita valor."),
            (["history", "--l", "geral"], "--lang, --limit, --local"),
            (["--timeout", "0", "users"], "--timeout: '0' não é um número de 0.1 a 3600."),
            (["--broker", "tcp://*:1", "users"], "curinga"),
            (["inbox"], "Para inbox é preciso --user NOME (ou BULLETIN_USER)."),
        ):
            with self.subTest(arguments=arguments):
                self.assertIn(words, self.refused(*arguments, LANG="pt_BR.UTF-8"))
                self.assertIn(words, self.refused("--lang", "pt", *arguments))

    def test_short_options(self):
        """There is none, whatever longer ones begin with."""
        self.assertIn("There is no option '-l'", self.refused("-l", "users"))

    def test_names_are_judged_in_one_place(self):
        """What the board may take is taken by options and arguments alike."""
        self.assertEqual(self.parse("--user", " x", "login", " x")["user"], " x")
        self.assertIn("UTF-8", self.refused("--user", "\udcff", "users"))

    def test_help(self):
        """It says what there is, and nothing that there is not."""
        text = str(Options({}))
        for name, _, _ in COMMANDS:
            self.assertIn(name, text)
        self.assertNotIn("mktap", text)

    def test_help_of_each_command(self):
        for name, parser, _ in COMMANDS:
            self.assertIn(parser.longdesc[:40], str(parser({})), name)

    def test_help_in_portuguese(self):
        """No sentence of it is left in English."""
        (translated,) = (catalogue.read(path) for path in catalogue.files())
        english = {message.id for message in translated if message.id and message.id != message.string}
        text = self.help("--lang", "pt", "--help")
        for name, parser, phrase in COMMANDS:
            self.assertNotIn(phrase, text)
            whole = " ".join(self.help(name, "--help", LANG="pt_BR").split())
            for sentence in english & {parser.longdesc, *(option.doc for option in parser.table)}:
                self.assertNotIn(sentence, whole)
        for words in ("Uso:", "Opções:", "Comandos:", "mostra esta ajuda"):
            self.assertIn(words, text)

    def test_help_on_narrow_and_poor_terminals(self):
        for columns in ("1", "no number"):
            self.patch(os, "environ", {**os.environ, "COLUMNS": columns})
            self.assertIn("--help", self.help("--help"))
        self.assertIn("Op\\xe7\\xf5es", self.help("--help", LANG="pt_BR", encoding="ascii"))

    def help(self, *arguments, encoding="utf-8", **environment):
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        self.patch(sys, "stdout", out)
        end = self.assertRaises(SystemExit, self.parse, *arguments, **environment)
        self.assertEqual(end.code, 0)
        out.flush()
        return out.buffer.getvalue().decode(encoding)

    def test_words_without_quotes(self):
        """The commonest mistake is told from the others."""
        self.assertIn("quote", self.refused("--user", "ana", "publish", "geral", "bom", "dia"))
        self.assertIn("was given none", self.refused("create"))
        self.assertIn("was given 2", self.refused("create", "a", "b"))

    def test_no_standard_input(self):
        self.patch(sys, "stdin", None)
        self.assertIn("closed", self.refused("--user", "ana", "publish", "geral", "-"))
        self.assertIn("closed", self.refused("--user", "ana", "interactive"))


class Foreground(SynchronousTestCase):
    def test_twistd(self):
        """It is told to stay, and to leave no file; a log that was asked for is written."""
        twistd = {
            "nodaemon": 0,
            "no_save": False,
            "pidfile": "/x/twistd.pid",
            "logfile": None,
            "logger": None,
            "syslog": 0,
        }
        asked = {**twistd, "logfile": "client.log"}
        stay_in_foreground(twistd)
        self.assertTrue(twistd["nodaemon"] and twistd["no_save"])
        self.assertEqual(
            (twistd["pidfile"], twistd["logger"]), ("", "bulletin.roles.client.process.silent_log")
        )
        stay_in_foreground(asked)
        self.assertIsNone(asked["logger"])
