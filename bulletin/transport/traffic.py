"""What the sockets count and answer.  Values only, no ZeroMQ: the roles' tests use them with sockets in memory."""

from enum import Enum

import attrs


class Outcome(Enum):
    """What became of a message to one peer of a router."""

    SENT = "sent"
    """It is in the peer's queue."""
    GONE = "gone"
    """No such peer is connected (any more)."""
    FULL = "full"
    """The peer's queue is full: it does not read."""


class Full(Exception):
    """The message was not taken: the queue and the backlog are full, or the socket is closed."""


@attrs.define
class Counters:
    """What one socket saw since it was made.

    :param sent: messages handed to ZeroMQ.
    :param received: messages handed to the role.
    :param dropped: messages for a peer that was gone or did not read, or that found every queue full.
    :param malformed: messages of peers with the wrong number or size of frames.
    :param failed: messages whose handling ended in an exception.
    :param cut: connections that were cut for sending too much.
    :param backlog: messages that wait in this process for a queue to have room; not a sum but the present number.
    """

    sent: int = 0
    received: int = 0
    dropped: int = 0
    malformed: int = 0
    failed: int = 0
    cut: int = 0
    backlog: int = 0
