"""A run's log and its clients' notes agree; and do not, where one of the two is spoilt."""

from functools import cache

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.commands import Kind
from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.log.entry import EntryKind
from bulletin.core.wire.replies import ChannelNames, Posted, PublishedPage, UserNames
from bulletin.core.wire.requests import Query, ReadLevel
from bulletin.simulation.board import Options, World
from bulletin.simulation.board.by_log import commands_of, judge_by_log
from bulletin.simulation.mutants.catalogue import BY_NUMBER
from bulletin.simulation.violation import Violation
from tests.simulation.board.checkers.test_lies import OPTIONS

SEED = 6


@cache
def a_run():
    options = attrs.evolve(Options.draw(SEED), seconds=1.5, calm=2, window=OPERATIONS_REMEMBERED)
    world = World(SEED, options)
    world.run()
    return world


class ByLogTests(SynchronousTestCase):
    def setUp(self):
        self.world = a_run()
        self.writes = self.world.notes.writes()
        self.post = next(call for call in self.writes if isinstance(call.outcome, Posted))

    def kinds(self, entries, writes, reads=()):
        found = judge_by_log(entries, writes, reads, self.world.document)
        return {anomaly.kind.value for anomaly in found}

    def test_a_run(self):
        reads = self.world.notes.placed()
        self.assertEqual(self.kinds(self.world.committed, self.writes, reads), set())
        kinds = {command.kind for _, command in commands_of(self.world.committed)}
        self.assertLessEqual({Kind.LOGIN, Kind.CREATE_CHANNEL, Kind.PUBLISH}, kinds)

    def test_a_log_without_its_operations(self):
        empty = [
            attrs.evolve(entry, kind=EntryKind.NOOP, body=b"")
            if entry.kind is EntryKind.OPERATIONS
            else entry
            for entry in self.world.committed
        ]
        self.assertEqual(self.kinds(empty, self.writes), {"lost write"})

    def test_a_write_that_nobody_asked_for(self):
        others = [call for call in self.writes if call is not self.post]
        self.assertEqual(self.kinds(self.world.committed, others), {"invented write"})

    def test_an_answer_that_is_not_the_log_s(self):
        outcome = attrs.evolve(self.post.outcome, seq=self.post.outcome.seq + 1)
        writes = [attrs.evolve(call, outcome=outcome) if call is self.post else call for call in self.writes]
        self.assertEqual(self.kinds(self.world.committed, writes), {"wrong answer"})

    def test_every_read_has_a_place(self):
        """What was answered by a server is judged, be it a list, a page, or a refusal for what is not there."""
        reads = [call for call in self.world.notes.calls if isinstance(call.request, Query)]
        answered = [
            call for call in reads if isinstance(call.outcome, UserNames | ChannelNames | PublishedPage)
        ]
        self.assertEqual([call for call in answered if call.index is None], [])
        levels = {call.request.level for call in answered}
        self.assertEqual(levels, {ReadLevel.LINEARIZABLE, ReadLevel.LOCAL})

    def test_a_read_of_another_state(self):
        """What it shows is not what the board had at its place; and if it were, it would be late."""
        reads = self.world.notes.placed()
        last = next(call for call in reversed(reads) if isinstance(call.outcome, UserNames))
        early = attrs.evolve(last, index=1)
        kinds = self.kinds(self.world.committed, self.writes, [early])
        self.assertEqual(kinds, {"wrong answer", "stale read"})
        late = attrs.evolve(early, outcome=attrs.evolve(last.outcome, names=()))
        self.assertEqual(self.kinds(self.world.committed, self.writes, [late]), {"stale read"})


class WithoutBarrierTests(SynchronousTestCase):
    def test_the_log_alone_notices(self):
        """A server that answers at once what it has to ask the leader for: some answers are of a state too early."""
        world = World(
            0, attrs.evolve(OPTIONS, seconds=1.0, brokers=2, clients=3, loops=3, pauses=(0.0, 0.02))
        )
        with BY_NUMBER["22b"].planted():
            self.assertRaises(Violation, world.run)
        found = judge_by_log(world.committed, world.notes.writes(), world.notes.placed(), world.document)
        self.assertIn("stale read", {anomaly.kind.value for anomaly in found})
        self.assertEqual(judge_by_log(world.committed, world.notes.writes(), (), world.document), [])
