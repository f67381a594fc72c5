"""The roles' sockets without ZeroMQ: the same names, arguments and outcomes, on a network that does what the test says.

Nothing moves by itself: a test calls `Network.deliver`, or gives the network a `task.Clock` and advances that.  What is delivered
comes in the order of sending, in turns of at most 64 messages of a socket, each followed by its ``turn_ended``, so a
run is the same every time.  Give a role ``sockets=network.sockets``.
"""

from collections import Counter, deque

import attrs

from bulletin.core.limits import PUBLICATION_BYTES_MAX
from bulletin.transport.bounds import BETWEEN_ROLES, FACING_CLIENTS, TOPIC_BYTES_MAX
from bulletin.transport.endpoints import EndpointError
from bulletin.transport.traffic import Counters, Full, Outcome

BATCH = 64
TURNS_MAX = 100_000


class Network:
    """What connects the sockets of one test.

    :param clock: delivers by itself in the clock's next moment; None: only in `deliver`.
    """

    def __init__(self, clock=None):
        self.clock = clock
        self.listening = {}
        self.under_way = deque()
        self.loses = lambda _sender, _receiver, _parts: False
        """Decides which messages are lost, by the two sockets and the frames."""
        self._scheduled = False
        self._ports = 0
        self._identities = 0
        self.sockets = Sockets(self)

    def deliver(self):
        """Deliver all that is under way, and what that brings about, until nothing is."""
        turns = 0
        while self.under_way:
            turns += 1
            assert turns < TURNS_MAX, "the sockets never stop answering each other"
            self._turn()

    def _turn(self):
        """One turn: at most a batch for each socket that has something to hear."""
        heard, waiting = Counter(), deque()
        turn, self.under_way = self.under_way, deque()
        for message in turn:
            receiver = message.receiver
            if not receiver.open:
                continue
            if heard[receiver] == BATCH:
                waiting.append(message)
                continue
            heard[receiver] += 1
            message.link.queued[receiver] -= 1
            receiver.take(message.parts, message.link)
        self.under_way = waiting + self.under_way
        for receiver in heard:
            if receiver.open and receiver.turn_ended is not None:
                receiver.turn_ended()
        for link in {message.link for message in turn}:
            for end in link.ends:
                end.room()

    def carry(self, link, sender, parts):
        """Put a message under way; whether there was room for it."""
        receiver = link.other(sender)
        if link.queued[receiver] >= sender.bounds.send_mark:
            return False
        if not self.loses(sender, receiver, parts):
            link.queued[receiver] += 1
            self.under_way.append(Message(link, receiver, parts))
            self.wake()
        return True

    def wake(self):
        """Have the clock deliver, if there is one."""
        if self.clock is not None and not self._scheduled:
            self._scheduled = True
            self.clock.callLater(0, self._woken)

    def _woken(self):
        self._scheduled = False
        self.deliver()

    def endpoint(self, text):
        """Where a socket listens, with a port of its own if the text leaves it open."""
        if text.endswith((":0", ":*")):
            self._ports += 1
            text = f"{text[:-2]}:{50_000 + self._ports}"
        if text in self.listening:
            raise EndpointError(f"cannot listen on {text}: the address is already in use")
        return text

    def identity(self):
        """A routing id as ZeroMQ makes them."""
        self._identities += 1
        return b"\0" + self._identities.to_bytes(4, "big")


@attrs.frozen(eq=False)
class Message:
    """One message under way."""

    link: object
    receiver: object
    parts: tuple


class Link:
    """A connection of two sockets."""

    def __init__(self, ends, identity):
        self.ends = ends
        self.identity = identity
        self.queued = Counter()

    def other(self, end):
        """The socket at the other end."""
        return self.ends[1] if end is self.ends[0] else self.ends[0]


class MemoryTransport:
    """Closes its sockets, once."""

    def __init__(self, network):
        self.network = network
        self.connections = []

    def shutdown(self):
        """As the real one."""
        for connection in self.connections:
            connection.close()


class MemoryConnection:
    """What all the sockets have in common."""

    bounds = BETWEEN_ROLES

    def __init__(
        self, transport, *, listen=(), connect=(), received=None, turn_ended=None, bounds=None, identity=None
    ):
        self.network = transport.network
        self.counters = Counters()
        self.bounds = bounds or self.bounds
        self.received, self.turn_ended = received, turn_ended
        self.identity = identity
        self.open = True
        self.links = []
        self.bound = ()
        self.wanted = list(connect)
        transport.connections.append(self)
        for text in listen:
            endpoint = self.network.endpoint(text)
            self.network.listening[endpoint] = self
            self.bound += (endpoint,)
        self._meet()

    @property
    def endpoint(self):
        """As the real one's."""
        return self.bound[0]

    def _meet(self):
        """Connect whoever waited for this."""
        for endpoint in self.wanted:
            if endpoint in self.network.listening:
                self.network.listening[endpoint].link(self)
        if self.bound:
            for other in {each for each in self.network.sockets.all if each.open and each is not self}:
                for endpoint in other.wanted:
                    if endpoint in self.bound:
                        self.link(other)

    def link(self, other):
        """Accept a connection."""
        identity = other.identity or self.network.identity()
        if any(link.identity == identity for link in self.links):
            return
        link = Link((self, other), identity)
        self.links.append(link)
        other.links.append(link)
        for end in link.ends:
            end.linked_up()

    def linked_up(self):
        """A connection is there."""

    def linked_down(self):
        """A connection is lost."""

    def room(self):
        """A queue may have room again."""

    def take(self, parts, link):
        """Receive one message."""
        raise NotImplementedError

    def hand_on(self, *arguments):
        """Count it, and call the role; its exceptions are the test's."""
        self.counters.received += 1
        self.received(*arguments)

    def close(self):
        """As the real one."""
        if not self.open:
            return
        self.open = False
        for endpoint in self.bound:
            del self.network.listening[endpoint]
        for link in self.links:
            other = link.other(self)
            other.links.remove(link)
            if other.open:
                other.linked_down()
        self.links = []


class MemoryRouter(MemoryConnection):
    """As `bulletin.transport.sockets.Router`."""

    bounds = FACING_CLIENTS

    def take(self, parts, link):
        frames = [link.identity, *parts]
        end = frames.index(b"", 1) + 1 if b"" in frames[1:] else 1
        self.hand_on(tuple(frames[:end]), frames[end:])

    def send_to(self, envelope, *parts):
        frames = checked((*envelope, *parts))
        link = next((link for link in self.links if link.identity == frames[0]), None)
        if link is None or not self.open:
            outcome = Outcome.GONE
        elif self.network.carry(link, self, frames[1:]):
            self.counters.sent += 1
            return Outcome.SENT
        else:
            outcome = Outcome.FULL
        self.counters.dropped += 1
        return outcome


class MemoryLinked(MemoryConnection):
    """As `bulletin.transport.sockets.Linked`."""

    def __init__(self, transport, *, linked=None, **arguments):
        self.linked = linked
        super().__init__(transport, **arguments)

    @property
    def connected(self):
        return self.linked is not None and bool(self.links)

    def linked_up(self):
        if self.linked is not None and len(self.links) == 1:
            self.linked(True)

    def linked_down(self):
        if self.linked is not None and not self.links:
            self.linked(False)


class MemoryDealer(MemoryLinked):
    """As `bulletin.transport.sockets.Dealer`."""

    def __init__(self, transport, *, max_backlog=1000, **arguments):
        self.max_backlog = max_backlog
        self.backlog = deque()
        self.turn = 0
        super().__init__(transport, **arguments)

    def linked_up(self):
        super().linked_up()
        self.room()

    def take(self, parts, _link):
        self.hand_on(list(parts))

    def send(self, *parts):
        checked(parts)
        if self.open and not self.backlog and self._pass_on(parts):
            return
        if not self.open or len(self.backlog) >= self.max_backlog:
            self.counters.dropped += 1
            raise Full
        self.backlog.append(parts)
        self.counters.backlog = len(self.backlog)

    def room(self):
        while self.backlog and self._pass_on(self.backlog[0]):
            self.backlog.popleft()
        self.counters.backlog = len(self.backlog)

    def _pass_on(self, parts):
        """To the next peer in turn that has room; whether there was one."""
        for _ in self.links:
            self.turn += 1
            if self.network.carry(self.links[self.turn % len(self.links)], self, parts):
                self.counters.sent += 1
                return True
        return False


class MemoryPublisher(MemoryConnection):
    """As `bulletin.transport.sockets.Publisher`."""

    def publish(self, topic, body):
        checked((topic, body))
        if not self.open:
            self.counters.dropped += 1
            return
        self.counters.sent += 1
        for link in self.links:
            if link.other(self).wants(topic):
                self.network.carry(link, self, (topic, body))


class MemorySubscriber(MemoryLinked):
    """As `bulletin.transport.sockets.Subscriber`."""

    def __init__(self, transport, **arguments):
        self.topics = set()
        super().__init__(transport, **arguments)

    def wants(self, topic):
        return any(map(topic.startswith, self.topics))

    def take(self, parts, _link):
        self.hand_on(*parts)

    def subscribe(self, topic):
        self.topics.add(topic)

    def unsubscribe(self, topic):
        self.topics.discard(topic)


class MemoryFrontXSub(MemoryConnection):
    """As `bulletin.transport.forwarding.FrontXSub`."""

    def wants(self, _topic):
        return True

    def take(self, parts, _link):
        topic, body = parts
        if 0 < len(topic) <= TOPIC_BYTES_MAX and len(body) <= PUBLICATION_BYTES_MAX:
            self.hand_on(topic, body)
        else:
            self.counters.malformed += 1


class MemoryBackXPub(MemoryPublisher):
    """As `bulletin.transport.forwarding.BackXPub`, with subscribers that ask for no more than they may."""

    forward = MemoryPublisher.publish

    @property
    def subscribers(self):
        return sum(bool(link.other(self).topics) for link in self.links)

    @property
    def topics(self):
        return sum(len(link.other(self).topics) for link in self.links)

    def slow_subscribers(self):
        return sum(link.queued[link.other(self)] >= self.bounds.send_mark for link in self.links)


class Sockets:
    """As `bulletin.transport.sockets.Sockets`: what a role makes its sockets from."""

    def __init__(self, network):
        self.network = network
        self.all = []

    def Transport(self, _reactor=None):
        return MemoryTransport(self.network)

    def __getattr__(self, name):
        made = {
            "Router": MemoryRouter,
            "Dealer": MemoryDealer,
            "Publisher": MemoryPublisher,
            "Subscriber": MemorySubscriber,
            "FrontXSub": MemoryFrontXSub,
            "BackXPub": MemoryBackXPub,
        }[name]

        def make(transport, **arguments):
            self.all.append(made(transport, **arguments))
            return self.all[-1]

        return make


def checked(parts):
    """The frames, if they are some."""
    if not parts:
        raise ValueError("a message has at least one frame")
    for part in parts:
        if type(part) is not bytes:
            raise TypeError(f"a frame must be bytes, not {type(part).__name__}")
    return tuple(parts)
