"""What is stored and sent, in the words of a scenario."""

from collections.abc import Mapping

from bulletin.core.log.batch import decode_batch
from bulletin.core.log.entry import Entry, EntryKind
from bulletin.core.raft.greeting import BANNED, CHANCE_BITS
from bulletin.core.raft.messages import (
    Append,
    AppendReply,
    Forward,
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
from bulletin.core.raft.ready import Persist

_QUESTION_BITS = 0xFFFF


def start_in_words(incarnation: int) -> str:
    """A start of a server: the count, and the random part."""
    if incarnation >= BANNED:
        return "ban"
    return f"start {incarnation >> CHANCE_BITS}.{incarnation & ((1 << CHANCE_BITS) - 1)}"


def entry_in_words(entry: Entry) -> str:
    """Index and term, and what the operations in it say."""
    text = f"{entry.index}/{entry.term}"
    if entry.kind is EntryKind.OPERATIONS:
        text += "(" + ",".join(payload.decode() for _key, payload in decode_batch(entry.body)) + ")"
    return text


def persist_in_words(persist: Persist, numbers: Mapping[bytes | None, int]) -> str:
    """What is to be stored.

    :param numbers: the servers' numbers by their member ids.
    """
    parts = [f"#{persist.sequence}"]
    if persist.hard_state is not None:
        vote = numbers.get(persist.hard_state.vote, "nobody")
        parts.append(f"term={persist.hard_state.term} vote={vote}")
    if persist.truncate_after is not None:
        parts.append(f"nothing after {persist.truncate_after}")
    parts.extend(map(entry_in_words, persist.entries))
    parts.extend(f"{start_in_words(start)} of {numbers[member]}" for member, start in persist.incarnations)
    return " ".join(parts)


def message_in_words(message: Message) -> str:
    """A message: its kind, its term, and what it says."""
    return " ".join([type(message).__name__, f"term={message.term}", *_said(message)])


def _said(message: Message) -> list[str]:
    match message:
        case RequestVote():
            words = [word for word in ("pre", "transfer") if getattr(message, word)]
            return [f"last={message.last_index}/{message.last_term}", *words]
        case VoteReply():
            return ["granted" if message.granted else "refused", *(["pre"] if message.pre else [])]
        case Append():
            return [
                f"after={message.previous_index}/{message.previous_term}",
                f"commit={message.commit} round={message.round}",
                *map(entry_in_words, message.entries),
            ]
        case AppendReply():
            return [_said_of_append(message), f"round={message.round}"]
        case Forward():
            return [operation.payload.decode() for operation in message.operations]
        case _:
            return _said_besides(message)


def _said_besides(message: Message) -> list[str]:
    match message:
        case ReadIndex():
            return [f"question={message.context & _QUESTION_BITS}"]
        case ReadIndexReply():
            return [f"question={message.context & _QUESTION_BITS} index={message.index}"]
        case Greeting():
            return [f"{start_in_words(message.incarnation)} last={message.last_index}"]
        case GreetingReply():
            answered = start_in_words(message.incarnation)
            return [f"to {answered}: {start_in_words(message.remembered)}"]
        case SnapshotOffer():
            return [f"index={message.index}"]
        case SnapshotAsk():
            return [f"question={message.number & _QUESTION_BITS}"]
        case SnapshotPart():
            return [f"question={message.number & _QUESTION_BITS}", *([] if message.body else ["none"])]
        case _:
            return []


def _said_of_append(reply: AppendReply) -> str:
    if reply.success:
        return f"match={reply.match} received={reply.hint_index}"
    return f"rejected={reply.previous_index} hint={reply.hint_index}/{reply.hint_term}"
