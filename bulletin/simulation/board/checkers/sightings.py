"""Objects to nothing: notes what a campaign should have seen, and what only the whole board shows."""

from typing import TYPE_CHECKING, ClassVar, Final

from bulletin.core.log.batch import decode_batch
from bulletin.core.log.entry import EntryKind
from bulletin.core.wire import replies
from bulletin.core.wire.broker import LATER, SUCCESS, Replies
from bulletin.core.wire.replies import Posted
from bulletin.simulation.board.checkers import BoardChecker
from bulletin.simulation.board.process import Process
from bulletin.simulation.board.server import Server

if TYPE_CHECKING:
    from bulletin.simulation.board.world import World

SIGHTINGS: Final = (
    "answered_from_memory_of_another",
    "crash_before_settled",
    "file_ahead_of_database",
    "forged_row_found_by_start",
    "handed_on_and_made",
    "hash_mismatch_found_by_append",
    "installed",
    "quarantined",
    "snapshot_interrupted_by_term",
    "stepped_aside_and_back",
    "told_later",
    "told_that_nobody_knows",
)
"""What is noted here, in the server, and in the other checkers."""


class Sightings(BoardChecker):
    """Looks out for what is rare."""

    roles: ClassVar = ("server",)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._terms: dict[str, int] = {}
        self._quarantined: set[tuple[str, int]] = set()
        self._aside: set[str] = set()

    def changed(self, process: Process) -> None:
        """See :class:`BoardChecker`."""
        assert isinstance(process, Server)
        if not process.takes_part:
            return
        assert process.replica.member is not None
        status = process.replica.member.status
        self._see_transfer(process.name, status.term, behind=status.behind)
        start = process.name, process.epoch
        if status.quarantined and start not in self._quarantined:
            self._quarantined.add(start)
            self.world.note("quarantined")
        if process.replica.room.aside:
            self._aside.add(process.name)
        elif process.name in self._aside:
            self._aside.remove(process.name)
            self.world.note("stepped_aside_and_back")

    def _see_transfer(self, name: str, term: int, *, behind: bool) -> None:
        if not behind:
            self._terms.pop(name, None)
        elif self._terms.setdefault(name, term) != term:
            self._terms[name] = term
            self.world.note("snapshot_interrupted_by_term")

    def replied(self, server: Server, replies_: Replies) -> None:
        """See :class:`BoardChecker`."""
        for reply in replies_.replies:
            if reply.result == LATER:
                self.world.note("told_later")
            elif reply.result == SUCCESS and reply.attempt > 1:
                result = replies.read(reply.body).result
                if isinstance(result, Posted):
                    here = self._made_here(server, result.receipt.index)
                    self.world.note("handed_on_and_made" if here else "answered_from_memory_of_another")

    def _made_here(self, server: Server, index: int) -> bool:
        """Whether any operation of an entry was proposed by this server."""
        assert server.replica.member is not None
        entry = self.world.truth.entries[index - 1]
        here = server.replica.member.proposals.proposed_here
        return entry.kind is EntryKind.OPERATIONS and any(here(key) for key, _ in decode_batch(entry.body))
