"""S6: what is committed is on the disks of a majority.  S11: no message says what its sender has not synced."""

from bulletin.core.raft.messages import (
    AppendReply,
    Forward,
    Greeting,
    GreetingReply,
    Message,
    RequestVote,
    VoteReply,
)
from bulletin.simulation.checkers import CheckedCluster, CheckedServer, Checker


class Durability(Checker):
    """Looks at each commit of a leader, and at each message."""

    def __init__(self, cluster: CheckedCluster) -> None:
        super().__init__(cluster)
        self._commit: dict[int, tuple[int, int]] = {}

    def changed(self, server: CheckedServer) -> None:
        node = server.node
        if not node.leads:
            return
        state = node._state
        before = self._commit.get(server.number, (0, 0))
        if before == (server.life, state.commit):
            return
        self._commit[server.number] = (server.life, state.commit)
        if before[0] == server.life and state.term == state.log.term_at(state.commit):
            hash_there = state.log.hash_at(state.commit)
            holders = sum(
                other.disk.durable.hash_at(state.commit) == hash_there or other.damaged
                for other in self.cluster.servers
            )
            assert hash_there is None or holders >= state.configuration.majority, (
                f"S6: entry {state.commit} was committed on {holders} disks"
            )

    def sent(self, server: CheckedServer, recipient: int, message: Message) -> None:
        content = server.disk.durable
        hard = content.hard_state
        pre = isinstance(message, RequestVote | VoteReply) and message.pre
        if not pre:
            assert message.term <= hard.term, f"S11: {message} reflects a term that is not synced"
        later = hard.term > message.term
        if isinstance(message, RequestVote) and not pre:
            assert later or hard.vote == server.member, "S11: a campaign without the own vote on disk"
        elif isinstance(message, VoteReply) and message.granted and not pre:
            peer = self.cluster.document.members[recipient].member
            assert later or hard.vote == peer, "S11: a vote that is not on disk"
        elif isinstance(message, AppendReply) and message.success:
            there = content.hash_at(message.match)
            here = server.node._state.log.hash_at(message.match)
            assert message.match == 0 or there is not None, "S11: an acknowledgement of what is not on disk"
            assert None in (here, there) or here == there, "S11: an acknowledgement of what was overwritten"
        elif isinstance(message, Greeting):
            assert message.incarnation >> 16 <= content.incarnation, "S11: a start that is not on disk"
        elif isinstance(message, GreetingReply):
            peer = self.cluster.document.members[recipient].member
            assert content.incarnations.get(peer, 0) >= message.remembered, "S11: a memory not on disk"
        elif isinstance(message, Forward):
            assert message.operations, "an empty message"
