"""The window of remembered operations: first answers, evictions, and blocks that are the same in memory and in the tables."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import Answer, OperationRow
from bulletin.core.board.remembered import (
    Remembered,
    SessionId,
    blocks_forgotten,
    operation_record,
    operations_in,
    pack_operations,
)
from bulletin.core.board.sessions import operation_key, session_id
from tests.core.board.scripts import operation

ANSWER = Answer("", "", "p", existing=False, seq=3, index=4, term=5, chain=b"c" * 32, clock=6)


def remember(remembered, id_, user="ana"):
    """Add the operation; the evicted session's id, if any."""
    named = operation(id_, user)
    return remembered.add(operation_key(named), record_of(named))[1]


def record_of(named):
    return operation_record(b"contents", evolve(ANSWER, id=named.id), session_id(named))


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
                    named = operation(id_, "ana")
                    key, given = operation_key(named), evolve(answer, id=id_)
                    remembered.add(key, operation_record(b"contents", given, session_id(named)))
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
        named = [operation(f"a:{ordinal}", "ana") for ordinal in range(first, last + 1)]
        return [
            OperationRow(ordinal, operation_key(name), record_of(name))
            for ordinal, name in enumerate(named, first)
        ]

    def blocks(self, ordinal, at_once=5):
        """The blocks of so many operations, as a store makes them: some operations in each transaction."""
        blocks = {}
        last = None
        for first in range(1, ordinal + 1, at_once):
            for block in pack_operations(last, self.rows(first, min(first + at_once - 1, ordinal))):
                last = blocks[block.number] = block
        return [blocks[number] for number in sorted(blocks)]

    def test_blocks_are_the_same_however_they_came_to_be(self):
        for ordinal in (1, 31, 32, 33, 100):
            for at_once in (1, 32, 100):
                self.assertEqual(self.blocks(ordinal, at_once), self.blocks(ordinal), (ordinal, at_once))
        self.assertEqual([operations_in(block) for block in self.blocks(70)], [32, 32, 6])

    def test_a_restored_window_goes_on_where_it_was(self):
        for window in (3, 32, 40):
            whole = Remembered(window, 0, ())
            for ordinal in range(110):
                if ordinal:
                    remember(whole, f"a:{ordinal}")
                blocks = self.blocks(ordinal)[max(0, blocks_forgotten(ordinal, window) - 1) :]
                again = Remembered(window, ordinal, blocks)
                self.assertEqual(len(again), len(whole))
                self.assertEqual(
                    [knows(again, f"a:{n}") for n in range(ordinal + 2)],
                    [knows(whole, f"a:{n}") for n in range(ordinal + 2)],
                )
                evicted = [remember(again, f"b:{n}") for n in range(window)]
                first = max(1, ordinal - window + 1)
                self.assertEqual(
                    [session.number for session in evicted if session], list(range(first, ordinal + 1))
                )

    def test_an_id_that_was_forgotten_and_came_again(self):
        """Its first time stands in the oldest block still, and is not what is found or evicted."""
        whole = Remembered(3, 0, ())
        last, rows = None, []
        for id_ in ("p", "q", "r", "s", "p", "t"):
            named = operation(id_, "ana")
            rows.append(whole.add(operation_key(named), record_of(named))[0])
        (last,) = pack_operations(None, rows)
        again = Remembered(3, 6, [last])
        for _ in range(2):
            for remembered in (whole, again):
                self.assertTrue(knows(remembered, "p"))
                remember(remembered, f"u{remembered.ordinal}")
        for remembered in (whole, again):
            remember(remembered, "v")
            self.assertFalse(knows(remembered, "p"))

    def test_blocks_that_no_store_would_bring_are_refused(self):
        blocks = self.blocks(70)
        Remembered(40, 70, blocks[:1] + blocks[1:])
        last = blocks[-1]
        wrong = [
            blocks[:2],
            blocks[1:],
            [*blocks[:1], blocks[2]],
            [*blocks[:2], evolve(last, keys=last.keys[:-1])],
            [*blocks[:2], evolve(last, keys=last.keys[:-16])],
            [*blocks[:2], evolve(last, ends=last.ends[:-2])],
            [*blocks[:2], evolve(last, records=last.records + b"x")],
            [*blocks[:2], evolve(last, keys=last.keys[:16] * 6)],
            [*blocks[:2], evolve(last, keys=b"", ends=b"", records=b"")],
            [*self.blocks(60), last],
        ]
        for number, broken in enumerate(wrong):
            with self.subTest(number):
                self.assertRaises(ValueError, Remembered, 60, 70, broken)
        for ordinal in (69, 71):
            self.assertRaises(ValueError, Remembered, 60, ordinal, blocks)

    def test_operations_that_do_not_follow(self):
        (last,) = pack_operations(None, self.rows(1, 4))
        for first in (3, 4, 6):
            self.assertRaises(AssertionError, pack_operations, last, self.rows(first, first + 1))
        self.assertRaises(AssertionError, pack_operations, None, self.rows(2, 3))
