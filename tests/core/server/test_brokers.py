from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.instant import Instant
from bulletin.core.limits import BATCH_BYTES_MAX
from bulletin.core.server.brokers import HEARD, SESSION_BITS, Brokers
from bulletin.core.wire.broker import (
    BEAT,
    SUCCESS,
    Replies,
    Reply,
    ServerDraining,
    ServerHeartbeat,
    ServerReady,
    ToBroker,
)


class BrokersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = 0
        self.time = 100.0
        self.brokers = Brokers("alfa", 2)
        self.brokers.begin(3)

    def stamp(self) -> tuple[int, float]:
        self.clock += 1
        return self.clock, 5.0

    @property
    def now(self) -> Instant:
        return Instant(self.time, 5.0)

    def take(self) -> list[tuple[int, ToBroker]]:
        return self.brokers.take(self.stamp, self.now)

    def beat(self) -> list[ToBroker]:
        """What broker 0 gets when its next message is due."""
        self.time += BEAT
        return [message for number, message in self.take() if number == 0]

    def test_a_server_that_takes_no_requests_says_nothing(self) -> None:
        self.assertEqual(self.take(), [])
        self.assertEqual(self.beat(), [])

    def test_ready_is_said_at_once_and_repeated_until_the_broker_knows_the_session(self) -> None:
        session = (3 << SESSION_BITS) + 1
        self.brokers.accept(True)
        self.assertEqual(
            self.take(),
            [(0, ServerReady("alfa", session, 1, 5.0)), (1, ServerReady("alfa", session, 2, 5.0))],
        )
        self.assertEqual(self.take(), [], "not more often than a heartbeat")
        self.assertIsInstance(self.beat()[0], ServerReady)
        self.brokers.heard(0, session, self.now)
        (message,) = self.beat()
        self.assertIsInstance(message, ServerHeartbeat)
        self.assertEqual(message.session, session)

    def test_a_broker_that_was_restarted_gets_ready_again(self) -> None:
        self.brokers.accept(True)
        self.take()
        self.brokers.heard(0, self.brokers.session, self.now)
        self.assertIsInstance(self.beat()[0], ServerHeartbeat)
        self.brokers.heard(0, 0, self.now)
        self.assertIsInstance(self.beat()[0], ServerReady)

    def test_requests_say_nothing_of_what_the_broker_knows(self) -> None:
        self.brokers.accept(True)
        self.take()
        self.brokers.heard(0, self.brokers.session, self.now)
        self.brokers.heard(0, None, self.now)
        self.assertIsInstance(self.beat()[0], ServerHeartbeat)

    def test_a_new_session_is_announced_at_once_and_before_replies(self) -> None:
        self.brokers.accept(True)
        self.take()
        before = self.brokers.session
        self.brokers.heard(0, before, self.now)
        self.brokers.renew()
        self.assertGreater(self.brokers.session, before)
        self.brokers.reply(0, Reply(b"i" * 16, 1, SUCCESS, b"body"))
        messages = [message for number, message in self.take() if number == 0]
        self.assertEqual([type(message) for message in messages], [ServerReady, Replies])
        self.assertEqual({message.session for message in messages}, {self.brokers.session})

    def test_sessions_of_a_later_start_are_above_all_of_an_earlier_one(self) -> None:
        for _ in range(1000):
            self.brokers.renew()
        later = Brokers("alfa", 1)
        later.begin(4)
        self.assertGreater(later.session, self.brokers.session)

    def test_replies_of_a_turn_are_one_message_and_count_as_the_heartbeat(self) -> None:
        self.brokers.accept(True)
        self.take()
        self.brokers.heard(0, self.brokers.session, self.now)
        self.time += BEAT
        replies = tuple(Reply(bytes([n]) * 16, 1, SUCCESS, b"body") for n in range(3))
        for reply in replies:
            self.brokers.reply(0, reply)
        sent = [message for number, message in self.take() if number == 0]
        self.assertEqual([message.replies for message in sent], [replies])
        self.assertEqual([number for number, _ in self.take()], [])

    def test_replies_are_split_by_their_bytes(self) -> None:
        self.brokers.accept(True)
        self.take()
        big = b"x" * (BATCH_BYTES_MAX // 2)
        for size in (big, big, big, b"", big + big + big):
            self.brokers.reply(1, Reply(b"i" * 16, 1, SUCCESS, size))
        sent = [message for number, message in self.take() if number == 1]
        self.assertEqual([len(message.replies) for message in sent], [1, 1, 2, 1])

    def test_draining_is_said_instead_of_heartbeats_until_ready_again(self) -> None:
        self.brokers.accept(True)
        self.take()
        self.brokers.heard(0, self.brokers.session, self.now)
        self.brokers.accept(False)
        self.assertEqual([type(message) for _, message in self.take()], [ServerDraining, ServerDraining])
        self.assertIsInstance(self.beat()[0], ServerDraining)
        self.brokers.accept(True)
        self.assertEqual([type(message) for _, message in self.take()], [ServerReady, ServerReady])

    def test_draining_is_said_although_replies_go_out(self) -> None:
        self.brokers.accept(True)
        self.take()
        self.brokers.heard(0, self.brokers.session, self.now)
        self.brokers.accept(False)
        self.brokers.reply(0, Reply(b"i" * 16, 1, SUCCESS, b"body"))
        kinds = [type(message) for number, message in self.take() if number == 0]
        self.assertEqual(kinds, [ServerDraining, Replies])
        self.time += BEAT
        self.brokers.reply(0, Reply(b"i" * 16, 1, SUCCESS, b"body"))
        kinds = [type(message) for number, message in self.take() if number == 0]
        self.assertEqual(kinds, [ServerDraining, Replies])

    def test_connected_counts_brokers_that_were_heard_lately_and_know_the_session(self) -> None:
        self.brokers.accept(True)
        self.take()
        self.assertEqual(self.brokers.connected(self.now), 0)
        self.brokers.heard(0, self.brokers.session, self.now)
        self.brokers.heard(1, 7, self.now)
        self.assertEqual(self.brokers.connected(self.now), 1)
        self.time += HEARD
        self.assertEqual(self.brokers.connected(self.now), 0)
