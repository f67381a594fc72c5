"""What the parts of a node share: who it is, what it believes, its log, its disk and its way out."""

from typing import TYPE_CHECKING

import attrs

from bulletin.core.log.entry import LogIdentity
from bulletin.core.raft.config import Config
from bulletin.core.raft.disk import Disk
from bulletin.core.raft.log import RaftLog
from bulletin.core.raft.membership import Configuration
from bulletin.core.raft.outbox import Outbox
from bulletin.core.raft.ready import Role

if TYPE_CHECKING:
    from random import Random


@attrs.define(eq=False)
class State:
    """The common ground of election, replication, reads and greeting.

    :param now: monotonic seconds of the event being worked on.
    :param commit: entries up to here are committed, as far as this node knows.
    :param applied: the tables have reached this index.
    :param unapplied_bytes: bodies above ``applied`` and up to ``commit``.
    :param delivered: entries up to here were handed out to be applied.
    :param trusted_from: None, or: entries were lost, this one perhaps among them, and the node counts for nothing before
        it has all that it may have helped to commit (:mod:`bulletin.core.raft.trust`).
    """

    config: Config
    member: bytes
    identity: LogIdentity
    configuration: Configuration
    log: RaftLog
    disk: Disk
    outbox: Outbox
    rng: "Random"
    now: float
    commit: int
    applied: int
    delivered: int
    trusted_from: int | None
    role: Role = Role.FOLLOWER
    leader: bytes | None = None
    unapplied_bytes: int = 0
    peers: tuple[bytes, ...] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.peers = self.configuration.peers_of(self.member)

    @property
    def term(self) -> int:
        """The latest term seen."""
        return self.disk.hard_state.term

    @property
    def leads(self) -> bool:
        """Whether this node is the leader."""
        return self.role is Role.LEADER

    @property
    def proven(self) -> bool:
        """Whether an entry of the present term is known to be committed: only then is the commit index current."""
        return self.log.term_at(self.commit) == self.term

    @property
    def stalled(self) -> bool:
        """Whether the disk has been silent for longer than an election timeout."""
        return self.disk.silent_for(self.now) > self.config.election_seconds_min

    def commit_to(self, index: int) -> None:
        """The commit index only rises, and never above the log."""
        if index <= self.commit:
            return
        assert index <= self.log.last_index, "nothing beyond the log can be committed"
        self.unapplied_bytes += self.log.bytes_between(self.commit, index)
        self.commit = index

    def applied_to(self, index: int) -> None:
        """The tables have reached ``index``, or what was handed out to be applied, if that is less."""
        index = min(index, self.delivered)
        if index > self.applied:
            self.unapplied_bytes -= self.log.bytes_between(self.applied, index)
            self.applied = index

    @property
    def overfed(self) -> bool:
        """Whether so much is committed and not applied that no more should be sent to this node for now.

        Only of what is committed, which this node will apply whether or not it acknowledges anything: holding back for
        want of a commit could wait for ever.
        """
        return self.unapplied_bytes > self.config.unapplied_bytes_max
