"""A server that has data: a node of the log, the board that the log makes, and whoever waits for either.

One turn (:meth:`Member.turn`) takes what came in since the last one through all of it, each step for everything at
once::

    held proposals, reads ──► port ──► Node ──► persist, messages
                                        │
              committed entries ◄───────┘
                    │
                    ▼
      Board.apply, one operation after the other ──► rows for the tables
                    │
                    ├──► who waited for the operation here is answered, its post published
                    └──► reads that waited for this index go on
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from bulletin.core.board import commands
from bulletin.core.board.board import Board, CannotApply
from bulletin.core.board.outcome import Applied, Outcome, RestoredBoard
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.log.entry import LEVEL
from bulletin.core.log.port import (
    BarrierFailed,
    BarrierPassed,
    Committed,
    LogEvent,
    Operation,
    ProposalFailed,
    position_of,
)
from bulletin.core.raft.config import Config
from bulletin.core.raft.messages import Append, Forward, Message
from bulletin.core.raft.node import Node
from bulletin.core.raft.ordered_log import RaftLogPort
from bulletin.core.raft.ready import Fetch, Give, Persist, Restored, Role, Status, Take
from bulletin.core.server.addresses import Addresses
from bulletin.core.server.admission import Admitted
from bulletin.core.server.answers import Finished
from bulletin.core.server.applying import Applying
from bulletin.core.server.notices import Notices
from bulletin.core.server.peers import Peers
from bulletin.core.server.proposals import KEY_PREFIX_BYTES, Proposals
from bulletin.core.server.publisher import Publisher
from bulletin.core.server.queries import Queries
from bulletin.core.server.readiness import Readiness
from bulletin.core.wire.replies import result_of
from bulletin.core.wire.requests import Query, ReadLevel, Write

if TYPE_CHECKING:
    from random import Random

LEADERLESS: Final = 1.5
"""Seconds without a leader after which requests that wait for one are handed on: an election takes less."""

STUCK: Final = 1.0
"""Seconds beyond an election timeout for which the disk may be silent; then what waits for it is handed on."""

HAND_OVER_AGAIN: Final = 1.0
"""Seconds after which a hand-over that did not come about is tried again."""


@attrs.frozen
class Turn:
    """What a turn of the log came to, for the disk; ``more``: there is more to do in another turn."""

    persist: Persist | None
    applied: Applied | None
    fetches: tuple[Fetch, ...]
    more: bool = False
    gives: tuple[Give, ...] = ()
    take: Take | None = None
    install: bool = False


NO_TURN: Final = Turn(None, None, ())


class Member:
    """The replicated part of a server.

    :param config: the node's times and bounds.
    :param member: this server's member id.
    :param restored: what its disk holds of the log.
    :param tables: and of the board.
    :param rng: the node's chances, and the keys of proposals.
    :param tokens: numbers for barriers and pages, never the same twice.
    :param lamport: this server's logical clock.
    :param publisher: gets the posts.
    :param learnt: where fellow servers are, as an earlier start learnt it.
    :param notices: the operator's log.
    :param now: the start.
    :param window: operations remembered.
    """

    def __init__(
        self,
        config: Config,
        member: bytes,
        restored: Restored,
        tables: RestoredBoard,
        *,
        learnt: Mapping[bytes, str],
        rng: "Random",
        tokens: Iterator[int],
        lamport: LamportClock,
        publisher: Publisher,
        notices: Notices,
        now: Instant,
        window: int = OPERATIONS_REMEMBERED,
    ) -> None:
        self._member = member
        self._lamport = lamport
        self._publisher = publisher
        self._notices = notices
        self.document = restored.document
        self.log = RaftLogPort(Node(config, member, restored, rng, now), now)
        self.board = Board(tables, window)
        self.proposals = Proposals(self.log, rng.randbytes(KEY_PREFIX_BYTES))
        self.queries = Queries(self.log, self.board, tokens)
        self.readiness = Readiness(self.log, tokens, now)
        self.peers = Peers(restored.document, member, notices)
        self.addresses = Addresses(restored.document, member, learnt, notices)
        self.applying = Applying(
            self.board, tables.marks.applied, self.peers.checkpoints, self._applied, self._log_event
        )
        self.written = tables.marks.applied
        """The last entry that the tables hold."""
        self.status: Status = self.log.status()
        """The node as it was at the last tick."""
        self._leadership: tuple[int, bytes | None] = self.log.node.leadership
        self._announced_term = 0
        self._led_at = now.monotonic
        self._disk_answered_at = now.monotonic
        self._handed_over_at = float("-inf")
        self._finished: list[Finished] = []
        self._turn_at = now
        self._ended = False
        self._aside = False
        lamport.restore(tables.marks.clock)

    @property
    def led(self) -> bool:
        """Whether a leader is known."""
        return self._leadership[1] is not None

    @property
    def leader(self) -> str | None:
        """The leader's name, or None."""
        return self.peers.name(self._leadership[1])

    def leaderless(self, now: Instant) -> bool:
        """Whether there has been no leader for longer than an election takes."""
        return not self.led and now.monotonic - self._led_at >= LEADERLESS

    # What comes in

    def admit(self, admitted: Admitted, now: Instant) -> Finished | None:
        """Take a request, or be done with it at once."""
        request, caller = admitted.request, admitted.caller
        query = isinstance(request, Query)
        later = True
        if self.peers.full.prevent(now) and not _is_local(request):
            code, later = Code.DISK_FULL, False
        elif (self._aside or self.leaderless(now)) and not _is_local(request):
            code = Code.NO_LEADER
        elif caller.deadline <= now.monotonic:
            code = Code.TIMED_OUT
        else:
            refused = self.queries.admit(admitted) if query else self.proposals.admit(admitted)
            return None if refused is None else Finished(caller, refused)
        refusal = Refusal(code, definite=True) if query else caller.refusal(code, harmless=True)
        return Finished(caller, refusal, later)

    def tick(self, now: Instant) -> None:
        """Time has passed."""
        self.peers.tick(now)
        self.log.tick(now)
        self.status = status = self.log.status()
        if status.quarantined:
            self._notices.repeat(
                "quarantine",
                "a fellow server has seen a later start of this one: its directory is an old copy, so it takes no part."
                " Put the directory aside and start with an empty one, as a new server",
                now,
                urgent=True,
            )
        leaderless = self.leaderless(now)
        if leaderless and not self._aside:
            self._notices.repeat("leaderless", "there is no leader: a majority cannot be reached", now)
        stuck = self._stuck(now)
        self._finished += self.proposals.expire(now, leaderless=leaderless or stuck)
        self.queries.expire(now, leaderless=leaderless, stuck=stuck)

    def _stuck(self, now: Instant) -> bool:
        """Whether the disk has been silent for so long that others do better with what is under way here.

        A server that has not stored the present term says nothing in it, not even to the leader, and reads wait for
        its tables.
        """
        if self._aside or not self.status.stalled:
            self._disk_answered_at = now.monotonic
            return False
        self._notices.repeat(
            "stalled", "the disk does not answer: other servers take the requests", now, urgent=True
        )
        return now.monotonic - self._disk_answered_at >= STUCK

    def receive(self, sender: bytes, message: Message, now: Instant) -> None:
        """A fellow server's message.

        Forwarded operations are looked at before they can reach the log: one that cannot be applied, which a fellow
        server of a newer version might send, would stop every server for good once it stood there.

        :raises bulletin.core.raft.diverged.Diverged: the server must stop.
        """
        if self._aside and isinstance(message, Append):
            self._led_at = now.monotonic  # the others have a leader, and with it a majority
        if isinstance(message, Forward) and not all(map(_readable, message.operations)):
            self.peers.dropped += 1
            self._notices.repeat(
                "unreadable",
                "forwarded operations that this version cannot read were dropped",
                now,
                urgent=True,
            )
            return
        self.log.receive(sender, message, now)

    def hand_over(self, now: Instant) -> None:
        """Give leadership away, if this server has it; tried again after a while if need be."""
        if self.log.node.leads and now.monotonic - self._handed_over_at >= HAND_OVER_AGAIN:
            self._handed_over_at = now.monotonic
            self.log.transfer(now)

    def stored(self, persist: Persist | None, applied: Applied | None, now: Instant) -> None:
        """The disk has it."""
        if persist is not None:
            self.log.persisted(persist.sequence, now)
        if applied is not None:
            self.written = applied.marks.applied
            self.log.applied_to(self.written)

    @property
    def nothing_under_way(self) -> bool:
        """Whether everything is answered, and leadership is with others, if there are any."""
        alone = len(self.document.members) == 1
        return not len(self.proposals) and not len(self.queries) and (alone or not self.log.node.leads)

    def abandon(self) -> None:
        """This member is at its end: others do what is under way here."""
        self._finished += self.proposals.abandon()
        self.queries.abandon()

    def step_aside(self, now: Instant) -> None:
        """The disk takes nothing more: this member takes no part, but what it has is read on."""
        self._aside = True
        self.abandon()
        self.log.node.retire(now)
        self._leadership = self.log.node.leadership
        self._led_at = now.monotonic
        self.status = self.log.status()
        self.peers.full.own = True

    def last_resort(self, now: Instant) -> bool:
        """Whether, aside as it is, it does as much for a request as the others would: none of them can commit."""
        return self.peers.full.prevent(now) or self.leaderless(now)

    def drop_unstarted(self) -> int:
        """Forget the requests that nothing was done for yet."""
        return self.proposals.drop_held() + self.queries.drop_waiting()

    # What goes out

    def turn(self, now: Instant) -> Turn:
        """Do what there is to do.

        :raises CannotApply: the log holds something that this version cannot apply: the server must stop.
        """
        if self._aside:
            self.queries.advance(self.applying.applied, self.written)
            return attrs.evolve(NO_TURN, more=self.queries.more)
        if self._ended:
            return NO_TURN  # rows that were not written yet are among the tables that come in place
        self._notice_leadership(now)
        if self.led:
            self.proposals.propose(now)
            self.queries.ask(now)
        ready = self.log.ready()
        send = self.peers.send
        for recipient, message in ready.messages:
            send(recipient, message)
        self._turn_at = now
        for entry in ready.committed:
            if entry.level > LEVEL:
                raise CannotApply(position_of(entry.index, 0), f"it is of level {entry.level}")
        applying = self.applying
        applying.deliver(self.log.follow(), ready.committed[-1].index if ready.committed else None)
        if applying.advance(now):
            self._lamport.restore(self.board.marks().clock)
        self.readiness.advance(applying.applied, now, led=self.led)
        self.queries.advance(applying.applied, self.written)
        rows = applying.due_rows(now, at_once=ready.persist is not None or self.queries.waits_for_tables)
        self._ended = ready.install
        return Turn(
            ready.persist,
            rows,
            ready.fetches,
            applying.more or self.queries.more,
            ready.gives,
            ready.take,
            ready.install,
        )

    def take_finished(self) -> list[Finished]:
        """The requests that were finished since the last call."""
        finished = self._finished
        finished += self.queries.take_ended()
        self._finished = []
        return finished

    def _log_event(self, event: LogEvent) -> None:
        """What happened in the log beside operations."""
        match event:
            case ProposalFailed():
                finished = self.proposals.failed(event)
                if finished is not None:
                    self._finished.append(finished)
            case BarrierPassed():
                if not self.readiness.passed(event):
                    self.queries.passed(event)
            case BarrierFailed():
                if not self.readiness.failed(event):
                    self.queries.failed(event)

    def _applied(self, event: Committed, outcome: Outcome) -> None:
        """An operation was applied: answer who waits for it, publish what this server proposed."""
        post = outcome.post
        if post is not None:
            self._publisher.changed(post, self._turn_at)
            if self.proposals.proposed_here(event.key):
                self._publisher.publish(post)
        admitted = self.proposals.committed(event.key)
        if admitted is not None:
            request = admitted.request
            assert not isinstance(request, Query)
            self._finished.append(Finished(admitted.caller, result_of(request, outcome.answer)))

    def _notice_leadership(self, now: Instant) -> None:
        """Say who leads when that changes; a new leader says it to the readers, too, once it has proven it."""
        leadership = self.log.node.leadership
        if leadership != self._leadership:
            self._leadership = leadership
            if self.led:
                self._notices.say(f"{self.leader} leads in term {leadership[0]}")
        if self.led:
            self._led_at = now.monotonic
        term, leader = leadership
        if leader == self._member and term != self._announced_term:
            status = self.log.status()
            if status.role is Role.LEADER and status.proven:
                self._announced_term = term
                self._publisher.elected(self.peers.name(leader) or "", now)


def _is_local(request: Write | Query) -> bool:
    """Whether a request needs no leader."""
    return isinstance(request, Query) and request.level is ReadLevel.LOCAL


def _readable(operation: Operation) -> bool:
    """Whether an operation is a command that this version can apply."""
    try:
        commands.decode(operation.payload)
    except ValueError:
        return False
    return True
