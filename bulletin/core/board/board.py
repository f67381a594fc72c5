"""The board: a state machine that turns the log's operations, in their order, into answers, rows and posts.

What one operation does::

    seen before, same content    the first answer again            nothing changes
    seen before, other content   id_reutilizado                    nothing changes
    may have been evicted        id_expirado                       nothing changes
    new, but refused             remembered; takes a clock         no stream changes
    new                          remembered; takes a clock         a stream comes into being, or gets a post

(*Nothing* is said of the state that later operations see; the digest covers every outcome.)  A repetition takes no
clock, since it is no new event, and no ordinal, so the window of remembered operations holds just those that count.
A refusal by the state takes both: it is an event at a place in the order, and its answer is as lasting as a success.

Who registers: a login its user; a post or a private message that is accepted, its sender.  Creating a channel
registers nobody, also when it names a user: the protocol gives registration to logins and posts alone.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final, Self

import msgpack

from bulletin.core.board.chain import chain_post, text_hash
from bulletin.core.board.commands import Command, Kind, decode
from bulletin.core.board.outcome import (
    Answer,
    Applied,
    Marks,
    Outcome,
    Post,
    PostRow,
    RestoredBoard,
    Row,
    StreamKind,
    StreamState,
)
from bulletin.core.board.remembered import Remembered, SessionId, operation_record
from bulletin.core.board.sessions import (
    Sessions,
    content_hash,
    operation_key,
    session_id,
)
from bulletin.core.board.state import State, Stream
from bulletin.core.board.value import value
from bulletin.core.errors import Code
from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.log.port import index_of

_pack: Final = msgpack.Packer().pack


class CannotApply(Exception):
    """An operation stands in the log that this version cannot read: the server has to stop.

    To skip it would make this server's tables differ from those of a server that can read it.

    :param position: of the operation.
    """

    def __init__(self, position: int, why: str) -> None:
        super().__init__(
            f"the log's operation at {position} (index {index_of(position)}) cannot be applied: {why}. "
            "A newer version of the server may have written it: start that version here."
        )
        self.position = position


@value
class _Verdict:
    """What the state says to a new operation.

    :param refused: why not, or None.
    :param field: the field at fault, by its name on the wire.
    :param existing: for a login or a channel: whether it was there before.
    :param registers: the stream that comes into being, or None.
    :param stream: the stream that gets a post, or None.
    """

    refused: Code | None = None
    field: str = ""
    existing: bool = False
    registers: tuple[StreamKind, str] | None = None
    stream: Stream | None = None


_EXISTING: Final = _Verdict(existing=True)


class Board:
    """The replicated state and the rules by which it changes.  Not thread-safe; it never waits."""

    def __init__(self, restored: RestoredBoard, window: int = OPERATIONS_REMEMBERED) -> None:
        """The board as it was when the rows and marks that ``restored`` was read from had been written.

        :param window: operations remembered.  Every server has to have the same; smaller ones are for tests.
        :raises ValueError: the rows contradict each other.
        """
        marks = restored.marks
        self._state: Final = State(restored.users_max, restored.channels_max, restored.streams)
        self._remembered: Final = Remembered(window, marks.ordinal, restored.operations)
        self._sessions: Final = Sessions(restored.sessions)
        self._clock = marks.clock
        self._digest = marks.digest
        self._applied = marks.applied
        self._position = 0
        """Of the last operation since the start, or 0."""
        self._stopped = False

    @classmethod
    def empty(cls, users_max: int, channels_max: int, window: int = OPERATIONS_REMEMBERED) -> Self:
        """A board to which nothing was applied, with the limits of its founding document."""
        return cls(RestoredBoard.empty(users_max, channels_max), window)

    # What changes it

    def apply(self, position: int, term: int, payload: bytes) -> Outcome:
        """Apply the operation at ``position``, which is above every one before.

        :param term: of the entry that it stands in.
        :param payload: a command, by :func:`bulletin.core.board.commands.encode`.
        :raises CannotApply: it is none that this version knows.  The board changed nothing, and takes no more.
        """
        assert not self._stopped, "an operation was skipped"
        assert position > self._position, "operations go back"
        assert index_of(position) > self._applied, "the entry was applied before"
        try:
            command = decode(payload)
        except ValueError as error:
            self._stopped = True
            raise CannotApply(position, str(error)) from error
        self._position = position
        key = operation_key(command.operation)
        content = content_hash(command)
        session = session_id(command.operation)
        first = self._remembered.find(key, command.operation.id)
        if first is not None:
            duplicate = first[0] == content
            answer = first[1] if duplicate else self._no_run(command, Code.ID_REUSED, position, term)
            outcome = Outcome(position, answer, duplicate, (), None)
        elif session is not None and self._sessions.expired(session):
            answer = self._no_run(command, Code.ID_EXPIRED, position, term)
            outcome = Outcome(position, answer, duplicate=False, rows=(), post=None)
        else:
            outcome = self._run(command, position, term, key, content, session)
        self._cover(outcome, key, content)
        return outcome

    def applied_entry(self, index: int) -> None:
        """The whole entry at ``index`` has been applied, its operations (if it has any) by :meth:`apply`."""
        assert not self._stopped, "an operation was skipped"
        assert index >= self._applied, "entries go back"
        assert index >= index_of(self._position), "an operation of a later entry was applied before"
        self._applied = index

    def marks(self) -> Marks:
        """The marks after the last whole entry; not to be asked for in the middle of one."""
        assert not self._stopped, "an operation was skipped"
        assert index_of(self._position) <= self._applied, "an entry is applied in part"
        return Marks(self._applied, self._clock, self._remembered.ordinal, self._digest)

    def applied(self, outcomes: Iterable[Outcome]) -> Applied:
        """What the store has to write after ``outcomes``, which are those of whole entries since the last call."""
        return Applied(tuple(row for outcome in outcomes for row in outcome.rows), self.marks())

    # What is read of it

    def has_user(self, name: str) -> bool:
        """Whether there is a user of this name."""
        return self._find(StreamKind.INBOX, name) is not None

    def has_channel(self, name: str) -> bool:
        """Whether there is a channel of this name."""
        return self._find(StreamKind.CHANNEL, name) is not None

    def head(self, kind: StreamKind, name: str) -> StreamState | None:
        """A channel's or an inbox's head, or None."""
        stream = self._find(kind, name)
        return None if stream is None else stream.head()

    def heads(self, kind: StreamKind = StreamKind.CHANNEL) -> Iterator[StreamState]:
        """All heads of a kind, in the order in which the streams came into being; those without posts have seq 0.

        To be used up before the next :meth:`apply`.
        """
        return self._state.heads(kind)

    def users(self, after: str | None, bytes_max: int) -> tuple[tuple[str, ...], bool]:
        """Users' names in the order of their registration, and whether more follow.

        :param after: names after this one; None: from the first.  After a name that is not there, there is none.
        :param bytes_max: bytes of names (and 3 for each) after which the list ends early; one fits always.
        """
        return self._state.names(StreamKind.INBOX, after, bytes_max)

    def channels(self, after: str | None, bytes_max: int) -> tuple[tuple[str, ...], bool]:
        """Channels' names in the order of their creation; otherwise like :meth:`users`."""
        return self._state.names(StreamKind.CHANNEL, after, bytes_max)

    def _find(self, kind: StreamKind, name: str) -> Stream | None:
        stream = self._state.find(name)
        return stream if stream is not None and stream.kind is kind else None

    # How an operation is run

    def _no_run(self, command: Command, code: Code, position: int, term: int) -> Answer:
        """The answer to an operation that is not looked at, because of its id alone."""
        return Answer(
            code.value.code,
            "id",
            command.operation.id,
            existing=False,
            seq=0,
            index=index_of(position),
            term=term,
            chain=b"",
            clock=self._clock,
        )

    def _run(
        self,
        command: Command,
        position: int,
        term: int,
        key: bytes,
        content: bytes,
        session: SessionId | None,
    ) -> Outcome:
        verdict = self._judge(command)
        self._clock = max(self._clock + 1, command.stamp.clock)
        rows: list[Row] = []
        post = None
        if verdict.registers is not None:
            rows.append(self._state.create(*verdict.registers, position))
        if verdict.stream is not None:
            post = self._post(command, verdict.stream, position)
            rows.append(PostRow(verdict.stream.number, post))
        answer = Answer(
            "" if verdict.refused is None else verdict.refused.value.code,
            verdict.field,
            command.operation.id,
            verdict.existing,
            0 if post is None else post.seq,
            index_of(position),
            term,
            b"" if post is None else post.chain,
            self._clock,
        )
        row, evicted = self._remembered.add(key, operation_record(content, answer, session))
        rows.append(row)
        if evicted is not None and (not evicted.user or self.has_user(evicted.user)):
            rows.append(self._sessions.evicted(evicted, row.ordinal))
        return Outcome(position, answer, duplicate=False, rows=tuple(rows), post=post)

    def _judge(self, command: Command) -> _Verdict:
        match command.kind:
            case Kind.PUBLISH:
                stream = self._find(StreamKind.CHANNEL, command.target)
                if stream is None:
                    return _Verdict(Code.NO_SUCH_CHANNEL, "canal")
            case Kind.SEND:
                stream = self._find(StreamKind.INBOX, command.target)
                if stream is None:
                    return _Verdict(Code.NO_SUCH_USER, "receptor")
            case Kind.LOGIN:
                return self._judge_name(StreamKind.INBOX, command.user, "user")
            case Kind.CREATE_CHANNEL:
                return self._judge_name(StreamKind.CHANNEL, command.target, "canal")
        sender = self._judge_name(StreamKind.INBOX, command.user, "user")
        if sender.refused is not None:
            return sender
        return _Verdict(None, "", False, sender.registers, stream)

    def _judge_name(self, kind: StreamKind, name: str, field: str) -> _Verdict:
        """Whether there is, or may come to be, a user or a channel of this name."""
        stream = self._state.find(name)
        if stream is not None:
            return _EXISTING if stream.kind is kind else _Verdict(Code.NAME_IN_USE, field)
        if self._state.full(kind):
            return _Verdict(Code.FULL, field)
        return _Verdict(registers=(kind, name))

    def _post(self, command: Command, stream: Stream, position: int) -> Post:
        stamp = command.stamp
        received = max(stream.received, stamp.time)
        uncertainty = None if stamp.bound is None else stamp.bound + (received - stamp.time)
        seq = stream.seq + 1
        chain = chain_post(
            stream.previous(),
            seq,
            command.operation.id,
            command.user,
            command.proof,
            command.timestamp,
            command.sent,
            self._clock,
            received,
            uncertainty,
            text_hash(command.salt, command.message),
        )
        stream.seq = seq
        stream.chain = chain
        stream.received = received
        return Post(
            stream.kind,
            stream.name,
            seq,
            position,
            command.operation.id,
            command.user,
            command.message,
            command.salt,
            command.timestamp,
            command.sent,
            self._clock,
            received,
            uncertainty,
            chain,
            command.proof,
        )

    def _cover(self, outcome: Outcome, key: bytes, content: bytes) -> None:
        # What is not named here follows from what is: the post from its chain hash, a new stream from their number.
        answer = outcome.answer
        covered = _pack(
            (
                outcome.position,
                key,
                content,
                outcome.duplicate,
                answer.code,
                answer.field,
                answer.existing,
                answer.seq,
                answer.index,
                answer.term,
                answer.chain,
                answer.clock,
                self._remembered.ordinal,
                len(self._state),
            )
        )
        self._digest = hashlib.sha256(self._digest + covered).digest()
