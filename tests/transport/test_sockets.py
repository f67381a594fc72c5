"""The roles' sockets over real ones: framing, outcomes, and what hostile peers can do."""

import contextlib
import itertools
import os

import zmq
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.limits import REQUEST_BYTES_CUT
from bulletin.transport.bounds import Bounds
from bulletin.transport.connection import Transport
from bulletin.transport.sockets import ENVELOPE_FRAMES_MAX, Dealer, Publisher, Router, Subscriber
from bulletin.transport.traffic import Outcome
from tests.transport.loopback import Loopback, StillReactor


def ignore(*_arguments):
    pass


class Echo(Router):
    """Sends every body back, and remembers what it got."""

    def __init__(self, transport, **arguments):
        self.heard = []
        super().__init__(transport, listen=["tcp://127.0.0.1:0"], received=self.echo, **arguments)

    def echo(self, envelope, body):
        self.heard.append((envelope, body))
        self.send_to(envelope, *body or [b"nothing"])


class Framing(Loopback):
    async def test_a_dealer_without_a_delimiter(self):
        echo = Echo(self.transport)
        peer = self.peer(zmq.DEALER, echo.endpoint)
        peer.send(b"body")
        self.assertEqual(await self.heard(peer), [[b"body"]])
        ((envelope, body),) = echo.heard
        self.assertEqual((len(envelope), body), (1, [b"body"]))

    async def test_a_dealer_with_a_delimiter(self):
        echo = Echo(self.transport)
        peer = self.peer(zmq.DEALER, echo.endpoint)
        peer.send_multipart([b"", b"body"])
        self.assertEqual(await self.heard(peer), [[b"", b"body"]])
        self.assertEqual(echo.heard[0][0][1:], (b"",))

    async def test_a_req(self):
        echo = Echo(self.transport)
        peer = self.peer(zmq.REQ, echo.endpoint)
        for number in range(3):
            peer.send(b"%d" % number)
            self.assertEqual(await self.heard(peer), [[b"%d" % number]])

    async def test_a_req_behind_a_device(self):
        """The envelope has a frame for each hop, and all go back."""
        echo = Echo(self.transport)
        peer = self.peer(zmq.DEALER, echo.endpoint)
        for hops in ([b"one"], [b"one", b"two"]):
            peer.send_multipart([*hops, b"", b"body"])
            self.assertEqual(await self.heard(peer), [[*hops, b"", b"body"]])

    async def test_several_body_frames_and_none_reach_the_role(self):
        """It has to answer them, or a REQ would wait for ever."""
        echo = Echo(self.transport)
        peer = self.peer(zmq.DEALER, echo.endpoint)
        for sent, body in (
            ([b"", b"a", b"b"], [b"a", b"b"]),
            ([b"a", b"b"], [b"a", b"b"]),
            ([b""], []),
            ([b"", b""], [b""]),
            ([b"", b"", b""], [b"", b""]),
            ([b"a", b""], []),
        ):
            peer.send_multipart(sent)
            await self.heard(peer)
            self.assertEqual(echo.heard.pop()[1], body)

    async def test_very_many_frames_reach_the_role_cut_short(self):
        """It sees more than one body frame whatever the frames are, and can answer."""
        echo = Echo(self.transport)
        peer = self.peer(zmq.DEALER, echo.endpoint)
        for delimiter in range(12):
            frames = [b"x"] * 5000
            frames[delimiter] = b""
            peer.send_multipart(frames)
            await self.heard(peer)
            envelope, body = echo.heard.pop()
            self.assertGreater(len(body), 1)
            self.assertLessEqual(len(envelope), ENVELOPE_FRAMES_MAX)
        self.assertEqual(echo.counters.malformed, 12)

    async def test_a_hundred_thousand_empty_frames_stop_nobody(self):
        echo = Echo(self.transport)
        hostile, peer = (self.peer(zmq.DEALER, echo.endpoint) for _ in range(2))
        send = super(zmq.Socket, hostile).send
        for _ in range(100_000):
            send(b"", int(zmq.SNDMORE))
        send(b"", 0)
        peer.send(b"body")
        self.assertEqual(await self.heard(peer), [[b"body"]])
        await self.heard(hostile)
        self.assertEqual(echo.counters.malformed, 1)

    async def test_routing_ids_of_odd_sizes(self):
        echo = Echo(self.transport)
        for identity in (b"i", b"\xff" * 255, b"\x01\x00", b" "):
            peer = self.peer(zmq.DEALER, echo.endpoint, ROUTING_ID=identity)
            peer.send(b"body")
            await self.heard(peer)
            self.assertEqual(echo.heard.pop(), ((identity,), [b"body"]))

    async def test_two_peers_with_one_routing_id(self):
        """The second is not let in while the first is there: it cannot get the first one's replies."""
        echo = Echo(self.transport)
        first = self.peer(zmq.DEALER, echo.endpoint, ROUTING_ID=b"same")
        first.send(b"1")
        await self.heard(first)
        thief = self.peer(zmq.DEALER, echo.endpoint, ROUTING_ID=b"same")
        thief.send(b"2")
        first.send(b"3")
        self.assertEqual(await self.heard(first), [[b"3"]])
        self.assertEqual([body for _, body in echo.heard], [[b"1"], [b"3"]])


class Outcomes(Loopback):
    async def test_a_peer_that_is_gone(self):
        echo = Echo(self.transport)
        peer = self.peer(zmq.DEALER, echo.endpoint)
        peer.send(b"x")
        await self.heard(peer)
        ((envelope, _),) = echo.heard
        self.assertIs(echo.send_to(envelope, b"y"), Outcome.SENT)
        peer.close(0)
        await self.until(lambda: echo.send_to(envelope, b"y") is Outcome.GONE)
        self.assertEqual(echo.counters.dropped, 1)

    async def test_a_peer_that_never_reads_its_replies(self):
        """Its queue fills up to the mark; then its messages are dropped and counted, and others are served."""
        echo = Echo(self.transport, bounds=Bounds(send_mark=10))
        deaf = self.peer(zmq.DEALER, echo.endpoint, RCVHWM=1, RCVBUF=4096)
        deaf.send(b"x")
        ((envelope, _),) = await self.until(lambda: echo.heard)
        await self.until(lambda: echo.send_to(envelope, bytes(100_000)) is Outcome.FULL)
        self.assertGreater(echo.counters.dropped, 0)
        peer = self.peer(zmq.DEALER, echo.endpoint)
        peer.send(b"body")
        self.assertEqual(await self.heard(peer), [[b"body"]])

    async def test_a_frame_above_the_cut_costs_the_connection_and_below_it_does_not(self):
        echo = Echo(self.transport)
        peer = self.peer(zmq.DEALER, echo.endpoint)
        peer.send(bytes(REQUEST_BYTES_CUT))
        await self.until(lambda: echo.heard)
        monitor = peer.get_monitor_socket(int(zmq.EVENT_DISCONNECTED))
        self.addCleanup(monitor.close, 0)
        peer.send(bytes(REQUEST_BYTES_CUT + 1))
        await self.heard(monitor)
        peer.disable_monitor()
        self.assertEqual(len(echo.heard), 1)


class Links(Loopback):
    async def test_a_dealer_hears_when_its_peer_comes_and_goes(self):
        links = []
        other = Transport()
        other.lingerPeriod = 0
        self.addCleanup(other.shutdown)
        router = Router(other, listen=["tcp://127.0.0.1:0"], received=ignore)
        dealer = Dealer(self.transport, connect=[router.endpoint], received=ignore, linked=links.append)
        self.assertFalse(dealer.connected)
        await self.until(lambda: dealer.connected)
        self.assertEqual(links, [True])
        endpoint = router.endpoint
        other.shutdown()
        await self.until(lambda: not dealer.connected)
        self.assertEqual(links, [True, False])
        Router(self.transport, listen=[endpoint], received=ignore)
        await self.until(lambda: dealer.connected)
        self.assertEqual(links, [True, False, True])

    async def test_with_several_peers_the_last_one_counts(self):
        links = []
        others = []
        for _ in range(2):
            other = Transport()
            other.lingerPeriod = 0
            self.addCleanup(other.shutdown)
            others.append((other, Router(other, listen=["tcp://127.0.0.1:0"], received=ignore)))
        dealer = Dealer(
            self.transport,
            connect=[router.endpoint for _, router in others],
            received=ignore,
            linked=links.append,
        )
        await self.until(lambda: len(dealer._up) == 2)
        others[0][0].shutdown()
        await self.until(lambda: len(dealer._up) == 1)
        self.assertEqual(links, [True])
        others[1][0].shutdown()
        await self.until(lambda: not dealer.connected)
        self.assertEqual(links, [True, False])

    async def test_what_was_queued_goes_when_the_peer_comes(self):
        """The backlog waits here, not in a queue of ZeroMQ's that nobody bounds or sees."""
        late = f"ipc://@bulletin-late-{os.getpid()}"
        dealer = Dealer(self.transport, connect=[late], received=ignore)
        for number in range(5):
            dealer.send(b"%d" % number)
        self.assertEqual(dealer.counters.backlog, 5)
        heard = []
        Router(
            self.transport,
            listen=[late],
            received=lambda _envelope, body: heard.extend(body),
        )
        await self.until(lambda: len(heard) == 5)
        self.assertEqual(heard, [b"0", b"1", b"2", b"3", b"4"])
        self.assertEqual((dealer.counters.backlog, dealer.counters.sent), (0, 5))


class Publications(Loopback):
    async def test_topic_and_body_are_two_frames(self):
        """What txZMQ calls publishing makes one of them."""
        publisher = Publisher(self.transport, listen=["tcp://127.0.0.1:0"])
        plain = self.peer(zmq.SUB, publisher.endpoint, SUBSCRIBE=b"geral")
        await self.until(lambda: publisher.publish(b"geral", b"body") or plain.poll(0))
        self.assertEqual(await self.heard(plain), [[b"geral", b"body"]])

    async def test_a_subscriber_hears_its_topics_and_longer_ones(self):
        heard = []
        publisher = Publisher(self.transport, listen=["tcp://127.0.0.1:0"])
        subscriber = Subscriber(
            self.transport, connect=[publisher.endpoint], received=lambda *message: heard.append(message)
        )
        subscriber.subscribe(b"geral")
        subscriber.subscribe(b"geral")
        await self.until(lambda: publisher.publish(b"geral2", b"1") or heard)
        publisher.publish(b"outro", b"2")
        del heard[:]
        publisher.publish(b"geral", b"3")
        await self.until(lambda: (b"geral", b"3") in heard)
        self.assertNotIn((b"outro", b"2"), heard)

    async def test_a_subscription_is_undone_at_once_however_often_it_was_made(self):
        """ZeroMQ counts them: subscribed twice, undone once, it would go on."""
        heard = []
        publisher = Publisher(self.transport, listen=["tcp://127.0.0.1:0"])
        subscriber = Subscriber(
            self.transport, connect=[publisher.endpoint], received=lambda *message: heard.append(message)
        )
        for topic in (b"a", b"a", b"b"):
            subscriber.subscribe(topic)
        await self.until(lambda: publisher.publish(b"a", b"") or heard)
        subscriber.unsubscribe(b"a")
        subscriber.unsubscribe(b"a")
        del heard[:]

        def undone():
            """One round without the topic that was given up."""
            del heard[:]
            publisher.publish(b"a", b"")
            publisher.publish(b"b", b"")
            return self.until(lambda: (b"b", b"") in heard)

        while True:
            await undone()
            if (b"a", b"") not in heard:
                break

    async def test_other_than_two_frames_are_dropped_and_counted(self):
        heard = []
        publisher = self.context.socket(zmq.XPUB)
        port = publisher.bind_to_random_port("tcp://127.0.0.1")
        subscriber = Subscriber(
            self.transport,
            connect=[f"tcp://127.0.0.1:{port}"],
            received=lambda *message: heard.append(message),
        )
        subscriber.subscribe(b"t")
        await self.heard(publisher)
        for message in ([b"t"], [b"t", b"a", b"b"], [b"t"] * 1000, [b"t", b"x"]):
            publisher.send_multipart(message)
        await self.until(lambda: heard)
        self.assertEqual(heard, [(b"t", b"x")])
        self.assertEqual(subscriber.counters.malformed, 3)

    async def test_a_stalled_subscriber_does_not_make_the_publisher_grow(self):
        """And costs the others nothing: what it misses is dropped for it alone."""
        publisher = Publisher(self.transport, listen=["tcp://127.0.0.1:0"], bounds=Bounds(send_mark=10))
        stalled = self.peer(zmq.SUB, publisher.endpoint, RCVHWM=1, RCVBUF=4096, SUBSCRIBE=b"")
        quick = self.peer(zmq.SUB, publisher.endpoint, SUBSCRIBE=b"")
        await self.until(lambda: publisher.publish(b"t", b"hello") or (quick.poll(0) and stalled.poll(0)))
        sent = itertools.count()

        async def publish_one():
            """Until the quick one has it: while its own queue still holds greetings, one may be dropped for it, too."""
            body = b"%d\0" % next(sent) + bytes(100_000)
            looks = itertools.count()

            def delivered():
                if next(looks) % 500 == 0:
                    publisher.publish(b"t", body)
                with contextlib.suppress(zmq.Again):
                    while quick.recv_multipart(zmq.NOBLOCK)[1] != body:
                        pass
                    return True
                return False

            await self.until(delivered)

        for _ in range(200):
            await publish_one()
        seen = {-1}
        while max(seen) + 2 == len(seen):  # until a number is missing
            await publish_one()
            seen.update(
                int(body[:10].partition(b"\0")[0])
                for _topic, body in await self.heard(stalled)
                if body != b"hello"
            )
        self.assertEqual(publisher.counters.failed, 0)


class Envelopes(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(st.lists(st.sampled_from([b"", b"a", b"bb"]), max_size=Router.max_frames))
    def test_envelope_and_body_are_the_message(self, frames):
        """And the envelope ends with the first empty frame behind the routing id, or is the routing id alone."""
        heard = []
        transport = Transport(StillReactor())
        router = Router(transport, received=lambda *message: heard.append(message))
        router.messageReceived([b"id", *frames])
        transport.shutdown()
        ((envelope, body),) = heard
        self.assertEqual([*envelope, *body], [b"id", *frames])
        if len(envelope) > 1:
            self.assertEqual((envelope[-1], frames.index(b"")), (b"", len(envelope) - 2))
        else:
            self.assertNotIn(b"", frames[: ENVELOPE_FRAMES_MAX - 1])
