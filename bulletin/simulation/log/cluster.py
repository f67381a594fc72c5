"""A run: a cluster under faults, then asked to show that it works, healed or in what is left."""

from random import Random

import attrs

from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.log.port import LogEvent
from bulletin.core.raft.messages import Message
from bulletin.core.raft.ready import Ready
from bulletin.simulation.checkers import Checker, Truth
from bulletin.simulation.checkers.catalogue import LOG_CHECKERS
from bulletin.simulation.log.answers import Answers
from bulletin.simulation.log.ending import end
from bulletin.simulation.log.faults import Faults, Options
from bulletin.simulation.log.server import Server
from bulletin.simulation.log.workload import Workload
from bulletin.simulation.network import Letter, Network
from bulletin.simulation.run import Run


def found(servers: int) -> FoundingDocument:
    """A document for so many servers; ranks rise with the numbers."""
    members = tuple(
        Member(bytes([place + 1]) * 16, f"s{place}", f"tcp://127.0.0.1:{place + 1}", place + 1)
        for place in range(servers)
    )
    return FoundingDocument(b"c" * 16, members)


@attrs.frozen
class Sent(Letter[int]):
    """A message under way between two servers, which go by their numbers."""

    message: Message


class Cluster(Run):
    """Everything of one run.

    :param seed: decides all that happens.
    :param options: in place of what the seed would draw.
    :param trace: whether to keep a hash over all events, to compare two runs.
    """

    faults: Faults

    def __init__(self, seed: int, options: Options | None = None, *, trace: bool = False) -> None:
        super().__init__(trace=trace)
        draw = Random(seed)
        self.options = options or Options.draw(seed)
        self.document = found(self.options.servers)
        self.truth = Truth(self.document)
        self.network: Network[int, Sent] = Network(self.time, Random(draw.random()), self._deliver)
        self.servers = [
            Server(
                number,
                self.document,
                self.options.config,
                self.time,
                Random(draw.random()),
                self._turned,
                self._changed,
                self._installed,
                self.truth,
            )
            for number in range(self.options.servers)
        ]
        self.by_member = {server.member: server for server in self.servers}
        self.faults = Faults(self, Random(draw.random()))
        self.workload = Workload(self, Random(draw.random()), self.options.clients)
        self._ending = Random(draw.random())
        self.checkers: list[Checker] = [checker(self) for checker in LOG_CHECKERS]
        self.checkers.append(Answers(self, self.workload))

    # --- phases ---

    def _run(self) -> None:
        for server in self.servers:
            self.start(server)
        self.time.run_until(self.options.seconds)
        end(self, self._ending)
        for checker in self.checkers:
            checker.ended()
        self._count()

    def leader(self) -> Server | None:
        """The leader of the highest term, if there is one."""
        leading = [server for server in self.servers if server.port is not None and server.node.leads]
        return max(leading, key=lambda server: server.node.leadership[0], default=None)

    # --- events ---

    def start(self, server: Server) -> None:
        """A server starts on its disk."""
        self.step(f"server {server.number} starts")
        server.start()
        for checker in self.checkers:
            checker.started(server)

    def crash(self, server: Server) -> None:
        """A server loses its process and what was not synced."""
        self.step(f"server {server.number} crashes")
        self._keep_counters(server)
        server.crash()
        self.workload.crashed(server.number)

    def poke(self, server: Server) -> None:
        """Something was asked of a server by its own clients."""
        server.turn_soon()

    def _deliver(self, sent: Sent) -> None:
        sender, recipient, message = sent.sender, sent.recipient, sent.message
        self.step(f"{sender} -> {recipient}:", message)
        self._record("deliver", sender, recipient, message)
        self.servers[recipient].receive(self.servers[sender].member, message)

    def _installed(self, server: Server) -> None:
        """The tables of another stand on a server's disk: whoever waited at it never knows, and it starts on them."""
        self._keep_counters(server)
        self.note("installed")
        if server.disk.durable.entries:
            self.note("installed_below_a_suffix")
        server.retire()
        self.workload.crashed(server.number)
        self.start(server)

    def _changed(self, server: Server) -> None:
        if server.node._closed:
            return  # its log is no longer that on its disk
        for checker in self.checkers:
            checker.changed(server)

    def _turned(self, server: Server, ready: Ready, events: list[LogEvent]) -> None:
        self._record("turn", server.number, ready, events)
        for checker in self.checkers:
            checker.turned(server, ready, events)
        for member, message in ready.messages:
            recipient = self.by_member[member].number
            for checker in self.checkers:
                checker.sent(server, recipient, message)
            self.network.dispatch(Sent(server.number, recipient, message))

    def _record(self, *what: object) -> None:
        if self._digest is not None:
            self._digest.update(repr((self.time.now, what)).encode())

    def _keep_counters(self, server: Server) -> None:
        if server.port is not None:
            self.keep_counters(server.node)

    def _count(self) -> None:
        for server in self.servers:
            self._keep_counters(server)
            self.counts["snapshots_resumed"] += server.resumed
        self.counts["acknowledged"] += len(self.workload.acknowledged)
        self.counts["barriers_passed"] += self.workload.barriers_passed
        self.counts["unknown"] += self.workload.unknown
        self.counts["refused"] += len(self.workload.refused)
        self.counts["messages_lost"] += self.network.lost
