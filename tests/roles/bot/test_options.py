"""The bot's command line."""

from pathlib import Path

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles.bot import Options


def parse(*arguments, **environment):
    options = Options(environment)
    options.parseOptions(arguments)
    return options


class OptionTests(SynchronousTestCase):
    def refused(self, *arguments, **environment):
        with self.assertRaises(usage.UsageError) as caught:
            parse(*arguments, **environment)
        return str(caught.exception)

    def test_defaults(self):
        options = parse()
        self.assertEqual(options["broker"], ("tcp://127.0.0.1:5555",))
        self.assertEqual(options["proxy"], ("tcp://127.0.0.1:5558",))
        self.assertEqual((options["rate"], options["seconds"], options["journal"]), (1.0, None, None))

    def test_seed_and_name(self):
        """Without a seed there is one by chance; without a name the seed has it."""
        self.assertNotEqual(parse()["seed"], parse()["seed"])
        names = [parse("--seed", seed)["name"] for seed in "7789"]
        self.assertEqual(names[0], names[1])
        self.assertEqual(len(set(names)), 3)
        self.assertEqual(parse("--name", "ana", "--seed", "7")["name"], "ana")

    def test_variables(self):
        options = parse(BULLETIN_RATE="2.5", BULLETIN_BROKER="tcp://a:1,tcp://b:1", BULLETIN_SEED="3")
        self.assertEqual(
            (options["rate"], options["broker"], options["seed"]), (2.5, ("tcp://a:1", "tcp://b:1"), 3)
        )

    def test_mistakes(self):
        folder = Path(self.mktemp())
        folder.mkdir()
        for arguments, words in (
            (["--rate", "-1"], "--rate: '-1' is not a number from 0 to 1000."),
            (["--seed", "x"], "--seed: 'x' is not a whole number"),
            (["--name", "servers"], "--name: the board keeps 'servers' for itself."),
            (["--name", " "], "--name: ' ' is empty"),
            (["--broker", "5555"], "--broker: "),
            (["--journal", str(folder)], "is a directory, or in none."),
            (["--journal", str(folder / "none" / "file")], "is a directory, or in none."),
            (["ana"], "The argument 'ana' is one too many."),
        ):
            sentence = self.refused(*arguments)
            self.assertIn(words, sentence)
            self.assertEqual(len(sentence.splitlines()), 1)
        self.assertIn("BULLETIN_RATE: ", self.refused(BULLETIN_RATE="much"))
