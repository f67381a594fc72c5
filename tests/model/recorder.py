"""Writes a run of the simulation down as steps of the specification ``ReplicatedLog.tla``.

What a node did in one event is found by comparing it with what it was before, and put in the order in which the code
does it: a sync, then term and vote, role, log, commit, then what it says.  An append of k entries is k steps.
The founding entry and its term are the specification's empty log and term 0, so both are counted from there.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache

import attrs

from bulletin.core.log.founding import FOUNDING_INDEX, FOUNDING_TERM
from bulletin.core.raft.messages import AppendReply, RequestVote, VoteReply
from bulletin.core.raft.ready import Role
from bulletin.simulation.checkers import Checker
from bulletin.simulation.log.cluster import Cluster
from bulletin.simulation.log.faults import Options
from bulletin.simulation.violation import Violation

NOBODY = "nobody"
STEPS_MAX = 3000
"""What a run did beyond is left out: the beginning of a behaviour is one."""

FIRST = 18
"""The seed with which the search for an eventful run begins: for long, the first one was."""

_ROLES = {
    Role.FOLLOWER: "follower",
    Role.PRE_CANDIDATE: "follower",
    Role.CANDIDATE: "candidate",
    Role.LEADER: "leader",
}


@attrs.frozen
class Step:
    """One step: an action's name, its server, its index or term, and the candidate voted for.

    :param state: of the server after it: term, vote, role, last index, last term, commit; or None: it is in the
        middle of something.
    """

    act: str
    server: str
    number: int = 0
    to: str = NOBODY
    state: tuple[int, str, str, int, int, int] | None = None

    def literal(self) -> str:
        """The step as a record of TLA+."""
        state = ""
        if self.state is not None:
            term, vote, role, last, last_term, commit = self.state
            state = f' {term}, "{vote}", "{role}", {last}, {last_term}, {commit} '
        return (
            f'[act |-> "{self.act}", s |-> "{self.server}", n |-> {self.number}, to |-> "{self.to}", '
            f"is |-> <<{state}>>]"
        )


@attrs.frozen
class Image:
    """What a server has in memory, or on its disk: term, vote, and the terms of its log's entries."""

    term: int = 0
    vote: str = NOBODY
    terms: tuple[int, ...] = ()


@attrs.define
class Watched:
    """A server as its last step left it."""

    name: str
    image: Image = Image()
    role: str = "follower"
    commit: int = 0
    disk: Image = Image()
    pending: deque[Image] = attrs.Factory(deque)
    looked_at: int = 0
    said: set[tuple[str, int, int]] = attrs.Factory(set)

    @property
    def state(self) -> tuple[int, str, str, int, int, int]:
        terms = self.image.terms
        return (
            self.image.term,
            self.image.vote,
            self.role,
            len(terms),
            terms[-1] if terms else 0,
            self.commit,
        )


class Recorder(Checker):
    """A checker that objects to nothing, and notes all; ``steps`` is what it noted."""

    def __init__(self, cluster) -> None:
        super().__init__(cluster)
        self.steps: list[Step] = []
        self._watched = [Watched(f"s{number}") for number in range(len(cluster.servers))]
        self._names = {
            server.member: watched.name
            for server, watched in zip(cluster.servers, self._watched, strict=True)
        }

    @property
    def servers(self) -> tuple[str, ...]:
        return tuple(watched.name for watched in self._watched)

    # --- what the simulation tells ---

    def started(self, server) -> None:
        watched = self._watched[server.number]
        steps = self._synced(server, watched)
        watched.pending.clear()
        watched.looked_at = 0
        watched.image, watched.role = self._memory(server), "follower"
        watched.commit = server.node.status().commit - FOUNDING_INDEX
        self._note(watched, [*steps, Step("restart", watched.name, watched.commit)])

    def changed(self, server) -> None:
        watched = self._watched[server.number]
        steps = self._synced(server, watched)
        steps += self._moved(server, watched)
        steps += self._spoke(server, watched)
        self._note(watched, steps)

    def turned(self, server, ready, events) -> None:
        watched = self._watched[server.number]
        latest = watched.pending[-1] if watched.pending else watched.disk
        if ready.persist is not None and watched.image != latest:
            watched.pending.append(watched.image)
            self._note(watched, [Step("write", watched.name)])

    # --- how that is told in steps ---

    def _note(self, watched: Watched, steps: Sequence[Step]) -> None:
        if steps:
            self.steps += steps[:-1]
            self.steps.append(attrs.evolve(steps[-1], state=watched.state))

    def _memory(self, server) -> Image:
        state = server.node._state
        terms: list[int] = []
        for first, term in reversed(state.log.runs):
            terms[:0] = [term - FOUNDING_TERM] * (state.log.last_index - first + 1 - len(terms))
        return self._image(state.disk.hard_state, terms)

    def _image(self, hard_state, terms: Iterable[int]) -> Image:
        vote = NOBODY if hard_state.vote is None else self._names[hard_state.vote]
        return Image(hard_state.term - FOUNDING_TERM, vote, tuple(terms)[FOUNDING_INDEX:])

    def _synced(self, server, watched: Watched) -> list[Step]:
        content = server.disk.durable
        assert not content.anchor.index, "the log was trimmed: that is beyond the specification"
        durable = self._image(content.hard_state, [entry.term - FOUNDING_TERM for entry in content.entries])
        steps = []
        while watched.disk != durable:
            assert watched.pending, "a disk holds what was never written"
            watched.disk = watched.pending.popleft()
            steps.append(Step("sync", watched.name))
        return steps

    def _moved(self, server, watched: Watched) -> list[Step]:
        state = server.node._state
        name, old, new = watched.name, watched.image, self._memory(server)
        was, role = watched.role, _ROLES[state.role]
        commit = state.commit - FOUNDING_INDEX
        steps = []
        if new.term > old.term and role == "candidate":
            steps += [Step("step down", name)] if was == "leader" else []
            steps += [Step("learn", name, new.term - 1)] if new.term - 1 > old.term else []
            steps.append(Step("campaign", name))
        elif new.term > old.term:
            steps.append(Step("learn", name, new.term))
            was = "follower"
        elif was != "follower" and role == "follower":
            steps.append(Step("step down", name))
        if role == "follower" and new.vote != NOBODY and (new.term, new.vote) != (old.term, old.vote):
            steps.append(Step("grant", name, to=new.vote))
        steps += self._grown(name, old, new, was, role)
        if commit > watched.commit:
            steps.append(Step("commit" if role == "leader" else "follow commit", name, commit))
        watched.image, watched.role, watched.commit = new, role, commit
        return steps

    def _grown(self, name: str, old: Image, new: Image, was: str, role: str) -> list[Step]:
        """How the log came to be what it is."""
        common = 0
        while common < min(len(old.terms), len(new.terms)) and old.terms[common] == new.terms[common]:
            common += 1
        assert len(new.terms) > common or new.terms == old.terms, (
            "a log was cut, and nothing put there instead"
        )
        indexes = range(common + 1, len(new.terms) + 1)
        if role != "leader":
            return [Step("accept", name, index) for index in indexes]
        steps = [Step("append", name, index) for index in indexes]
        if was != "leader":
            steps[0] = Step("lead", name, indexes[0])
        return steps

    def _spoke(self, server, watched: Watched) -> list[Step]:
        """What waits for nothing any more, and leaves at the next turn."""
        leaving = server.node._state.outbox._free
        fresh, watched.looked_at = leaving[watched.looked_at :], len(leaving)
        steps = []
        for _, message in fresh:
            number = 0
            match message:
                case RequestVote(pre=False):
                    act = "ask"
                case VoteReply(granted=True, pre=False):
                    act = "vote"
                case AppendReply(success=True, match=match) if match > FOUNDING_INDEX:
                    act, number = "acknowledge", match - FOUNDING_INDEX
                case _:
                    continue
            if (act, message.term, number) not in watched.said:
                watched.said.add((act, message.term, number))
                steps.append(Step(act, watched.name, number))
        return steps


def options_of(seed: int) -> Options:
    """Three servers in turbulence: none of its faults is unknown to the specification, and no log is trimmed.

    Crashes and partitions are always among them, so that logs conflict.
    """
    options = Options.turbulent(seed)
    faults = {"crash": 0.6, "split": 0.6} | dict(options.faults)
    return attrs.evolve(options, servers=3, faults=tuple(sorted(faults.items())), seconds=6.0, clients=2)


def record(seed: int) -> tuple[tuple[str, ...], list[Step]]:
    """The names of the servers, and the steps of the run of this seed: at most :data:`STEPS_MAX`."""
    cluster = Cluster(seed, options_of(seed))
    recorder = Recorder(cluster)
    cluster.checkers.append(recorder)
    cluster.run()
    return recorder.servers, recorder.steps[:STEPS_MAX]


def record_unchecked(seed: int) -> tuple[tuple[str, ...], list[Step]]:
    """The same of a run that nothing else looks at, as far as it went: for code with a bug planted in it."""
    cluster = Cluster(seed, options_of(seed))
    recorder = Recorder(cluster)
    cluster.checkers = [recorder]
    with suppress(Violation):
        cluster.run()
    return recorder.servers, recorder.steps[:STEPS_MAX]


def eventful(steps: Iterable[Step]) -> bool:
    """Whether a run has in it what is worth following: several leaders, logs in conflict, and entries lost by a crash."""
    last: dict[str, int] = {}
    leaders = conflicts = lost = 0
    for step in steps:
        before = last.get(step.server, 0)
        leaders += step.act == "lead"
        if step.act in {"accept", "append", "lead"}:
            conflicts += step.number <= before
            last[step.server] = step.number
        if step.state is not None:
            lost += step.act == "restart" and step.state[3] < before
            last[step.server] = step.state[3]
    return leaders >= 3 and conflicts > 0 and lost > 0


@cache
def record_eventful(first: int = FIRST, seeds: int = 100) -> tuple[int, tuple[str, ...], list[Step]]:
    """The first of so many runs that is :func:`eventful`, with its seed."""
    for seed in range(first, first + seeds):
        servers, steps = record(seed)
        if eventful(steps):
            return seed, servers, steps
    raise AssertionError(f"of {seeds} runs none is worth following: the faults have become too tame")
