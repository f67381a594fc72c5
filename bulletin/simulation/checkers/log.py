"""S3: logs match.  S4: what was committed anywhere never changes and is in every later leader's log.  S5: equal states."""

from bulletin.core.log.port import LogEvent
from bulletin.core.raft.ready import Ready
from bulletin.simulation.checkers import CheckedCluster, CheckedServer, Checker


class Log(Checker):
    """Keeps the committed log, and holds every log against it."""

    def __init__(self, cluster: CheckedCluster) -> None:
        super().__init__(cluster)
        self._hashes: dict[tuple[int, int], bytes] = {}
        self._truth = cluster.truth
        self._committed_in: list[int] = [1]
        self._leading: dict[int, int] = {}

    def turned(self, server: CheckedServer, ready: Ready, events: list[LogEvent]) -> None:
        if ready.persist is not None:
            if ready.persist.truncate_after is not None and server.disk.waiting > 1:
                self.cluster.note("overwritten_while_written")
            for entry in ready.persist.entries:
                known = self._hashes.setdefault((entry.index, entry.term), entry.hash)
                assert known == entry.hash, f"S3: two entries {entry.index} of term {entry.term}"
        for entry in ready.committed:
            if entry.index <= len(self._truth.entries):
                assert self._truth.entries[entry.index - 1].hash == entry.hash, (
                    f"S4: the committed entry {entry.index} is another on server {server.number}"
                )
            else:
                assert entry.index == len(self._truth.entries) + 1
                self._truth.entries.append(entry)
                self._committed_in.append(server.node._state.term)

    def started(self, server: CheckedServer) -> None:
        anchor = server.disk.durable.anchor
        assert anchor.index == 0 or self._truth.entries[anchor.index - 1].hash == anchor.hash, (
            f"S4: what server {server.number} has trimmed is not what was committed"
        )
        known = self._truth.states.setdefault(server.applied, server.digest)
        assert known == server.digest, f"S5: two states at {server.applied}"

    def changed(self, server: CheckedServer) -> None:
        node = server.node
        if not node.leads:
            return
        term = node._state.term
        if self._leading.get(server.number) == term:
            return
        self._leading[server.number] = term
        log = node._state.log
        last = len(self._truth.entries)
        if log.last_index > last + 1:
            self.cluster.note("old_entry_survives")
        while self._committed_in[last - 1] >= term:  # a candidate of an earlier term may get its votes late
            last -= 1
        assert log.last_index >= last, "S4: a leader lacks a committed entry"
        assert log.hash_at(last) in (None, self._truth.entries[last - 1].hash), (
            "S4: a leader has another committed entry"
        )
