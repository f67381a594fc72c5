"""A short, seeded share of what ``python -m tests.processes.bots`` does at length; no bound on time is asserted."""

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from tests.processes.bots import (
    BotProcess,
    campaign,
    wrong_with_its_numbers,
    wrong_with_the_history,
    wrong_with_what_it_read,
    wrong_with_what_it_wrote,
)


class BotsTests(SynchronousTestCase):
    timeout = 300

    def test_each_bots_account_is_the_historys(self):
        with tempfile.TemporaryDirectory(prefix="bulletin-bots-") as folder:
            figures, broken = campaign(Path(folder), count=2, rate=10.0, seconds=4.0, seed=3)
        self.assertEqual(broken, [])
        self.assertGreater(figures["acknowledged"], 0)
        self.assertEqual(figures["acknowledged"], figures["stored"])
        self.assertGreater(min(figures["kills"].values()), 0)


GERAL = ("channel", "geral")


def post(seq, user="bot0", number=None):
    return {
        "seq": seq,
        "id": f"k:{seq}",
        "user": user,
        "src": user,
        "clock": 10 * seq,
        "message": f"oi (#{number or seq})",
    }


class JudgeTests(SynchronousTestCase):
    """What the campaign would say of a board or a bot that broke a promise."""

    def setUp(self):
        self.journal = Path(self.mktemp())
        self.stored = {GERAL: [post(1), post(2), post(3, user="bot1", number=1)]}
        self.lines = [{"what": "began", "channel": "geral", "seq": 0}]
        self.lines += [
            {"what": "read", "channel": "geral", "seq": seq, "id": f"k:{seq}", "user": "x"}
            for seq in (1, 2, 3)
        ]
        self.lines += [{"what": "wrote", "channel": "geral", "seq": seq, "id": f"k:{seq}"} for seq in (1, 2)]
        self.counted = {"posts_total": 2, "private_sent_total": 0}

    def judged(self):
        self.journal.write_text("".join(json.dumps(line) + "\n" for line in self.lines) + '{"what": "cut')
        account = BotProcess.account(SimpleNamespace(journal=self.journal))
        bot = SimpleNamespace(name="bot0", counted=self.counted)
        return " ".join(
            [
                *wrong_with_the_history(self.stored),
                *wrong_with_what_it_wrote(bot, account, self.stored),
                *wrong_with_its_numbers(bot, self.stored),
                *wrong_with_what_it_read(bot, account, self.stored),
            ]
        )

    def test_nothing(self):
        self.assertEqual(self.judged(), "")

    def test_an_acknowledged_post_is_lost(self):
        self.stored[GERAL][1]["id"] = "another"
        self.assertIn("1 of its channel posts are lost, such as ('geral', 2, 'k:2')", self.judged())

    def test_a_post_took_effect_twice(self):
        self.stored[GERAL].append(post(4, number=2))
        said = self.judged()
        self.assertIn("are not counted", said)
        self.assertIn("posts_total is 2, the history has 3", said)
        self.assertIn("not numbered 1 to 3", said)

    def test_counted_twice(self):
        self.lines.append(self.lines[-1])
        self.assertIn("counted a channel post twice", self.judged())

    def test_a_post_was_missed(self):
        del self.lines[2]
        self.assertIn("it read 2; 1 missed, 0 that are not there, 0 more than once", self.judged())

    def test_a_post_was_read_twice(self):
        self.lines.append(self.lines[3])
        self.assertIn("it read 4; 0 missed, 0 that are not there, 1 more than once", self.judged())

    def test_out_of_order(self):
        self.lines[1], self.lines[2] = self.lines[2], self.lines[1]
        self.assertIn("it read 3; 0 missed", self.judged())

    def test_a_gap(self):
        del self.stored[GERAL][0]
        self.assertIn("its numbers have gaps", self.judged())

    def test_a_clock_that_does_not_rise(self):
        self.stored[GERAL][2]["clock"] = 20
        self.assertIn("its clocks do not rise", self.judged())
