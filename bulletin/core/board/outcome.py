"""What applying one command came to: the answer, the rows to write, the post to publish."""

from enum import IntEnum
from typing import Final, Self

from bulletin.core.board.commands import Proof
from bulletin.core.board.value import value
from bulletin.core.errors import BY_WORD, Refusal

NO_DIGEST: Final = b"\0" * 32
"""The digest of a board to which nothing was applied."""


class StreamKind(IntEnum):
    """Whose posts a stream holds."""

    CHANNEL = 1
    INBOX = 2


@value
class Answer:
    """The first answer to an operation, which every repetition of its id gets again.

    :param code: empty on success, else the catalogue's word of a refusal (``canal_inexistente``, …).
    :param field: the field at fault, or empty.
    :param id: the operation's id as replies and publications have it.
    :param existing: for a login or a channel: whether it was there before.
    :param seq: the post's number in its channel or inbox; 0 where there is no post.
    :param index: the log index of the entry that made it.
    :param term: that entry's term.
    :param chain: the chain hash of the channel or inbox after the post (32 bytes), or empty.
    :param clock: the clock that the command took.
    """

    code: str
    field: str
    id: str
    existing: bool
    seq: int
    index: int
    term: int
    chain: bytes
    clock: int

    @property
    def refusal(self) -> Refusal | None:
        """The refusal that this answer is, or None: it is a success."""
        return Refusal(BY_WORD[self.code], self.field or None) if self.code else None


@value
class Post:
    """One post of a channel or an inbox, as the history and the publications have it.

    :param kind: channel or inbox.
    :param stream: the channel's name, or the receiver's.
    :param seq: 1, 2, 3, … within the stream.
    :param position: where in the log it was made.
    :param id: the operation's id.
    :param user: who sent it (as claimed).
    :param message: the text.
    :param salt: 16 bytes, hashed with the text.
    :param timestamp: the sender's time, seconds since the epoch.
    :param sent: the sender's time as it came, where that was not a float of seconds; else None.
    :param clock: the board's Lamport clock of this post: unique and rising over the whole board.
    :param received: the board's time, seconds since the epoch; never smaller than the stream's post before.
    :param uncertainty: error bound of ``received`` in seconds, or None while the clock was never synchronised.
    :param chain: the stream's chain hash after this post, 32 bytes; see :mod:`bulletin.core.board.chain`.
    :param proof: how the sender's name was proven.
    """

    kind: StreamKind
    stream: str
    seq: int
    position: int
    id: str
    user: str
    message: str
    salt: bytes
    timestamp: float
    sent: int | float | str | None
    clock: int
    received: float
    uncertainty: float | None
    chain: bytes
    proof: Proof = Proof.OPEN


@value
class StreamRow:
    """A user (whose stream is the inbox) or a channel that came into being.

    :param number: 1, 2, 3, … over both kinds, in the order of the log: the row's key.
    """

    number: int
    kind: StreamKind
    name: str
    position: int


@value
class PostRow:
    """A post to be written, with the number of its stream."""

    number: int
    post: Post


@value
class OperationRow:
    """A remembered operation, packed: see :mod:`bulletin.core.board.remembered`.

    :param ordinal: 1, 2, 3, … without gaps over all operations of the log that were not repetitions of an id (those
        write no row); those at or below the newest ``ordinal - OPERATIONS_REMEMBERED`` go.
    :param key: 16 bytes of scope, user and id.
    :param record: what was asked, hashed, and the first answer.
    """

    ordinal: int
    key: bytes
    record: bytes


@value
class OperationBlock:
    """Remembered operations with consecutive ordinals, as they stand in a row of the tables.

    :param number: 1, 2, 3, …; the first one holds the ordinals from 1 on.
    :param keys: one after the other.
    :param ends: where each record ends: two bytes, the higher first.
    :param records: one after the other.
    """

    number: int
    keys: bytes
    ends: bytes
    records: bytes


@value
class SessionsRow:
    """What is remembered of a user's sessions, packed: see :class:`bulletin.core.board.sessions.Sessions`."""

    user: str
    packed: bytes


Row = StreamRow | PostRow | OperationRow | SessionsRow


@value
class Outcome:
    """What one command came to.

    :param position: of the command.
    :param answer: for whoever waits for it.
    :param duplicate: the id was seen before: the answer is the first one, and nothing else happened.
    :param rows: to be written, in order.
    :param post: the new post, or None.
    """

    position: int
    answer: Answer
    duplicate: bool
    rows: tuple[Row, ...]
    post: Post | None


@value
class StreamState:
    """A stream's head, as the tables hold it and :class:`~bulletin.core.board.state.State` keeps it in memory.

    :param seq: of the last post; 0 while there is none.
    :param chain: the chain hash there; the stream's own starting hash while there is none (at a start, what stands
        here while ``seq`` is 0 is not looked at: the starting hash follows from kind and name).
    :param received: ``recebido`` of the last post; 0.0 while there is none.
    """

    number: int
    kind: StreamKind
    name: str
    position: int
    seq: int
    chain: bytes
    received: float


@value
class Marks:
    """The few numbers of the state that belong to no row.

    :param applied: the last log index applied.
    :param clock: the last Lamport clock given.
    :param ordinal: operations remembered so far, evicted ones included.
    :param digest: running digest of everything applied, 32 bytes.
    """

    applied: int
    clock: int
    ordinal: int
    digest: bytes


@value
class Applied:
    """The rows of consecutive entries, to be written in one transaction together with the marks after them."""

    rows: tuple[Row, ...]
    marks: Marks


@value
class RestoredBoard:
    """Everything that the board's state is rebuilt from at a start.

    :param streams: in the order of their numbers.
    :param operations: in the order of their numbers; older ones than the board remembers do no harm.
    :param sessions: in any order.
    """

    marks: Marks
    users_max: int
    channels_max: int
    streams: tuple[StreamState, ...]
    operations: tuple[OperationBlock, ...]
    sessions: tuple[SessionsRow, ...]

    @classmethod
    def empty(cls, users_max: int, channels_max: int) -> Self:
        """A board to which nothing was applied, with the limits of its founding document."""
        return cls(Marks(0, 0, 0, NO_DIGEST), users_max, channels_max, (), (), ())
