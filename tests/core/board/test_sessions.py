"""An id that was seen is known as seen: with its answer within the window, as expired beyond it."""

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.commands import OperationId, Scope
from bulletin.core.board.outcome import SessionsRow
from bulletin.core.board.remembered import SessionId
from bulletin.core.board.sessions import (
    NUMBER_MAX,
    Sessions,
    content_hash,
    operation_key,
    pack_sessions,
    session_id,
)
from bulletin.core.limits import SESSIONS_PER_USER
from tests.core.board.scripts import STAMP, create, publish, send


class Grammar(SynchronousTestCase):
    def test_hexadecimal_digits_a_colon_and_a_decimal_are_a_session(self):
        for id_, session, number in (
            ("a:0", "a", 0),
            ("0:17", "0", 17),
            ("00ff:9", "00ff", 9),
            ("DEADbeef:1", "DEADbeef", 1),
            ("f" * 47 + ":" + str(NUMBER_MAX), "f" * 47, NUMBER_MAX),
        ):
            with self.subTest(id_):
                found = session_id(OperationId(Scope.USER, "ana", id_))
                self.assertEqual(found, SessionId("ana", session, number))

    def test_anything_else_is_a_plain_id(self):
        for id_ in (
            *("", ":", "a:", ":1", "a", "1", "g:1", "a-b:1", "a:1:2", "a:01", "a:00", "a:+1", "a:-1", "a: 1"),
            *(" a:1", "a:1 ", "a:1\n", "a:1.0", "a:1e3", "a:0x1", "a:١", "á:1", "a\n:1", "a:1_0"),
            *(f"a:{NUMBER_MAX + 1}", "a:" + "9" * 17, "a:" + "1" * 60),
        ):
            with self.subTest(id_):
                self.assertIsNone(session_id(OperationId(Scope.USER, "ana", id_)))

    def test_a_brokers_id_has_no_session(self):
        self.assertIsNone(session_id(OperationId(Scope.BROKER, "", "a:1")))


class Names(SynchronousTestCase):
    def test_an_operation_is_found_by_scope_user_and_id(self):
        ids = [
            OperationId(Scope.USER, "ana", "p"),
            OperationId(Scope.USER, "bia", "p"),
            OperationId(Scope.USER, "", "p"),
            OperationId(Scope.BROKER, "", "p"),
            OperationId(Scope.USER, "ana", "q"),
            OperationId(Scope.USER, "an", "ap"),
        ]
        self.assertEqual(len({operation_key(id_) for id_ in ids}), len(ids))
        self.assertEqual(len(operation_key(ids[0])), 16)

    def test_what_was_asked_is_the_same_whoever_admitted_it_and_when(self):
        post = publish("p", "ana", "geral", "text")
        again = evolve(post, stamp=evolve(STAMP, clock=9), salt=b"\0" * 16, timestamp=1.0, sent="1")
        self.assertEqual(content_hash(again), content_hash(post))

    def test_another_kind_user_target_or_text_is_something_else(self):
        asked = [
            publish("p", "ana", "geral", "text"),
            publish("p", "bia", "geral", "text"),
            publish("p", "ana", "rust", "text"),
            publish("p", "ana", "geral", "texts"),
            send("p", "ana", "geral", "text"),
            create("p", "geral", "ana"),
        ]
        self.assertEqual(len({content_hash(command) for command in asked}), len(asked))


class Expiry(SynchronousTestCase):
    def test_at_or_below_the_highest_evicted_number_is_expired(self):
        sessions = Sessions(())
        self.assertFalse(sessions.expired(SessionId("ana", "a", 0)))
        sessions.evicted(SessionId("ana", "a", 5), 100)
        sessions.evicted(SessionId("ana", "a", 3), 101)
        for number, expired in ((0, True), (3, True), (4, True), (5, True), (6, False)):
            self.assertEqual(sessions.expired(SessionId("ana", "a", number)), expired)

    def test_sessions_and_users_are_told_apart(self):
        sessions = Sessions(())
        sessions.evicted(SessionId("ana", "a", 5), 100)
        for other in (SessionId("bia", "a", 1), SessionId("ana", "A", 1), SessionId("ana", "0a", 1)):
            self.assertFalse(sessions.expired(other))

    def test_an_eviction_is_written_down(self):
        sessions = Sessions(())
        for number, ordinal in ((5, 100), (3, 101)):
            row = sessions.evicted(SessionId("ana", "a", number), ordinal)
            self.assertEqual(row, SessionsRow("ana", pack_sessions([("a", 5, ordinal)])))

    def test_of_too_many_sessions_the_least_recently_touched_is_forgotten(self):
        sessions = Sessions(())
        for n in range(SESSIONS_PER_USER):
            sessions.evicted(SessionId("ana", f"{n:x}", 5), 100 + n)
        sessions.evicted(SessionId("ana", "0", 6), 200)
        row = sessions.evicted(SessionId("ana", "ff", 1), 201)
        kept = [(f"{n:x}", 5, 100 + n) for n in range(2, SESSIONS_PER_USER)]
        self.assertEqual(row.packed, pack_sessions([*kept, ("0", 6, 200), ("ff", 1, 201)]))
        self.assertFalse(sessions.expired(SessionId("ana", "1", 5)))
        self.assertTrue(sessions.expired(SessionId("ana", "0", 6)))
        self.assertTrue(sessions.expired(SessionId("ana", "2", 5)))

    def test_one_user_does_not_make_another_forget(self):
        sessions = Sessions(())
        sessions.evicted(SessionId("ana", "a", 5), 1)
        for n in range(40):
            sessions.evicted(SessionId("bia", f"{n:x}", 5), 2 + n)
        self.assertTrue(sessions.expired(SessionId("ana", "a", 5)))

    def test_rows_that_no_board_wrote_are_refused(self):
        row = SessionsRow("ana", pack_sessions([("a", 1, 1)]))
        self.assertRaises(ValueError, Sessions, [row, SessionsRow("bia", b""), row])

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(
        st.lists(
            st.builds(
                SessionId, st.sampled_from("ab"), st.integers(0, 19).map("{:x}".format), st.integers(0, 3)
            ),
            max_size=60,
        ),
        st.integers(0, 60),
        st.randoms(use_true_random=False),
    )
    def test_restored_sessions_forget_in_the_same_order(self, evictions, cut, random):
        whole = Sessions(())
        rows = {}
        for ordinal, eviction in enumerate(evictions[:cut], 1):
            rows[eviction.user] = whole.evicted(eviction, ordinal)
        shuffled = list(rows.values())
        random.shuffle(shuffled)
        again = Sessions(shuffled)
        for ordinal, eviction in enumerate(evictions[cut:], cut + 1):
            self.assertEqual(again.expired(eviction), whole.expired(eviction))
            self.assertEqual(again.evicted(eviction, ordinal), whole.evicted(eviction, ordinal))
