"""The reference as one value machine: requests in, replies and records to store out; no socket, disk or clock."""

from collections import deque
from typing import TYPE_CHECKING, Final

import attrs

from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.reference.founding import names_of, obstacle_of
from bulletin.core.reference.liveness import Liveness, Registration
from bulletin.core.reference.ranks import Ranks, Record
from bulletin.core.reference.rounds import Candidate, Rounds, Route
from bulletin.core.wire.clocks import (
    ClockRow,
    ClocksReply,
    ClocksRequest,
    ProbeAnswer,
    RoundReply,
    RoundRequest,
)
from bulletin.core.wire.envelope import Dialect, Encoding
from bulletin.core.wire.reference import (
    Addressed,
    ClockReply,
    ClockRequest,
    HeartbeatReply,
    HeartbeatRequest,
    ListedServer,
    ListReply,
    ListRequest,
    RankReply,
    RankRequest,
    encode,
    read_request,
)

if TYPE_CHECKING:
    from random import Random

    from bulletin.core.wire.reference import ReferenceReply, ReferenceRequest

LISTEN_FIRST: Final = 1.0
"""Seconds after its start in which the reference founds nothing: servers with data get a word in first.  A courtesy;
nothing is unsafe without it, since a cluster is founded only of servers with empty disks."""

HELD_MAX: Final = 4096
"""Replies that wait for the disk at most.  Further ones are dropped, and counted; their senders ask again."""

SAY_AGAIN: Final = 60.0
"""Seconds until the same sentence is said again."""

SAID_MAX: Final = 256
"""Sentences that are remembered as said."""


@attrs.frozen
class Save:
    """A record to be made durable.  At most one is under way.

    :param sequence: named in :meth:`Coordinator.stored`.
    """

    sequence: int
    record: Record


@attrs.frozen
class Ready:
    """What the coordinator wants done since the last call; all of it may be done at once.

    :param save: to be stored, then :meth:`Coordinator.stored` is to be called.
    :param replies: (route, frame).  What must be durable first is returned only after ``stored``.  The clocks' probes
        are among them: their round trips have begun.
    :param sentences: for the log.
    """

    save: Save | None = None
    replies: tuple[tuple[Route, bytes], ...] = ()
    sentences: tuple[str, ...] = ()


@attrs.frozen
class Status:
    """The reference as metrics and health checks see it.

    :param names: names that have a rank.
    :param alive: servers in the list.
    :param cluster: the cluster's id, or None while none is founded or heard of.
    :param waiting: what a new cluster waits for, as a sentence; None once there is one.
    :param answered: replies given.
    :param malformed: requests that could not be read.
    :param refused: requests that were read and refused.
    :param dropped: replies dropped because the disk did not answer.
    """

    names: int
    alive: int
    cluster: bytes | None
    waiting: str | None
    answered: int
    malformed: int
    refused: int
    dropped: int


@attrs.frozen
class _Held:
    """A reply that waits until ``after`` is stored."""

    after: int
    route: Route
    reply: Addressed


class Coordinator:
    """Answers ``rank``, ``list``, ``heartbeat`` and ``clock``, and founds the cluster; see the package's page.

    :param record: what its disk held.
    :param clock: the process's Lamport clock.
    :param rng: where a new cluster's id is drawn from.
    :param now: the moment of the start.
    """

    def __init__(self, record: Record, clock: LamportClock, rng: "Random", now: Instant) -> None:
        self._ranks = Ranks(record.ranks)
        self._document = None if record.document is None else FoundingDocument.decode(record.document)
        self._document_bytes = record.document
        self._cluster = record.cluster
        self._clock = clock
        self._rng = rng
        self._now = now
        self._listen_until = now.monotonic + LISTEN_FIRST
        self._liveness = Liveness()
        self.rounds = Rounds(rng, self._say, now)
        """The clocks."""
        self._waiting: str | None = None
        self._sequence = 0
        self._saving = 0
        self._stored = 0
        self._held: deque[_Held] = deque()
        self._free: list[tuple[Route, Addressed]] = []
        self._sentences: list[str] = []
        self._said: dict[str, float] = {}
        self._answered = self._malformed = self._refused = self._dropped = 0

    # What comes in.

    def receive(self, route: Route, parts: "list[bytes]", now: Instant) -> None:
        """Take one message.

        :param route: whom the reply goes to; opaque.
        :param parts: the frames after the route; a request has exactly one.
        """
        self._now = now
        if len(parts) == 1:
            incoming = read_request(parts[0])
        else:
            frames = Refusal(Code.MALFORMED, reason=Reason.FRAMES)
            incoming = Addressed(frames, Dialect.SERVICE, None, None, None, Encoding.MSGPACK, "error")
        request = incoming.body
        if isinstance(request, RankRequest) and self._comes_back(request):
            self._clock.join(incoming.clock)
        else:
            self._clock.receive(incoming.clock)
        if isinstance(request, ProbeAnswer):
            self.rounds.answer(request, route, now)
            return
        if isinstance(request, Refusal):
            self._malformed += 1
            self._say("malformed", "A request that could not be read was refused.")
            body: ReferenceReply | Refusal = request
        else:
            try:
                body = self._answer(request, route)  # type: ignore[arg-type]  # read_request returns no replies
            except Refusal as refusal:
                self._refused += 1
                body = refusal
        reply = attrs.evolve(incoming, body=body)
        if isinstance(body, ClockReply | RoundReply | ClocksReply | Refusal):
            self._free.append((route, reply))
        elif len(self._held) < HELD_MAX:
            self._held.append(_Held(self._sequence, route, reply))
        else:
            self._dropped += 1

    def tick(self, now: Instant) -> None:
        """Notice who fell silent, found the cluster and hold a round when it is time; to be called four times a second."""
        self._now = now
        returned, silent = self._liveness.changes(now)
        for name in silent:
            self._sentences.append(f"{name} has been silent for 3 s and left the list.")
        for name in returned:
            self._sentences.append(f"{name} is back with rank {self._ranks[name]}.")
        self._found()
        self.rounds.tick(self._candidates(), self._expected(), now)

    def stored(self, sequence: int, now: Instant) -> None:
        """The record of that :class:`Save` is on the disk, synced."""
        assert self._stored < sequence == self._saving, "a record was stored out of turn"
        self._now = now
        self._stored = sequence

    # What goes out.

    def ready(self, now: Instant) -> Ready:
        """What is to be done since the last call."""
        self._now = now
        save = None
        if self._saving == self._stored < self._sequence:
            self._saving = self._sequence
            save = Save(self._sequence, self._record())
        replies = [(route, self._encode(reply)) for route, reply in self._free]
        self._free.clear()
        while self._held and self._held[0].after <= self._stored:
            held = self._held.popleft()
            replies.append((held.route, self._encode(held.reply)))
        for route, body in self.rounds.take(now):
            replies.append((route, self._encode(Addressed(body, Dialect.SERVICE, None, None))))
        sentences = tuple(self._sentences)
        self._sentences.clear()
        self._answered += len(replies)
        return Ready(save, tuple(replies), sentences)

    def status(self) -> Status:
        """The state, for metrics and health."""
        return Status(
            names=len(self._ranks),
            alive=len(self._liveness.alive(self._now)),
            cluster=self._cluster,
            waiting=self._waiting,
            answered=self._answered,
            malformed=self._malformed,
            refused=self._refused,
            dropped=self._dropped,
        )

    def _record(self) -> Record:
        return Record(self._ranks.pairs(), self._document_bytes, self._cluster)

    def _encode(self, reply: Addressed) -> bytes:
        return encode(attrs.evolve(reply, clock=self._clock.tick(), timestamp=self._time()))

    def _time(self) -> float:
        return self.rounds.clock.read(self._now)

    def _say(self, key: str, sentence: str) -> None:
        """Log a sentence, the same ``key`` at most once a minute."""
        now = self._now.monotonic
        if now - self._said.get(key, -SAY_AGAIN) < SAY_AGAIN:
            return
        if len(self._said) >= SAID_MAX:
            del self._said[next(iter(self._said))]
        self._said.pop(key, None)
        self._said[key] = now
        self._sentences.append(sentence)

    # The answers.

    def _answer(self, request: "ReferenceRequest", route: Route) -> "ReferenceReply":
        match request:
            case RankRequest():
                return self._rank(request)
            case HeartbeatRequest():
                reply = self._heartbeat(request)
                if reply.known and request.member is not None:
                    self.rounds.heard(request.user, route)
                return reply
            case ListRequest():
                return self._list()
            case ClockRequest():
                return ClockReply(self._time())
            case RoundRequest():
                return RoundReply(self.rounds.want(request.user, route))
            case ClocksRequest():
                return self._clocks()
            case ProbeAnswer():
                raise AssertionError("answers to probes are no requests")

    def _rank(self, request: RankRequest) -> RankReply:
        if request.document is not None:
            self._hear_document(request.user, request.document)
        known = self._ranks.of(request.user)
        rank = self._ranks.give(request.user)
        if known is None:
            self._sequence += 1
            self._sentences.append(f"{request.user} has rank {rank}.")
        if self._may_register(request):
            self._register(request)
            self._found()
        wants = request.member is not None and request.document is None
        return RankReply(rank, self._document_bytes if wants else None)

    def _may_register(self, request: RankRequest) -> bool:
        """Whether the asker is the server of that name; every asker gets the name's rank, all the same."""
        name = request.user
        members = () if self._document is None else self._document.members
        if any(member.name == name and member.member != request.member for member in members):
            self._say(
                f"stranger {name}",
                f"A server that calls itself {name} is not the member of that name: its disk is another one. "
                "It stays outside the cluster.",
            )
            return False
        holder = self._liveness.get(name)
        if (
            holder is None
            or holder.member == request.member
            or not self._liveness.is_alive(holder, self._now)
        ):
            return True
        if request.member is None:
            return False
        self._say(
            f"replaced {name}",
            f"Another disk now calls itself {name}: either the disk was replaced, or two servers have one name.",
        )
        return True

    def _comes_back(self, request: RankRequest) -> bool:
        """Whether this is a member of the board that was not here: it tells the board's Lamport clock.

        Anybody else who brings the document could put that clock out of reach for ever.
        """
        if request.document is None:
            return False
        if self._document is not None and all(
            member.member != request.member for member in self._document.members
        ):
            return False
        holder = self._liveness.get(request.user)
        return (
            holder is None
            or holder.member != request.member
            or not self._liveness.is_alive(holder, self._now)
        )

    def _register(self, request: RankRequest) -> None:
        empty = request.member is not None and request.document is None
        holder = self._liveness.get(request.user)
        self._liveness.register(
            Registration(
                name=request.user,
                endpoint=request.endpoint,
                member=request.member,
                expect=request.expect,
                empty=empty,
                heard=self._now.monotonic,
                beats=holder.beats if holder is not None and holder.member == request.member else 0,
            )
        )

    def _heartbeat(self, request: HeartbeatRequest) -> HeartbeatReply:
        if request.cluster is not None:
            self._hear_cluster(request.user, request.cluster)
            if self._document is None:
                # A server with data, and the document is not known here: ask for it.
                return HeartbeatReply(known=False, document=None)
        known = self._liveness.beat(
            request.user, request.member, empty=request.cluster is None, now=self._now
        )
        self._found()
        if request.cluster is not None and known:
            return HeartbeatReply(known, None, self._members())
        wants = known and request.member is not None
        return HeartbeatReply(known, self._document_bytes if wants else None)

    def _members(self) -> tuple[ListedServer, ...]:
        """Where each member of the cluster said last that it is, be it alive or silent; nobody else is in it.

        Who has a member's name and another disk was not registered: see :meth:`_may_register`.
        """
        members = () if self._document is None else self._document.members
        registered = ((member, self._liveness.get(member.name)) for member in members)
        return tuple(
            ListedServer(member.name, member.rank, entry.endpoint, entry.member)
            for member, entry in registered
            if entry is not None and entry.member == member.member and entry.endpoint
        )

    def _list(self) -> ListReply:
        servers = [
            ListedServer(entry.name, self._ranks[entry.name], entry.endpoint)
            for entry in self._liveness.alive(self._now)
        ]
        return ListReply(tuple(sorted(servers, key=lambda server: server.rank)))

    # The clocks.

    def _candidates(self) -> list[Candidate]:
        """The servers whose clocks are asked; a client that is no server of ours would not know what to answer."""
        document = self._document
        members = None if document is None else {member.member for member in document.members}
        return [
            Candidate(entry.name, self._ranks[entry.name], members is None or entry.member in members)
            for entry in self._liveness.alive(self._now)
            if entry.member is not None and entry.beats
        ]

    def _expected(self) -> int:
        """How many servers there are likely to be."""
        if self._document is not None:
            return len(self._document.members)
        return max((entry.expect or 1 for entry in self._liveness.alive(self._now)), default=1)

    def _clocks(self) -> ClocksReply:
        rounds, now = self.rounds, self._now
        status = rounds.status(now)
        own = ClockRow("reference", 0, 0.0, 0.0, 0.0, status.left, state=status.state)
        return ClocksReply(self._time(), status.rounds, (own, *rounds.rows(now)))

    # The cluster.

    def _hear_cluster(self, name: str, cluster: bytes) -> None:
        """A server has data of a cluster: from now on none is founded."""
        if self._cluster is None:
            self._cluster = cluster
            self._sequence += 1
            self._sentences.append(f"{name} has data of cluster {cluster.hex()}: no other will be founded.")
        elif cluster != self._cluster:
            self._say(
                f"foreign {name}",
                f"{name} belongs to cluster {cluster.hex()}, this reference to {self._cluster.hex()}: refused.",
            )
            raise Refusal(Code.INVALID_FIELD, field="cluster", reason=Reason.UNKNOWN_VALUE)

    def _hear_document(self, name: str, data: bytes) -> None:
        """A server has the founding document: adopt it where it is not known yet, refuse any other."""
        if data == self._document_bytes:
            return
        try:
            document = FoundingDocument.decode(data)
        except ValueError:
            self._say(f"damaged {name}", f"{name} sent a founding document that cannot be read: refused.")
            raise Refusal(Code.INVALID_FIELD, field="documento", reason=Reason.NOT_DECODABLE) from None
        self._hear_cluster(name, document.cluster)
        if self._document is not None:
            self._say(f"foreign {name}", f"{name} sent another founding document of this cluster: refused.")
            raise Refusal(Code.INVALID_FIELD, field="documento", reason=Reason.UNKNOWN_VALUE)
        self._document, self._document_bytes = document, data
        self._sequence += 1
        for changed in self._ranks.adopt(document.members):
            # Its next heartbeat is answered "unknown", and then it asks for its new rank.
            self._liveness.forget(changed)
        self._sentences.append(
            f"The founding document of cluster {document.cluster.hex()} was learnt from {name}: "
            f"{names_of(document)}."
        )

    def _found(self) -> None:
        """Found a cluster, where as many empty servers as they expect are here, and none was ever heard of."""
        if self._cluster is not None:
            self._waiting = None
            return
        candidates = sorted(
            (entry for entry in self._liveness.alive(self._now) if entry.empty and entry.beats),
            key=lambda entry: self._ranks[entry.name],
        )
        obstacle = obstacle_of(candidates)
        if obstacle is not None:
            self._waiting = obstacle
            if candidates:
                self._say(f"waiting {obstacle}", obstacle)
            return
        if self._now.monotonic < self._listen_until:
            self._waiting = "The reference has just started, and listens for servers with data."
            return
        self._write_document(candidates)

    def _write_document(self, candidates: list[Registration]) -> None:
        expect = candidates[0].expect
        members = tuple(
            Member(entry.member or b"", entry.name, entry.endpoint, self._ranks[entry.name])
            for entry in candidates[:expect]
        )
        document = FoundingDocument(cluster=self._rng.randbytes(16), members=members)
        self._document, self._document_bytes = document, document.encode()
        self._cluster = document.cluster
        self._waiting = None
        self._sequence += 1
        self._sentences.append(f"Cluster {document.cluster.hex()} is founded by {names_of(document)}.")
        for entry in candidates[expect:]:
            self._sentences.append(f"{entry.name} came too late and is not a member.")
