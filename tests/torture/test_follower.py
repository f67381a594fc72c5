"""A follower writes down every post once and in order, also one that comes and goes."""

import threading

import msgpack
import zmq
from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture import follower
from bulletin.torture.follower import Follower
from bulletin.torture.reader import channels
from bulletin.torture.record import Record
from bulletin.torture.waiting import until

BROKER, PROXY = "inproc://broker", "inproc://proxy"


class Board(threading.Thread):
    """Answers for histories, of as many posts as there are at the moment."""

    def __init__(self, context):
        super().__init__(daemon=True)
        self.posts = 0
        self.stop = threading.Event()
        self.router, self.publisher = context.socket(zmq.ROUTER), context.socket(zmq.XPUB)
        self.router.bind(BROKER)
        self.publisher.bind(PROXY)

    def run(self):
        while not self.stop.is_set():
            if self.router.poll(20):
                route, _, body = self.router.recv_multipart()
                asked = msgpack.unpackb(body)
                fields = asked.get("dados", asked.get("data"))
                self.router.send_multipart([route, b"", self.page(asked, fields)])
        self.router.close(0)
        self.publisher.close(0)

    def page(self, asked, fields):
        since = fields.get("desde", max(0, self.posts - fields["limite"]))  # without it: the newest
        found = list(range(since + 1, self.posts + 1))[: fields["limite"]]
        reply = {
            "status": "sucesso",
            "id": fields["id"],
            "messages": [self.post(seq) for seq in found],
            "mais": bool(found) and found[-1] < self.posts,
            "timestamp": 1.0,
            "clock": 1,
        }
        inner = "dados" if "dados" in asked else "data"
        name = "opcao" if "opcao" in asked else "service"
        return msgpack.packb({name: asked[name], inner: reply, "timestamp": 1.0, "clock": 1})

    @staticmethod
    def post(seq):
        return {
            "type": "channel",
            "topic": "geral",
            "user": "ana",
            "channel": "geral",
            "canal": "geral",
            "message": f"m{seq}",
            "timestamp": 1.0,
            "clock": seq,
            "seq": seq,
            "id": f"i{seq}",
            "recebido": 1.0,
            "incerteza": None,
        }


class FollowerTests(SynchronousTestCase):
    def setUp(self):
        self.context = zmq.Context()
        self.board = Board(self.context)
        self.board.posts = 700
        self.board.start()
        self.record = Record()

    def tearDown(self):
        self.board.stop.set()
        self.board.join(30)
        self.context.destroy(0)

    def follow(self, *, restless):
        made = Follower(
            self.record, self.context, (BROKER, PROXY), "f0", channels("geral"), restless=restless
        )
        made.start()
        return made

    def end(self, made):
        made.stop.set()
        made.join(30)
        self.assertFalse(made.is_alive())
        shown = [(seq, f"i{seq}") for seq in range(1, self.board.posts + 1)]
        self.assertEqual(self.record.shown["f0"]["geral"], shown)
        self.assertEqual((self.record.crashes, self.record.resets), ([], []))

    def test_one_that_stays(self):
        made = self.follow(restless=False)
        until(lambda: made.is_at({"geral": 700}), "all posts were shown")
        self.end(made)
        self.assertEqual((made.visits, made.healed), (1, 700))

    def test_one_that_comes_and_goes(self):
        self.patch(follower, "VISIT_SECONDS", (0.1, 0.2))
        self.patch(follower, "AWAY_SECONDS", (0.0, 0.05))
        made = self.follow(restless=True)
        for posts in range(750, 1000, 50):
            visits = made.visits
            until(lambda visits=visits: made.visits > visits, "it comes again")
            self.board.posts = posts
        until(lambda: made.is_at({"geral": 950}), "all posts were shown")
        self.end(made)
        self.assertGreater(made.visits, 4)
