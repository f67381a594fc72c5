"""The clocks' table against a reference in memory."""

import io
import json
from datetime import UTC

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.berkeley import Standing
from bulletin.core.clocks.corrected import State
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire import reference as wire
from bulletin.core.wire.clocks import ClockRow, ClocksReply, ClocksRequest
from bulletin.core.wire.reference import ClockReply
from bulletin.language import Language
from bulletin.roles.client import clocks
from bulletin.roles.client.clocks import table_of
from bulletin.roles.client.show import Console
from tests.roles.client.board import WALL
from tests.roles.client.test_commands import Commanded

ROWS = (
    ClockRow("reference", 0, 0.0, 0.0, 0.0, 0.0, state=State.IN_STEP),
    ClockRow(
        "server1", 1, 0.0012345, 0.0002, 0.0015, -0.5, 31.5, 0.0004, 1.26, State.IN_STEP, Standing.COUNTED
    ),
    ClockRow("server2", 2, standing=Standing.SILENT),
)
REPLY = ClocksReply(WALL + 0.25, 12, ROWS)
ENDPOINT = "tcp://127.0.0.1:9"


class FakeReference:
    def __init__(self):
        self.body = REPLY
        self.asked = []

    def answer(self, frame):
        request = wire.decode_request(frame)
        self.asked.append(request.body)
        return wire.encode(attrs.evolve(request, body=self.body, clock=7, timestamp=WALL))


class Terminal(io.BytesIO):
    def isatty(self):
        return True


class ClocksTests(Commanded):
    def setUp(self):
        super().setUp()
        self.reference = self.sockets.board = FakeReference()

    def run_clocks(self, *arguments, terminal=False, status=None):
        self.statuses.clear()
        self.out = Terminal() if terminal else io.BytesIO()
        self.begin("clocks", "--reference", ENDPOINT, *arguments, console=Console(self.out, io.BytesIO()))
        if status is not None:
            self.assertEqual(self.statuses, [status])
        return self.out.getvalue().decode()

    def complaints(self):
        return self.client.show.console.err.getvalue().decode().splitlines()

    def test_once_where_it_is_no_terminal(self):
        lines = self.run_clocks(status=0).splitlines()
        self.assertEqual(len(lines), 5)
        self.assertEqual(
            lines[3].split(),
            [
                "server1",
                "in",
                "step",
                "counted",
                "+1.234",
                "0.200",
                "1.500",
                "-500.000",
                "+31.5",
                "0.400",
                "1.3",
            ],
        )
        self.assertNotIn("\x1b", "".join(lines))
        self.assertEqual(self.reference.asked, [ClocksRequest()])

    def test_again_on_a_terminal_over_itself_until_interrupted(self):
        self.run_clocks(terminal=True)
        self.reference.body = attrs.evolve(REPLY, rounds=13)
        self.pass_time(1.0)
        first, second = self.out.getvalue().decode().split("\x1b[5F\x1b[J")
        self.assertIn("after 12 rounds", first)
        self.assertIn("after 13 rounds", second)
        self.assertEqual(first.count("\n"), 5)
        self.assertEqual(self.statuses, [])
        self.stop()
        self.assertEqual(self.statuses, [0])

    def test_once_on_a_terminal_if_asked_and_watched_elsewhere_if_asked(self):
        self.assertNotIn("\x1b", self.run_clocks("--once", terminal=True, status=0))
        self.run_clocks("--watch")
        self.pass_time(2.0)
        tables = self.out.getvalue().decode().split("\n\n")
        self.assertEqual((len(tables), self.statuses), (3, []))

    def test_json(self):
        lines = [json.loads(line) for line in self.run_clocks("--json", terminal=True, status=0).splitlines()]
        self.assertEqual([line["name"] for line in lines], ["reference", "server1", "server2"])
        self.assertEqual(lines[1]["incerteza"], 0.0015)
        self.assertEqual((lines[1]["estado"], lines[1]["rodada"]), ("em_passo", "conta"))
        self.assertIsNone(lines[2]["offset"])

    def test_portuguese(self):
        self.assertIn("em passo", self.run_clocks("--lang", "pt", status=0))

    def test_no_reference_is_one_sentence_and_status_3(self):
        self.sockets.away = {ENDPOINT}
        self.run_clocks("--timeout", "2")
        self.pass_time(1.9)
        self.assertEqual(self.statuses, [])
        self.pass_time(0.2)
        self.assertEqual(self.statuses, [3])
        self.assertEqual(self.complaints(), [f"The reference did not answer within 2 s ({ENDPOINT})."])
        self.assertEqual(self.out.getvalue(), b"")

    def test_a_reference_that_falls_silent_is_told_and_waited_for(self):
        self.run_clocks(terminal=True)
        self.sockets.silent = {ENDPOINT}
        self.pass_time(9.0)
        self.assertIn("has not answered for 8 s", self.out.getvalue().decode())
        self.sockets.silent = set()
        self.pass_time(1.0)
        self.assertTrue(self.out.getvalue().decode().split("\x1b[J")[-1].startswith("The board's time is"))

    def test_what_is_no_answer(self):
        for body in (ClockReply(1.0), Refusal(Code.UNKNOWN_OPERATION)):
            self.reference.body = body
            self.run_clocks("--timeout", "1")
            self.pass_time(1.1)
            self.assertEqual(self.statuses, [3])

    def test_lines_are_as_wide_as_the_terminal(self):
        self.patch(clocks.shutil, "get_terminal_size", lambda: clocks.shutil.os.terminal_size((30, 24)))
        out = self.run_clocks(terminal=True)
        self.assertEqual(max(map(len, out.splitlines())), 29)


class TableTests(SynchronousTestCase):
    def test_columns(self):
        lines = list(table_of(REPLY, Language(), UTC))
        self.assertEqual(lines[0], "The board's time is 2023-11-14 22:13:20.250, after 12 rounds.")
        self.assertEqual(lines[1].index("state"), lines[2].index("in step"))
        self.assertTrue(lines[4].startswith("server2    never set  no answer"))

    def test_narrow(self):
        """Where a column of numbers does not fit, it is left out whole, and the words stay."""
        _, *whole = table_of(REPLY, Language(), UTC)
        for width in (80, 79, 60, 20):
            _, *lines = table_of(REPLY, Language(), UTC, width)
            self.assertIn("latest round", lines[0])
            for line, all_of_it in zip(lines, whole, strict=True):
                self.assertTrue(all_of_it.startswith(line))
                self.assertEqual(line.split(), all_of_it.split()[: len(line.split())])
            if width > 40:
                self.assertLessEqual(max(map(len, lines)), width)
        self.assertEqual(list(table_of(REPLY, Language(), UTC, 500))[1:], whole)

    def test_a_time_that_no_calendar_has_is_a_number(self):
        """Else the command would wait for ever for what it has."""
        (first, *_) = table_of(attrs.evolve(REPLY, time=-1e11), Language(), UTC)
        self.assertEqual(first, "The board's time is -1e+11, after 12 rounds.")
