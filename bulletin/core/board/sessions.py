"""Which operations were applied lately, and what they were answered: so that each takes effect once.

Two tables, both part of the replicated state and both changed by the log alone, never by a clock::

    Remembered   the last 131,072 operations: id -> what was asked (hashed), first answer      (remembered.py)
        │ evicted, oldest first
        ▼
    Sessions     of ids ``SESSION:N``: per user the last 16 sessions, and each one's highest evicted N

An id that is in neither was never seen, or is a plain one that fell out of the window.  ``SESSION:N`` is: one or more
hexadecimal digits of either case (compared as written), a colon, a decimal integer from 0 to 2^53 without leading
zeros.  Whatever has another form is a plain id: it is remembered like any other, and forgotten with the window.

Sessions are kept for registered users, and for the empty name that stands for "no user".  Of a name that was never
registered nothing but creations of channels can have taken effect, and those have the same effect when run again; a
table of names that anybody can make up would have no bound.

Memory, measured on CPython 3.11 with 64 bits: 750 bytes a user with 16 sessions of 32 digits (1.3 KiB where ids are of
the largest size), so at most some 130 MiB for 100,000 users who all use 16 sessions.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgpack

from bulletin.core.board.commands import Command, OperationId, Scope
from bulletin.core.board.outcome import SessionsRow
from bulletin.core.board.remembered import CONTENT_BYTES, KEY_BYTES, SessionId
from bulletin.core.limits import CLOCK_MAX, SESSIONS_PER_USER

NUMBER_MAX: Final = CLOCK_MAX
"""The largest N of a ``SESSION:N``: the largest integer that every client's JSON keeps exactly."""

_pack: Final = msgpack.Packer().pack
_SESSION_ID: Final = re.compile(r"([0-9A-Fa-f]+):(0|[1-9][0-9]{0,15})")


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


def pack_sessions(sessions: Iterable[Sequence[Any]]) -> bytes:
    """A user's sessions as one value: of too many the least recently touched are forgotten.

    :param sessions: ``[session, highest, used]`` of each, least recently touched first.
    """
    packed: bytes = _pack(list(sessions)[-SESSIONS_PER_USER:])
    return packed


class Sessions:
    """Per user the sessions that were evicted from last, and the highest number evicted from each.

    A user's sessions are one packed array of ``[session, highest, used]``, least recently touched first; ``used`` is the
    ordinal of the operation that made room for itself by the eviction that last touched it.  That is their row, too.
    """

    def __init__(self, rows: Iterable[SessionsRow]) -> None:
        """The sessions as the tables hold them, in any order.

        :raises ValueError: a user is there twice.
        """
        self._packed: Final[dict[str, bytes]] = {}
        for row in rows:
            if row.user in self._packed:
                raise ValueError("a user's sessions are there twice")
            self._packed[row.user] = row.packed

    def expired(self, session: SessionId) -> bool:
        """Whether an operation that is not remembered may have been evicted: it must not be run."""
        highest: int
        for name, highest, _ in self._of(session.user):
            if name == session.session:
                return session.number <= highest
        return False

    def evicted(self, session: SessionId, ordinal: int) -> SessionsRow:
        """Note that an operation was evicted to make room for the one of this ordinal; the row that says so."""
        sessions = self._of(session.user)
        highest = session.number
        for at, (name, number, _) in enumerate(sessions):
            if name == session.session:
                highest = max(highest, number)
                del sessions[at]
                break
        sessions.append([session.session, highest, ordinal])
        packed = self._packed[session.user] = pack_sessions(sessions)
        return SessionsRow(session.user, packed)

    def _of(self, user: str) -> list[list[Any]]:
        packed = self._packed.get(user)
        return [] if packed is None else msgpack.unpackb(packed)
