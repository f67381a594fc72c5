"""What stands in the log: one command per operation, with its format version, in canonical bytes.

A command is one MessagePack array, positional, the format's version first::

    [format, kind, scope, id, user, proof, target, message,
     timestamp, sent, stamp's clock, stamp's time, stamp's bound, salt]

What stands in the log can never be taken back, and a server that cannot read it has to stop.  So :func:`encode`
checks all that :func:`decode` checks: whatever one writes, the other reads, on every server.  Whether a name or a
text is one that the board wants is decided earlier, at admission; here only kinds and bounds are.
"""

from enum import IntEnum
from math import isfinite
from typing import Any, Final

import msgpack

from bulletin.core.board.value import value
from bulletin.core.limits import CLOCK_MAX, ID_BYTES_MAX, KIB, MESSAGE_BYTES_MAX, NAME_BYTES_MAX

FORMAT: Final = 1
SALT_BYTES: Final = 16

SENT_BYTES_MAX: Final = 64
"""A sender's time that came as a string, in bytes of UTF-8 (the longest ISO 8601 form has about 40)."""

SECONDS_MAX: Final = float(2**53)
"""The largest time that a server stamps, either way: sums and differences of such times stay finite."""

COMMAND_BYTES_MAX: Final = MESSAGE_BYTES_MAX + KIB
"""No command has more bytes than this; nothing is built from more."""


class Kind(IntEnum):
    """What a command does."""

    LOGIN = 1
    CREATE_CHANNEL = 2
    PUBLISH = 3
    SEND = 4


class Scope(IntEnum):
    """Whose ids an operation's id is told apart from."""

    USER = 0
    BROKER = 1


class Proof(IntEnum):
    """How an actor's name was proven."""

    OPEN = 0
    """A bare claim (``aberto``)."""


@value
class OperationId:
    """The name of an operation: sent again, it takes effect once.

    :param scope: chosen by the client, within its user; or by a broker, in a scope of its own.
    :param user: the user that the request names, or empty; always empty in the broker's scope.
    :param id: 1 to 64 bytes; the broker's are 32 hexadecimal digits.
    """

    scope: Scope
    user: str
    id: str


@value
class Stamp:
    """What the server that admitted the request added to it.

    :param clock: its Lamport clock, 0 to :data:`~bulletin.core.limits.CLOCK_MAX`.
    :param time: its corrected time, seconds since the epoch, at most :data:`SECONDS_MAX` away from it.
    :param bound: the error bound of ``time`` in seconds, 0 to :data:`SECONDS_MAX`, or None while it was never
        synchronised.
    """

    clock: int
    time: float
    bound: float | None


@value
class Command:
    """One operation, as it stands in the log.

    :param kind: what it does.
    :param operation: its id; in the user's scope, ``operation.user`` is ``user``.
    :param user: who asks (may be empty for a channel's creation); the actor's claimed name.
    :param proof: how that name was proven.
    :param target: the channel, or the receiver; empty for a login.
    :param message: the text; empty for a login or a channel.
    :param timestamp: the sender's time, seconds since the epoch; finite.
    :param sent: the sender's time as it came, where that was not a float of seconds: an integer of 64 bits, a
        finite float, or a string of at most :data:`SENT_BYTES_MAX` bytes; else None.
    :param stamp: what the admitting server added.
    :param salt: 16 random bytes, for the text's hash.
    """

    kind: Kind
    operation: OperationId
    user: str
    proof: Proof
    target: str
    message: str
    timestamp: float
    sent: int | float | str | None
    stamp: Stamp
    salt: bytes


_FIELDS: Final = 14
_KINDS: Final = {int(kind): kind for kind in Kind}
_SCOPES: Final = {int(scope): scope for scope in Scope}
_PROOFS: Final = {int(proof): proof for proof in Proof}
_pack: Final = msgpack.Packer().pack


def encode(command: Command) -> bytes:
    """The canonical bytes of a command.

    :raises ValueError: for a command that no server could take out of the log again: a bound or a kind is wrong.
    """
    _check(command)
    return _packed(command)


def decode(data: bytes) -> Command:
    """A command from its bytes.

    :raises ValueError: for anything that :func:`encode` would not have written.
    """
    if len(data) > COMMAND_BYTES_MAX:
        raise ValueError(f"a command has at most {COMMAND_BYTES_MAX} bytes, not {len(data)}")
    try:
        command = _command(_unpacked(data))
    except (TypeError, KeyError, msgpack.UnpackException) as error:
        raise ValueError(f"not a command: {error!r}") from error
    _check(command)
    if _packed(command) != data:
        raise ValueError("a command that is not in canonical form")
    return command


def _unpacked(data: bytes) -> list[Any]:
    fields = msgpack.unpackb(
        data, max_array_len=256, max_map_len=0, max_ext_len=0, max_str_len=MESSAGE_BYTES_MAX
    )
    if type(fields) is not list or not fields or type(fields[0]) is not int:
        raise ValueError("a command is an array that begins with its format's version")
    if fields[0] != FORMAT:
        raise ValueError(f"a command of format {fields[0]}; this version reads format {FORMAT}")
    if len(fields) != _FIELDS:
        raise ValueError(f"a command of format {FORMAT} has {_FIELDS} fields, not {len(fields)}")
    return fields


def _command(fields: list[Any]) -> Command:
    # What equals a good field without being one (True for 1) is found when the canonical bytes are compared.
    _, kind, scope, id_, user, proof, target, message, timestamp, sent, clock, time, bound, salt = fields
    whose = _SCOPES[scope]
    return Command(
        _KINDS[kind],
        OperationId(whose, user if whose is Scope.USER else "", id_),
        user,
        _PROOFS[proof],
        target,
        message,
        timestamp,
        sent,
        Stamp(clock, time, bound),
        salt,
    )


def _packed(command: Command) -> bytes:
    operation = command.operation
    stamp = command.stamp
    packed: bytes = _pack(
        (
            FORMAT,
            command.kind,
            operation.scope,
            operation.id,
            command.user,
            command.proof,
            command.target,
            command.message,
            command.timestamp,
            command.sent,
            stamp.clock,
            stamp.time,
            stamp.bound,
            command.salt,
        )
    )
    return packed


def _check(command: Command) -> None:
    """Raise ValueError, with what is wrong, unless every field is within its bounds."""
    operation = command.operation
    _check_text("the id", operation.id, ID_BYTES_MAX)
    _check_text("the user", command.user, NAME_BYTES_MAX)
    _check_text("the target", command.target, NAME_BYTES_MAX)
    _check_text("the message", command.message, MESSAGE_BYTES_MAX)
    if not operation.id:
        raise ValueError("the id is empty")
    if operation.user != (command.user if operation.scope is Scope.USER else ""):
        raise ValueError("the id's user is not the command's, or a broker's id has one")
    _check_kind(command.kind, command)
    if type(command.timestamp) is not float or not isfinite(command.timestamp):
        raise ValueError("the sender's time is no finite float")
    if command.sent is not None:
        _check_sent(command.sent)
    _check_stamp(command.stamp)
    if type(command.salt) is not bytes or len(command.salt) != SALT_BYTES:
        raise ValueError(f"the salt is not {SALT_BYTES} bytes")


def _check_kind(kind: Kind, command: Command) -> None:
    if not command.user and kind is not Kind.CREATE_CHANNEL:
        raise ValueError("nobody logs in or posts")
    if (kind is Kind.LOGIN) is not (not command.target):
        raise ValueError("a login has a target, or anything else has none")
    if command.message and (kind is Kind.LOGIN or kind is Kind.CREATE_CHANNEL):
        raise ValueError("a login or a channel's creation has a message")


def _check_stamp(stamp: Stamp) -> None:
    if type(stamp.clock) is not int or not 0 <= stamp.clock <= CLOCK_MAX:
        raise ValueError("the stamp's clock is no integer in range")
    if type(stamp.time) is not float or not -SECONDS_MAX <= stamp.time <= SECONDS_MAX:
        raise ValueError("the stamp's time is no float in range")
    if stamp.bound is not None and (type(stamp.bound) is not float or not 0.0 <= stamp.bound <= SECONDS_MAX):
        raise ValueError("the stamp's bound is no float in range")


_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**64 - 1


def _check_text(what: str, text: str, bytes_max: int) -> None:
    if type(text) is not str:
        raise ValueError(f"{what} is no string")
    if len(text) * 4 > bytes_max and (len(text) > bytes_max or len(text.encode()) > bytes_max):
        raise ValueError(f"{what} has more than {bytes_max} bytes")


def _check_sent(sent: float | str) -> None:
    if type(sent) is str:
        _check_text("the sender's time as it came", sent, SENT_BYTES_MAX)
    elif type(sent) is int:
        if not _INT_MIN <= sent <= _INT_MAX:
            raise ValueError("the sender's time as it came has more than 64 bits")
    elif type(sent) is not float or not isfinite(sent):
        raise ValueError("the sender's time as it came is no integer, finite float or string")
