"""The broker as one value machine: requests in, turns of servers, answers out."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from bulletin.core.broker.pending import ENVELOPE_BYTES_MAX, Bounds, Pending, PendingTable
from bulletin.core.broker.ready import Ready, ToClient, ToServer
from bulletin.core.broker.servers import FORGET, Server, ServerTable, Standing
from bulletin.core.broker.status import Counters, ServerStatus, Status
from bulletin.core.broker.waiting import Waiting
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import KIB, REQUEST_BYTES_MAX
from bulletin.core.wire import broker as wire, replies, requests

PATIENCE: Final = 4.5
"""Seconds from a request's arrival until it has been answered, by whomever: clients wait 5."""

OVERDUE: Final = 3.2
"""Seconds after which a request that a living server still has is handed on: a server's own budget is 3, so its frame
or its reply was lost with a connection."""

REST: Final = 0.1
"""Seconds that a request waits when every ready server has said LATER to it."""

RUN: Final = 8
"""Requests of one turn that go to one server before the next one has its turn: a frame costs more than a request."""

STALL: Final = 0.3
"""A gap between two ticks above this many seconds means that the broker itself stood still."""

DRAIN: Final = 2.0
"""Seconds that a broker which is told to stop waits for what is in the servers' hands."""

KEPT_REFUSAL_BYTES_MAX: Final = 4 * KIB
"""The body of a LATER above this is not kept: no refusal of ours is that long."""

STRANGERS_MAX: Final = 64
"""Unknown connections that are told to say READY in one turn at most."""


class Dispatcher:
    """Takes requests, hands each to a server in turn, and answers each exactly once.

    All inputs end with nothing sent: :meth:`ready` gives what is to go out, once a turn.

    :param prefix: 8 bytes that no other start of a broker has; half of each request's id.
    :param now: the moment of the start.
    :param bounds: how much it holds at most.
    """

    def __init__(self, prefix: bytes, now: Instant, bounds: Bounds | None = None) -> None:
        assert len(prefix) == 8
        self._prefix = prefix
        self._number = 0
        self._now = now
        self._ticked = now.monotonic
        self._clock = LamportClock()
        self._pending = PendingTable(bounds or Bounds(), PATIENCE)
        self._servers = ServerTable()
        self._waiting = Waiting()
        self._resting: OrderedDict[bytes, tuple[float, Pending]] = OrderedDict()
        self._strangers: dict[bytes, None] = {}
        self._answers: list[ToClient] = []
        self._drain_until: float | None = None
        self.counters = Counters()

    # -- inputs ---------------------------------------------------------------------------------------------------

    def client(self, envelope: tuple[bytes, ...], body: Sequence[bytes], now: Instant) -> None:
        """A client's message: what leads back to it, and the frames after that."""
        self._now = now
        if len(body) != 1 or sum(map(len, envelope)) > ENVELOPE_BYTES_MAX:
            first = body[0] if body else b""
            self._refuse(envelope, first, Refusal(Code.MALFORMED, reason=Reason.FRAMES))
        elif len(body[0]) > REQUEST_BYTES_MAX:
            self._refuse(envelope, body[0], Refusal(Code.TOO_LARGE, reason=Reason.TOO_MANY_BYTES))
        elif self._drain_until is not None:
            self._refuse(envelope, body[0], Refusal(Code.NO_SERVERS))
        elif not self._pending.admits(envelope, len(body[0])):
            self._refuse(envelope, body[0], Refusal(Code.OVERLOADED))
        else:
            self._number += 1
            request_id = self._prefix + self._number.to_bytes(8, "big")
            request = Pending(request_id, envelope, body[0], now.monotonic)
            self._pending.add(request)
            self._waiting.add(request)
            self.counters.taken += 1

    def server(self, identity: bytes, frame: bytes, now: Instant) -> None:
        """A frame from the servers' side."""
        self._now = now
        try:
            message = wire.decode(frame)
        except Refusal:
            self.counters.malformed += 1
            return
        if isinstance(message, wire.BrokerHeartbeat | wire.Requests):
            self.counters.malformed += 1
            return
        if isinstance(message, wire.ServerReady):
            if self._servers.ready:
                # Those that are there have told the board's clock: nobody else can put it out of reach.
                self._clock.receive(message.clock)
            else:
                self._clock.join(message.clock)
            self._meet(identity, message)
            return
        self._clock.receive(message.clock)
        if isinstance(message, wire.Replies):
            server = self._servers.get(identity)
            for reply in message.replies:
                if server is not None and reply.result == wire.SUCCESS:
                    server.replied(len(reply.body))
                self._reply(reply)
        self._hear(identity, message)

    def gone(self, unsent: ToServer) -> None:
        """The transport has no such peer any more: the frame was not sent, and the server is lost."""
        self._unsend(unsent)
        server = self._servers.get(unsent.identity)
        if server is not None:
            self._take_back(server)
            self._servers.forget(server)

    def full(self, unsent: ToServer) -> None:
        """The transport's queue to that peer is full: the frame was not sent; nothing more until it is heard."""
        self._unsend(unsent)
        server = self._servers.get(unsent.identity)
        if server is not None:
            server.congested = True

    def tick(self, now: Instant) -> None:
        """Time has passed: every 20 to 50 ms."""
        gap = now.monotonic - self._ticked
        self._now = now
        self._ticked = now.monotonic
        if gap > STALL:
            self._servers.excuse(gap)
        for server in list(self._servers):
            self._judge(server, now.monotonic)
        while self._resting:
            due, request = next(iter(self._resting.values()))
            if due > now.monotonic:
                break
            del self._resting[request.id]
            request.declined = ()
            self._waiting.put_back(request)
        for request in self._pending.overdue(now.monotonic):
            self._give_up(request)
        if self._drain_until is not None and now.monotonic >= self._drain_until:
            for request in list(self._pending):
                self._give_up(request)

    def drain(self, now: Instant) -> None:
        """Stop taking requests; wait a little for what the servers have, refuse the rest."""
        self._now = now
        if self._drain_until is None:
            self._drain_until = now.monotonic + DRAIN
        if not self._servers.ready:
            for request in list(self._waiting):
                if not request.attempt:
                    self._give_up(request)

    # -- outputs --------------------------------------------------------------------------------------------------

    def ready(self) -> Ready:
        """What to send now; asking again gives what has come up since."""
        to_servers = self._greetings()
        if self._waiting:
            to_servers += self._hand_out()
        answers = tuple(self._answers)
        self._answers.clear()
        return Ready(tuple(to_servers), answers)

    @property
    def drained(self) -> bool:
        """Whether every request that was taken has been answered."""
        return not self._pending

    def status(self) -> Status:
        """What it looks like from outside."""
        servers = tuple(
            ServerStatus(server.name, server.session, server.standing, len(server.holds))
            for server in self._servers
        )
        return Status(
            pending=len(self._pending),
            pending_bytes=self._pending.size,
            waiting=len(self._waiting),
            resting=len(self._resting),
            clients=self._pending.clients,
            servers=servers,
            clock=self._clock.value,
            draining=self._drain_until is not None,
            counters=self.counters,
        )

    # -- servers --------------------------------------------------------------------------------------------------

    def _meet(self, identity: bytes, message: wire.ServerReady) -> None:
        """READY: a server, or a new session of one."""
        server = self._servers.get(identity)
        if server is None:
            server = self._servers.admit(identity, message.name, message.session, self._now.monotonic)
            if server is None:
                self.counters.crowded += 1
                return
        elif server.session != message.session:
            self._take_back(server)
            server.session = message.session
        server.name = message.name
        server.beaten = float("-inf")
        self._heard(server)
        self._servers.stand(server, Standing.READY)

    def _hear(
        self, identity: bytes, message: wire.ServerHeartbeat | wire.ServerDraining | wire.Replies
    ) -> None:
        """Any other message: a sign of life of a session that is known, or a stranger's."""
        server = self._servers.get(identity)
        other = server is not None and server.session != message.session
        if server is not None and other and not isinstance(message, wire.Replies):
            # It has left the session in which it got what it holds, and its READY has not come.
            self._take_back(server)
            self._servers.forget(server)
            server = None
        if server is None:
            if not isinstance(message, wire.ServerDraining) and len(self._strangers) < STRANGERS_MAX:
                self._strangers[identity] = None
            return
        self._heard(server)
        if isinstance(message, wire.ServerDraining):
            self._servers.stand(server, Standing.DRAINING)
        elif server.standing is Standing.SILENT and not other:
            self._servers.stand(server, Standing.READY)

    def _heard(self, server: Server) -> None:
        server.heard = self._now.monotonic
        server.congested = False

    def _judge(self, server: Server, now: float) -> None:
        """Give up a server that has not been heard; forget it after long; take back what it sits on."""
        silence = now - server.heard
        if server.standing is Standing.SILENT:
            if silence >= FORGET:
                self._servers.forget(server)
        elif silence >= wire.SILENCE:
            self._take_back(server)
            if server.standing is Standing.DRAINING:
                self._servers.forget(server)
            else:
                self._servers.stand(server, Standing.SILENT)
        else:
            for request in reversed(server.overdue(now - OVERDUE)):
                request.declined = (server.identity,)
                server.release(request)
                self._waiting.put_back(request)
                self.counters.handed_on += 1

    def _take_back(self, server: Server) -> None:
        """What a server had and did not answer goes to others, before all that waits."""
        for request in reversed(list(server.holds.values())):
            server.release(request)
            self._waiting.put_back(request)
            self.counters.handed_on += 1

    def _unsend(self, unsent: ToServer) -> None:
        """A frame was never sent: its attempts have not been."""
        self.counters.unsent += 1
        server = self._servers.get(unsent.identity)
        for request in reversed(unsent.handed):
            if server is not None and server.holds.get(request.id) is request:
                server.release(request)
                request.attempt -= 1
                self.counters.handed_out -= 1
                self._waiting.put_back(request)

    def _greetings(self) -> list[ToServer]:
        """Heartbeats that are due, and a word to those that are unknown."""
        sent = [self._heartbeat(identity, 0) for identity in self._strangers]
        self._strangers.clear()
        now = self._now.monotonic
        for server in self._servers:
            if now - server.beaten >= wire.BEAT:
                server.beaten = now
                sent.append(self._heartbeat(server.identity, server.session))
        return sent

    def _heartbeat(self, identity: bytes, known: int) -> ToServer:
        return ToServer(
            identity, wire.encode(wire.BrokerHeartbeat(known, self._clock.tick(), self._now.wall))
        )

    # -- requests -------------------------------------------------------------------------------------------------

    def _hand_out(self) -> list[ToServer]:
        """Give what waits to servers in turn, as far as they have room; one frame for each."""
        batches: dict[bytes, list[Pending]] = {}
        skipped: list[Pending] = []
        server: Server | None = None
        run = 0
        while self._waiting:
            request = self._waiting.take()
            if server is None or run == RUN or not server.roomy or server.identity in request.declined:
                server = self._servers.next(request.declined)
                run = 0
            if server is not None:
                server.take(request, self._now.monotonic)
                batches.setdefault(server.identity, []).append(request)
                run += 1
            elif request.declined and not self._servers.untried(request.declined):
                self._rest(request)
            else:
                skipped.append(request)
                if not request.declined:
                    break  # no server has room for anything
        for request in reversed(skipped):
            self._waiting.put_back(request)
        return [self._batch(identity, batch) for identity, batch in batches.items()]

    def _batch(self, identity: bytes, batch: list[Pending]) -> ToServer:
        server = self._servers.get(identity)
        assert server is not None
        now = self._now.monotonic
        rows = tuple(
            wire.Request(
                request.id,
                request.attempt,
                max(0, int(1000 * (self._pending.deadline(request) - now))),
                request.body,
            )
            for request in batch
        )
        self.counters.handed_out += len(rows)
        message = wire.Requests(server.session, rows, self._clock.tick(), self._now.wall)
        return ToServer(identity, wire.encode(message), tuple(batch))

    def _reply(self, reply: wire.Reply) -> None:
        """One attempt's reply, from whichever session: the id is secret enough to say that the server had it."""
        request = self._pending.get(reply.id)
        if request is None or reply.attempt > request.attempt:
            self.counters.stray += 1
        elif reply.result == wire.SUCCESS:
            self.counters.succeeded += 1
            self._answer(request, reply.body)
        elif reply.attempt < request.attempt:
            self.counters.stray += 1
        elif reply.result == wire.REFUSAL and request.holder is not None:
            self._count_refusal("servidor")
            self._answer(request, reply.body)
        else:
            self._later(request, reply)

    def _later(self, request: Pending, reply: wire.Reply) -> None:
        """The newest attempt's server can bring it no further, or refuses what was taken back from it."""
        self.counters.later += 1
        if len(reply.body) <= KEPT_REFUSAL_BYTES_MAX:
            request.refusal = (reply.attempt, reply.body)
        if request.holder is None:
            return
        request.declined = (*request.declined, request.holder)
        self._release(request)
        if self._servers.untried(request.declined):
            self._waiting.put_back(request)
        else:
            self._rest(request)

    def _rest(self, request: Pending) -> None:
        self._resting[request.id] = (self._now.monotonic + REST, request)

    def _release(self, request: Pending) -> None:
        """Take a request out of the hands that it is in."""
        assert request.holder is not None
        server = self._servers.get(request.holder)
        assert server is not None
        server.release(request)

    def _answer(self, request: Pending, body: bytes) -> None:
        """The one answer of a request that was taken."""
        if request.holder is not None:
            self._release(request)
        elif not self._waiting.discard(request):
            del self._resting[request.id]
        self._pending.remove(request)
        self._answers.append(ToClient(request.envelope, body))
        self.counters.answered += 1
        self.counters.latency_seconds += self._now.monotonic - request.arrived

    def _give_up(self, request: Pending) -> None:
        """Answer a request that no server answered in time."""
        if request.attempt == 0:
            refusal = Refusal(Code.OVERLOADED if self._servers.ready else Code.NO_SERVERS)
        elif request.holder is None and request.refusal and request.refusal[0] == request.attempt:
            self._count_refusal("servidor")
            self._answer(request, request.refusal[1])
            return
        else:
            refusal = Refusal(Code.TIMED_OUT)
        self._answer(request, self._refusal(request.body, refusal))

    def _refuse(self, envelope: tuple[bytes, ...], body: bytes, refusal: Refusal) -> None:
        """Answer a request that is not taken."""
        self._answers.append(ToClient(envelope, self._refusal(body, refusal)))

    def _refusal(self, body: bytes, refusal: Refusal) -> bytes:
        """A refusal in the request's own envelope: the only place where the broker opens a body."""
        incoming = requests.read(body)
        self._clock.receive(incoming.clock)
        self._count_refusal(refusal.word)
        return replies.refuse(incoming.heading, refusal, self._clock.tick(), self._now.wall)

    def _count_refusal(self, word: str) -> None:
        self.counters.refused[word] = self.counters.refused.get(word, 0) + 1
