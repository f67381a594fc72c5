"""A board whose servers come back under other addresses, as containers do."""

import tempfile
from pathlib import Path

import zmq
from twisted.trial.unittest import SynchronousTestCase

from bulletin.storage.learnt import read_learnt
from bulletin.storage.server_directory import LEARNT
from bulletin.torture.board import Board
from bulletin.torture.calls import Caller
from bulletin.torture.reader import channels, whole_history
from bulletin.torture.waiting import until

PATIENCE = 60.0


class MovingTests(SynchronousTestCase):
    timeout = 300

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bulletin-moving-")
        self.addCleanup(folder.cleanup)
        self.board = Board(Path(folder.name))
        self.addCleanup(self.board.destroy)
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        self.caller = Caller(context, self.board.broker_endpoint, 2.0)

    def ask(self, operation, **fields):
        reply = self.caller.call(operation, fields, PATIENCE)
        self.assertIsNotNone(reply, operation)
        self.assertEqual(reply["status"], "sucesso", reply)
        return reply

    def move(self, server, host, offset):
        """From its next start on, a server listens on another port, and is known by a host name or an address."""
        port = self.board.base + offset
        listen = server.command.index("--listen")
        server.command[listen + 1] = f"tcp://127.0.0.1:{port}"
        if "--advertise" not in server.command:
            server.command += ["--advertise", ""]
        server.command[server.command.index("--advertise") + 1] = f"tcp://{host}:{port}"

    def post(self, number):
        self.assertEqual(self.ask("publicar mensagem", canal="geral", user="ana", message="x")["seq"], number)

    def await_learnt(self, moved):
        """Until the others have on their disks where a server is now: the reference tells them with its answers."""
        place = moved.command[moved.command.index("--advertise") + 1]
        others = [server for server in self.board.servers if server is not moved]
        until(
            lambda: all(place in read_learnt(self.board.data(server) / LEARNT).values() for server in others),
            "the others know where it is",
            PATIENCE,
        )

    def leading(self):
        return until(self.board.leader, "somebody leads", PATIENCE)

    def test_servers_that_change_places_and_names_keep_the_board(self):
        board = self.board
        board.start()
        self.ask("cadastrar canal", canal="geral")
        self.post(1)

        first, second, third = board.servers
        self.assertEqual(set(board.stop().values()), {0})
        self.move(first, "localhost", 7)  # where the second was
        self.move(second, "127.0.0.1", 6)  # where the first was
        self.move(third, "localhost", 9)
        board.start()
        self.post(2)

        leader = self.leading()
        leader.kill()
        self.move(leader, "127.0.0.1", 10)  # while the others run
        leader.start()
        board.wait_ready()
        self.post(3)
        self.await_learnt(leader)

        board.reference.kill()
        for server in board.servers:
            server.kill()
        for server in board.servers:
            server.start()
        for server in board.servers:
            server.wait_ready()  # by what they have learnt: there is nobody to ask
        self.post(4)
        self.assertEqual([post.seq for post in whole_history(self.caller, channels("geral"))], [1, 2, 3, 4])
