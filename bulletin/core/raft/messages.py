"""What the nodes of one group say to each other.  Each carries its sender's term; who sent it travels beside it."""

import attrs

from bulletin.core.log.entry import Entry
from bulletin.core.log.port import Operation


@attrs.frozen
class RequestVote:
    """A candidate asks for a vote, or (``pre``) whether it would get one (dissertation 3.4, 9.6).

    :param term: the candidate's term; for a pre-vote the term that it would campaign in.
    :param last_index: index of the candidate's last entry.
    :param last_term: term of that entry.
    :param pre: a pre-vote: it changes nobody's term or vote.
    :param transfer: the leader asked for this campaign, so stickiness does not apply (4.2.3).
    """

    term: int
    last_index: int
    last_term: int
    pre: bool = False
    transfer: bool = False


@attrs.frozen
class VoteReply:
    """The answer to a :class:`RequestVote`.

    :param term: of a granted pre-vote the future term that was asked for; else the voter's own term.
    :param granted: whether the vote was given.
    :param pre: whether a pre-vote was asked for.
    :param last_index: of the log that it was asked for, as the request had it, and
    :param last_term: the term there.
    """

    term: int
    granted: bool
    pre: bool = False
    last_index: int = 0
    last_term: int = 0


@attrs.frozen
class Append:
    """Entries, or none (a heartbeat), and how far the leader has committed (3.5).

    :param term: the leader's term.
    :param previous_index: the entries follow this index.
    :param previous_term: the term of the entry there.
    :param previous_hash: its chain hash: replicas that differ find out at once.  ``NO_HASH`` above index 0 says that
        the leader does not hold it at hand; entries are never sent so, and nothing is committed by it.
    :param entries: consecutive, from ``previous_index + 1``; at most ``Config.append_bytes_max`` bytes of bodies.
    :param commit: the leader's commit index.
    :param round: the leader's latest heartbeat round, for ReadIndex and check-quorum (6.4); rising within a term.
    :param synced: how far the leader's own disk has its log: should it start on an old copy, others know that it had more.
    """

    term: int
    previous_index: int
    previous_term: int
    previous_hash: bytes
    entries: tuple[Entry, ...]
    commit: int
    round: int
    synced: int = 0


@attrs.frozen
class AppendReply:
    """The answer to an :class:`Append`, sent when what it claims is synced.

    :param term: the follower's term.
    :param previous_index: of the request that is answered.
    :param success: whether the previous entry was there.
    :param match: on success, the last index known to be as the leader has it, and synced; 0 from a follower whose
        acknowledgements must not count.
    :param hint_index: on failure, where the logs may meet; on success, the last index that was received, synced or not.
        Both that and ``match`` are less than they could be while the follower can take no more.
    :param hint_term: on failure, the follower's term at ``hint_index``.
    :param round: the request's; 0 from a follower whose acknowledgements must not count.
    """

    term: int
    previous_index: int
    success: bool
    match: int
    hint_index: int
    hint_term: int
    round: int


@attrs.frozen
class TimeoutNow:
    """The leader hands over: campaign at once (3.10)."""

    term: int


@attrs.frozen
class Forward:
    """Operations that reached a follower, on their way to the leader of ``term``; dropped by anybody else."""

    term: int
    operations: tuple[Operation, ...]


@attrs.frozen
class ReadIndex:
    """A follower asks the leader for a read index (6.4).

    :param context: the follower's own number for this question, never reused.
    """

    term: int
    context: int


@attrs.frozen
class ReadIndexReply:
    """The leader's answer: at ``index`` the reader sees everything acknowledged before it asked."""

    term: int
    context: int
    index: int


@attrs.frozen
class Greeting:
    """The first thing a started node says to each peer, repeated until answered.

    :param term: on the sender's disk at this start.
    :param incarnation: which start of the sender this is: the durable count of its starts, and random bits below it.
    :param last_index: of the log on the sender's disk at this start, and of what it knows to have lost.
    """

    term: int
    incarnation: int
    last_index: int


@attrs.frozen
class GreetingReply:
    """What the peer remembers of the one who greeted it.

    :param incarnation: the greeting's, so that an old reply is known.
    :param remembered: the highest incarnation of the greeter that this peer has ever seen, this one included.
    """

    term: int
    incarnation: int
    remembered: int


@attrs.frozen
class SnapshotOffer:
    """The leader's log begins after what the follower needs next: it can have the leader's tables instead (7).

    :param index: where the leader's log begins.
    """

    term: int
    index: int


@attrs.frozen
class SnapshotAsk:
    """The follower asks for the next part of the tables.

    :param number: the follower's own number for this question, never reused.
    :param ask: what it wants; for the leader's storage to read.
    """

    term: int
    number: int
    ask: bytes


@attrs.frozen
class SnapshotPart:
    """A part of the tables.

    :param term: the leader's term: whoever takes in tables has at least the term in which they were committed.
    :param number: of the question.
    :param body: for the follower's storage to read; empty: there is no such part (any more), it has to begin anew.
    """

    term: int
    number: int
    body: bytes


Message = (
    RequestVote
    | VoteReply
    | Append
    | AppendReply
    | TimeoutNow
    | Forward
    | ReadIndex
    | ReadIndexReply
    | Greeting
    | GreetingReply
    | SnapshotOffer
    | SnapshotAsk
    | SnapshotPart
)
