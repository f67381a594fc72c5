"""What happens to a socket's connections: ZeroMQ's events, read on the reactor like any message."""

import itertools
import struct
from collections.abc import Callable
from typing import ClassVar, Final

import zmq

from bulletin.transport.bounds import Bounds
from bulletin.transport.connection import Connection, Transport

EVENTS_WAITING_MAX: Final = 100_000
"""Events that may wait to be read.  Past that the I/O thread itself would wait, so it must never be reached: each is a
connection that was made or lost, and all are read in every turn."""

_EVENT: Final = struct.Struct("=Hi")
_numbers = itertools.count(1)


class Monitor(Connection):
    """Tells what happens to the connections of another socket; to be made before that one has endpoints.

    It belongs to the socket that it watches, which stops it before it closes: with nobody at its other end, ZeroMQ's I/O
    thread would wait for ever, and so would the context's end.

    :param watched: whose connections; not yet bound or connected.
    :param events: which: a sum of ``zmq.EVENT_…``.
    :param happened: called with the event, its value (the descriptor, for most) and the endpoint.
    """

    socketType = zmq.PAIR
    batch: ClassVar[int] = 1000
    auxiliary: ClassVar[bool] = True

    def __init__(
        self,
        transport: Transport,
        watched: Connection,
        events: int,
        happened: Callable[[int, int, bytes], object],
    ) -> None:
        address = f"inproc://bulletin-monitor-{next(_numbers)}"
        self._watched = watched.socket
        self._watched.monitor(address, events)
        super().__init__(
            transport,
            connect=(address,),
            received=happened,
            bounds=Bounds(receive_mark=EVENTS_WAITING_MAX),
        )

    def messageReceived(self, parts: list[bytes]) -> None:
        """Hand one event on."""
        assert self._received is not None
        event, value = _EVENT.unpack(parts[0])
        self.counters.received += 1
        self._received(event, value, parts[1])

    def shutdown(self) -> None:
        """Stop watching, then close."""
        if self.factory is not None:
            self._watched.disable_monitor()
        super().shutdown()
