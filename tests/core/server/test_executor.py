import sys
from types import SimpleNamespace

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.instant import Instant
from bulletin.core.raft.ready import Persist
from bulletin.core.server.executor import BROKEN, Executor
from bulletin.core.server.work import Event, StoreWrite, Work
from bulletin.core.wire import broker as broker_wire
from bulletin.core.wire.broker import BrokerHeartbeat, ServerHeartbeat


class Replica:
    """Notes its inputs; wants done what the test says."""

    member_id = b"m" * 16
    waits_for_tables = False

    def __init__(self):
        self.inputs = []
        self.work = []
        self.turns = 0
        self.broken = None

    def __getattr__(self, name):
        if name not in {
            "broker",
            "peer",
            "reference",
            "founded",
            "stored",
            "page_read",
            "fetched",
            "tick",
            "drain",
        }:
            raise AttributeError(name)

        def note(*arguments, now, **options):
            if self.broken is not None:
                raise self.broken
            self.inputs.append((name, *arguments))

        return note

    def ready(self, now):
        self.turns += 1
        return self.work.pop(0) if self.work else Work()


class Store:
    backlog = 0

    def __init__(self):
        self.asked = []

    def write(self, persist, applied, done):
        self.asked.append(done)


class Links:
    def __init__(self):
        self.sent = []

    def to_peers(self, frames):
        self.sent.extend(frames)

    def to_brokers(self, messages):
        self.sent.extend(messages)

    def to_reference(self, requests):
        self.sent.extend(requests)

    def publish(self, publications):
        self.sent.extend(publications)


class ExecutorTests(SynchronousTestCase):
    def setUp(self):
        self.reactor = Clock()
        self.replica, self.store, self.links = Replica(), Store(), Links()
        self.sentences = []
        self.complaints = []
        self.broken = []
        self.said = []
        self.executor = Executor(
            self.replica,
            self.store,
            soon=lambda turn: self.reactor.callLater(0, turn).cancel,
            now=lambda: Instant(self.reactor.seconds(), 0.0),
            voice=SimpleNamespace(
                say=lambda text, urgent: self.said.append((text, urgent)),
                malformed=self.complaints.append,
                stop=self.sentences.append,
                broken=lambda: self.broken.append(sys.exc_info()[0]),
            ),
        )
        self.executor.links = self.links

    def beat(self):
        self.executor.from_broker(0, [broker_wire.encode(BrokerHeartbeat(1, 1, 1.0))])

    def test_what_comes_in_one_turn_is_acted_on_once(self):
        self.beat()
        self.executor.tick()
        self.beat()
        self.assertEqual((len(self.replica.inputs), self.replica.turns), (3, 0))
        self.reactor.advance(0)
        self.assertEqual(self.replica.turns, 1)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_what_the_store_has_done_comes_back(self):
        write = StoreWrite(Persist(1), None)
        self.replica.work = [Work(write=write)]
        self.executor.tick()
        self.reactor.advance(0)
        self.store.asked.pop()()
        self.assertEqual(self.replica.inputs[-1], ("stored", write))
        self.reactor.advance(0)
        self.assertEqual(self.replica.turns, 2)

    def test_rows_that_nobody_waits_for_cause_no_turn(self):
        for waits in (False, True):
            self.replica.waits_for_tables = waits
            self.replica.work = [Work(write=StoreWrite(None, None))]
            self.executor.tick()
            self.reactor.advance(0)
            self.store.asked.pop()()
            self.assertEqual(len(self.reactor.getDelayedCalls()), int(waits))

    def test_what_cannot_be_read_is_counted_and_dropped(self):
        for parts in ([], [b""], [b"\xc1"], [b"a", b"b"], [broker_wire.encode(ServerHeartbeat(1, 1, 1.0))]):
            self.executor.from_broker(0, parts)
        for parts in ([], [b""], [b"{}"], [b"a", b"b"]):
            self.executor.from_peer(parts)
            self.executor.from_reference(parts)
        self.executor.unexpected([b"hello"])
        counts = self.executor.malformed
        self.assertEqual((counts.brokers, counts.peers, counts.reference), (5, 5, 4))
        self.assertEqual(len(self.complaints), 14)
        self.assertEqual(self.replica.inputs, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_an_exception_in_the_core_stops_the_server(self):
        self.replica.work = [Work(to_brokers=((0, "never sent"),))]
        self.executor.tick()
        self.replica.broken = AssertionError("an invariant")
        self.beat()
        self.assertEqual(self.sentences, [BROKEN])
        self.assertEqual(self.broken, [AssertionError])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.beat()
        self.executor.tick()
        self.assertEqual((self.sentences, self.links.sent), ([BROKEN], []))

    def test_so_does_a_turn_that_raises(self):
        def broken(now):
            raise AssertionError("an invariant")

        self.replica.ready = broken
        self.executor.tick()
        self.reactor.advance(0)
        self.assertEqual(self.sentences, [BROKEN])
        self.assertEqual(self.broken, [AssertionError])

    def test_a_fatal_reason_stops_it_and_nothing_else_is_carried_out(self):
        self.replica.work = [
            Work(
                to_brokers=((0, "never sent"),), events=(Event("why", urgent=True),), fatal="The logs differ"
            )
        ]
        self.executor.tick()
        self.reactor.advance(0)
        self.assertEqual((self.sentences, self.links.sent), (["The logs differ."], []))
        self.assertEqual(self.said, [("why", True)])

    def test_a_failure_of_the_disk_stops_it_before_its_next_turn(self):
        self.executor.tick()
        self.executor.fail("The disk is gone.")
        self.executor.fail("Again.")
        self.reactor.advance(1)
        self.assertEqual((self.sentences, self.replica.turns), (["The disk is gone."], 0))
