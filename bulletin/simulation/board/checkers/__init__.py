"""What must hold of a whole board, one promise a file; the log's own promises are in :mod:`bulletin.simulation.checkers`.

Each checker sees what happens, and raises :class:`~bulletin.simulation.violation.Violation`.
"""

from typing import TYPE_CHECKING, ClassVar

from bulletin.core.board.outcome import Outcome
from bulletin.core.wire.broker import Replies

if TYPE_CHECKING:
    from bulletin.simulation.board.client import Client
    from bulletin.simulation.board.history import Call
    from bulletin.simulation.board.process import Process
    from bulletin.simulation.board.server import Server
    from bulletin.simulation.board.world import World


class BoardChecker:
    """Nothing to object to; each checker overrides what it cares for.

    :param world: what is checked.
    """

    roles: ClassVar[tuple[str, ...]] = ()
    """Of which processes it looks at each event."""

    def __init__(self, world: "World") -> None:
        self.world = world

    def joined(self, server: "Server") -> None:
        """A server has a node: it was started with data, or founded, or has taken over tables."""

    def changed(self, process: "Process") -> None:
        """A process has worked on one event."""

    def applied(self, server: "Server", outcome: Outcome) -> None:
        """A server has applied an operation."""

    def replied(self, server: "Server", replies: Replies) -> None:
        """A server gives answers to a broker."""

    def told(self, client: "Client", call: "Call") -> None:
        """Something came of a call."""

    def ended(self) -> None:
        """The run is over, the board was healed, and all is quiet."""
