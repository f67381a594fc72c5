"""The outbox: in order, each line under its id until it is known what became of it."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.client.caller import Unreachable
from bulletin.core.client.outbox import (
    BYTES_MAX,
    LINES_MAX,
    PAUSE,
    Accepted,
    Delayed,
    Line,
    Outbox,
    Refused,
    Undecidable,
)
from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.replies import Posted, Receipt
from bulletin.core.wire.requests import Publish

NO_LEADER = Refusal(Code.NO_LEADER)


def at(seconds):
    return Instant(seconds, 1_700_000_000.0 + seconds)


def line(number, text="oi"):
    return Line(f"ab:{number}", Publish("ana", "geral", text))


def posted(seq):
    return Posted(f"ab:{seq}", seq, Receipt(1, 1, bytes(32)))


class Outboxes(SynchronousTestCase):
    def test_in_order(self):
        """One at a time; the next is sent when it is known what became of the one before."""
        outbox = Outbox([line(1)])
        outbox.add(line(2))
        self.assertEqual(outbox.take(at(0)), line(1))
        self.assertIsNone(outbox.take(at(0)))
        self.assertEqual(outbox.settle("ab:1", posted(5), "", at(1)), Accepted(line(1), posted(5)))
        self.assertEqual(outbox.take(at(1)), line(2))
        self.assertEqual(outbox.lines, (line(2),))

    def test_the_same_line_again(self):
        """Silence, or a refusal that another try may overcome: the same line, under the same id, and said once."""
        outbox = Outbox([line(1), line(2)])
        outbox.take(at(0))
        self.assertEqual(outbox.settle("ab:1", Unreachable(), "", at(5)), Delayed(line(1), Unreachable()))
        self.assertIsNone(outbox.take(at(5)))
        self.assertEqual(outbox.take(at(5 + PAUSE)), line(1))
        self.assertIsNone(outbox.settle("ab:1", NO_LEADER, "", at(10)))
        self.assertEqual(outbox.take(at(10 + PAUSE)), line(1))
        outbox.settle("ab:1", posted(1), "", at(11))
        outbox.take(at(11))
        self.assertEqual(outbox.settle("ab:2", NO_LEADER, "", at(12)), Delayed(line(2), NO_LEADER))

    def test_refused(self):
        """A definite refusal ends a line; the next one is sent."""
        outbox = Outbox([line(1), line(2)])
        outbox.take(at(0))
        refusal = Refusal(Code.NO_SUCH_CHANNEL)
        self.assertEqual(outbox.settle("ab:1", refusal, "Nein.", at(1)), Refused(line(1), refusal, "Nein."))
        self.assertEqual(outbox.take(at(1)), line(2))

    def test_never_to_be_known(self):
        """What the board has forgotten is not sent for ever."""
        outbox = Outbox([line(1)])
        outbox.take(at(0))
        refusal = Refusal(Code.ID_EXPIRED)
        self.assertEqual(outbox.settle("ab:1", refusal, "", at(1)), Undecidable(line(1), refusal, ""))
        self.assertEqual(len(outbox), 0)

    def test_discarded(self):
        """What was under way is nobody's any more."""
        outbox = Outbox([line(1), line(2)])
        outbox.take(at(0))
        self.assertEqual(outbox.discard(), (line(1), line(2)))
        outbox.add(line(3))
        self.assertIsNone(outbox.settle("ab:1", posted(1), "", at(1)))
        self.assertEqual(outbox.take(at(1)), line(3))
        self.assertIsNone(outbox.settle("ab:1", posted(1), "", at(1)))
        self.assertEqual(outbox.settle("ab:3", posted(2), "", at(1)), Accepted(line(3), posted(2)))

    def test_bounds(self):
        """So many lines, and so many characters."""
        outbox = Outbox(line(number) for number in range(LINES_MAX - 1))
        self.assertTrue(outbox.has_room("x"))
        outbox.add(line(LINES_MAX))
        self.assertFalse(outbox.has_room("x"))
        outbox = Outbox([line(1, "x" * BYTES_MAX)])
        self.assertFalse(outbox.has_room("x"))
