"""S6: what a client is told is on the synced disks of a majority.  S7: an operation has one answer."""

from typing import TYPE_CHECKING

from bulletin.core.errors import Refusal
from bulletin.core.log.port import index_of
from bulletin.core.wire import replies
from bulletin.core.wire.broker import SUCCESS, Replies
from bulletin.core.wire.replies import Posted
from bulletin.simulation.board.checkers import BoardChecker
from bulletin.simulation.board.client import Client
from bulletin.simulation.board.history import Call
from bulletin.simulation.board.server import Server
from bulletin.simulation.violation import Violation

if TYPE_CHECKING:
    from bulletin.simulation.board.world import World


class Answers(BoardChecker):
    """Reads every answer."""

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._posted: dict[tuple[str, str, str], tuple[Posted, str]] = {}

    def replied(self, server: Server, replies_: Replies) -> None:
        """See :class:`BoardChecker`."""
        for reply in replies_.replies:
            if reply.result == SUCCESS:
                result = replies.read(reply.body).result
                if isinstance(result, Posted):
                    self._check_durable(server, result.receipt.index)

    def _check_durable(self, server: Server, index: int) -> None:
        world = self.world
        entries = world.truth.entries
        if index > len(entries):
            raise Violation("S6", f"{server.name} answers with entry {index}, which is not committed")
        there = entries[index - 1].hash
        holders = sum(other.damaged or other.disk.durable.hash_at(index) == there for other in world.servers)
        if holders <= len(world.servers) // 2:
            raise Violation("S6", f"{server.name} answers with entry {index}, which is on {holders} disks")

    def told(self, client: Client, call: Call) -> None:
        """See :class:`BoardChecker`."""
        if not isinstance(call.outcome, Posted):
            if isinstance(call.outcome, Refusal) and not call.outcome.definite:
                self.world.note("told_that_nobody_knows")
            return
        key = (call.user, call.id, repr(call.request))
        known, where = self._posted.setdefault(key, (call.outcome, client.name))
        if known != call.outcome:
            raise Violation(
                "S7", f"{call.id} of {call.user}: {where} was told {known}, {client.name} {call.outcome}"
            )

    def ended(self) -> None:
        """Receipts are true: at the entry that they name stands the post that they name."""
        posts = {
            (post.user, post.id, post.seq): post
            for outcome in self.world.state.outcomes.values()
            if (post := outcome.post) is not None
        }
        for (user, id_, _), (posted, _) in self._posted.items():
            post = posts.get((user, id_, posted.seq))
            receipt = posted.receipt
            if post is None or (index_of(post.position), post.chain) != (receipt.index, receipt.chain):
                raise Violation("S7", f"the receipt {receipt} of {id_} of {user} is not true: {post}")
