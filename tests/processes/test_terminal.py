"""Two people at real terminals talk, while servers and broker die: no line is lost, twice, or torn."""

import shlex
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from bulletin.torture.board import TWISTD, Board
from tests.processes import terminal
from tests.processes.terminal import HEIGHT, PROMPT, Terminals


class TerminalTests(SynchronousTestCase):
    timeout = 240

    def setUp(self):
        why = terminal.missing()
        if why is not None:
            raise SkipTest(why)
        folder = tempfile.TemporaryDirectory(prefix="bulletin-terminal-")
        self.addCleanup(folder.cleanup)
        self.board = Board(Path(folder.name) / "board")
        self.addCleanup(self.board.destroy)
        self.state = Path(folder.name) / "state"
        self.terminals = Terminals(
            {
                "BULLETIN_BROKER": self.board.broker_endpoint,
                "BULLETIN_PROXY": self.board.proxy_endpoint,
                "XDG_STATE_HOME": str(self.state),
                "PYTHONPATH": ":".join(path for path in sys.path if path),
            }
        )
        self.addCleanup(self.terminals.end)
        self.board.start()

    def client(self, user, *arguments):
        """A person's terminal, with the session begun."""
        pane = self.terminals.open(user)
        self.begin(pane, "--user", user, *arguments)
        return pane

    def begin(self, pane, *arguments):
        pane.enter(shlex.join([*TWISTD, "bulletin-client", *arguments, "interactive"]))

    def test_two_people(self):
        """A scripted conversation, from the first login to the last."""
        ana = self.client("ana", "--lang", "en")
        bia = self.client("bia", "--lang", "pt")
        ana.prompts("ana>")
        bia.prompts("bia>")
        self.enter_a_channel(ana, bia)
        self.a_server_dies(ana, bia)
        self.the_broker_dies(ana, bia)
        self.stop_and_go_on(ana, bia)
        self.the_help_fits(bia)
        self.leave(ana, bia)

    def enter_a_channel(self, ana, bia):
        """With completion of commands and names; each sees what the other writes."""
        ana.type("/cre")
        ana.press("Tab")
        ana.prompts("ana> /create")
        ana.enter("geral")
        ana.prompts("ana@geral>")
        bia.type("/ent")
        bia.press("Tab")
        bia.prompts("bia> /entrar")
        bia.type("ge")
        bia.press("Tab")
        bia.prompts("bia> /entrar geral")
        bia.press("Enter")
        bia.prompts("bia@geral>")
        ana.enter("Olá, Bia! 日本")
        bia.sees("ana: Olá, Bia! 日本")
        bia.enter("Oi, Ana.")
        ana.sees("bia: Oi, Ana.")
        ana.until(
            lambda lines: any(line.startswith("geral #2 ") and " L" in line for line in lines),
            "channel, number and Lamport clock",
        )

    def a_server_dies(self, ana, bia):
        """Posts go on; the line that is being typed stays whole."""
        bia.type("metade de uma ")
        self.board.leader().kill()
        for number in range(5):
            ana.enter(f"depois da queda {number}")
        bia.sees("ana: depois da queda 4")
        bia.prompts("bia@geral> metade de uma")
        bia.enter("linha inteira")
        ana.sees("bia: metade de uma linha inteira")
        bia.prompts("bia@geral>")

    def the_broker_dies(self, ana, bia):
        """Both are told; what they write waits, and is posted once when the broker is back."""
        self.board.broker.kill()
        ana.sees("The connection is lost")
        bia.sees("A conexão caiu")
        ana.enter("escrito sem corretor")
        ana.sees("(waiting) geral: escrito sem corretor")
        ana.type("e mais isto")
        self.board.broker.start()
        ana.sees("The connection is back.")
        bia.sees("A conexão voltou.")
        bia.sees("ana: escrito sem corretor")
        ana.prompts("ana@geral> e mais isto")
        ana.press("C-c")
        ana.prompts("ana@geral>")
        ana.enter("fim da conversa")
        bia.sees("ana: fim da conversa")
        ana.sees("ana: fim da conversa")
        for text in (
            "ana: Olá, Bia! 日本",
            "bia: Oi, Ana.",
            *(f"ana: depois da queda {number}" for number in range(5)),
            "bia: metade de uma linha inteira",
            "ana: escrito sem corretor",
            "ana: fim da conversa",
        ):
            self.assertEqual((ana.count(text), bia.count(text)), (1, 1), text)

    def stop_and_go_on(self, ana, bia):
        """Ctrl-Z and the shell's fg: what came meanwhile is there, and the line that was being typed."""
        bia.type("pausa")
        bia.prompts("bia@geral> pausa")
        bia.press("C-z")
        bia.prompts(PROMPT)
        ana.enter("durante a pausa")
        ana.sees("ana: durante a pausa")
        bia.enter("fg")
        bia.sees("ana: durante a pausa")
        bia.prompts("bia@geral> pausa")
        bia.press("C-c")
        bia.prompts("bia@geral>")

    def the_help_fits(self, bia):
        """On one screen of 80 by 24, with the prompt below it."""
        bia.press("C-l")
        bia.enter("/ajuda")
        bia.until(lambda lines: lines[-1] == "bia@geral>" and len(lines) > 15, "the help")
        lines = bia.screen()
        self.assertLessEqual(len(lines), HEIGHT)
        self.assertIn("/ajuda", lines)
        self.assertTrue(any(line.startswith("/entrar CANAL ") for line in lines))

    def leave(self, ana, bia):
        """The terminal is as it was, however the session ended; the next one goes on where it stopped."""
        ana.enter("tchau")
        ana.enter("/quit")
        bia.sees("ana: tchau")
        bia.press("C-d")
        for pane in (ana, bia):
            pane.prompts(PROMPT)
            pane.enter("stty -a | tr ' ;' '\\n\\n' | grep -xc -e icanon -e echo -e isig -e icrnl")
            pane.until(lambda lines: lines[-2:] == ["4", PROMPT], "line mode, echo, signals and line ends")
        self.begin(ana, "--user", "ana", "--lang", "en")
        ana.sees("Welcome back, ana.")
        ana.prompts("ana@geral>")
        self.assertEqual(ana.count("ana: fim da conversa"), 1)
        ana.sees("ana: tchau")
        self.assertEqual(ana.count("ana: tchau"), 1)
        ana.press("C-c")
        ana.press("C-c")
        ana.prompts(PROMPT)
        ana.enter("echo $?")
        ana.until(lambda lines: lines[-2:] == ["0", PROMPT], "a good end")
        self.begin(bia, "--user", "geral", "--lang", "pt")
        bia.sees("Um usuário e um canal não podem ter o mesmo nome.")
        bia.prompts(PROMPT)
        bia.enter("echo $?")
        bia.until(lambda lines: lines[-2:] == ["1", PROMPT], "the status of a refusal")
        self.assertEqual(list(self.state.rglob("outbox-*")), [])
