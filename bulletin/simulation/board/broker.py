"""A broker: the shipped dispatcher, and connections to and from it."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from bulletin.core.broker.dispatcher import Dispatcher
from bulletin.core.broker.pending import Bounds
from bulletin.simulation.board.machine import Machine
from bulletin.simulation.board.network import Letter
from bulletin.simulation.board.process import Process

if TYPE_CHECKING:
    from bulletin.core.broker.ready import ToServer
    from bulletin.simulation.board.world import World

UNNOTICED: Final = 0.3
"""How likely a message to a connection that is gone is lost without a word."""


class Broker(Process):
    """Takes clients' requests, and hands them to servers.

    :param number: which of the brokers, from 0.
    :param bounds: how much it holds at most.
    """

    role: ClassVar[str] = "broker"
    tick_seconds: ClassVar[float] = 0.05

    def __init__(self, world: "World", number: int, machine: Machine, bounds: Bounds) -> None:
        super().__init__(world, f"broker{number + 1}", machine)
        self.number = number
        self.bounds = bounds
        self.full = False
        """Whether the queues to its servers take nothing at the moment."""
        self.dispatcher: Dispatcher

    def begin(self) -> None:
        """See :class:`Process`."""
        self.dispatcher = Dispatcher(self.rng.randbytes(8), self.now, self.bounds)
        for process in self.world.diallers_of(self):
            self.world.network.reconnect(process.name, self.name)

    def arrive(self, letter: Letter) -> None:
        """See :class:`Process`."""
        function = self._from_client if letter.port == "clients" else self._from_server
        self.input(f"{letter.port} < {letter.sender}", partial(function, letter.connection, letter.parts))

    def _from_client(self, connection: bytes, parts: tuple[bytes, ...]) -> None:
        self.dispatcher.client((connection,), parts, self.now)

    def _from_server(self, connection: bytes, parts: tuple[bytes, ...]) -> None:
        self.dispatcher.server(connection, parts[0] if len(parts) == 1 else b"", self.now)

    def tick(self) -> None:
        """See :class:`Process`."""
        self.dispatcher.tick(self.now)

    def turn(self) -> None:
        """Send what there is to send, and what follows from a queue that took nothing."""
        while ready := self.dispatcher.ready():
            for sent in ready.to_servers:
                self._to_server(sent)
            for answer in ready.to_clients:
                (connection,) = answer.envelope
                client = self.world.network.dialler(connection, self.name)
                if client is not None:
                    self.world.network.send(self.name, client, f"broker {self.number}", answer.body)

    def _to_server(self, sent: "ToServer") -> None:
        network = self.world.network
        server = network.dialler(sent.identity, self.name)
        if server is None or not self.world.processes[server].running:
            if self.rng.random() >= UNNOTICED:
                self.dispatcher.gone(sent)
        elif self.full:
            self.dispatcher.full(sent)
        else:
            network.send(self.name, server, f"broker {self.number}", sent.frame)
