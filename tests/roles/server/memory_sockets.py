"""The sockets of a server without ZeroMQ: what it sends is kept, what it receives comes from the test."""

from bulletin.transport.traffic import Counters, Full


class Socket:
    def __init__(
        self, transport, *, received=None, listen=(), connect=(), turn_ended=None, bounds=None, max_backlog=0
    ):
        self.listen, self.connect = tuple(listen), tuple(connect)
        self.bound = tuple(endpoint.replace(":0", ":40001") for endpoint in self.listen)
        self.counters = Counters()
        self.received, self.turn_ended = received, turn_ended
        self.sent = []
        self.full = False
        self.open = True
        transport.sockets.append(self)

    def deliver(self, *parts):
        self.received(list(parts))

    def send(self, *parts):
        assert self.open, "sent after the end"
        if self.full:
            self.counters.dropped += 1
            raise Full("full")
        self.sent.append(parts)

    def close(self):
        self.open = False

    def take(self):
        taken, self.sent = self.sent, []
        return taken


class Router(Socket):
    @property
    def endpoint(self):
        return self.bound[0]

    def deliver(self, *parts):
        self.received((b"route",), list(parts))


class Publisher(Socket):
    def publish(self, topic, body):
        self.send(topic, body)


class Transport:
    def __init__(self):
        self.sockets = []

    def shutdown(self):
        for socket in self.sockets:
            socket.open = False


class Sockets:
    """In the place of :class:`bulletin.transport.sockets.Sockets`."""

    Router = Router
    Dealer = Socket
    Publisher = Publisher

    def __init__(self):
        self.transport = None

    def Transport(self):
        self.transport = Transport()
        return self.transport

    def connected_to(self, endpoint):
        (socket,) = [socket for socket in self.transport.sockets if endpoint in socket.connect]
        return socket

    @property
    def router(self):
        (socket,) = [socket for socket in self.transport.sockets if isinstance(socket, Router)]
        return socket
