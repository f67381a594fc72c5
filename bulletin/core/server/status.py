"""What a server looks like from outside: plain values for metrics, health checks and tests."""

from typing import TYPE_CHECKING

import attrs

from bulletin.core.clocks.corrected import State
from bulletin.core.clocks.instant import Instant
from bulletin.core.raft.ready import Role, Status
from bulletin.core.server.answers import Counts
from bulletin.core.server.timekeeping import Counters

if TYPE_CHECKING:
    from bulletin.core.server.replica import Replica


@attrs.define
class Dropped:
    """What came in and was not for this server, since the start.

    :param peer_frames: that came while it was empty.
    :param requests: of an earlier session.
    :param unstarted: requests that were forgotten when a session ended.
    """

    peer_frames: int = 0
    requests: int = 0
    unstarted: int = 0


@attrs.frozen
class ClockStatus:
    """A server's physical clock at one moment.

    :param state: how far it can be trusted.
    :param correction: how far it is ahead of its machine's own, in seconds.
    :param bound: how far it may be from the board's time, in seconds, or None: it was never synchronised.
    :param left: what is left to slew, in seconds.
    :param rate: the rate that it has learnt, as a fraction.
    :param steps: how often it has jumped.
    :param stepped: seconds that it has jumped, summed.
    :param counters: what came of the rounds.
    """

    state: State
    correction: float
    bound: float | None
    left: float
    rate: float
    steps: int
    stepped: float
    counters: Counters


@attrs.frozen
class ServerStatus:
    """One server at one moment.

    :param name: its name.
    :param empty: whether it has no founding document yet; then what is below is at its defaults.
    :param leader: the leader's name, or None.
    :param node: the node as it was at the last tick, or None.
    :param applied: the last entry applied in memory.
    :param written: the last entry in the tables.
    :param digest: of the state at ``applied``, in hex.
    :param operations: operations applied so far that were no repetitions.
    :param proposals: operations under way here, ``proposals_bytes`` of requests behind them; ``held`` of them wait for a
        leader.
    :param queries: reads under way here.
    :param sessions: the session at the brokers; ``connected`` of them know it.
    :param clock: the Lamport clock.
    :param time: the physical one.
    :param published: posts that this server published.
    :param peers_dropped: frames that were none of its business.
    :param reference: whether the reference answered lately.
    :param counts: how requests ended.
    :param dropped: what was not for this server.
    :param full: whether its disk is full.
    """

    name: str
    empty: bool
    clock: int
    time: ClockStatus
    published: int
    reference: bool
    counts: Counts
    dropped: Dropped
    session: int = 0
    connected: int = 0
    leader: str | None = None
    node: Status | None = None
    applied: int = 0
    written: int = 0
    digest: str = ""
    operations: int = 0
    proposals: int = 0
    proposals_bytes: int = 0
    held: int = 0
    queries: int = 0
    peers_dropped: int = 0
    full: bool = False

    @property
    def leads(self) -> bool:
        """Whether it is the leader."""
        return self.node is not None and self.node.role is Role.LEADER


def status_of(replica: "Replica", now: Instant) -> ServerStatus:
    """The status of a server."""
    status = ServerStatus(
        name=replica.settings.name,
        empty=True,
        clock=replica.lamport.value,
        time=_clock_of(replica, now),
        published=replica.publisher.published,
        reference=replica.formation.reference_heard(now),
        counts=replica.answers.counts,
        dropped=replica.dropped,
        full=replica.room.short,
    )
    member = replica.member
    if member is None:
        return status
    marks = member.board.marks()
    return attrs.evolve(
        status,
        empty=False,
        session=replica.brokers.session,
        connected=replica.brokers.connected(now),
        leader=member.leader,
        node=member.status,
        applied=marks.applied,
        written=member.written,
        digest=marks.digest.hex(),
        operations=marks.ordinal,
        proposals=len(member.proposals),
        proposals_bytes=member.proposals.size,
        held=member.proposals.held,
        queries=len(member.queries),
        peers_dropped=member.peers.dropped,
    )


def _clock_of(replica: "Replica", now: Instant) -> ClockStatus:
    clock = replica.time
    return ClockStatus(
        state=clock.state(now),
        correction=clock.correction(now),
        bound=clock.bound(now),
        left=clock.left(now),
        rate=clock.rate,
        steps=clock.steps,
        stepped=clock.stepped,
        counters=replica.timekeeping.counters,
    )
