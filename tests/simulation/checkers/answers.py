"""What clients were told is true: what was acknowledged is in the log there, what was refused is not in it at all."""

from bulletin.core.log.batch import decode_batch
from bulletin.core.log.entry import EntryKind
from bulletin.core.log.port import position_of
from tests.simulation.checkers import Checker


class Answers(Checker):
    def turned(self, server, ready, events) -> None:
        self.cluster.workload.told(server.number, events)

    def ended(self) -> None:
        positions: dict[bytes, set[int]] = {}
        for entry in self.cluster.truth.entries:
            if entry.kind is EntryKind.OPERATIONS:
                for offset, (key, _payload) in enumerate(decode_batch(entry.body), 1):
                    positions.setdefault(key, set()).add(position_of(entry.index, offset))
        self.cluster.note("committed_twice", sum(len(found) > 1 for found in positions.values()))
        for key, position in self.cluster.workload.acknowledged.items():
            assert position in positions.get(key, ()), "an acknowledged operation is lost"
        for key in self.cluster.workload.refused:
            assert key not in positions, "an operation took effect that was said not to have"
