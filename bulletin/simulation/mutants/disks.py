"""Planted bugs in what is believed of a disk: one that has lost its end, was rolled back, or did not sync."""

from functools import partial
from typing import Final

from bulletin.core.raft.election import Election
from bulletin.core.raft.greeting import Greeter
from bulletin.core.raft.replication import Replication
from bulletin.core.raft.trust import Trust
from bulletin.simulation.mutants.chance import board_tier
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.scenarios.playing import check

MUTANTS: Final = (
    Mutant(
        "24",
        "a server whose database lost its end votes and acknowledges as ever",
        (
            Patch(
                Greeter,
                "counts",
                "self.greeted and not self.quarantined and self._state.trusted_from is None",
                "self.greeted and not self.quarantined",
            ),
        ),
        "S4|S5|S6|W1|W2|W3|L1|fail-stop",  # L1: one that leads has nobody to ask what covers its losses
        partial(check, "lost_tail"),
        Chance(board_tier({"lost_tail": 0.5, "power": 0.5})),
    ),
    Mutant(
        "24b",
        "a server whose disk was rolled back votes as ever",
        (
            Patch(
                Greeter,
                "counts",
                "self.greeted and not self.quarantined and self._state.trusted_from is None",
                "self.greeted and self._state.trusted_from is None",
            ),
        ),
        "S4|S5|S6|S10|W1|W2|W3|L1|fail-stop",
        partial(check, "quarantine"),
        Chance(board_tier({"rolled_back": 0.7, "kill": 0.5})),
    ),
    Mutant(
        "24c",
        "a lost end is made good by what was lost at least",
        (
            Patch(
                Trust,
                "consider",
                "covers is None or state.commit < covers",
                "state.commit < state.trusted_from",
            ),
        ),
        "S4|S6|W3",
        partial(check, "lost_end"),
        why="a commit index of a leader that others have left behind has to arrive while nothing newer does",
    ),
    Mutant(
        "24d",
        "a candidacy has no end: it may be won with a vote that its giver has lost, and given again",
        (Patch(Election, "_decide", "state.now < self._candidacy_ends", "True"),),
        "S1",
        partial(check, "late_vote"),
        why="of five servers one has to lose its vote while the candidate stands still, and goes on in the same term",
    ),
    Mutant(
        "24e",
        "a leader does not say how far its disk is",
        (Patch(Replication, "_send_append", "synced=state.log.synced", "synced=0"),),
        "S4|S6|W3",
        partial(check, "quarantine_leader"),
        why="a leader has to lose an entry with a copy that only one follower has, and be elected again without that one",
    ),
)
