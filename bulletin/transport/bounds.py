"""What a socket lets a peer do to it: marks, frame sizes, patience.  Values only, no ZeroMQ."""

from typing import Final

import attrs

from bulletin.core.limits import FRAME_BYTES_MAX, MIB, PUBLICATION_BYTES_MAX, REQUEST_BYTES_CUT

TOPIC_BYTES_MAX: Final = 65
"""A topic of a publication: a name, or the byte 0x00 and a name."""


@attrs.frozen
class Bounds:
    """The bounds of one socket; what it holds in memory is at most peers × mark × frames × ``frame_bytes``.

    Half-dead peers (cut off, or stopped for long) are noticed by TCP, not by ZMTP's own pings: libzmq 4.3.5 aborts the
    whole process when one is due for a peer that reset its connection while its messages wait to be read.

    :param send_mark: messages queued for one peer before sending to it fails.
    :param receive_mark: messages of one peer read ahead of us before its TCP window closes.
    :param frame_bytes: a longer frame costs its sender the connection.
    :param keepalive: seconds of silence before TCP asks whether the peer is there, and between its three questions.
    :param patience: milliseconds for which a peer may leave what was sent to it without acknowledging (cut off), or
        without reading on (stopped, its window closed); then the connection is given up.
    :param handshake: milliseconds that a new connection has to finish its handshake.
    :param accept_queue: connections that wait to be accepted.
    :param backlog_bytes: bytes of messages that wait in this process for a queue to have room; one message always may.
    """

    send_mark: int = 1000
    receive_mark: int = 1000
    frame_bytes: int = FRAME_BYTES_MAX
    keepalive: int = 1
    patience: int = 3000
    handshake: int = 5000
    accept_queue: int = 512
    backlog_bytes: int = 16 * MIB


BETWEEN_ROLES: Final = Bounds()
"""For sockets between the project's own processes: they are few, and dead ones matter at once."""

BROKER_TO_SERVERS: Final = Bounds(receive_mark=8)
"""For the broker's port for servers.  A message of theirs has what a turn answered, up to a batch of 4 MiB, and a client that
asks for long pages, or one that the broker had given up, makes many of them: what it cannot read yet should wait at
the server."""

SERVER_TO_BROKERS: Final = Bounds(send_mark=8)
"""For a server's connections to the brokers: what waits there is bounded in bytes by ``backlog_bytes``."""

FACING_CLIENTS: Final = Bounds(receive_mark=100, frame_bytes=REQUEST_BYTES_CUT, keepalive=10, patience=30_000)
"""For the port that clients send requests to."""

FACING_PUBLISHERS: Final = Bounds(frame_bytes=4 * PUBLICATION_BYTES_MAX)
"""For the proxy's port that servers publish to."""

FACING_SUBSCRIBERS: Final = Bounds(receive_mark=1, frame_bytes=128, keepalive=10, patience=30_000)
"""For the proxy's port that clients subscribe at.  They have only subscriptions to send: a command of 10 bytes and the
topic, and a handshake, which with some libraries' metadata takes 80 bytes.  ``receive_mark`` is 1 because
XPUB takes all that waits from its peers into memory every now and then, whether or not it is being read: what they can put
there in the meantime is all that holds them back."""
