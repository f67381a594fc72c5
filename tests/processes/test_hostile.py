"""What bad input gets: on every port a refusal, a counter, a log line now and then, and nothing else."""

import tempfile
from pathlib import Path

import zmq
from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.board import Board
from tests.processes.hostile import barrage, once
from tests.processes.hostile_attacks import ATTACKS, Arena


class HostileTests(SynchronousTestCase):
    def test_no_attack_stops_swells_or_deafens_a_role(self):
        """One board, all attacks; each fault is told with the attack's name and seed (``tests.processes.hostile``)."""
        folder = tempfile.TemporaryDirectory(prefix="bulletin-hostile-")
        self.addCleanup(folder.cleanup)
        board = Board(Path(folder.name))
        context = zmq.Context()
        self.addCleanup(board.destroy)
        self.addCleanup(context.destroy, 0)
        board.start()
        arena = Arena(board, context)
        outcomes = list(once(arena, ATTACKS, seed=1))
        faults = [
            f"{outcome.attack} (seed {outcome.seed}): {outcome.faults}"
            for outcome in outcomes
            if outcome.faults
        ]
        self.assertEqual(faults, [])
        _, faults = barrage(arena, seed=1, count=5_000)
        self.assertEqual(faults, [])
