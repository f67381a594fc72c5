"""A whole board in memory, driven by one seed: servers, a broker and a reference, on a network, disks and a clock of its own.

Everything between the parts is bytes, as on the wire.  Nothing here decides anything that the shells of the roles
would not: it carries messages, delays them, loses them, kills and stops processes.
"""

import heapq
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import msgpack

from bulletin.core.broker.dispatcher import Dispatcher
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.raft.config import Config
from bulletin.core.reference.coordinator import Coordinator
from bulletin.core.reference.ranks import Record
from bulletin.core.server.replica import Replica, Settings
from bulletin.core.server.work import PageRead, StoreWrite, Work
from bulletin.core.store.port import StoreError, StoreFull, StoreLow
from bulletin.core.wire import broker as broker_wire, peers as peer_wire, reference as reference_wire
from bulletin.simulation.memory_store import MemoryDisk, MemoryStore

TICK = 0.02
WALL = 1_700_000_000.0


class Server:
    """One server's process and disk."""

    def __init__(self, cluster: "Cluster", number: int) -> None:
        self.cluster = cluster
        self.name = f"s{number}"
        self.endpoint = f"tcp://127.0.0.1:{5560 + number}"
        self.disk = MemoryDisk(cluster.rng.randbytes(16))
        self.life = 0
        self.running = False
        self.paused = False
        self.replica: Replica
        self.store: MemoryStore
        self.waiting: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.events: list[str] = []
        self.published: list[tuple[bytes, bytes]] = []
        self.reached: dict[bytes, str] = {}
        """Where this server connects to each fellow, by member id."""
        self.fatal: str | None = None
        self.refused: list[str] = []
        """Why it did not start, or ended, because of its disk."""
        self.turn_due = False

    def start(self, expect: int = 3) -> None:
        assert not self.running
        self.life += 1
        self.running = True
        self.paused = self.turn_due = False
        self.hung = None
        self.waiting = []
        self.store = MemoryStore(
            self.disk,
            call_from_thread=partial(self._from_disk, self.life),
            failed=partial(self._failed, self.life),
        )
        try:
            opened = self.store.open()
        except StoreError as error:
            self._refused(error)
            return
        seed = self.cluster.rng.getrandbits(64)
        self.replica = Replica(
            Settings(self.name, self.endpoint, expect, config=self.cluster.config),
            opened.member,
            opened.restored,
            opened.board,
            Random(seed),
            self.cluster.now,
            opened.learnt,
            opened.full,
        )
        self.events.extend(opened.notes)
        self.reached = {}
        self._tick(self.life)

    def kill(self) -> None:
        """As ``kill -9`` and a power cut at once."""
        self.life += 1
        self.running = False
        self.disk.crash()

    def _refused(self, error: StoreError) -> None:
        """The start came to nothing."""
        self.running = False
        self.refused.append(str(error))
        self.disk.crash()

    def _failed(self, life: int, error: StoreError) -> None:
        """The disk is full, or failed, or is damaged: then the process ends."""
        if life != self.life:
            return
        match error:
            case StoreLow():
                self.input(lambda: self.replica.disk_low(str(error), self.cluster.now))
            case StoreFull():
                self.input(lambda: self.replica.disk_full(str(error), self.cluster.now))
            case _:
                self.refused.append(str(error))
                self.kill()

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        waiting, self.waiting = self.waiting, []
        for function, arguments in waiting:
            self.input(function, *arguments)

    def hang_disk(self) -> None:
        """From now on the disk does not answer; nothing of what it is asked counts as synced."""
        self.hung = []

    def free_disk(self) -> None:
        """The disk does what it was asked, in order."""
        hung, self.hung = self.hung or [], None
        for function, arguments in hung:
            self._from_disk(self.life, function, *arguments)

    @property
    def status(self) -> Any:
        return self.replica.status(self.cluster.now)

    @property
    def leads(self) -> bool:
        return self.running and self.replica.member is not None and self.replica.member.log.node.leads

    def input(self, function: Callable[..., None], *arguments: Any) -> None:
        """Something comes in: now, or when the process goes on."""
        if not self.running:
            return
        if self.paused:
            self.waiting.append((function, arguments))
            return
        function(*arguments)
        if not self.turn_due:
            self.turn_due = True
            self.cluster.after(0.0, self._turn, self.life)

    def _tick(self, life: int) -> None:
        if life != self.life:
            return
        if not self.paused:
            self.input(lambda: self.replica.tick(self.cluster.now))
        self.cluster.after(TICK, self._tick, life)

    def _turn(self, life: int) -> None:
        if life != self.life or self.paused:
            self.turn_due = False
            return
        self.turn_due = False
        self._carry_out(self.replica.ready(self.cluster.now))

    def _carry_out(self, work: Work) -> None:
        cluster = self.cluster
        self.events.extend(event.text for event in work.events)
        if work.fatal is not None:
            self.fatal = work.fatal
            if work.distrust:
                self.store.distrust(work.fatal)
            self.kill()
            return
        if work.found is not None:
            self.store.found(
                work.found, lambda *found: self.input(lambda: self.replica.founded(*found, cluster.now))
            )
        if work.write is not None:
            self._write(work.write)
        if work.take is not None:
            self.store.take(
                work.take.body, lambda taken: self.input(lambda: self.replica.taken(taken, cluster.now))
            )
        if work.install:
            self.store.install(lambda *found: self.input(lambda: self.replica.installed(*found, cluster.now)))
        if work.resume:
            self.store.resume(lambda *found: self.input(lambda: self.replica.resumed(*found, cluster.now)))
        for give in work.gives:
            self.store.give(
                give.ask,
                lambda body, index, give=give: self.input(
                    lambda: self.replica.given(give, body, index, cluster.now)
                ),
            )
        for page in work.pages:
            self._page(page)
        for fetch in work.fetches:
            self.store.fetch(
                fetch,
                lambda entries, token=fetch.token: self.input(
                    lambda: self.replica.fetched(token, entries, cluster.now)
                ),
            )
        self.reached |= {fellow.member: fellow.endpoint for fellow in work.reach}
        if work.learnt is not None:
            self.store.remember(work.learnt, lambda _: None)
        for frame in work.frames:
            cluster.to_peer(self, self.reached[frame.recipient], peer_wire.encode(frame))
        for _, message in work.to_brokers:
            cluster.to_broker(self, broker_wire.encode(message))
        for addressed in work.to_reference:
            cluster.to_reference(self, reference_wire.encode(addressed))
        self.published.extend(work.publications)
        if work.more:
            self.input(lambda: None)

    def _write(self, write: StoreWrite) -> None:
        self.store.write(
            write.persist,
            write.applied,
            lambda: self.input(lambda: self.replica.stored(write, self.cluster.now)),
        )

    def _page(self, read: PageRead) -> None:
        self.store.page(
            read.query,
            lambda page: self.input(lambda: self.replica.page_read(read.token, page, self.cluster.now)),
        )

    def _from_disk(self, life: int, function: Callable[..., object], *arguments: object) -> None:
        """What the disk has done comes back after a while, in order."""

        def arrive() -> None:
            if life != self.life:
                return
            if self.hung is not None:
                self.hung.append((function, arguments))
            else:
                function(*arguments)

        self.cluster.in_order(("disk", self.name, life), 0.0005, 0.004, arrive)


class Asked:
    """One request of a client's."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.answered_at: float | None = None
        self.reply: dict[str, Any] = {}

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.reply["data"]
        return data

    @property
    def ok(self) -> bool:
        return self.answered_at is not None and self.data["status"] in {"OK", "sucesso"}


class Cluster:
    """The board.

    :param seed: everything that happens follows from it.
    :param size: how many servers.
    :param loss: how likely a frame between servers is lost.
    """

    def __init__(
        self,
        seed: int,
        size: int = 3,
        loss: float = 0.0,
        config: Config | None = None,
    ) -> None:
        self.rng = Random(seed)
        self.loss = loss
        self.config = config or Config()
        self.time = 1000.0
        self.size = size
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbered = 0
        self._last: dict[Any, float] = {}
        self.cut: set[frozenset[str]] = set()
        self.reference = Coordinator(Record((), None, None), LamportClock(), Random(seed), self.now)
        self.reference_up = True
        self.dispatcher = Dispatcher(self.rng.randbytes(8), self.now)
        self.servers = [Server(self, number) for number in range(1, size + 1)]
        self.names = {server.name: server for server in self.servers}
        self._clients: dict[bytes, Asked] = {}
        self._roles()

    # Time

    @property
    def now(self) -> Instant:
        return Instant(self.time, WALL + self.time)

    def after(self, seconds: float, function: Callable[..., None], *arguments: Any) -> None:
        self._numbered += 1
        heapq.heappush(self._queue, (self.time + seconds, self._numbered, function, arguments))

    def in_order(self, line: Any, least: float, most: float, function: Callable[[], None]) -> None:
        """After a random delay, but never before what went down the same line earlier."""
        at = max(self._last.get(line, 0.0), self.time + self.rng.uniform(least, most))
        self._last[line] = at
        self.after(at - self.time, function)

    def run(self, seconds: float) -> None:
        self.until(lambda: False, seconds, fail=False)

    def until(self, condition: Callable[[], bool], seconds: float = 20.0, *, fail: bool = True) -> None:
        end = self.time + seconds
        while not condition():
            if not self._queue or self._queue[0][0] > end:
                self.time = end
                assert not fail, f"not within {seconds} s"
                return
            self.time, _, function, arguments = heapq.heappop(self._queue)
            function(*arguments)

    # Servers

    def start(self, *servers: Server) -> None:
        for server in servers or self.servers:
            server.start(self.size)

    @property
    def alive(self) -> list[Server]:
        return [server for server in self.servers if server.running and not server.paused]

    @property
    def leader(self) -> Server | None:
        return next((server for server in self.alive if server.leads), None)

    def unready(self) -> list[str]:
        return [reason for server in self.alive if (reason := server.replica.unready(self.now)) is not None]

    def form(self) -> None:
        """Start all, and wait until all are ready."""
        self.start()
        self.until(lambda: not self.unready())

    def settle(self) -> None:
        """Wait until all that run have applied the same."""
        self.until(lambda: not self.unready() and len({server.status.applied for server in self.alive}) == 1)

    def digests(self) -> set[str]:
        return {server.status.digest for server in self.alive}

    # The network

    def to_peer(self, sender: Server, endpoint: str, frame: bytes) -> None:
        target = next((server for server in self.servers if server.endpoint == endpoint), None)
        if target is None:
            return
        if frozenset((sender.name, target.name)) in self.cut or self.rng.random() < self.loss:
            return
        decoded = peer_wire.decode(frame)
        self.in_order(
            ("peer", sender.name, target.name),
            0.0002,
            0.002,
            lambda: target.input(lambda: target.replica.peer(decoded, self.now)),
        )

    def to_broker(self, sender: Server, frame: bytes) -> None:
        if frozenset((sender.name, "broker")) in self.cut:
            return

        def arrive() -> None:
            self.dispatcher.server(sender.name.encode(), frame, self.now)
            self._broker_turn()

        self.in_order(("broker", sender.name), 0.0002, 0.001, arrive)

    def to_reference(self, sender: Server, frame: bytes) -> None:
        def arrive() -> None:
            if self.reference_up:
                self.reference.receive((sender.name.encode(),), [frame], self.now)
                self._reference_turn()

        self.in_order(("reference", sender.name), 0.0002, 0.001, arrive)

    def _broker_turn(self) -> None:
        ready = self.dispatcher.ready()
        for sent in ready.to_servers:
            server = self.names[sent.identity.decode()]
            if frozenset((server.name, "broker")) in self.cut:
                continue
            message = broker_wire.decode(sent.frame)
            assert isinstance(message, broker_wire.BrokerHeartbeat | broker_wire.Requests)
            self.in_order(
                ("server", server.name),
                0.0002,
                0.001,
                lambda server=server, message=message: server.input(
                    lambda: server.replica.broker(0, message, self.now)
                ),
            )
        for answer in ready.to_clients:
            asked = self._clients.pop(answer.envelope[0])
            asked.reply = msgpack.unpackb(answer.body)
            asked.answered_at = self.time

    def _reference_turn(self) -> None:
        ready = self.reference.ready(self.now)
        if ready.save is not None:
            self.reference.stored(ready.save.sequence, self.now)
            self.after(0.001, self._reference_turn)
        for route, frame in ready.replies:
            server = self.names[route[0].decode()]
            reply = reference_wire.decode_reply(frame)
            self.after(
                0.001,
                lambda server=server, reply=reply: server.input(
                    lambda: server.replica.reference(reply, self.now)
                ),
            )

    def _roles(self) -> None:
        """The broker's and the reference's timers."""
        self.dispatcher.tick(self.now)
        self._broker_turn()
        self.reference.tick(self.now)
        self._reference_turn()
        self.after(TICK, self._roles)

    # Clients

    def send(self, service: str, **data: Any) -> Asked:
        """Ask something; the answer comes as the time goes on."""
        asked = Asked(self.time)
        self._numbered += 1
        route = self._numbered.to_bytes(8, "big")
        self._clients[route] = asked
        self.dispatcher.client((route,), [msgpack.packb({"service": service, "data": data})], self.now)
        self._broker_turn()
        return asked

    def ask(self, service: str, **data: Any) -> dict[str, Any]:
        """Ask something and wait for the answer's inner map."""
        asked = self.send(service, **data)
        self.until(lambda: asked.answered_at is not None, 6.0)
        return asked.data

    def through(self, server: Server, service: str, **data: Any) -> dict[str, Any]:
        """Ask one server: the others are cut off from the broker meanwhile."""
        others = {frozenset((other.name, "broker")) for other in self.servers if other is not server}
        self.cut |= others
        self.run(0.8)
        answer = self.ask(service, **data)
        self.cut -= others
        self.run(0.3)
        return answer
