"""The proxy's sockets: forwarding, and subscribers that ask for too much."""

import socket
import tempfile

import zmq

from bulletin.core.limits import PUBLICATION_BYTES_MAX
from bulletin.transport.bounds import TOPIC_BYTES_MAX, Bounds
from bulletin.transport.forwarding import BEHIND_BYTES, COMMANDS_WAITING_MAX, BackXPub, FrontXSub, Subscribed
from tests.transport.loopback import Loopback


class Forwarding(Loopback):
    def setUp(self):
        super().setUp()
        self.pair()

    def pair(self, **limits):
        self.back = BackXPub(self.transport, listen=["tcp://127.0.0.1:0"], **limits)
        self.front = FrontXSub(self.transport, listen=["tcp://127.0.0.1:0"], received=self.back.forward)

    async def publisher(self):
        """One that the front has subscribed at."""
        publisher = self.peer(zmq.XPUB, self.front.endpoint)
        self.assertEqual(await self.heard(publisher), [[b"\x01"]])
        return publisher

    async def subscriber(self, *topics):
        """One whose subscriptions have taken."""
        before = self.back.topics
        subscriber = self.peer(zmq.SUB, self.back.endpoint)
        for topic in topics:
            subscriber.subscribe(topic)
        await self.until(lambda: self.back.topics == before + len(topics))
        return subscriber


class Publications(Forwarding):
    async def test_a_publication_reaches_who_subscribed(self):
        publisher, subscriber = await self.publisher(), await self.subscriber(b"geral")
        publisher.send_multipart([b"outro", b"1"])
        publisher.send_multipart([b"geral", b"2"])
        self.assertEqual(await self.heard(subscriber), [[b"geral", b"2"]])

    async def test_a_publisher_that_comes_later_is_heard(self):
        """The one subscription upstream is repeated to it; it sees none of the clients' own."""
        subscriber = await self.subscriber(b"geral")
        for body in (b"early", b"late"):
            publisher = await self.publisher()
            publisher.send_multipart([b"geral", body])
            self.assertEqual(await self.heard(subscriber), [[b"geral", body]])
            self.assertEqual(publisher.poll(0), 0)

    async def test_what_is_no_publication_is_dropped_and_counted(self):
        publisher, subscriber = await self.publisher(), await self.subscriber(b"")
        longest = [b"t" * TOPIC_BYTES_MAX, bytes(PUBLICATION_BYTES_MAX)]
        for message in (
            [b"t"],
            [b"t", b"a", b"b"],
            [b""] * 2,
            [b"t"] * 1000,
            [b"t" * (TOPIC_BYTES_MAX + 1), b""],
            [b"t", bytes(PUBLICATION_BYTES_MAX + 1)],
            longest,
        ):
            publisher.send_multipart(message)
        self.assertEqual(await self.heard(subscriber), [longest])
        self.assertEqual((self.front.counters.malformed, self.front.counters.received), (6, 1))

    async def test_two_proxies_at_once(self):
        """A server publishes to both; a reader that listens at both hears everything twice, and drops it by its number."""
        first = self.front, self.back
        self.pair()
        publisher = self.peer(zmq.XPUB, first[0].endpoint)
        publisher.connect(self.front.endpoint)
        await self.heard(publisher, 1)
        subscriber = self.peer(zmq.SUB, first[1].endpoint, SUBSCRIBE=b"geral")
        subscriber.connect(self.back.endpoint)
        await self.until(lambda: first[1].topics and self.back.topics)
        publisher.send_multipart([b"geral", b"1"])
        self.assertEqual(await self.heard(subscriber, 2), [[b"geral", b"1"]] * 2)

    async def test_a_slow_subscriber_is_seen_and_costs_the_others_nothing(self):
        publisher, quick = await self.publisher(), await self.subscriber(b"t")
        slow = self.peer(zmq.SUB, self.back.endpoint, RCVHWM=1, RCVBUF=4096, SUBSCRIBE=b"t")
        await self.until(lambda: self.back.topics == 2)
        self.assertEqual(self.back.slow_subscribers(), 0)
        for _ in range(100):
            publisher.send_multipart([b"t", bytes(100_000)])
            await self.heard(quick)
        await self.until(lambda: self.back.slow_subscribers() == 1)
        slow.close(0)
        await self.until(lambda: self.back.slow_subscribers() == 0 and self.back.subscribers == 1)

    async def test_one_that_does_not_read_is_cut_before_it_is_far_behind(self):
        """And one that reads, though it is at times behind, is not."""
        publisher, quick = await self.publisher(), await self.subscriber(b"t")
        stalled = self.peer(zmq.SUB, self.back.endpoint, RCVHWM=1, RCVBUF=4096, SUBSCRIBE=b"t")
        await self.until(lambda: self.back.topics == 2)
        published = 0
        while not self.back.counters.cut:
            for _ in range(20):
                publisher.send_multipart([b"t", bytes(200_000)])
            await self.heard(quick, 20)
            published += 20 * 200_000
            self.assertLess(published, 40 * BEHIND_BYTES)
        self.assertGreater(published, BEHIND_BYTES)
        await self.until(lambda: self.back.topics == 1)
        publisher.send_multipart([b"t", b"still here"])
        self.assertEqual(await self.heard(quick), [[b"t", b"still here"]])
        self.assertEqual(self.back.counters.cut, 1)
        stalled.close(0)


class Subscriptions(Forwarding):
    async def test_a_thousand_quick_subscriptions_all_take(self):
        """Libzmq's manual mode has lost some of them, when they came faster than they were confirmed."""
        topics = [b"topic-%03d" % number for number in range(1000)]
        publisher, subscriber = await self.publisher(), await self.subscriber(*topics)
        for topic in topics:
            publisher.send_multipart([topic, b"x"])
        self.assertEqual(await self.heard(subscriber, 1000), [[topic, b"x"] for topic in topics])
        self.assertEqual(self.back.counters.cut, 0)

    async def test_subscriptions_of_several_are_counted_each(self):
        await self.subscriber(b"a", b"b")
        await self.subscriber(b"a")
        self.assertEqual((self.back.topics, self.back.subscribers), (3, 2))

    async def test_a_subscription_that_is_undone_counts_no_longer(self):
        subscriber = await self.subscriber(b"a", b"b", b"c")
        subscriber.unsubscribe(b"b")
        await self.until(lambda: self.back.topics == 2)

    async def test_a_subscriber_that_goes_counts_no_longer(self):
        first = await self.subscriber(b"a", b"b", b"c")
        await self.subscriber(b"a")
        first.close(0)
        await self.until(lambda: (self.back.topics, self.back.subscribers) == (1, 1))

    async def test_one_that_subscribes_without_end_is_cut(self):
        """It is back at nothing, and others do not notice."""
        publisher, subscriber = await self.publisher(), await self.subscriber(b"geral")
        hostile = self.peer(zmq.XSUB, self.back.endpoint, SNDHWM=0, RECONNECT_IVL=-1)
        for number in range(20_000):
            hostile.send(b"\x01%050d" % number)
        most = 0

        def cut():
            nonlocal most
            most = max(most, self.back.topics)
            return self.back.counters.cut and self.back.subscribers == 1

        await self.until(cut)
        self.assertLessEqual(most, self.back.topics_per_connection_max + 2)
        self.assertEqual(self.back.topics, 1)
        publisher.send_multipart([b"geral", b"x"])
        self.assertEqual(await self.heard(subscriber), [[b"geral", b"x"]])

    async def test_undoing_others_subscriptions_does_not_hide_ones_own(self):
        """What counts is what is subscribed to, not commands of one kind less those of the other."""
        hostile = self.peer(zmq.XSUB, self.back.endpoint, SNDHWM=0, RECONNECT_IVL=-1)
        for number in range(1500):
            hostile.send(b"\x01%d" % number)
            hostile.send(b"\x00none")
        await self.until(lambda: self.back.counters.cut)

    async def test_subscribing_twice_counts_once(self):
        hostile = self.peer(zmq.XSUB, self.back.endpoint)
        for _ in range(5):
            hostile.send(b"\x01a")
        hostile.send(b"\x01b")
        await self.until(lambda: self.back.topics == 2)
        for _ in range(5):  # an XSUB keeps count, and says so with the last
            hostile.send(b"\x00a")
        await self.until(lambda: self.back.topics == 1)

    async def test_past_the_total_whoever_has_most_is_cut(self):
        self.pair(topics_max=50)
        modest = await self.subscriber(b"a", b"b")
        greedy = await self.subscriber(*(b"%d" % number for number in range(40)))
        greedy.reconnect_ivl = -1
        small = self.peer(zmq.SUB, self.back.endpoint)
        for number in range(10):
            small.subscribe(b"small %d" % number)
        await self.until(lambda: self.back.counters.cut)
        await self.until(lambda: self.back.topics in {12, 52})
        publisher = await self.publisher()
        for topic in (b"a", b"small 9"):
            publisher.send_multipart([topic, b"x"])
        self.assertEqual(await self.heard(modest), [[b"a", b"x"]])
        self.assertEqual(await self.heard(small), [[b"small 9", b"x"]])

    async def test_whatever_else_a_subscriber_sends_goes_nowhere(self):
        publisher, subscriber = await self.publisher(), await self.subscriber(b"geral")
        rogue = self.peer(zmq.XSUB, self.back.endpoint)
        for message in ([b""], [b"\x02x"], [b"geral", b"forged"], [b"x"] * 100, [b"\x01a", b"b", b"c"]):
            rogue.send_multipart(message)
        await self.until(lambda: self.back.counters.malformed >= 4)
        publisher.send_multipart([b"geral", b"true"])
        self.assertEqual(await self.heard(subscriber), [[b"geral", b"true"]])
        self.assertEqual(publisher.poll(0), 0)

    async def test_a_flood_of_anything_costs_the_connection(self):
        """Libzmq takes all that waits into memory, whether it is read or not; with a mark of 1 that is little."""
        self.pair(bounds=Bounds(receive_mark=1000, frame_bytes=128))
        rogue = self.peer(zmq.XSUB, self.back.endpoint, SNDHWM=0, RECONNECT_IVL=-1)
        for _ in range(50 * COMMANDS_WAITING_MAX):
            rogue.send(b"\x01same")
        await self.until(lambda: self.back.counters.cut)
        await self.until(lambda: self.back.subscribers == 0)

    async def test_a_topic_that_no_name_can_have_costs_the_connection(self):
        hostile = self.peer(zmq.XSUB, self.back.endpoint, RECONNECT_IVL=-1)
        hostile.send(b"\x01" + b"t" * TOPIC_BYTES_MAX)
        await self.until(lambda: self.back.topics == 1)
        hostile.send(b"\x01" + b"t" * 1000)
        await self.until(lambda: self.back.subscribers == 0)

    def test_a_descriptor_that_is_something_else_by_now_is_left_alone(self):
        """Numbers are given out again: what is shut down must be a connection to this very socket."""
        with socket.create_server(("127.0.0.1", 0)) as server, tempfile.TemporaryFile() as file:
            innocent = socket.create_connection(server.getsockname())
            self.addCleanup(innocent.close)
            other, _ = server.accept()
            self.addCleanup(other.close)
            for descriptor in (innocent.fileno(), file.fileno(), 10_000):
                self.back._subscribers[descriptor] = Subscribed()
                self.back._cut(descriptor)
            innocent.sendall(b"x")
            self.assertEqual(other.recv(1), b"x")
            file.write(b"x")
        self.assertEqual(self.back.counters.cut, 3)
