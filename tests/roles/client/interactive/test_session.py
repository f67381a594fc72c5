"""What a session does with lines, posts and bad luck, against a board in memory."""

from twisted.internet.defer import Deferred

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.streams import Stream
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire import requests
from bulletin.core.wire.publications import write_post
from bulletin.roles.client.interactive import asking
from bulletin.roles.client.interactive.lines import COMMANDS
from bulletin.roles.client.interactive.look import plain
from bulletin.roles.client.interactive.orders import ORDERS, help_page
from tests.roles.client.interactive.seat import SessionTestCase

GERAL = Stream(StreamKind.CHANNEL, "geral")
ANA = Stream(StreamKind.INBOX, "ana")


class Beginning(SessionTestCase):
    def test_first(self):
        """The user is registered, and told what to do."""
        session = self.begin()
        self.assertEqual(self.board.users, ["ana"])
        self.assertEqual(
            self.lines, ["ana is registered now.", "/join enters a channel, /help lists the commands."]
        )
        self.assertEqual(session.prompt, "ana> ")

    def test_portuguese(self):
        self.begin(language="pt")
        self.assertEqual(self.lines[0], "ana está registrado agora.")

    def test_not_logged_in(self):
        """Somebody who cannot be logged in is told why."""
        self.board.refusal = Refusal(Code.NAME_IN_USE)
        self.begin()
        self.assertEqual(self.seat.failed, "A user and a channel cannot have the same name.")

    def test_no_board_yet(self):
        """At a terminal nothing waits: it is said, lines can be written, and all of it comes when the board does."""
        self.board.write("geral", "um")
        self.begin(connected=False)
        self.link(False)
        self.type("/msg bob oi", seconds=12)
        self.assertEqual([line for line in self.lines if "connection" in line.lower()][:1], self.lines[:1])
        self.assertEqual([plain(row) for row in self.session.waiting()], ["(waiting) @bob: oi"])
        self.link(True)
        self.pass_time(3)
        self.assertIn("The connection is back.", self.lines)
        self.assertEqual(self.board.users, ["ana"])
        self.assertEqual(self.session.waiting(), [])

    def test_goes_on(self):
        """The channels of the last session are followed again, from where it stopped; the inbox, too."""
        self.board.write("geral", "um")
        self.board.write("avisos", "dois")
        self.begin()
        self.type("/join avisos", "/join geral")
        self.assertEqual(self.texts(), ["dois", "um"])
        self.leave()
        self.board.write("geral", "três", "quatro")
        self.board.post(ANA, "bob", "psst", "b:p")
        session = self.begin()
        self.assertEqual(session.prompt, "ana@geral> ")
        self.assertEqual(sorted(self.texts()), ["psst", "quatro", "três"])

    def test_goes_on_after_a_session_without_a_board(self):
        """What the session before the last one followed is not forgotten because the last one never reached the board."""
        self.board.write("geral", "um")
        self.board.write("avisos", "dois")
        self.begin()
        self.type("/join avisos", "/join geral")
        self.begin(connected=False)
        self.link(False)
        self.pass_time(6)
        self.board.write("avisos", "três")
        session = self.begin()
        self.assertEqual(session.prompt, "ana@geral> ")
        self.assertEqual(session.reading.channels, ["avisos", "geral"])
        self.assertEqual(self.texts(), ["três"])

    def test_a_channel_that_is_no_more(self):
        """A channel of the last session that the board does not know is followed no longer."""
        self.board.write("geral", "um")
        self.begin()
        self.type("/join geral")
        self.leave()
        self.board.channels.remove("geral")
        session = self.begin()
        self.assertEqual(self.errors, ["geral: There is no such channel."])
        self.assertEqual((session.prompt, session.reading.earlier), ("ana> ", []))

    def test_after_a_long_time(self):
        """Not everything that came is shown, and that is said."""
        self.board.write("geral", "zero")
        self.begin()
        self.type("/join geral")
        self.leave()
        self.board.write("geral", *(f"m{number}" for number in range(150)))
        self.begin()
        self.assertEqual(self.texts(), [f"m{number}" for number in range(140, 150)])
        self.assertIn("150 posts came in geral since you were here; these are the last of them:", self.lines)


class Talking(SessionTestCase):
    def setUp(self):
        super().setUp()
        self.board.write("geral", "um")

    def test_a_post(self):
        """Shown once, when the board has it, with all that belongs to it."""
        self.begin()
        self.type("/join geral")
        self.type("olá")
        (post,) = [post for post in self.board.posts[GERAL] if post.message == "olá"]
        self.sockets.publish(write_post(post))
        self.assertEqual([line.partition(" L")[2] for line in self.lines if "olá" in line], ["102 ana: olá"])
        self.assertEqual(self.session.waiting(), [])

    def test_a_post_whose_publication_is_lost(self):
        """The acknowledgement says that it is there: it is fetched."""
        self.begin()
        self.type("/join geral", "olá", seconds=1)
        self.assertEqual(self.texts(), ["um", "olá"])

    def test_both_languages(self):
        self.begin()
        self.type("/entrar geral", "/dizer oi", "/say /oi", "//oi", seconds=1)
        self.assertEqual(self.texts(), ["um", "oi", "/oi", "/oi"])

    def test_posts_of_others(self):
        self.begin()
        self.type("/join geral")
        self.publish("geral", "dois", "três")
        self.publish("geral2", "nicht")
        self.assertEqual(self.texts(), ["um", "dois", "três"])

    def test_no_channel(self):
        """A line goes nowhere, and is given back."""
        self.begin()
        self.type("oi")
        self.assertEqual(
            self.errors,
            ["You are in no channel: /join enters one, /channels lists them.  Not posted: oi"],
        )

    def test_several_channels(self):
        """All are followed; the one entered last is written in; leaving goes back to the one before."""
        self.board.write("avisos", "dois")
        self.begin()
        self.type("/join geral", "/join avisos")
        self.publish("geral", "três")
        self.assertEqual(self.texts(), ["um", "dois", "três"])
        self.assertEqual(self.session.current, "avisos")
        self.type("/join geral")
        self.assertEqual((self.session.current, self.texts()), ("geral", ["um", "dois", "três"]))
        self.type("/leave")
        self.assertEqual(self.session.current, "avisos")
        self.publish("geral", "quatro")
        self.assertNotIn("quatro", self.texts())
        self.type("/join geral")
        self.assertEqual(self.texts(), ["um", "dois", "três", "quatro"])

    def test_a_channel_that_is_not_there(self):
        """The near one is suggested; what was typed behind in good faith is not posted elsewhere."""
        self.begin()
        self.type("/join geral")
        self.type("/join geal", "segredo")
        self.assertEqual(
            self.errors,
            [
                "There is no channel geal.  Do you mean geral?  /create creates a new one.",
                "Not carried out: segredo",
            ],
        )
        self.type("aberto", seconds=1)
        self.assertEqual(self.texts(), ["um", "aberto"])

    def test_create(self):
        self.begin()
        self.type("/create novo", "oi", seconds=1)
        self.assertIn("The channel novo is there now.", self.lines)
        self.assertEqual(self.texts(), ["oi"])
        self.type("/create novo")
        self.assertIn("The channel novo was there already.", self.lines)

    def test_a_new_channel_of_somebody_else(self):
        """It is looked for when it is not known."""
        self.begin()
        self.board.write("novo", "oi")
        self.type("/join novo")
        self.assertEqual(self.texts(), ["oi"])

    def test_private(self):
        """Shown as it stands in the other's inbox; the own inbox is followed always."""
        self.begin()
        self.type("/msg bob psst", seconds=1)
        self.board.post(ANA, "bob", "sim?", "b:7")
        self.sockets.publish(write_post(self.board.posts[ANA][-1]))
        self.assertEqual(
            [line.partition(" ")[0] + line.partition(" L")[2] for line in self.lines if "@bob" in line],
            ["@bob101 ana: psst", "@bob101 bob: sim?"],
        )

    def test_refused(self):
        """Told with the text, so that it can be typed again, and with the near name."""
        self.begin()
        self.type("/join geral")
        self.board.users.append("bernardo")
        self.type("/users")
        self.board.refusal = Refusal(Code.NO_SUCH_USER, "receptor")
        self.type("/msg bernrdo oi\nmundo")
        self.assertEqual(
            self.errors,
            ["There is no such user. Do you mean bernardo?  Not posted: @bernrdo: oi\\nmundo"],
        )
        self.assertEqual(self.session.waiting(), [])

    def test_refused_here(self):
        """What the board would refuse for its content costs no journey, and is not kept."""
        self.begin()
        self.type("/join geral", "x" * 70_000, "/msg servers oi", "a\x07b")
        self.assertEqual(len(self.errors), 3)
        self.assertIn("too long", self.errors[0])
        self.assertIn("reserved", self.errors[1])
        self.assertEqual(
            self.errors[2],
            "The field message is invalid: it has control characters.  Not posted: geral: a\\x07b",
        )
        self.assertEqual(self.session.waiting(), [])

    def test_bytes_that_are_no_text(self):
        self.begin()
        self.type("/join geral", "a\udcff")
        self.assertEqual(self.errors, ["That line has bytes that are no text."])

    def test_lists(self):
        self.begin()
        self.board.users.extend(["bia", "caio"])
        self.type("/usuarios", "/canais")
        self.assertIn("ana   bia   caio", self.lines)
        self.assertIn("geral", self.lines)

    def test_history(self):
        """On request posts are shown again."""
        self.board.write("geral", "dois", "três")
        self.begin()
        self.type("/history geral 2", "/history")
        self.assertEqual(self.texts(), ["dois", "três"])
        self.assertEqual(self.errors, ["You are in no channel; say which."])
        self.type("/history nada")
        self.assertEqual(self.errors[-1], "There is no channel nada; /create creates it.")
        self.type("/history gerla")
        self.assertEqual(
            self.errors[-1], "There is no channel gerla.  Do you mean geral?  /create creates a new one."
        )

    def test_inbox(self):
        self.board.post(ANA, "bob", "psst", "b:1")
        self.begin()
        self.type("/caixa")
        self.assertEqual(self.texts(), ["psst", "psst"])

    def test_status(self):
        self.begin()
        self.type("/join geral", "/status")
        for line in ("You are ana.", "Followed channels: geral", "Connection: works", "Lines that wait: -"):
            self.assertIn(line, self.lines)

    def test_hostile_names(self):
        """No name commands the terminal, wherever it is shown."""
        self.board.write("\x9b2Jx", "oi")
        self.board.users.append("\x1b[2Jbob")
        self.begin()
        self.type(
            "/join \x9b2Jx", "/channels", "/users", "/join \x1b", "/\x1b", "/status", "/leave", "/help \x1b"
        )
        for line in [*self.lines, *self.errors, self.session.prompt]:
            self.assertNotRegex(line, "[\x1b\x9b]")

    def test_help(self):
        """It fits a screen, in both languages, and names every command."""
        for language in ("en", "pt"):
            session = self.begin(language=language)
            page = help_page(session)
            self.assertLessEqual(len(page), 22)
            self.assertLessEqual(max(map(len, page)), 79)
            for command in COMMANDS:
                self.assertTrue(any("/" + command.word(session.voice.language) in line for line in page))
            self.type("/ajuda entrar", "/help nada")
            self.assertIn("  /entrar, /join, /canal", self.lines)
            self.assertEqual(len(self.errors), 1)

    def test_every_command_does_something(self):
        self.assertEqual(set(ORDERS), set(COMMANDS))

    def test_quit(self):
        self.begin()
        self.type("/fim")
        self.assertTrue(self.session.over)

    def test_completions(self):
        """Names that are new are asked for where one is wanted, but not without end."""
        self.begin()
        self.board.write("genial", "x")
        self.pass_time(2)
        self.assertEqual([each.text for each in self.session.completions("/join ge")], ["geral"])
        asked = len(self.board.seen)
        self.successResultOf(self.session.look_up("oi ge"))
        looking = self.session.look_up("/join ge")
        self.assertNoResult(looking)
        self.sockets.turn()
        self.successResultOf(looking)
        self.successResultOf(self.session.look_up("/join gen"))
        self.assertEqual(len(self.board.seen), asked + 2)
        self.assertEqual([each.text for each in self.session.completions("/join ge")], ["genial", "geral"])


class BadLuck(SessionTestCase):
    def setUp(self):
        super().setUp()
        self.board.write("geral", "um")

    def posts(self):
        return [post.message for post in self.board.posts[GERAL]]

    def test_lost_and_back(self):
        """Said once each; lines wait in their order under their ids, and are posted once."""
        self.begin()
        self.type("/join geral")
        self.link(False)
        self.type("a", "b", seconds=20)
        self.assertEqual(
            [plain(row) for row in self.session.waiting()], ["(waiting) geral: a", "(waiting) geral: b"]
        )
        lost = "The connection is lost: no broker answers.  What you write is kept until it is back."
        self.assertEqual(self.lines.count(lost), 1)
        self.link(True)
        self.pass_time(5)
        self.assertEqual(self.lines.count("The connection is back."), 1)
        self.assertEqual(self.posts(), ["um", "a", "b"])
        self.assertEqual(self.texts(), ["um", "a", "b"])
        self.assertEqual(self.errors, [])
        self.assertEqual(self.session.waiting(), [])

    def test_a_proxy_lost(self):
        """Posts come from the history meanwhile."""
        self.begin()
        self.type("/join geral")
        self.sockets.subscribers[0].linked(False)
        self.board.write("geral", "dois")
        self.pass_time(11)
        self.sockets.subscribers[0].linked(True)
        self.publish("geral", "três")
        self.assertEqual(self.texts(), ["um", "dois", "três"])
        notices = [line for line in self.lines if "proxy" in line]
        self.assertEqual(len(notices), 2)

    def test_an_answer_that_was_lost(self):
        """The line is sent again with the same id: it is posted and shown once."""
        self.begin()
        self.type("/join geral")
        (dealer,) = self.sockets.dealers
        received, dealer._received = dealer._received, lambda _: None
        self.type("a", seconds=8)
        self.assertEqual(self.posts(), ["um", "a"])
        dealer._received = received
        self.pass_time(8)
        self.assertEqual((self.posts(), self.texts()), (["um", "a"], ["um", "a"]))
        ids = {seen.heading.id for seen in self.board.seen if isinstance(seen.request, requests.Publish)}
        self.assertEqual(len(ids), 1)

    def test_no_majority(self):
        """The board's reason is told once, and that it is over."""
        self.begin()
        self.type("/join geral")
        self.board.refusal = Refusal(Code.NO_LEADER)
        self.type("a", seconds=20)
        why = "A majority of the servers cannot be reached at the moment."
        self.assertEqual(len([line for line in self.lines if why in line]), 1)
        self.board.refusal = None
        self.pass_time(8)
        self.assertEqual(self.lines.count("The board works again."), 1)
        self.assertEqual(self.texts(), ["um", "a"])

    def test_a_damaged_outbox(self):
        """What can be read of it is sent; that there was more is said."""
        self.begin()
        self.type("/join geral")
        self.link(False)
        self.type("a", "b", seconds=2)
        self.crash()
        (path,) = self.folder.glob("bulletin/outbox-*.json")
        path.write_bytes(path.read_bytes()[:-5])
        self.begin()
        self.pass_time(3)
        self.assertEqual(self.posts()[-1], "a")
        aside = path.with_suffix(".unreadable")
        self.assertEqual(
            self.errors, [f"Lines of an earlier session cannot be read, and are not sent: {aside}"]
        )

    def test_a_crash(self):
        """The next session sends what was not settled, with its ids, and shows it once."""
        self.begin()
        self.type("/join geral")
        self.pass_time(6)
        self.link(False)
        self.type("a", "b", "/msg bob c", seconds=2)
        self.crash()
        session = self.begin()
        self.assertEqual(self.lines[0], "3 lines of an earlier session were not settled; they are sent now.")
        self.pass_time(2)
        self.assertEqual(self.posts(), ["um", "a", "b"])
        self.assertEqual(sorted(self.texts()), ["a", "b", "c"])
        self.assertEqual(session.waiting(), [])
        ids = [post.id.partition(":")[0] for post in self.board.posts[GERAL][1:]]
        self.assertEqual(ids, ["00" * 7 + "01"] * 2)
        self.leave()
        self.begin()
        self.assertEqual(self.lines[0], "Welcome back, ana.")

    def test_forgotten_by_the_board(self):
        """What can never be known is said, with the text."""
        self.begin()
        self.type("/join geral")
        self.board.refusal = Refusal(Code.ID_EXPIRED)
        self.type("a")
        self.assertIn("Look whether it is there before you post it again: geral: a", self.errors[0])
        self.assertEqual(self.session.waiting(), [])

    def test_a_list_without_end(self):
        """A broker that always has one more name is asked for as many as a board may have."""
        self.patch(asking, "CHANNELS_MAX", 5)
        self.patch(asking, "USERS_MAX", 3)
        self.begin()
        asked = []

        def names(_, after):
            asked.append(after)
            return (f"n{len(asked)}",), True

        self.patch(self.board, "names", names)
        self.type("/channels", seconds=1)
        self.assertEqual(len(asked), 8)
        self.assertIn("n5", self.lines[-1])

    def test_too_many(self):
        """So many lines wait; what is above is given back."""
        self.begin()
        self.type("/join geral")
        self.link(False)
        self.type(*(f"m{number}" for number in range(101)))
        self.assertEqual(len(self.errors), 1)
        self.assertTrue(self.errors[0].endswith("Not posted: geral: m100"))
        self.assertEqual(plain(self.session.waiting()[-1]), "(97 more wait)")

    def test_discard(self):
        self.begin()
        self.type("/join geral", "/discard")
        self.assertIn("No line waits.", self.lines)
        self.link(False)
        self.type("a", "b", "/discard")
        self.assertIn("Forgotten: geral: b", self.lines)
        self.link(True)
        self.type("c", seconds=8)
        self.assertNotIn("b", self.posts())
        self.assertEqual(self.posts()[-1], "c")

    def test_the_last_line(self):
        """At the end it has a moment to be settled, but not where there is no connection."""
        self.begin()
        self.type("/join geral")
        self.session.typed("tchau")
        waiting = Deferred.fromCoroutine(self.session.last_lines(2.0))
        self.assertNoResult(waiting)
        self.pass_time(1)
        self.successResultOf(waiting)
        self.assertIsNone(self.session.left())
        self.session.typed("mais")
        self.sockets.away = {"tcp://127.0.0.1:1"}
        waiting = Deferred.fromCoroutine(self.session.last_lines(2.0))
        self.pass_time(1.9)
        self.assertNoResult(waiting)
        self.pass_time(0.2)
        self.successResultOf(waiting)
        self.link(False)
        self.successResultOf(Deferred.fromCoroutine(self.session.last_lines(2.0)))
        self.assertEqual(self.session.left(), "1 line is kept, and sent when the next session begins.")

    def test_a_command_without_an_answer(self):
        """Said after a while; writing goes on."""
        self.begin()
        self.type("/join geral")
        self.link(False)
        self.type("/users", seconds=6)
        self.assertEqual(self.errors, ["No broker answered within 5 s."])
        self.link(True)
        self.type("a", seconds=3)
        self.assertEqual(self.texts(), ["um", "a"])

    def test_lines_behind_a_slow_command(self):
        """They wait for it, and are given back if it entered no channel."""
        self.begin()
        self.link(False)
        self.type("/join nada", "a", "b", seconds=6)
        self.assertEqual(
            self.errors,
            ["No broker answered within 5 s.", "Not carried out: a", "Not carried out: b"],
        )

    def test_set_up_anew(self):
        """Another board under the same name is said to be one."""
        self.board.write("geral", "dois")
        self.begin()
        self.type("/join geral")
        self.board.posts.clear()
        self.board.write("geral", "novo")
        self.pass_time(12)
        self.assertTrue(any("set up anew" in line for line in self.lines))
        self.assertEqual(self.texts(), ["um", "dois", "novo"])

    def test_nothing_can_be_written(self):
        """It is said once, and the line is sent all the same."""
        (self.folder / "bulletin").write_text("not a directory")
        self.begin()
        self.type("/join geral", "a", "b", seconds=1)
        self.assertEqual(len([line for line in self.lines if "cannot be written down" in line]), 1)
        self.assertEqual(self.texts(), ["um", "a", "b"])
