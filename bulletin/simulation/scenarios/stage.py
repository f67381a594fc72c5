"""The servers of a script, the links between them, and what happens by itself."""

from collections import deque

from bulletin.core.clocks.instant import Instant
from bulletin.core.log.batch import encode_batch
from bulletin.core.log.entry import EntryKind, make_entry
from bulletin.core.log.port import Operation
from bulletin.core.raft.config import Config
from bulletin.core.raft.diverged import Diverged
from bulletin.core.raft.messages import Message
from bulletin.core.raft.node import Node
from bulletin.core.raft.ready import HardState, Ready
from bulletin.simulation.log.cluster import found
from bulletin.simulation.log.disk import SimulatedDisk
from bulletin.simulation.scenarios.machine import Machine
from bulletin.simulation.scenarios.wording import entry_in_words, message_in_words, persist_in_words


class Stage:
    """What is there; nothing moves before it is told to.

    :ivar out: what has happened since it was last asked, in words.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.config = Config()
        self.machines: dict[int, Machine] = {}
        self.numbers: dict[bytes | None, int] = {}
        self.links: dict[tuple[int, int], deque[Message]] = {}
        self.cuts: set[tuple[int, int]] = set()
        self.out: list[str] = []

    def found(self, count: int, config: Config) -> None:
        """Servers with empty logs, none of which runs."""
        document = found(count)
        self.config = config
        self.numbers = {member.member: place for place, member in enumerate(document.members, 1)}
        for number, member in enumerate(document.members, 1):
            self.machines[number] = Machine(number, member.member, SimulatedDisk(document))

    def give_log(self, machine: Machine, terms: list[str]) -> None:
        """A log by the terms of its entries; ``@T``: the term that the server remembers."""
        content = machine.disk.durable
        remembered = [int(term[1:]) for term in terms if term.startswith("@")]
        for term in [int(term) for term in terms if not term.startswith("@")][1:]:
            entry = content.entries[-1]
            identity = machine.disk.document.identity
            body = encode_batch([self.operation((f"in {term}",))])
            content.entries.append(
                make_entry(entry.hash, identity, entry.index + 1, term, EntryKind.OPERATIONS, body)
            )
        content.hard_state = HardState(remembered[0] if remembered else content.entries[-1].term)

    def start(self, machine: Machine) -> None:
        """A server starts on its disk."""
        machine.node = Node(
            self.config,
            machine.member,
            machine.disk.restored(tail_extra=1),
            machine.chance,
            self._instant,
        )
        machine.fetches = []
        self.settle(machine)

    @property
    def _instant(self) -> Instant:
        return Instant(self.now, self.now)

    @property
    def up(self) -> list[Machine]:
        """Those that run."""
        return [machine for machine in self.machines.values() if machine.node is not None]

    def settle(self, machine: Machine) -> None:
        """Carry out what a node wants, as far as a script lets it happen by itself."""
        node, number = machine.running, machine.number
        ready = node.ready()
        status = node.status()
        known = f"{number} is {status.role.value} in term {status.term}"
        if status.leader is not None and status.leader != machine.member:
            known += f", follows {self.numbers[status.leader]}"
        if status.quarantined:
            known += ", quarantined"
        if known != machine.known:
            machine.known = known
            self.out.append(known)
        if ready.persist is not None:
            machine.disk.write(ready.persist, machine.disk.written.applied)
            self.out.append(f"{number} stores {persist_in_words(ready.persist, self.numbers)}")
        for member, message in ready.messages:
            self._send(number, self.numbers[member], message)
        if ready.committed:
            self.out.append(f"{number} applies " + " ".join(map(entry_in_words, ready.committed)))
        for read in ready.reads:
            self.out.append(f"{number} reads {read.context} at {read.index or 'no index'}")
        for fetch in ready.fetches:
            machine.fetches.append(fetch)
            self.out.append(f"{number} fetches {fetch.first}..{fetch.last}")
        self._carry_tables(machine, ready)

    def _carry_tables(self, machine: Machine, ready: Ready) -> None:
        """Tables that travel are read, kept and put in place at once."""
        for give in ready.gives:
            body, index = machine.disk.give(give.ask, machine.lots)
            machine.running.given(give.recipient, give.number, body, index, self._instant)
        if ready.take is not None:
            machine.running.taken(machine.disk.take(ready.take.body), self._instant)
        if ready.install:
            machine.disk.install()
            machine.disk.sync()
            self.out.append(f"{machine.number} puts the tables at {machine.disk.durable.applied} in place")
            self.start(machine)
        elif ready.gives or ready.take is not None:
            self.settle(machine)

    def _send(self, sender: int, recipient: int, message: Message) -> None:
        lost = (sender, recipient) in self.cuts
        self.out.append(f"{sender}->{recipient} {message_in_words(message)}{' lost' if lost else ''}")
        if not lost:
            self.links.setdefault((sender, recipient), deque()).append(message)

    @staticmethod
    def operation(words: tuple[str, ...]) -> Operation:
        """One operation that says so."""
        text = " ".join(words).encode()
        return Operation(text.ljust(16, b".")[:16], text)

    def arrive(self, sender: int, recipient: int, message: Message) -> None:
        """A message has come."""
        machine = self.machines[recipient]
        if machine.node is None:
            return
        try:
            machine.node.receive(self.machines[sender].member, message, self._instant)
        except Diverged as error:
            self.out.append(f"{recipient} stops: {error}")
            machine.node = None
            return
        self.settle(machine)
