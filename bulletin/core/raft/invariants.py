"""What must hold of a node, and of two successive states of it.  Stopping beats a wrong answer.

:func:`assert_cheap` runs in production with each ``ready``; the rest is for simulations, after each event.
"""

from typing import TYPE_CHECKING, Final, Self

import attrs

from bulletin.core.raft.ready import Role

if TYPE_CHECKING:
    from bulletin.core.raft.node import Node
    from bulletin.core.raft.state import State

_ENTRIES_CHECKED: Final = 2
"""How far from its end a log is looked through, since changes happen there."""


def assert_cheap(state: "State") -> None:
    """What costs nothing to check: the order of the marks in the log, and what each role implies."""
    log = state.log
    assert (
        log.anchor.index <= log.base <= state.applied <= state.delivered <= state.commit <= log.last_index
    ), "the marks in the log are out of order"
    assert log.synced <= log.last_index, "more is on the disk than there is"
    assert log.last_term <= state.term, "the log has an entry of a term to come"
    if state.role is Role.LEADER:
        assert state.leader == state.member, "a leader follows somebody"
        assert state.disk.hard_state.vote == state.member, "a leader did not vote for itself"


@attrs.frozen
class Observation:
    """What is compared between two successive states of a node."""

    term: int
    vote: bytes | None
    role: Role
    commit: int
    delivered: int
    applied: int
    last_index: int
    hash_at_commit: bytes | None

    @classmethod
    def of(cls, node: "Node") -> Self:
        """The node as it is now."""
        state = node._state  # noqa: SLF001 - invariants look inside
        return cls(
            term=state.term,
            vote=state.disk.hard_state.vote,
            role=state.role,
            commit=state.commit,
            delivered=state.delivered,
            applied=state.applied,
            last_index=state.log.last_index,
            hash_at_commit=state.log.hash_at(state.commit),
        )


def check_basic(node: "Node") -> None:
    """What must hold of one state of a node."""
    state = node._state  # noqa: SLF001 - invariants look inside
    log, config = state.log, state.config
    assert_cheap(state)
    first = max(log.base, log.last_index - _ENTRIES_CHECKED)
    for place, entry in enumerate(log.after(first, log.last_index), first + 1):
        assert entry.index == place, "the log has a gap"
        assert entry.term == log.term_at(place), "the runs of terms are wrong"
        assert place < log.last_index or entry.hash == log.last_hash, "the last hash is not the last entry's"
    if state.role is Role.CANDIDATE:
        assert state.disk.hard_state.vote == state.member, "a candidate did not vote for itself"
    followers = node._replication.followers  # noqa: SLF001 - invariants look inside
    assert (state.role is Role.LEADER) or not followers, "who does not lead has followers"
    for progress in followers.values():
        assert 0 <= progress.match < progress.next <= log.last_index + 1, (
            "a follower's marks are out of order"
        )
        assert len(progress.inflight) <= config.inflight_messages_max, "the window has too many messages"
        assert sum(size for _last, size in progress.inflight) == progress.inflight_bytes
        assert progress.round_answered <= progress.round_sent, "an answer to a round that was not sent"


def check_delta(node: "Node", before: Observation, after: Observation) -> None:
    """What must hold between two successive states of a node."""
    assert after.term >= before.term, "a term fell"
    if after.term == before.term:
        assert before.vote in (None, after.vote), "a vote changed within a term"
        assert not (before.role is Role.LEADER and after.role in (Role.CANDIDATE, Role.PRE_CANDIDATE))
        if before.role is after.role is Role.LEADER:
            assert after.last_index >= before.last_index, "a leader dropped entries"
    assert after.commit >= before.commit, "the commit index fell"
    assert after.delivered >= before.delivered, "an entry was delivered twice"
    assert after.applied >= before.applied, "the applied index fell"
    here = node._state.log.hash_at(before.commit)  # noqa: SLF001 - invariants look inside
    assert before.hash_at_commit is None or here in (None, before.hash_at_commit), "a committed entry changed"
