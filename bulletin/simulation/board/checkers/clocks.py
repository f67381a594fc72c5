"""The board's time: no server's clock falls (S8), and what it says of its own error is true.

The board's time is the reference's corrected clock; while that is away, as it would go on.  One that starts anew takes
the servers' time; where there were too few of them, it begins a time of its own, and what was measured before says nothing.
"""

from typing import TYPE_CHECKING, ClassVar, Final

from bulletin.core.clocks.corrected import CorrectedClock
from bulletin.simulation.board.checkers import BoardChecker
from bulletin.simulation.board.process import Process
from bulletin.simulation.board.server import Server
from bulletin.simulation.violation import Violation

if TYPE_CHECKING:
    from bulletin.simulation.board.world import World

ROUNDING: Final = 2e-6
SHARE_OUTSIDE: Final = 0.001
"""Of the times that a server could stamp, so many may be off by more than it says."""

FEW: Final = 20
"""So few of them are none: one exchange in a bad moment."""

NOT_PROMISED: Final = ("clock_rates", "wall_jump")
"""Faults that machines do not have for which something is promised."""


class Clocks(BoardChecker):
    """Reads a server's clock after each event."""

    roles: ClassVar = ("server",)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._before: dict[str, tuple[tuple[int, bool], float]] = {}
        self._judges = not any(kind in NOT_PROMISED for kind, _ in world.options.faults)
        self._board: CorrectedClock | None = None
        self._began = 0.0
        self._stamps = self._outside = 0

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
        if self._judges:
            self._judge(process, clock, time)

    def _judge(self, server: Server, clock: CorrectedClock, time: float) -> None:
        """Whether the server is off by no more than it would say in a stamp."""
        world = self.world
        if world.reference.running:
            own = world.reference.coordinator.rounds.clock
            if own is not self._board and own.steps:
                self._board, self._began = own, world.time.now
        measured = clock._known
        if self._board is None or measured is None:
            return
        since = server.now.monotonic - (world.time.now - self._began) * server.machine.rate
        if measured.at <= since or not server.replica.timekeeping.settled:
            return
        bound = clock.bound(server.now)
        assert bound is not None, "it was measured"
        self._stamps += 1
        self._outside += abs(time - self._board.read(world.reference.now)) > bound + ROUNDING

    def ended(self) -> None:
        """Hardly any time was off by more than its bound."""
        self.world.note("times_looked_at", self._stamps)
        self.world.note("times_outside", self._outside)
        if self._outside > max(FEW, SHARE_OUTSIDE * self._stamps):
            raise Violation(
                "time", f"{self._outside} of {self._stamps} times were off by more than their bound"
            )
