"""A run: a board that forms, stands faults under load, is healed, and is then asked to show that it works."""

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import ClassVar, Final

from bulletin.core.board.outcome import Outcome
from bulletin.core.broker.pending import Bounds as PendingBounds
from bulletin.core.log.entry import Entry
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.raft.messages import Message
from bulletin.core.raft.ready import Ready
from bulletin.core.wire.broker import Replies
from bulletin.simulation.board.bot import BotClient
from bulletin.simulation.board.broker import Broker
from bulletin.simulation.board.checkers import BoardChecker
from bulletin.simulation.board.checkers.answers import Answers
from bulletin.simulation.board.checkers.bounds import Bounds
from bulletin.simulation.board.checkers.clocks import Clocks
from bulletin.simulation.board.checkers.sightings import Sightings
from bulletin.simulation.board.checkers.state import State
from bulletin.simulation.board.client import Client
from bulletin.simulation.board.faults import Faults
from bulletin.simulation.board.healing import Healing
from bulletin.simulation.board.history import Call, Notes
from bulletin.simulation.board.machine import Machine
from bulletin.simulation.board.network import Letter, Network
from bulletin.simulation.board.old_copies import OldCopies
from bulletin.simulation.board.options import COPYING, Options
from bulletin.simulation.board.places import Places
from bulletin.simulation.board.process import Process
from bulletin.simulation.board.proxy import Proxy
from bulletin.simulation.board.reference import Reference
from bulletin.simulation.board.server import Server
from bulletin.simulation.board.witnesses import Witnesses
from bulletin.simulation.checkers import Checker, Truth
from bulletin.simulation.checkers.catalogue import LOG_CHECKERS
from bulletin.simulation.run import Run
from bulletin.simulation.violation import CRASHED, Violation

RESTART_SECONDS: Final = 1.0
"""After these a server that ended by itself is started again."""

OTHER_ENTRY: Final = "the leader has another entry of the same term at index"
"""So says a server whose log an append contradicts."""


class World(Run):
    """Everything of one run.

    :param seed: decides all that happens.
    :param options: in place of what the seed would draw.
    :param trace: whether to keep a hash over all events, to compare two runs.
    """

    make_server: ClassVar[type[Server]] = Server
    make_faults: ClassVar[type[Faults]] = Faults
    faults: Faults

    def __init__(self, seed: int, options: Options | None = None, *, trace: bool = False) -> None:
        super().__init__(trace=trace)
        self.seed = seed
        self.options = options or Options.draw(seed)
        self.notes = Notes(copies=any(kind in COPYING for kind, _ in self.options.faults))
        self.places = Places()
        """Where in the log reads were answered."""
        self.network = Network(self.time, Random(f"{seed} network"), self._deliver)
        self.committed: list[Entry] = []
        """The committed log."""
        self._founded: tuple[FoundingDocument, Truth] | None = None
        self._build(Random(f"{seed} machines"))
        self.log_checkers: Sequence[Checker] = ()
        self.state = State(self)
        self.checkers: tuple[BoardChecker, ...] = (
            self.state,
            Answers(self),
            Bounds(self),
            Clocks(self),
            Sightings(self),
        )
        self._watching = {
            process.role: [checker for checker in self.checkers if process.role in checker.roles]
            for process in self.processes.values()
        }
        self.witnesses = Witnesses()
        """Who can tell that a server has forgotten something."""
        self.old_copies = OldCopies(self)
        """The servers that must not vote where nobody can."""
        self.faults = self.make_faults(self)
        self.healing = Healing(self)

    def _build(self, rng: Random) -> None:
        options = self.options

        def machine() -> Machine:
            return Machine(self.time, rng.uniform(10.0, 1e5), rng.uniform(-2.0, 2.0))

        self.servers = [self.make_server(self, number, machine()) for number in range(options.servers)]
        """In the order of their numbers: that of the founding document, once there is one."""
        bounds = PendingBounds(requests=options.pending)
        self.brokers = [Broker(self, number, machine(), bounds) for number in range(options.brokers)]
        self.proxies = [Proxy(self, number, machine()) for number in range(options.proxies)]
        self.reference = Reference(self, machine())
        self.loaders = [self._loader(number, machine()) for number in range(options.clients)]
        """The clients that ask as they like."""
        self.auditor = Client(self, options.clients, machine(), 0)
        """A client that asks at the end."""
        self.clients = [*self.loaders, self.auditor]
        self.processes: dict[str, Process] = {
            process.name: process
            for process in (
                *self.servers,
                *self.brokers,
                *self.proxies,
                self.reference,
                *self.clients,
            )
        }
        self.by_member = {server.member: server for server in self.servers}
        """By the ids that they were founded with."""

    def _loader(self, number: int, machine: Machine) -> Client:
        """A client; the last of several may be a bot."""
        options = self.options
        if options.bot_rate and number and number == options.clients - 1:
            return BotClient(self, number, machine, options.bot_rate)
        return Client(self, number, machine, options.loops)

    # What the checkers look at

    @property
    def founded(self) -> bool:
        """Whether there is a cluster."""
        return self._founded is not None

    @property
    def document(self) -> FoundingDocument:
        """The cluster's."""
        assert self._founded is not None, "the cluster is not founded yet"
        return self._founded[0]

    @property
    def truth(self) -> Truth:
        """The committed log."""
        assert self._founded is not None, "the cluster is not founded yet"
        return self._founded[1]

    # Phases

    def run(self) -> None:
        """See :class:`Run`; here an exception is a broken promise, too."""
        try:
            super().run()
        except Violation:
            raise
        except Exception as error:
            raise Violation(CRASHED, f"{type(error).__name__}: {error}") from error

    def _run(self) -> None:
        for process in self.processes.values():
            if process is not self.auditor:
                process.start()
        if not self.options.early:
            self.healing.form()
        self.faults.begin()
        self.time.run_until(self.time.now + self.options.seconds)
        self.faults.stop()
        self.healing.run()
        self.healing.judge()
        self._count()

    def _count(self) -> None:
        for server in self.servers:
            if server.takes_part:
                self.keep_counters(server.node)
        self.note("messages_lost", self.network.lost)
        self.note("calls", len(self.notes.calls))

    # Events

    def step(self, who: str, *what: object) -> None:
        """See :class:`Run`."""
        super().step(who, *what)
        if self._digest is not None:
            words = " ".join(map(str, (who, *what)))
            self._digest.update(f"{self.time.now!r} {words}\n".encode())

    def _deliver(self, letter: Letter) -> None:
        if self._digest is not None:
            self._digest.update(b"\0".join(letter.parts))
        process = self.processes.get(letter.recipient)
        if process is not None and process.running:
            process.arrive(letter)

    def changed(self, process: Process) -> None:
        """A process has worked on one event."""
        if isinstance(process, Server):
            process.notice()
            if process.takes_part and not process.node._closed:
                for log_checker in self.log_checkers:
                    log_checker.changed(process)
        for checker in self._watching[process.role]:
            checker.changed(process)
        if isinstance(process, Server):
            self.old_copies.changed(process)

    def joined(self, server: Server) -> None:
        """A server has a node that it had not before."""
        if self._founded is None:
            self._found(server)
        for log_checker in self.log_checkers:
            log_checker.started(server)
        for checker in self.checkers:
            checker.joined(server)

    def _found(self, server: Server) -> None:
        assert server.replica.document is not None
        document = server.replica.document
        truth = Truth(document)
        truth.states.clear()
        self.committed.extend(truth.entries)
        truth.entries = self.committed
        self._founded = document, truth
        for number, member in enumerate(document.members):
            self.by_member[member.member].number = number
        self.servers.sort(key=lambda one: one.number)
        self.log_checkers = [checker(self) for checker in LOG_CHECKERS]

    def turned(self, server: Server, ready: Ready) -> None:
        """A server's node has handed out what is to be done."""
        for log_checker in self.log_checkers:
            log_checker.turned(server, ready, [])

    def sent(self, server: Server, recipient: bytes, message: Message) -> None:
        """A message of a server's node leaves it."""
        for log_checker in self.log_checkers:
            log_checker.sent(server, self.by_member[recipient].number, message)

    def applied(self, server: Server, outcome: Outcome) -> None:
        """A server has applied an operation."""
        for checker in self.checkers:
            checker.applied(server, outcome)

    def replied(self, server: Server, replies: Replies) -> None:
        """A server gives answers to a broker."""
        for checker in self.checkers:
            checker.replied(server, replies)

    def told(self, client: Client, call: Call) -> None:
        """Something came of a call."""
        for checker in self.checkers:
            checker.told(client, call)

    def stopped(self, server: Server, sentence: str) -> None:
        """A server ended by itself: it may where its disk failed or is not its own, and nowhere else."""
        self.note("stopped")
        if not server.may_stop:
            raise Violation("fail-stop", f"{server.name} stopped: {sentence}")
        if server.disk.forged and OTHER_ENTRY in sentence:
            self.note("hash_mismatch_found_by_append")
        if not server.disk.tainted or server.disk.forged:
            self.time.after(RESTART_SECONDS, partial(self._start_again, server, server.epoch))

    def _start_again(self, server: Server, epoch: int) -> None:
        """As a supervisor does, unless it was started meanwhile."""
        if server.epoch == epoch:
            server.start()

    # Who is where

    def at(self, endpoint: str | None) -> Server | None:
        """The server that listens at an endpoint."""
        return next((server for server in self.servers if server.endpoint == endpoint), None)

    def diallers_of(self, _broker: Broker) -> list[Process]:
        """Whoever connects to a broker."""
        return [*self.servers, *self.clients]
