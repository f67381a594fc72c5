"""Log order: every call has its place in the log; the log is replayed, and every answer compared.

For whoever can look inside.  A write's place is the first one of its id in the log; a read's is the last operation
that the server had applied when it answered, to memory for listings, to the tables for pages.  A write that timed out
counts if it is in the log.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from bulletin.core.board.commands import Command, Kind, OperationId
from bulletin.core.board.history import Page
from bulletin.core.errors import Code, Refusal
from bulletin.core.log.port import index_of
from bulletin.core.wire.replies import ChannelCreated, LoggedIn, Posted, PublishedPage, Result
from bulletin.core.wire.requests import CreateChannel, History, Login, Publish, Query, ReadLevel, Send, Write
from bulletin.linearizability import anomaly
from bulletin.linearizability.anomaly import Anomaly, worst_first
from bulletin.linearizability.board_model import Asked, BoardModel, Made, asked
from bulletin.linearizability.real_time import NEVER, Effect, out_of_time

BOARD: Final = "board"


@attrs.frozen
class WriteCall:
    """A write, all sendings of one id together.

    :param operation: its id.
    :param request: what was asked.
    :param invoked: when it was sent first, in seconds of one monotonic clock.
    :param returned: when its answer came; infinity where none did.
    :param answer: as the client took it, or None.
    """

    operation: OperationId
    request: Write
    invoked: float
    returned: float = NEVER
    answer: Result | Refusal | None = None


@attrs.frozen
class ReadCall:
    """A read that was answered; what was not has no effect, and needs no place here.

    :param query: what was asked.
    :param invoked: when it was sent; when its answer came: ``returned``.
    :param answer: as the client took it.
    :param position: of the last operation that the answer reflects; 0: none.  An empty local page may be of a place
        where its stream is still to begin: whether there is such a stream is looked up in memory, before the page is read
        from tables that may not have come as far, and a local read waits for nothing.
    """

    query: Query
    invoked: float
    returned: float
    answer: Result | Refusal
    position: int


_STATE_CODES: Final = {
    Code.NO_SUCH_CHANNEL,
    Code.NO_SUCH_USER,
    Code.NAME_IN_USE,
    Code.FULL,
    Code.ID_REUSED,
}
"""Refusals of writes that only the replicated state can give: they are answers from a place in the log."""


def check_log_order(
    log: Sequence[tuple[int, Command]],
    writes: Iterable[WriteCall],
    reads: Iterable[ReadCall],
    *,
    users_max: int,
    channels_max: int,
) -> list[Anomaly]:
    """Every broken promise of a board, given its log.

    :param log: position and command of each operation, in order, repetitions included; from the very first.
    :param writes: all that were sent.
    :param reads: those that were answered.  Local ones are compared with the state at their position, but may be late.
    :param users_max: users at most, as the founding document has it.
    :param channels_max: channels at most.
    """
    replay = _Replay(BoardModel(users_max, channels_max))
    reads_left = sorted(reads, key=lambda read: read.position)
    at = 0
    for position, command in log:
        while at < len(reads_left) and reads_left[at].position < position:
            replay.read(reads_left[at])
            at += 1
        replay.apply(position, command)
    for read in reads_left[at:]:
        replay.read(read)
    for write in writes:
        replay.judge(write)
    return worst_first(replay.end())


@attrs.define(eq=False)
class _Replay:
    """The walk along the log, and what it found."""

    model: BoardModel
    _found: list[Anomaly] = attrs.field(init=False, factory=list)
    _effects: list[Effect] = attrs.field(init=False, factory=list)
    _made: dict[tuple[OperationId, Asked], tuple[int, Made]] = attrs.field(init=False, factory=dict)
    _called: set[tuple[OperationId, Asked]] = attrs.field(init=False, factory=set)
    _last: int = attrs.field(init=False, default=0)
    _early: list[ReadCall] = attrs.field(init=False, factory=list)

    def apply(self, position: int, command: Command) -> None:
        if position <= self._last:
            self._note(anomaly.Kind.NONMONOTONIC, f"the log has position {position} after {self._last}")
        self._last = position
        made = self.model.apply(command)
        self._made.setdefault((command.operation, asked(command)), (position, made))
        early, self._early = self._early, []
        for call in early:
            if self.model.missing(call.query) is None:
                what = f"an empty History read at {call.position}"
                self._effects.append(Effect(what, call.invoked, call.returned, position))
            else:
                self._early.append(call)

    def read(self, call: ReadCall) -> None:
        """Compare a read's answer with the state that it reflects."""
        local = call.query.level is ReadLevel.LOCAL
        if local and _shows_nothing(call.answer) and self.model.missing(call.query) is not None:
            self._early.append(call)
        else:
            self._judge_read(call)

    def _judge_read(self, call: ReadCall) -> None:
        what = f"a {type(call.query).__name__} read at {call.position}"
        missing = self.model.missing(call.query)
        if isinstance(call.answer, Refusal):
            if call.answer.code is not missing and call.answer.code in _STATE_CODES:
                self._note(anomaly.Kind.WRONG_ANSWER, f"{what} was refused as {call.answer.word}")
            if call.answer.code not in _STATE_CODES:
                return  # Refused for itself: it saw nothing.
        elif missing is not None:
            self._note(anomaly.Kind.WRONG_ANSWER, f"{what} was answered, where {missing.value.code} is due")
        else:
            wrong = self.model.disagrees(call.query, call.answer)
            if wrong is not None:
                where = call.query.query.stream if isinstance(call.query, History) else BOARD
                self._found.append(Anomaly(anomaly.Kind.WRONG_ANSWER, where, f"{what}: {wrong}"))
        # A local read may be late, yet nothing can be seen before it was asked for.
        before = None if call.query.level is ReadLevel.LOCAL else call.position + 1
        self._effects.append(Effect(what, call.invoked, call.returned, call.position, before))

    def judge(self, call: WriteCall) -> None:
        """Compare a write's answer with what its operation came to."""
        key = call.operation, _asked_by(call.request)
        self._called.add(key)
        what = f"{type(call.request).__name__} {call.operation.id}"
        done = self._made.get(key)
        answer = call.answer
        if done is None:
            if answer is None or (isinstance(answer, Refusal) and not _from_the_log(answer)):
                return
            word = f"refused as {answer.word}" if isinstance(answer, Refusal) else "acknowledged"
            self._note(anomaly.Kind.LOST_WRITE, f"{what} was {word}, and is not in the log")
            return
        position, made = done
        returned = call.returned if answer is not None else NEVER
        if isinstance(answer, Refusal) and answer.code is not made.refused:
            if answer.definite:
                kind = anomaly.Kind.WRONG_ANSWER if made.refused else anomaly.Kind.REFUSED_WRITE
                self._note(kind, f"{what} was refused as {answer.word}, and is in the log at {position}")
            returned = NEVER
        elif isinstance(answer, Refusal):
            pass  # The state refused it, and so it was told.
        elif answer is not None:
            wrong = _wrong(answer, made, position, call.operation.id)
            if wrong is not None:
                self._note(anomaly.Kind.WRONG_ANSWER, f"{what} at {position}: {wrong}")
        self._effects.append(Effect(f"{what} at {position}", call.invoked, returned, position, writes=True))

    def end(self) -> list[Anomaly]:
        for call in self._early:
            self._judge_read(call)
        for key, (position, _) in self._made.items():
            if key not in self._called:
                what = f"id {key[0].id} is in the log at {position}, and nobody sent it"
                self._note(anomaly.Kind.INVENTED_WRITE, what)
        return self._found + out_of_time(BOARD, self._effects)

    def _note(self, kind: anomaly.Kind, what: str) -> None:
        self._found.append(Anomaly(kind, BOARD, what))


def _shows_nothing(answer: Result | Refusal) -> bool:
    return isinstance(answer, Page | PublishedPage) and not answer.posts and not answer.more


def _from_the_log(refusal: Refusal) -> bool:
    return refusal.code in _STATE_CODES


def _asked_by(request: Write) -> Asked:
    match request:
        case Login(user):
            return Kind.LOGIN, user, "", ""
        case CreateChannel(user, channel):
            return Kind.CREATE_CHANNEL, user, channel, ""
        case Publish(user, channel, message):
            return Kind.PUBLISH, user, channel, message
        case Send(user, receiver, message):
            return Kind.SEND, user, receiver, message


def _wrong(answer: Result, made: Made, position: int, id_: str) -> str | None:
    """What is wrong with the answer of success to a write, or None."""
    if made.refused is not None:
        return f"it was acknowledged, where {made.refused.value.code} is due"
    match answer:
        case LoggedIn(existing) | ChannelCreated(existing) if not made.seq:
            return None if existing is made.existing else f"it was told existing={existing}"
        case Posted(given, seq, receipt) if made.seq:
            told = (given, seq, receipt.index)
            due = (id_, made.seq, index_of(position))
            return None if told == due else f"it was told id, seq and index {told}, where {due} are due"
    return f"a {type(answer).__name__} is no answer to it"
