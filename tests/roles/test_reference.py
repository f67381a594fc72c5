from pathlib import Path
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Code
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.reference.ranks import Record
from bulletin.core.store.port import StoreError
from bulletin.core.wire.envelope import Dialect
from bulletin.core.wire.reference import (
    Addressed,
    HeartbeatRequest,
    ListRequest,
    RankReply,
    RankRequest,
    decode_reply,
    encode,
)
from bulletin.roles import ending
from bulletin.roles.reference import SENTENCES_A_MINUTE, Options, Reference
from bulletin.roles.role import StartError
from bulletin.storage.ranks import FILE_NAME, RankStore
from bulletin.transport.traffic import Counters, Outcome


class MemoryTransport:
    def shutdown(self):
        pass


class MemoryRouter:
    """A router whose peers are the test."""

    def __init__(self, transport, *, listen, received, turn_ended, bounds):
        self.bound = tuple(listen)
        self.counters = Counters()
        self._received, self._turn_ended = received, turn_ended
        self.sent = []

    def deliver(self, *messages):
        """One turn of the reactor."""
        for route, *body in messages:
            self._received((route,), body)
        self._turn_ended()

    def send_to(self, envelope, *parts):
        (frame,) = parts
        self.sent.append((envelope[0], decode_reply(frame).body))
        return Outcome.SENT


class MemorySockets:
    Transport = MemoryTransport

    def __init__(self):
        self.routers = []

    def Router(self, transport, **arguments):
        self.routers.append(MemoryRouter(transport, **arguments))
        return self.routers[-1]


def frame(body):
    return encode(Addressed(body, Dialect.SERVICE, 1, 1.0))


def rank(name):
    return frame(RankRequest(name, f"tcp://{name}:1", name.encode().ljust(16), None, 3))


def beat(name):
    return frame(HeartbeatRequest(name, name.encode().ljust(16), None))


class ReferenceTests(SynchronousTestCase):
    def setUp(self):
        self.directory = Path(self.mktemp())
        self.reactor = Clock()
        self.threads = []
        self.service = self.make()

    def make(self):
        self.sockets = MemorySockets()
        service = Reference(
            ["tcp://127.0.0.1:5560"],
            self.directory,
            rng=Random(1),
            in_thread=self.in_thread,
            sockets=self.sockets,
            reactor=self.reactor,
            instant=lambda: Instant(self.reactor.seconds(), self.reactor.seconds()),
        )
        service.startService()
        self.addCleanup(lambda: self.stop(service))
        self.router = self.sockets.routers[0]
        return service

    def in_thread(self, function, record):
        done = Deferred()
        self.threads.append(lambda: done.callback(function(record)))
        return done

    def run_threads(self):
        while self.threads:
            self.threads.pop(0)()

    def stop(self, service):
        if service.running:
            stopping = service.stopService()
            self.run_threads()
            self.successResultOf(stopping)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_rank_is_answered_when_it_is_on_the_disk(self):
        self.router.deliver((b"1", rank("a")), (b"2", frame(ListRequest())))
        self.assertEqual(self.router.sent, [])
        self.run_threads()
        self.assertEqual([route for route, _ in self.router.sent], [b"1", b"2"])
        self.assertEqual(self.router.sent[0][1], RankReply(1, None))

    def test_names_without_end_do_not_fill_the_log(self):
        lines = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        for number in range(300):
            self.router.deliver((b"1", rank(f"name{number}")), (b"1", beat(f"name{number}")))
            self.run_threads()
        self.reactor.pump([0.25] * 40)
        said = [
            formatEvent(event) for event in lines if event.get("log_namespace") == "bulletin.roles.reference"
        ]
        self.assertEqual(len(said), SENTENCES_A_MINUTE)
        self.reactor.advance(60)
        self.router.deliver((b"1", rank("late")))
        self.run_threads()
        said = [
            formatEvent(event) for event in lines if event.get("log_namespace") == "bulletin.roles.reference"
        ]
        self.assertIn("more like this were not logged", said[SENTENCES_A_MINUTE])

    def test_a_name_cannot_deceive_who_reads_the_log(self):
        lines = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        self.router.deliver((b"1", rank("a\u2028\u202e{w}")))
        self.assertIn("a\\u2028\\u202e{w} has rank 1.", [formatEvent(event) for event in lines])

    def test_ranks_outlive_the_process(self):
        self.router.deliver((b"1", rank("a")), (b"2", rank("b")))
        self.run_threads()
        self.stop(self.service)
        self.make()
        self.router.deliver((b"2", rank("b")))
        self.assertEqual(self.router.sent, [(b"2", RankReply(2, None))])

    def test_a_cluster_is_founded_and_kept(self):
        self.reactor.advance(2)
        for name in "abc":
            self.router.deliver((b"r", rank(name)))
            self.run_threads()
            self.router.deliver((b"b", beat(name)))
            self.run_threads()
        document = self.router.sent[-1][1].document
        self.assertEqual(
            [member.name for member in FoundingDocument.decode(document).members], ["a", "b", "c"]
        )
        self.stop(self.service)
        store = RankStore(self.directory)
        self.addCleanup(store.close)
        self.assertEqual(store.open().document, document)

    def test_a_stop_waits_for_the_record_that_is_being_written(self):
        self.router.deliver((b"1", rank("a")))
        self.router.deliver((b"2", rank("b")))
        stopping = self.service.stopService()
        self.assertNoResult(stopping)
        self.run_threads()
        self.successResultOf(stopping)
        self.assertEqual([route for route, _ in self.router.sent], [b"1", b"2"])

    def test_a_stop_does_not_wait_for_ever(self):
        self.router.deliver((b"1", rank("a")))
        stopping = self.service.stopService()
        self.reactor.advance(3.5)
        self.successResultOf(stopping)
        self.run_threads()

    def test_a_failed_write_ends_the_process_and_answers_nobody(self):
        failures = []
        self.patch(ending, "fail", lambda reactor, sentence: failures.append(sentence))
        failed = Deferred()
        self.service._in_thread = lambda function, record: failed
        self.router.deliver((b"1", rank("a")))
        failed.errback(StoreError("the disk is full."))
        self.assertEqual(failures, ["reference: the disk is full."])
        self.assertEqual(self.router.sent, [])

    def test_junk_is_answered(self):
        self.router.deliver((b"1",), (b"2", b"\xc1"), (b"3", b"", b"x"))
        self.assertEqual({body.code for _, body in self.router.sent}, {Code.MALFORMED})
        self.assertEqual(len(self.router.sent), 3)

    def test_the_directory_is_kept_to_one_process(self):
        said = []
        self.patch(ending, "say", said.append)
        second = Reference([], self.directory, sockets=MemorySockets(), reactor=Clock())
        self.assertIn("in use", str(self.assertRaises(StartError, second.startService)))
        self.assertIn("in use", said[0])

    def test_health_tells_how_far_the_cluster_is(self):
        self.assertTrue(self.service.health().ready)
        self.assertIn("no cluster yet", self.service.health().reason)
        self.assertIn("reference_names", [sample.name for sample in self.service.samples()])
        self.stop(self.service)
        self.assertFalse(self.service.health().ready)


class OptionsTests(SynchronousTestCase):
    def parse(self, *arguments):
        options = Options(environment={})
        options.parseOptions(["--listen", "tcp://127.0.0.1:0", *arguments])
        return options

    def test_a_directory_in_use_is_one_sentence(self):
        directory = self.mktemp()
        store = RankStore(Path(directory).absolute())
        store.open()
        self.addCleanup(store.close)
        error = self.assertRaises(usage.UsageError, self.parse, "--data", directory)
        self.assertEqual(str(error).count(". "), 0)
        self.assertIn("is in use by another process", str(error))

    def test_a_damaged_file_is_one_sentence(self):
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / FILE_NAME).write_bytes(b"junk")
        self.assertIn(
            "is damaged", str(self.assertRaises(usage.UsageError, self.parse, "--data", str(directory)))
        )

    def test_a_new_directory_is_free_afterwards(self):
        directory = self.mktemp()
        options = self.parse("--data", directory)
        store = RankStore(options["data"])
        self.addCleanup(store.close)
        self.assertEqual(store.open(), Record())
