"""What stands in the log: one command per operation, with its format version, in canonical bytes."""

from enum import IntEnum
from typing import Final

import attrs

FORMAT: Final = 1
SALT_BYTES: Final = 16


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


@attrs.frozen
class OperationId:
    """The name of an operation: sent again, it takes effect once.

    :param scope: chosen by the client, within its user; or by a broker, in a scope of its own.
    :param user: the user that the request names, or empty; always empty in the broker's scope.
    :param id: at most 64 bytes; the broker's are 32 hexadecimal digits.
    """

    scope: Scope
    user: str
    id: str


@attrs.frozen
class Stamp:
    """What the server that admitted the request added to it.

    :param clock: its Lamport clock.
    :param time: its corrected time, seconds since the epoch.
    :param bound: the error bound of ``time`` in seconds, or None while it was never synchronised.
    """

    clock: int
    time: float
    bound: float | None


@attrs.frozen
class Command:
    """One operation, as it stands in the log.

    :param kind: what it does.
    :param operation: its id.
    :param user: who asks (may be empty for a channel's creation); the actor's claimed name.
    :param proof: how that name was proven.
    :param target: the channel, or the receiver; empty for a login.
    :param message: the text; empty where there is none.
    :param timestamp: the sender's time, seconds since the epoch.
    :param sent: the sender's time as it came, where that was not a float of seconds; else None.
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


def encode(command: Command) -> bytes:
    """The canonical bytes of a command."""
    raise NotImplementedError


def decode(data: bytes) -> Command:
    """A command from its bytes.

    :raises ValueError: for anything that :func:`encode` would not have written.
    """
    raise NotImplementedError
