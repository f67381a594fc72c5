"""A cluster that does nothing by itself: a script says which message arrives, which disk syncs, how much time passes.

A scenario is a text file of commands, each followed by ``----``, its output, and an empty line::

    # what this part shows
    campaign 1
    ----
    1 is pre-candidate in term 1
    1->2 RequestVote term=2 last=1/1 pre

==============================  ====================================================================
``cluster N [ungreeted] [k=v]`` N servers, numbered from 1, ranks rising; the rest sets fields of the
                                configuration.  Lines below it give logs by terms: ``2: 1 1 4 4 @5``
                                (``@5``: the term that the server remembers)
``campaign N``                  server N has waited long enough
``start_campaign N``            server N campaigns without asking first, as after ``TimeoutNow`` but without its flag
``advance S``                   S seconds pass, with a tick every 0.05
``run S``                       the same, with disks that sync and messages that arrive at once
``propose N TEXT``              one operation proposed at N (``taken`` or ``refused``)
``forward N TEXT``              one operation sent from N to its leader
``read N``, ``transfer N``      ask for a read index; hand over
``apply N INDEX``               the tables of N have reached INDEX
``persist N [COUNT]``           the disk of N syncs its oldest COUNT writes, or all
``deliver A->B [COUNT]``        the oldest messages on a link arrive; ``deliver N``: all to N; ``deliver``: all
``drop A->B [COUNT]``           they get lost instead; also ``drop N``
``double A->B``                 the oldest message on a link comes twice
``keep A->B NAME``              the oldest message leaves the link and is kept; ``replay NAME`` delivers it
``cut A B …``, ``heal``         what is sent between A and the others is lost from now on, until healed
``stabilize [N …]``             disks sync and messages arrive until nothing moves (among those servers)
``stall N``, ``unstall N``      the disk of N does not sync by itself; does again
``crash N [COUNT]``             N stops; COUNT of its unsynced writes have reached the disk all the same
``start N``                     N starts on its disk
``copy N``, ``rollback N``      keep a copy of the disk of N; put it back (N must be down)
``lose N INDEX``                the database of N, which is down, loses all above INDEX and knows it
``forget N SYNCS``              the database of N, which is down, loses its last syncs, and the hard-state file with them
``fetch N``                     the entries that N asked for come from its disk
``corrupt N``                   the last entry of N changes in its memory
``status``, ``logs``            every server in a line
``show_progress N``             the followers as leader N sees them
==============================  ====================================================================

``silent`` before a command suppresses its output.  Chance is taken out: it always falls in the middle, so among
three servers the patience is 0.875 s for server 1, 0.75 s for server 2, 0.625 s for server 3 (without the leader, who is left
out of the ranking: 0.625 s for the higher rank, 0.875 s for the lower).
"""

from collections import deque
from collections.abc import Callable
from random import Random

import attrs

from bulletin.core.clocks.instant import Instant
from bulletin.core.log.batch import decode_batch, encode_batch
from bulletin.core.log.entry import Entry, EntryKind, make_entry
from bulletin.core.log.port import Operation
from bulletin.core.raft.config import Config
from bulletin.core.raft.diverged import Diverged
from bulletin.core.raft.greeting import BANNED
from bulletin.core.raft.messages import (
    Append,
    AppendReply,
    Forward,
    Greeting,
    GreetingReply,
    Message,
    ReadIndex,
    ReadIndexReply,
    RequestVote,
    TimeoutNow,
    VoteReply,
)
from bulletin.core.raft.node import Node
from bulletin.core.raft.ready import Fetch, HardState, Persist
from bulletin.simulation.log.cluster import found
from bulletin.simulation.log.disk import SimulatedDisk

STEP_SECONDS = 0.05
TRIFLE_SECONDS = 1e-9
"""So that what is due after a number of steps is due, however the sums are rounded."""
ROUNDS_MAX = 1000


class Even(Random):
    """Chance that always falls in the middle; random bits count the starts."""

    starts = 0

    def random(self) -> float:
        return 0.5

    def getrandbits(self, _bits: int) -> int:
        self.starts += 1
        return self.starts


class Machine:
    """One server of a script."""

    def __init__(self, number: int, member: bytes, disk: SimulatedDisk) -> None:
        self.number = number
        self.member = member
        self.disk = disk
        self.node: Node | None = None
        self.chance = Even()
        self.fetches: list[Fetch] = []
        self.copy = None
        self.known = ""


class Script:
    """Carries out commands; :meth:`run` returns what each printed."""

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = 0
        self.machines: dict[int, Machine] = {}
        self.links: dict[tuple[int, int], deque[Message]] = {}
        self.cuts: set[tuple[int, int]] = set()
        self.stalled: set[int] = set()
        self.kept: dict[str, tuple[int, int, Message]] = {}
        self.contexts = 0
        self.out: list[str] = []

    def run(self, command: str, lines: list[str]) -> str:
        name, *arguments = command.split()
        silent = name == "silent"
        if silent:
            name, *arguments = arguments
        self.out = []
        verb: Callable[..., None] = getattr(self, f"do_{name}")
        if name == "cluster":
            verb(lines, *arguments)
        else:
            verb(*arguments)
        return "ok" if silent or not self.out else "\n".join(self.out)

    # --- setting up ---

    def do_cluster(self, lines: list[str], count: str, *options: str) -> None:
        document = found(int(count))
        given = dict(option.split("=") for option in options if "=" in option)
        fields = {name: float(value) if "." in value else int(value) for name, value in given.items()}
        self.config = Config(**fields)
        self.numbers = {member.member: place for place, member in enumerate(document.members, 1)}
        for number, member in enumerate(document.members, 1):
            self.machines[number] = Machine(number, member.member, SimulatedDisk(document))
        for line in lines:
            number, _colon, terms = line.partition(":")
            self._given_log(self.machines[int(number)], terms.split())
        for machine in self.machines.values():
            self._start(machine)
        if "ungreeted" not in options:
            self.do_advance("0.05")
            self.do_stabilize()
        self.out = []

    def _given_log(self, machine: Machine, terms: list[str]) -> None:
        content = machine.disk.durable
        remembered = [int(term[1:]) for term in terms if term.startswith("@")]
        for term in [int(term) for term in terms if not term.startswith("@")][1:]:
            entry = content.entries[-1]
            identity = machine.disk.document.identity
            body = encode_batch([self._operation((f"in {term}",))])
            content.entries.append(
                make_entry(entry.hash, identity, entry.index + 1, term, EntryKind.OPERATIONS, body)
            )
        content.hard_state = HardState(remembered[0] if remembered else content.entries[-1].term)

    def _start(self, machine: Machine) -> None:
        machine.node = Node(
            self.config,
            machine.member,
            machine.disk.restored(tail_extra=1),
            machine.chance,
            self._instant(),
        )
        machine.fetches = []
        self._settle(machine)

    def _instant(self) -> Instant:
        return Instant(self.now, self.now)

    # --- events ---

    def do_campaign(self, number: str) -> None:
        machine = self.machines[int(number)]
        machine.node._election._deadline = self.now
        machine.node.tick(self._instant())
        self._settle(machine)

    def do_start_campaign(self, number: str) -> None:
        machine = self.machines[int(number)]
        machine.node._election._campaign(by_transfer=False)
        self._settle(machine)

    def do_corrupt(self, number: str) -> None:
        log = self.machines[int(number)].node._state.log
        changed = attrs.evolve(log._entries[-1], hash=b"x" * 32)
        log._entries[-1], log.last_hash = changed, changed.hash

    def do_advance(self, seconds: str) -> None:
        for _ in range(round(float(seconds) / STEP_SECONDS)):
            self.steps += 1
            self.now = self.steps * (STEP_SECONDS + TRIFLE_SECONDS)
            for machine in self._up():
                machine.node.tick(self._instant())
                self._settle(machine)

    def do_run(self, seconds: str) -> None:
        for _ in range(round(float(seconds) / STEP_SECONDS)):
            self.do_advance(str(STEP_SECONDS))
            self.do_stabilize()

    def do_propose(self, number: str, *words: str) -> None:
        machine = self.machines[int(number)]
        taken = machine.node.propose([self._operation(words)], self._instant())
        self.out.append("taken" if taken else "refused")
        self._settle(machine)

    def do_forward(self, number: str, *words: str) -> None:
        machine = self.machines[int(number)]
        sent = machine.node.forward([self._operation(words)], self._instant())
        self.out.append("sent" if sent else "refused")
        self._settle(machine)

    def _operation(self, words: tuple[str, ...]) -> Operation:
        text = " ".join(words).encode()
        return Operation(text.ljust(16, b".")[:16], text)

    def do_read(self, number: str) -> None:
        machine = self.machines[int(number)]
        self.contexts += 1
        if not machine.node.read_index(self.contexts, self._instant()):
            self.out.append("refused")
        self._settle(machine)

    def do_transfer(self, number: str) -> None:
        machine = self.machines[int(number)]
        if not machine.node.transfer(self._instant()):
            self.out.append("refused")
        self._settle(machine)

    def do_apply(self, number: str, index: str) -> None:
        machine = self.machines[int(number)]
        machine.node.applied_to(int(index))
        machine.disk.write(None, int(index))

    def do_persist(self, number: str, count: str = "") -> None:
        machine = self.machines[int(number)]
        sequence = machine.disk.sync(int(count) if count else None)
        if sequence is not None and machine.node is not None:
            machine.node.persisted(sequence, self._instant())
            self._settle(machine)

    def do_stall(self, number: str) -> None:
        self.stalled.add(int(number))

    def do_unstall(self, number: str) -> None:
        self.stalled.discard(int(number))

    def do_fetch(self, number: str) -> None:
        machine = self.machines[int(number)]
        fetches, machine.fetches = machine.fetches, []
        for fetch in fetches:
            machine.node.fetched(fetch.token, machine.disk.fetch(fetch), self._instant())
        self._settle(machine)

    # --- messages ---

    def _chosen(self, where: str) -> list[tuple[int, int]]:
        if "->" in where:
            sender, recipient = where.split("->")
            return [(int(sender), int(recipient))]
        return [link for link in sorted(self.links) if not where or link[1] == int(where)]

    def do_deliver(self, where: str = "", count: str = "") -> None:
        for link in self._chosen(where):
            waiting = self.links.get(link, deque())
            for _ in range(int(count) if count else len(waiting)):
                assert waiting, "no message to deliver"
                self._arrive(*link, waiting.popleft())

    def do_drop(self, where: str = "", count: str = "") -> None:
        for link in self._chosen(where):
            waiting = self.links.get(link, deque())
            for _ in range(int(count) if count else len(waiting)):
                assert waiting, "no message to drop"
                waiting.popleft()

    def do_double(self, where: str) -> None:
        waiting = self.links[self._chosen(where)[0]]
        waiting.appendleft(waiting[0])

    def do_keep(self, where: str, name: str) -> None:
        link = self._chosen(where)[0]
        assert self.links.get(link), "no message to keep"
        self.kept[name] = (*link, self.links[link].popleft())

    def do_replay(self, name: str) -> None:
        self._arrive(*self.kept[name])

    def do_cut(self, first: str, *others: str) -> None:
        for other in others:
            self.cuts |= {(int(first), int(other)), (int(other), int(first))}

    def do_heal(self) -> None:
        self.cuts.clear()

    def _arrive(self, sender: int, recipient: int, message: Message) -> None:
        machine = self.machines[recipient]
        if machine.node is None:
            return
        try:
            machine.node.receive(self.machines[sender].member, message, self._instant())
        except Diverged as error:
            self.out.append(f"{recipient} stops: {error}")
            machine.node = None
            return
        self._settle(machine)

    def do_stabilize(self, *numbers: str) -> None:
        among = {int(number) for number in numbers} or set(self.machines)
        for _ in range(ROUNDS_MAX):
            moved = False
            for machine in self._up():
                if machine.number not in among:
                    continue
                if machine.disk.waiting and machine.number not in self.stalled:
                    moved = True
                    self.do_persist(str(machine.number))
                if machine.fetches:
                    moved = True
                    self.do_fetch(str(machine.number))
            for link in sorted(self.links):
                if self.links[link] and among.issuperset(link):
                    moved = True
                    self._arrive(*link, self.links[link].popleft())
            if not moved:
                return
        raise AssertionError("the cluster does not come to rest")

    # --- life ---

    def do_crash(self, number: str, count: str = "0") -> None:
        machine = self.machines[int(number)]
        machine.node = None
        machine.disk.sync(int(count))
        machine.disk.forget_unsynced()

    def do_start(self, number: str) -> None:
        self._start(self.machines[int(number)])

    def do_copy(self, number: str) -> None:
        machine = self.machines[int(number)]
        machine.copy = machine.disk.durable.copy()

    def do_rollback(self, number: str) -> None:
        machine = self.machines[int(number)]
        assert machine.node is None
        machine.disk.durable = machine.copy.copy()

    def do_lose(self, number: str, index: str) -> None:
        machine = self.machines[int(number)]
        assert machine.node is None
        machine.disk.lose_tail(int(index))

    def do_forget(self, number: str, syncs: str) -> None:
        machine = self.machines[int(number)]
        assert machine.node is None
        assert machine.disk.forget(int(syncs)), "nothing was synced since the start"

    # --- showing ---

    def _up(self) -> list[Machine]:
        return [machine for machine in self.machines.values() if machine.node is not None]

    def _settle(self, machine: Machine) -> None:
        """Carry out what a node wants, as far as a script lets it happen by itself."""
        node, number = machine.node, machine.number
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
            self.out.append(f"{number} stores {self._persist(ready.persist)}")
        for member, message in ready.messages:
            self._send(number, self.numbers[member], message)
        if ready.committed:
            self.out.append(f"{number} applies " + " ".join(map(self._entry, ready.committed)))
        for read in ready.reads:
            self.out.append(f"{number} reads {read.context} at {read.index or 'no index'}")
        for fetch in ready.fetches:
            machine.fetches.append(fetch)
            self.out.append(f"{number} fetches {fetch.first}..{fetch.last}")

    def _send(self, sender: int, recipient: int, message: Message) -> None:
        lost = (sender, recipient) in self.cuts
        self.out.append(f"{sender}->{recipient} {self._message(message)}{' lost' if lost else ''}")
        if not lost:
            self.links.setdefault((sender, recipient), deque()).append(message)

    def _persist(self, persist: Persist) -> str:
        parts = [f"#{persist.sequence}"]
        if persist.hard_state is not None:
            vote = self.numbers.get(persist.hard_state.vote, "nobody")
            parts.append(f"term={persist.hard_state.term} vote={vote}")
        if persist.truncate_after is not None:
            parts.append(f"nothing after {persist.truncate_after}")
        parts.extend(map(self._entry, persist.entries))
        for member, start in persist.incarnations:
            parts.append(f"{_start(start)} of {self.numbers[member]}")
        return " ".join(parts)

    def _entry(self, entry: Entry) -> str:
        text = f"{entry.index}/{entry.term}"
        if entry.kind is EntryKind.OPERATIONS:
            text += "(" + ",".join(payload.decode() for _key, payload in decode_batch(entry.body)) + ")"
        return text

    def _message(self, message: Message) -> str:
        parts = [type(message).__name__, f"term={message.term}"]
        match message:
            case RequestVote():
                parts.append(f"last={message.last_index}/{message.last_term}")
                parts += [word for word in ("pre", "transfer") if getattr(message, word)]
            case VoteReply():
                parts.append("granted" if message.granted else "refused")
                parts += ["pre"] if message.pre else []
            case Append():
                parts.append(f"after={message.previous_index}/{message.previous_term}")
                parts.append(f"commit={message.commit} round={message.round}")
                parts.extend(map(self._entry, message.entries))
            case AppendReply():
                if message.success:
                    parts.append(f"match={message.match} received={message.hint_index}")
                else:
                    hint = f"hint={message.hint_index}/{message.hint_term}"
                    parts.append(f"rejected={message.previous_index} {hint}")
                parts.append(f"round={message.round}")
            case Forward():
                parts.extend(operation.payload.decode() for operation in message.operations)
            case ReadIndex():
                parts.append(f"question={message.context & 0xFFFF}")
            case ReadIndexReply():
                parts.append(f"question={message.context & 0xFFFF} index={message.index}")
            case Greeting():
                parts.append(f"{_start(message.incarnation)} last={message.last_index}")
            case GreetingReply():
                parts.append(f"to {_start(message.incarnation)}: {_start(message.remembered)}")
            case TimeoutNow():
                pass
        return " ".join(parts)

    def do_status(self) -> None:
        for machine in self.machines.values():
            if machine.node is None:
                self.out.append(f"{machine.number} is down")
                continue
            status = machine.node.status()
            vote = self.numbers.get(machine.node._state.disk.hard_state.vote, "nobody")
            leader = self.numbers.get(status.leader, "nobody")
            self.out.append(
                f"{machine.number} {status.role.value} term={status.term} vote={vote} leader={leader} "
                f"last={status.last_index} synced={status.synced} commit={status.commit}"
                f"{'' if status.greeted else ' ungreeted'}{'' if status.trusted else ' untrusted'}"
                f"{' quarantined' if status.quarantined else ''}"
            )

    def do_show_progress(self, number: str) -> None:
        for peer, progress in self.machines[int(number)].node._replication.followers.items():
            self.out.append(
                f"{self.numbers[peer]} {progress.mode.value} match={progress.match} next={progress.next} "
                f"under way={len(progress.inflight)}"
            )

    def do_logs(self) -> None:
        for machine in self._up():
            log = machine.node._state.log
            entries = log.after(log.base, log.last_index)
            shown = " ".join(f"{entry.index}/{entry.term}" for entry in entries)
            self.out.append(f"{machine.number}: {shown}")


def _start(incarnation: int) -> str:
    """A start of a server: the count, and the random part."""
    return "ban" if incarnation >= BANNED else f"start {incarnation >> 16}.{incarnation & 0xFFFF}"


def parse(text: str) -> list[tuple[list[str], str, list[str], str]]:
    """A scenario's parts: comments before the command, the command, its lines, the output expected."""
    parts = []
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        comments = [line for line in lines if line.startswith("#")]
        rest = [line for line in lines if not line.startswith("#")]
        if not rest:
            parts.append((comments, "", [], ""))
            continue
        end = rest.index("----") if "----" in rest else len(rest)
        parts.append((comments, rest[0], rest[1:end], "\n".join(rest[end + 1 :])))
    return parts


def play(text: str) -> str:
    """The scenario with the output that its commands have now."""
    script = Script()
    blocks = []
    for comments, command, lines, _expected in parse(text):
        block = list(comments)
        if command:
            block += [command, *lines, "----", script.run(command, lines)]
        blocks.append("\n".join(block))
    return "\n\n".join(blocks) + "\n"
