"""A proxy: what servers publish goes to every subscriber of a topic that it begins with."""

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from bulletin.simulation.board.machine import Machine
from bulletin.simulation.board.network import Letter
from bulletin.simulation.board.process import Process

if TYPE_CHECKING:
    from bulletin.simulation.board.world import World


class Proxy(Process):
    """Carries publications on.

    :param number: which of the proxies, from 0.
    """

    role: ClassVar[str] = "proxy"
    tick_seconds: ClassVar[float] = 1.0

    def __init__(self, world: "World", number: int, machine: Machine) -> None:
        super().__init__(world, f"proxy{number + 1}", machine)
        self.number = number
        self._waiting: deque[tuple[bytes, ...]] = deque()

    def begin(self) -> None:
        """See :class:`Process`."""
        self._waiting.clear()

    def arrive(self, letter: Letter) -> None:
        """See :class:`Process`."""
        self.input(f"publication < {letter.sender}", partial(self._waiting.append, letter.parts))

    def tick(self) -> None:
        """See :class:`Process`."""

    def turn(self) -> None:
        """Carry on what has come."""
        while self._waiting:
            parts = self._waiting.popleft()
            for client in self.world.clients:
                if parts and client.running and parts[0].startswith(tuple(client.topics)):
                    self.world.network.send(self.name, client.name, f"proxy {self.number}", *parts)
