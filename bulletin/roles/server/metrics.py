"""A server's metrics, from the plain values of its status."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from bulletin.core.clocks.corrected import State
from bulletin.core.raft.ready import Role, Status
from bulletin.web.metrics import Sample, counter, gauge

if TYPE_CHECKING:
    from bulletin.core.server.executor import DiskCounters, Malformed
    from bulletin.core.server.status import ClockStatus, ServerStatus
    from bulletin.core.store.port import Store


def samples_of(
    status: "ServerStatus", malformed: "Malformed", disk: "DiskCounters", store: "Store | None"
) -> Iterator[Sample]:
    """All samples of a server."""
    yield from _requests(status)
    for source, number in attrs.asdict(malformed).items():
        yield counter("server_malformed_total", "Messages that could not be read.", number, source=source)
    yield gauge("server_empty", "Whether it waits for the founding of its cluster.", float(status.empty))
    yield gauge("server_clock", "Its Lamport clock.", status.clock)
    yield from _time(status.time)
    yield gauge("server_reference_heard", "Whether the reference answered lately.", float(status.reference))
    yield gauge("server_session", "Its session at the brokers.", status.session)
    yield gauge("server_brokers_connected", "Brokers that know its session.", status.connected)
    yield counter("server_disk_writes_total", "Writes that were synced.", disk.writes)
    yield counter("server_disk_entries_total", "Log entries in them: a batch's size, together.", disk.entries)
    yield counter("server_disk_rows_total", "Rows for the tables.", disk.rows)
    yield counter("server_snapshot_bytes_sent_total", "Bytes of tables read for fellow servers.", disk.given)
    yield counter(
        "server_disk_seconds_total", "Time from asking for a write to its sync, summed.", disk.seconds
    )
    yield gauge(
        "server_disk_backlog_bytes", "Bytes on their way to the disk.", store.backlog if store else None
    )
    yield gauge("server_disk_full", "Whether its disk is full: it takes no part.", float(status.full))
    if status.node is not None:
        yield from _log(status, status.node)


def _requests(status: "ServerStatus") -> Iterator[Sample]:
    yield counter("server_succeeded_total", "Requests answered with success.", status.counts.succeeded)
    for code, number in status.counts.refused.items():
        yield counter(
            "server_refused_total", "Requests answered with an error, by its code.", number, code=code
        )
    for code, number in status.counts.later.items():
        yield counter("server_later_total", "Requests handed back for another server.", number, code=code)
    yield counter("server_published_total", "Posts that this server published.", status.published)
    for what, number in attrs.asdict(status.dropped).items():
        yield counter("server_dropped_total", "What was not for this server.", number, what=what)
    yield gauge("server_proposals", "Operations under way.", status.proposals)
    yield gauge("server_proposals_held", "Operations that wait for a leader.", status.held)
    yield gauge("server_proposals_bytes", "Bytes of the requests behind operations.", status.proposals_bytes)
    yield gauge("server_queries", "Reads under way.", status.queries)


def _time(clock: "ClockStatus") -> Iterator[Sample]:
    yield gauge(
        "clock_correction_seconds",
        "How far the corrected clock is ahead of this machine's own: on one machine, servers' values can be compared.",
        clock.correction,
    )
    yield gauge(
        "clock_bound_seconds", "How far the corrected clock may be from the board's time.", clock.bound
    )
    yield gauge("clock_left_seconds", "What the corrected clock has left to slew.", clock.left)
    yield gauge("clock_rate_ppm", "The rate that the corrected clock has learnt.", clock.rate * 1e6)
    for state in State:
        yield gauge(
            "clock_state", "1 for the state it is in.", float(clock.state is state), state=state.name.lower()
        )
    yield counter("clock_steps_total", "How often the corrected clock jumped.", clock.steps)
    yield gauge("clock_stepped_seconds", "Seconds that it jumped, summed.", clock.stepped)
    for what, number in attrs.asdict(clock.counters).items():
        yield counter("clock_rounds_total", "What came of the clocks' rounds.", number, what=what)


def _log(status: "ServerStatus", node: Status) -> Iterator[Sample]:
    for role in Role:
        yield gauge("log_role", "1 for the role it is in.", float(node.role is role), role=role.value)
    yield gauge("log_term", "The latest term it knows.", node.term)
    yield gauge("log_leader_known", "Whether it knows a leader.", float(node.leader is not None))
    yield gauge("log_leader", "1 for the leader, by name.", 1.0, leader=status.leader or "")
    yield gauge("log_last_index", "The last entry of its log.", node.last_index)
    yield gauge("log_first_index", "The first entry of its log: those before are trimmed.", node.first_index)
    yield gauge("log_bytes", "Bytes in its log, about.", node.log_size)
    yield gauge("log_behind", "Whether it takes in another server's tables.", float(node.behind))
    yield gauge("log_synced", "The last entry on its disk.", node.synced)
    yield gauge("log_commit", "The last entry known to be committed.", node.commit)
    yield gauge("log_applied", "The last entry applied in memory.", status.applied)
    yield gauge("log_written", "The last entry in the tables.", status.written)
    yield gauge("log_lag", "Committed entries that it has not applied.", node.commit - status.applied)
    yield gauge("log_trusted", "Whether its disk has all that it acknowledged.", float(node.trusted))
    yield gauge("log_quarantined", "Whether its directory is an old copy.", float(node.quarantined))
    yield gauge("log_stalled", "Whether its disk has been silent for long.", float(node.stalled))
    yield gauge("log_greeted", "Whether a majority has answered its greeting.", float(node.greeted))
    for event, number in node.counters:
        yield counter("log_events_total", "What happened in the log's protocol.", number, event=event)
    yield counter("board_operations_total", "Operations applied that were no repetitions.", status.operations)
    yield gauge(
        "board_digest", "The state's digest at the index, in the label.", status.applied, digest=status.digest
    )
    yield counter(
        "server_peers_dropped_total", "Frames of fellows that were not for it.", status.peers_dropped
    )
