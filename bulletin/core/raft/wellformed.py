"""Whether a message could have been said by a node at all; what could not is dropped before anybody acts on it."""

from typing import Final

from bulletin.core.log.entry import FORMAT, HASH_BYTES, Entry
from bulletin.core.raft.messages import (
    Append,
    AppendReply,
    Greeting,
    GreetingReply,
    Message,
    ReadIndex,
    ReadIndexReply,
    RequestVote,
    SnapshotAsk,
    SnapshotOffer,
    SnapshotPart,
    VoteReply,
)

INDEX_MAX: Final = 2**47 - 1
"""The largest index: a position, ``index * 2**16 + offset``, has 63 bits."""

TERM_MAX: Final = 2**53
"""The largest term: an election each millisecond would take 280,000 years to reach it."""

NUMBER_MAX: Final = 2**63 - 1
"""The largest round, context and incarnation."""


def well_formed(message: Message) -> bool:
    """Whether all numbers are in range, and entries follow on from each other."""
    if not 0 <= message.term <= TERM_MAX:
        return False
    match message:
        case RequestVote() | VoteReply():
            return _vote(message)
        case Append():
            return _append(message)
        case AppendReply():
            return (
                _indexes(message.previous_index, message.match, message.hint_index)
                and 0 <= message.hint_term <= TERM_MAX
                and _numbers(message.round)
            )
        case ReadIndex():
            return _numbers(message.context)
        case ReadIndexReply():
            return _numbers(message.context) and _indexes(message.index)
        case Greeting():
            return _numbers(message.incarnation) and _indexes(message.last_index)
        case GreetingReply():
            return _numbers(message.incarnation, message.remembered)
        case SnapshotOffer() | SnapshotAsk() | SnapshotPart():
            return _snapshot(message)
        case _:
            return True


def _vote(message: RequestVote | VoteReply) -> bool:
    if not _indexes(message.last_index):
        return False
    if isinstance(message, VoteReply):
        return 0 <= message.last_term <= TERM_MAX
    return message.term > 0 and 0 <= message.last_term < message.term


def _snapshot(message: SnapshotOffer | SnapshotAsk | SnapshotPart) -> bool:
    return _indexes(message.index) if isinstance(message, SnapshotOffer) else _numbers(message.number)


def _indexes(*indexes: int) -> bool:
    return all(0 <= index <= INDEX_MAX for index in indexes)


def _numbers(*numbers: int) -> bool:
    return all(0 <= number <= NUMBER_MAX for number in numbers)


def _append(message: Append) -> bool:
    previous, term = message.previous_index, message.previous_term
    indexes = previous + len(message.entries), previous, message.commit, message.synced
    if not (_indexes(*indexes) and _numbers(message.round)):
        return False
    if not 0 <= term <= message.term or (previous == 0) != (term == 0):
        return False
    if len(message.previous_hash) != HASH_BYTES:
        return False
    for entry in message.entries:
        previous += 1
        if not _follows(entry, previous, term):
            return False
        term = entry.term
    return term <= message.term


def _follows(entry: Entry, index: int, term: int) -> bool:
    return (
        entry.index == index
        and entry.term >= max(1, term)
        and len(entry.hash) == HASH_BYTES
        and entry.format == FORMAT
        and entry.level >= 0
    )
