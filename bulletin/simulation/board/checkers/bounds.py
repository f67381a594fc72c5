"""S13: queues stay within their documented bounds.  L4: every request is answered in time."""

from typing import ClassVar

from bulletin.core.broker.dispatcher import PATIENCE
from bulletin.core.client.caller import CALLS_MAX
from bulletin.core.client.streams import BUFFER_BYTES_MAX, BUFFER_POSTS_MAX
from bulletin.core.server.proposals import PROPOSALS_BYTES_MAX, PROPOSALS_MAX
from bulletin.core.server.queries import QUERIES_MAX
from bulletin.simulation.board.broker import Broker
from bulletin.simulation.board.checkers import BoardChecker
from bulletin.simulation.board.client import Client
from bulletin.simulation.board.process import Process
from bulletin.simulation.board.server import Server
from bulletin.simulation.violation import Violation

SLACK = 0.2
"""Seconds by which a process may be late for its own deadlines: a few ticks of clocks that run slow."""


class Bounds(BoardChecker):
    """Looks at a process's queues after each event."""

    roles: ClassVar = ("broker", "server", "client")

    def changed(self, process: Process) -> None:
        """See :class:`BoardChecker`."""
        if not process.running:
            return
        if isinstance(process, Broker):
            self._broker(process)
        elif isinstance(process, Server):
            self._server(process)
        elif isinstance(process, Client):
            self._client(process)

    def _settled(self, process: Process) -> bool:
        """Whether it has been going on for long enough to have caught up with its deadlines."""
        return self.world.time.now - process.resumed_at > SLACK

    def _broker(self, broker: Broker) -> None:
        pending = broker.dispatcher._pending
        if len(pending) > broker.bounds.requests or pending.size > broker.bounds.size:
            raise Violation("S13", f"{broker.name} holds {len(pending)} requests")
        oldest = next(iter(pending), None)
        if oldest is None or not self._settled(broker):
            return
        waited = broker.now.monotonic - oldest.arrived
        if waited > PATIENCE + SLACK:
            raise Violation("L4", f"{broker.name} has not answered a request for {waited:.1f} s")

    def _server(self, server: Server) -> None:
        member = server.replica.member
        if member is None:
            return
        if len(member.proposals) > PROPOSALS_MAX or member.proposals.size > PROPOSALS_BYTES_MAX:
            raise Violation("S13", f"{server.name} has {len(member.proposals)} proposals under way")
        if len(member.queries) > QUERIES_MAX:
            raise Violation("S13", f"{server.name} has {len(member.queries)} reads under way")

    def _client(self, client: Client) -> None:
        if len(client.exchange.caller) > CALLS_MAX:
            raise Violation("S13", f"{client.name} has too many calls under way")
        if client.exchange.reader is not None:
            for progress in client.exchange.reader._streams.values():
                if len(progress.buffer) > BUFFER_POSTS_MAX or progress.buffered > BUFFER_BYTES_MAX:
                    raise Violation("S13", f"{client.name} keeps {len(progress.buffer)} posts of one stream")
        oldest = next(iter(client.unsettled.values()), None)
        if oldest is None or not self._settled(client):
            return
        waited = (self.world.time.now - max(oldest.invoked, client.resumed_at)) * client.machine.rate
        if waited > self.world.options.timeout + SLACK and oldest.invoked < client.resumed_at:
            return
        if self.world.time.now - oldest.invoked > (self.world.options.timeout + SLACK) / client.machine.rate:
            raise Violation("L4", f"{client.name} was told nothing of {oldest.id} for {waited:.1f} s")
