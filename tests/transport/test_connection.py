"""The traps of txZMQ and libzmq that `Connection` is there for, each by name."""

import itertools
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import zmq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from bulletin.transport.bounds import BETWEEN_ROLES, FACING_CLIENTS, Bounds
from bulletin.transport.connection import FRAMES_PER_TURN, PAUSE_AFTER_ERROR, Connection, Transport
from bulletin.transport.endpoints import EndpointError
from bulletin.transport.sockets import Dealer, Publisher, Router
from bulletin.transport.traffic import Full, Outcome
from tests.transport.loopback import Loopback, StillReactor


def ignore(*_arguments):
    pass


class Pull(Connection):
    socketType = zmq.PULL  # noqa: N815 - txZMQ's name
    max_frames = 4


class Push(Connection):
    socketType = zmq.PUSH  # noqa: N815 - txZMQ's name
    receives = False

    def send(self, *parts):
        self._send(parts)


class Still(SynchronousTestCase):
    """Sockets inside one context, under a reactor that never tells of a descriptor."""

    def setUp(self):
        self.reactor = StillReactor()
        self.transport = Transport(self.reactor)
        self.transport.lingerPeriod = 0
        self.addCleanup(self.transport.shutdown)
        self.heard = []
        self.peers = []

    def plain(self, kind, address, **options):
        peer = self.transport.context.socket(kind)
        peer.linger = 0
        for name, value in options.items():
            peer.set(getattr(zmq, name), value)
        peer.connect(address)
        self.peers.append(peer)  # one that nobody holds would close
        return peer

    def pull(self, **arguments):
        return Pull(self.transport, listen=["inproc://pull"], received=self.heard.append, **arguments)


class Reading(Still):
    def test_the_handler_does_not_run_inside_the_constructor(self):
        """Not even for a message that was there before."""
        self.plain(zmq.PUSH, "inproc://pull").send(b"early")
        self.pull()
        self.assertEqual(self.heard, [])
        self.reactor.settle()
        self.assertEqual(self.heard, [[b"early"]])

    def test_a_turn_reads_a_bounded_number_of_messages(self):
        pull = self.pull()
        peer = self.plain(zmq.PUSH, "inproc://pull")
        for number in range(150):
            peer.send(b"%d" % number)
        sizes = []
        while self.reactor.turn():
            sizes.append(len(self.heard) - sum(sizes))
        self.assertEqual(sizes, [64, 64, 22])
        self.assertEqual(pull.counters.received, 150)

    def test_a_turn_ends_once_and_only_if_something_was_received(self):
        events = []
        Pull(
            self.transport,
            listen=["inproc://pull"],
            received=lambda parts: events.append(parts[0]),
            turn_ended=lambda: events.append("end"),
        )
        self.reactor.settle()
        self.assertEqual(events, [])
        peer = self.plain(zmq.PUSH, "inproc://pull")
        for _ in range(66):
            peer.send(b"x")
        self.transport_doRead()
        self.reactor.settle()
        self.assertEqual(events, [b"x"] * 64 + ["end"] + [b"x"] * 2 + ["end"])

    def transport_doRead(self):
        for connection in self.transport.connections:
            connection.doRead()

    def test_very_many_frames_are_read_in_slices_and_dropped(self):
        """A high-water mark counts messages, and MAXMSGSIZE frames: neither stops a message of many empty ones."""
        pull = self.pull()
        peer = self.plain(zmq.PUSH, "inproc://pull")
        frames = 20 * FRAMES_PER_TURN
        for _ in range(frames):
            peer.send(b"", zmq.SNDMORE)
        peer.send(b"last")
        peer.send(b"next")
        turns = 0
        while self.reactor.turn():
            turns += 1
            self.assertLessEqual(len(pull.recv_parts), pull.max_frames + 1)
        self.assertGreaterEqual(turns, 20)
        self.assertEqual(self.heard, [[b"next"]])
        self.assertEqual(pull.counters.malformed, 1)

    def test_a_turn_reads_a_bounded_number_of_bytes(self):
        self.pull()
        peer = self.plain(zmq.PUSH, "inproc://pull")
        for _ in range(4):
            peer.send(bytes(5 * 2**20))
        self.reactor.turn()
        self.assertEqual(len(self.heard), 2)
        self.reactor.settle()
        self.assertEqual(len(self.heard), 4)

    def test_a_failing_handler_does_not_stop_the_loop_nor_flood_the_log(self):
        def fail(parts):
            self.heard.append(parts)
            raise ValueError(parts)

        pull = Pull(self.transport, listen=["inproc://pull"], received=fail, turn_ended=lambda: 1 / 0)
        self.transport.log.seconds = lambda: 0.0
        peer = self.plain(zmq.PUSH, "inproc://pull")
        for _ in range(100):
            peer.send(b"x")
        self.reactor.settle()
        self.assertEqual(len(self.heard), 100)
        self.assertEqual(pull.counters.failed, 102)
        self.assertEqual(len(self.flushLoggedErrors(ValueError, ZeroDivisionError)), self.transport.log.burst)

    def test_an_error_of_the_socket_does_not_leave_it_deaf(self):
        """TxZMQ would drop the reader and leave the socket open."""
        pull = self.pull()
        self.reactor.settle()
        self.plain(zmq.PUSH, "inproc://pull").send(b"x")
        whole = pull._take

        def broken(*_arguments):
            pull._take = whole
            raise zmq.ZMQError(zmq.ENOTSUP)

        pull._take = broken
        self.assertIsNone(pull.doRead())
        self.assertEqual(len(self.flushLoggedErrors(zmq.ZMQError)), 1)
        self.reactor.advance(PAUSE_AFTER_ERROR)
        self.assertEqual(self.heard, [[b"x"]])

    def test_closing_inside_the_handler(self):
        def close(parts):
            self.heard.append(parts)
            pull.close()

        pull = Pull(self.transport, listen=["inproc://pull"], received=close, turn_ended=self.fail)
        peer = self.plain(zmq.PUSH, "inproc://pull")
        peer.send(b"1")
        peer.send(b"2")
        self.reactor.settle()
        self.assertEqual(self.heard, [[b"1"]])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_socket_that_cannot_receive_takes_its_commands_in(self):
        """Else its descriptor would stay readable, and the reactor would spin."""
        push = Push(self.transport, listen=["inproc://push"])
        self.plain(zmq.PULL, "inproc://push")
        push.doRead()
        self.assertEqual(push.counters.failed, 0)
        poller = zmq.Poller()
        poller.register(push.fd, zmq.POLLIN)
        self.assertEqual(poller.poll(0), [])


class Sending(Still):
    def test_a_failed_send_loses_no_wakeup(self):
        """A send that ends in EAGAIN has taken the descriptor's edge; an answer lies waiting all the same."""
        bounds = Bounds(send_mark=1, receive_mark=1)
        dealer = Dealer(
            self.transport,
            connect=["inproc://peer"],
            received=self.heard.append,
            max_backlog=0,
            bounds=bounds,
        )
        peer = self.transport.context.socket(zmq.DEALER)
        peer.linger = 0
        peer.set(zmq.RCVHWM, 1)
        peer.bind("inproc://peer")
        self.reactor.settle()
        with self.assertRaises(Full):
            for _ in range(1000):
                dealer.send(b"x")
        self.reactor.settle()
        peer.send(b"answer")
        self.assertRaises(Full, dealer.send, b"x")
        self.reactor.settle()
        self.assertEqual(self.heard, [[b"answer"]])

    def test_a_send_outside_of_reading_looks_for_what_waits(self):
        router = Router(
            self.transport, listen=["inproc://router"], received=lambda *message: self.heard.append(message)
        )
        self.reactor.settle()
        self.plain(zmq.DEALER, "inproc://router").send(b"x")
        self.assertIs(router.send_to((b"nobody",), b"y"), Outcome.GONE)
        self.reactor.settle()
        self.assertEqual(len(self.heard), 1)

    def test_what_is_sent_when_a_turn_ends_loses_no_wakeup(self):
        """By then the reading has seen EAGAIN, and what comes in between is told of only once."""
        late = []

        def answer():
            if not late:
                late.append(1)
                peer.send(b"2")
                router.send_to((b"nobody",), b"")

        router = Router(
            self.transport,
            listen=["inproc://router"],
            received=lambda _envelope, body: self.heard.extend(body),
            turn_ended=answer,
        )
        peer = self.plain(zmq.DEALER, "inproc://router")
        peer.send(b"1")
        self.reactor.settle()
        self.assertEqual(self.heard, [b"1", b"2"])

    def test_no_half_message_stays_behind(self):
        dealer = Dealer(self.transport, connect=["inproc://peer"], received=ignore)
        peer = self.transport.context.socket(zmq.DEALER)
        peer.linger = 0
        peer.bind("inproc://peer")
        for parts in (
            (b"first", "no bytes"),
            (b"first", None),
            (b"first", bytearray(b"x")),
            (b"first", memoryview(b"x")),
        ):
            self.assertRaises(TypeError, dealer.send, *parts)
        self.assertRaises(ValueError, dealer.send)
        dealer.send(b"second", b"body")
        self.reactor.settle()
        self.assertEqual(peer.recv_multipart(zmq.NOBLOCK), [b"second", b"body"])

    def test_no_half_message_waits_in_the_backlog(self):
        dealer = Dealer(self.transport, connect=["tcp://127.0.0.1:1"], received=ignore)
        dealer.send(b"waits")
        self.assertRaises(TypeError, dealer.send, b"first", "no bytes")
        self.assertEqual(dealer.counters.backlog, 1)

    def test_the_backlog_is_bounded_and_counted(self):
        dealer = Dealer(self.transport, connect=["tcp://127.0.0.1:1"], received=ignore, max_backlog=3)
        for _ in range(3):
            dealer.send(b"x")
        self.assertRaises(Full, dealer.send, b"x")
        self.assertRaises(Full, dealer.send, b"x")
        self.assertEqual((dealer.counters.backlog, dealer.counters.dropped, dealer.counters.sent), (3, 2, 0))

    def test_the_backlog_is_bounded_in_bytes_too(self):
        """One message may wait, whatever its length."""
        bounds = Bounds(backlog_bytes=1000)
        dealer = Dealer(self.transport, connect=["tcp://127.0.0.1:1"], received=ignore, bounds=bounds)
        dealer.send(bytes(2000))
        self.assertRaises(Full, dealer.send, b"x")
        self.assertEqual((dealer.counters.backlog, dealer.counters.dropped), (1, 1))

    def test_what_went_out_makes_room_in_the_backlog(self):
        bounds = Bounds(send_mark=1, backlog_bytes=1000)
        dealer = Dealer(self.transport, connect=["inproc://peer"], received=ignore, bounds=bounds)
        peer = self.transport.context.socket(zmq.DEALER)
        peer.linger = 0
        peer.set(zmq.RCVHWM, 1)
        peer.bind("inproc://peer")
        self.reactor.settle()
        for _ in range(3):
            with self.assertRaises(Full):
                for _ in range(100):
                    dealer.send(bytes(100))
            self.assertEqual(dealer.counters.backlog, 10)
            while dealer.counters.backlog:
                self.assertEqual(peer.recv(), bytes(100))
                dealer.doRead()

    def test_the_backlog_goes_out_in_order_once_there_is_room(self):
        """Whether or not the descriptor tells: the edge that says "writable" may have been taken by a read."""
        bounds = Bounds(send_mark=2)
        dealer = Dealer(self.transport, connect=["inproc://peer"], received=ignore, bounds=bounds)
        peer = self.transport.context.socket(zmq.DEALER)
        peer.linger = 0
        peer.set(zmq.RCVHWM, 2)
        peer.bind("inproc://peer")
        for number in range(50):
            dealer.send(b"%d" % number)
        self.assertGreater(dealer.counters.backlog, 0)
        got = []
        while len(got) < 50:
            try:
                got.append(int(peer.recv(zmq.NOBLOCK)))
            except zmq.Again:
                before = dealer.counters.sent
                dealer.doRead()  # as the descriptor would have it
                self.reactor.settle()
                self.assertGreater(dealer.counters.sent, before)
        self.assertEqual(got, list(range(50)))
        self.assertEqual((dealer.counters.backlog, dealer.counters.sent), (0, 50))


class Ending(Still):
    def test_shutting_down_twice(self):
        dealer = Dealer(self.transport, connect=["tcp://127.0.0.1:1"], received=ignore)
        dealer.send(b"x")
        for _ in range(2):
            dealer.close()
            dealer.shutdown()
            self.transport.shutdown()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(dealer.counters.backlog, 0)

    def test_sending_after_the_end(self):
        dealer = Dealer(self.transport, received=ignore)
        router = Router(self.transport, received=ignore)
        publisher = Publisher(self.transport)
        self.transport.shutdown()
        self.assertRaises(Full, dealer.send, b"x")
        self.assertIs(router.send_to((b"x",), b"y"), Outcome.GONE)
        publisher.publish(b"x", b"y")
        for closed in (dealer, router, publisher):
            self.assertEqual((closed.counters.dropped, closed.counters.sent), (1, 0))

    def test_a_failed_bind_leaves_no_socket(self):
        """With one left open, the context would wait for it for ever."""
        before = len(list(Path("/proc/self/fd").iterdir()))
        transport = Transport(self.reactor)
        taken = Pull(transport, listen=["inproc://pull"], received=ignore)
        errors = [
            self.assertRaises(EndpointError, Pull, transport, listen=[taken.endpoint], received=ignore)
            for _ in range(20)
        ]
        self.assertEqual(str(errors[0]), "cannot listen on inproc://pull: the address is already in use")
        self.assertEqual(transport.connections, {taken})
        transport.shutdown()  # comes back
        self.assertEqual(len(list(Path("/proc/self/fd").iterdir())), before)

    def test_a_socket_made_behind_its_back_does_not_hang_the_end(self):
        self.transport.context.socket(zmq.PULL)
        self.transport.shutdown()

    def test_one_socket_that_cannot_be_closed_leaves_none_of_the_others_open(self):
        first, second = self.pull(), Push(self.transport, listen=["inproc://push"])
        for connection in (first, second):
            connection.close_it = connection.shutdown

            def fail(connection=connection):
                connection.close_it()
                raise ValueError

            connection.shutdown = fail
        self.transport.shutdown()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        self.assertIsNone(first.socket)
        self.assertIsNone(second.socket)


class Options(Still):
    def test_what_is_bounded(self):
        """TxZMQ's own default is no high-water mark at all."""
        for bounds in (BETWEEN_ROLES, FACING_CLIENTS):
            router = Router(self.transport, received=ignore, bounds=bounds)
            for option, value in (
                (zmq.SNDHWM, bounds.send_mark),
                (zmq.RCVHWM, bounds.receive_mark),
                (zmq.MAXMSGSIZE, bounds.frame_bytes),
                (zmq.HANDSHAKE_IVL, bounds.handshake),
                (zmq.RECONNECT_IVL, 100),
                (zmq.RECONNECT_IVL_MAX, 1000),
                (zmq.TCP_KEEPALIVE, 1),
                (zmq.TCP_KEEPALIVE_IDLE, bounds.keepalive),
                (zmq.TCP_KEEPALIVE_INTVL, bounds.keepalive),
                (zmq.TCP_KEEPALIVE_CNT, 3),
                (zmq.TCP_MAXRT, bounds.patience),
            ):
                self.assertEqual(router.socket.get(option), value)
            router.close()

    def test_clients_may_queue_a_hundred_frames_of_four_mebibytes(self):
        self.assertEqual(
            (FACING_CLIENTS.receive_mark, FACING_CLIENTS.send_mark, FACING_CLIENTS.frame_bytes),
            (100, 1000, 4 * 2**20),
        )


class OnTheWire(Loopback):
    async def test_the_longest_frame_is_bounded_from_the_first_bind_on(self):
        """Options set after a bind have no effect on it: libzmq would let a longer one in."""
        heard = []
        router = Router(
            self.transport,
            listen=["tcp://127.0.0.1:0"],
            received=lambda envelope, body: (heard.append(body), router.send_to(envelope, b"")),
            bounds=Bounds(frame_bytes=1000),
        )
        peer = self.peer(zmq.DEALER, router.endpoint)
        peer.send(bytes(1001))
        events = peer.get_monitor_socket(int(zmq.EVENT_DISCONNECTED))
        self.addCleanup(events.close, 0)
        await self.heard(events)
        peer.disable_monitor()
        other = self.peer(zmq.DEALER, router.endpoint)
        other.send(bytes(1000))
        await self.heard(other)
        self.assertEqual(heard, [[bytes(1000)]])

    async def test_a_dead_peer_swallows_nothing(self):
        """Without IMMEDIATE every other message would be queued for the endpoint at which nobody is."""
        heard = []
        router = Router(
            self.transport, listen=["tcp://127.0.0.1:0"], received=lambda _envelope, body: heard.extend(body)
        )
        dealer = Dealer(self.transport, connect=["tcp://127.0.0.1:1", router.endpoint], received=ignore)
        for number in range(100):
            dealer.send(b"%d" % number)
        await self.until(lambda: len(heard) == 100)
        self.assertEqual(heard, [b"%d" % number for number in range(100)])

    async def test_a_stranger_that_finishes_no_handshake_is_cut(self):
        router = Router(
            self.transport, listen=["tcp://127.0.0.1:0"], received=ignore, bounds=Bounds(handshake=50)
        )
        stranger = socket.create_connection(("127.0.0.1", int(router.endpoint.rpartition(":")[2])))
        self.addCleanup(stranger.close)
        await self.until(lambda: _ended(stranger))

    async def test_a_peer_that_stopped_reading_is_gone_in_the_end(self):
        """As one whose process is stopped: TCP keeps such a connection for ever, and its queue stays in memory."""
        heard = []
        router = Router(
            self.transport,
            listen=["tcp://127.0.0.1:0"],
            received=lambda envelope, _body: heard.append(envelope),
            bounds=Bounds(send_mark=10, patience=100),
        )
        stopped = self.raw_dealer(router.endpoint)
        await self.until(lambda: b"READY" in _read_into(stopped))
        stopped.sendall(b"\x00\x05hello")
        (envelope,) = await self.until(lambda: heard)
        await self.until(lambda: router.send_to(envelope, bytes(1_000_000)) is Outcome.FULL)
        await self.until(lambda: router.send_to(envelope, b"x") is Outcome.GONE)

    def raw_dealer(self, endpoint):
        """A TCP connection that has sent all of a DEALER's handshake."""
        raw = socket.create_connection(("127.0.0.1", int(endpoint.rpartition(":")[2])))
        self.addCleanup(raw.close)
        raw.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(48))
        ready = b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER"
        raw.sendall(b"\x04" + bytes([len(ready)]) + ready)
        return raw

    async def test_a_reset_behind_the_mark_does_not_end_the_process(self):
        """With ZMTP's heartbeats libzmq fails an assertion as soon as one is due for such a connection."""
        heard = []
        router = Router(
            self.transport,
            listen=["tcp://127.0.0.1:0"],
            received=lambda _envelope, body: heard.append(body),
            bounds=Bounds(receive_mark=1),
        )
        self.assertEqual(router.socket.get(zmq.HEARTBEAT_IVL), 0)
        router.batch = 1
        for _ in range(20):
            raw = self.raw_dealer(router.endpoint)
            await self.until(lambda raw=raw: b"READY" in _read_into(raw))
            raw.sendall(b"\0\1x" * 50)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()
        peer = self.peer(zmq.DEALER, router.endpoint)
        peer.send(b"last")
        await self.until(lambda: [b"last"] in heard)

    async def test_timers_go_on_in_a_flood(self):
        """Reading until nothing is left would last as long as the flood: no heartbeat, no election timer."""
        heard = []
        pull = Pull(self.transport, listen=["tcp://127.0.0.1:0"], received=heard.append)
        peer = self.peer(zmq.PUSH, pull.endpoint, SNDHWM=0)
        for _ in range(20_000):
            peer.send(b"x")
        ticks = []

        def tick():
            ticks.append(len(heard))
            if len(heard) < 20_000:
                reactor.callLater(0, tick)

        tick()
        await self.until(lambda: len(heard) == 20_000)
        self.assertLessEqual(max(b - a for a, b in itertools.pairwise(ticks)), 2 * pull.batch)

    async def test_what_was_sent_last_goes_out(self):
        """Closing lingers for what is on its way."""
        self.transport.lingerPeriod = 1000
        listening = self.context.socket(zmq.PULL)
        listening.linger = 0
        port = listening.bind_to_random_port("tcp://127.0.0.1")
        push = Push(self.transport, connect=[f"tcp://127.0.0.1:{port}"])
        for _ in range(100):
            push.send(bytes(10_000))
        self.transport.shutdown()
        self.assertEqual(len(await self.heard(listening, 100)), 100)

    async def test_an_ipc_path_is_removed_at_the_end_and_not_stolen_before(self):
        path = f"{self.mktemp()[-60:].replace('/', '_')}.sock"
        first = Pull(self.transport, listen=[f"ipc://{path}"], received=ignore)
        error = self.assertRaises(
            EndpointError, Pull, self.transport, listen=[f"ipc://{path}"], received=ignore
        )
        self.assertIn("already in use", str(error))
        done = Deferred()
        first._received = done.callback
        self.peer(zmq.PUSH, f"ipc://{path}").send(b"x")
        self.assertEqual(await done, [b"x"])
        first.close()
        self.assertRaises(FileNotFoundError, os.stat, path)

    async def test_an_ipc_path_left_by_a_dead_process_is_taken_over(self):
        path = f"{self.mktemp()[-60:].replace('/', '_')}.sock"
        left = socket.socket(socket.AF_UNIX)
        left.bind(path)
        left.close()
        done = Deferred()
        Pull(self.transport, listen=[f"ipc://{path}"], received=done.callback)
        self.peer(zmq.PUSH, f"ipc://{path}").send(b"x")
        self.assertEqual(await done, [b"x"])

    async def test_ipv6(self):
        if not socket.has_dualstack_ipv6():
            raise SkipTest("this machine has no IPv6")
        done = Deferred()
        pull = Pull(self.transport, listen=["tcp://[::1]:0"], received=done.callback)
        Push(self.transport, connect=[pull.endpoint]).send(b"x")
        self.assertEqual(await done, [b"x"])


class Imports(SynchronousTestCase):
    def test_what_options_need_leaves_the_choice_of_the_reactor_to_twistd(self):
        modules = "endpoints, binding, bounds, traffic, rate_limit"
        program = f"import sys\nfrom bulletin.transport import {modules}\nprint('twisted.internet.reactor' in sys.modules)"
        shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        self.assertEqual(shown.stdout, "False\n")


def _read_into(raw):
    """What can be read at the moment."""
    raw.setblocking(False)
    try:
        return raw.recv(1000)
    except BlockingIOError:
        return b""
    finally:
        raw.setblocking(True)


def _ended(stranger):
    """Whether the other side has closed the connection."""
    stranger.setblocking(False)
    try:
        while True:
            if not stranger.recv(1000):
                return True
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
