"""Who leads: pre-vote, vote, check-quorum, stickiness, rank as a preference, leadership transfer (3.4, 3.10, 4.2.3, 6.2, 9.6).

::

    follower --silence--> pre-candidate --majority would--> candidate --majority did--> leader
        ^                      |                                |                         |
        +----------------------+---- a later term, or a leader -+--- no majority heard ---+

*Pre-vote* asks who would vote before any term is raised, so that a node that cannot win disturbs nobody.
*Check-quorum* makes a leader that hears no majority give way; *stickiness* makes those who hear a leader deaf to
campaigns.  The three work only together.

Rank and chance decide how long a node waits beyond the minimum; neither decides who may win.

*A candidacy has an end*: whoever has not won when a follower would have lost its patience does not win that term any
more, however late the votes arrive.  A disk that has lost a vote relies on it (:mod:`bulletin.core.raft.trust`).
"""

from bulletin.core.raft.counters import Counters
from bulletin.core.raft.greeting import Greeter
from bulletin.core.raft.messages import RequestVote, VoteReply
from bulletin.core.raft.quorum import Tally, tally
from bulletin.core.raft.reads import Reads
from bulletin.core.raft.ready import Role
from bulletin.core.raft.replication import Replication
from bulletin.core.raft.state import State

_NEVER = float("-inf")


class Election:
    """The transitions between roles; nothing else changes role, term, vote or leader.

    :param state: the node's common state.
    :param greeter: tells whether this node may vote and campaign.
    :param replication: started and stopped with leadership.
    :param reads: lost with each change of leader.
    """

    def __init__(
        self,
        state: State,
        greeter: Greeter,
        replication: Replication,
        reads: Reads,
        counters: Counters,
    ) -> None:
        self._state = state
        self._greeter = greeter
        self._replication = replication
        self._reads = reads
        self._counters = counters
        self._votes: dict[bytes, bool] = {}
        self._leader_heard_at = _NEVER
        self._repeat_at = state.now
        self._ticked_at = state.now
        self._excused = False
        self._excused_until = _NEVER
        self._deadline = state.now + self._patience()
        self._by_transfer = False
        self._candidacy_ends = _NEVER

    # --- time ---

    def _patience(self) -> float:
        """How long to wait for a leader: the minimum, a share by rank, a share by chance."""
        state = self._state
        share = (state.configuration.patience_of(state.member, state.leader) + state.rng.random()) / 2
        return state.config.election_seconds_min + state.config.election_seconds_spread * share

    def _wait_anew(self) -> None:
        self._deadline = self._state.now + self._patience()
        self._excused = False

    def tick(self) -> None:
        """Campaign, repeat, or step down, where it is time."""
        state = self._state
        self._excuse_a_late_tick()
        if state.leads:
            self._check_leadership()
        elif state.now >= max(self._deadline, self._excused_until):
            self._timed_out()
        elif state.role is not Role.FOLLOWER and state.now >= self._repeat_at and state.disk.hard_synced:
            self._ask_for_votes()

    def _excuse_a_late_tick(self) -> None:
        """After a pause of this process, what came meanwhile is heard before anything is concluded from silence.

        Once for each wait, so that a process that is always late does not wait for ever.
        """
        state = self._state
        late = state.now - self._ticked_at > 2 * state.config.heartbeat_seconds
        self._ticked_at = state.now
        if late and not self._excused:
            self._excused = True
            self._excused_until = state.now + state.config.heartbeat_seconds

    def _check_leadership(self) -> None:
        """Check-quorum (6.2), and a leader whose disk is silent gives way."""
        state = self._state
        patience = state.config.election_seconds_min
        silence = state.now - self._replication.majority_heard_at()
        if silence > patience and state.now >= self._excused_until:
            self._counters.count("stepped_down_by_quorum")
            self.step_down(state.term, None)
        elif state.disk.silent_for(state.now) > 2 * patience:
            self._counters.count("stepped_down_by_disk")
            self.step_down(state.term, None)
        elif silence < patience / 2:
            self._excused = False

    def _timed_out(self) -> None:
        state = self._state
        self._wait_anew()
        if state.stalled:
            self._counters.count("campaigns_withheld_by_disk")
        elif self._greeter.counts:
            self._become_pre_candidate()

    # --- roles ---

    def step_down(self, term: int, leader: bytes | None) -> None:
        """Follow ``leader``, or nobody yet, in ``term``; in the same term the vote stays as it is."""
        state = self._state
        new_term, led, old_leader = term > state.term, state.leads, state.leader
        if new_term:
            state.disk.change(term, None)
            state.outbox.forget_held()
        if state.role is not Role.FOLLOWER:
            self._wait_anew()
        state.role, state.leader = Role.FOLLOWER, leader
        self._votes = {}
        if led:
            self._replication.stop()
        if new_term or led or leader != old_leader:
            self._reads.lose()

    def heard_leader(self, leader: bytes, term: int) -> None:
        """An append of the leader of ``term``, which is not below the own one."""
        state = self._state
        if state.leader != leader or term > state.term or state.role is not Role.FOLLOWER:
            self.step_down(term, leader)
        self._leader_heard_at = state.now
        self._wait_anew()

    def _become_pre_candidate(self) -> None:
        state = self._state
        self.step_down(state.term, None)
        state.role = Role.PRE_CANDIDATE
        self._by_transfer = False
        self._votes = {state.member: True}
        self._counters.count("pre_campaigns")
        self._ask_for_votes()
        self._decide()

    def _campaign(self, *, by_transfer: bool) -> None:
        """A real candidacy; its own vote counts once it is on the disk, and so do the requests wait for that."""
        state = self._state
        self.step_down(state.term + 1, None)
        state.disk.change(state.term, state.member)
        state.role = Role.CANDIDATE
        self._by_transfer = by_transfer
        self._wait_anew()
        self._counters.count("campaigns")
        self._ask_for_votes()

    def own_vote_stored(self) -> None:
        """The disk has made progress: a candidate's own vote counts once it is stored.

        Its candidacy lasts from then on, since nobody is asked before.
        """
        state = self._state
        if state.role is Role.CANDIDATE and state.disk.hard_synced and state.member not in self._votes:
            self._votes[state.member] = True
            self._candidacy_ends = state.now + state.config.patience_seconds_max
            self._decide()

    def _ask_for_votes(self) -> None:
        state, log = self._state, self._state.log
        self._repeat_at = state.now + state.config.heartbeat_seconds
        pre = state.role is Role.PRE_CANDIDATE
        request = RequestVote(
            term=state.term + 1 if pre else state.term,
            last_index=log.last_index,
            last_term=log.last_term,
            pre=pre,
            transfer=self._by_transfer,
        )
        for peer in state.peers:
            if pre and self._votes.get(peer) is not True:
                state.outbox.send_at_once(
                    peer, request
                )  # who refused for a leader's sake may have missed it since
            elif not pre and peer not in self._votes:
                state.outbox.send(peer, request)

    def _decide(self) -> None:
        """Act on what the votes have come to."""
        state = self._state
        outcome = tally(state.configuration.voters, self._votes)
        if outcome is Tally.LOST:
            self._counters.count("campaigns_lost")
            self.step_down(state.term, None)
        elif outcome is Tally.WON and state.role is Role.PRE_CANDIDATE:
            self._campaign(by_transfer=False)
        elif outcome is Tally.WON and state.role is Role.CANDIDATE:
            if state.now < self._candidacy_ends:
                self._become_leader()
            else:
                self._counters.count("elected_too_late")

    def _become_leader(self) -> None:
        state = self._state
        assert state.disk.hard_synced, "a leader's term and vote are on its disk"
        state.role, state.leader = Role.LEADER, state.member
        self._votes = {}
        self._excused = False
        self._counters.count("elected")
        self._replication.start()

    # --- votes ---

    def _sticky(self) -> bool:
        """Whether a leader was heard so lately that no campaign is listened to (4.2.3)."""
        state = self._state
        return state.leads or state.now - self._leader_heard_at < state.config.election_seconds_min

    def requested(self, candidate: bytes, request: RequestVote) -> None:
        """Somebody asks for a vote, or whether it would get one."""
        if request.pre:
            self._pre_requested(candidate, request)
            return
        state = self._state
        if self._sticky() and not request.transfer and request.term > state.term:
            self._counters.count("vote_request_ignored")
            return
        if request.term > state.term:
            self.step_down(request.term, None)
        granted = (
            request.term == state.term
            and state.disk.hard_state.vote in (None, candidate)
            and state.role is not Role.LEADER
            and state.leader is None
            and state.log.up_to_date(request.last_index, request.last_term)
            and self._greeter.counts
        )
        if granted:
            if state.disk.hard_state.vote is None:
                state.disk.change(state.term, candidate)
            self._wait_anew()
        state.outbox.send(candidate, _reply(state.term, request, granted=granted))

    def _pre_requested(self, candidate: bytes, request: RequestVote) -> None:
        """A grant carries the term asked for, a refusal the own one, so that who lags learns of it.

        Neither changes term, vote or timer.
        """
        state = self._state
        sticky = self._sticky()
        up_to_date = state.log.up_to_date(request.last_index, request.last_term)
        granted = request.term > state.term and not sticky and up_to_date and self._greeter.counts
        if granted:
            state.outbox.send_at_once(candidate, _reply(request.term, request, granted=True))
            return
        if sticky:
            self._counters.count("pre_vote_refused_by_stickiness")
        elif not up_to_date:
            self._counters.count("pre_vote_refused_by_log")
        state.outbox.send(candidate, _reply(state.term, request, granted=False))

    def voted(self, voter: bytes, reply: VoteReply) -> None:
        """An answer to a request for a vote.

        Counted once for each voter, in the term and stage it was given for, and for the log that this node has: it may have
        campaigned in this term before, with entries that its disk has lost since.
        """
        state = self._state
        if reply.term > state.term and not (reply.pre and reply.granted):
            self.step_down(reply.term, None)
            return
        if reply.pre:
            expected = state.term + 1 if reply.granted else state.term
            counts = state.role is Role.PRE_CANDIDATE and reply.term == expected
        else:
            counts = state.role is Role.CANDIDATE and reply.term == state.term
        log = state.log
        counts = counts and (reply.last_index, reply.last_term) == (log.last_index, log.last_term)
        if counts and self._votes.get(voter) is not True:
            self._votes[voter] = reply.granted
            self._decide()

    # --- transfer ---

    def timeout_now(self, leader: bytes) -> None:
        """The leader of this term hands over: campaign at once, without asking first (3.10)."""
        state = self._state
        if (
            state.leader == leader
            and state.role is Role.FOLLOWER
            and self._greeter.counts
            and not state.stalled
        ):
            self._counters.count("transfers_taken")
            self._campaign(by_transfer=True)


def _reply(term: int, request: RequestVote, *, granted: bool) -> VoteReply:
    return VoteReply(term, granted, request.pre, request.last_index, request.last_term)
