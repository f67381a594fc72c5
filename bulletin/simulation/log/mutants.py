"""Planted bugs: each is a change of a few words in one method, and must be caught by the scenario named here, some by chance, too.

A mutant names the words that it replaces, so it fails loudly where the method has changed meanwhile.
"""

import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from bulletin.core.raft.acceptance import Acceptance
from bulletin.core.raft.election import Election
from bulletin.core.raft.log import RaftLog
from bulletin.core.raft.node import Node
from bulletin.core.raft.progress import Progress
from bulletin.core.raft.reads import Reads
from bulletin.core.raft.replication import Replication
from bulletin.core.raft.snapshots import Snapshots
from bulletin.core.raft.trust import Trust


@attrs.frozen
class Mutant:
    """One planted bug.

    :param owner: the class whose method is changed.
    :param method: its name.
    :param words: what is replaced …
    :param bug: … and by what.
    :param scenario: a scenario whose output changes with it, or None.
    :param seeds: how many turbulent runs are enough for a checker to stop one, or 0: a scenario finds at once what chance
        finds once in a thousand runs.
    :param check: the checker's promise, or the invariant's.
    :param trimmed: whether those runs have short logs.
    """

    owner: type
    method: str
    words: str
    bug: str
    scenario: str | None = None
    seeds: int = 0
    check: str = ""
    trimmed: bool = False

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The bug is there while the context lasts."""
        original = self.owner.__dict__[self.method]
        function = original.fget if isinstance(original, property) else original
        assert function is not None
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(self.words) == 1, f"{self.method} has changed: plant the bug anew"
        namespace: dict[str, object] = {}
        module = sys.modules[self.owner.__module__]
        exec(source.replace(self.words, self.bug), module.__dict__, namespace)
        setattr(self.owner, self.method, namespace[self.method])
        try:
            yield
        finally:
            setattr(self.owner, self.method, original)


MUTANTS = {
    "01 vote sent before the sync": Mutant(
        Election,
        "requested",
        "state.outbox.send(candidate, VoteReply",
        "state.outbox.send_at_once(candidate, VoteReply",
        scenario="election",
        seeds=5,
        check="S11",
    ),
    "02 vote cleared on a step-down in the same term": Mutant(
        Election,
        "step_down",
        "    if new_term:\n        state.disk.change(term, None)",
        "    if new_term or state.role is Role.CANDIDATE:\n"
        "        state.disk.hard_state = type(state.disk.hard_state)(term, None)\n"
        "        state.disk._hard_changed = True",
        scenario="double_vote",
        seeds=20,
        check="S1|S10|a vote changed",
    ),
    "03 votes counted by message": Mutant(
        Election,
        "voted",
        "if counts and self._votes.get(voter) is not True:",
        "if counts:\n"
        "        others = [v for v in state.configuration.voters if v not in self._votes]\n"
        "        voter = others[0] if voter in self._votes and others else voter",
        scenario="votes_by_sender",
    ),
    "04 logs compared by index before term": Mutant(
        RaftLog,
        "up_to_date",
        "(last_term, last_index) >= (self.last_term, self.last_index)",
        "(last_index, last_term) >= (self.last_index, self.last_term)",
        scenario="index_before_term",
    ),
    "05 answer to a pre-vote counted as a vote": Mutant(
        Election,
        "voted",
        "    if reply.pre:\n",
        "    if reply.pre and state.role is not Role.CANDIDATE:\n",
        scenario="vote_stage",
        seeds=5,
        check="W2",
    ),
    "06 entry of an old term committed by counting": Mutant(
        Replication,
        "count",
        " or log.term_at(reached) != state.term",
        "",
        scenario="figure_8",
    ),
    "07 leader counts its own entry before its sync": Mutant(
        Replication,
        "count",
        "[log.synced, ",
        "[log.last_index, ",
        scenario="single_server",
        seeds=5,
        check="S6",
    ),
    "08 follower acknowledges before its sync": Mutant(
        Acceptance,
        "_accept",
        "after, match = state.log.sequence_for(verified, state.disk.following), verified",
        "match = verified",
        scenario="conflict_only",
        seeds=5,
        check="S11",
    ),
    "09 follower truncates on every append": Mutant(
        Acceptance,
        "_take",
        "    if not fresh:\n",
        "    end = message.previous_index + known\n"
        "    if message.entries and self._state.commit <= end < log.last_index:\n"
        "        log.truncate_after(end, log.hash_at(end))\n"
        "    if not fresh:\n",
        scenario="conflict_only",
        seeds=20,
        check="W1|S4|S6",
    ),
    "10 follower commits up to its last entry": Mutant(
        Acceptance,
        "append",
        "min(message.commit, verified)",
        "min(message.commit, log.last_index)",
        scenario="verified_commit",
    ),
    "11 acknowledgement of an earlier term counted": Mutant(
        Node,
        "_in_term",
        "if message.term < state.term:",
        "if message.term < state.term and not isinstance(message, AppendReply):",
        scenario="stale_reply",
    ),
    "12 sync acknowledged by index only": Mutant(
        RaftLog,
        "truncate_after",
        "flight.end = min(flight.end, index)",
        "pass",
        scenario="aba",
    ),
    "20 read index before a commit in the own term": Mutant(
        Reads,
        "needs_round",
        "bool(self._waiting) and self._state.proven",
        "bool(self._waiting)",
        scenario="read_before_own_term",
    ),
    "21 read index proved by a round that began before": Mutant(
        Replication,
        "flush",
        "        self.round += 1\n",
        "",
        scenario="read_index",
    ),
    "22 a lost end made good by what was lost at least": Mutant(
        Trust,
        "consider",
        "covers is None or state.commit < max(covers, state.trusted_from)",
        "state.commit < state.trusted_from",
        scenario="lost_end",
    ),
    "30 trimmed before it is in the tables": Mutant(
        RaftLog,
        "trim",
        "if index > min(written, self._synced):",
        "if index > self._synced:",
        seeds=20,
        check="not in the tables|out of order",
        trimmed=True,
    ),
    "32 terms of what is trimmed are kept": Mutant(
        RaftLog,
        "_begin_after",
        "    del self._run_terms[:run]\n",
        "    del self._run_terms[len(self._run_terms) - run :]\n",
        seeds=20,
        check="runs of terms|S4|term to come",
        trimmed=True,
    ),
    "33 a leader looks for a meeting before its log begins": Mutant(
        Progress,
        "rejected",
        "if previous == anchor > 0:",
        "if previous < 0:",
        seeds=20,
        check="sends from its own log",
        trimmed=True,
    ),
    "35 a part that was lost is not asked for again": Mutant(
        Snapshots,
        "tick",
        "self._ask is not None and",
        "False and",
        seeds=60,
        check="L1",
        trimmed=True,
    ),
    "36 followers are sent what was trimmed meanwhile": Mutant(
        Replication,
        "trimmed",
        "if progress.next <= anchor:",
        "if progress.next < 0:",
        seeds=20,
        check="sends from its own log",
        trimmed=True,
    ),
    "37 the chain goes on from another hash than the anchor's": Mutant(
        RaftLog,
        "_grow",
        "_Milestone(Anchor(entry.index, entry.term, entry.hash), self._size)",
        "_Milestone(Anchor(entry.index, entry.term, self._entries[0].hash), self._size)",
        seeds=20,
        check="the anchor is not in the log",
        trimmed=True,
    ),
    "38 what a follower has trimmed is denied": Mutant(
        Acceptance,
        "append",
        "cut = message.previous_index < log.anchor.index",
        "cut = False",
        seeds=60,
        check="another term at the committed index|L1",
        trimmed=True,
    ),
}
