"""Which operations were applied lately, and what they were answered: so that each takes effect once.

Two tables, both part of the replicated state and both changed by the log alone, never by a clock::

    Remembered   the last 131,072 operations: id -> what was asked (hashed), first answer
        │ evicted, oldest first
        ▼
    Sessions     of ids ``SESSION:N``: per user the last 16 sessions, and each one's highest evicted N

An id that is in neither was never seen, or is a plain one that fell out of the window.  ``SESSION:N`` is: one or more
hexadecimal digits of either case (compared as written), a colon, a decimal integer from 0 to 2^53 without leading
zeros.  Whatever has another form is a plain id: it is remembered like any other, and forgotten with the window.

Sessions are kept for registered users, and for the empty name that stands for "no user".  Of a name that was never
registered nothing but creations of channels can have taken effect, and those have the same effect when run again; a
table of names that anybody can make up would have no bound.

Memory, measured on CPython 3.11 with 64 bits: about 280 bytes an operation (so 35 MiB when the window is full, and
10 MiB more while the dictionary grows), and 750 bytes a user with 16 sessions of 32 digits (1.3 KiB where ids are of
the largest size), so at most some 130 MiB for 100,000 users who all use 16 sessions.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any, Final

import msgpack

from bulletin.core.board.commands import Command, OperationId, Scope
from bulletin.core.board.outcome import Answer, OperationRow, SessionRow
from bulletin.core.board.value import value
from bulletin.core.limits import CLOCK_MAX, SESSIONS_PER_USER

KEY_BYTES: Final = 16
CONTENT_BYTES: Final = 8
NUMBER_MAX: Final = CLOCK_MAX
"""The largest N of a ``SESSION:N``: the largest integer that every client's JSON keeps exactly."""

_pack: Final = msgpack.Packer().pack
_SESSION_ID: Final = re.compile(r"([0-9A-Fa-f]+):(0|[1-9][0-9]{0,15})")


@value
class SessionId:
    """An id of the form ``SESSION:N``, taken apart."""

    user: str
    session: str
    number: int


def session_id(operation: OperationId) -> SessionId | None:
    """What an operation's id says of its session, or None: it is a plain one, or a broker's."""
    if operation.scope is not Scope.USER or ":" not in operation.id:
        return None
    match = _SESSION_ID.fullmatch(operation.id)
    if match is None:
        return None
    session, digits = match.groups()
    number = int(digits)
    return SessionId(operation.user, session, number) if number <= NUMBER_MAX else None


def operation_key(operation: OperationId) -> bytes:
    """The 16 bytes that an operation is found by."""
    named = _pack((operation.scope, operation.user, operation.id))
    return hashlib.blake2b(named, digest_size=KEY_BYTES).digest()


def content_hash(command: Command) -> bytes:
    """8 bytes of what was asked: the same for every repetition of a request, whoever admitted it and when."""
    asked = _pack((command.kind, command.user, command.target, command.message))
    return hashlib.blake2b(asked, digest_size=CONTENT_BYTES).digest()


class Remembered:
    """The last operations by ordinal, each with its content and its first answer, in one ``bytes`` each.

    A record is a MessagePack array; that of a plain id is shorter than that of a session's, so that its first byte
    tells them apart when it is evicted.
    """

    def __init__(self, window: int, ordinal: int, rows: Iterable[OperationRow]) -> None:
        """The operations as the tables hold them.

        :param window: operations remembered.
        :param ordinal: of the last operation.
        :param rows: in order; what is older than the window is left out.
        :raises ValueError: one that should be there is missing, or one is there that came after ``ordinal``.
        """
        assert window > 0
        self._window: Final = window
        self._records: Final[dict[bytes, bytes]] = {}
        self._ring: Final[list[bytes]] = [b""] * min(window, ordinal)
        """The key of each remembered operation, at ``(ordinal - 1) % window``.  (Taking the oldest key from the
        dictionary itself would step over all that were deleted before it, each time.)"""
        self.ordinal = max(0, ordinal - window)
        for row in rows:
            if row.ordinal <= ordinal - window:
                continue
            if row.ordinal != self.ordinal + 1 or row.ordinal > ordinal:
                raise ValueError(f"the remembered operations go from {self.ordinal} to {row.ordinal}, and end at {ordinal}")
            key = operation_key(row.operation)
            self._ring[self.ordinal % window] = key
            self._records[key] = _record(row.content, row.answer, session_id(row.operation))
            self.ordinal += 1
        if self.ordinal != ordinal or len(self._records) != len(self._ring):
            raise ValueError(f"the remembered operations do not end at {ordinal}, or one is there twice")

    def __len__(self) -> int:
        return len(self._records)

    def find(self, key: bytes, id_: str) -> tuple[bytes, Answer] | None:
        """The content and the first answer of the operation with this key, whose id is ``id_``; or None."""
        record = self._records.get(key)
        if record is None:
            return None
        content, code, field, existing, seq, index, term, chain, clock = msgpack.unpackb(record)[
            :_PLAIN_FIELDS
        ]
        return content, Answer(code, field, id_, existing, seq, index, term, chain, clock)

    def add(self, key: bytes, content: bytes, answer: Answer, session: SessionId | None) -> SessionId | None:
        """Remember the next operation; what is returned is the session's id that was evicted for it, if it was one."""
        evicted = None
        slot = self.ordinal % self._window
        if len(self._ring) <= slot:
            self._ring.append(key)
        else:
            evicted = _session_of(self._records.pop(self._ring[slot]))
            self._ring[slot] = key
        self._records[key] = _record(content, answer, session)
        self.ordinal += 1
        return evicted


_PLAIN_FIELDS: Final = 9
_PLAIN: Final = 0x90 + _PLAIN_FIELDS
"""The first byte of a MessagePack array of so many fields."""


def _record(content: bytes, answer: Answer, session: SessionId | None) -> bytes:
    plain = (
        content,
        answer.code,
        answer.field,
        answer.existing,
        answer.seq,
        answer.index,
        answer.term,
        answer.chain,
        answer.clock,
    )
    if session is None:
        packed: bytes = _pack(plain)
    else:
        packed = _pack((*plain, session.user, session.session, session.number))
    return packed


def _session_of(record: bytes) -> SessionId | None:
    return None if record[0] == _PLAIN else SessionId(*msgpack.unpackb(record)[_PLAIN_FIELDS:])


class Sessions:
    """Per user the sessions that were evicted from last, and the highest number evicted from each.

    A user's sessions are one packed array of ``[session, highest, used]``, least recently touched first.
    """

    def __init__(self, rows: Iterable[SessionRow]) -> None:
        """The sessions as the tables hold them, in any order.

        :raises ValueError: a user has more than :data:`~bulletin.core.limits.SESSIONS_PER_USER`, or one twice.
        """
        self._packed: Final[dict[str, bytes]] = {}
        for row in sorted(rows, key=lambda row: row.used):
            sessions = self._of(row.user)
            known = any(name == row.session for name, _, _ in sessions)
            if row.highest is None or known or len(sessions) >= SESSIONS_PER_USER:
                raise ValueError(
                    "a user has more sessions than are kept, or one that was forgotten or is there twice"
                )
            self._packed[row.user] = _pack([*sessions, [row.session, row.highest, row.used]])

    def expired(self, session: SessionId) -> bool:
        """Whether an operation that is not remembered may have been evicted: it must not be run."""
        highest: int
        for name, highest, _ in self._of(session.user):
            if name == session.session:
                return session.number <= highest
        return False

    def evicted(self, session: SessionId, ordinal: int) -> tuple[SessionRow, ...]:
        """Note that an operation was evicted to make room for the one of this ordinal; the rows that say so."""
        sessions = self._of(session.user)
        highest = session.number
        for at, (name, number, _) in enumerate(sessions):
            if name == session.session:
                highest = max(highest, number)
                del sessions[at]
                break
        sessions.append([session.session, highest, ordinal])
        rows = [SessionRow(session.user, session.session, highest, ordinal)]
        if len(sessions) > SESSIONS_PER_USER:
            name, _, used = sessions.pop(0)
            rows.insert(0, SessionRow(session.user, name, None, used))
        self._packed[session.user] = _pack(sessions)
        return tuple(rows)

    def _of(self, user: str) -> list[list[Any]]:
        packed = self._packed.get(user)
        return [] if packed is None else msgpack.unpackb(packed)
