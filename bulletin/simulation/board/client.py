"""A client: the shipped exchange, with a load of its own: it posts, reads, repeats itself, and follows streams."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, ClassVar, Final

import attrs

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.caller import Finished, ToBroker
from bulletin.core.client.exchange import TICK_SECONDS, Exchange
from bulletin.core.client.reader import Delivered, Event, WasReset
from bulletin.core.client.streams import Stream
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire import replies
from bulletin.core.wire.publications import HEADS_TOPIC, topic_of
from bulletin.core.wire.requests import (
    CreateChannel,
    History,
    ListChannels,
    ListUsers,
    Login,
    Publish,
    Query,
    ReadLevel,
    Send,
    Write,
)
from bulletin.simulation.board.history import Call, Following, name_of_post, user_of
from bulletin.simulation.board.machine import Machine
from bulletin.simulation.board.network import Letter
from bulletin.simulation.board.process import Process
from bulletin.simulation.violation import Violation

if TYPE_CHECKING:
    from bulletin.simulation.board.world import World

USERS: Final = ("ana", "bia", "caio", "duda")
CHANNELS: Final = ("geral", "geral2", "noite")
EITHER: Final = "tanto"
"""A name that some want for a user, and some for a channel."""
SHARED_SESSION: Final = "5a4ed"
SHARED: Final = 12
"""Ids that all clients use, each for whomever it speaks for."""


class Client(Process):
    """Asks, and follows.

    :param number: which of the clients, from 0.
    :param loops: how many requests it has under way at most.
    """

    role: ClassVar[str] = "client"
    tick_seconds: ClassVar[float] = 2 * TICK_SECONDS

    def __init__(self, world: "World", number: int, machine: Machine, loops: int) -> None:
        super().__init__(world, f"client{number + 1}", machine)
        self.number = number
        self.loops = loops
        self.topics: list[bytes] = []
        """What it subscribed to."""
        self.keeps_outbox = number % 2 == 0
        """Whether what it does not know the outcome of is asked again when it is started again."""
        self.exchange: Exchange
        self.load = Random(f"{world.seed} {self.name} load")
        self.unsettled: dict[str, Call] = {}
        """What it waits for, by id."""
        self.settled: list[Call] = []
        self._asked: dict[str, Write | Query] = {}
        """What it has asked for under which of the ids that it shares."""
        self.cursors: dict[Stream, int] = {}
        self.following: dict[Stream, Following] = {}
        self.idle = False
        """It begins with nothing new."""

    # Life

    def begin(self) -> None:
        """See :class:`Process`."""
        world = self.world
        session = self.rng.randbytes(8).hex()
        self.exchange = Exchange(session, world.options.brokers, world.options.timeout, self._send)
        self.exchange.heard = self.heard
        for broker in world.brokers:
            world.network.reconnect(self.name, broker.name)
        again, self.unsettled = self.unsettled, {}
        if self.keeps_outbox:
            for call in again.values():
                self.after(0.01, "asks again", partial(self._ask_again, call))
        self.topics = []
        if not self.cursors and self.loops:
            self.cursors = dict.fromkeys(self._streams(), 0)
        for stream, cursor in list(self.cursors.items()):
            self.follow(stream, cursor)
        if not self.idle:
            for _ in range(self.loops):
                self._next()

    def arrive(self, letter: Letter) -> None:
        """See :class:`Process`."""
        kind, _, number = letter.port.partition(" ")
        if kind == "broker":
            function = partial(self._received, int(number), list(letter.parts))
        else:
            function = partial(self._published, letter.parts)
        self.input(f"{kind} < {letter.sender}", function)

    def _received(self, broker: int, parts: list[bytes]) -> None:
        self._note_place(b"".join(parts))
        self.exchange.received(broker, parts, self.now)

    def _note_place(self, body: bytes) -> None:
        """The first answer to a read that a server gave is the one that counts."""
        index = self.world.places.of(body)
        id_ = None if index is None else replies.read(body).heading.id
        call = None if id_ is None else self.unsettled.get(id_)
        if call is not None and call.index is None:
            call.index = index

    def _published(self, parts: tuple[bytes, ...]) -> None:
        if len(parts) == 2:
            self.exchange.published(*parts, self.now)

    def tick(self) -> None:
        """See :class:`Process`."""
        self.exchange.tick(self.now)

    def turn(self) -> None:
        """See :class:`Process`."""
        self.exchange.turn(self.now)

    def _send(self, send: ToBroker) -> None:
        network = self.world.network
        broker = self.world.brokers[send.broker].name
        connection = network.connection(self.name, broker)
        network.send(self.name, broker, "clients", send.body, connection=connection)

    @property
    def quiet(self) -> bool:
        """Whether it waits for nothing."""
        return not self.unsettled

    def told(self, before: float) -> bool:  # noqa: ARG002 - a bot asks on, and has use for it
        """Whether it was told something of all that it asked by that moment of the run; hushed, it asks nothing new."""
        return self.quiet

    def hush(self) -> None:
        """It is to begin with nothing new."""
        self.idle = True

    # Calls

    def ask(
        self, request: Write | Query, id_: str | None = None, then: Callable[[Finished], object] | None = None
    ) -> Call:
        """Make a call, and note it; ``then`` is called when something came of it."""
        if id_ is None:
            id_ = self.exchange.caller.next_id()
        call = Call(self.name, user_of(request), id_, request, self.world.time.now)
        self.world.notes.calls.append(call)
        self.unsettled[id_] = call
        self.exchange.call(request, partial(self._finished, call, then), self.now, id=id_)
        self.turn_soon()
        return call

    def _ask_again(self, call: Call) -> None:
        """A read gets an id of its own: under the old one it might be given an answer from before it was asked again."""
        if call.id not in self.unsettled:
            self.ask(call.request, call.id if isinstance(call.request, Write) else None)

    def _finished(self, call: Call, then: Callable[[Finished], object] | None, finished: Finished) -> None:
        call.returned = self.world.time.now
        call.outcome = finished.outcome
        if isinstance(call.outcome, Refusal) and call.outcome.code is Code.MALFORMED:
            # What it sends is well formed: the network tore one copy, which says nothing of the others.
            call.outcome = attrs.evolve(call.outcome, definite=False)
        del self.unsettled[call.id]
        self.settled.append(call)
        self.world.told(self, call)
        if then is not None:
            then(finished)

    # Streams

    def follow(self, stream: Stream, since: int | None = None) -> None:
        """Subscribe to a stream, and read it from a cursor on; None: after its newest post."""
        if HEADS_TOPIC not in self.topics:
            self.topics.append(HEADS_TOPIC)
        self.topics.append(topic_of(stream.name))
        if since is not None:
            self._begin_at(stream, since)
        self.exchange.follow(stream, self.now, since=since)
        self.turn_soon()

    def _begin_at(self, stream: Stream, since: int) -> None:
        self.cursors[stream] = since
        self.following[stream] = Following(self.name, stream, since)
        self.world.notes.followings.append(self.following[stream])

    def _streams(self) -> list[Stream]:
        """What it reads: a few streams, which need not be there yet."""
        every = [Stream(StreamKind.CHANNEL, name) for name in CHANNELS]
        every += [Stream(StreamKind.INBOX, name) for name in USERS]
        return self.load.sample(every, self.load.randint(0, 2))

    def heard(self, event: Event) -> None:
        """Something happened in a stream."""
        match event:
            case Delivered(stream, post):
                if stream not in self.cursors:
                    self._begin_at(stream, post.seq - 1)
                cursor = self.cursors[stream]
                if post.seq != cursor + 1:
                    raise Violation(
                        "S14", f"{self.name} was shown {post.seq} after {cursor} of {stream.name}"
                    )
                self.cursors[stream] = post.seq
                self.following[stream].shown.append((post.seq, name_of_post(post)))
                self.world.note("delivered")
            case WasReset(stream, cursor, head):
                raise Violation("S14", f"{stream.name} went back from {cursor} to {head} for {self.name}")

    # The load

    def _next(self) -> None:
        pause = self.load.choice(self.world.options.pauses) * self.load.random()
        self.after(pause, "thinks of something", self._act)

    def _act(self) -> None:
        if self.idle:
            return
        request, id_ = self._draw()
        if id_ in self.unsettled or (id_ is not None and self._asked.setdefault(id_, request) != request):
            id_ = None  # a late answer to the other's would be taken for this one's
        self.ask(request, id_, lambda _finished: self._next())

    def _draw(self) -> tuple[Write | Query, str | None]:
        """What to ask, and under which id, if it is not to be a new one."""
        load = self.load
        dice = load.random()
        if dice < 0.08 and self.settled:
            call = load.choice(self.settled[-30:])
            if isinstance(call.request, Write):
                return call.request, call.id
        if dice < 0.16:
            return self._shared()
        if dice < 0.22:
            return Login(load.choice((*USERS, EITHER))), None
        if dice < 0.28:
            return CreateChannel(load.choice((*USERS, "")), load.choice((*CHANNELS, EITHER))), None
        if dice < 0.33:
            return load.choice((ListUsers, ListChannels))(
                self._level(), load.choice((None, None, "geral", "ana"))
            ), None
        if dice < 0.48:
            return History(self._level(), self._query()), None
        text = f"{self.name} {load.getrandbits(32):08x} {'x' * load.choice((0, 0, 10, 300, 5000))}"
        if dice < 0.85:
            return Publish(load.choice(USERS), load.choice(CHANNELS), text), None
        return Send(load.choice(USERS), load.choice(USERS), text), None

    def _shared(self) -> tuple[Write, str]:
        """An operation that others ask for, too, under the same id; seldom the id for something else."""
        load = self.load
        number, user = load.randrange(SHARED), load.choice(USERS)
        text = f"shared {number}" if load.random() < 0.9 else f"other {number}"
        return Publish(user, CHANNELS[number % len(CHANNELS)], text), f"{SHARED_SESSION}:{number}"

    def _level(self) -> ReadLevel:
        return ReadLevel.LOCAL if self.load.random() < 0.2 else ReadLevel.LINEARIZABLE

    def _query(self) -> PageQuery:
        load = self.load
        since = load.choice((None, None, 0, load.randrange(100)))
        before = load.choice((None, None, None, load.randrange(1, 100)))
        limit = load.choice((1, 10, 50, 500))
        if load.random() < 0.6:
            return PageQuery(StreamKind.CHANNEL, load.choice(CHANNELS), None, since, before, limit)
        partner = load.choice((None, None, *USERS))
        return PageQuery(StreamKind.INBOX, load.choice(USERS), partner, since, before, limit)
