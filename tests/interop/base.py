"""What these tests' classes have in common: the board, a context, clients that are closed again."""

from typing import ClassVar

import zmq
from twisted.trial.unittest import SynchronousTestCase

from tests.interop.operations import make_channel, make_user
from tests.interop.plain import DELIMITED, JSON, MSGPACK, NATIVE, REQ, SERVICE, Asker, Reader, Way
from tests.interop.shared_board import SHARED


class BoardTestCase(SynchronousTestCase):
    """A test that talks to the shared board."""

    ways: ClassVar = (
        Way(REQ, MSGPACK, NATIVE),
        Way(REQ, JSON, SERVICE),
        Way(DELIMITED, JSON, NATIVE),
        Way(DELIMITED, MSGPACK, SERVICE),
    )
    """Each framing with both sides of each other choice; all twelve combinations are test_operations' matter."""

    def setUp(self):
        self.board = SHARED.acquire()
        self.addCleanup(SHARED.release)
        self.context = zmq.Context()
        self.addCleanup(self.context.destroy, 0)

    def asker(self, way: Way = Way(REQ, MSGPACK, NATIVE), options: dict[int, int] | None = None) -> Asker:  # noqa: B008 - a frozen value
        return Asker(self.context, self.board.broker_endpoint, way, options)

    def askers(self) -> list[Asker]:
        return [self.asker(way) for way in self.ways]

    def reader(self, *topics: str) -> Reader:
        """A SUB socket to which publications of these topics come from now on."""
        reader = Reader(self.context, self.board.proxy_endpoint, *(topic.encode() for topic in topics))
        asker = self.asker()
        channel = self.channel(asker)
        reader.follow(
            channel,
            lambda name: asker.ask("publish", {"user": "leitor", "canal": name, "message": "já?"}),
        )
        return reader

    def channel(self, asker: Asker) -> str:
        return make_channel(asker)

    def user(self, asker: Asker) -> str:
        return make_user(asker)
