"""One server as a process of its own, on real sockets and a real disk, with plain ZeroMQ peers."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import msgpack
import zmq
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.wire import broker as broker_wire, publications, reference as reference_wire
from bulletin.core.wire.broker import BrokerHeartbeat, Replies, Request, Requests, ServerDraining, ServerReady
from bulletin.core.wire.envelope import Dialect
from bulletin.core.wire.reference import Addressed, RankReply, RankRequest

PATIENCE_MS = 20_000


class ProcessTests(SynchronousTestCase):
    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="bb"))  # short: a socket's path has 107 bytes at most
        self.addCleanup(shutil.rmtree, self.directory)
        self.context = zmq.Context()
        self.addCleanup(self.context.destroy, 0)
        self.broker = self.socket(zmq.ROUTER, "broker")
        self.reference = self.socket(zmq.ROUTER, "reference")
        self.proxy = self.socket(zmq.SUB, "proxy")
        self.proxy.subscribe(b"")
        self.session = 0
        self.number = 0

    def end(self, name):
        return f"ipc://{self.directory}/{name}.sock"

    def socket(self, kind, name):
        socket = self.context.socket(kind)
        socket.linger = 0
        socket.rcvtimeo = PATIENCE_MS
        socket.bind(self.end(name))
        return socket

    def start(self, **changes):
        options = {
            "name": "alfa",
            "listen": self.end("peers"),
            "data": str(self.directory / "data"),
            "broker": self.end("broker"),
            "proxy": self.end("proxy"),
            "reference": self.end("reference"),
            "expect": "1",
            **changes,
        }
        code = "from twisted.scripts.twistd import run; run()"
        arguments = ["-n", "--pidfile=", "bulletin-server"]
        arguments += [word for name, value in options.items() for word in (f"--{name}", value)]
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.directory,
            env={name: value for name, value in os.environ.items() if not name.startswith("BULLETIN_")},
        )
        self.addCleanup(self.finish, process)
        return process

    def finish(self, process):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()

    def found(self):
        """Answer the first question of the server with a document that names it."""
        route, frame = self.reference.recv_multipart()
        asked = reference_wire.decode_request(frame)
        assert isinstance(asked.body, RankRequest)
        document = asked.body.document
        if document is None:
            member = Member(asked.body.member, "alfa", asked.body.endpoint, 1)
            document = FoundingDocument(b"k" * 16, (member,)).encode()
        reply = Addressed(RankReply(1, document), Dialect.SERVICE, 1, 1.0, asked.nonce)
        self.reference.send_multipart([route, reference_wire.encode(reply)])

    def told(self, kind):
        """Wait until the broker is told something of a kind."""
        while True:
            self.route, frame = self.broker.recv_multipart()
            message = broker_wire.decode(frame)
            if isinstance(message, kind):
                return message

    def heard(self, kind):
        """Wait until something of a kind is published.  A socket subscribes only while it is waited at."""
        while True:
            published = publications.read(*self.proxy.recv_multipart())
            if isinstance(published, kind):
                return published

    def greet(self):
        self.session = self.told(ServerReady).session
        heartbeat = broker_wire.encode(BrokerHeartbeat(self.session, 1, 1.0))
        self.broker.send_multipart([self.route, heartbeat])

    def ask(self, service, **data):
        self.number += 1
        body = msgpack.packb({"service": service, "data": data})
        request = Request(self.number.to_bytes(16, "big"), 1, 4000, body)
        frame = broker_wire.encode(Requests(self.session, (request,), 1, 1.0))
        self.broker.send_multipart([self.route, frame])
        (reply,) = self.told(Replies).replies
        assert reply.id == request.id
        return msgpack.unpackb(reply.body)["data"]

    def test_a_life(self):
        process = self.start()
        self.found()
        self.greet()
        self.assertEqual(self.ask("channel", canal="geral")["status"], "sucesso")
        posted = self.ask("publish", user="ana", canal="geral", message="oi")
        self.assertEqual((posted["status"], posted["seq"]), ("OK", 1))
        self.assertEqual(self.heard(publications.Heads).heads[0].seq, 1)  # so it is subscribed by now
        self.ask("publish", user="ana", canal="geral", message="tchau")
        published = self.heard(publications.Published)
        self.assertEqual((published.stream, published.message, published.seq), ("geral", "tchau", 2))

        process.send_signal(signal.SIGKILL)
        process.communicate()
        process = self.start()
        first = self.session
        self.greet()
        self.assertGreater(self.session, first)
        page = self.ask("history", canal="geral")
        self.assertEqual([post["message"] for post in page["messages"]], ["oi", "tchau"])

        second = self.start()
        _, error = second.communicate(timeout=PATIENCE_MS / 1000)
        self.assertEqual((second.returncode, error.count(b"\n")), (1, 1), error)
        self.assertIn(b"use", error)

        process.send_signal(signal.SIGTERM)
        self.told(ServerDraining)
        _, error = process.communicate(timeout=PATIENCE_MS / 1000)
        self.assertEqual((process.returncode, error), (0, b""))

        other = self.start(name="beta")
        _, error = other.communicate(timeout=PATIENCE_MS / 1000)
        self.assertEqual((other.returncode, error.count(b"\n")), (1, 1), error)
        self.assertIn(b"belongs to the server 'alfa'", error)
