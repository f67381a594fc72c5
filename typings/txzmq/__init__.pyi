from typing import Any, NamedTuple

import zmq
from twisted.internet.interfaces import IDelayedCall

class ZmqEndpointType:
    bind: str
    connect: str

class ZmqEndpoint(NamedTuple):
    type: str
    address: str

class ZmqFactory:
    reactor: Any
    ioThreads: int
    lingerPeriod: int
    trigger: Any
    connections: set[ZmqConnection]
    context: zmq.Context[zmq.Socket[bytes]]
    def __init__(self) -> None: ...
    def shutdown(self) -> None: ...
    def registerForShutdown(self) -> None: ...

class ZmqConnection:
    socketType: int
    highWaterMark: int
    tcpKeepalive: int
    tcpKeepaliveCount: int
    tcpKeepaliveIdle: int
    tcpKeepaliveInterval: int
    reconnectInterval: int
    reconnectIntervalMax: int
    factory: Any
    endpoints: list[ZmqEndpoint]
    socket: Any
    fd: int
    recv_parts: list[bytes]
    read_scheduled: IDelayedCall | None
    def __init__(
        self, factory: ZmqFactory, endpoint: ZmqEndpoint | None = None, identity: bytes | None = None
    ) -> None: ...
    def addEndpoints(self, endpoints: list[ZmqEndpoint]) -> None: ...
    def shutdown(self) -> None: ...
    def fileno(self) -> int: ...
    def connectionLost(self, reason: Any) -> None: ...
    def doRead(self) -> None: ...
    def logPrefix(self) -> str: ...
    def send(self, message: Any) -> None: ...
    def messageReceived(self, message: list[bytes]) -> None: ...
