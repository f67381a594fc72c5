"""A client's request as a value: ``read`` turns any bytes into one, or into the refusal to answer with."""

from enum import Enum

import attrs

from bulletin.core.board.history import PageQuery
from bulletin.core.errors import Refusal
from bulletin.core.wire.envelope import Heading


class ReadLevel(Enum):
    """How fresh a read must be."""

    LINEARIZABLE = "linearizavel"
    LOCAL = "local"


@attrs.frozen
class Login:
    """Log in; registers the user at first."""

    user: str


@attrs.frozen
class CreateChannel:
    """Create a channel; ``user`` is empty where the request names none."""

    user: str
    channel: str


@attrs.frozen
class Publish:
    """A post to a channel."""

    user: str
    channel: str
    message: str


@attrs.frozen
class Send:
    """A private message."""

    user: str
    receiver: str
    message: str


@attrs.frozen
class ListUsers:
    """The users, in the order in which they registered, after the name ``after`` (None: from the first)."""

    level: ReadLevel
    after: str | None = None


@attrs.frozen
class ListChannels:
    """The channels, in the order in which they were created, after the name ``after`` (None: from the first)."""

    level: ReadLevel
    after: str | None = None


@attrs.frozen
class History:
    """A page of a channel, an inbox, or a private conversation."""

    level: ReadLevel
    query: PageQuery


Write = Login | CreateChannel | Publish | Send
Query = ListUsers | ListChannels | History


@attrs.frozen
class Incoming:
    """What a body was.

    :param heading: what its reply needs.
    :param clock: the sender's Lamport clock, or None where it gave none that counts.
    :param timestamp: the sender's time in seconds since the epoch, or None where it gave none that is understood.
    :param sent: the sender's time as it came, where that was not a float of seconds; else None.
    :param request: the request, or why it is refused.
    """

    heading: Heading
    clock: int | None
    timestamp: float | None
    sent: int | float | str | None
    request: Write | Query | Refusal


def read(body: bytes) -> Incoming:
    """What a client's body asks for.  Total: whatever the bytes are, it returns, within the bounds of ``limits``."""
    raise NotImplementedError
