"""S1: one leader a term.  S2: a leader only appends.  S10: terms, votes and incarnations on a disk never go back."""

from bulletin.core.raft.invariants import Observation, check_basic, check_delta
from bulletin.core.raft.node import Node
from bulletin.core.raft.ready import Role
from bulletin.simulation.checkers import CheckedCluster, CheckedServer, Checker


class Leadership(Checker):
    """Looks at each state of a node, and at its disk."""

    def __init__(self, cluster: CheckedCluster) -> None:
        super().__init__(cluster)
        self.leaders: dict[int, int] = {}
        self._candidates: dict[int, set[int]] = {}
        """Who stood for election, by term."""
        self._before: dict[int, tuple[int, Observation]] = {}
        self._written_at_start: dict[int, int] = {}
        self._durable: dict[tuple[int, int], tuple[int, bytes | None, int]] = {}

    def changed(self, server: CheckedServer) -> None:
        node = server.node
        check_basic(node)
        after = Observation.of(node)
        life, before = self._before.get(server.number, (None, after))
        if life == server.life:
            check_delta(node, before, after)
        else:
            self._written_at_start[server.number] = self._written(node)
        self._check_bounds(node, self._written_at_start[server.number])
        self._before[server.number] = (server.life, after)
        if node._state.role is Role.CANDIDATE:
            self._candidates.setdefault(after.term, set()).add(server.number)
        if node.leads:
            assert self.leaders.setdefault(after.term, server.number) == server.number, (
                f"S1: two leaders in term {after.term}"
            )
        self._check_disk(server)

    @staticmethod
    def _written(node: Node) -> int:
        """What is in the tables, and in the log on the disk."""
        return min(node._state.applied, node._state.log.synced)

    def _check_bounds(self, node: Node, at_start: int) -> None:
        """S13: what is in the tables leaves the log, but for what is retained (and more while a follower needs it).

        What a disk had at the start may be more: a server can die between writing a long batch and trimming.  It goes
        together with the first entry whose hash is known, once more is written.
        """
        log, config, written = node._state.log, node._state.config, self._written(node)
        kept = written - log.anchor.index
        steps = max(1, config.retained_entries // 8)
        most = 2 * max(config.retained_entries, config.held_entries) + steps
        first = log._milestones[0].anchor.index if log._milestones else 0
        assert kept <= most or written == at_start or written <= first <= written + steps, (
            f"S13: {kept} applied entries are in the log"
        )

    def ended(self) -> None:
        for term, candidates in self._candidates.items():
            if len(candidates) > 1 and term not in self.leaders:
                self.cluster.note("split_vote")

    def started(self, server: CheckedServer) -> None:
        self._check_disk(server)

    def _check_disk(self, server: CheckedServer) -> None:
        content = server.disk.durable
        disk = server.number, server.disk.amnesias
        term, vote, incarnation = self._durable.get(disk, (0, None, 0))
        hard = content.hard_state
        assert hard.term >= term, "S10: the term on a disk fell"
        assert hard.term > term or vote in (None, hard.vote), "S10: the vote on a disk changed within a term"
        assert content.incarnation >= incarnation, "S10: the incarnation on a disk fell"
        self._durable[disk] = (hard.term, hard.vote, content.incarnation)
