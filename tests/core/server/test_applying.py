from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board, CannotApply
from bulletin.core.board.commands import Command, Kind, OperationId, Proof, Scope, Stamp, encode
from bulletin.core.board.outcome import Outcome, RestoredBoard
from bulletin.core.log.port import BarrierPassed, Committed, LogEvent, position_of
from bulletin.core.server import applying as module
from bulletin.core.server.applying import WRITE_SECONDS, Applying
from bulletin.core.server.peers import Checkpoints
from tests.core.server.fakes import at


def login(number: int) -> bytes:
    name = f"u{number}"
    operation = OperationId(Scope.USER, name, "1")
    return encode(
        Command(
            Kind.LOGIN, operation, name, Proof.OPEN, "", "", 1.0, None, Stamp(number, 1.0, None), b"s" * 16
        )
    )


def entry(index: int, *numbers: int) -> list[LogEvent]:
    return [
        Committed(position_of(index, offset), 1, number.to_bytes(16, "big"), login(number))
        for offset, number in enumerate(numbers, 1)
    ]


class ApplyingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.seen: list[object] = []
        self.checkpoints = Checkpoints(3)
        self.applying = Applying(
            Board(RestoredBoard.empty(1000, 10)), 0, self.checkpoints, self.done, self.seen.append
        )

    def done(self, event: Committed, outcome: Outcome) -> None:
        self.seen.append(int.from_bytes(event.key, "big"))

    def test_operations_and_other_events_come_in_their_order(self) -> None:
        passed = BarrierPassed(1, position_of(2, 2))
        self.applying.deliver([*entry(2, 1, 2), passed, *entry(4, 3)], 5)
        self.applying.advance(at(0.0))
        self.assertEqual(self.seen, [1, 2, passed, 3])
        self.assertEqual((self.applying.applied, self.applying.more), (5, False))

    def test_entries_without_operations_move_the_index(self) -> None:
        self.applying.deliver([], 3)
        self.applying.advance(at(0.0))
        self.assertEqual(self.applying.applied, 3)
        rows = self.applying.due_rows(at(0.0), at_once=True)
        assert rows is not None
        self.assertEqual((rows.rows, rows.marks.applied), ((), 3))

    def test_a_turn_ends_at_the_end_of_an_entry(self) -> None:
        self.patch(module, "OPERATIONS_PER_TURN", 3)
        self.applying.deliver([*entry(2, 1, 2), *entry(3, 3, 4), *entry(5, 5), *entry(6, 6, 7, 8, 9)], 7)
        self.applying.advance(at(0.0))
        self.assertEqual((self.applying.applied, self.applying.more, self.seen), (4, True, [1, 2, 3, 4]))
        rows = self.applying.due_rows(at(0.0), at_once=True)
        assert rows is not None
        self.assertEqual(rows.marks.applied, 4)
        self.applying.deliver([BarrierPassed(1, 0)], None)
        self.applying.advance(at(0.0))
        self.assertEqual((self.applying.applied, self.applying.more), (7, False))
        self.assertEqual(self.seen[4:-1], [5, 6, 7, 8, 9])

    def test_rows_wait_for_company_but_not_for_long(self) -> None:
        self.applying.deliver(entry(2, 1), 2)
        self.applying.advance(at(1.0))
        self.assertIsNone(self.applying.due_rows(at(1.0), at_once=False))
        self.applying.deliver(entry(3, 2), 3)
        self.applying.advance(at(1.04))
        rows = self.applying.due_rows(at(1.0 + WRITE_SECONDS), at_once=False)
        assert rows is not None
        self.assertEqual((rows.marks.applied, len(rows.rows)), (3, 4))
        self.assertIsNone(self.applying.due_rows(at(9.0), at_once=True), "nothing is left")

    def test_many_rows_wait_for_nothing(self) -> None:
        self.patch(module, "WRITE_OPERATIONS", 2)
        self.applying.deliver(entry(2, 1, 2), 2)
        self.applying.advance(at(1.0))
        self.assertIsNotNone(self.applying.due_rows(at(1.0), at_once=False))

    def test_digests_are_kept_at_the_same_indexes_however_the_log_was_delivered(self) -> None:
        self.patch(module, "CHECKPOINT_EVERY", 4)
        entries = [entry(2, 1), entry(4, 2, 3), entry(5, 4), entry(13, 5)]
        self.applying.deliver([event for events in entries for event in events], 20)
        self.applying.advance(at(0.0))
        first = dict(self.checkpoints._own)
        self.setUp()
        self.patch(module, "CHECKPOINT_EVERY", 4)
        for index, events in zip((2, 4, 5, 13), entries, strict=True):
            self.applying.deliver(events, index)
            self.applying.advance(at(0.0))
        self.applying.deliver([], 20)
        self.applying.advance(at(0.0))
        self.assertEqual(dict(self.checkpoints._own), first)
        self.assertEqual(sorted(first), [4, 8, 12, 16, 20])
        self.assertEqual((first[8], first[16] == first[12]), (first[12], False))

    def test_what_this_version_cannot_read_stops_it(self) -> None:
        self.applying.deliver([Committed(position_of(2, 1), 1, b"k" * 16, b"newer")], 2)
        self.assertRaises(CannotApply, self.applying.advance, at(0.0))
