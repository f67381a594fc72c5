"""Carries out the commands of a scenario."""

from collections import deque
from collections.abc import Callable

import attrs

from bulletin.core.raft.config import Config
from bulletin.core.raft.messages import Message
from bulletin.simulation.scenarios.machine import Machine
from bulletin.simulation.scenarios.stage import Stage

STEP_SECONDS = 0.05
TRIFLE_SECONDS = 1e-9
"""So that what is due after a number of steps is due, however the sums are rounded."""
ROUNDS_MAX = 1000


class UnknownCommand(ValueError):
    """A scenario asks for what there is not."""


class Script(Stage):
    """A stage, and the commands that the package's docstring lists; :meth:`run` returns what each printed."""

    def __init__(self) -> None:
        super().__init__()
        self._steps = 0
        self._stalled: set[int] = set()
        self._paused: set[int] = set()
        self._kept: dict[str, tuple[int, int, Message]] = {}
        self._contexts = 0

    def run(self, command: str, lines: list[str]) -> str:
        """Carry out one command.

        :param lines: those below it.
        :raises UnknownCommand: there is no such command.
        :raises AssertionError: it cannot be carried out, or an invariant is broken.
        """
        name, *arguments = command.split()
        silent = name == "silent"
        if silent:
            name, *arguments = arguments
        self.out = []
        verb: Callable[..., None] | None = getattr(self, f"_do_{name}", None)
        if verb is None:
            raise UnknownCommand(f"a scenario has no command {name!r}")
        if name == "cluster":
            verb(lines, *arguments)
        else:
            verb(*arguments)
        return "ok" if silent or not self.out else "\n".join(self.out)

    # --- setting up ---

    def _do_cluster(self, lines: list[str], count: str, *options: str) -> None:
        given = dict(option.split("=") for option in options if "=" in option)
        fields = {name: float(value) if "." in value else int(value) for name, value in given.items()}
        self.found(int(count), Config(**fields))  # type: ignore[arg-type] # each field checks its own value
        for line in lines:
            number, _colon, terms = line.partition(":")
            self.give_log(self.machines[int(number)], terms.split())
        for machine in self.machines.values():
            self.start(machine)
        if "ungreeted" not in options:
            self._do_advance("0.05")
            self._do_stabilize()
        self.out = []

    # --- events ---

    def _do_campaign(self, number: str) -> None:
        machine = self.machines[int(number)]
        machine.running._election._deadline = self.now
        machine.running.tick(self._instant)
        self.settle(machine)

    def _do_start_campaign(self, number: str) -> None:
        machine = self.machines[int(number)]
        machine.running._election._campaign(by_transfer=False)
        self.settle(machine)

    def _do_corrupt(self, number: str) -> None:
        log = self.machines[int(number)].running._state.log
        changed = attrs.evolve(log._entries[-1], hash=b"x" * 32)
        log._entries[-1], log.last_hash = changed, changed.hash

    def _do_advance(self, seconds: str) -> None:
        for _ in range(round(float(seconds) / STEP_SECONDS)):
            self._steps += 1
            self.now = self._steps * (STEP_SECONDS + TRIFLE_SECONDS)
            for machine in self.up:
                if machine.number not in self._paused:
                    machine.running.tick(self._instant)
                    self.settle(machine)

    def _do_run(self, seconds: str) -> None:
        for _ in range(round(float(seconds) / STEP_SECONDS)):
            self._do_advance(str(STEP_SECONDS))
            self._do_stabilize()

    def _do_propose(self, number: str, *words: str) -> None:
        machine = self.machines[int(number)]
        taken = machine.running.propose([self.operation(words)], self._instant)
        self.out.append("taken" if taken else "refused")
        self.settle(machine)

    def _do_forward(self, number: str, *words: str) -> None:
        machine = self.machines[int(number)]
        sent = machine.running.forward([self.operation(words)], self._instant)
        self.out.append("sent" if sent else "refused")
        self.settle(machine)

    def _do_read(self, number: str) -> None:
        machine = self.machines[int(number)]
        self._contexts += 1
        if not machine.running.read_index(self._contexts, self._instant):
            self.out.append("refused")
        self.settle(machine)

    def _do_transfer(self, number: str) -> None:
        machine = self.machines[int(number)]
        if not machine.running.transfer(self._instant):
            self.out.append("refused")
        self.settle(machine)

    def _do_apply(self, number: str, index: str) -> None:
        machine = self.machines[int(number)]
        machine.running.applied_to(int(index))
        machine.disk.write(None, int(index))

    def _do_persist(self, number: str, count: str = "") -> None:
        machine = self.machines[int(number)]
        sequence = machine.disk.sync(int(count) if count else None)
        if sequence is not None and machine.node is not None:
            machine.running.persisted(sequence, self._instant)
            self.settle(machine)

    def _do_stall(self, number: str) -> None:
        self._stalled.add(int(number))

    def _do_unstall(self, number: str) -> None:
        self._stalled.discard(int(number))

    def _do_pause(self, number: str) -> None:
        self._paused.add(int(number))

    def _do_fetch(self, number: str) -> None:
        machine = self.machines[int(number)]
        fetches, machine.fetches = machine.fetches, []
        for fetch in fetches:
            machine.running.fetched(fetch.token, machine.disk.fetch(fetch), self._instant)
        self.settle(machine)

    # --- messages ---

    def _chosen(self, where: str) -> list[tuple[int, int]]:
        if "->" in where:
            sender, recipient = where.split("->")
            return [(int(sender), int(recipient))]
        return [link for link in sorted(self.links) if not where or link[1] == int(where)]

    def _do_deliver(self, where: str = "", count: str = "") -> None:
        for link in self._chosen(where):
            waiting = self.links.get(link, deque())
            for _ in range(int(count) if count else len(waiting)):
                assert waiting, "no message to deliver"
                self.arrive(*link, waiting.popleft())

    def _do_drop(self, where: str = "", count: str = "") -> None:
        for link in self._chosen(where):
            waiting = self.links.get(link, deque())
            for _ in range(int(count) if count else len(waiting)):
                assert waiting, "no message to drop"
                waiting.popleft()

    def _do_double(self, where: str) -> None:
        waiting = self.links[self._chosen(where)[0]]
        waiting.appendleft(waiting[0])

    def _do_keep(self, where: str, name: str) -> None:
        link = self._chosen(where)[0]
        assert self.links.get(link), "no message to keep"
        self._kept[name] = (*link, self.links[link].popleft())

    def _do_replay(self, name: str) -> None:
        self.arrive(*self._kept[name])

    def _do_cut(self, first: str, *others: str) -> None:
        for other in others:
            self.cuts |= {(int(first), int(other)), (int(other), int(first))}

    def _do_heal(self) -> None:
        self.cuts.clear()

    def _do_stabilize(self, *numbers: str) -> None:
        among = {int(number) for number in numbers} or set(self.machines)
        for _ in range(ROUNDS_MAX):
            disks = [self._work(machine) for machine in self.up if machine.number in among]
            links = [link for link in sorted(self.links) if self.links[link] and among.issuperset(link)]
            for link in links:
                if self.links[link]:
                    self.arrive(*link, self.links[link].popleft())
            if not links and not any(disks):
                return
        raise AssertionError("the cluster does not come to rest")

    def _work(self, machine: Machine) -> bool:
        """Its disk does what it was asked; whether it was asked anything."""
        syncs = machine.disk.waiting > 0 and machine.number not in self._stalled
        reads = bool(machine.fetches)
        if syncs:
            self._do_persist(str(machine.number))
        if machine.fetches:
            self._do_fetch(str(machine.number))
        return syncs or reads

    # --- life ---

    def _do_crash(self, number: str, count: str = "0") -> None:
        machine = self.machines[int(number)]
        machine.node = None
        machine.disk.sync(int(count))
        machine.disk.forget_unsynced()

    def _do_start(self, number: str) -> None:
        self.start(self.machines[int(number)])

    def _do_copy(self, number: str) -> None:
        machine = self.machines[int(number)]
        machine.copy = machine.disk.durable.copy()

    def _do_rollback(self, number: str) -> None:
        machine = self.machines[int(number)]
        machine.disk.durable = machine.copied()

    def _do_lose(self, number: str, index: str) -> None:
        machine = self.machines[int(number)]
        assert machine.node is None
        machine.disk.lose_tail(int(index))

    def _do_forget(self, number: str, syncs: str) -> None:
        machine = self.machines[int(number)]
        assert machine.node is None
        assert machine.disk.forget(int(syncs)), "nothing was synced since the start"

    # --- showing ---

    def _do_status(self) -> None:
        for machine in self.machines.values():
            if machine.node is None:
                self.out.append(f"{machine.number} is down")
                continue
            status = machine.running.status()
            vote = self.numbers.get(machine.running._state.disk.hard_state.vote, "nobody")
            leader = self.numbers.get(status.leader, "nobody")
            self.out.append(
                f"{machine.number} {status.role.value} term={status.term} vote={vote} leader={leader} "
                f"last={status.last_index} synced={status.synced} commit={status.commit}"
                f"{'' if status.greeted else ' ungreeted'}{'' if status.trusted else ' untrusted'}"
                f"{' quarantined' if status.quarantined else ''}"
            )

    def _do_show_progress(self, number: str) -> None:
        for peer, progress in self.machines[int(number)].running._replication.followers.items():
            self.out.append(
                f"{self.numbers[peer]} {progress.mode.value} match={progress.match} next={progress.next} "
                f"under way={len(progress.inflight)}"
            )

    def _do_logs(self) -> None:
        for machine in self.up:
            log = machine.running._state.log
            entries = log.after(log.base, log.last_index)
            shown = " ".join(f"{entry.index}/{entry.term}" for entry in entries)
            self.out.append(f"{machine.number}: {shown}")
