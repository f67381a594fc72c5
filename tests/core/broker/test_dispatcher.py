"""The dispatcher by scripted schedules: one rule a test."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core import codec
from bulletin.core.broker.dispatcher import DRAIN, OVERDUE, PATIENCE, REST, RUN
from bulletin.core.broker.pending import OVERHEAD_BYTES, Bounds
from bulletin.core.broker.servers import (
    FORGET,
    SERVERS_MAX,
    WINDOW_REPLY_BYTES,
    WINDOW_REQUESTS,
    Standing,
)
from bulletin.core.clocks.instant import Instant
from bulletin.core.limits import BATCH_BYTES_MAX, KIB, MIB, REQUEST_BYTES_MAX
from bulletin.core.wire import broker as wire
from tests.core.broker.bench import PREFIX, Bench, body, opened, refused

A, B, C = b"A", b"B", b"C"


class Requests(SynchronousTestCase):
    def setUp(self):
        self.bench = Bench()

    def test_way_of_a_request(self):
        """A request goes to a server as it came, and the reply goes back on the client's envelope."""
        self.bench.ready(A, 7)
        self.bench.ask(b"c1", body("listar canais"))
        (request,) = self.bench.take(A)
        self.assertEqual(request.body, body("listar canais"))
        self.assertEqual((request.attempt, request.milliseconds_left), (1, 4500))
        self.assertEqual(self.bench.answers, [])
        self.bench.reply(A, request, content=b"the reply")
        self.assertEqual(self.bench.answers, [((b"c1", b""), b"the reply")])
        self.assertTrue(self.bench.dispatcher.drained)

    def test_ids(self):
        """Ids are the start's 8 bytes and a counter, so no two starts give the same."""
        self.bench.ready(A)
        for _ in range(3):
            self.bench.ask()
        ids = [request.id for request in self.bench.take(A)]
        self.assertEqual(ids, [PREFIX + number.to_bytes(8, "big") for number in (1, 2, 3)])

    def test_refusal_of_a_server_is_given(self):
        """What the newest attempt's server refuses is the answer."""
        self.bench.ready(A)
        self.bench.ask()
        self.bench.reply(A, *self.bench.take(A), result=wire.REFUSAL, content=b"no")
        self.assertEqual(self.bench.answers, [((b"c1", b""), b"no")])
        self.assertEqual(self.bench.counters.refused, {"servidor": 1})

    def test_not_decoded(self):
        """Whatever is in the body, it goes to a server as it is."""
        self.bench.ready(A)
        self.bench.ask(content=b"\xc1 neither MessagePack nor JSON")
        self.assertEqual(self.bench.take(A)[0].body, b"\xc1 neither MessagePack nor JSON")

    def test_frames(self):
        """No body, several bodies: a refusal in the envelope that the first one shows; nothing is handed out."""
        self.bench.ready(A)
        for frames in ([], [body(), body()], [b'{"service":"users","data":{"id":"7"}}', b"", b""]):
            self.bench.dispatcher.client((b"c1", b""), frames, self.bench.now)
        self.bench.turn()
        self.assertEqual(
            [refused(reply) for _, reply in self.bench.answers], [("formato_invalido", True)] * 3
        )
        outer = opened(self.bench.answers[2][1])
        self.assertEqual((outer["service"], outer["data"]["id"]), ("users", "7"))
        self.assertEqual(self.bench.take(A), [])

    def test_long_envelope(self):
        """Somebody who sends a long envelope makes the broker remember nothing."""
        self.bench.dispatcher.client((b"c1", bytes(KIB), b""), [body()], self.bench.now)
        self.bench.turn()
        self.assertEqual(refused(self.bench.answers[0][1]), ("formato_invalido", True))

    def test_large(self):
        """1 MiB passes, one byte more is refused, in JSON where it began like JSON."""
        self.bench.ready(A)
        self.bench.ask(content=bytes(REQUEST_BYTES_MAX))
        self.assertEqual(len(self.bench.take(A)[0].body), REQUEST_BYTES_MAX)
        self.bench.ask(content=b"{" + bytes(REQUEST_BYTES_MAX))
        self.assertEqual(self.bench.answers[0][1][:1], b"{")
        self.assertEqual(refused(self.bench.answers[0][1]), ("grande_demais", True))

    def test_clock(self):
        """A refusal of the broker's own is stamped by its clock, after the request's."""
        self.bench.dispatcher.client((b"c1",), [body(clock=41)] * 2, self.bench.now)
        self.bench.turn()
        outer = opened(self.bench.answers[0][1])
        self.assertEqual((outer["clock"], outer["dados"]["clock"]), (42, 42))
        self.assertEqual(outer["timestamp"], self.bench.now.wall)


class Turns(SynchronousTestCase):
    def setUp(self):
        self.bench = Bench()
        for identity in (A, B, C):
            self.bench.ready(identity)

    def test_round_robin(self):
        """One after the other."""
        for _ in range(6):
            self.bench.ask()
        self.assertEqual([len(self.bench.take(identity)) for identity in (A, B, C)], [2, 2, 2])

    def test_one_frame_a_server(self):
        """What one turn brought goes out in runs, one frame for each server."""
        self.bench.frames.clear()
        for _ in range(4 * RUN):
            self.bench.ask(turn=False)
        self.bench.turn()
        self.assertEqual([frame.identity for frame in self.bench.frames], [A, B, C])
        self.assertEqual([len(self.bench.take(identity)) for identity in (A, B, C)], [2 * RUN, RUN, RUN])

    def test_window(self):
        """A server that answers nothing does not hoard: the others get what it has no room for."""
        for _ in range(2 * WINDOW_REQUESTS):
            self.bench.ask(turn=False)
        self.bench.turn()
        for identity in (B, C):
            for request in self.bench.take(identity):
                self.bench.reply(identity, request)
        for _ in range(2 * WINDOW_REQUESTS):
            self.bench.ask(turn=False)
        self.bench.turn()
        self.assertLessEqual(len(self.bench.take(A)), WINDOW_REQUESTS)
        self.assertEqual(self.bench.dispatcher.status().waiting, 0)

    def test_batches(self):
        """However large the requests, a frame stays within its bound, and what found no room is handed out later."""
        content = bytes(REQUEST_BYTES_MAX)
        bench = Bench()
        bench.ready(A)
        for number in range(16):
            bench.ask(b"c%d" % number, content, turn=False)
        bench.turn()
        self.assertLessEqual(max(len(sent.frame) for sent in bench.frames), BATCH_BYTES_MAX + KIB)
        done = 0
        while requests := bench.take(A):
            for request in requests:
                bench.reply(A, request)
                done += 1
        self.assertEqual(done, 16)
        self.assertLessEqual(max(len(sent.frame) for sent in bench.frames), BATCH_BYTES_MAX + KIB)


class Bounded(SynchronousTestCase):
    def test_long_replies(self):
        """A server whose replies are long is given few requests at a time, whatever it refuses besides."""
        bench = Bench()
        bench.ready(A, 7)
        bench.ask()
        (first,) = bench.take(A)
        bench.reply(A, first, content=bytes(WINDOW_REPLY_BYTES // 8))
        for number in range(40):
            bench.ask(b"c%d" % number)
        taken = bench.take(A)
        self.assertEqual(len(taken), 8)
        for request in taken:
            bench.reply(A, request, wire.REFUSAL, b"no")
        self.assertEqual(len(bench.take(A)), 8)

    def test_number(self):
        """Past the bound a client hears at once that there are too many; nothing is dropped."""
        bench = Bench(bounds=Bounds(requests=8))
        for number in range(10):
            bench.ask(b"c%d" % number)
        self.assertEqual([envelope[0] for envelope, _ in bench.answers], [b"c8", b"c9"])
        self.assertEqual(refused(bench.answers[0][1]), ("sobrecarregado", True))
        self.assertEqual(opened(bench.answers[0][1])["dados"]["tente_em"], 1.0)
        bench.ready(A)
        self.assertEqual(len(bench.take(A)), 8)

    def test_bytes(self):
        """The bound counts bytes too."""
        bench = Bench(bounds=Bounds(size=4 * (100 * KIB + OVERHEAD_BYTES)))
        for number in range(5):
            bench.ask(b"c%d" % number, bytes(100 * KIB))
        self.assertEqual([envelope[0] for envelope, _ in bench.answers], [b"c4"])
        self.assertEqual(bench.dispatcher.status().pending_bytes, bench.dispatcher._pending.bounds.size)

    def test_one_client(self):
        """A client that sends faster than it is served is refused; the others are not."""
        bench = Bench(bounds=Bounds(requests=40))
        for _ in range(30):
            bench.ask(b"greedy")
        self.assertEqual([envelope[0] for envelope, _ in bench.answers], [b"greedy"] * 20)
        bench.ask(b"modest")
        self.assertEqual(len(bench.answers), 20)
        self.assertEqual(bench.dispatcher.status().clients, 2)

    def test_one_client_in_bytes(self):
        bench = Bench(bounds=Bounds(size=16 * MIB))
        for _ in range(5):
            bench.ask(b"greedy", bytes(REQUEST_BYTES_MAX))
        self.assertEqual(len(bench.answers), 2)
        bench.ask(b"modest", bytes(REQUEST_BYTES_MAX))
        self.assertEqual(len(bench.answers), 2)

    def test_places_are_given_back(self):
        """An answered request counts no more."""
        bench = Bench(bounds=Bounds(requests=8))
        bench.ready(A)
        for _ in range(50):
            bench.ask()
            bench.reply(A, *bench.take(A))
        self.assertEqual(len(bench.answers), 50)
        status = bench.dispatcher.status()
        self.assertEqual((status.pending, status.pending_bytes, status.clients), (0, 0, 0))

    def test_servers(self):
        """One more server than there are places is turned away; it may come when one has been silent."""
        bench = Bench()
        for number in range(SERVERS_MAX):
            bench.ready(b"s%d" % number)
        bench.ready(b"late")
        self.assertEqual(len(bench.dispatcher.status().servers), SERVERS_MAX)
        self.assertEqual(bench.counters.crowded, 1)
        bench.pass_time(wire.SILENCE + 0.1, alive=[b"s%d" % number for number in range(1, SERVERS_MAX)])
        bench.ready(b"late")
        names = [server.name for server in bench.dispatcher.status().servers]
        self.assertEqual(len(names), SERVERS_MAX)
        self.assertIn("late", names)
        self.assertNotIn("s0", names)


class HandedOn(SynchronousTestCase):
    """A server is lost with a request in its hands: another one gets it, the client waits and sees no error."""

    def setUp(self):
        self.bench = Bench()
        self.bench.ready(A)
        self.bench.ask()
        (self.first,) = self.bench.take(A)
        self.bench.ready(B)

    def assert_handed_on(self, identity=B):
        (again,) = self.bench.take(identity)
        self.assertEqual((again.id, again.attempt, again.body), (self.first.id, 2, self.first.body))
        return again

    def lose_a(self):
        self.bench.pass_time(wire.SILENCE + 0.05, alive=[B])
        return self.assert_handed_on()

    def test_silent(self):
        self.bench.pass_time(wire.SILENCE - 0.05, alive=[B])
        self.assertEqual(self.bench.take(B), [])
        again = self.lose_a()
        self.assertLess(again.milliseconds_left, 4000)
        self.assertEqual(self.bench.dispatcher.status().servers[0].standing, Standing.SILENT)
        self.bench.reply(B, again)
        self.assertEqual(len(self.bench.answers), 1)

    def test_silent_gets_nothing_until_heard(self):
        self.lose_a()
        for _ in range(4):
            self.bench.ask()
        self.assertEqual((len(self.bench.take(A)), len(self.bench.take(B))), (0, 4))
        self.bench.heartbeat(A)
        for _ in range(4):
            self.bench.ask()
        self.assertEqual((len(self.bench.take(A)), len(self.bench.take(B))), (2, 2))

    def test_any_message_is_life(self):
        """A server that answers need not say HEARTBEAT besides."""
        for _ in range(8):
            self.bench.pass_time(0.3, alive=[B])
            self.bench.server(A, wire.Replies(1, (), 1, 1.0))
        self.assertEqual(self.bench.take(B), [])

    def test_gone(self):
        """The transport says that the peer is no longer there."""
        self.bench.pass_time(wire.BEAT + 0.05)
        heartbeat = next(sent for sent in reversed(self.bench.frames) if sent.identity == A)
        self.assertEqual(heartbeat.handed, ())
        self.bench.dispatcher.gone(heartbeat)
        self.bench.turn()
        self.assert_handed_on()
        self.assertEqual([server.name for server in self.bench.dispatcher.status().servers], ["B"])

    def test_new_session(self):
        """A server that began a new session has dropped what it had."""
        self.bench.ready(A, 2)
        (again,) = self.bench.take(A) + self.bench.take(B)
        self.assertEqual((again.id, again.attempt), (self.first.id, 2))

    def test_same_session(self):
        """READY said twice changes nothing."""
        self.bench.ready(A)
        self.assertEqual(self.bench.take(A) + self.bench.take(B), [])

    def test_heartbeat_of_another_session(self):
        """Its READY was lost: it is told that the broker does not know it, and what it had goes to others."""
        self.bench.heartbeat(A, 2)
        self.assert_handed_on()
        self.assertEqual(self.bench.heartbeats[A][-1], 0)

    def test_draining(self):
        """A draining server answers what it has, and gets nothing new."""
        self.bench.server(A, wire.ServerDraining(1, 1, 1.0))
        for _ in range(3):
            self.bench.ask()
        self.assertEqual(self.bench.take(A), [])
        self.assertEqual(len(self.bench.take(B)), 3)
        self.bench.reply(A, self.first)
        self.assertEqual(len(self.bench.answers), 1)

    def test_draining_then_silent(self):
        """What a draining server leaves behind is handed on; it is forgotten."""
        self.bench.server(A, wire.ServerDraining(1, 1, 1.0))
        self.lose_a()
        self.assertEqual([server.name for server in self.bench.dispatcher.status().servers], ["B"])

    def test_draining_heartbeat(self):
        """A heartbeat after DISCONNECT does not bring it back; READY does."""
        self.bench.server(A, wire.ServerDraining(1, 1, 1.0))
        self.bench.heartbeat(A)
        self.assertEqual(self.bench.dispatcher.status().servers[0].standing, Standing.DRAINING)
        self.bench.ready(A)
        self.assertEqual(self.bench.dispatcher.status().servers[0].standing, Standing.READY)

    def test_late_success(self):
        """The first server had done it: that is the answer, and the second one's reply is dropped."""
        again = self.lose_a()
        self.bench.reply(A, self.first, content=b"first")
        self.bench.reply(B, again, content=b"second")
        self.assertEqual([reply for _, reply in self.bench.answers], [b"first"])
        self.assertEqual(self.bench.counters.stray, 1)

    def test_late_success_of_an_old_session(self):
        self.bench.ready(A, 2)
        self.bench.reply(A, self.first, content=b"first", session=1)
        self.assertEqual([reply for _, reply in self.bench.answers], [b"first"])
        self.assertEqual(self.bench.dispatcher.status().servers[0].standing, Standing.READY)

    def test_late_success_by_another_connection(self):
        """A server that reconnected answers under a new identity."""
        self.bench.reply(b"new", self.first, content=b"first", session=1)
        self.assertEqual([reply for _, reply in self.bench.answers], [b"first"])
        self.assertEqual(self.bench.heartbeats[b"new"], [0])

    def test_late_refusal(self):
        """A refusal of a superseded attempt says nothing of the newer one."""
        again = self.lose_a()
        self.bench.reply(A, self.first, wire.REFUSAL, b"no")
        self.assertEqual(self.bench.answers, [])
        self.bench.reply(B, again, content=b"second")
        self.assertEqual([reply for _, reply in self.bench.answers], [b"second"])

    def test_late_later(self):
        """The same for LATER: it moves nothing."""
        self.lose_a()
        self.bench.reply(A, self.first, wire.LATER, b"no")
        self.assertEqual(self.bench.take(A) + self.bench.take(B), [])

    def test_refusal_while_it_waits(self):
        """Taken back, and nobody there to take it: a refusal of the last attempt is kept, and given at the deadline."""
        bench = Bench()
        bench.ready(A)
        bench.ask()
        (request,) = bench.take(A)
        bench.pass_time(wire.SILENCE + 0.05)
        bench.reply(b"other", request, wire.REFUSAL, b"no", session=1)
        self.assertEqual(bench.answers, [])
        bench.pass_time(PATIENCE)
        self.assertEqual([reply for _, reply in bench.answers], [b"no"])

    def test_attempt_of_the_future(self):
        """A reply to an attempt that was never made is no reply."""
        self.bench.reply(A, self.first, attempt=2)
        self.assertEqual(self.bench.answers, [])
        self.assertEqual(self.bench.counters.stray, 1)

    def test_a_frame_was_lost(self):
        """A living server that has had a request for longer than its own budget never got it."""
        self.bench.pass_time(OVERDUE - 0.05, alive=[A, B])
        self.assertEqual(self.bench.take(B), [])
        self.bench.pass_time(0.1, alive=[A, B])
        self.assert_handed_on()

    def test_order(self):
        """What is handed on goes first, oldest first."""
        bench = Bench()
        bench.ready(A)
        for number in range(3):
            bench.ask(b"c%d" % number)
        ids = [request.id for request in bench.take(A)]
        bench.pass_time(wire.SILENCE + 0.05)
        bench.ask(b"c9")
        bench.ready(B)
        self.assertEqual([request.id for request in bench.take(B)][:3], ids)

    def test_forgotten(self):
        """A server that stays silent is forgotten."""
        self.bench.pass_time(FORGET + 1, step=0.25, alive=[B])
        self.assertEqual([server.name for server in self.bench.dispatcher.status().servers], ["B"])

    def test_own_sleep(self):
        """The broker itself stood still: what it did not listen to is nobody's silence."""
        self.bench.now = Instant(self.bench.now.monotonic + 2.0, self.bench.now.wall + 2.0)
        self.bench.dispatcher.tick(self.bench.now)
        self.bench.turn()
        self.assertEqual(self.bench.take(B), [])
        standings = [server.standing for server in self.bench.dispatcher.status().servers]
        self.assertEqual(standings, [Standing.READY] * 2)


class Unsent(SynchronousTestCase):
    """The transport could not take a frame."""

    def setUp(self):
        self.bench = Bench()
        self.bench.ready(A)
        self.bench.ask(turn=False)
        ready = self.bench.dispatcher.ready()
        (self.unsent,) = ready.to_servers

    def test_full(self):
        """The requests go to another server as the same attempt; the full one gets nothing until it is heard."""
        self.bench.dispatcher.full(self.unsent)
        self.bench.turn()
        self.assertEqual(self.bench.take(A), [])
        self.bench.ready(B)
        (request,) = self.bench.take(B)
        self.assertEqual(request.attempt, 1)
        self.bench.ask()
        self.assertEqual(len(self.bench.take(B)), 1)
        self.bench.heartbeat(A)
        for _ in range(2):
            self.bench.ask()
        self.assertEqual(len(self.bench.take(A)), 1)

    def test_full_and_nobody_else(self):
        """Never handed out: the refusal is definite."""
        self.bench.dispatcher.full(self.unsent)
        self.bench.pass_time(PATIENCE + 0.1)
        self.assertEqual([refused(reply) for _, reply in self.bench.answers], [("sem_servidores", True)])

    def test_gone(self):
        """What was handed out before counts as handed out; what was not sent does not."""
        bench = Bench()
        bench.ready(A)
        bench.ask(b"before")
        bench.ask(b"unsent", turn=False)
        (unsent,) = bench.dispatcher.ready().to_servers
        bench.dispatcher.gone(unsent)
        bench.pass_time(PATIENCE + 0.1)
        self.assertEqual(
            {envelope[0]: refused(reply) for envelope, reply in bench.answers},
            {b"before": ("tempo_esgotado", False), b"unsent": ("sem_servidores", True)},
        )

    def test_heartbeat_gone_after_requests_sent(self):
        """Only the frame that was refused is taken back as never sent."""
        bench = Bench()
        bench.ready(A)
        bench.ask()
        (request,) = bench.take(A)
        bench.dispatcher.gone(next(sent for sent in bench.frames if not sent.handed))
        bench.ready(B)
        self.assertEqual([again.attempt for again in bench.take(B)], [request.attempt + 1])


class Later(SynchronousTestCase):
    def setUp(self):
        self.bench = Bench()
        self.bench.ready(A)
        self.bench.ready(B)
        self.bench.ask()
        (self.first,) = self.bench.take(A)

    def test_another_at_once(self):
        """LATER: the other server gets it in the same turn."""
        self.bench.reply(A, self.first, wire.LATER, b"no leader")
        (again,) = self.bench.take(B)
        self.assertEqual((again.id, again.attempt), (self.first.id, 2))
        self.assertEqual(self.bench.take(A), [])
        self.assertEqual(self.bench.counters.later, 1)

    def test_rest(self):
        """All have said LATER: it rests, then a new round begins."""
        self.bench.reply(A, self.first, wire.LATER, b"no leader")
        self.bench.reply(B, *self.bench.take(B), wire.LATER, b"no leader")
        self.assertEqual(self.bench.take(A) + self.bench.take(B), [])
        self.assertEqual(self.bench.dispatcher.status().resting, 1)
        self.bench.pass_time(REST + 0.05, alive=[A, B])
        (again,) = self.bench.take(A) + self.bench.take(B)
        self.assertEqual(again.attempt, 3)

    def test_no_spinning(self):
        """Servers that say LATER to all cost a bounded number of attempts until the deadline."""
        end = self.bench.now.monotonic + PATIENCE + 0.1
        self.bench.reply(A, self.first, wire.LATER, b"no leader")
        attempts = 1
        while self.bench.now.monotonic < end:
            for identity in (A, B):
                for request in self.bench.take(identity):
                    attempts += 1
                    self.bench.reply(identity, request, wire.LATER, b"no leader")
            self.bench.pass_time(0.01, alive=[A, B], step=0.01)
        self.assertEqual([reply for _, reply in self.bench.answers], [b"no leader"])
        self.assertLess(attempts, 2 * PATIENCE / REST + 3)

    def test_words_are_of_the_last_attempt(self):
        """After a further attempt that nobody answered, an earlier LATER's words would be a lie."""
        self.bench.reply(A, self.first, wire.LATER, b"definite")
        self.bench.take(B)
        self.bench.pass_time(PATIENCE + 0.1, alive=[A])
        self.assertEqual(
            [reply == b"definite" or refused(reply) for _, reply in self.bench.answers],
            [("tempo_esgotado", False)],
        )

    def test_words_are_of_the_last_attempt_that_waits(self):
        """The same when the further attempt's server is lost and nobody is there."""
        self.bench.reply(A, self.first, wire.LATER, b"definite")
        self.bench.pass_time(1.0)
        self.assertEqual(self.bench.dispatcher.status().waiting, 1)
        self.bench.pass_time(PATIENCE)
        self.assertEqual(refused(self.bench.answers[0][1]), ("tempo_esgotado", False))

    def test_long_words_are_not_kept(self):
        self.bench.reply(A, self.first, wire.LATER, bytes(100 * KIB))
        self.bench.reply(B, *self.bench.take(B), wire.LATER, bytes(100 * KIB))
        self.bench.pass_time(PATIENCE + 0.1)
        self.assertEqual([refused(reply) for _, reply in self.bench.answers], [("tempo_esgotado", False)])

    def test_success_while_it_rests(self):
        """An earlier attempt's success is the answer, wherever the request is."""
        self.bench.reply(A, self.first, wire.LATER, b"x")
        self.bench.reply(B, *self.bench.take(B), wire.LATER, b"x")
        self.bench.reply(A, self.first, content=b"done")
        self.assertEqual([reply for _, reply in self.bench.answers], [b"done"])
        self.bench.pass_time(1.0, alive=[A, B])
        self.assertEqual(self.bench.take(A) + self.bench.take(B), [])

    def test_a_server_that_was_full(self):
        """A request that was declined waits for the server with no room without holding up the others."""
        bench = Bench()
        bench.ready(A)
        bench.ready(B)
        bench.ask()
        (first,) = bench.take(A)
        bench.ask(turn=False)
        (unsent,) = bench.dispatcher.ready().to_servers
        self.assertEqual(unsent.identity, B)
        bench.dispatcher.full(unsent)
        bench.turn()
        self.assertEqual(len(bench.take(A)), 1)
        bench.reply(A, first, wire.LATER, b"x")
        bench.ask()
        self.assertEqual([request.attempt for request in bench.take(A)], [1])
        self.assertEqual(bench.dispatcher.status().waiting, 1)
        bench.heartbeat(B)
        self.assertEqual([request.id for request in bench.take(B)], [first.id])


class Deadlines(SynchronousTestCase):
    def test_no_server(self):
        """It never left the queue: definitely not done."""
        bench = Bench()
        bench.ask()
        bench.pass_time(PATIENCE - 0.1)
        self.assertEqual(bench.answers, [])
        bench.pass_time(0.2)
        self.assertEqual([refused(reply) for _, reply in bench.answers], [("sem_servidores", True)])

    def test_a_server_comes(self):
        """A request that waited is served when a server comes."""
        bench = Bench()
        bench.ask()
        bench.pass_time(3.0)
        bench.ready(A)
        (request,) = bench.take(A)
        self.assertEqual((request.attempt, round(request.milliseconds_left, -2)), (1, 1500))

    def test_no_room(self):
        """It never left the queue, since the servers had no room: definite, and another sentence."""
        bench = Bench()
        bench.ready(A)
        for _ in range(2 * WINDOW_REQUESTS + 1):
            bench.ask(turn=False)
        bench.pass_time(PATIENCE + 0.1, alive=[A])
        answers = [refused(reply) for _, reply in bench.answers]
        self.assertEqual(answers.count(("tempo_esgotado", False)), 2 * WINDOW_REQUESTS)
        self.assertEqual(answers.count(("sobrecarregado", True)), 1)

    def test_in_the_hands_of_a_server(self):
        """Somebody has it: unknown."""
        bench = Bench()
        bench.ready(A)
        bench.ask()
        bench.pass_time(PATIENCE + 0.1, alive=[A])
        self.assertEqual([refused(reply) for _, reply in bench.answers], [("tempo_esgotado", False)])

    def test_was_in_the_hands_of_a_server(self):
        """Somebody had it: unknown, though it waits."""
        bench = Bench()
        bench.ready(A)
        bench.ask()
        bench.pass_time(PATIENCE + 0.1)
        self.assertEqual([refused(reply) for _, reply in bench.answers], [("tempo_esgotado", False)])

    def test_too_late(self):
        """A reply after the refusal is dropped."""
        bench = Bench()
        bench.ready(A)
        bench.ask()
        (request,) = bench.take(A)
        bench.pass_time(PATIENCE + 0.1, alive=[A])
        bench.reply(A, request)
        self.assertEqual(len(bench.answers), 1)
        self.assertEqual(bench.counters.stray, 1)

    def test_in_the_requests_envelope(self):
        """JSON and the service envelope are answered in kind, with the request's id."""
        bench = Bench()
        bench.ask(content=b'{"service":"publish","data":{"user":"ana","id":"q:1"}}')
        bench.pass_time(PATIENCE + 0.1)
        outer = opened(bench.answers[0][1])
        self.assertEqual((outer["service"], outer["data"]["id"]), ("publish", "q:1"))

    def test_latency(self):
        """Times from arrival to answer are summed."""
        bench = Bench()
        bench.ready(A)
        bench.ask()
        bench.pass_time(0.25, alive=[A])
        bench.reply(A, *bench.take(A))
        self.assertEqual(bench.counters.answered, 1)
        self.assertAlmostEqual(bench.counters.latency_seconds, 0.25)


class Heartbeats(SynchronousTestCase):
    def test_interval(self):
        """Each server hears from the broker at once, and then several times within its patience."""
        bench = Bench()
        bench.ready(A, 7)
        self.assertEqual(bench.heartbeats[A], [7])
        bench.pass_time(10 * wire.BEAT, alive=[A], step=0.01)
        self.assertIn(len(bench.heartbeats[A]), (10, 11))
        self.assertEqual(set(bench.heartbeats[A]), {7})

    def test_stranger(self):
        """Whoever is unknown and does not say READY is asked to, once a turn."""
        bench = Bench()
        for _ in range(3):
            bench.sessions[A] = 7
            bench.server(A, wire.ServerHeartbeat(7, 1, 1.0), turn=False)
        bench.turn()
        self.assertEqual(bench.heartbeats[A], [0])
        self.assertEqual(bench.dispatcher.status().servers, ())

    def test_crowd_of_strangers(self):
        """Many unknown identities cost bounded answers."""
        bench = Bench()
        for number in range(1000):
            bench.server(b"x%d" % number, wire.ServerHeartbeat(7, 1, 1.0), turn=False)
        bench.turn()
        self.assertEqual(len(bench.heartbeats), 64)

    def test_junk(self):
        """Junk on the servers' side is counted; it is no sign of life."""
        bench = Bench()
        bench.ready(A)
        junk = [b"", b"\xc1", codec.pack([]), wire.encode(wire.BrokerHeartbeat(1, 1, 1.0))]
        junk.append(wire.encode(wire.Requests(1, (), 1, 1.0)))
        for frame in junk:
            bench.dispatcher.server(A, frame, bench.now)
        self.assertEqual(bench.counters.malformed, len(junk))
        for _ in range(20):
            bench.pass_time(0.05)
            bench.dispatcher.server(A, b"\xc1", bench.now)
        self.assertEqual(bench.dispatcher.status().servers[0].standing, Standing.SILENT)

    def test_clock_of_an_old_board(self):
        """A broker that was started again follows the clock of a board that has run for long."""
        bench = Bench()
        bench.server(A, wire.ServerReady("A", 1, 2**40, 1.0))
        self.assertGreater(bench.dispatcher.status().clock, 2**40)

    def test_clock_of_a_stranger(self):
        """Once a server is there nobody puts the clock out of its reach."""
        bench = Bench()
        bench.server(A, wire.ServerReady("A", 1, 7, 1.0))
        bench.server(B, wire.ServerReady("B", 1, 2**52, 1.0))
        self.assertLess(bench.dispatcher.status().clock, 2**20)

    def test_clocks(self):
        """What servers say moves the broker's clock, and each frame to them is stamped above it."""
        bench = Bench()
        bench.server(A, wire.ServerReady("A", 1, 1000, 1.0))
        self.assertEqual(wire.decode(bench.frames[-1].frame).clock, 1001)
        bench.server(A, wire.ServerHeartbeat(1, 2**53, 1.0))
        self.assertEqual(bench.dispatcher.status().clock, 1001)


class Drained(SynchronousTestCase):
    def test_in_flight_is_answered(self):
        """Told to stop: nothing new is taken, what servers have is waited for."""
        bench = Bench()
        bench.ready(A)
        bench.ask(b"old")
        bench.dispatcher.drain(bench.now)
        bench.ask(b"new")
        self.assertEqual([envelope[0] for envelope, _ in bench.answers], [b"new"])
        self.assertEqual(refused(bench.answers[0][1]), ("sem_servidores", True))
        self.assertFalse(bench.dispatcher.drained)
        bench.reply(A, *bench.take(A))
        self.assertTrue(bench.dispatcher.drained)

    def test_the_rest_is_refused(self):
        """After a while the rest hears that the outcome is unknown."""
        bench = Bench()
        bench.ready(A)
        bench.ask()
        bench.dispatcher.drain(bench.now)
        bench.pass_time(DRAIN - 0.1, alive=[A])
        self.assertEqual(bench.answers, [])
        bench.pass_time(0.2, alive=[A])
        self.assertEqual([refused(reply) for _, reply in bench.answers], [("tempo_esgotado", False)])

    def test_nobody_there(self):
        """Without servers nothing is waited for; what was handed out before is unknown, the rest definite."""
        bench = Bench()
        bench.ready(A)
        bench.ask(b"was out")
        bench.pass_time(wire.SILENCE + 0.05)
        bench.ask(b"waits")
        bench.dispatcher.drain(bench.now)
        bench.turn()
        self.assertEqual([refused(reply) for _, reply in bench.answers], [("sem_servidores", True)])
        bench.pass_time(DRAIN + 0.1)
        self.assertEqual(refused(bench.answers[1][1]), ("tempo_esgotado", False))
        self.assertTrue(bench.dispatcher.drained)

    def test_not_ready(self):
        """A draining broker says that it is not ready."""
        bench = Bench()
        self.assertFalse(bench.dispatcher.status().ready)
        bench.ready(A)
        self.assertTrue(bench.dispatcher.status().ready)
        bench.dispatcher.drain(bench.now)
        self.assertFalse(bench.dispatcher.status().ready)
