"""Each checker objects to a lie: a run in which all is well, but for one thing that is not."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.reader import Delivered, WasReset
from bulletin.core.client.streams import Stream
from bulletin.core.raft.config import Config
from bulletin.core.wire.publications import Published
from bulletin.core.wire.replies import LoggedIn, Posted
from bulletin.simulation.board import Options, World
from bulletin.simulation.violation import Violation

FAST = Config(heartbeat_seconds=0.05, election_seconds_min=0.2, election_seconds_spread=0.2)
OPTIONS = Options(servers=3, seconds=0.5, clients=2, loops=2, config=FAST, calm=1)
GERAL = Stream(StreamKind.CHANNEL, "geral")


class LieTests(SynchronousTestCase):
    """What a lie is called."""

    def world(self, **changes) -> World:
        return World(7, attrs.evolve(OPTIONS, **changes))

    def run_and_fail(self, world: World) -> str:
        error = self.assertRaises(Violation, world.run)
        return error.name

    def later(self, world: World, lie) -> None:
        """Tell a lie as soon as the board has formed and works."""
        begin = world.faults.begin

        def begun() -> None:
            begin()
            world.time.after(0.2, lie)

        world.faults.begin = begun

    def test_the_truth(self):
        """Without a lie nobody objects."""
        world = self.world()
        world.run()
        self.assertGreater(world.counts["delivered"], 0)

    def test_another_state(self):
        world = self.world()

        def lie() -> None:
            world.servers[1].replica.member.board._digest = bytes(32)

        self.later(world, lie)
        self.assertEqual(self.run_and_fail(world), "S5")

    def test_a_number_left_out(self):
        world = self.world()

        def lie() -> None:
            for server in world.servers:
                for stream in server.replica.member.board._state._streams.values():
                    stream.seq += 1

        self.later(world, lie)
        self.assertEqual(self.run_and_fail(world), "S8")

    def test_a_repetition_that_takes_effect(self):
        world = self.world(seconds=3.0)

        def lie() -> None:
            for server in world.servers:
                server.replica.member.board._remembered.find = lambda _key, _id: None

        self.later(world, lie)
        self.assertEqual(self.run_and_fail(world), "S7")

    def test_an_answer_that_is_on_no_disk(self):
        world = self.world()

        def lie() -> None:
            for checker in world.log_checkers:
                checker.changed = lambda _server: None
                checker.sent = lambda _server, _recipient, _message: None
            for server in world.servers[1:]:
                server.disk.durable.hash_at = lambda _index: None

        self.later(world, lie)
        self.assertEqual(self.run_and_fail(world), "S6")

    def test_a_write_that_is_not_there(self):
        world = self.world()
        judge = world.healing.judge

        def lie() -> None:
            call = next(call for call in world.notes.calls if isinstance(call.outcome, Posted))
            call.outcome = attrs.evolve(call.outcome, seq=call.outcome.seq + 1000)
            judge()

        world.healing.judge = lie
        self.assertEqual(self.run_and_fail(world), "S9")

    def test_an_answer_that_the_log_does_not_give(self):
        world = self.world()
        judge = world.healing.judge

        def lie() -> None:
            call = next(call for call in world.notes.calls if isinstance(call.outcome, LoggedIn))
            call.outcome = LoggedIn(not call.outcome.existing)
            world.notes.judge = lambda _final, **_how: []
            judge()

        world.healing.judge = lie
        self.assertEqual(self.run_and_fail(world), "S9")

    def test_times_that_are_off(self):
        world = self.world(seconds=2.0)

        def lie() -> None:
            for server in world.servers:
                server.replica.time.bound = lambda _now: 0.0

        self.later(world, lie)
        self.assertEqual(self.run_and_fail(world), "time")

    def test_a_receipt_that_is_not_true(self):
        world = self.world()
        for checker in world.checkers:
            ended = checker.ended

            def lie(ended=ended) -> None:
                for position, outcome in world.state.outcomes.items():
                    if outcome.post is not None:
                        post = attrs.evolve(outcome.post, chain=bytes(32))
                        world.state.outcomes[position] = attrs.evolve(outcome, post=post)
                ended()

            checker.ended = lie
        self.assertEqual(self.run_and_fail(world), "S7")

    def test_a_queue_that_is_too_long(self):
        world = self.world()

        def lie() -> None:
            world.brokers[0].bounds = attrs.evolve(world.brokers[0].bounds, requests=0)

        self.later(world, lie)
        self.assertEqual(self.run_and_fail(world), "S13")

    def test_a_request_that_nobody_answers(self):
        world = self.world(seconds=8.0, timeout=4.0)

        def lie() -> None:
            for client in world.loaders:
                client.exchange.caller.tick = lambda _now: None
            world.network.cut |= {
                (broker.name, client.name) for broker in world.brokers for client in world.loaders
            }

        self.later(world, lie)
        self.assertEqual(self.run_and_fail(world), "L4")

    def test_a_clock_that_falls(self):
        world = self.world()

        def lie() -> None:
            clock = world.servers[0].replica.time
            read = clock.read
            clock.read = lambda now: -read(now)

        self.later(world, lie)
        self.assertEqual(self.run_and_fail(world), "S8")

    def test_a_server_that_stops(self):
        world = self.world()
        self.later(world, lambda: world.servers[0].executor.fail("No reason."))
        self.assertEqual(self.run_and_fail(world), "fail-stop")

    def test_a_majority_that_stays_away(self):
        world = self.world()

        def lie() -> None:
            for server in world.servers[1:]:
                server.kill()
                server.start = lambda: None

        self.later(world, lie)
        self.assertEqual(self.run_and_fail(world), "L1")

    def test_elections_without_end(self):
        world = self.world(calm=20)
        probe = world.healing._probe

        def lie() -> None:
            probe()
            leader = next(server for server in world.servers if server.node.leads)
            world.time.after(5.0, leader.executor.drain)

        world.healing._probe = lie
        self.assertEqual(self.run_and_fail(world), "L2")

    def test_a_reader_that_leaves_a_post_out(self):
        world = self.world()
        world.auditor.start()
        world.auditor.follow(GERAL, 0)
        post = Published(StreamKind.CHANNEL, "geral", 2, "i", "ana", "oi", 1.0, None, 1, 1.0, None)
        error = self.assertRaises(Violation, world.auditor.heard, Delivered(GERAL, post))
        self.assertEqual(error.name, "S14")

    def test_a_stream_that_goes_back(self):
        world = self.world()
        error = self.assertRaises(Violation, world.auditor.heard, WasReset(GERAL, 5, 2))
        self.assertEqual(error.name, "S14")

    def test_a_reader_that_is_shown_nothing(self):
        world = self.world(seconds=1.0)

        def lie() -> None:
            for client in world.loaders:
                client.exchange._turn_reader = lambda _now: False

        self.later(world, lie)
        self.assertEqual(self.run_and_fail(world), "S14")
