"""What a broker and a server say to each other: one frame a message, a batch in each."""

import attrs


@attrs.frozen
class ServerReady:
    """Server → broker: this server takes requests, as session ``session``; anything older is forgotten."""

    name: str
    session: int
    clock: int
    timestamp: float


@attrs.frozen
class ServerHeartbeat:
    """Server → broker: alive, in session ``session``.  Any message of the server counts as one, too."""

    session: int
    clock: int
    timestamp: float


@attrs.frozen
class ServerDraining:
    """Server → broker (DISCONNECT): give me nothing new; what I have I still answer."""

    session: int
    clock: int
    timestamp: float


@attrs.frozen
class BrokerHeartbeat:
    """Broker → server: alive.  ``known`` is the server's session as the broker has it, or 0: send READY."""

    known: int
    clock: int
    timestamp: float


@attrs.frozen
class Request:
    """One client's request on its way to a server.

    :param id: the broker's id of it, 16 bytes: 8 random per broker start, 8 of a counter.
    :param attempt: 1, 2, 3, …: how often it has been handed to a server.
    :param milliseconds_left: until the client has been answered by the broker itself.
    :param body: the client's bytes, not decoded.
    """

    id: bytes
    attempt: int
    milliseconds_left: int
    body: bytes


@attrs.frozen
class Requests:
    """Broker → server: what one turn brought, for session ``session``."""

    session: int
    requests: tuple[Request, ...]
    clock: int
    timestamp: float


SUCCESS = 0
REFUSAL = 1
LATER = 2
"""How an attempt ended: LATER asks the broker to hand the request to another server (its body is the refusal to
give where there is none)."""


@attrs.frozen
class Reply:
    """One attempt's reply.

    :param id: the broker's id of the request.
    :param attempt: which attempt this answers.
    :param result: SUCCESS, REFUSAL or LATER.
    :param body: the client's reply, in its envelope and encoding.
    """

    id: bytes
    attempt: int
    result: int
    body: bytes


@attrs.frozen
class Replies:
    """Server → broker: what one turn answered, in session ``session``."""

    session: int
    replies: tuple[Reply, ...]
    clock: int
    timestamp: float


ToBroker = ServerReady | ServerHeartbeat | ServerDraining | Replies
ToServer = BrokerHeartbeat | Requests


def encode(message: ToBroker | ToServer) -> bytes:
    """The one frame of a message."""
    raise NotImplementedError


def decode(frame: bytes) -> ToBroker | ToServer:
    """A message from its frame.

    :raises bulletin.core.errors.Refusal: for whatever is none.
    """
    raise NotImplementedError
