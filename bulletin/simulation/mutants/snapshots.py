"""Planted bugs in logs that are trimmed, and in tables that are taken over in place of what is gone."""

from functools import partial
from typing import Final

import msgpack

from bulletin.core.log.entry import EntryKind, make_entry
from bulletin.core.raft.acceptance import Acceptance
from bulletin.core.raft.log import RaftLog
from bulletin.core.raft.progress import Progress
from bulletin.core.raft.ready import HardState
from bulletin.core.raft.replication import Replication
from bulletin.simulation.log.cluster import found
from bulletin.simulation.log.disk import Content, SimulatedDisk
from bulletin.simulation.mutants.chance import TRIMMED
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.scenarios.playing import check
from bulletin.simulation.violation import Violation

_SUFFIX_ENDS: Final = 5


def suffix_stays() -> None:
    """Tables at an index are put in place on a disk whose log goes on from there: what was acknowledged beyond stays.

    :raises Violation: it does not.
    """
    document = found(3)
    content = SimulatedDisk(document).durable
    for index in range(2, _SUFFIX_ENDS + 1):
        last = content.entries[-1]
        content.entries.append(make_entry(last.hash, document.identity, index, 2, EntryKind.NOOP, b""))
    content.hard_state = HardState(2)
    tables = content.entries[2]
    whole = msgpack.packb([tables.index, tables.term, tables.hash, b""])
    content.incoming = {0: b"", 1: whole, 2: b"", 3: b""}
    content.install()
    if content.last_index < _SUFFIX_ENDS:
        raise Violation("S6", f"of a log that ended at {_SUFFIX_ENDS} nothing is left beyond the tables")


MUTANTS: Final = (
    Mutant(
        "16",
        "tables that are taken over drop the log's suffix beyond them",
        (
            Patch(
                Content,
                "install",
                "if self.anchor.index < index <= self.last_index and self.at(index) == (term, hash_):",
                "if self.last_index < 0:",
            ),
        ),
        "S6|W1|W3|S4|S10",
        suffix_stays,
        why="an append that the network held back has to arrive between the last part and the tables",
    ),
    Mutant(
        "T1",
        "what is not in the tables yet is trimmed",
        (Patch(RaftLog, "trim", "if index > min(written, self._synced):", "if index > self._synced:"),),
        "invariant|S4|S5",
        partial(check, "tables"),
        Chance(TRIMMED, quick=True),
    ),
    Mutant(
        "T2",
        "the terms of what was trimmed are kept, those of what is left go",
        (
            Patch(
                RaftLog,
                "_begin_after",
                "    del self._run_terms[:run]\n",
                "    del self._run_terms[len(self._run_terms) - run :]\n",
            ),
        ),
        "invariant|S4|fail-stop",
        partial(check, "tables"),
        Chance(TRIMMED, quick=True),
    ),
    Mutant(
        "T3",
        "a leader looks for where two logs meet before its own begins",
        (Patch(Progress, "rejected", "if previous == anchor > 0:", "if previous < 0:"),),
        "invariant",
        partial(check, "tables"),
        Chance(TRIMMED, quick=True),
    ),
    Mutant(
        "T4",
        "followers are sent what was trimmed meanwhile",
        (Patch(Replication, "trimmed", "if progress.next <= anchor:", "if progress.next < 0:"),),
        "invariant",
        partial(check, "trimmed_meanwhile"),
        Chance(TRIMMED, quick=True),
    ),
    Mutant(
        "T5",
        "the chain goes on from another hash than the anchor's",
        (
            Patch(
                RaftLog,
                "_grow",
                "_Milestone(Anchor(entry.index, entry.term, entry.hash), self._size)",
                "_Milestone(Anchor(entry.index, entry.term, self._entries[0].hash), self._size)",
            ),
        ),
        "invariant",
        partial(check, "tables"),
        Chance(TRIMMED, quick=True),
    ),
    Mutant(
        "T6",
        "a follower denies what it has trimmed",
        (
            Patch(
                Acceptance,
                "append",
                "cut = message.previous_index < log.anchor.index",
                "cut = False",
            ),
        ),
        "fail-stop|L1",
        partial(check, "trimmed_follower"),
        Chance(TRIMMED, seeds=200),
    ),
)
