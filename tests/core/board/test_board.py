"""What the board promises: one order, one answer a request, the same state from the same log."""

import hashlib
import os
import subprocess
import sys

import msgpack
from attrs import astuple, evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board, CannotApply
from bulletin.core.board.commands import Stamp, encode
from bulletin.core.board.outcome import (
    NO_DIGEST,
    Marks,
    OperationRow,
    PostRow,
    SessionsRow,
    StreamKind,
    StreamRow,
)
from bulletin.core.board.remembered import operation_record
from bulletin.core.board.sessions import content_hash, operation_key, pack_sessions
from bulletin.core.errors import Code
from bulletin.core.limits import CLOCK_MAX, OPERATIONS_REMEMBERED
from bulletin.core.log.port import position_of
from tests.core.board.scripts import (
    KINDS,
    NAMES,
    STAMP,
    Driver,
    Tables,
    create,
    drawn_entries,
    login,
    publish,
    send,
)

CHANNEL, INBOX = StreamKind.CHANNEL, StreamKind.INBOX


def driver(window=OPERATIONS_REMEMBERED, users_max=9, channels_max=9):
    return Driver(Board.empty(users_max, channels_max, window))


def everything(board):
    """All of a board's state that can be read."""
    return (
        board.users(None, 10**6),
        board.channels(None, 10**6),
        *(tuple(board.heads(kind)) for kind in KINDS),
    )


def sessions(user, *marks):
    """The row of a user's sessions: name, highest number evicted, and when it was touched last, of each."""
    return SessionsRow(user, pack_sessions(marks))


def rows(outcome, kind):
    return [row for row in outcome.rows if isinstance(row, kind)]


class Registration(SynchronousTestCase):
    def test_a_login_registers_the_user_once(self):
        drive = driver()
        outcome = drive.one(login("1", "ana"))
        self.assertFalse(outcome.answer.existing)
        self.assertEqual(rows(outcome, StreamRow), [StreamRow(1, INBOX, "ana", position_of(1, 1))])
        again = drive.one(login("2", "ana"))
        self.assertTrue(again.answer.existing)
        self.assertEqual(rows(again, StreamRow), [])
        self.assertIsNone(again.answer.refusal)
        self.assertEqual(drive.board.users(None, 99), (("ana",), False))

    def test_a_channel_is_created_once(self):
        drive = driver()
        self.assertFalse(drive.answer(create("1", "geral")).existing)
        again = drive.answer(create("2", "geral", "ana"))
        self.assertTrue(again.existing)
        self.assertIsNone(again.refusal)
        self.assertEqual(drive.board.channels(None, 99), (("geral",), False))

    def test_creating_a_channel_registers_nobody(self):
        drive = driver()
        drive.one(create("1", "geral", "ana"))
        self.assertFalse(drive.board.has_user("ana"))

    def test_a_first_post_registers_its_sender(self):
        drive = driver()
        drive.one(create("1", "geral"))
        outcome = drive.one(publish("2", "ana", "geral"))
        self.assertEqual(rows(outcome, StreamRow), [StreamRow(2, INBOX, "ana", position_of(2, 1))])
        self.assertEqual(outcome.answer.seq, 1)
        self.assertTrue(drive.board.has_user("ana"))
        self.assertEqual(rows(drive.one(publish("3", "ana", "geral")), StreamRow), [])

    def test_a_first_private_message_registers_its_sender(self):
        drive = driver()
        drive.one(login("1", "ana"))
        drive.one(send("2", "bia", "ana"))
        self.assertTrue(drive.board.has_user("bia"))

    def test_names_are_listed_in_the_order_of_the_log(self):
        drive = driver()
        for name in ("zoe", "ana", "mia"):
            drive.one(login(name, name))
            drive.one(create(f"c{name}", f"about {name}"))
        self.assertEqual(drive.board.users(None, 99), (("zoe", "ana", "mia"), False))
        self.assertEqual(drive.board.users("zoe", 99), (("ana", "mia"), False))
        self.assertEqual(drive.board.channels(None, 99), (("about zoe", "about ana", "about mia"), False))
        self.assertEqual([head.name for head in drive.board.heads()], ["about zoe", "about ana", "about mia"])

    def test_a_name_is_of_the_kind_that_it_was_given_to(self):
        drive = driver()
        drive.entry(login("1", "ana"), create("2", "geral"))
        board = drive.board
        self.assertTrue(board.has_user("ana"))
        self.assertTrue(board.has_channel("geral"))
        self.assertFalse(board.has_user("geral"))
        self.assertFalse(board.has_channel("ana"))
        self.assertIsNone(board.head(INBOX, "geral"))
        self.assertIsNone(board.head(CHANNEL, "nothing"))
        self.assertEqual(board.head(CHANNEL, "geral").number, 2)


class Refusals(SynchronousTestCase):
    def assert_refused(self, drive, command, code, field):
        before = everything(drive.board)
        outcome = drive.one(command)
        refusal = outcome.answer.refusal
        self.assertEqual((refusal.code, refusal.field), (code, field))
        self.assertIsNone(outcome.post)
        self.assertEqual(everything(drive.board), before)
        self.assertEqual((outcome.answer.seq, outcome.answer.chain), (0, b""))
        return outcome

    def test_a_post_to_no_channel_is_refused_and_registers_nobody(self):
        drive = driver()
        outcome = self.assert_refused(drive, publish("1", "ana", "geral"), Code.NO_SUCH_CHANNEL, "canal")
        self.assertTrue(outcome.answer.refusal.definite)
        drive.one(login("2", "bia"))
        self.assert_refused(drive, publish("3", "ana", "bia"), Code.NO_SUCH_CHANNEL, "canal")

    def test_a_private_message_to_no_user_is_refused_and_registers_nobody(self):
        drive = driver()
        self.assert_refused(drive, send("1", "ana", "bia"), Code.NO_SUCH_USER, "receptor")
        self.assert_refused(drive, send("2", "ana", "ana"), Code.NO_SUCH_USER, "receptor")
        drive.one(create("3", "geral"))
        self.assert_refused(drive, send("4", "ana", "geral"), Code.NO_SUCH_USER, "receptor")

    def test_a_user_and_a_channel_cannot_have_the_same_name(self):
        drive = driver()
        drive.entry(login("1", "ana"), create("2", "geral"))
        self.assert_refused(drive, login("3", "geral"), Code.NAME_IN_USE, "user")
        self.assert_refused(drive, create("4", "ana"), Code.NAME_IN_USE, "canal")
        self.assert_refused(drive, publish("5", "geral", "geral"), Code.NAME_IN_USE, "user")
        self.assert_refused(drive, send("6", "geral", "ana"), Code.NAME_IN_USE, "user")

    def test_a_full_board_registers_nobody_more_and_goes_on_for_the_others(self):
        drive = driver(users_max=1, channels_max=1)
        drive.entry(login("1", "ana"), create("2", "geral"))
        self.assert_refused(drive, login("3", "bia"), Code.FULL, "user")
        self.assert_refused(drive, create("4", "rust"), Code.FULL, "canal")
        self.assert_refused(drive, publish("5", "bia", "geral"), Code.FULL, "user")
        self.assert_refused(drive, send("6", "bia", "ana"), Code.FULL, "user")
        self.assertTrue(drive.answer(login("7", "ana")).existing)
        self.assertTrue(drive.answer(create("8", "geral")).existing)
        self.assertEqual(drive.answer(publish("9", "ana", "geral")).seq, 1)

    def test_a_refusal_is_an_event_in_the_order_and_is_remembered(self):
        drive = driver()
        refused = drive.one(publish("1", "ana", "geral"))
        self.assertEqual(refused.answer.clock, 1)
        (row,) = refused.rows
        named = publish("1", "ana", "geral")
        record = operation_record(content_hash(named), refused.answer, None)
        self.assertEqual(row, OperationRow(1, operation_key(named.operation), record))
        drive.one(create("2", "geral"))
        again = drive.one(publish("1", "ana", "geral"))
        self.assertTrue(again.duplicate)
        self.assertEqual(again.answer, refused.answer)
        self.assertEqual(drive.board.head(CHANNEL, "geral").seq, 0)


class Posts(SynchronousTestCase):
    def test_a_post_carries_what_was_sent_and_what_the_board_added(self):
        drive = driver()
        drive.one(create("1", "geral"))
        command = publish(
            "a:1", "ana", "geral", "olá", timestamp=5.0, sent=5000, stamp=Stamp(40, 1000.0, 0.25)
        )
        outcome = drive.one(command, term=3)
        post = outcome.post
        self.assertEqual(
            (post.kind, post.stream, post.seq, post.position, post.id),
            (CHANNEL, "geral", 1, position_of(2, 1), "a:1"),
        )
        self.assertEqual((post.user, post.message, post.salt), ("ana", "olá", command.salt))
        self.assertEqual((post.timestamp, post.sent), (5.0, 5000))
        self.assertEqual((post.clock, post.received, post.uncertainty), (40, 1000.0, 0.25))
        answer = outcome.answer
        self.assertEqual(
            (answer.code, answer.id, answer.seq, answer.index, answer.term, answer.chain, answer.clock),
            ("", "a:1", 1, 2, 3, post.chain, 40),
        )
        self.assertEqual(rows(outcome, PostRow), [PostRow(1, post)])

    def test_a_private_message_is_one_post_in_the_receivers_inbox(self):
        drive = driver()
        drive.entry(login("1", "ana"), login("2", "bia"))
        post = drive.one(send("3", "ana", "bia")).post
        self.assertEqual((post.kind, post.stream, post.user, post.seq), (INBOX, "bia", "ana", 1))
        self.assertEqual(drive.board.head(INBOX, "bia").seq, 1)
        self.assertEqual(drive.board.head(INBOX, "ana").seq, 0)

    def test_one_may_write_to_oneself(self):
        drive = driver()
        drive.one(login("1", "ana"))
        self.assertEqual(drive.one(send("2", "ana", "ana")).post.stream, "ana")

    def test_each_stream_counts_for_itself(self):
        drive = driver()
        drive.entry(create("1", "geral"), create("2", "rust"), login("3", "bia"))
        seqs = [
            drive.answer(command).seq
            for command in (
                publish("4", "ana", "geral"),
                publish("5", "ana", "rust"),
                publish("6", "ana", "geral"),
                send("7", "ana", "bia"),
                publish("8", "bia", "geral"),
            )
        ]
        self.assertEqual(seqs, [1, 1, 2, 1, 3])

    def test_the_clock_rises_over_the_whole_board_and_follows_a_stamp_ahead_of_it(self):
        drive = driver()
        clocks = [
            drive.answer(command).clock
            for command in (
                login("1", "ana"),
                create("2", "geral", stamp=evolve(STAMP, clock=10)),
                publish("3", "ana", "geral", stamp=evolve(STAMP, clock=10)),
                publish("4", "ana", "nowhere", stamp=evolve(STAMP, clock=3)),
                send("5", "ana", "ana", stamp=evolve(STAMP, clock=30)),
                login("6", "bia", stamp=evolve(STAMP, clock=CLOCK_MAX)),
                login("7", "bia", stamp=evolve(STAMP, clock=CLOCK_MAX)),
            )
        ]
        self.assertEqual(clocks, [1, 10, 11, 12, 30, CLOCK_MAX, CLOCK_MAX + 1])

    def test_received_never_falls_within_a_stream_and_its_uncertainty_says_by_how_much_it_was_lifted(self):
        drive = driver()
        drive.entry(create("1", "geral"), create("2", "rust"))

        def post(id_, channel, time, bound):
            made = drive.one(publish(id_, "ana", channel, stamp=Stamp(0, time, bound))).post
            return made.received, made.uncertainty

        self.assertEqual(post("3", "geral", 1000.0, 0.5), (1000.0, 0.5))
        self.assertEqual(post("4", "geral", 998.0, 0.5), (1000.0, 2.5))
        self.assertEqual(post("5", "geral", 997.0, None), (1000.0, None))
        self.assertEqual(post("6", "rust", 990.0, 0.0), (990.0, 0.0))
        self.assertEqual(post("7", "geral", 1001.0, 0.25), (1001.0, 0.25))


class Repetitions(SynchronousTestCase):
    def test_a_request_takes_effect_once_however_often_it_is_retried(self):
        drive = driver()
        drive.one(create("1", "geral"))
        command = publish("2", "ana", "geral")
        first = drive.one(command)
        marks = drive.board.marks()
        for _ in range(3):
            again = drive.one(evolve(command, stamp=Stamp(77, 2000.0, None), salt=b"\xaa" * 16))
            self.assertTrue(again.duplicate)
            self.assertEqual(again.answer, first.answer)
            self.assertEqual((again.rows, again.post), ((), None))
        self.assertEqual(drive.board.head(CHANNEL, "geral").seq, 1)
        after = drive.board.marks()
        self.assertEqual((after.clock, after.ordinal), (marks.clock, marks.ordinal))
        self.assertNotEqual(after.digest, marks.digest)

    def test_a_repetition_within_one_entry_is_one_too(self):
        drive = driver()
        drive.one(create("1", "geral"))
        one, two, three = drive.entry(*[publish("2", "ana", "geral")] * 3)
        self.assertEqual([one.duplicate, two.duplicate, three.duplicate], [False, True, True])
        self.assertEqual(three.answer, one.answer)

    def test_an_id_used_for_something_else_is_refused_and_the_first_answer_stays(self):
        drive = driver()
        drive.one(create("1", "geral"))
        first = drive.one(publish("2", "ana", "geral", "one"))
        before, marks = everything(drive.board), drive.board.marks()
        for other in (
            publish("2", "ana", "geral", "two"),
            publish("2", "ana", "rust", "one"),
            send("2", "ana", "geral", "one"),
            login("2", "ana"),
        ):
            outcome = drive.one(other)
            refusal = outcome.answer.refusal
            self.assertEqual((refusal.code, refusal.field, refusal.definite), (Code.ID_REUSED, "id", True))
            self.assertEqual((outcome.duplicate, outcome.rows, outcome.post), (False, (), None))
            self.assertEqual(outcome.answer.clock, marks.clock)
        self.assertEqual(everything(drive.board), before)
        self.assertEqual(drive.board.marks().ordinal, marks.ordinal)
        self.assertEqual(drive.answer(publish("2", "ana", "geral", "one")), first.answer)

    def test_the_same_id_of_two_users_or_of_a_broker_names_different_operations(self):
        drive = driver()
        drive.one(create("1", "geral"))
        seqs = [
            drive.answer(publish(id_, user, "geral")).seq
            for id_, user in (("2", "ana"), ("2", "bia"), ("@2", "ana"), ("@2", "ana"))
        ]
        self.assertEqual(seqs, [1, 2, 3, 3])

    def test_a_brokers_id_for_another_users_request_is_another_content(self):
        drive = driver()
        drive.one(create("1", "geral"))
        drive.one(publish("@2", "ana", "geral"))
        self.assertEqual(drive.answer(publish("@2", "bia", "geral")).refusal.code, Code.ID_REUSED)

    def test_a_plain_id_is_forgotten_after_the_window(self):
        drive = driver(window=2)
        drive.one(create("1", "geral"))
        for id_, seq in (("p", 1), ("q", 2), ("p", 1), ("r", 3), ("p", 4)):
            self.assertEqual(drive.answer(publish(id_, "ana", "geral")).seq, seq)

    def test_repetitions_and_reused_ids_do_not_shorten_the_window(self):
        drive = driver(window=2)
        drive.one(create("1", "geral"))
        drive.entry(publish("p", "ana", "geral"), publish("q", "ana", "geral"))
        for _ in range(5):
            drive.one(publish("q", "ana", "geral"))
            drive.one(publish("q", "ana", "geral", "other"))
        self.assertTrue(drive.one(publish("p", "ana", "geral")).duplicate)

    def test_an_operation_of_a_session_is_never_run_twice_even_after_the_window(self):
        drive = driver(window=2)
        drive.one(create("c", "geral"))
        for n in range(1, 6):
            drive.one(publish(f"a:{n}", "ana", "geral"))
        before, marks = everything(drive.board), drive.board.marks()
        for n in (1, 2, 3, 0):
            outcome = drive.one(publish(f"a:{n}", "ana", "geral"))
            refusal = outcome.answer.refusal
            self.assertEqual((refusal.code, refusal.field, refusal.definite), (Code.ID_EXPIRED, "id", False))
            self.assertEqual((outcome.duplicate, outcome.rows, outcome.post), (False, (), None))
        self.assertEqual(everything(drive.board), before)
        self.assertEqual(drive.board.marks().ordinal, marks.ordinal)
        self.assertTrue(drive.one(publish("a:4", "ana", "geral")).duplicate)
        self.assertEqual(drive.answer(publish("a:6", "ana", "geral")).seq, 6)

    def test_a_remembered_operation_below_the_highest_evicted_number_still_gets_its_answer(self):
        drive = driver(window=2)
        drive.one(create("c", "geral"))
        drive.one(publish("a:9", "ana", "geral"))
        late = drive.one(publish("a:2", "ana", "geral"))
        evicting = drive.one(publish("a:10", "ana", "geral"))
        self.assertEqual(rows(evicting, SessionsRow), [sessions("ana", ("a", 9, 4))])
        self.assertEqual(drive.answer(publish("a:2", "ana", "geral")), late.answer)
        self.assertEqual(drive.answer(publish("a:3", "ana", "geral")).refusal.code, Code.ID_EXPIRED)

    def test_a_name_that_was_never_registered_has_no_session(self):
        drive = driver(window=1)
        drive.one(publish("a:1", "ana", "geral"))
        outcome = drive.one(create("c", "geral"))
        self.assertEqual(rows(outcome, SessionsRow), [])
        self.assertEqual(drive.answer(publish("a:1", "ana", "geral")).seq, 1)

    def test_requests_of_no_user_have_sessions_too(self):
        drive = driver(window=1)
        drive.one(create("a:1", "geral"))
        self.assertEqual(rows(drive.one(create("a:2", "rust")), SessionsRow), [sessions("", ("a", 1, 2))])
        self.assertEqual(drive.answer(create("a:1", "geral")).refusal.code, Code.ID_EXPIRED)


class Marking(SynchronousTestCase):
    def test_an_empty_board_has_nothing(self):
        self.assertEqual(Board.empty(9, 9).marks(), Marks(0, 0, 0, NO_DIGEST))

    def test_an_entry_without_operations_moves_the_marks_too(self):
        drive = driver()
        drive.one(login("1", "ana"))
        before = drive.board.marks()
        drive.entry()
        self.assertEqual(drive.board.marks(), evolve(before, applied=2))

    def test_the_marks_and_all_rows_of_some_entries_are_written_together(self):
        drive = driver()
        drive.entry(login("1", "ana"), create("2", "geral"))
        drive.entry(publish("3", "ana", "geral"))
        applied = drive.board.applied(drive.outcomes)
        self.assertEqual(applied.marks, drive.board.marks())
        self.assertEqual(
            [type(row) for row in applied.rows],
            [StreamRow, OperationRow, StreamRow, OperationRow, PostRow, OperationRow],
        )

    def test_nothing_is_written_in_the_middle_of_an_entry(self):
        board = Board.empty(9, 9)
        board.apply(position_of(1, 1), 1, encode(login("1", "ana")))
        self.assertRaises(AssertionError, board.marks)
        self.assertRaises(AssertionError, board.applied, ())

    def test_the_order_of_the_log_is_kept_or_the_server_stops(self):
        drive = driver()
        drive.one(login("1", "ana"))
        payload = encode(login("2", "bia"))
        self.assertRaises(AssertionError, drive.board.apply, position_of(1, 1), 1, payload)
        self.assertRaises(AssertionError, drive.board.apply, position_of(1, 2), 1, payload)
        self.assertRaises(AssertionError, drive.board.applied_entry, 0)
        drive.board.apply(position_of(3, 1), 1, payload)
        self.assertRaises(AssertionError, drive.board.applied_entry, 2)

    def test_positions_may_have_gaps(self):
        drive = driver()
        drive.one(login("1", "ana"))
        drive.board.apply(position_of(70, 9), 1, encode(login("2", "bia")))
        drive.board.applied_entry(75)
        self.assertEqual(drive.board.marks().applied, 75)


class Unreadable(SynchronousTestCase):
    def test_what_cannot_be_read_stops_the_board_where_it_is(self):
        for payload in (b"", b"\xc1", msgpack.packb([2, "of a newer version"])):
            with self.subTest(payload):
                drive = driver()
                drive.one(login("1", "ana"))
                before = everything(drive.board)
                error = self.assertRaises(CannotApply, drive.board.apply, position_of(2, 1), 1, payload)
                self.assertEqual(error.position, position_of(2, 1))
                self.assertIn("index 2", str(error))
                self.assertEqual(everything(drive.board), before)
                self.assertRaises(
                    AssertionError, drive.board.apply, position_of(2, 2), 1, encode(login("2", "bia"))
                )
                self.assertRaises(AssertionError, drive.board.applied_entry, 2)
                self.assertRaises(AssertionError, drive.board.marks)

    def test_the_version_that_is_needed_is_named(self):
        board = Board.empty(9, 9)
        error = self.assertRaises(CannotApply, board.apply, position_of(1, 1), 1, msgpack.packb([2]))
        self.assertIn("format 2", str(error))


class Properties(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(drawn_entries)
    def test_clocks_rise_numbers_have_no_gaps_and_answers_stay(self, entries):
        drive = driver(users_max=3, channels_max=2)
        for commands in entries:
            drive.entry(*commands)
        clock = 0
        heads = {}
        answers = {}
        commands = [command for entry in entries for command in entry]
        for command, outcome in zip(commands, drive.outcomes, strict=True):
            asked = (command.kind, command.user, command.target, command.message)
            first = answers.setdefault(command.operation, (asked, outcome.answer))
            if outcome.duplicate:
                self.assertEqual((asked, outcome.answer), first)
            elif outcome.answer.code == Code.ID_REUSED.value.code:
                self.assertNotEqual(asked, first[0])
                self.assertEqual(outcome.answer.clock, clock)
            else:
                self.assertEqual(outcome.answer, first[1])
                self.assertEqual(outcome.answer.clock, max(clock + 1, command.stamp.clock))
                clock = outcome.answer.clock
            post = outcome.post
            self.assertEqual(post is None, outcome.answer.seq == 0 or outcome.duplicate)
            if post is not None:
                seq, received = heads.get((post.kind, post.stream), (0, 0.0))
                self.assertEqual(post.seq, seq + 1)
                self.assertEqual(post.received, max(received, command.stamp.time))
                heads[post.kind, post.stream] = (post.seq, post.received)
        users, channels = (drive.board.users(None, 999)[0], drive.board.channels(None, 999)[0])
        self.assertEqual(set(users) & set(channels), set())
        self.assertLessEqual(len(users), 3)
        self.assertLessEqual(len(channels), 2)
        for kind, name in ((kind, name) for kind in KINDS for name in NAMES):
            head = drive.board.head(kind, name)
            if head is not None:
                self.assertEqual((head.seq, head.received), heads.get((kind, name), (0, 0.0)))

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(drawn_entries, st.integers(0, 20), st.integers(1, 6), st.integers(0, 3))
    def test_a_board_restored_anywhere_goes_on_as_the_one_that_wrote_the_rows(
        self, entries, cut, window, spare
    ):
        whole = driver(window, users_max=4, channels_max=3)
        tables = Tables(4, 3, window, spare)
        for commands in entries[:cut]:
            tables.write(whole.board.applied(whole.entry(*commands)))
        again = Driver(Board(tables.restored(), window), whole.index)
        self.assertEqual(again.board.marks(), whole.board.marks())
        self.assertEqual(everything(again.board), everything(whole.board))
        for commands in entries[cut:]:
            self.assertEqual(again.entry(*commands), whole.entry(*commands))
            self.assertEqual(again.board.marks(), whole.board.marks())
        self.assertEqual(everything(again.board), everything(whole.board))

    @settings(deadline=None, derandomize=True, max_examples=50)
    @given(drawn_entries, st.integers(1, 6), st.data())
    def test_the_same_log_has_the_same_digest_however_it_is_written_in_batches(self, entries, window, data):
        one, two = driver(window), driver(window)
        written = Tables(9, 9, window)
        batched = Tables(9, 9, window)
        pending = []
        for commands in entries:
            written.write(one.board.applied(one.entry(*commands)))
            pending += two.entry(*commands)
            if data.draw(st.booleans()):
                batched.write(two.board.applied(pending))
                pending = []
        batched.write(two.board.applied(pending))
        self.assertEqual(batched.restored(), written.restored())
        self.assertEqual(batched.posts, written.posts)

    def test_any_difference_of_the_log_shows_in_the_digest_from_then_on(self):
        script = [create("1", "geral"), login("2", "ana"), publish("3", "ana", "geral"), login("4", "bia")]

        def digest(commands):
            drive = driver()
            for command in commands:
                drive.one(command)
            return drive.board.marks().digest

        others = [
            script[:3],
            [*script[:2], script[3], script[2]],
            [*script[:2], publish("3", "ana", "geral", "other"), script[3]],
            [*script[:2], evolve(script[2], salt=b"\0" * 16), script[3]],
            [*script[:2], evolve(script[2], stamp=evolve(STAMP, time=1.0)), script[3]],
            [script[0], login("2", "ana", stamp=evolve(STAMP, clock=2)), *script[2:]],
            [script[0], login("9", "ana"), *script[2:]],
            [*script, script[3]],
        ]
        digests = {digest(script), *map(digest, others)}
        self.assertEqual(len(digests), len(others))  # one is the same: a stamp that changes no outcome

    def test_a_contradiction_in_the_tables_is_not_built_upon(self):
        drive = driver(window=2)
        tables = Tables(9, 9, 2)
        for command in (login("1", "ana"), login("2", "bia"), login("3", "ana")):
            tables.write(drive.board.applied(drive.entry(command)))
        restored = tables.restored()
        Board(restored, 2)
        for name, broken in {
            "an operation is missing": evolve(restored, operations=()),
            "an operation is too many": evolve(restored, operations=restored.operations * 2),
            "a user is missing": evolve(restored, streams=restored.streams[1:]),
            "the marks are behind": evolve(restored, marks=evolve(restored.marks, ordinal=2)),
        }.items():
            with self.subTest(name):
                self.assertRaises(ValueError, Board, broken, 2)


def golden():
    """Marks, rows and answers after a fixed script, as one hash; and the digest."""
    drive = driver(window=3)
    script = [
        [create("a:1", "geral", "ana"), login("a:2", "ana")],
        [],
        [publish("a:3", "ana", "geral", "olá"), publish("a:3", "ana", "geral", "olá")],
        [send("p", "bia", "ana", "oi", sent="2026-01-01T00:00:00Z"), send("p", "bia", "ana", "não")],
        [publish("@00ff", "bia", "geral", "", stamp=Stamp(50, 990.0, None))],
        [publish("q", "caio", "rust"), login("a:1", "ana"), login("s", "geral"), login("t", "ana")],
    ]
    for commands in script:
        drive.entry(*commands)
    applied = drive.board.applied(drive.outcomes)
    plain = [
        [[type(row).__name__, astuple(row)] for row in applied.rows],
        [[outcome.position, astuple(outcome.answer), outcome.duplicate] for outcome in drive.outcomes],
        astuple(applied.marks),
    ]
    return msgpack.packb(plain), applied.marks.digest


class SameEverywhere(SynchronousTestCase):
    def test_a_fixed_log_makes_the_rows_and_the_digest_that_it_always_made(self):
        plain, digest = golden()
        self.assertEqual(
            (hashlib.sha256(plain).hexdigest(), digest.hex()),
            (
                "04f057a489ce5fdaa1cac205a95b5d55b82e6277067020254bc18b2908e5baa5",
                "3cc7f02f7b7a9a733535fdffde13fe35c86401f27fa46f5dca7bb87fd87b04ef",
            ),
        )

    def test_the_process_does_not_matter(self):
        here = golden()
        code = "import sys; from tests.core.board.test_board import golden; sys.stdout.buffer.write(b''.join(golden()))"
        for seed in ("0", "4242"):
            with self.subTest(seed):
                made = subprocess.run(
                    [sys.executable, "-c", code],
                    env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
                    capture_output=True,
                    check=True,
                    timeout=60,
                )
                self.assertEqual(made.stdout, b"".join(here))
