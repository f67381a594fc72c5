from random import Random

import msgpack
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.instant import Instant
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.server.room import LOOK_SECONDS
from bulletin.core.store.port import StoreError, StoreFull
from bulletin.core.wire import (
    broker as broker_wire,
    peers as peer_wire,
    publications,
    reference as reference_wire,
)
from bulletin.core.wire.broker import (
    LATER,
    SUCCESS,
    BrokerHeartbeat,
    Replies,
    Request,
    Requests,
    ServerDraining,
    ServerHeartbeat,
    ServerReady,
)
from bulletin.core.wire.envelope import Dialect
from bulletin.core.wire.reference import (
    Addressed,
    HeartbeatReply,
    HeartbeatRequest,
    ListedServer,
    RankReply,
    RankRequest,
)
from bulletin.roles import ending
from bulletin.roles.role import StartError
from bulletin.roles.server.service import TICK_SECONDS, Server, Wiring
from bulletin.simulation.memory_store import MemoryDisk, MemoryStore
from tests.roles.server.memory_sockets import Sockets

BROKER, PROXY, REFERENCE = "tcp://127.0.0.1:5556", "tcp://127.0.0.1:5557", "tcp://127.0.0.1:5560"
OWN, OTHER = "tcp://127.0.0.1:5561", "tcp://127.0.0.1:5562"
ME, FELLOW = b"m" * 16, b"f" * 16


def document(*members):
    return FoundingDocument(
        b"k" * 16,
        tuple(Member(member, name, end, rank) for rank, (member, name, end) in enumerate(members, 1)),
    )


ALONE = document((ME, "alfa", OWN))
TWO = document((ME, "alfa", OWN), (FELLOW, "beta", OTHER))


class ServiceTests(SynchronousTestCase):
    def setUp(self):
        self.disk = MemoryDisk(ME)
        self.reactor = Clock()
        self.reactor.callFromThread = lambda function, *arguments: self.reactor.callLater(
            0, function, *arguments
        )
        self.said, self.failed = [], []
        self.patch(ending, "say", self.said.append)
        self.patch(ending, "fail", lambda reactor, sentence: self.failed.append(sentence))
        self.number = 0

    def make(self, name="alfa", own=OWN):
        self.sockets = Sockets()

        def make_store(call_from_thread, failed):
            self.store = MemoryStore(self.disk, call_from_thread=call_from_thread, failed=failed)
            return self.store

        return Server(
            Wiring(name, (own,), own, (BROKER,), (PROXY,), REFERENCE),
            None,
            expect=1,
            rng=Random(1),
            make_store=make_store,
            sockets=self.sockets,
            reactor=self.reactor,
            instant=lambda: Instant(self.reactor.seconds() + 100, self.reactor.seconds() + 1e9),
        )

    def start(self, name="alfa", own=OWN):
        self.server = self.make(name, own)
        self.server.startService()
        self.broker = self.sockets.connected_to(BROKER)
        self.reference = self.sockets.connected_to(REFERENCE)

    def pass_time(self, seconds):
        for _ in range(round(seconds / TICK_SECONDS)):
            self.reactor.advance(TICK_SECONDS)
            self.reactor.pump([0, 0, 0])

    def told(self):
        """What the broker was told since the last time."""
        return [broker_wire.decode(frame) for (frame,) in self.broker.take()]

    def found(self, founding=ALONE):
        """The reference answers with a document."""
        self.pass_time(0.1)
        (frame,) = self.reference.take()[-1]
        asked = reference_wire.decode_request(frame)
        reply = Addressed(RankReply(1, founding.encode()), Dialect.SERVICE, 1, 1.0, asked.nonce)
        self.reference.deliver(reference_wire.encode(reply))

    def become_ready(self):
        self.start()
        self.found()
        self.pass_time(2.5)
        ready = next(message for message in self.told() if isinstance(message, ServerReady))
        self.session = ready.session
        self.beat()
        self.pass_time(0.2)

    def beat(self):
        self.broker.deliver(broker_wire.encode(BrokerHeartbeat(self.session, 1, 1.0)))

    def ask(self, service, **data):
        self.number += 1
        body = msgpack.packb({"service": service, "data": data})
        request = Request(self.number.to_bytes(16, "big"), 1, 4000, body)
        self.broker.take()
        self.broker.deliver(broker_wire.encode(Requests(self.session, (request,), 1, 1.0)))
        self.pass_time(0.2)
        (reply,) = [r for message in self.told() if isinstance(message, Replies) for r in message.replies]
        self.assertEqual(reply.id, request.id)
        return reply.result, msgpack.unpackb(reply.body)["data"]

    def stop(self):
        stopping = self.server.stopService()
        self.pass_time(3)
        self.successResultOf(stopping)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_an_empty_server_asks_the_reference_and_tells_the_broker_nothing(self):
        self.start()
        self.pass_time(1)
        asked = [reference_wire.decode_request(frame).body for (frame,) in self.reference.take()]
        self.assertEqual(set(asked), {RankRequest("alfa", OWN, ME, None, 1)})
        self.assertEqual(self.told(), [])
        health = self.server.health()
        self.assertFalse(health.ready)
        self.assertIn("empty", health.reason)
        self.stop()

    def test_the_port_that_it_got_is_what_it_registers(self):
        self.start(own="tcp://127.0.0.1:0")
        self.pass_time(0.1)
        (frame,) = self.reference.take()[-1]
        self.assertEqual(reference_wire.decode_request(frame).body.endpoint, "tcp://127.0.0.1:40001")
        self.stop()

    def test_a_founded_server_leads_alone_and_is_ready(self):
        self.become_ready()
        self.assertTrue(any(isinstance(message, ServerHeartbeat) for message in self.told()))
        health = self.server.health()
        self.assertEqual((health.ready, health.reason), (True, "Ready; alfa leads."))
        self.stop()

    def test_requests_are_answered_and_posts_published(self):
        self.become_ready()
        self.assertEqual(self.ask("channel", canal="geral"), (SUCCESS, self._any))
        result, posted = self.ask("publish", user="ana", canal="geral", message="oi")
        self.assertEqual((result, posted["seq"]), (SUCCESS, 1))
        heard = [publications.read(*frames) for frames in self.sockets.connected_to(PROXY).take()]
        self.assertIn("oi", [one.message for one in heard if isinstance(one, publications.Published)])
        _, page = self.ask("history", canal="geral")
        self.assertEqual([post["message"] for post in page["messages"]], ["oi"])
        self.stop()

    class _Any:
        def __eq__(self, other):
            return True

        __hash__ = None

    _any = _Any()

    def test_everything_is_there_after_a_restart(self):
        self.become_ready()
        self.ask("login", user="ana")
        self.stop()
        first = self.session
        self.start()
        self.pass_time(2.5)
        self.session = next(m for m in self.told() if isinstance(m, ServerReady)).session
        self.assertGreater(self.session, first)
        self.beat()
        self.assertEqual(self.ask("users")[1]["users"], ["ana"])
        asked = [reference_wire.decode_request(frame).body for (frame,) in self.reference.take()]
        self.assertEqual(asked[0], RankRequest("alfa", OWN, ME, ALONE.encode(), 1))
        self.stop()

    def test_with_data_it_says_to_the_reference_that_it_lives(self):
        self.become_ready()
        self.pass_time(2)
        bodies = [reference_wire.decode_request(frame).body for (frame,) in self.reference.take()]
        self.assertIn(HeartbeatRequest("alfa", ME, ALONE.cluster), bodies)
        self.stop()

    def test_a_stop_tells_the_broker_and_ends(self):
        self.become_ready()
        self.broker.take()
        stopping = self.server.stopService()
        self.pass_time(0.2)
        self.assertTrue(any(isinstance(message, ServerDraining) for message in self.told()))
        self.pass_time(1)
        self.successResultOf(stopping)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertFalse(self.server.health().ready)
        self.assertFalse(self.disk.in_use)

    def test_it_connects_to_its_fellows_and_says_nothing_to_strangers(self):
        self.start()
        self.found(TWO)
        self.pass_time(0.5)
        (first, *_) = self.sockets.connected_to(OTHER).take()
        frame = peer_wire.decode(first[0])
        self.assertEqual((frame.sender, frame.recipient, frame.cluster), (ME, FELLOW, TWO.cluster))
        self.sockets.router.deliver(b"junk")
        self.sockets.router.deliver(peer_wire.encode(frame))
        self.pass_time(0.1)
        samples = {(s.name, tuple(s.labels.values())): s.value for s in self.server.samples()}
        self.assertEqual(samples["server_malformed_total", ("peers",)], 1)
        self.assertEqual(samples["server_peers_dropped_total", ()], 1)
        self.stop()

    def test_a_fellow_that_moved_is_connected_to_elsewhere_and_the_old_socket_closed(self):
        self.start()
        self.found(TWO)
        self.pass_time(1.2)
        before = self.sockets.connected_to(OTHER)
        (frame,) = self.reference.take()[-1]
        nonce = reference_wire.decode_request(frame).nonce
        for moved in ("nowhere", "tcp://servidor:5561"):
            listed = (ListedServer("beta", 2, moved, FELLOW),)
            reply = Addressed(HeartbeatReply(True, None, listed), Dialect.SERVICE, 1, 1.0, nonce)
            self.reference.deliver(reference_wire.encode(reply))
            self.pass_time(0.1)
            self.assertEqual(before.open, moved == "nowhere")
        self.pass_time(0.5)
        self.assertTrue(self.sockets.connected_to("tcp://servidor:5561").take())
        self.assertEqual(self.disk.learnt, {FELLOW: "tcp://servidor:5561"})
        self.stop()

    def test_a_fellow_without_an_endpoint_is_done_without(self):
        self.start()
        self.found(document((ME, "alfa", OWN), (FELLOW, "beta", "nowhere")))
        self.pass_time(1)
        self.assertIsNotNone(self.server.replica.document)
        self.assertEqual(self.failed, [])
        self.stop()

    def test_metrics_name_role_and_digest(self):
        self.become_ready()
        samples = {(s.name, tuple(s.labels.values())): s.value for s in self.server.samples()}
        self.assertEqual(samples["log_role", ("leader",)], 1.0)
        self.assertEqual(samples["log_lag", ()], 0)
        self.assertGreater(samples["server_disk_writes_total", ()], 0)
        self.assertGreaterEqual(samples["server_disk_entries_total", ()], samples["log_last_index", ()] - 1)
        self.assertAlmostEqual(samples["server_tick_gap_seconds", ()], TICK_SECONDS)
        self.assertEqual(len([name for name, _ in samples if name == "board_digest"]), 1)
        self.stop()

    def test_a_full_socket_loses_a_message_and_nothing_else(self):
        self.become_ready()
        self.broker.full = self.reference.full = True
        self.pass_time(2)
        self.assertGreater(self.broker.counters.dropped, 0)
        self.broker.full = False
        self.beat()
        self.assertEqual(self.ask("login", user="ana")[0], SUCCESS)
        self.assertEqual(self.failed, [])
        self.stop()

    def test_a_failed_disk_stops_the_server_with_a_sentence(self):
        self.become_ready()
        self.store.fail(StoreError("The disk is gone: buy another one."))
        self.pass_time(0.1)
        self.assertEqual(self.failed, ["server: The disk is gone: buy another one."])
        self.broker.take()
        self.pass_time(1)
        self.assertEqual(self.told(), [])
        self.assertIn("not running", self.server.health().reason)
        self.stop()

    def test_a_full_disk_puts_it_aside_until_there_is_room(self):
        self.become_ready()
        self.disk.full, self.disk.ballast_steps = True, 0
        result, _ = self.ask("login", user="ana")
        self.assertEqual(result, LATER)
        self.assertEqual(self.ask("login", user="ana")[1]["erro"], "disco_cheio")
        full = [sample.value for sample in self.server.samples() if sample.name == "server_disk_full"]
        self.assertEqual(full, [1.0])
        self.assertIn("is full", self.server.health().reason)
        self.disk.full = False
        self.pass_time(LOOK_SECONDS + 3)
        self.session = next(m for m in self.told() if isinstance(m, ServerReady)).session
        self.beat()
        self.pass_time(0.2)
        self.assertEqual(self.server.health().reason, "Ready; alfa leads.")
        self.assertEqual(self.ask("login", user="ana")[0], SUCCESS)
        self.assertEqual(self.failed, [])
        self.stop()

    def test_a_disk_too_full_to_be_read_is_waited_for(self):
        opened = MemoryStore.open
        self.patch(MemoryStore, "open", self.fail_full)
        self.server = self.make()
        self.server.startService()
        self.assertEqual(self.server.health().reason, "The disk is full: free 18 MiB there.")
        self.reactor.advance(LOOK_SECONDS)
        self.assertIn("is full", self.server.health().reason)
        self.patch(MemoryStore, "open", opened)
        self.reactor.advance(LOOK_SECONDS)
        self.pass_time(0.1)
        self.assertIn("is empty", self.server.health().reason)
        self.stop()

    def test_it_can_be_stopped_while_it_waits_for_room(self):
        self.patch(MemoryStore, "open", self.fail_full)
        self.server = self.make()
        self.server.startService()
        self.stop()

    @staticmethod
    def fail_full(_store):
        raise StoreFull("The disk is full: free 18 MiB there.")

    def test_a_directory_of_another_server_is_refused(self):
        self.become_ready()
        self.stop()
        error = self.assertRaises(StartError, self.make("beta").startService)
        self.assertIn("belongs to the server 'alfa'", str(error))
        self.assertEqual(self.said, [f"server: {error}"])
        self.reactor.pump([0, 0])
        self.assertFalse(self.disk.in_use)

    def test_a_directory_in_use_is_refused(self):
        self.disk.in_use = True
        error = self.assertRaises(StartError, self.make().startService)
        self.assertIn("in use", str(error))
