"""A disk that has lost what it acknowledged counts again once it has all that anybody may have relied on.

What was lost may be unknown, its extent and its term, so no index on the own disk can tell when it is made good.  The
others can: any majority that ever committed with this member's help shares a server with any majority without it.
So this node asks the leader a ReadIndex question, after the loss.  Its own answers to heartbeats say nothing while it
is not trusted, hence a *majority without it* confirms that the leader still leads, and the index that comes back
covers all that was ever committed with its help.  When its own log is committed that far, it lacks nothing: what it had
beyond that was acknowledged to leaders who do not count it any more, since they have heard of this start.

A commit index alone would not do: it may have been stated by a leader that others have left behind, in a term that
this node was in, and has forgotten.

*A lost vote* is made good by the same question.  Whoever won with this node's vote had other voters, and one of these is in
that majority: so the term that it confirms is not below any that was won with this node's vote before the question.  In the
confirmed term itself nobody can get a second vote: this node has an entry of that term, and no candidate of it has.  What is
left are votes that are under way: a candidacy ends after an election timeout
(:class:`bulletin.core.raft.election.Election`), so the question waits for two, counted from the start.

*Votes that it asked for* itself, in a candidacy that it has forgotten, name the log that they were given to (3.6.1), and
count for that one alone.
"""

from typing import Final

from bulletin.core.raft.counters import Counters
from bulletin.core.raft.reads import Reads
from bulletin.core.raft.state import State

PATIENCES: Final = 2
"""So many of the longest election timeouts pass before the question: one for the candidacy, and one since clocks differ."""


class Trust:
    """Finds out when a node that has lost entries may count again; nothing else changes ``State.trusted_from``.

    :param state: the node's common state.
    :param reads: asks the leader.
    """

    def __init__(self, state: State, reads: Reads, counters: Counters) -> None:
        self._state = state
        self._reads = reads
        self._counters = counters
        self._asks_from = state.now + PATIENCES * state.config.patience_seconds_max

    def tick(self) -> None:
        """Ask, and ask again where the question or its answer was lost."""
        state = self._state
        if state.trusted_from is None or self._reads.covers is not None or state.now < self._asks_from:
            return
        if state.leader in state.outbox.introduced:
            self._reads.ask_what_covers()

    def consider(self) -> None:
        """Something was heard: it may have been what was missing."""
        state, covers = self._state, self._reads.covers
        if state.trusted_from is None or covers is None or state.commit < covers:
            return
        state.trusted_from = None
        state.disk.trust()
        self._counters.count("trusted_again")
