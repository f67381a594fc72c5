"""Planted bugs in elections: votes that are given, counted or compared wrongly."""

from functools import partial
from typing import Final

from bulletin.core.raft.election import Election
from bulletin.core.raft.log import RaftLog
from bulletin.simulation.mutants.chance import TURBULENT, wild
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.scenarios.playing import check

MUTANTS: Final = (
    Mutant(
        "1",
        "a vote leaves before it is synced",
        (
            Patch(
                Election,
                "requested",
                "state.outbox.send(candidate, _reply",
                "state.outbox.send_at_once(candidate, _reply",
            ),
        ),
        "S11",
        partial(check, "election"),
        Chance(TURBULENT, quick=True),
    ),
    Mutant(
        "2",
        "the vote is cleared where a candidate steps down within its term",
        (
            Patch(
                Election,
                "step_down",
                "    if new_term:\n        state.disk.change(term, None)",
                "    if new_term or state.role is Role.CANDIDATE:\n"
                "        state.disk.hard_state = type(state.disk.hard_state)(term, None)\n"
                "        state.disk._hard_changed = True",
            ),
        ),
        "S1|S10|invariant",
        partial(check, "double_vote"),
        Chance(TURBULENT, quick=True),
    ),
    Mutant(
        "3",
        "votes are counted by message, not by sender",
        (
            Patch(
                Election,
                "voted",
                "if counts and self._votes.get(voter) is not True:",
                "if counts:\n"
                "        others = [v for v in state.configuration.voters if v not in self._votes]\n"
                "        voter = others[0] if voter in self._votes and others else voter",
            ),
        ),
        "S1|S4|W2",
        partial(check, "votes_by_sender"),
        Chance(wild({"duplication": 0.1, "split": 0.3, "crash": 0.3}, servers=(5,)), quick=True),
    ),
    Mutant(
        "4",
        "logs are compared by index before term",
        (
            Patch(
                RaftLog,
                "up_to_date",
                "(last_term, last_index) >= (self.last_term, self.last_index)",
                "(last_index, last_term) >= (self.last_index, self.last_term)",
            ),
        ),
        "S4|S6|W3|fail-stop",
        partial(check, "index_before_term"),
        why="the log of the earlier term has to be the longer one, and the later leader gone before that changes",
    ),
    Mutant(
        "5",
        "an answer to a pre-vote counts as a vote",
        (
            Patch(
                Election,
                "voted",
                "    if reply.pre:\n",
                "    if reply.pre and state.role is not Role.CANDIDATE:\n",
            ),
        ),
        "W2|S1",
        partial(check, "vote_stage"),
        Chance(TURBULENT, quick=True),
    ),
)
