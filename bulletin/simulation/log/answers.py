"""What clients were told is true: what was acknowledged is in the log there, what was refused is not in it at all."""

from bulletin.core.log.batch import decode_batch
from bulletin.core.log.entry import EntryKind
from bulletin.core.log.port import LogEvent, position_of
from bulletin.core.raft.ready import Ready
from bulletin.simulation.checkers import CheckedCluster, CheckedServer, Checker
from bulletin.simulation.log.workload import Workload


class Answers(Checker):
    """Holds what the clients were told against the committed log.

    :param cluster: what is checked.
    :param workload: the clients.
    """

    def __init__(self, cluster: CheckedCluster, workload: Workload) -> None:
        super().__init__(cluster)
        self._workload = workload

    def turned(self, server: CheckedServer, ready: Ready, events: list[LogEvent]) -> None:
        self._workload.told(server.number, events)

    def ended(self) -> None:
        positions: dict[bytes, set[int]] = {}
        for entry in self.cluster.truth.entries:
            if entry.kind is EntryKind.OPERATIONS:
                for offset, (key, _payload) in enumerate(decode_batch(entry.body), 1):
                    positions.setdefault(key, set()).add(position_of(entry.index, offset))
        self.cluster.note("committed_twice", sum(len(found) > 1 for found in positions.values()))
        for key, position in self._workload.acknowledged.items():
            assert position in positions.get(key, ()), "an acknowledged operation is lost"
        for key in self._workload.refused:
            assert key not in positions, "an operation took effect that was said not to have"
