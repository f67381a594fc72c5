"""Takes what comes in to the replica, and carries out what it wants done, once for all that came in one turn.

Inputs of one turn of the reactor (messages of any socket, completions of the store, the tick) are told to the replica
as they come.  The first of them schedules :meth:`Executor.turn` for the shell's next turn, which begins with it: so
it acts on everything that the sockets had, and its batches are as large as they can be without anybody waiting.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from bulletin.core.board.history import Page
from bulletin.core.board.outcome import RestoredBoard
from bulletin.core.errors import Refusal
from bulletin.core.log.entry import Entry
from bulletin.core.raft.ready import Give, Restored, Taken
from bulletin.core.server.replica import Replica
from bulletin.core.server.work import StoreWrite, Work
from bulletin.core.store.port import BACKLOG_BYTES_MAX, Store, StoreError, StoreFull, StoreLow
from bulletin.core.wire import broker as broker_wire, peers as peer_wire, reference as reference_wire
from bulletin.core.wire.broker import BrokerHeartbeat, Requests

if TYPE_CHECKING:
    from bulletin.core.clocks.instant import Instant
    from bulletin.core.server.addresses import Reach
    from bulletin.core.wire.broker import ToBroker
    from bulletin.core.wire.peers import PeerFrame
    from bulletin.core.wire.reference import Addressed

BROKEN: Final = "The server has met a state that cannot be: it stops rather than answer wrongly; see its log."

Soon = Callable[[Callable[[], None]], Callable[[], object]]
"""Has a function called in the shell's next turn, and returns what takes that back."""


class Outlets(Protocol):
    """Where what goes out goes: the server's sockets.  None of them waits, or fails: what cannot be sent is lost."""

    def reach(self, fellows: "Sequence[Reach]") -> None:
        """Connect to fellow servers, elsewhere than before where they moved."""

    def to_peers(self, frames: "Sequence[PeerFrame]") -> None:
        """Send frames to fellow servers."""

    def to_brokers(self, messages: "Sequence[tuple[int, ToBroker]]") -> None:
        """Send messages to brokers, by their numbers."""

    def to_reference(self, requests: "Sequence[Addressed]") -> None:
        """Send requests to the reference."""

    def publish(self, publications: Sequence[tuple[bytes, bytes]]) -> None:
        """Publish (topic, body) at every proxy."""


class Voice(Protocol):
    """What an operator is told."""

    def say(self, text: str, *, urgent: bool) -> None:
        """A line for the log; whoever writes it out takes care of what a stranger may have put into it."""

    def malformed(self, whose: str) -> None:
        """A message of somebody could not be read; it may come again and again."""

    def broken(self) -> None:
        """The exception that is being handled ends the server."""

    def stop(self, sentence: str) -> None:
        """The server cannot go on, for this reason.  Called once."""


@attrs.define
class Malformed:
    """Messages that could not be read, by where they came from."""

    peers: int = 0
    brokers: int = 0
    reference: int = 0


@attrs.define
class DiskCounters:
    """What was asked of the disk, and how long it took.

    :param writes: writes with something to sync in them, done so far.
    :param entries: log entries in them.
    :param rows: rows for the tables, in all writes.
    :param seconds: sum of the times from asking for those writes to their being synced.
    :param given: bytes of tables that were read for fellow servers.
    """

    writes: int = 0
    entries: int = 0
    rows: int = 0
    seconds: float = 0.0
    given: int = 0


class Executor:
    """Between the replica and everything that is not in the core.

    :param replica: the server.
    :param store: its disk, open.
    :param soon: schedules the turns.
    :param now: the clocks.
    :param voice: tells the operator.
    """

    def __init__(
        self,
        replica: Replica,
        store: Store,
        *,
        soon: Soon,
        now: Callable[[], "Instant"],
        voice: Voice,
    ) -> None:
        self.replica = replica
        self.malformed = Malformed()
        self.disk = DiskCounters()
        self.links: Outlets | None = None
        """Set before the first turn."""
        self._store = store
        self._soon = soon
        self._now = now
        self._voice = voice
        self._take_back: Callable[[], object] | None = None
        self.stopped = False
        """Whether it carries out nothing any more."""

    # What comes in

    def from_broker(self, number: int, parts: list[bytes]) -> None:
        """A broker's message."""
        try:
            (frame,) = parts
            message = broker_wire.decode(frame)
        except (Refusal, ValueError):
            self.malformed.brokers += 1
            self._voice.malformed("broker")
            return
        if isinstance(message, BrokerHeartbeat | Requests):
            self._input(self.replica.broker, number, message)
        else:
            self.malformed.brokers += 1
            self._voice.malformed("broker")

    def from_peer(self, parts: list[bytes]) -> None:
        """A fellow server's frame."""
        try:
            (part,) = parts
            frame = peer_wire.decode(part)
        except (Refusal, ValueError):
            self.malformed.peers += 1
            self._voice.malformed("fellow server")
            return
        self._input(self.replica.peer, frame)

    def from_reference(self, parts: list[bytes]) -> None:
        """The reference's message."""
        try:
            (frame,) = parts
            reply = reference_wire.decode_reply(frame)
        except (Refusal, ValueError):
            self.malformed.reference += 1
            self._voice.malformed("reference")
            return
        self._input(self.replica.reference, reply)
        self._answer_probes()

    def _answer_probes(self) -> None:
        """Answer the clocks' probes now, not with what else the turn brings: how long that takes is what is measured."""
        if self.stopped or self.links is None:
            return
        answers = self.replica.answers_for_reference(self._now())
        if answers:
            self.links.to_reference(answers)

    def unexpected(self, _parts: list[bytes]) -> None:
        """A message on a socket that only sends."""
        self.malformed.peers += 1
        self._voice.malformed("fellow server")

    def tick(self) -> None:
        """Time has passed."""
        self._input(partial(self.replica.tick, congested=self._store.backlog > BACKLOG_BYTES_MAX))

    def disk_failed(self, error: StoreError) -> None:
        """The store says so: see :data:`bulletin.core.store.port.Failed`."""
        match error:
            case StoreLow():
                self._input(self.replica.disk_low, str(error))
            case StoreFull():
                self._input(self.replica.disk_full, str(error))
            case _:
                self.fail(str(error))

    def drain(self) -> None:
        """The process is to end."""
        self._input(self.replica.drain)

    def fail(self, sentence: str) -> None:
        """Stop at once: nothing more is said to anybody."""
        if not self.stopped:
            self.stopped = True
            self._cancel()
            self._voice.stop(sentence)

    def close(self) -> None:
        """Carry out nothing more."""
        self.stopped = True
        self._cancel()

    # What goes out

    def turn(self) -> None:
        """Carry out what the replica wants done."""
        self._take_back = None
        if self.stopped:
            return
        try:
            self._carry_out(self.replica.ready(self._now()))
        except Exception:  # noqa: BLE001 - logged; going on with a broken invariant could answer wrongly
            self._break()

    def _carry_out(self, work: Work) -> None:
        assert self.links is not None
        for event in work.events:
            self._voice.say(event.text, urgent=event.urgent)
        if work.fatal is not None:
            self._end(work.fatal, distrust=work.distrust)
            return
        links = self.links
        if work.reach:
            links.reach(work.reach)
        # What others wait for goes first: handing a write over wakes the writer's thread, which then wants the
        # interpreter's lock that each send lets go.
        if work.frames:
            links.to_peers(work.frames)
        if work.to_brokers:
            links.to_brokers(work.to_brokers)
        self._ask_store(work)
        if work.publications:
            links.publish(work.publications)
        if work.to_reference:
            links.to_reference(work.to_reference)
        if work.learnt is not None:
            self._store.remember(work.learnt, self._remembered)
        if work.more:
            self._schedule()

    def _end(self, why: str, *, distrust: bool) -> None:
        if distrust:
            self._store.distrust(why)
        self.fail(why + ".")

    def _ask_store(self, work: Work) -> None:
        if work.write is not None:
            write = work.write
            done = partial(self._stored, write, self._now().monotonic)
            self._store.write(write.persist, write.applied, done)
        if work.take is not None:
            self._store.take(work.take.body, self._taken)
        if work.install:
            self._store.install(self._installed)
        if work.resume:
            self._store.resume(self._resumed)
        for give in work.gives:
            self._store.give(give.ask, partial(self._given, give))
        if work.found is not None:
            self._store.found(work.found, self._founded)
        for fetch in work.fetches:
            self._store.fetch(fetch, partial(self._fetched, fetch.token))
        for read in work.pages:
            self._store.page(read.query, partial(self._page_read, read.token))

    def _founded(self, restored: Restored, tables: RestoredBoard) -> None:
        self._input(self.replica.founded, restored, tables)

    def _remembered(self, why_not: str | None) -> None:
        if why_not is not None:
            self._voice.say(
                f"Where fellow servers are could not be kept for the next start: {why_not}", urgent=True
            )

    def _stored(self, write: StoreWrite, asked_at: float) -> None:
        disk, persist = self.disk, write.persist
        if persist is not None:
            disk.writes += 1
            disk.entries += len(persist.entries)
            disk.seconds += self._now().monotonic - asked_at
        if write.applied is not None:
            disk.rows += len(write.applied.rows)
        self._input(
            self.replica.stored, write, acts=write.persist is not None or self.replica.waits_for_tables
        )

    def _page_read(self, token: int, page: Page) -> None:
        self._input(self.replica.page_read, token, page)

    def _fetched(self, token: int, entries: Sequence[Entry]) -> None:
        self._input(self.replica.fetched, token, entries)

    def _given(self, give: Give, body: bytes, index: int) -> None:
        self.disk.given += len(body)
        self._input(self.replica.given, give, body, index)

    def _taken(self, taken: Taken) -> None:
        self._input(self.replica.taken, taken)

    def _installed(self, restored: Restored, tables: RestoredBoard) -> None:
        self._input(self.replica.installed, restored, tables)

    def _resumed(self, restored: Restored | None, tables: RestoredBoard | None) -> None:
        self._input(self.replica.resumed, restored, tables)

    # Inside

    def _input(self, function: Callable[..., None], *arguments: Any, acts: bool = True) -> None:
        """Tell the replica something; ``acts``: there may be something to do because of it."""
        if self.stopped:
            return
        try:
            function(*arguments, now=self._now())
        except Exception:  # noqa: BLE001 - logged; going on with a broken invariant could answer wrongly
            self._break()
            return
        if acts:
            self._schedule()

    def _schedule(self) -> None:
        if self._take_back is None and not self.stopped:
            self._take_back = self._soon(self.turn)

    def _break(self) -> None:
        self._voice.broken()
        self.fail(BROKEN)

    def _cancel(self) -> None:
        take_back, self._take_back = self._take_back, None
        if take_back is not None:
            take_back()
