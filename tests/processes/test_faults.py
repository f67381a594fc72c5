"""Bad luck with real processes: each fault once, and what must be true afterwards.  No bound on time is asserted."""

import shutil
import signal
import tempfile
from pathlib import Path

import msgpack
import zmq
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from bulletin.linearizability.streams import check_streams
from bulletin.torture.abilities import compile_library
from bulletin.torture.board import Board, RoleProcess
from bulletin.torture.calls import Caller
from bulletin.torture.load import Load
from bulletin.torture.reader import channels, whole_history
from bulletin.torture.waiting import until

PATIENCE = 60.0


class FaultCase(SynchronousTestCase):
    timeout = 300

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bulletin-faults-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.context = zmq.Context()
        self.addCleanup(self.context.destroy, 0)

    def board_of(self, **arguments):
        board = Board(self.folder, **arguments)
        self.addCleanup(board.destroy)
        return board

    def caller(self, endpoint):
        return Caller(self.context, endpoint, 2.0)

    def ask(self, caller, operation, **fields):
        reply = caller.call(operation, fields, PATIENCE)
        self.assertIsNotNone(reply, operation)
        return reply

    def succeed(self, caller, operation, **fields):
        reply = self.ask(caller, operation, **fields)
        self.assertEqual(reply["status"], "sucesso", reply)
        return reply

    def until(self, condition, what):
        until(condition, what, PATIENCE)

    def says(self, role, words):
        """Wait until a role's ``/readyz`` says this."""
        self.until(lambda: words in role.get("/readyz")[1], f"{role.name} says {words!r}")

    def refuses_to_start(self, role, words):
        """A role ends by itself, with status 1 and a sentence."""
        role.start()
        self.assertEqual(role.process.wait(PATIENCE), 1)
        self.assertIn(words, role.log.read_text().splitlines()[-1])


class DirectoryTests(FaultCase):
    def test_directories_that_are_not_what_they_should_be(self):
        board = self.board_of()
        board.start()
        caller = self.caller(board.broker_endpoint)
        self.succeed(caller, "cadastrar canal", canal="geral")
        victim = board.servers[1]
        data, kept = self.folder / victim.name, self.folder / "kept"

        twin = RoleProcess("twin", victim.arguments, board.base + 35, self.folder)
        self.addCleanup(end, twin)
        self.refuses_to_start(twin, "is in use by another process")

        victim.kill()
        shutil.copytree(data, kept)

        shutil.rmtree(data)
        victim.start()
        self.says(victim, "The server is empty")
        self.until(
            lambda: "has another disk than this empty directory" in victim.log.read_text(), "it says why"
        )
        self.succeed(caller, "publicar mensagem", canal="geral", user="ana", message="a")
        victim.kill()

        shutil.rmtree(data)
        shutil.copytree(kept, data)
        database = data / "board.sqlite"
        database.unlink()
        self.refuses_to_start(victim, "is missing")

        shutil.rmtree(data)
        shutil.copytree(kept, data)
        (data / "hard-state").unlink()
        victim.start()
        victim.wait_ready()
        self.assertIn("has no readable record", victim.log.read_text())
        self.succeed(caller, "publicar mensagem", canal="geral", user="ana", message="b")
        victim.kill()

        database.write_bytes(b"")
        victim.start()
        victim.wait_ready()
        self.assertIn("no database, or its beginning is damaged): it was put aside", victim.log.read_text())
        victim.kill()

        shutil.rmtree(data)
        shutil.copytree(kept, data)
        for _ in range(2):
            victim.start()
            self.says(victim, "its directory is an old copy")
            victim.kill()
        self.succeed(caller, "publicar mensagem", canal="geral", user="ana", message="c")
        self.assertEqual([post.seq for post in whole_history(caller, channels("geral"))], [1, 2, 3])

    def test_a_founding_that_is_killed_again_and_again(self):
        board = self.board_of()
        for role in board.roles:
            role.start()
        ranks = self.folder / "reference" / "ranks"
        self.until(lambda: ranks.exists() and ranks.read_bytes().count(b"tcp://") >= 3, "the founding")
        for role in (
            board.reference,
            *board.servers,
        ):  # the document is stored; who has received it is chance
            role.kill()
        board.reference.start()
        for server in board.servers:
            server.start()
        self.until(
            lambda: any("has joined" in server.log.read_text() for server in board.servers), "a member"
        )
        for server in board.servers:
            server.kill()
        board.reference.kill()
        shutil.rmtree(ranks.parent)  # from here on only the members know the cluster
        board.reference.start()
        for server in board.servers:
            server.start()
        board.wait_ready()
        self.succeed(self.caller(board.broker_endpoint), "cadastrar canal", canal="geral")


def end(role):
    if role.process is not None and role.process.poll() is None:
        role.kill()


class DiskTests(FaultCase):
    def setUp(self):
        super().setUp()
        if shutil.which("cc") is None:
            raise SkipTest("there is no C compiler, to make a disk misbehave")
        library = self.folder / "disk.so"
        compile_library(library)
        self.board = self.board_of()
        for server in self.board.servers:
            server.environment = {"LD_PRELOAD": str(library), "DISK_ORDERS": str(self.orders(server))}
        self.board.start()

    def orders(self, server):
        return self.folder / f"{server.name}.orders"

    def order(self, server, word):
        self.orders(server).write_text(word)

    def test_a_disk_that_hangs_fails_or_is_full_costs_its_server_alone(self):
        board = self.board
        load = Load(board, writers=4, readers=1, resend_after=None, patience=PATIENCE)
        self.addCleanup(load.close)
        self.addCleanup(load.record.stop.set)
        load.start()
        for word in ("hang", "eio", "enospc"):
            self.until(board.leader, "a leader")
            victim = board.leader()
            self.order(victim, word)
            if word == "hang":
                self.says(victim, "The disk does not answer")
            elif word == "enospc":
                self.says(victim, "is full")
            else:
                self.assertEqual(victim.process.wait(PATIENCE), 1)
            self.until(lambda victim=victim: board.leader() not in {None, victim}, "another leader")
            before = len(load.record.acknowledged)
            self.until(lambda before=before: len(load.record.acknowledged) > before + 20, "posts go on")
            self.order(victim, "ok")
            if word == "eio":
                victim.start()
            victim.wait_ready()
        load.finish()
        record = load.record
        stored = whole_history(load.setup, load.streams)
        self.assertEqual(check_streams(record.posts, record.reads, stored), [])
        self.assertEqual([error for error in record.errors if "no answer" in error], [])


class OnceTests(FaultCase):
    def test_an_id_sent_many_times_through_two_brokers_takes_effect_once(self):
        board = self.board_of(two_brokers=True)
        board.start()
        caller = self.caller(board.broker_endpoint)
        self.succeed(caller, "cadastrar canal", canal="geral")
        ends = (board.broker_endpoint, board.second_broker_endpoint)
        replies = self.all_at_once(ends, [{"user": "ana", "id": "one", "message": "x"}] * 40)
        self.assertEqual({(reply["status"], reply.get("seq")) for reply in replies}, {("sucesso", 1)})
        replies = self.all_at_once(
            ends, [{"user": "ana", "id": "two", "message": str(number)} for number in range(20)]
        )
        self.assertEqual([reply["seq"] for reply in replies if reply["status"] == "sucesso"], [2])
        self.assertEqual({reply.get("erro") for reply in replies}, {None, "id_reutilizado"})
        replies = self.all_at_once(
            ends, [{"user": f"u{number % 2}", "id": "three", "message": "x"} for number in range(20)]
        )
        self.assertEqual({reply["seq"] for reply in replies}, {3, 4})

        board.broker.kill()
        again = self.ask(
            self.caller(board.second_broker_endpoint),
            "publicar mensagem",
            canal="geral",
            user="ana",
            id="one",
            message="x",
        )
        self.assertEqual((again["status"], again["seq"]), ("sucesso", 1))

    def all_at_once(self, endpoints, posts):
        """Each post by a client of its own, through the brokers in turn; the replies."""
        sockets = []
        for number, _ in enumerate(posts):
            socket = self.context.socket(zmq.DEALER)
            socket.connect(endpoints[number % len(endpoints)])
            sockets.append(socket)
        for socket, post in zip(sockets, posts, strict=True):
            fields = {"canal": "geral", "timestamp": 0.0, "clock": 0, **post}
            socket.send_multipart([b"", msgpack.packb({"opcao": "publicar mensagem", "dados": fields})])
        replies = []
        for socket in sockets:
            self.assertTrue(socket.poll(PATIENCE * 1000))
            replies.append(msgpack.unpackb(socket.recv_multipart()[-1])["dados"])
            socket.close(0)
        return replies


class EndTests(FaultCase):
    def test_leaders_that_are_told_to_stop_under_load_cost_no_writer_an_error(self):
        board = self.board_of()
        board.servers[0].command += ["--clock-offset", "3600"]
        board.start()
        load = Load(board, writers=4, readers=1, resend_after=None, patience=PATIENCE)
        self.addCleanup(load.close)
        self.addCleanup(load.record.stop.set)
        load.start()
        for _ in range(2):
            self.until(board.leader, "a leader")
            leader = board.leader()
            leader.signal(signal.SIGTERM)
            self.assertEqual(leader.process.wait(PATIENCE), 0)
            leader.start()
            leader.wait_ready()
        load.finish()
        slow = "tempo_esgotado"  # a machine with much else to do
        self.assertEqual([error for error in load.record.errors if slow not in error], [])
        stored = whole_history(load.setup, load.streams)
        self.assertEqual(check_streams(load.record.posts, load.record.reads, stored), [])
        for role in board.roles:
            role.signal(signal.SIGTERM)
        self.assertEqual({role.process.wait(PATIENCE) for role in board.roles}, {0})
