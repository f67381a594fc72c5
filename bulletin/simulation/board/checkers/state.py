"""S5: servers that have applied as much have the same state.  S7: an operation has one effect.  S8: numbers and clocks."""

from typing import TYPE_CHECKING, ClassVar

from bulletin.core.board.outcome import Outcome, PostRow
from bulletin.core.log.port import index_of
from bulletin.simulation.board.checkers import BoardChecker
from bulletin.simulation.board.process import Process
from bulletin.simulation.board.server import Server
from bulletin.simulation.violation import Violation

if TYPE_CHECKING:
    from bulletin.simulation.board.world import World


class State(BoardChecker):
    """Follows every operation as each server applies it."""

    roles: ClassVar = ("server",)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self.outcomes: dict[int, Outcome] = {}
        """By position, as the first server that came so far had them."""
        self._seen: dict[tuple[int, int], int] = {}
        self._streams: dict[int, tuple[int, float]] = {}
        self._clock = 0
        self._first: dict[bytes, int] = {}

    def joined(self, server: Server) -> None:
        """See :class:`BoardChecker`."""
        self._compare(server)

    def changed(self, process: Process) -> None:
        """See :class:`BoardChecker`."""
        if isinstance(process, Server) and process.takes_part:
            assert process.replica.member is not None
            applied = process.replica.member.applying.applied
            if self._seen.get((process.number, process.life)) != applied:
                self._seen[process.number, process.life] = applied
                self._compare(process)

    def _compare(self, server: Server) -> None:
        known = self.world.truth.states.setdefault(server.applied, server.digest)
        if known != server.digest:
            raise Violation("S5", f"{server.name} has another state at {server.applied} than a fellow server")

    def applied(self, server: Server, outcome: Outcome) -> None:
        """See :class:`BoardChecker`."""
        known = self.outcomes.get(outcome.position)
        if known is None:
            self.outcomes[outcome.position] = outcome
            self._judge(outcome)
        elif known != outcome:
            raise Violation(
                "S5", f"at {outcome.position} {server.name} came to {outcome}, a fellow to {known}"
            )

    def _judge(self, outcome: Outcome) -> None:
        if outcome.duplicate:
            self.world.note("applied_twice_and_took_effect_once")
        for row in outcome.rows:
            if isinstance(row, PostRow):
                self._post(row)

    def _post(self, row: PostRow) -> None:
        post = row.post
        seq, received = self._streams.get(row.number, (0, float("-inf")))
        where = f"post {post.seq} of {post.stream} (index {index_of(post.position)})"
        if post.seq != seq + 1:
            raise Violation("S8", f"{where} comes after {seq}")
        if post.clock <= self._clock:
            raise Violation("S8", f"{where} has clock {post.clock}, and one before it {self._clock}")
        if post.received < received:
            raise Violation("S8", f"{where} was received at {post.received}, the one before it at {received}")
        name = f"{post.user}/{post.id}/{post.stream}".encode()
        if self._first.setdefault(name, post.position) != post.position:
            raise Violation("S7", f"{where} is the second effect of id {post.id} of {post.user}")
        self._streams[row.number] = post.seq, post.received
        self._clock = post.clock
