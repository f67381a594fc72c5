"""A listening socket that keeps account of its connections, and cuts one whose message never ends."""

import socket
from collections.abc import Callable, Iterable
from typing import Any, Final

import zmq

from bulletin.core.limits import MIB
from bulletin.transport.accounts import LOOK_SECONDS, Accounts, shut_down
from bulletin.transport.bounds import Bounds
from bulletin.transport.connection import Connection, Transport
from bulletin.transport.endpoints import IPC
from bulletin.transport.monitor import Monitor

_ACCEPTED: Final = int(zmq.EVENT_ACCEPTED)
_EVENTS: Final = _ACCEPTED | int(zmq.EVENT_DISCONNECTED)


class Guarded(Connection):
    """A connection with `Accounts`; the arguments are those of `Connection`.

    Subclasses tell ``accounts`` of each message that they are handed.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        listen: Iterable[str] = (),
        received: Callable[..., object] | None = None,
        turn_ended: Callable[[], object] | None = None,
        bounds: Bounds,
    ) -> None:
        self.accounts = Accounts(bounds.frame_bytes)
        self._messages_before = 0
        self._look_later: Any = None
        super().__init__(transport, listen=listen, received=received, turn_ended=turn_ended, bounds=bounds)
        if self.bound:
            self._look_later = transport.reactor.callLater(LOOK_SECONDS, self._look)

    def _before_endpoints(self) -> None:
        self._auxiliaries.append(Monitor(self.factory, self, _EVENTS, self._connection_changed))

    def _connection_changed(self, event: int, descriptor: int, _endpoint: bytes) -> None:
        if event == _ACCEPTED:
            self.accounts.opened(descriptor, self.factory.seconds())
        else:
            self.accounts.closed(descriptor)
            self._lost(descriptor)

    def _lost(self, descriptor: int) -> None:
        """A connection is gone; what it sent before may not be read yet."""

    def _look(self) -> None:
        """Cut whoever has sent more than a message can have, and no message."""
        self._look_later = self.factory.reactor.callLater(LOOK_SECONDS, self._look)
        # Connections are read in turn: with as many messages as there are connections, each had its turn.
        messages = self.counters.received + self.counters.malformed
        caught_up = self.drained or messages - self._messages_before >= len(self.accounts)
        self._messages_before = messages
        for descriptor in self.accounts.hoarders(self.factory.seconds(), caught_up=caught_up):
            self.counters.cut += 1
            self._log.warn(
                "endless",
                "A connection to a {socket} was cut: it has sent more than {size} MiB of a message without an end",
                socket=type(self).__name__,
                size=self.bounds.frame_bytes // MIB,
            )
            self.accounts.closed(descriptor)
            shut_down(descriptor, self._is_mine)

    def _is_mine(self, peer: socket.socket) -> bool:
        """Whether a descriptor is a connection to this socket: its number may have been given to something else since."""
        here = peer.getsockname()
        if isinstance(here, tuple):
            return any(endpoint.endswith(f":{here[1]}") for endpoint in self.bound)
        name = here if isinstance(here, str) else "@" + here[1:].decode()
        return f"{IPC}{name}" in self.bound

    def shutdown(self) -> None:
        """Look no more, and close."""
        if self._look_later is not None and self._look_later.active():
            self._look_later.cancel()
        self._look_later = None
        super().shutdown()
