"""A server: the shipped replica and executor, on a disk in memory that syncs late, stalls, fails, and forgets."""

from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from bulletin.core.board.outcome import Outcome
from bulletin.core.raft.node import Node
from bulletin.core.raft.ready import HardState, Ready
from bulletin.core.server.executor import Executor
from bulletin.core.server.identity import identity_refusal
from bulletin.core.server.member import Member
from bulletin.core.server.replica import Replica, Settings
from bulletin.core.store.port import CallFromThread, Failed, Store, StoreError, StoreFull, StoreLow
from bulletin.core.wire import broker as broker_wire, peers as peer_wire, reference as reference_wire
from bulletin.core.wire.broker import ToBroker
from bulletin.core.wire.peers import PeerFrame
from bulletin.core.wire.reference import Addressed
from bulletin.simulation.board.disk import Disk
from bulletin.simulation.board.machine import Machine
from bulletin.simulation.board.network import Letter
from bulletin.simulation.board.places import ReadWatch
from bulletin.simulation.board.process import Process
from bulletin.simulation.memory_store import MemoryStore

if TYPE_CHECKING:
    from bulletin.core.server.addresses import Reach
    from bulletin.simulation.board.world import World

SYNC_SECONDS_MIN = 0.0005
SYNC_SECONDS_MAX = 0.004


class Server(Process):
    """Keeps the history; as the checkers see it, too: see :class:`bulletin.simulation.checkers.CheckedServer`.

    :param number: its place among the servers, from 0; in the cluster, once there is one.
    """

    role: ClassVar[str] = "server"
    tick_seconds: ClassVar[float] = 0.03

    def __init__(self, world: "World", number: int, machine: Machine) -> None:
        super().__init__(world, f"s{number + 1}", machine)
        self.number = number
        self.endpoint = f"tcp://127.0.0.1:{5560 + number}"
        self.disk = Disk(self.rng.randbytes(16), world.committed, world.options.window)
        self.member = self.disk.memory.record.member
        """The member id that it was founded with."""
        self.stopped: str | None = None
        """Why it ended by itself, the last time that it did."""
        self.sync_seconds_max = SYNC_SECONDS_MAX
        self.stalled = False
        """Whether its disk does nothing at the moment."""
        self.installs = 0
        self.leaving = False
        self.disk_failed = False
        """Whether a write or a sync has failed in this start, or the disk was full before there was anything on it."""
        self.began_with = (0, 0), HardState(0)
        """(term, index) of its disk's last entry, and term and vote there, when its node began."""
        self.executor: Executor
        self.store: Store
        self._reads = ReadWatch(world.places)
        self._held: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._reached: dict[bytes, str] = {}
        self._joined: Member | None = None
        self._disk_free_at = 0.0
        self._due_turn: Callable[[], None] | None = None

    # As it looks

    @property
    def replica(self) -> Replica:
        """Its core."""
        return self.executor.replica

    @property
    def takes_part(self) -> bool:
        """Whether it runs, and has a node."""
        return self.running and self.replica.member is not None

    @property
    def node(self) -> Node:
        """Its node."""
        member = self.replica.member
        assert member is not None, "an empty server has no node"
        return member.log.node

    @property
    def life(self) -> int:
        """Another after each start and each end of its node."""
        return self.epoch + self.installs

    @property
    def damaged(self) -> bool:
        """Whether its disk has lost what it had acknowledged, and nobody has made up for it."""
        return self.disk.damaged

    @property
    def applied(self) -> int:
        """The index that its tables were at when it began."""
        assert self.replica.member is not None
        return self.replica.member.board.marks().applied

    @property
    def digest(self) -> bytes:
        """The digest of its tables then."""
        assert self.replica.member is not None
        return self.replica.member.board.marks().digest

    @property
    def may_stop(self) -> bool:
        """Whether it may end by itself: its disk failed, or is not what it was."""
        return self.disk_failed or self.disk.tainted

    @property
    def role_name(self) -> str:
        """What its node is, for a person."""
        return self.node.status().role.value if self.takes_part else "empty"

    def impediment(self) -> str | None:
        """Why it does not work, in one sentence, or None: it does."""
        if not self.running:
            return self.stopped or "It does not run."
        return "It stands still." if self.paused else self.replica.unready(self.now)

    def marks(self) -> tuple[int, bytes]:
        """What it has applied, and its state's digest."""
        return (self.applied, self.digest) if self.takes_part else (0, b"")

    # Life

    def begin(self) -> None:
        """See :class:`Process`."""
        world, options = self.world, self.world.options
        self._held = []
        self._reached = {}
        self._joined = None
        self.stopped = None
        self.leaving = self.disk_failed = False
        self._disk_free_at = world.time.now
        self._reads = ReadWatch(world.places)
        self.store = self.make_store(
            partial(self._from_disk, self.epoch), partial(self._disk_failed, self.epoch)
        )
        memory = self.disk.memory
        if memory.file is not None and memory.file.commit > memory.record.commit:
            world.note("file_ahead_of_database")
        try:
            opened = self.store.open()
        except StoreError as error:
            self.disk_failed = True
            self.stop(str(error))
            return
        self.disk_failed = opened.full is not None and opened.restored is None
        foreign = identity_refusal(opened, self.name)
        if foreign is not None:
            self.stop(foreign)
            return
        replica = Replica(
            Settings(
                self.name,
                self.endpoint,
                options.servers,
                brokers=options.brokers,
                config=options.config,
                window=options.window,
            ),
            opened.member,
            opened.restored,
            opened.board,
            Random(self.rng.getrandbits(64)),
            self.now,
            opened.learnt,
            opened.full,
        )
        self._reads.watch_answers(replica.answers)
        self.executor = Executor(replica, self.store, soon=self._soon, now=lambda: self.now, voice=self)
        self.executor.links = self
        for listener in (*world.brokers, world.reference):
            world.network.reconnect(self.name, listener.name)
        self.notice()

    def make_store(self, call_from_thread: CallFromThread, failed: Failed) -> Store:
        """A store on its disk, for one start."""
        store = MemoryStore(self.disk.memory, call_from_thread=call_from_thread, failed=failed)
        self._reads.watch_pages(store, self._written)
        return store

    def _written(self) -> int:
        """The index that its tables are at."""
        marks = self.disk.memory.written.marks
        assert marks is not None, "an empty server has no tables"
        return marks.applied

    def kill(self) -> None:
        """See :class:`Process`: ``kill -9``; what was written and not synced stays in the machine's memory."""
        member = self._joined if self.running else None
        if member is not None:
            self.world.keep_counters(member.log.node)
            if not member.readiness.settled:
                self.world.note("crash_before_settled")
        super().kill()
        self.disk.memory.in_use = False

    def lose_power(self) -> None:
        """It is gone, and what was not synced with it; a transaction that was on its way may have been stored."""
        if self.running:
            if not self.stalled and self.rng.random() < 0.5:
                self.executor.close()
                if isinstance(self.store, MemoryStore):
                    self.store.step()
            self.kill()
        self.disk.memory.crash()

    def heal(self) -> None:
        """Its disk works, and fast; what is wrong on it is noticed at the next start."""
        self.sync_seconds_max = SYNC_SECONDS_MAX
        self.disk.memory.full = False
        self.free_disk()
        if self.leaving or self.disk.memory.damage is not None:
            self.kill()

    def leave(self) -> None:
        """It was told to stop, and takes its time."""
        if self.running and not self.leaving:
            self.leaving = True
            self.input("is told to stop", self.executor.drain)

    def _soon(self, turn: Callable[[], None]) -> Callable[[], object]:
        self._due_turn = turn
        self.turn_soon()
        return lambda: None

    # What it says: see :class:`bulletin.core.server.executor.Voice`.

    def say(self, text: str, *, urgent: bool) -> None:
        """A line for its log."""
        del urgent
        self.world.step(self.name, f"says: {text}")

    def malformed(self, whose: str) -> None:
        """A message could not be read."""
        self.world.note(f"malformed {whose}")

    def broken(self) -> None:
        """An exception ends it: here it ends the run."""
        raise  # noqa: PLE0704 - called while the exception is being handled

    def stop(self, sentence: str) -> None:
        """It ends by itself."""
        self.stopped = sentence
        self.world.step(self.name, f"stops: {sentence}")
        self.kill()
        self.world.stopped(self, sentence)

    # What comes in

    def arrive(self, letter: Letter) -> None:
        """See :class:`Process`."""
        parts = list(letter.parts)
        executor = self.executor
        kind, _, number = letter.port.partition(" ")
        match kind:
            case "peers":
                function: Callable[[], None] = partial(executor.from_peer, parts)
            case "reference":
                function = partial(executor.from_reference, parts)
            case _:
                function = partial(executor.from_broker, int(number), parts)
        self.input(f"{kind} < {letter.sender}", function)

    def came(self) -> None:
        """See :class:`Process`: the executor asks for its turns."""

    def tick(self) -> None:
        """See :class:`Process`."""
        self.executor.tick()
        if self.leaving and self.replica.drained(self.now):
            self.store.close(lambda: None)
            self.kill()

    def turn(self) -> None:
        """See :class:`Process`."""
        due, self._due_turn = self._due_turn, None
        if due is not None:
            due()
        self.disk.waiting = 2 if self.store.backlog else 0

    def notice(self) -> None:
        """Look whether it has a node that it had not before."""
        member = self.replica.member if self.running else None
        if member is None or member is self._joined:
            return
        if self._joined is not None:
            self.installs += 1
            self.world.note("installed")
            self.world.keep_counters(self._joined.log.node)
        self._joined = member
        self.began_with = self.disk.durable.last(), self.disk.durable.hard_state
        self._reads.watch(member)
        take = member.log.ready

        def ready() -> Ready:
            taken = take()
            self.world.turned(self, taken)
            return taken

        apply = member.board.apply

        def applied(position: int, term: int, payload: bytes) -> Outcome:
            outcome = apply(position, term, payload)
            self.world.applied(self, outcome)
            return outcome

        member.board.apply = applied  # type: ignore[method-assign]  # and what every operation comes to
        member.log.ready = ready  # type: ignore[method-assign]  # the checkers see what the node hands out
        self.world.joined(self)

    # What goes out: see :class:`bulletin.core.server.executor.Links`.

    def reach(self, fellows: "Iterable[Reach]") -> None:
        """Connect to fellow servers."""
        self._reached.update((fellow.member, fellow.endpoint) for fellow in fellows)

    def to_peers(self, frames: Iterable[PeerFrame]) -> None:
        """Send frames to fellow servers."""
        for frame in frames:
            for message in frame.messages:
                self.world.sent(self, frame.recipient, message)
            recipient = self.world.at(self._reached.get(frame.recipient))
            if recipient is not None:
                self.world.network.send(self.name, recipient.name, "peers", peer_wire.encode(frame))

    def to_brokers(self, messages: Iterable[tuple[int, ToBroker]]) -> None:
        """Send messages to brokers."""
        network = self.world.network
        for number, message in messages:
            if isinstance(message, broker_wire.Replies):
                self.world.replied(self, message)
            broker = self.world.brokers[number].name
            connection = network.connection(self.name, broker)
            network.send(self.name, broker, "servers", broker_wire.encode(message), connection=connection)

    def to_reference(self, requests: Iterable[Addressed]) -> None:
        """Send requests to the reference."""
        network = self.world.network
        for request in requests:
            connection = network.connection(self.name, "reference")
            frame = reference_wire.encode(request)
            network.send(self.name, "reference", "requests", frame, connection=connection)

    def publish(self, publications: Iterable[tuple[bytes, bytes]]) -> None:
        """Publish at every proxy."""
        for topic, body in publications:
            for proxy in self.world.proxies:
                self.world.network.send(self.name, proxy.name, "publications", topic, body)

    # The disk

    def stall_disk(self) -> None:
        """From now on the disk does nothing."""
        self.stalled = True

    def free_disk(self) -> None:
        """The disk does what it was asked meanwhile."""
        self.stalled = False
        held, self._held = self._held, []
        for function, arguments in held:
            self._from_disk(self.epoch, function, *arguments)

    def fail_disk(self, error: StoreError) -> None:
        """A sync fails."""
        if self.running:
            self.disk_failed = True
            if isinstance(self.store, MemoryStore):
                self.store.fail(error)

    def _from_disk(self, epoch: int, function: Callable[..., object], *arguments: object) -> None:
        """What the disk has done comes back after a while, in order."""
        if epoch != self.epoch:
            return
        now = self.world.time.now
        delay = SYNC_SECONDS_MIN + (self.sync_seconds_max - SYNC_SECONDS_MIN) * self.rng.random()
        self._disk_free_at = max(self._disk_free_at, now + delay)

        def done() -> None:
            if self.stalled:
                self._held.append((function, arguments))
            else:
                function(*arguments)

        self.after(self._disk_free_at - now, "disk", done)

    def _disk_failed(self, epoch: int, error: StoreError) -> None:
        if epoch == self.epoch:
            empty = not self.disk.memory.record.cluster
            self.disk_failed |= empty or not isinstance(error, StoreLow | StoreFull)
            self.executor.disk_failed(error)
