"""White-box checks that find a broken state long before it becomes a wrong answer.

W1: ``match`` of a follower is true of its disk.  W2: each counted vote is on its voter's disk.  W3: once an entry is
committed, nobody without it could win an election.  W4: ``synced`` is true of the own disk and the own present log.
"""

from bulletin.core.raft.ready import Role
from bulletin.simulation.checkers import CheckedCluster, CheckedServer, Checker


class Lookahead(Checker):
    """Looks at what a node believes of the disks."""

    def __init__(self, cluster: CheckedCluster) -> None:
        super().__init__(cluster)
        self._commit: dict[int, int] = {}

    def changed(self, server: CheckedServer) -> None:
        state = server.node._state
        synced = state.log.synced
        here, there = state.log.hash_at(synced), server.disk.durable.hash_at(synced)
        assert synced == 0 or there is not None, "W4: more counts as synced than is on the disk"
        assert here is None or here == there, "W4: what counts as synced was overwritten"
        if state.role is Role.LEADER:
            self._check_matches(server)
            if self._commit.get(state.term, 0) < state.commit:
                self._commit[state.term] = state.commit
                self._check_electable(server)
        elif state.role is Role.CANDIDATE:
            self._check_votes(server)

    def _check_matches(self, server: CheckedServer) -> None:
        node = server.node
        log, term = node._state.log, node._state.term
        for peer, progress in node._replication.followers.items():
            follower = self.cluster.by_member[peer]
            content = follower.disk.durable
            if progress.match == 0 or content.hard_state.term > term or follower.damaged:
                continue
            here, there = log.hash_at(progress.match), content.hash_at(progress.match)
            assert there is not None, f"W1: server {follower.number} does not have {progress.match} on disk"
            assert here is None or here == there, f"W1: server {follower.number} has another {progress.match}"

    def _check_votes(self, server: CheckedServer) -> None:
        node = server.node
        term = node._state.term
        for voter, granted in node._election._votes.items():
            disk = self.cluster.by_member[voter].disk
            hard = disk.durable.hard_state
            on_disk = disk.amnesias or hard.term > term or (hard.term == term and hard.vote == server.member)
            assert not granted or on_disk, "W2: a vote counts that is not on its voter's disk"

    def _check_electable(self, server: CheckedServer) -> None:
        state = server.node._state
        commit, hash_there = state.commit, state.log.hash_at(state.commit)
        if hash_there is None:
            return
        able = [other for other in self.cluster.servers if not other.damaged]
        for candidate in able:
            if candidate.disk.durable.hash_at(commit) == hash_there:
                continue
            last = candidate.disk.durable.last()
            votes = sum(last >= voter.disk.durable.last() for voter in able)
            assert votes < state.configuration.majority, (
                f"W3: server {candidate.number} could be elected without the committed entry {commit}"
            )
