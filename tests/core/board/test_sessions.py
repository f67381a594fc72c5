"""An id that was seen is known as seen: with its answer within the window, as expired beyond it."""

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.commands import OperationId, Scope
from bulletin.core.board.outcome import Answer, OperationRow, SessionRow
from bulletin.core.board.sessions import (
    NUMBER_MAX,
    Remembered,
    SessionId,
    Sessions,
    content_hash,
    operation_key,
    session_id,
)
from bulletin.core.limits import SESSIONS_PER_USER
from tests.core.board.scripts import STAMP, create, operation, publish, send

ANSWER = Answer("", "", "p", existing=False, seq=3, index=4, term=5, chain=b"c" * 32, clock=6)


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


def remember(remembered, id_, user="ana"):
    """Add the operation; the evicted session's id, if any."""
    named = operation(id_, user)
    return remembered.add(operation_key(named), b"contents", evolve(ANSWER, id=named.id), session_id(named))


def knows(remembered, id_, user="ana"):
    named = operation(id_, user)
    return remembered.find(operation_key(named), named.id) is not None


class Window(SynchronousTestCase):
    def test_the_first_answer_comes_back_as_it_was(self):
        refused = evolve(ANSWER, code="canal_inexistente", field="canal", seq=0, chain=b"")
        existing = evolve(ANSWER, existing=True, seq=0, chain=b"", clock=2**53)
        for answer in (ANSWER, refused, existing):
            with self.subTest(answer):
                remembered = Remembered(2, 0, ())
                for id_ in ("p", "a:1"):
                    key = operation_key(operation(id_, "ana"))
                    given = evolve(answer, id=id_)
                    remembered.add(key, b"contents", given, session_id(operation(id_, "ana")))
                    self.assertEqual(remembered.find(key, id_), (b"contents", given))

    def test_the_oldest_goes_when_one_more_comes(self):
        remembered = Remembered(3, 0, ())
        for id_ in ("p", "q", "r"):
            remember(remembered, id_)
        self.assertTrue(knows(remembered, "p"))
        remember(remembered, "s")
        self.assertFalse(knows(remembered, "p"))
        self.assertTrue(all(knows(remembered, id_) for id_ in ("q", "r", "s")))
        self.assertEqual((len(remembered), remembered.ordinal), (3, 4))

    def test_an_eviction_tells_the_session_that_it_was_of(self):
        remembered = Remembered(1, 0, ())
        self.assertIsNone(remember(remembered, "a:1"))
        self.assertEqual(remember(remembered, "p", user="bia"), SessionId("ana", "a", 1))
        self.assertIsNone(remember(remembered, "@a:2"))
        self.assertIsNone(remember(remembered, "q"))

    def rows(self, first, last):
        return [
            OperationRow(
                ordinal, operation(f"a:{ordinal}", "ana"), b"contents", evolve(ANSWER, id=f"a:{ordinal}")
            )
            for ordinal in range(first, last + 1)
        ]

    def test_a_restored_window_goes_on_where_it_was(self):
        for ordinal in range(9):
            with self.subTest(ordinal):
                whole = Remembered(3, 0, ())
                for n in range(1, ordinal + 1):
                    remember(whole, f"a:{n}")
                again = Remembered(3, ordinal, self.rows(max(1, ordinal - 4), ordinal))
                for n in range(ordinal + 1, ordinal + 9):
                    for m in range(n + 1):
                        self.assertEqual(knows(again, f"a:{m}"), knows(whole, f"a:{m}"))
                    self.assertEqual(remember(again, f"a:{n}"), remember(whole, f"a:{n}"))

    def test_rows_with_a_gap_are_refused(self):
        for first, last, ordinal in ((1, 4, 5), (4, 5, 5), (1, 0, 5), (3, 6, 5), (1, 2, 1)):
            with self.subTest((first, last)):
                self.assertRaises(ValueError, Remembered, 3, ordinal, self.rows(first, last))
        twice = [self.rows(1, 1)[0], evolve(self.rows(1, 1)[0], ordinal=2)]
        self.assertRaises(ValueError, Remembered, 3, 2, twice)


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
        self.assertEqual(sessions.evicted(SessionId("ana", "a", 5), 100), (SessionRow("ana", "a", 5, 100),))
        self.assertEqual(sessions.evicted(SessionId("ana", "a", 3), 101), (SessionRow("ana", "a", 5, 101),))

    def test_of_too_many_sessions_the_least_recently_touched_is_forgotten(self):
        sessions = Sessions(())
        for n in range(SESSIONS_PER_USER):
            sessions.evicted(SessionId("ana", f"{n:x}", 5), 100 + n)
        sessions.evicted(SessionId("ana", "0", 6), 200)
        rows = sessions.evicted(SessionId("ana", "ff", 1), 201)
        self.assertEqual(set(rows), {SessionRow("ana", "1", None, 101), SessionRow("ana", "ff", 1, 201)})
        self.assertFalse(sessions.expired(SessionId("ana", "1", 5)))
        self.assertTrue(sessions.expired(SessionId("ana", "0", 6)))
        self.assertTrue(sessions.expired(SessionId("ana", "2", 5)))

    def test_a_restored_board_forgets_the_least_recently_touched_too(self):
        names = [f"{n:x}" for n in range(SESSIONS_PER_USER)]
        order = [*names[8:], *names[:8]]
        touched = [SessionRow("ana", name, 5, 100 + at) for at, name in enumerate(order)]
        sessions = Sessions(sorted(touched, key=lambda row: row.session))
        rows = sessions.evicted(SessionId("ana", "ff", 1), 200)
        self.assertIn(SessionRow("ana", names[8], None, 100), rows)

    def test_one_user_does_not_make_another_forget(self):
        sessions = Sessions(())
        sessions.evicted(SessionId("ana", "a", 5), 1)
        for n in range(40):
            sessions.evicted(SessionId("bia", f"{n:x}", 5), 2 + n)
        self.assertTrue(sessions.expired(SessionId("ana", "a", 5)))

    def test_rows_that_no_board_wrote_are_refused(self):
        many = [SessionRow("ana", f"{n:x}", 1, n) for n in range(SESSIONS_PER_USER + 1)]
        self.assertRaises(ValueError, Sessions, many)
        self.assertRaises(ValueError, Sessions, [SessionRow("ana", "a", None, 1)])
        self.assertRaises(ValueError, Sessions, [SessionRow("ana", "a", 1, 1), SessionRow("ana", "a", 2, 2)])

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

        def write(written):
            for row in written:
                rows[row.user, row.session] = row
                if row.highest is None:
                    del rows[row.user, row.session]

        for ordinal, eviction in enumerate(evictions[:cut], 1):
            write(whole.evicted(eviction, ordinal))
        shuffled = list(rows.values())
        random.shuffle(shuffled)
        again = Sessions(shuffled)
        for ordinal, eviction in enumerate(evictions[cut:], cut + 1):
            self.assertEqual(again.expired(eviction), whole.expired(eviction))
            self.assertEqual(again.evicted(eviction, ordinal), whole.evicted(eviction, ordinal))
