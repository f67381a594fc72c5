"""The sockets in memory do what the real ones do: each test here runs on both."""

import os

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bulletin.transport.bounds import Bounds
from bulletin.transport.endpoints import EndpointError
from bulletin.transport.sockets import ZEROMQ
from bulletin.transport.traffic import Full, Outcome
from tests.memory_transport import Network
from tests.transport.loopback import Loopback

ANY = "tcp://127.0.0.1:0"
LATE = f"ipc://@bulletin-contract-{os.getpid()}"


class Contract:
    """What holds for both kinds; ``sockets``, ``transport`` and ``until`` are the kind's own."""

    async def test_a_request_and_its_reply(self):
        heard, turns = [], []
        router = self.sockets.Router(
            self.transport,
            listen=[ANY],
            received=lambda envelope, body: router.send_to(envelope, *body, b"and back"),
            turn_ended=lambda: turns.append(1),
        )
        dealer = self.sockets.Dealer(self.transport, connect=[router.endpoint], received=heard.append)
        dealer.send(b"there")
        dealer.send(b"", b"there")
        await self.until(lambda: len(heard) == 2)
        self.assertEqual(heard, [[b"there", b"and back"], [b"", b"there", b"and back"]])
        self.assertLessEqual(len(turns), 2)
        self.assertEqual((router.counters.received, router.counters.sent), (2, 2))
        self.assertEqual((dealer.counters.received, dealer.counters.sent), (2, 2))

    async def test_nobody_of_that_name(self):
        router = self.sockets.Router(self.transport, listen=[ANY], received=self.fail)
        self.assertIs(router.send_to((b"nobody",), b"x"), Outcome.GONE)
        self.assertEqual(router.counters.dropped, 1)

    async def test_a_dealer_waits_for_its_peer_and_is_told(self):
        links, heard = [], []
        dealer = self.sockets.Dealer(
            self.transport,
            connect=[LATE],
            received=self.fail,
            max_backlog=2,
            linked=links.append,
        )
        dealer.send(b"1")
        dealer.send(b"2")
        self.assertRaises(Full, dealer.send, b"3")
        self.assertEqual((dealer.counters.backlog, dealer.counters.dropped), (2, 1))
        router = self.sockets.Router(
            self.transport,
            listen=[LATE],
            received=lambda _envelope, body: heard.extend(body),
        )
        await self.until(lambda: len(heard) == 2 and links)
        self.assertEqual((heard, links, dealer.counters.backlog), ([b"1", b"2"], [True], 0))
        router.close()
        await self.until(lambda: len(links) == 2)
        self.assertEqual(links, [True, False])

    async def test_a_dealer_shares_out(self):
        heard = {0: [], 1: []}
        routers = [
            self.sockets.Router(
                self.transport,
                listen=[ANY],
                received=lambda _envelope, body, number=number: heard[number].extend(body),
            )
            for number in heard
        ]
        dealer = self.sockets.Dealer(
            self.transport, connect=[router.endpoint for router in routers], received=self.fail
        )
        sent = 0
        while not (heard[0] and heard[1]):
            dealer.send(b"x")
            sent += 1
            await self.until(lambda sent=sent: len(heard[0]) + len(heard[1]) == sent)

    async def test_frames_are_bytes(self):
        dealer = self.sockets.Dealer(self.transport, received=self.fail)
        self.assertRaises(TypeError, dealer.send, b"x", "y")
        self.assertRaises(ValueError, dealer.send)

    async def test_an_endpoint_that_is_taken(self):
        router = self.sockets.Router(self.transport, listen=[ANY], received=self.fail)
        error = self.assertRaises(
            EndpointError, self.sockets.Router, self.transport, listen=[router.endpoint], received=self.fail
        )
        self.assertIn("already in use", str(error))

    async def test_publications_through_a_proxy(self):
        heard = []
        back = self.sockets.BackXPub(self.transport, listen=[ANY])
        front = self.sockets.FrontXSub(self.transport, listen=[ANY], received=back.forward)
        subscriber = self.sockets.Subscriber(
            self.transport, connect=[back.endpoint], received=lambda *message: heard.append(message)
        )
        subscriber.subscribe(b"geral")
        publisher = self.sockets.Publisher(self.transport, connect=[front.endpoint])
        await self.until(lambda: back.topics == back.subscribers == 1)

        def publish():
            publisher.publish(b"outro", b"1")
            publisher.publish(b"geral2", b"2")
            return heard

        await self.until(publish)
        self.assertEqual(set(heard), {(b"geral2", b"2")})
        self.assertEqual(back.slow_subscribers(), 0)

    async def test_what_is_no_publication_stops_at_the_proxy(self):
        heard = []
        front = self.sockets.FrontXSub(
            self.transport, listen=[ANY], received=lambda *message: heard.append(message)
        )
        publisher = self.sockets.Publisher(self.transport, connect=[front.endpoint])

        def publish():
            publisher.publish(b"t" * 66, b"")
            publisher.publish(b"", b"")
            publisher.publish(b"t", b"")
            return heard

        await self.until(publish)
        self.assertEqual(set(heard), {(b"t", b"")})
        self.assertGreater(front.counters.malformed, 0)

    async def test_closing_twice_and_sending_after_it(self):
        router = self.sockets.Router(self.transport, listen=[ANY], received=self.fail)
        dealer = self.sockets.Dealer(self.transport, received=self.fail)
        publisher = self.sockets.Publisher(self.transport)
        for _ in range(2):
            dealer.close()
            self.transport.shutdown()
        self.assertIs(router.send_to((b"x",), b"y"), Outcome.GONE)
        self.assertRaises(Full, dealer.send, b"x")
        publisher.publish(b"x", b"y")
        self.assertEqual(publisher.counters.dropped, 1)


class OnZeroMQ(Contract, Loopback):
    sockets = ZEROMQ


class InMemory(Contract, TestCase):
    def setUp(self):
        self.network = Network()
        self.sockets = self.network.sockets
        self.transport = self.sockets.Transport()

    def until(self, condition):
        for _ in range(3):
            if condition():
                return succeed(None)
            self.network.deliver()
        raise AssertionError("the condition did not come true")


class TheNetwork(SynchronousTestCase):
    """What only the network in memory has."""

    def setUp(self):
        self.clock = Clock()
        self.network = Network(self.clock)
        self.transport = self.network.sockets.Transport()
        self.heard = []
        self.router = self.network.sockets.Router(
            self.transport,
            listen=[ANY],
            received=lambda envelope, body: self.heard.append((envelope, body)),
            turn_ended=lambda: self.heard.append("end"),
            bounds=Bounds(send_mark=2),
        )
        self.dealer = self.network.sockets.Dealer(
            self.transport, connect=[self.router.endpoint], received=self.heard.append, identity=b"d"
        )

    def test_a_clock_delivers(self):
        self.dealer.send(b"x")
        self.assertEqual(self.heard, [])
        self.clock.advance(0)
        self.assertEqual(self.heard, [((b"d",), [b"x"]), "end"])

    def test_turns_are_bounded(self):
        for _ in range(65):
            self.dealer.send(b"x")
        self.network.deliver()
        self.assertEqual([number for number, each in enumerate(self.heard) if each == "end"], [64, 66])

    def test_a_queue_is_bounded(self):
        outcomes = [self.router.send_to((b"d",), b"x") for _ in range(3)]
        self.assertEqual(outcomes, [Outcome.SENT, Outcome.SENT, Outcome.FULL])
        self.network.deliver()
        self.assertIs(self.router.send_to((b"d",), b"x"), Outcome.SENT)

    def test_messages_are_lost_as_the_test_says(self):
        self.network.loses = lambda sender, _receiver, parts: sender is self.dealer and parts == (b"1",)
        for body in (b"1", b"2"):
            self.dealer.send(body)
        self.network.deliver()
        self.assertEqual(self.heard, [((b"d",), [b"2"]), "end"])
