"""Planted bugs that break nothing, but keep a cluster from ever working again, or from ever being at rest."""

from functools import partial
from typing import Final

from bulletin.core.raft.election import Election
from bulletin.core.raft.progress import Progress
from bulletin.core.raft.replication import Replication
from bulletin.core.raft.snapshots import Snapshots
from bulletin.simulation.mutants.chance import COLLIDING, LIVENESS, TRIMMED, wild
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.scenarios.playing import check

MUTANTS: Final = (
    Mutant(
        "L-a",
        "granting a pre-vote makes the voter wait anew",
        (
            Patch(
                Election,
                "_pre_requested",
                "    if granted:\n",
                "    if granted:\n        self._wait_anew()\n",
            ),
        ),
        "L1",
        partial(check, "pre_vote_timer"),
        Chance(LIVENESS, seeds=200),
    ),
    Mutant(
        "L-b",
        "no check-quorum: a leader that is heard and hears nobody goes on",
        (
            Patch(
                Election,
                "_check_leadership",
                "if silence > patience and state.now >= self._excused_until:",
                "if False:",
            ),
        ),
        "L1",
        partial(check, "check_quorum"),
        Chance(LIVENESS, quick=True),
    ),
    Mutant(
        "L-c",
        "no stickiness: whoever cannot hear the leader deposes it",
        (
            Patch(
                Election,
                "_sticky",
                "state.leads or state.now - self._leader_heard_at < state.config.election_seconds_min",
                "False",
            ),
        ),
        "L1|L2",
        partial(check, "stickiness"),
        Chance(LIVENESS, quick=True),
    ),
    Mutant(
        "L-d",
        "heartbeats go on although the disk is stalled",
        (
            Patch(Replication, "flush", "if self._state.stalled:", "if False:"),
            Patch(Election, "_check_leadership", "state.disk.silent_for(state.now) > 2 * patience", "False"),
        ),
        "L1",
        partial(check, "disk_stall"),
        Chance(LIVENESS, seeds=200),
    ),
    Mutant(
        "L-e",
        "a refused pre-vote does not say the voter's term",
        (
            Patch(
                Election,
                "_pre_requested",
                "_reply(state.term, request, granted=False)",
                "_reply(min(state.term, request.term - 1), request, granted=False)",
            ),
        ),
        "L1",
        partial(check, "pre_vote_deadlock"),
        Chance(COLLIDING, seeds=300),
    ),
    Mutant(
        "L-f",
        "a probe that was lost is waited for for ever",
        (
            Patch(
                Progress,
                "acknowledged",
                "if self.mode is not Mode.REPLICATE and reached >= self.next - 1:",
                "if self.mode is not Mode.REPLICATE and not self.waiting and reached >= self.next - 1:",
            ),
        ),
        "L1",
        partial(check, "probe_lost"),
        Chance(LIVENESS, quick=True),
    ),
    Mutant(
        "L-f2",
        "what was sent counts as under way until its own answer comes, however much is answered after it",
        (
            Patch(
                Progress,
                "acknowledged",
                "while self.inflight and self.inflight[0][0] <= reached:",
                "while self.inflight and self.inflight[0][0] == reached:",
            ),
        ),
        "L1",
        partial(check, "window"),
        Chance(wild({"loss": 0.2, "duplication": 0.5}, config={"inflight_messages_max": 2}), quick=True),
    ),
    Mutant(
        "L-g",
        "whoever is told to lead asks first, and is refused for the leader's sake",
        (Patch(Election, "timeout_now", "self._campaign(by_transfer=True)", "self._become_pre_candidate()"),),
        "L5",
        partial(check, "transfer"),
        Chance(LIVENESS, quick=True),
    ),
    Mutant(
        "L-h",
        "a part of the tables that was lost is not asked for again",
        (Patch(Snapshots, "tick", "self._ask is not None and", "False and"),),
        "L1",
        partial(check, "part_lost"),
        Chance(TRIMMED, seeds=200),
    ),
)
