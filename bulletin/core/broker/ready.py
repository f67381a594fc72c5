"""What a broker sends."""

import attrs

from bulletin.core.broker.pending import Pending


@attrs.frozen
class ToServer:
    """One frame for a server.

    :param identity: the server's routing id.
    :param frame: what to send.
    :param handed: the requests in it, with their attempts; to be given back by ``gone`` or ``full``.
    """

    identity: bytes
    frame: bytes
    handed: tuple[Pending, ...] = attrs.field(default=(), repr=False)


@attrs.frozen
class ToClient:
    """One answer.

    :param envelope: the frames that lead to the client.
    :param body: the reply's body.
    """

    envelope: tuple[bytes, ...]
    body: bytes


@attrs.frozen
class Ready:
    """What there is to send; the order within each part is to be kept."""

    to_servers: tuple[ToServer, ...] = ()
    to_clients: tuple[ToClient, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.to_servers or self.to_clients)
