"""The client of docs/tutorial.md, as it stands there, against a real board."""

import re
import sys
from pathlib import Path

from tests.interop.base import BoardTestCase
from tests.interop.operations import page
from tests.interop.plain import fresh
from tests.interop.running import Running

TUTORIAL = Path(__file__).parent.parent.parent / "docs/tutorial.md"


class TutorialTests(BoardTestCase):
    def setUp(self):
        super().setUp()
        (self.program,) = re.findall(
            r"^```python\n(.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL
        )

    def test_the_client_has_twenty_lines(self):
        self.assertEqual(len(self.program.splitlines()), 20)

    def test_the_client_posts_and_prints_what_others_post(self):
        asker, channel = self.asker(), fresh("geral")
        asker.ask("channel", {"channel": channel})
        program = self.program
        for given, ours in (
            ('"tcp://127.0.0.1:5555"', repr(self.board.broker_endpoint)),
            ('"tcp://127.0.0.1:5558"', repr(self.board.proxy_endpoint)),
            ('"geral"', repr(channel)),
        ):
            self.assertIn(given, program)
            program = program.replace(given, ours)
        running = Running([sys.executable, "-u", "-c", program])
        self.addCleanup(running.end)
        running.wait_for_posts(
            lambda text: asker.ask("publish", {"user": "bia", "canal": channel, "message": text}), channel
        )
        items, _ = page(asker, "history", {"canal": channel})
        own = [item["message"] for item in items if item["user"] == "caio"]
        self.assertEqual(own, ["Escrevi um cliente!"])
