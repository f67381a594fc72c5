"""The board's time: no server's clock falls, and what it says of its own error is true."""

from typing import TYPE_CHECKING, ClassVar

from bulletin.simulation.board.checkers import BoardChecker
from bulletin.simulation.board.process import Process
from bulletin.simulation.board.server import Server
from bulletin.simulation.violation import Violation

if TYPE_CHECKING:
    from bulletin.simulation.board.world import World


class Clocks(BoardChecker):
    """Reads a server's clock after each event."""

    roles: ClassVar = ("server",)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._before: dict[str, tuple[tuple[int, bool], float]] = {}

    def changed(self, process: Process) -> None:
        """See :class:`BoardChecker`."""
        if not isinstance(process, Server) or not process.running:
            return
        clock = process.replica.time
        time = clock.read(process.now)
        # Only the first correction may be a jump back: nobody has seen a time of that clock before.
        era = process.epoch, clock.steps > 0
        known, before = self._before.get(process.name, (era, time))
        if known == era and time < before:
            raise Violation("S8", f"the time of {process.name} fell from {before} to {time}")
        self._before[process.name] = era, time
