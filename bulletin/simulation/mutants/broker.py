"""Planted bugs in the broker: requests that are forgotten, answered twice, or handed on after their answer."""

from collections.abc import Iterable
from typing import Final

from bulletin.core.broker.dispatcher import Dispatcher
from bulletin.core.clocks.instant import Instant
from bulletin.core.wire import broker as wire
from bulletin.simulation.mutants.chance import board_tier
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.violation import Violation

_STEP: Final = 0.05
_BODY: Final = b"\x80"


class Desk:
    """A dispatcher, and servers that say what a script lets them."""

    def __init__(self, *servers: bytes) -> None:
        self.now = Instant(10.0, 1.7e9)
        self.dispatcher = Dispatcher(bytes(8), self.now)
        self.handed: dict[bytes, list[wire.Request]] = {server: [] for server in servers}
        self.answers = 0
        for server in servers:
            self.hear(server, wire.ServerReady(server.decode(), 7, 1, 0.0))

    def hear(self, server: bytes, message: wire.ToBroker) -> None:
        """A server says something."""
        self.dispatcher.server(server, wire.encode(message), self.now)
        self._turn()

    def ask(self) -> None:
        """A client asks."""
        self.dispatcher.client((b"client",), [_BODY], self.now)
        self._turn()

    def reply(self, server: bytes, request: wire.Request) -> None:
        """A server has done what it was asked."""
        done = wire.Reply(request.id, request.attempt, wire.SUCCESS, b"done")
        self.hear(server, wire.Replies(7, (done,), 1, 0.0))

    def wait(self, seconds: float, speaking: Iterable[bytes]) -> None:
        """Time passes; only some servers are heard."""
        for _ in range(round(seconds / _STEP)):
            self.now = Instant(self.now.monotonic + _STEP, self.now.wall + _STEP)
            for server in speaking:
                self.hear(server, wire.ServerHeartbeat(7, 1, 0.0))
            self.dispatcher.tick(self.now)
            self._turn()

    def _turn(self) -> None:
        ready = self.dispatcher.ready()
        self.answers += len(ready.to_clients)
        for sent in ready.to_servers:
            message = wire.decode(sent.frame)
            if isinstance(message, wire.Requests):
                self.handed[sent.identity].extend(message.requests)


def a_server_dies() -> None:
    """The server that has a request falls silent: another gets it, and the client an answer, one.

    :raises Violation: it is forgotten, or answered twice.
    """
    desk = Desk(b"a", b"b")
    desk.ask()
    first, second = (b"a", b"b") if desk.handed[b"a"] else (b"b", b"a")
    (request,) = desk.handed[first]
    desk.wait(2 * wire.SILENCE, (second,))
    if not desk.handed[second]:
        raise Violation("L4", "a request that a dead server had is handed to nobody")
    desk.reply(second, desk.handed[second][0])
    desk.reply(first, request)
    desk.wait(5.0, (second,))
    if desk.answers != 1:
        raise Violation("S7", f"a request was answered {desk.answers} times")


def a_server_dies_after_its_answer() -> None:
    """A server answers, and falls silent: what it had done is asked of nobody else.

    :raises Violation: it is.
    """
    desk = Desk(b"a", b"b")
    desk.ask()
    first, second = (b"a", b"b") if desk.handed[b"a"] else (b"b", b"a")
    desk.reply(first, desk.handed[first][0])
    desk.wait(2 * wire.SILENCE, (second,))
    if desk.handed[second]:
        raise Violation("S7", "a request was handed on after its answer")


MUTANTS: Final = (
    Mutant(
        "B6",
        "the broker forgets a request whose server died",
        (Patch(Dispatcher, "_take_back", "        self._waiting.put_back(request)\n", ""),),
        "L4|crash",
        a_server_dies,
        Chance(board_tier({"kill": 0.3, "pause": 0.4}), quick=True),
    ),
    Mutant(
        "B7",
        "the broker answers each attempt of a request",
        (
            Patch(
                Dispatcher,
                "_answer",
                "    elif not self._waiting.discard(request):\n"
                "        del self._resting[request.id]\n"
                "    self._pending.remove(request)\n",
                "    elif not self._waiting.discard(request):\n        self._resting.pop(request.id, None)\n",
            ),
        ),
        "S7|S13|L4|crash",
        a_server_dies,
        Chance(board_tier({"kill": 0.4, "pause": 0.4})),
    ),
    Mutant(
        "B8",
        "the broker hands a request on although it was answered",
        (
            Patch(
                Dispatcher,
                "_answer",
                "    if request.holder is not None:\n        self._release(request)\n    elif",
                "    if request.holder is not None:\n        pass\n    elif",
            ),
        ),
        "S7|S13|crash",
        a_server_dies_after_its_answer,
        why="whoever does it again knows it by its id",
    ),
)
