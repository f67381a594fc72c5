"""The server as one value machine: what came in and the time go in, and :meth:`Replica.ready` says what is to be done."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Final

import attrs

from bulletin.core.board.board import CannotApply
from bulletin.core.board.history import Page
from bulletin.core.board.outcome import RestoredBoard
from bulletin.core.clocks.corrected import CorrectedClock
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code
from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.log.entry import Entry
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.raft.config import Config
from bulletin.core.raft.diverged import Diverged
from bulletin.core.raft.ready import Give, Restored, Taken
from bulletin.core.server.admission import Admission, Refused
from bulletin.core.server.answers import Answers, Finished
from bulletin.core.server.brokers import PATIENCE, Brokers
from bulletin.core.server.formation import Formation
from bulletin.core.server.impediments import impediment_of, unready_of
from bulletin.core.server.member import NO_TURN, Member, Turn
from bulletin.core.server.notices import Notices
from bulletin.core.server.publisher import Publisher
from bulletin.core.server.room import Room, Standing
from bulletin.core.server.status import Dropped, ServerStatus, status_of
from bulletin.core.server.timekeeping import Timekeeping
from bulletin.core.server.work import PageRead, StoreWrite, Work
from bulletin.core.wire.broker import BrokerHeartbeat, Request, Requests, ToServer
from bulletin.core.wire.clocks import Adjustment, Probe
from bulletin.core.wire.envelope import Dialect
from bulletin.core.wire.peers import PeerFrame
from bulletin.core.wire.reference import Addressed, ReferenceRequest

if TYPE_CHECKING:
    from random import Random

DRAIN_SECONDS: Final = 2.0
"""How long a server that was told to stop goes on answering what it has; less, once there is nothing more."""


@attrs.frozen
class Settings:
    """What a server is told when it is started.

    :param name: its name.
    :param endpoint: what its peers connect to.
    :param expect: how many servers found a new cluster.
    :param brokers: how many brokers it talks to; they are numbered from 0.
    :param flat_publications: publish posts in the flat shape alone.
    :param clock_offset: seconds that its clock is wrong by, and
    :param clock_drift_ppm: by how much that grows, for trying the synchronisation.
    :param config: the node's times and bounds.
    :param window: operations remembered.  Every server has to have the same; smaller ones are for simulations.
    """

    name: str
    endpoint: str
    expect: int = 3
    brokers: int = 1
    flat_publications: bool = False
    clock_offset: float = 0.0
    clock_drift_ppm: float = 0.0
    config: Config = attrs.Factory(Config)
    window: int = OPERATIONS_REMEMBERED


class Replica:
    """One server.  Everything is called from one thread, with a time that does not go back; nothing waits.

    :param settings: what it was told.
    :param member: the random id on its disk.
    :param restored: what the disk holds of the log, or None: it is empty.
    :param tables: and of the board.
    :param rng: its chances, keys and salts: the system's generator, or a seeded one in a simulation.
    :param now: the start.
    :param learnt: where fellow servers are, as an earlier start learnt it.
    :param full: the disk is full: the sentence that says so; None: it is not.
    """

    def __init__(
        self,
        settings: Settings,
        member: bytes,
        restored: Restored | None,
        tables: RestoredBoard | None,
        rng: "Random",
        now: Instant,
        learnt: Mapping[bytes, str] | None = None,
        full: str | None = None,
    ) -> None:
        self.settings = settings
        self.member_id = member
        """This server's identity: the random id on its disk."""
        self._rng = rng
        self._learnt = learnt or {}
        self._last = now.monotonic
        self._now = now
        self._tokens = count(1)
        self.lamport = LamportClock()
        self.time = CorrectedClock(now, settings.clock_offset, settings.clock_drift_ppm)
        self._notices = Notices()
        self.timekeeping = Timekeeping(settings.name, self.time, self._notices, now)
        self._admission = Admission(self.lamport, self.time, rng.randbytes)
        self.answers = Answers(self.lamport, self.time)
        self.publisher = Publisher(self.lamport, flat_only=settings.flat_publications)
        self.brokers = Brokers(settings.name, settings.brokers)
        self.formation = Formation(
            settings.name,
            settings.endpoint,
            member,
            settings.expect,
            None if restored is None else restored.document,
            self._notices,
        )
        self.member: Member | None = None
        self.dropped = Dropped()
        self._finished: list[Finished] = []
        self._fatal: str | None = None
        self._distrust = False
        self._congested = False
        self._draining_since: float | None = None
        self._resume = False
        self._asked: list[Addressed] = []
        self.room = Room()
        if restored is not None and tables is not None:
            self._join(restored, tables, now)
        if full is not None:
            self.disk_full(full, now)

    @property
    def congested(self) -> bool:
        """Whether so much is under way to the disk that nothing new is taken."""
        return self._congested

    @property
    def document(self) -> FoundingDocument | None:
        """The cluster's founding document, or None while this server is empty."""
        return None if self.member is None else self.member.document

    @property
    def draining(self) -> bool:
        """Whether it was told to stop."""
        return self._draining_since is not None

    # What comes in

    def broker(self, number: int, message: ToServer, now: Instant) -> None:
        """A broker's message."""
        self._observe(now)
        self.lamport.receive(message.clock)
        match message:
            case BrokerHeartbeat(known=known):
                self.brokers.heard(number, known, now)
            case Requests(session=session, requests=requests):
                self.brokers.heard(number, None, now)
                if session != self.brokers.session:
                    self.dropped.requests += len(requests)
                    return
                self.timekeeping.exchanged(len(requests))
                for request in requests:
                    self._request(number, request, now)

    def peer(self, frame: PeerFrame, now: Instant) -> None:
        """A fellow server's frame."""
        self._observe(now)
        member = self.member
        if member is None:
            self.dropped.peer_frames += 1
        elif member.peers.accept(frame, now):
            self.lamport.receive(frame.clock)
            try:
                for message in frame.messages:
                    member.receive(frame.sender, message, now)
            except Diverged as error:
                self._stop(str(error))
            if frame.checkpoint is not None:
                self._compare(member, now)

    def reference(self, reply: Addressed, now: Instant) -> None:
        """The reference's message.  See :meth:`answers_for_reference`, too."""
        self._observe(now)
        self.lamport.receive(reply.clock)
        match reply.body:
            case Probe() as probe:
                self.timekeeping.probed(probe, now)
            case Adjustment() as adjustment:
                self.timekeeping.adjusted(adjustment, now)
            case _:
                self.formation.receive(reply, now)
        listed = self.formation.take_listed()
        if self.member is not None:
            self.member.addresses.hear(listed)

    def founded(self, restored: Restored, tables: RestoredBoard, now: Instant) -> None:
        """The founding document is stored."""
        self._observe(now)
        self.formation.founded(restored.document)
        self._join(restored, tables, now)
        names = ", ".join(fellow.name for fellow in restored.document.members)
        self._notices.say(f"{self.settings.name} has joined the new cluster of {names}")

    def stored(self, write: StoreWrite, now: Instant) -> None:
        """The store has done a write."""
        self._observe(now)
        self._has_data().stored(write.persist, write.applied, now)

    def page_read(self, token: int, page: Page, now: Instant) -> None:
        """The store has read a page."""
        self._observe(now)
        self._has_data().queries.page_read(token, page)

    def fetched(self, token: int, entries: Sequence[Entry], now: Instant) -> None:
        """The store has read entries of the log."""
        self._observe(now)
        self._has_data().log.fetched(token, entries, now)

    def given(self, give: Give, body: bytes, index: int, now: Instant) -> None:
        """The store has read a part of the tables for a fellow server."""
        self._observe(now)
        self._has_data().log.given(give.recipient, give.number, body, index, now)

    def taken(self, taken: Taken, now: Instant) -> None:
        """The store has taken in a part of a fellow's tables."""
        self._observe(now)
        self._has_data().log.taken(taken, now)

    def installed(self, restored: Restored, tables: RestoredBoard, now: Instant) -> None:
        """The tables of a fellow are in the place of the own ones: this server goes on as after a start.

        If it has stepped aside meanwhile, it stays there: what it stored now would be lost on whoever looks for room.
        """
        self._observe(now)
        self._begin_anew(restored, tables, now)
        if self.room.aside:
            self._has_data().step_aside(now)
        self._notices.say(
            f"{self.settings.name} was too far behind for the log: it has taken over the tables of entry"
            f" {tables.marks.applied} from a fellow server"
        )

    def disk_low(self, sentence: str, now: Instant) -> None:
        """The disk is full; what is under way is stored yet, in the store's reserve: this server leaves in good order.

        :param sentence: what is full, and what to do.
        """
        self._observe(now)
        if self.member is None:
            self._stop(sentence.rstrip("."))
        elif not self.room.short:
            self.room.low(sentence, now)
            self._notices.say(sentence, urgent=True)

    def disk_full(self, sentence: str, now: Instant) -> None:
        """The disk is full, and nothing is stored any more: this server is out of it at once.

        :param sentence: what is full, and what to do.
        """
        self.disk_low(sentence, now)
        if self.member is not None and not self.room.aside:
            self._step_aside(self.member, now)

    def resumed(self, restored: Restored | None, tables: RestoredBoard | None, now: Instant) -> None:
        """The store has looked for room.

        :param restored: what the disk holds, or None: there is no room yet.
        """
        self._observe(now)
        found = restored is not None and tables is not None
        self.room.looked(now, found=found)
        if restored is not None and tables is not None:
            self._begin_anew(restored, tables, now)
            self._notices.say("the disk has room again: this server takes part again")

    def tick(self, now: Instant, *, congested: bool = False) -> None:
        """Time has passed; to be called every 20 to 50 ms.

        :param congested: so much is under way to the disk that nothing new should be taken.
        """
        self._observe(now)
        if congested and not self._congested:
            self._notices.repeat(
                "congested", "the disk is behind: other servers take the requests", now, urgent=True
            )
        self._congested = congested
        request = self.formation.tick(now)
        if request is not None:
            self._asked.append(self.formation.address(request, self.lamport.tick(), self.time.read(now)))
        asked = self.timekeeping.tick(now, heard_at=self.formation.heard_at, beats=self.formation.beats)
        if asked is not None:
            self._asked.append(self._address(asked, now))
        member = self.member
        if member is not None:
            member.tick(now)
            if congested or self.draining or self.room.short:
                member.hand_over(now)
            if self.room.standing is Standing.LEAVING and (
                self.room.patience_ends(now) or member.nothing_under_way
            ):
                self._step_aside(member, now)
            accepts = self.impediment() is None
            if accepts:
                self.time.fix()
            elif self.room.aside and not self.draining:
                accepts = member.last_resort(now)
            self.brokers.accept(accepts)
            self._resume = self.room.looks(now) or self._resume
            self.publisher.tick(now, leads=member.log.node.leads)

    def drain(self, now: Instant) -> None:
        """Stop taking requests, give leadership away, finish what is under way: see :meth:`drained`."""
        self._observe(now)
        if self._draining_since is None:
            self._draining_since = now.monotonic
            self.brokers.accept(False)
            if self.member is not None:
                self.member.hand_over(now)

    def drained(self, now: Instant) -> bool:
        """Whether nothing is under way any more, or has been for too long."""
        if self._draining_since is None:
            return False
        member = self.member
        if member is None or now.monotonic - self._draining_since >= DRAIN_SECONDS:
            return True
        return member.nothing_under_way

    # What goes out

    @property
    def waits_for_tables(self) -> bool:
        """Whether something is to be done when applied rows, and nothing else, have been written."""
        return self.member is not None and self.member.queries.waits_for_tables

    def answers_for_reference(self, now: Instant) -> list[Addressed]:
        """Answers to the reference's probes, to be sent before anything else: it measures how long they take."""
        return [self._address(answer, now) for answer in self.timekeeping.take()]

    def ready(self, now: Instant) -> Work:
        """Everything that is to be done since the last call, for all that came in since then."""
        self._observe(now)
        self._now = now
        turn = NO_TURN
        frames: list[PeerFrame] = []
        pages: list[PageRead] = []
        member = self.member
        if member is not None and self._fatal is None:
            turn = self._turn(member, now)
            pages = member.queries.take_pages()
        if self._fatal is not None:
            return Work(events=self._notices.take(), fatal=self._fatal, distrust=self._distrust)
        if member is not None:
            frames = member.peers.take(self._stamp)
        self.timekeeping.exchanged(len(self._finished))
        for finished in self._finished:
            self.brokers.reply(finished.caller.broker, self.answers.reply(finished, now))
        self._finished = []
        resume, self._resume = self._resume, False
        asked, self._asked = [*self._asked, *self.answers_for_reference(now)], []
        write = None
        if turn.persist is not None or turn.applied is not None:
            write = StoreWrite(turn.persist, turn.applied)
        return Work(
            found=self.formation.take(),
            write=write,
            frames=frames,
            to_brokers=self.brokers.take(self._stamp, now),
            publications=self.publisher.take(),
            pages=pages,
            fetches=turn.fetches,
            gives=turn.gives,
            take=turn.take,
            install=turn.install,
            resume=resume,
            to_reference=asked,
            reach=() if member is None else member.addresses.take(),
            learnt=None if member is None else member.addresses.take_learnt(),
            events=self._notices.take(),
            more=turn.more,
        )

    def _turn(self, member: Member, now: Instant) -> Turn:
        before = member.peers.checkpoints.latest
        turn = NO_TURN
        try:
            turn = member.turn(now)
        except (Diverged, CannotApply) as error:
            self._stop(str(error))
        if member.peers.checkpoints.latest is not before:
            self._compare(member, now)
        self._finished += member.take_finished()
        return turn

    def _address(self, request: ReferenceRequest, now: Instant) -> Addressed:
        return Addressed(request, Dialect.SERVICE, self.lamport.tick(), self.time.read(now))

    def _stamp(self) -> tuple[int, float]:
        return self.lamport.tick(), self.time.read(self._now)

    def impediment(self) -> str | None:
        """Why this server takes no requests, in one sentence, or None: it does."""
        return impediment_of(self)

    def unready(self, now: Instant) -> str | None:
        """Why this server does not do its whole work, in one sentence, or None: it does (``/readyz``)."""
        return unready_of(self, now)

    def status(self, now: Instant) -> ServerStatus:
        """What it looks like from outside."""
        return status_of(self, now)

    # Inside

    def _observe(self, now: Instant) -> None:
        """Notice that this server stood still: then its brokers have given it up, and others do what it had."""
        stood_still = now.monotonic - self._last
        self._last = max(self._last, now.monotonic)
        if stood_still < PATIENCE or self.member is None:
            return
        self.brokers.renew()
        self.dropped.unstarted += self.member.drop_unstarted()
        self._notices.repeat(
            "stood still", f"this server stood still for {stood_still:.1f} s, and begins a new session", now
        )

    def _request(self, broker: int, request: Request, now: Instant) -> None:
        admitted = self._admission.admit(broker, request, now)
        if isinstance(admitted, Refused):
            if admitted.refusal.code is Code.REPLICATED_FORBIDDEN:
                self._notices.repeat(
                    "replicado", "a request that claims to be replication's was refused", now
                )
            self._finished.append(Finished(admitted.caller, admitted.refusal))
        elif self.member is None or not self.brokers.accepting:
            refusal = admitted.caller.refusal(Code.NO_SERVERS, harmless=True)
            self._finished.append(Finished(admitted.caller, refusal, later=True))
        else:
            finished = self.member.admit(admitted, now)
            if finished is not None:
                self._finished.append(finished)

    def _join(self, restored: Restored, tables: RestoredBoard, now: Instant) -> None:
        self.brokers.begin(restored.incarnation)
        self.timekeeping.joined(now)
        self.member = Member(
            self.settings.config,
            self.member_id,
            restored,
            tables,
            rng=self._rng,
            tokens=self._tokens,
            lamport=self.lamport,
            publisher=self.publisher,
            learnt=self._learnt,
            notices=self._notices,
            now=now,
            window=self.settings.window,
        )

    def _begin_anew(self, restored: Restored, tables: RestoredBoard, now: Instant) -> None:
        """Go on from what the disk has, as after a start."""
        member = self._has_data()
        member.abandon()
        self._finished += member.take_finished()
        self._join(restored, tables, now)
        self._has_data().addresses = member.addresses

    def _step_aside(self, member: Member, now: Instant) -> None:
        """The disk takes nothing more."""
        self.room.leave(self.room.sentence, now)
        member.step_aside(now)
        self._finished += member.take_finished()

    def _has_data(self) -> Member:
        assert self.member is not None, "the store speaks of a log that this server does not have"
        return self.member

    def _compare(self, member: Member, now: Instant) -> None:
        difference = member.peers.checkpoints.differing()
        if difference is None:
            return
        sentence = f"the state at index {difference.index} differs from that of"
        if difference.majority:
            self._distrust = True
            self._stop(
                f"{sentence} a majority of the servers: this server's tables are wrong. Start it again, and it takes"
                " everything over from the others"
            )
        else:
            self._notices.repeat("differs", f"{sentence} a fellow server", now, urgent=True)

    def _stop(self, why: str) -> None:
        if self._fatal is None:
            self._fatal = why
