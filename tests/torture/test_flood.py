"""Floods reach every port, and write nothing that a checker would take for somebody's post."""

from pathlib import Path
from random import Random

import msgpack
from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.board import Board
from bulletin.torture.flood import message, targets


class FloodTests(SynchronousTestCase):
    def test_every_port_of_every_role_is_a_target(self):
        board = Board(Path(self.mktemp()), servers=3)
        named = " ".join(" ".join(role.command) for role in board.roles)
        for target in targets(board):
            where = target.endpoint if target.what != "http" else target.endpoint.removeprefix("tcp://")
            self.assertIn(where, named)
        listening = {"clients", "servers", "publishers", "subscribers", "requests", "peers", "http"}
        self.assertEqual({target.what for target in targets(board)}, listening)
        self.assertEqual(len(targets(board)), 5 + 3 + 6)

    def test_messages_are_sense_and_nonsense_and_no_posts(self):
        rng = Random(3)
        sense = nonsense = 0
        for _ in range(2000):
            frames = message(rng)
            self.assertTrue(frames)
            whole = len(frames) == 2 and b"dados" in frames[1] and frames[1][:1] == b"\x82"
            try:
                asked = msgpack.unpackb(frames[-1])["opcao"] if whole else ""
            except ValueError:  # half of one
                asked = ""
            sense += bool(asked)
            nonsense += not asked
            self.assertNotIn("publicar", asked)
            self.assertNotIn("enviar", asked)
        self.assertGreater(min(sense, nonsense), 300)
