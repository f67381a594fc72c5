"""The table of servers: whose turn it is, and what each holds."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.broker.pending import Pending
from bulletin.core.broker.servers import (
    SERVERS_MAX,
    WINDOW_BYTES,
    WINDOW_REPLY_BYTES,
    WINDOW_REQUESTS,
    ServerTable,
    Standing,
)
from bulletin.core.limits import BATCH_BYTES_MAX, REQUEST_BYTES_MAX


def request(number, size=10):
    return Pending(number.to_bytes(16, "big"), (b"c", b""), bytes(size), 0.0)


class Turn(SynchronousTestCase):
    def setUp(self):
        self.table = ServerTable()
        self.servers = [self.table.admit(name.encode(), name, 1, 0.0) for name in "abc"]

    def next(self, *declined):
        server = self.table.next(declined)
        return server and server.name

    def test_in_turn(self):
        self.assertEqual([self.next() for _ in range(5)], ["a", "b", "c", "a", "b"])

    def test_not_ready(self):
        """Only those that are ready have a turn; one that returns has it again."""
        self.table.stand(self.servers[1], Standing.DRAINING)
        self.assertEqual([self.next() for _ in range(4)], ["a", "c", "a", "c"])
        self.table.stand(self.servers[0], Standing.SILENT)
        self.assertEqual([self.next() for _ in range(2)], ["c", "c"])
        self.table.stand(self.servers[0], Standing.READY)
        self.assertEqual({self.next(), self.next()}, {"a", "c"})

    def test_declined(self):
        """A turn skips those that declined."""
        self.assertEqual(self.next(b"a"), "b")
        self.assertEqual(self.next(b"a", b"c"), "b")
        self.assertIsNone(self.next(b"a", b"b", b"c"))
        self.assertFalse(self.table.untried((b"a", b"b", b"c")))
        self.assertTrue(self.table.untried((b"a", b"b")))

    def test_none(self):
        self.assertIsNone(ServerTable().next())

    def test_places(self):
        """The longest silent one makes room; if all speak there is none."""
        for number in range(SERVERS_MAX - 3):
            self.assertIsNotNone(self.table.admit(b"%d" % number, "x", 1, 1.0))
        self.assertIsNone(self.table.admit(b"more", "more", 1, 1.0))
        self.servers[0].heard = 0.5
        for server in self.servers:
            self.table.stand(server, Standing.SILENT)
        self.assertIsNotNone(self.table.admit(b"more", "more", 1, 1.0))
        self.assertIsNone(self.table.get(b"b"))
        self.assertIsNotNone(self.table.get(b"a"))
        self.assertEqual(len(self.table), SERVERS_MAX)


class Hands(SynchronousTestCase):
    def setUp(self):
        self.server = ServerTable().admit(b"a", "a", 1, 0.0)

    def test_take_and_release(self):
        one = request(1)
        self.server.take(one, 1.0)
        self.assertEqual((one.holder, one.attempt, self.server.size), (b"a", 1, one.size))
        self.server.release(one)
        self.assertEqual((one.holder, one.attempt, self.server.size), (None, 1, 0))
        self.assertRaises(AssertionError, self.server.release, one)

    def test_window(self):
        for number in range(WINDOW_REQUESTS):
            self.assertTrue(self.server.roomy)
            self.server.take(request(number), 1.0)
        self.assertFalse(self.server.roomy)

    def test_window_of_bytes(self):
        """What one turn can give to a server is never more than a batch."""
        number = 0
        while self.server.roomy:
            self.server.take(request(number, REQUEST_BYTES_MAX - 3000), 1.0)
            number += 1
        self.assertGreaterEqual(self.server.size, WINDOW_BYTES)
        self.assertLessEqual(WINDOW_BYTES + REQUEST_BYTES_MAX, BATCH_BYTES_MAX)

    def test_congested(self):
        self.server.congested = True
        self.assertFalse(self.server.roomy)

    def test_overdue(self):
        requests = [request(number) for number in range(3)]
        for moment, each in enumerate(requests):
            self.server.take(each, float(moment))
        self.assertEqual(self.server.overdue(-0.5), [])
        self.assertEqual(self.server.overdue(1.0), requests[:2])

    def held(self, server):
        """How many requests it takes before it has no room, or as many as it may ever have."""
        number = 0
        while server.roomy:
            server.take(request(number), 0.0)
            number += 1
        for each in list(server.holds.values()):
            server.release(each)
        return number

    def test_long_replies_make_its_hands_smaller(self):
        """At the first one, by its length; they grow again as short ones come."""
        server = ServerTable().admit(b"a", "a", 1, 0.0)
        self.assertEqual(self.held(server), WINDOW_REQUESTS)
        server.replied(WINDOW_REPLY_BYTES // 16)
        self.assertEqual(self.held(server), 16)
        for _ in range(100):
            server.replied(300)
        self.assertGreater(self.held(server), 200)
        for _ in range(1000):
            server.replied(300)
        self.assertEqual(self.held(server), WINDOW_REQUESTS)

    def test_the_longest_reply_leaves_room_for_one(self):
        server = ServerTable().admit(b"a", "a", 1, 0.0)
        server.replied(10 * WINDOW_REPLY_BYTES)
        self.assertEqual(self.held(server), 1)
