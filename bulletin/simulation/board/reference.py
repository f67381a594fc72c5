"""The reference: the shipped coordinator, with a small disk that syncs late."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.reference.coordinator import Coordinator
from bulletin.core.reference.ranks import Record
from bulletin.simulation.board.machine import Machine
from bulletin.simulation.board.network import Letter
from bulletin.simulation.board.process import Process

if TYPE_CHECKING:
    from bulletin.core.reference.coordinator import Save
    from bulletin.simulation.board.world import World


class Reference(Process):
    """Gives ranks, hears heartbeats, founds the cluster, holds the clocks together."""

    role: ClassVar[str] = "reference"
    tick_seconds: ClassVar[float] = 0.25

    def __init__(self, world: "World", machine: Machine) -> None:
        super().__init__(world, "reference", machine)
        self.record = Record().encode()
        """What is on its disk."""
        self.save_seconds_max = 0.01
        self.coordinator: Coordinator

    def begin(self) -> None:
        """See :class:`Process`."""
        self.coordinator = Coordinator(Record.decode(self.record), LamportClock(), self.rng, self.now)
        for server in self.world.servers:
            self.world.network.reconnect(server.name, self.name)

    def arrive(self, letter: Letter) -> None:
        """See :class:`Process`."""
        route = (letter.connection,)
        self.input(
            f"request < {letter.sender}",
            lambda: self.coordinator.receive(route, list(letter.parts), self.now),
        )

    def tick(self) -> None:
        """See :class:`Process`."""
        self.coordinator.tick(self.now)

    def turn(self) -> None:
        """Do what the coordinator wants done."""
        ready = self.coordinator.ready(self.now)
        network = self.world.network
        for (connection,), frame in ready.replies:
            server = network.dialler(connection, self.name)
            if server is not None:
                network.send(self.name, server, "reference", frame)
        if ready.save is not None:
            delay = self.save_seconds_max * self.rng.random()
            self.after(delay, "has saved", partial(self._saved, ready.save))

    def _saved(self, save: "Save") -> None:
        self.record = save.record.encode()
        self.coordinator.stored(save.sequence, self.now)
