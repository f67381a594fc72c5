"""Each command against a board in memory: what it asks, what it shows, how it ends."""

import errno
import io
import json

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.reader import QUIET
from bulletin.core.client.streams import Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.publications import HEADS_TOPIC
from bulletin.core.wire.requests import ListChannels, ReadLevel, Send
from bulletin.roles.client.commands import COMMANDS, PATIENT
from bulletin.roles.client.link import Reach
from bulletin.roles.client.options import COMMANDS as LISTED, INTERACTIVE, Options
from bulletin.roles.client.service import Client
from bulletin.roles.client.show import Console, Human, Json
from tests.roles.client.board import WALL, FakeBoard, MemorySockets, Screen

IN_DOUBT = (
    "Whether it took effect is not known: the same command with --id {} before its arguments settles it."
)


class Commanded(SynchronousTestCase):
    """A board in memory, and a client of it."""

    def setUp(self):
        self.board = FakeBoard()
        self.sockets = MemorySockets(self.board)
        self.clock = Clock()
        self.statuses = []
        self.client = None
        self.session = 0
        self.addCleanup(self.stop)

    def begin(self, *arguments, brokers="tcp://127.0.0.1:1", console=None):
        """Start a command, and let the board answer."""
        self.stop()
        self.sockets.dealers.clear()
        self.session += 1
        options = Options({"BULLETIN_USER": "ana", "BULLETIN_BROKER": brokers})
        options.parseOptions(arguments)
        self.screen = Screen()
        show = (Json if options["json"] else Human)(console or self.screen.console, options.language)
        command = COMMANDS[options.subCommand]
        self.client = Client(
            Reach(options["broker"], options["proxy"], options["timeout"]),
            lambda client: command(client, options),
            show,
            self.statuses.append,
            patient=options.subCommand in PATIENT,
            random_bytes=lambda size: self.session.to_bytes(size, "big"),
            sockets=self.sockets,
            reactor=self.clock,
            instant=lambda: Instant(self.clock.seconds(), WALL + self.clock.seconds()),
        )
        self.client.startService()
        self.sockets.turn()

    def stop(self):
        """End a client that runs."""
        if self.client is not None:
            self.successResultOf(self.client.stopService())
            self.client = None
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def pass_time(self, seconds):
        for _ in range(round(seconds / 0.05)):
            self.clock.advance(0.05)
            self.sockets.turn()

    def run_command(self, *arguments, status=0, **options):
        """A command from its begin to its end; gives its lines."""
        self.stop()
        self.statuses.clear()
        self.begin(*arguments, **options)
        self.assertEqual(self.statuses, [status])
        return self.screen.lines


class Once(Commanded):
    def test_listed(self):
        """Every command that the help lists is there, and no other; the session is a service of its own."""
        self.assertEqual({name for name, _, _ in LISTED} - {INTERACTIVE}, set(COMMANDS))

    def test_login(self):
        self.assertEqual(self.run_command("login", "ana"), ["ana is registered now."])
        self.assertEqual(self.run_command("login", "ana"), ["Welcome back, ana."])
        self.assertEqual(self.run_command("--lang", "pt", "login", "bia"), ["bia está registrado agora."])

    def test_lists(self):
        """However many pages it takes."""
        self.board.users = [f"user{number}" for number in range(7)]
        self.assertEqual(self.run_command("users"), self.board.users)
        self.board.channels = ["geral"]
        self.assertEqual(self.run_command("channels"), ["geral"])
        self.assertEqual(self.run_command("--json", "channels"), ['{"channel": "geral"}'])

    def test_create(self):
        self.assertEqual(self.run_command("create", "geral"), ["The channel geral is there now."])
        self.assertEqual(self.board.seen[0].request.user, "ana")

    def test_publish(self):
        self.board.channels = ["geral"]
        first, receipt = self.run_command("publish", "geral", "oi")
        self.assertEqual(first, "Published as number 1 of geral.")
        self.assertIn("index 7, term 2, hash 000102", receipt)
        (post,) = self.board.posts[Stream(StreamKind.CHANNEL, "geral")]
        self.assertEqual((post.user, post.message, post.id), ("ana", "oi", "00" * 7 + "01:1"))

    def test_send(self):
        lines = self.run_command("send", "bia", "oi")
        self.assertEqual(lines[0], "Sent: it is number 1 in bia's inbox.")

    def test_refused(self):
        """The sentence on stderr, nothing on stdout, status 1."""
        self.assertEqual(self.run_command("publish", "nada", "oi", status=1), [])
        self.assertEqual(self.screen.complaints, ["There is no such channel."])

    def test_a_near_name(self):
        """The near one is suggested, however far down the board's list it stands; without a list there is only the refusal."""
        self.board.channels = [*(f"canal{number}" for number in range(9)), "geral"]
        for arguments in (("publish", "gerla", "oi"), ("history", "gerla"), ("tail", "gerla")):
            self.begin(*arguments)
            self.pass_time(0.1)
            self.assertEqual(self.screen.complaints, ["There is no such channel. Do you mean geral?"])
        self.run_command("--lang", "pt", "history", "gerla", status=1)
        self.assertEqual(self.screen.complaints, ["O canal não existe. Você quis dizer geral?"])
        (line,) = self.run_command("--json", "history", "gerla", status=1)
        self.assertEqual(json.loads(line)["description"], "There is no such channel. Do you mean geral?")

    def test_a_near_user(self):
        self.board.users = ["ana", "bernardo"]
        apply = self.board.apply

        def refuse(request, id_):
            return (
                Refusal(Code.NO_SUCH_USER, "receptor") if isinstance(request, Send) else apply(request, id_)
            )

        self.board.apply = refuse
        self.run_command("send", "bernrdo", "oi", status=1)
        self.assertEqual(self.screen.complaints, ["There is no such user. Do you mean bernardo?"])

    def test_no_list_of_names(self):
        """A suggestion that cannot be had within --timeout is done without."""
        apply = self.board.apply

        def refuse(request, id_):
            return Refusal(Code.OVERLOADED) if isinstance(request, ListChannels) else apply(request, id_)

        self.board.apply = refuse
        self.begin("history", "gerla")
        self.pass_time(6)
        self.assertEqual(self.statuses, [1])
        self.assertEqual(self.screen.complaints, ["There is no such channel."])

    def test_refused_here(self):
        """What is wrong in the request itself never goes to the board."""
        self.run_command("publish", "geral", "", status=1)
        self.assertEqual(self.board.seen, [])
        self.assertEqual(self.screen.complaints, ["The field message is invalid: it is empty."])

    def test_history(self):
        self.board.write("geral", "um", "dois", "tres")
        lines = self.run_command("history", "--limit", "2", "geral")
        self.assertEqual([line.rpartition(": ")[2] for line in lines], ["dois", "tres"])
        self.assertEqual(self.screen.complaints, ["There is more: --before 2"])
        self.run_command("history", "--since", "0", "--limit", "2", "geral")
        self.assertEqual(self.screen.complaints, ["There is more: --since 2"])
        self.assertEqual(len(self.run_command("history", "--before", "3", "geral")), 2)
        self.assertEqual(self.screen.complaints, [])

    def test_levels(self):
        """Reads are linearizable unless asked otherwise."""
        self.board.channels = ["geral"]
        self.run_command("history", "geral")
        self.run_command("history", "--local", "geral")
        self.run_command("users", "--local")
        levels = [incoming.request.level for incoming in self.board.seen]
        self.assertEqual(levels, [ReadLevel.LINEARIZABLE, ReadLevel.LOCAL, ReadLevel.LOCAL])

    def test_inbox(self):
        self.run_command("send", "ana", "oi")
        (line,) = self.run_command("inbox")
        self.assertTrue(line.endswith("ana: oi"))
        self.run_command("inbox", "--with", "bia")
        self.assertEqual(self.board.seen[-1].request.query.partner, "bia")

    def test_no_answer(self):
        """Nobody answers: status 3, and for a write that it may have taken effect."""
        self.sockets.away = {"tcp://127.0.0.1:1"}
        self.begin("--timeout", "3", "publish", "geral", "oi")
        self.pass_time(2.9)
        self.assertEqual(self.statuses, [])
        self.pass_time(0.2)
        self.assertEqual(self.statuses, [3])
        self.assertEqual(
            self.screen.complaints,
            [
                "No broker answered within 3 s (tcp://127.0.0.1:1).",
                IN_DOUBT.format("0000000000000001:1"),
            ],
        )
        self.assertEqual(len(set(self.sockets.dealers[0].sent)), 1)

    def test_settled_by_its_id(self):
        """The same command with the id of the try that got no answer takes effect once."""
        self.board.channels = ["geral"]
        self.sockets.silent = {"tcp://127.0.0.1:1"}
        self.begin("--timeout", "1", "publish", "geral", "oi")
        self.pass_time(1.1)
        (body,) = self.sockets.dealers[0].sent[0]
        self.board.answer(body)  # it came late, and its reply was lost
        self.sockets.silent = set()
        tried = "0000000000000001:1"
        self.assertIn(f"--id {tried} ", self.screen.complaints[-1])
        for _ in range(2):
            lines = self.run_command("--json", "publish", "--id", tried, "geral", "oi")
            self.assertEqual((json.loads(lines[0])["id"], json.loads(lines[0])["seq"]), (tried, 1))
        self.assertEqual(len(self.board.posts[Stream(StreamKind.CHANNEL, "geral")]), 1)

    def test_an_id_of_ones_own(self):
        self.run_command("send", "--id", "job 7", "bia", "oi")
        self.assertEqual(self.board.seen[-1].heading.id, "job 7")
        self.run_command("send", "--id", "x" * 65, "bia", "oi", status=1)
        self.assertEqual(self.screen.complaints, ["The field id is invalid: it is too long."])

    def test_the_wrong_port(self):
        """Who takes requests and answers none is named: it may be a broker's port for servers."""
        self.sockets.away = {"tcp://127.0.0.1:1"}
        self.sockets.silent = {"tcp://127.0.0.1:2"}
        brokers = "tcp://127.0.0.1:1,tcp://127.0.0.1:2"
        self.begin("--timeout", "7", "users", brokers=brokers)
        self.pass_time(7.1)
        self.assertEqual(self.statuses, [3])
        _, hint = self.screen.complaints
        self.assertTrue(hint.startswith("tcp://127.0.0.1:2 takes connections and says nothing"), hint)
        self.begin("--timeout", "5", "users", brokers=brokers)  # a broker might still have answered
        self.pass_time(5.1)
        self.assertEqual(len(self.screen.complaints), 1)

    def test_a_read_takes_no_effect(self):
        """Only of a write is it a question whether it took effect."""
        self.board.refusal = Refusal(Code.NO_LEADER, definite=False)
        for arguments, unknown in ((["users"], False), (["tail", "geral"], False), (["login", "ana"], True)):
            self.statuses.clear()
            self.begin("--timeout", "1", *arguments)
            self.pass_time(1.1)
            self.assertEqual(self.statuses, [1], arguments)
            self.assertEqual("took effect" in self.screen.complaints[0], unknown, arguments)

    def test_another_broker(self):
        """One broker is away: the other one answers, and it took effect once."""
        self.board.channels = ["geral"]
        self.sockets.away = {"tcp://127.0.0.1:1"}
        self.begin("publish", "geral", "oi", brokers="tcp://127.0.0.1:1,tcp://127.0.0.1:2")
        self.pass_time(1.5)
        self.assertEqual(self.statuses, [0])
        self.assertEqual(len(self.board.posts[Stream(StreamKind.CHANNEL, "geral")]), 1)

    def test_tried_again(self):
        """A refusal of the moment is overcome."""
        self.board.refusal = Refusal(Code.NO_LEADER)
        self.begin("login", "ana")
        self.pass_time(0.5)
        self.assertEqual(self.statuses, [])
        self.board.refusal = None
        self.pass_time(1.0)
        self.assertEqual(self.statuses, [0])

    def test_interrupted(self):
        """Stopped before there is an answer: 130."""
        self.sockets.away = {"tcp://127.0.0.1:1"}
        self.begin("users")
        self.successResultOf(self.client.stopService())
        self.assertEqual((self.statuses, self.screen.complaints), ([130], []))

    def test_interrupted_in_doubt(self):
        """A post that was under way may have taken effect."""
        self.sockets.silent = {"tcp://127.0.0.1:1"}
        self.begin("publish", "geral", "oi")
        self.successResultOf(self.client.stopService())
        self.assertEqual(self.statuses, [130])
        self.assertIn("--id 0000000000000001:1", self.screen.complaints[0])

    def test_output_lost(self):
        """Whoever read the output has seen enough: no error.  A full disk is one."""
        self.board.write("geral", "um")
        for number, status in ((errno.EPIPE, 0), (errno.ENOSPC, 1)):
            self.stop()
            self.statuses.clear()
            self.begin("history", "geral", console=Console(Broken(number), err := io.BytesIO()))
            self.assertEqual(self.statuses, [status])
            told = b"The result could not be written: broken.\n"
            self.assertEqual(err.getvalue(), told if status else b"")
            self.stop()
            self.statuses.clear()
            self.begin("history", "geral", console=Console(Broken(number), Broken(number)))
            self.assertEqual(self.statuses, [status])

    def test_bug(self):
        """A mistake of ours is one sentence and the log's, never a traceback on the terminal."""
        self.patch(COMMANDS["login"].__globals__["requests"], "Login", lambda user: 1 / 0)
        self.begin("login", "ana")
        self.assertEqual(self.statuses, [1])
        self.assertEqual(len(self.screen.complaints), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Broken:
    """An output that takes nothing."""

    def __init__(self, number):
        self._number = number

    def write(self, data):
        raise OSError(self._number, "broken")


class Tail(Commanded):
    def texts(self):
        return [line.rpartition(": ")[2] for line in self.screen.lines]

    def test_subscribes_first(self):
        """The subscription is there before the history is read."""
        self.board.write("geral", "um")
        self.begin("tail", "geral")
        (subscriber,) = self.sockets.subscribers
        self.assertEqual(subscriber.topics, [HEADS_TOPIC, b"geral"])
        self.assertEqual(subscriber.connected, ("tcp://127.0.0.1:5558",))
        self.pass_time(0.1)
        self.assertEqual(self.texts(), ["um"])

    def test_live(self):
        """What is published appears at once; what was not is fetched."""
        self.board.write("geral", "um")
        self.begin("tail", "geral")
        self.pass_time(0.1)
        self.sockets.publish(*self.board.write("geral", "dois"))
        self.assertEqual(self.texts(), ["um", "dois"])
        self.board.write("geral", "tres")
        self.sockets.publish(*self.board.write("geral", "quatro"))
        self.pass_time(0.3)
        self.assertEqual(self.texts(), ["um", "dois", "tres", "quatro"])
        self.board.write("geral", "cinco")
        self.pass_time(QUIET + 0.2)
        self.assertEqual(self.texts()[4:], ["cinco"])

    def test_ends_when_interrupted(self):
        """Ctrl-C is how a tail is meant to end."""
        self.board.write("geral", "um")
        self.begin("tail", "geral")
        self.successResultOf(self.client.stopService())
        self.assertEqual(self.statuses, [0])

    def test_since_and_count(self):
        self.board.write("geral", *"abcdef")
        self.begin("tail", "--since", "2", "--count", "3", "geral")
        self.pass_time(0.1)
        self.assertEqual(self.texts(), ["c", "d", "e"])
        self.assertEqual(self.statuses, [0])

    def test_several(self):
        """Posts of several channels say which."""
        self.board.write("geral", "um")
        self.board.write("outro", "dois")
        self.begin("tail", "geral", "outro")
        self.pass_time(0.1)
        self.assertEqual([line.split()[0] for line in self.screen.lines], ["geral", "outro"])

    def test_no_channel(self):
        self.begin("tail", "nada")
        self.pass_time(0.1)
        self.assertEqual(self.statuses, [1])
        self.assertEqual(self.screen.complaints, ["There is no such channel."])

    def test_one_of_several(self):
        """The one that there is not is named."""
        self.board.write("geral", "um")
        self.begin("tail", "geral", "nada")
        self.pass_time(0.1)
        self.assertEqual(self.statuses, [1])
        self.assertEqual(self.screen.complaints, ["nada cannot be followed.", "There is no such channel."])

    def test_no_board(self):
        """Never reached: status 3."""
        self.sockets.away = {"tcp://127.0.0.1:1"}
        self.begin("tail", "geral")
        self.pass_time(5.2)
        self.assertEqual(self.statuses, [3])

    def test_waits_for_the_board(self):
        """Lost after it began: said once, waited for, and nothing is missing afterwards."""
        self.board.write("geral", "um")
        self.begin("tail", "geral")
        self.pass_time(0.1)
        self.sockets.away = {"tcp://127.0.0.1:1"}
        self.board.write("geral", "dois")
        self.pass_time(QUIET + 30)
        self.assertEqual(self.statuses, [])
        self.assertEqual(
            self.screen.complaints,
            ["geral: the history cannot be read at the moment (no answer); waiting for it."],
        )
        self.sockets.away = set()
        self.pass_time(8)
        self.assertEqual(self.screen.complaints[1:], ["geral: the board is back."])
        self.assertEqual(self.texts(), ["um", "dois"])

    def test_reset(self):
        """The board was set up anew: said, and read from its start."""
        self.board.write("geral", "um", "dois")
        self.begin("tail", "--since", "40", "geral")
        self.pass_time(0.2)
        self.assertEqual(len(self.screen.complaints), 1)
        self.assertIn("set up anew", self.screen.complaints[0])
        self.assertEqual(self.texts(), ["um", "dois"])

    def test_json(self):
        self.board.write("geral", "um")
        self.begin("--json", "tail", "--count", "1", "geral")
        self.pass_time(0.1)
        self.assertIn('"message": "um"', self.screen.lines[0])
