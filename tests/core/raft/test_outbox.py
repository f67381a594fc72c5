"""Messages wait for the disk."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.disk import Disk
from bulletin.core.raft.messages import AppendReply, Greeting, GreetingReply, VoteReply
from bulletin.core.raft.outbox import Outbox
from bulletin.core.raft.ready import HardState
from tests.core.raft.making import log_of


def success(match: int, round_: int = 1) -> AppendReply:
    return AppendReply(2, match, success=True, match=match, hint_index=match, hint_term=0, round=round_)


class OutboxTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log = log_of(1)
        self.disk = Disk(HardState(1))
        self.outbox = Outbox(self.disk)
        self.outbox.introduced |= {b"a", b"b"}

    def store(self) -> None:
        self.disk.stored(self.disk.take(self.log, 0.0).sequence)
        self.outbox.release()

    def test_waits_for_the_term(self) -> None:
        """A message of a term that is not on the disk stays until it is."""
        self.disk.change(2, b"a")
        self.outbox.send(b"a", VoteReply(2, granted=True))
        self.assertEqual((self.outbox.take(), self.outbox.held), ((), 1))
        self.store()
        self.assertEqual(self.outbox.take(), ((b"a", VoteReply(2, granted=True)),))

    def test_waits_for_a_later_write(self) -> None:
        """An acknowledgement waits for the write with its entries, though others are done."""
        self.disk.remember(b"a", 1)
        self.outbox.send(b"a", success(3), after=2)
        self.store()
        self.assertEqual(self.outbox.take(), ())
        self.disk.remember(b"a", 2)
        self.store()
        self.assertEqual(len(self.outbox.take()), 1)

    def test_successes_merge(self) -> None:
        """Two acknowledgements that wait for one write leave as one, with the larger marks."""
        self.outbox.send(b"a", success(3, 5), after=1)
        self.outbox.send(b"a", success(4, 4), after=1)
        self.outbox.send(b"b", success(4, 4), after=1)
        self.disk.remember(b"a", 1)
        self.store()
        merged = AppendReply(2, 4, success=True, match=4, hint_index=4, hint_term=0, round=5)
        self.assertEqual(self.outbox.take(), ((b"a", merged), (b"b", success(4, 4))))

    def test_term_change_drops_what_waits(self) -> None:
        """Nothing of an old term leaves late, but what is remembered of a start still does."""
        self.disk.remember(b"a", 7)
        self.outbox.send(b"a", success(3), after=1)
        self.outbox.send(b"a", GreetingReply(1, 7, 7), after=1)
        self.outbox.forget_held()
        self.store()
        self.assertEqual(self.outbox.take(), ((b"a", GreetingReply(1, 7, 7)),))

    def test_strangers_get_greetings_only(self) -> None:
        """Who has not judged this start hears nothing else."""
        self.outbox.send(b"c", success(3))
        self.outbox.send_at_once(b"c", VoteReply(2, granted=True, pre=True))
        self.outbox.send(b"c", Greeting(1, 5, 1))
        self.assertEqual(self.outbox.take(), ((b"c", Greeting(1, 5, 1)),))
