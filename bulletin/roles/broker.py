"""``bulletin-broker``: two sockets and a timer around :class:`bulletin.core.broker.dispatcher.Dispatcher`.

Clients at one socket, servers at the other.  What one turn of the reactor brought is handed out at the turn's end, so that it
travels as one message to each server.
"""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from twisted.internet.defer import Deferred

from bulletin.core.broker.dispatcher import Dispatcher
from bulletin.core.broker.pending import PENDING_BYTES_MAX, PENDING_MAX, Bounds
from bulletin.core.broker.servers import Standing
from bulletin.core.broker.status import Counters, Status
from bulletin.core.errors import Code
from bulletin.core.limits import MIB
from bulletin.roles.options import HTTP, Mistake, Option, RoleOptions, endpoints, integer
from bulletin.roles.process import Process, in_process
from bulletin.roles.role import Role
from bulletin.transport.bounds import BROKER_TO_SERVERS, FACING_CLIENTS
from bulletin.transport.traffic import Outcome
from bulletin.web.health import Health
from bulletin.web.metrics import Sample, counter, gauge

if TYPE_CHECKING:
    from bulletin.transport.sockets import Router

TICK_SECONDS: Final = 0.025

PREFIX_BYTES: Final = 8
"""Of each request's id: random, once per start."""


_JUNK: Final = "junk"

_COMPLAINTS: Final = (
    (_JUNK, "What came to the servers' socket was no server's; {count} so far"),
    (Code.MALFORMED.value.code, "Requests had no body frame or several; {count} so far"),
    (Code.TOO_LARGE.value.code, "Requests were larger than the board takes; {count} so far"),
    (Code.OVERLOADED.value.code, "Requests found no room; {count} so far"),
    (Code.NO_SERVERS.value.code, "Requests found no server that is ready; {count} so far"),
    (Code.TIMED_OUT.value.code, "Requests were not answered in time by any server; {count} so far"),
)
"""What is worth a line in the log: a refusal's code, and the line."""


class Options(RoleOptions):
    """The options of ``bulletin-broker``."""

    table: ClassVar = (
        Option(
            "clients",
            endpoints(listen=True),
            "endpoints at which clients ask, separated by commas",
            "tcp://127.0.0.1:5555",
        ),
        Option(
            "servers",
            endpoints(listen=True),
            "endpoints that servers connect to, separated by commas",
            "tcp://127.0.0.1:5556",
        ),
        Option(
            "pending",
            integer(1, 1_000_000),
            "unanswered requests that it holds at most; one client has a quarter of it",
            str(PENDING_MAX),
        ),
        Option(
            "pending-mib",
            integer(2, 65_536),
            "MiB of unanswered requests that it holds at most; one client has a quarter of it",
            str(PENDING_BYTES_MAX // MIB),
        ),
        HTTP,
    )

    def check(self) -> None:
        """Refuse one endpoint for both sides: the second socket could not listen there."""
        for shared in set(self["clients"]) & set(self["servers"]):
            if not shared.endswith(":0"):
                raise Mistake(f"--clients and --servers are both {shared}; give one of them another port")


class Broker(Role):
    """Takes clients' requests, and hands them to the servers that are ready.

    :param clients: the endpoints of the clients' socket.
    :param servers: the endpoints of the servers' socket.
    :param bounds: how much it holds at most.
    :param random_bytes: in place of the system's randomness, in tests.
    :param arguments: see :class:`Role`.
    """

    label = "broker"

    def __init__(
        self,
        clients: Iterable[str],
        servers: Iterable[str],
        bounds: Bounds | None = None,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self._at_clients = tuple(clients)
        self._at_servers = tuple(servers)
        self._bounds = bounds
        self._random_bytes = random_bytes
        self._dispatcher: Dispatcher | None = None
        self._clients: Router | None = None
        self._servers: Router | None = None
        self._drained: Deferred[None] | None = None
        self._undelivered = 0
        self._complained: dict[str, int] = {}

    def open(self) -> None:
        """Listen to both sides."""
        self._dispatcher = Dispatcher(self._random_bytes(PREFIX_BYTES), self.now(), self._bounds)
        self._servers = self.watch(
            "servers",
            self.sockets.Router(
                self.transport,
                listen=self._at_servers,
                received=self._from_server,
                turn_ended=self._carry_out,
                bounds=BROKER_TO_SERVERS,
            ),
        )
        self._clients = self.watch(
            "clients",
            self.sockets.Router(
                self.transport,
                listen=self._at_clients,
                received=self._from_client,
                turn_ended=self._carry_out,
                bounds=FACING_CLIENTS,
            ),
        )
        self.every(TICK_SECONDS, self._tick)

    def drain(self) -> Deferred[None] | None:
        """Refuse what comes; wait, for a bounded time, for what the servers have."""
        assert self._dispatcher is not None
        self._dispatcher.drain(self.now())
        self._carry_out()
        if self._dispatcher.drained:
            return None
        self._drained = Deferred()
        return self._drained

    def close(self) -> None:
        """Let go of the sockets, which are closed with the transport."""
        self._clients = self._servers = None

    def health(self) -> Health:
        """Ready while a server is."""
        status = self.status()
        if status is None:
            return Health(ready=False, reason="The broker is not running.")
        if status.draining:
            return Health(ready=False, reason="The broker is stopping.")
        ready = sum(server.standing is Standing.READY for server in status.servers)
        if not ready:
            return Health(ready=False, reason="No server is ready.")
        return Health(ready=True, reason=f"Servers that are ready: {ready}.")

    def status(self) -> Status | None:
        """What its dispatcher looks like; None while it is not running."""
        if self._dispatcher is None or self._clients is None:
            return None
        return self._dispatcher.status()

    def samples(self) -> Iterable[Sample]:
        """What the dispatcher counts.  Servers are told apart by their place, not by what they call themselves."""
        status = self.status()
        if status is None:
            return
        counters = status.counters
        yield gauge("broker_pending", "Requests not answered yet.", status.pending)
        yield gauge("broker_pending_bytes", "Bytes of them.", status.pending_bytes)
        yield gauge("broker_waiting", "Requests that no server has.", status.waiting + status.resting)
        yield gauge("broker_clients", "Connections with a request that is not answered yet.", status.clients)
        yield gauge("broker_lamport_clock", "The logical clock.", status.clock)
        for standing in Standing:
            count = sum(server.standing is standing for server in status.servers)
            yield gauge("broker_servers", "Servers by how they stand.", count, standing=standing.value)
        for place, server in enumerate(status.servers):
            yield gauge(
                "broker_in_flight", "Requests in a server's hands.", server.in_flight, server=str(place)
            )
        yield counter("broker_taken_total", "Requests taken.", counters.taken)
        yield counter("broker_succeeded_total", "Answers of success.", counters.succeeded)
        for word, count in sorted(counters.refused.items()):
            yield counter("broker_refused_total", "Answers of refusal by code.", count, code=word)
        yield counter("broker_handed_out_total", "Attempts given to servers.", counters.handed_out)
        yield counter("broker_handed_on_total", "Requests taken from lost servers.", counters.handed_on)
        yield counter("broker_later_total", "Attempts that servers gave back.", counters.later)
        yield counter("broker_stray_total", "Replies to no attempt that counts.", counters.stray)
        yield counter(
            "broker_malformed_total", "Frames of servers that no server of ours sends.", counters.malformed
        )
        yield counter("broker_crowded_total", "Servers turned away: all places taken.", counters.crowded)
        yield counter("broker_unsent_total", "Frames that no queue to a server took.", counters.unsent)
        yield counter("broker_undelivered_total", "Answers whose client was gone or full.", self._undelivered)
        yield counter("broker_answered_total", "Requests answered, of those taken.", counters.answered)
        yield counter(
            "broker_latency_seconds_total", "Sum of their times to the answer.", counters.latency_seconds
        )

    def _from_client(self, envelope: tuple[bytes, ...], body: list[bytes]) -> None:
        assert self._dispatcher is not None
        self._dispatcher.client(envelope, body, self.now())

    def _from_server(self, envelope: tuple[bytes, ...], body: list[bytes]) -> None:
        assert self._dispatcher is not None
        # A frame between roles stands alone behind the identity: anything else is not one of ours.
        frame = body[0] if len(envelope) == 1 and len(body) == 1 else b""
        self._dispatcher.server(envelope[0], frame, self.now())

    def _tick(self) -> None:
        assert self._dispatcher is not None
        self._dispatcher.tick(self.now())
        self._carry_out()
        self._complain(self._dispatcher.counters)
        if self._drained is not None and self._dispatcher.drained:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def _carry_out(self) -> None:
        """Send what there is to send, and what follows from a queue that took nothing."""
        dispatcher, clients, servers = self._dispatcher, self._clients, self._servers
        if dispatcher is None or clients is None or servers is None:
            return
        while ready := dispatcher.ready():
            for sent in ready.to_servers:
                outcome = servers.send_to((sent.identity,), sent.frame)
                if outcome is Outcome.GONE:
                    dispatcher.gone(sent)
                elif outcome is Outcome.FULL:
                    dispatcher.full(sent)
            for answer in ready.to_clients:
                if clients.send_to(answer.envelope, answer.body) is not Outcome.SENT:
                    self._undelivered += 1

    def _complain(self, counters: Counters) -> None:
        """Say in the log, with restraint, what nobody of ours would have sent, and what found no room."""
        for kind, sentence in _COMPLAINTS:
            count = counters.malformed if kind == _JUNK else counters.refused.get(kind, 0)
            if count != self._complained.get(kind, 0):
                self._complained[kind] = count
                self.quiet.warn(kind, sentence, count=count)


def makeService(options: Options) -> Process:
    """The service of one broker."""
    bounds = Bounds(options["pending"], options["pending-mib"] * MIB)
    return in_process(Broker(options["clients"], options["servers"], bounds, http=options["http"]), options)
