"""Planted bugs in replication: entries that are committed, kept or acknowledged when they must not be."""

from functools import partial
from typing import Final

from bulletin.core.raft.acceptance import Acceptance
from bulletin.core.raft.log import RaftLog
from bulletin.core.raft.node import Node
from bulletin.core.raft.replication import Replication
from bulletin.simulation.mutants.chance import NARROW, TURBULENT, wild
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.scenarios.playing import check

MUTANTS: Final = (
    Mutant(
        "6",
        "a leader commits an entry of an earlier term by counting",
        (Patch(Replication, "count", " or log.term_at(reached) != state.term", ""),),
        "W3|S4",
        partial(check, "figure_8"),
        Chance(
            wild(
                {"isolate": 0.15, "crash": 0.15, "split": 0.15, "transfer": 0.2},
                servers=(3, 5),
                seconds=6.0,
                config=NARROW,
            )
        ),
    ),
    Mutant(
        "7",
        "a leader counts its own entry before its sync",
        (Patch(Replication, "count", "[log.synced, ", "[log.last_index, "),),
        "S6",
        partial(check, "single_server"),
        Chance(TURBULENT, quick=True),
    ),
    Mutant(
        "8",
        "a follower acknowledges before its sync",
        (
            Patch(
                Acceptance,
                "_accept",
                "after, match = state.log.sequence_for(verified, state.disk.following), verified",
                "match = verified",
            ),
        ),
        "S6|S11",
        partial(check, "conflict_only"),
        Chance(TURBULENT, quick=True),
    ),
    Mutant(
        "9",
        "a follower drops its tail on every append, conflict or not",
        (
            Patch(
                Acceptance,
                "_take",
                "    if not fresh:\n",
                "    end = message.previous_index + known\n"
                "    if message.entries and self._state.commit <= end < log.last_index:\n"
                "        log.truncate_after(end, log.hash_at(end))\n"
                "    if not fresh:\n",
            ),
        ),
        "W1|S4|S6",
        partial(check, "conflict_only"),
        Chance(TURBULENT, quick=True),
    ),
    Mutant(
        "10",
        "a follower commits up to its last entry, verified or not",
        (
            Patch(
                Acceptance, "append", "min(message.commit, verified)", "min(message.commit, log.last_index)"
            ),
        ),
        "S4|S5|S6|fail-stop",
        partial(check, "verified_commit"),
        Chance(
            wild({"isolate": 0.3, "crash": 0.4, "split": 0.3}, servers=(3, 5), clients=8, config=NARROW),
            quick=True,
        ),
    ),
    Mutant(
        "11",
        "an acknowledgement of an earlier term counts",
        (
            Patch(
                Node,
                "_in_term",
                "if message.term < state.term:",
                "if message.term < state.term and not isinstance(message, AppendReply):",
            ),
        ),
        "W1|S6",
        partial(check, "stale_reply"),
        why="an acknowledgement has to overtake two elections, and its round must not be ahead of the new leader's",
    ),
    Mutant(
        "12",
        "a sync is acknowledged by its index alone",
        (Patch(RaftLog, "truncate_after", "flight.end = min(flight.end, index)", "pass"),),
        "W4|S6|S11",
        partial(check, "aba"),
        Chance(
            wild(
                {"isolate": 0.3, "split": 0.3, "slow_disk": 0.1},
                servers=(3, 5),
                clients=8,
                config={"gather_bytes_max": 1},
            ),
            quick=True,
        ),
    ),
)
