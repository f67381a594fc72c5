"""The table of pending requests: its bounds, and what is overdue."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.broker.pending import (
    MODEST_REQUESTS,
    OVERHEAD_BYTES,
    RESERVE_SHARE,
    Bounds,
    Pending,
    PendingTable,
)
from bulletin.core.limits import REQUEST_BYTES_MAX


def request(number, arrived=0.0, size=10, client=b"c"):
    return Pending(number.to_bytes(16, "big"), (client, b""), bytes(size), arrived)


class Table(SynchronousTestCase):
    def test_overdue(self):
        """The oldest first, up to the deadline; a deadline counts when it is reached."""
        table = PendingTable(Bounds(), 4.5)
        requests = [request(number, float(number)) for number in range(4)]
        for each in requests:
            table.add(each)
        self.assertEqual(table.overdue(4.4), [])
        self.assertEqual(table.overdue(5.5), requests[:2])
        table.remove(requests[0])
        self.assertEqual(table.overdue(5.5), requests[1:2])
        self.assertEqual(list(table), requests[1:])

    def test_counts(self):
        """What was added and removed counts nothing."""
        table = PendingTable(Bounds(), 4.5)
        requests = [request(number, size=number, client=bytes([number % 3])) for number in range(10)]
        for each in requests:
            table.add(each)
        self.assertEqual((len(table), table.clients), (10, 3))
        self.assertEqual(table.size, 45 + 10 * OVERHEAD_BYTES)
        for each in requests:
            table.remove(each)
        self.assertEqual((len(table), table.clients, table.size), (0, 0, 0))
        self.assertIsNone(table.get(requests[0].id))

    def test_bounds(self):
        """Exactly as many as the bounds say, over all and for one."""
        bounds = Bounds(requests=8, size=8 * (10 + OVERHEAD_BYTES))
        table = PendingTable(bounds, 4.5)
        self.assertEqual(bounds.client_requests, 2)
        for number in range(2):
            self.assertTrue(table.admits((b"c",), 10))
            table.add(request(number))
        self.assertFalse(table.admits((b"c",), 10))
        for number in range(2, 8):
            self.assertTrue(table.admits((b"d%d" % number,), 10))
            table.add(request(number, client=b"d%d" % number))
        self.assertFalse(table.admits((b"e",), 0))

    def test_greedy_clients_leave_room_for_modest_ones(self):
        """Four of them fill what is theirs, a fifth finds it full; it may still be modest, as anybody else."""
        table = PendingTable(Bounds(requests=800), 4.5)
        number = 0
        for client in (b"%d" % each for each in range(5)):
            while table.admits((client,), 10):
                table.add(request(number, client=client))
                number += 1
        self.assertEqual(len(table), 800 - 800 // RESERVE_SHARE + MODEST_REQUESTS)
        for _ in range(MODEST_REQUESTS):
            self.assertTrue(table.admits((b"modest",), 10))
            table.add(request(number, client=b"modest"))
            number += 1
        self.assertFalse(table.admits((b"modest",), 10))

    def test_the_largest_request_fits(self):
        """Small bounds leave each client one request of the largest size, if all together allow it."""
        table = PendingTable(Bounds(size=2 * REQUEST_BYTES_MAX), 4.5)
        self.assertTrue(table.admits((b"c",), REQUEST_BYTES_MAX))
        table.add(request(1, size=REQUEST_BYTES_MAX))
        self.assertFalse(table.admits((b"c",), 1))

    def test_twice(self):
        """Two requests of one id are our own mistake."""
        table = PendingTable(Bounds(), 4.5)
        table.add(request(1))
        self.assertRaises(AssertionError, table.add, request(1))
