"""One simulated server: a node behind its port, a disk, and a state that is nothing but a digest of what was applied."""

import hashlib
from collections.abc import Callable
from functools import partial
from random import Random

from bulletin.core.clocks.instant import Instant
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.log.port import Committed, LogEvent, index_of
from bulletin.core.raft.config import Config
from bulletin.core.raft.messages import Message
from bulletin.core.raft.node import Node
from bulletin.core.raft.ordered_log import RaftLogPort
from bulletin.core.raft.ready import Fetch, Give, Ready, Take
from bulletin.simulation.checkers import Truth
from bulletin.simulation.log.disk import SimulatedDisk
from bulletin.simulation.time import SimulatedTime

TICK_SECONDS = 0.03


class Server:
    """A server that can crash, be paused, and be started again on its disk.

    :param turned: called with (server, ready, events) after each of its turns.
    :param changed: called with the server after each event that its node worked on.
    :param installed: called with the server when other tables stand on its disk, and it has to start on them.
    :param truth: what is known of the committed log.
    """

    def __init__(
        self,
        number: int,
        document: FoundingDocument,
        config: Config,
        time: SimulatedTime,
        rng: Random,
        turned: Callable[["Server", Ready, list[LogEvent]], None],
        changed: Callable[["Server"], None],
        installed: Callable[["Server"], None],
        truth: Truth,
    ) -> None:
        self.number = number
        self.member = document.members[number].member
        self.numbers = {member.member: place for place, member in enumerate(document.members)}
        self.disk = SimulatedDisk(document, truth)
        self.port: RaftLogPort | None = None
        self.digest = b""
        self.applied = 1
        self.life = 0
        self.resumed = 0
        self.paused_until = 0.0
        self.stalled_until = 0.0
        self.sync_delay_max = 0.004
        self.rate = 1.0
        self._config = config
        self._time = time
        self._rng = rng
        self._turned = turned
        self._changed = changed
        self._installed = installed
        self._syncing = False
        self._turn_due = False
        self._held: list[Callable[[], None]] = []
        """What comes while it stands still without end."""

    @property
    def node(self) -> Node:
        """Its node; only while it runs."""
        return self.running.node

    @property
    def running(self) -> RaftLogPort:
        """Its log; only while it runs."""
        assert self.port is not None, "the server does not run"
        return self.port

    def now(self) -> Instant:
        """This machine's clock: an offset and a rate of its own."""
        return Instant(self._time.now * self.rate + 1000.0 * self.number, 1.7e9 + self._time.now)

    @property
    def damaged(self) -> bool:
        """Whether its disk has lost what it had acknowledged, and a leader has not yet made up for it."""
        return self.disk.durable.trusted_from is not None

    @property
    def excluded(self) -> bool:
        """Whether it is known that its fellows will never count it again."""
        return self.port is not None and self.node.status().quarantined

    # --- life ---

    def start(self) -> None:
        """A process begins on what the disk has."""
        assert self.port is None
        self.life += 1
        restored = self.disk.restored(tail_extra=self._rng.randint(0, 3))
        node = Node(self._config, self.member, restored, self._rng, self.now())
        self.port = RaftLogPort(node, self.now())
        self.applied = restored.applied
        self.digest = self.disk.durable.state
        self._syncing = self._turn_due = False
        self._tick_later()
        self.turn_soon()

    def crash(self) -> None:
        """The process is gone, and what was not synced."""
        self.life += 1
        self.port = None
        self.disk.crash(self._rng)

    def retire(self) -> None:
        """The node has said its last word."""
        self.life += 1
        self.port = None

    def pause(self, seconds: float) -> None:
        """Stand still for so many seconds."""
        self.paused_until = max(self.paused_until, self._time.now + seconds)

    def freeze(self) -> None:
        """Stand still until :meth:`thaw`."""
        self.paused_until = float("inf")

    def thaw(self) -> None:
        """Go on: what has come meanwhile is there."""
        if self.paused_until == float("inf"):
            self.paused_until = self._time.now
        held, self._held = self._held, []
        for action in held:
            action()

    def stall_disk(self, seconds: float) -> None:
        """Have no sync end for so many seconds."""
        self.stalled_until = self._time.now + seconds

    # --- events ---

    def _later(self, delay: float, action: Callable[[], None]) -> None:
        """Run in this life only, and not while paused."""
        life = self.life

        def run() -> None:
            if life != self.life:
                return
            if self.paused_until == float("inf"):
                self._held.append(run)
            elif self._time.now < self.paused_until:
                self._time.after(self.paused_until - self._time.now, run)
            else:
                action()

        self._time.after(delay, run)

    def _tick_later(self) -> None:
        def tick() -> None:
            self.running.tick(self.now())
            self._changed(self)
            self.turn_soon()
            self._later(TICK_SECONDS, tick)

        self._later(TICK_SECONDS * self._rng.random(), tick)

    def receive(self, sender: bytes, message: Message) -> None:
        """A message comes in."""
        if self.port is None:
            return
        if self._time.now < self.paused_until:
            self._later(0, lambda: self.receive(sender, message))
            return
        self.running.receive(sender, message, self.now())
        self._changed(self)
        self.turn_soon()

    def turn_soon(self) -> None:
        """What comes in one turn of the reactor is answered together."""
        if not self._turn_due:
            self._turn_due = True
            self._later(0.001 * self._rng.random(), self.take_turn)

    def take_turn(self) -> None:
        """Carry out what the node wants done."""
        self._turn_due = False
        if self.port is None:
            return
        ready = self.running.ready()
        events = list(self.running.follow())
        self._apply(ready, events)
        if ready.persist is not None or ready.committed:
            self.disk.write(ready.persist, self.applied, self.digest)
            self._sync_later()
        for give in ready.gives:
            self._later(0.01 * self._rng.random(), partial(self._give, give))
        if ready.take is not None:
            self._later(0.01 * self._rng.random(), partial(self._take, ready.take))
        if ready.install:
            self._install()
        for fetch in ready.fetches:
            self._later(
                0.002 * self._rng.random(),
                partial(self._fetched, fetch),
            )
        self._changed(self)
        self._turned(self, ready, events)

    def _fetched(self, fetch: Fetch) -> None:
        self.running.fetched(fetch.token, self.disk.fetch(fetch), self.now())
        self.turn_soon()

    def _give(self, give: Give) -> None:
        body, index = self.disk.give(give.ask, self._rng)
        self.running.given(give.recipient, give.number, body, index, self.now())
        self.turn_soon()

    def _take(self, take: Take) -> None:
        if take.body is None and self.disk.written.incoming:
            self.resumed += 1
        self.running.taken(self.disk.take(take.body), self.now())
        self._changed(self)
        self.turn_soon()

    def _install(self) -> None:
        """The node is closed; once the disk has put the tables in place, a new one begins."""
        self.disk.install()

        def installed() -> None:
            if self._time.now < self.stalled_until:
                self._later(0.05, installed)
                return
            self.disk.sync()
            self._installed(self)

        self._later(0.0005 + self.sync_delay_max * self._rng.random(), installed)

    def _apply(self, ready: Ready, events: list[LogEvent]) -> None:
        for entry in ready.committed:
            assert entry.index == self.applied + 1, "an entry was skipped"
            self.applied = entry.index
            self.digest = hashlib.blake2b(self.digest + entry.hash, digest_size=16).digest()
            known = self.disk.truth.states.setdefault(entry.index, self.digest)
            assert known == self.digest, f"S5: two states at {entry.index}"
        indexes = [index_of(event.position) for event in events if isinstance(event, Committed)]
        assert indexes == sorted(indexes)
        self.running.applied_to(self.applied)

    def _sync_later(self) -> None:
        if self._syncing or not self.disk.busy:
            return
        self._syncing = True
        stalled = min(0.05, max(0.0, self.stalled_until - self._time.now))
        covered = self.disk.waiting
        delay = stalled + 0.0005 + self.sync_delay_max * self._rng.random()
        self._later(delay, lambda: self._synced(covered))

    def _synced(self, covered: int) -> None:
        self._syncing = False
        if self._time.now < self.stalled_until:
            self._sync_later()
            return
        sequence = self.disk.sync(min(covered, self.disk.waiting))
        if sequence is not None:
            self.running.persisted(sequence, self.now())
        self._changed(self)
        self.turn_soon()
        self._sync_later()
