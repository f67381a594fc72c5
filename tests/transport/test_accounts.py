"""What connections owe: by figures that a test makes up, and by those of the kernel on real sockets."""

import socket
import struct

import zmq
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.limits import MIB
from bulletin.transport.accounts import (
    LOOKS,
    SLACK_BYTES,
    SLACK_BYTES_A_SECOND,
    UNREAD_BYTES_MAX,
    UNREAD_TOTAL_MAX,
    Accounts,
    Kernel,
)
from bulletin.transport.bounds import Bounds
from bulletin.transport.forwarding import BackXPub, FrontXSub
from bulletin.transport.sockets import Router
from bulletin.transport.traffic import Outcome
from tests.transport.loopback import Loopback

FRAME = 4 * MIB


class Figures:
    """A kernel that says what it is told to."""

    def __init__(self):
        self.of = {}

    def set(self, descriptor, acknowledged=0, received=0, inode=1):
        self.of[descriptor] = Kernel(inode, acknowledged, received)

    def ask(self, descriptor):
        return self.of.get(descriptor)


class Through:
    """A frame that came through a descriptor."""

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def get(self, _option):
        return self.descriptor


def own(number):
    """A routing id of ZeroMQ's own."""
    return b"\0%d" % number


class AccountsTestCase(SynchronousTestCase):
    def setUp(self):
        self.kernel = Figures()
        self.accounts = Accounts(FRAME, ask=self.kernel.ask)

    def connect(self, *descriptors):
        for descriptor in descriptors:
            self.kernel.set(descriptor)
            self.accounts.opened(descriptor, 0.0)
            self.accounts.heard_of(own(descriptor), Through(descriptor), 0.0)
        self.accounts.hoarders(0.0, caught_up=True)


class UnreadTests(AccountsTestCase):
    def admitted(self, descriptor, size, count):
        return sum(self.accounts.admit(own(descriptor), size) for _ in range(count))

    def test_a_peer_that_takes_everything_is_sent_any_amount(self):
        self.connect(5)
        for number in range(1, 200):
            self.assertTrue(self.accounts.admit(own(5), MIB))
            self.kernel.set(5, acknowledged=number * MIB)
        self.assertLessEqual(self.accounts.unread, UNREAD_BYTES_MAX + MIB)

    def test_a_peer_that_takes_nothing_is_sent_no_more(self):
        self.connect(5)
        self.assertEqual(self.admitted(5, MIB, 100), UNREAD_BYTES_MAX // MIB)
        self.kernel.set(5, acknowledged=3 * MIB)
        self.assertEqual(self.admitted(5, MIB, 100), 3)

    def test_one_long_message_is_sent_if_nothing_waits(self):
        self.connect(5)
        self.assertEqual(self.admitted(5, 2 * UNREAD_BYTES_MAX, 2), 1)
        self.assertEqual(self.admitted(5, 1, 1), 0)

    def test_what_zeromq_did_not_take_does_not_count(self):
        self.connect(5)
        for _ in range(100):
            self.assertTrue(self.accounts.admit(own(5), MIB))
            self.accounts.refused(own(5), MIB)
        self.assertEqual(self.accounts.unread, 0)

    def test_many_peers_that_take_nothing_share_one_bound(self):
        """And whoever reads is served all the same."""
        greedy = range(5, 25)
        self.connect(*greedy, 99)
        for _ in range(UNREAD_BYTES_MAX // MIB):
            for descriptor in greedy:
                self.admitted(descriptor, MIB, 1)
        self.assertLessEqual(self.accounts.unread, UNREAD_TOTAL_MAX + len(greedy) * MIB)
        for number in range(1, 100):
            self.assertEqual(self.admitted(99, MIB, 1), 1)
            self.kernel.set(99, acknowledged=number * MIB)
        for descriptor in (*greedy, 99):
            self.accounts.closed(descriptor)
        self.assertEqual((self.accounts.unread, len(self.accounts)), (0, 0))

    def test_those_who_have_read_make_room_without_being_sent_anything(self):
        idle = range(100, 116)
        self.connect(*idle, 5, 6)
        for descriptor in idle:
            self.admitted(descriptor, 4 * MIB, 1)
            self.kernel.set(descriptor, acknowledged=4 * MIB)
        self.assertEqual(self.admitted(5, MIB, 2), 2)
        self.assertLess(self.accounts.unread, 4 * MIB)

    def test_a_look_takes_off_what_was_read(self):
        self.connect(5)
        self.admitted(5, MIB, 10)
        self.kernel.set(5, acknowledged=7 * MIB)
        self.accounts.hoarders(0.0, caught_up=False)
        self.assertEqual(self.accounts.unread, 3 * MIB)

    def test_what_was_acknowledged_before_does_not_count(self):
        self.kernel.set(5, acknowledged=100 * MIB)
        self.accounts.heard_of(own(5), Through(5), 0.0)
        self.assertEqual(self.admitted(5, MIB, 100), UNREAD_BYTES_MAX // MIB)

    def test_a_peer_of_which_the_kernel_knows_nothing_is_not_held_back(self):
        self.accounts.heard_of(own(7), Through(7), 0.0)
        self.accounts.heard_of(own(8), Through(-1), 0.0)
        for descriptor in (7, 8, 9):
            self.assertEqual(self.admitted(descriptor, MIB, 100), 100)
        self.assertEqual(self.accounts.unread, 0)

    def test_a_name_that_came_back_over_another_connection_starts_anew(self):
        for descriptor in (5, 6):
            self.kernel.set(descriptor)
            self.accounts.opened(descriptor, 0.0)
        self.accounts.heard_of(b"ana", Through(5), 0.0)
        while self.accounts.admit(b"ana", MIB):
            pass
        self.accounts.heard_of(b"ana", Through(6), 1.0)
        self.assertTrue(self.accounts.admit(b"ana", MIB))
        self.accounts.closed(5)
        self.assertTrue(self.accounts.admit(b"ana", MIB))
        self.assertEqual(self.accounts.unread, 2 * MIB)


class EndlessTests(AccountsTestCase):
    def hoarders(self, now=0.0, *, caught_up=True):
        return self.accounts.hoarders(now, caught_up=caught_up)

    def test_whoever_sent_too_much_and_no_message_is_named(self):
        self.connect(5, 6)
        self.accounts.opened(7, 0.0)
        self.kernel.set(5, received=FRAME + SLACK_BYTES)
        self.kernel.set(6, received=FRAME + SLACK_BYTES + 1)
        self.kernel.set(7, received=FRAME + SLACK_BYTES + 1)
        self.assertEqual(self.hoarders(), [6, 7])

    def test_not_while_the_socket_is_behind(self):
        self.connect(5)
        self.kernel.set(5, received=100 * MIB)
        self.assertEqual(self.hoarders(caught_up=False), [])
        self.assertEqual(self.hoarders(), [5])

    def test_not_one_whose_messages_are_being_read(self):
        self.connect(5)
        for number in range(1, 50):
            self.kernel.set(5, received=number * 20 * MIB)
            if number % 2:
                self.accounts.heard_of(own(5), Through(5), 0.0)
            else:
                self.accounts.heard(Through(5), 0.0)
            self.assertEqual(self.hoarders(), [])
        self.kernel.set(5, received=1000 * MIB)
        self.assertEqual(self.hoarders(), [5])

    def test_pings_do_not_add_up_to_a_message(self):
        self.connect(5)
        day = 86_400.0
        self.kernel.set(5, received=int(SLACK_BYTES + SLACK_BYTES_A_SECOND * day))
        self.assertEqual(self.hoarders(day), [])

    def test_a_descriptor_that_became_another_connection_is_forgotten(self):
        self.connect(5)
        self.kernel.set(5, received=100 * MIB, inode=2)
        self.assertEqual(self.hoarders(), [])
        self.assertEqual(len(self.accounts), 0)

    def test_with_many_connections_each_has_its_turn(self):
        self.connect(*range(3 * LOOKS + 7))
        for _ in range(6):
            self.hoarders()
        last = 3 * LOOKS + 6
        self.kernel.set(last, received=100 * MIB)
        looks = [self.hoarders() for _ in range(6)]
        self.assertIn([last], looks)


GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)


def speaks(endpoint, kind):
    """A TCP connection that begins ZMTP's handshake; it is through when the other side's READY comes."""
    port = int(endpoint.rpartition(":")[2])
    peer = socket.create_connection(("127.0.0.1", port))
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    peer.sendall(GREETING + bytes([4, len(ready)]) + ready)
    peer.setblocking(False)
    return peer


class OnSockets(Loopback):
    def endless(self, listening, kind, piece):
        """Send frames without an end, until the connection is cut."""
        peer = speaks(listening.endpoint, kind)
        self.addCleanup(peer.close)
        data = piece * (1 + 65536 // len(piece))
        rest = [b""]
        total = [0]
        heard = bytearray()

        def read():
            """Whether the other side has ended the connection; its window may stay closed after that."""
            try:
                more = peer.recv(4096)
            except BlockingIOError:
                return False
            heard.extend(more)
            return not more

        def push():
            try:
                if read():
                    return True
                for _ in range(20):
                    if b"READY" not in heard:
                        return None
                    rest[0] = rest[0] or data
                    count = peer.send(rest[0])
                    rest[0] = rest[0][count:]
                    total[0] += count
            except BlockingIOError:
                return None
            except OSError:
                return True
            assert total[0] < 300 * MIB, "it is never cut"
            return None

        return self.until(push)

    async def test_a_router_cuts_a_message_without_an_end(self):
        bounds = Bounds(frame_bytes=MIB)
        router = Router(self.transport, listen=["tcp://127.0.0.1:0"], received=lambda *_: None, bounds=bounds)
        await self.endless(router, b"DEALER", b"\x01\xff" + bytes(255))
        self.assertEqual((router.counters.cut, router.counters.received), (1, 0))

    async def test_the_proxys_sockets_do_so_too(self):
        front = FrontXSub(self.transport, listen=["tcp://127.0.0.1:0"], received=lambda *_: None)
        await self.endless(front, b"PUB", b"\x01\xff" + bytes(255))
        back = BackXPub(self.transport, listen=["tcp://127.0.0.1:0"])
        await self.endless(back, b"SUB", b"\x01\x64" + bytes(100))
        self.assertEqual((front.counters.cut, back.counters.cut), (1, 1))

    async def test_a_large_message_is_no_endless_one(self):
        got = Deferred()
        router = Router(
            self.transport, listen=["tcp://127.0.0.1:0"], received=lambda _, body: got.callback(body)
        )
        self.peer(zmq.DEALER, router.endpoint).send(bytes(4 * MIB))
        self.assertEqual(len((await got)[0]), 4 * MIB)
        self.assertEqual(router.counters.cut, 0)

    async def test_a_peer_that_does_not_read_is_sent_no_more_than_the_bound(self):
        envelopes = []
        router = Router(
            self.transport,
            listen=["tcp://127.0.0.1:0"],
            received=lambda envelope, _: envelopes.append(envelope),
        )
        stalled = self.peer(zmq.DEALER, router.endpoint, RCVHWM=1)
        stalled.send(b"hello")
        await self.until(lambda: envelopes)
        outcomes = [router.send_to(envelopes[0], bytes(MIB)) for _ in range(200)]
        sent = outcomes.count(Outcome.SENT)
        self.assertEqual(outcomes.count(Outcome.FULL), 200 - sent)
        self.assertGreaterEqual(sent, UNREAD_BYTES_MAX // MIB)
        self.assertLess(sent, 60)  # with what went into the kernel's buffers meanwhile
        self.assertEqual(len(await self.heard(stalled, sent)), sent)
        await self.until(lambda: router.send_to(envelopes[0], b"again") is Outcome.SENT)
        self.assertEqual(await self.heard(stalled), [[b"again"]])
