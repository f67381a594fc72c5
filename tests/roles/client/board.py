"""A board of one process for tests of the client: it answers requests from a few lists, and can be made to misbehave."""

import io

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.streams import Stream
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire import replies, requests
from bulletin.core.wire.publications import Published, write_post
from bulletin.core.wire.replies import (
    ChannelCreated,
    ChannelNames,
    LoggedIn,
    Posted,
    PublishedPage,
    Receipt,
    UserNames,
)
from bulletin.roles.client.show import Console
from bulletin.transport.traffic import Counters

WALL = 1_700_000_000.0
NAMES_A_PAGE = 3


class FakeBoard:
    """Requests in, replies out.

    :ivar refusal: what every request is refused with, while it is set.
    :ivar seen: the requests, in order, repetitions included.
    """

    def __init__(self):
        self.users = []
        self.channels = []
        self.posts = {}
        self.refusal = None
        self.seen = []
        self.first = {}

    def answer(self, body):
        incoming = requests.read(body)
        self.seen.append(incoming)
        heading = incoming.heading
        if self.refusal is not None:
            return replies.refuse(heading, self.refusal, 9, WALL)
        if heading.id not in self.first:
            self.first[heading.id] = self.apply(incoming.request, heading.id)
        result = self.first[heading.id]
        write = replies.refuse if isinstance(result, Refusal) else replies.write
        return write(heading, result, 9, WALL)

    def apply(self, request, id_):
        match request:
            case requests.Login(user):
                return LoggedIn(self.register(self.users, user))
            case requests.CreateChannel(_, channel):
                return ChannelCreated(self.register(self.channels, channel))
            case requests.ListUsers(_, after):
                return UserNames(*self.names(self.users, after))
            case requests.ListChannels(_, after):
                return ChannelNames(*self.names(self.channels, after))
            case requests.Publish(user, channel, message):
                if channel not in self.channels:
                    return Refusal(Code.NO_SUCH_CHANNEL, "canal")
                return self.post(Stream(StreamKind.CHANNEL, channel), user, message, id_)
            case requests.Send(user, receiver, message):
                return self.post(Stream(StreamKind.INBOX, receiver), user, message, id_)
            case requests.History(_, query):
                return self.page(query)
            case Refusal():
                return request

    def register(self, names, name):
        existing = name in names
        if not existing:
            names.append(name)
        return existing

    def names(self, names, after):
        start = names.index(after) + 1 if after else 0
        return tuple(names[start : start + NAMES_A_PAGE]), len(names) > start + NAMES_A_PAGE

    def post(self, stream, user, message, id_):
        posts = self.posts.setdefault(stream, [])
        seq = len(posts) + 1
        posts.append(
            Published(
                stream.kind, stream.name, seq, id_, user, message, WALL, None, 100 + seq, WALL + seq, None
            )
        )
        return Posted(id_, seq, Receipt(7, 2, bytes(range(32))))

    def write(self, channel, *messages, user="bob"):
        """Posts by somebody else; gives their publications."""
        stream = Stream(StreamKind.CHANNEL, channel)
        self.register(self.channels, channel)
        for message in messages:
            self.post(stream, user, message, f"b:{len(self.posts.get(stream, ()))}")
        return [write_post(post) for post in self.posts[stream][-len(messages) :]]

    def page(self, query):
        if query.kind is StreamKind.CHANNEL and query.stream not in self.channels:
            return Refusal(Code.NO_SUCH_CHANNEL, "canal")
        posts = self.posts.get(Stream(query.kind, query.stream), [])
        if query.since is not None:
            chosen = [post for post in posts if post.seq > query.since]
            return PublishedPage(tuple(chosen[: query.limit]), len(chosen) > query.limit)
        chosen = [post for post in posts if query.before is None or post.seq < query.before]
        return PublishedPage(tuple(chosen[-query.limit :]), len(chosen) > query.limit)


class Screen:
    """A console whose lines a test can read."""

    def __init__(self):
        self.out, self.err = io.BytesIO(), io.BytesIO()
        self.console = Console(self.out, self.err)

    @property
    def lines(self):
        return self.out.getvalue().decode().splitlines()

    @property
    def complaints(self):
        return self.err.getvalue().decode().splitlines()


class MemorySockets:
    """Sockets whose other end is a `FakeBoard`; a broker that is not there answers nothing.

    :ivar away: endpoints where nobody listens.
    :ivar silent: endpoints that take everything and answer nothing.
    """

    def __init__(self, board):
        self.board = board
        self.away = set()
        self.silent = set()
        self.dealers = []
        self.subscribers = []

    def Transport(self):
        return self

    def shutdown(self):
        pass

    def Dealer(self, transport, **arguments):
        self.dealers.append(MemoryDealer(self, **arguments))
        return self.dealers[-1]

    def Subscriber(self, transport, **arguments):
        self.subscribers.append(MemorySubscriber(**arguments))
        return self.subscribers[-1]

    def turn(self):
        """Answer everything that was sent, over as many turns as it takes."""
        answered = True
        while answered:
            answered = sum(dealer.turn() for dealer in self.dealers)

    def publish(self, *publications):
        for subscriber in self.subscribers:
            subscriber.deliver(publications)
        self.turn()


class MemoryDealer:
    def __init__(self, sockets, *, connect, received, turn_ended, max_backlog, linked=None):
        (self.endpoint,) = connect
        self.linked = linked
        self.bound = ()
        self.counters = Counters()
        self._sockets, self._received, self._turn_ended = sockets, received, turn_ended
        self.sent = []
        self._unanswered = []

    def send(self, *parts):
        self.sent.append(parts)
        self._unanswered.append(parts)
        self.counters.sent += self.endpoint not in self._sockets.away

    def turn(self):
        if self.endpoint in self._sockets.away | self._sockets.silent or not self._unanswered:
            return False
        unanswered, self._unanswered = self._unanswered, []
        for (body,) in unanswered:
            self.counters.received += 1
            self._received([self._sockets.board.answer(body)])
        self._turn_ended()
        return True


class MemorySubscriber:
    def __init__(self, *, connect, received, turn_ended, linked=None):
        self.connected = connect
        self.linked = linked
        self.bound = ()
        self.counters = Counters()
        self.topics = []
        self._received, self._turn_ended = received, turn_ended

    def subscribe(self, topic):
        self.topics.append(topic)

    def unsubscribe(self, topic):
        self.topics.remove(topic)

    def deliver(self, publications):
        for topic, body in publications:
            if any(topic.startswith(subscribed) for subscribed in self.topics):
                self._received(topic, body)
        self._turn_ended()
