"""A run's log and its clients' notes agree; and do not, where one of the two is spoilt."""

from functools import cache

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.commands import Kind
from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.log.entry import EntryKind
from bulletin.core.wire.replies import Posted
from bulletin.simulation.board import Options, World
from bulletin.simulation.board.by_log import commands_of, judge_by_log


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

    def kinds(self, entries, writes):
        found = judge_by_log(entries, writes, self.world.document)
        return {anomaly.kind.value for anomaly in found}

    def test_a_run(self):
        self.assertEqual(self.kinds(self.world.committed, self.writes), set())
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
