"""The log tier: Raft nodes behind their ports, with a digest in place of a board, hence ten times as fast as a whole one.

::

    disk       a disk that syncs late, stalls, and forgets at a crash what was not synced
    server     one server: a node behind its port, its disk, a small replicated state
    workload   clients that propose and pass barriers at any server
    answers    holds what clients were told against the committed log
    faults     which faults a seed draws, and when they strike
    ending     how a run ends: healed, or a majority among ruins; what must come to pass then
    cluster    all of it
"""

from typing import Final

from bulletin.simulation.log.cluster import Cluster
from bulletin.simulation.log.faults import KINDS, Options
from bulletin.simulation.tier import Tier

SOMETIMES: Final = (
    "append_of_old_term",
    "append_rejection_stale",
    "append_reply_stale",
    "campaigns_lost",
    "campaigns_withheld_by_disk",
    "commit_before_own_sync",
    "committed_twice",
    "core_readmits",
    "core_torn",
    "core_without_away",
    "core_without_dead",
    "core_without_deaf",
    "core_without_frozen",
    "core_without_its_leader",
    "core_without_mute",
    "core_without_stalled",
    "core_without_torn",
    "fetches",
    "messages_of_old_term",
    "old_entry_survives",
    "overwritten_while_written",
    "pre_vote_refused_by_log",
    "pre_vote_refused_by_stickiness",
    "proposals_refused_full",
    "read_waits_for_own_term",
    "reads_lost",
    "refused",
    "installed",
    "log_trimmed",
    "snapshot_parts_asked_again",
    "snapshot_parts_missing",
    "snapshot_parts_stale",
    "snapshots_resumed",
    "split_vote",
    "stepped_down_by_disk",
    "stepped_down_by_quorum",
    "transfers_aborted",
    "transfers_taken",
    "truncations",
    "truncations_of_many",
    "unknown",
    "vote_request_ignored",
)
"""What a campaign of some hundred seeds must have come by."""

LOG_TIER: Final = Tier("log", "Raft nodes and their disks", Options.swarm, Cluster, KINDS, SOMETIMES)
