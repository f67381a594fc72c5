"""What a role that is a client of the board talks to it with: sockets and a timer around an Exchange."""

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import attrs
from twisted.internet.defer import Deferred

from bulletin.core.client.caller import RESEND, Caller, Finished, ToBroker, Unreachable
from bulletin.core.client.exchange import TICK_SECONDS, Exchange
from bulletin.core.client.reader import Event, Reader
from bulletin.core.client.streams import Stream
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Refusal
from bulletin.core.wire.publications import HEADS_TOPIC, topic_of
from bulletin.core.wire.replies import Result
from bulletin.core.wire.requests import Query, Write
from bulletin.transport.traffic import Full

if TYPE_CHECKING:
    from bulletin.roles.role import Role
    from bulletin.transport.sockets import Dealer, Subscriber

SESSION_BYTES: Final = 8

ANSWER_SECONDS: Final = 5.0
"""Within these a broker answers everything, if only that nobody knows."""

BACKLOG: Final = 256
"""Requests that wait for a connection to one broker; what is above is sent again when its turn comes."""

AnyResult = TypeVar("AnyResult", bound=Result)


class Refused(Exception):
    """The board refused a request.

    :param refusal: the catalogue's.
    :param sentence: the board's own.
    """

    def __init__(self, refusal: Refusal, sentence: str) -> None:
        super().__init__(refusal.word)
        self.refusal = refusal
        self.sentence = sentence


class NoAnswer(Exception):
    """Nobody answered in time.

    :param write: whether the request may have changed something.
    """

    def __init__(self, *, write: bool) -> None:
        super().__init__("no answer")
        self.write = write


def without_effect(refusal: Refusal) -> Refusal:
    """The refusal of a request that changes nothing, whatever became of it."""
    return attrs.evolve(refusal, definite=True)


@attrs.frozen
class Reach:
    """Whom a client talks to, and how long it waits.

    :param brokers: endpoints of the brokers' clients' sides.
    :param proxies: endpoints of the proxies' subscribers' sides.
    :param timeout: seconds until a request must have been answered.
    """

    brokers: tuple[str, ...]
    proxies: tuple[str, ...]
    timeout: float


class Link:
    """Requests that are certain, and streams that are complete, for a role.

    :param role: whose sockets, timers and clocks these are; its ``open`` calls :meth:`open`.
    :param reach: the board.
    :param random_bytes: in place of the system's randomness, in tests.
    """

    def __init__(
        self, role: "Role", reach: Reach, *, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        self.reach = reach
        self._exchange = Exchange(
            random_bytes(SESSION_BYTES).hex(), len(reach.brokers), reach.timeout, self._send
        )
        self._role = role
        self._turn_ended: Callable[[], object] | None = None
        self._linked: Callable[[int | None, bool], object] | None = None
        self._dealers: list[Dealer] = []
        self._subscriber: Subscriber | None = None

    @property
    def clock(self) -> LamportClock:
        """The process's Lamport clock."""
        return self._exchange.clock

    @property
    def caller(self) -> Caller:
        """What makes requests."""
        return self._exchange.caller

    @property
    def reader(self) -> Reader | None:
        """What follows streams, once :meth:`follow` was called."""
        return self._exchange.reader

    @property
    def closed(self) -> bool:
        """Whether nothing is told to anybody any more."""
        return self._exchange.closed

    def open(
        self,
        *,
        heard: Callable[[Event], object] | None = None,
        turn_ended: Callable[[], object] | None = None,
        linked: Callable[[int | None, bool], object] | None = None,
    ) -> None:
        """Connect to the brokers; requests can be made.

        :param heard: gets what happens in the streams; see :class:`~bulletin.core.client.reader.Reader`.
        :param turn_ended: called whenever all that came in was told.
        :param linked: called with a broker's number, or None for the proxies, and whether it is connected, when that changes.
        """
        self._exchange.heard = heard
        self._turn_ended = turn_ended
        self._linked = linked
        role = self._role
        for number, endpoint in enumerate(self.reach.brokers):
            dealer = role.sockets.Dealer(
                role.transport,
                connect=(endpoint,),
                received=partial(self._received, number),
                turn_ended=self._carry_out,
                max_backlog=BACKLOG,
                linked=None if linked is None else partial(linked, number),
            )
            self._dealers.append(role.watch(f"broker {number}", dealer))
        role.every(TICK_SECONDS, self._tick)

    def close(self) -> None:
        """Tell nobody anything any more; the sockets are the role's to close."""
        self._exchange.close()

    def silent(self) -> tuple[str, ...]:
        """The brokers' endpoints where somebody took requests and answered none, in a time in which a broker would have."""
        return tuple(
            endpoint
            for number, (endpoint, dealer) in enumerate(zip(self.reach.brokers, self._dealers, strict=True))
            if self.reach.timeout >= ANSWER_SECONDS + RESEND * number
            and dealer.counters.sent
            and not dealer.counters.received
        )

    async def ask(
        self,
        request: Write | Query,
        expected: type[AnyResult],
        *,
        id: str | None = None,  # noqa: A002 - the wire's own word
    ) -> AnyResult:
        """Make a request, and wait for what it comes to.

        :param expected: the type of its result.
        :param id: see :meth:`~bulletin.core.client.caller.Caller.call`.
        :raises Refused: an ``erro`` reply; to what changes nothing it is always definite.
        :raises NoAnswer: none at all.
        """
        answered: Deferred[Finished] = Deferred()
        self.call(request, answered.callback, id=id)
        finished = await answered
        outcome = finished.outcome
        write = isinstance(request, Write)
        if isinstance(outcome, Unreachable):
            raise NoAnswer(write=write)
        if isinstance(outcome, Refusal):
            raise Refused(outcome if write else without_effect(outcome), finished.sentence)
        assert isinstance(outcome, expected), "the caller has seen to it"
        return outcome

    def call(
        self,
        request: Write | Query,
        then: Callable[[Finished], object],
        *,
        id: str | None = None,  # noqa: A002 - the wire's own word
    ) -> None:
        """Make a request; ``then`` gets what it comes to, later or at once."""
        self._exchange.call(request, then, self._role.now(), id=id)
        self._carry_out()

    def follow(self, stream: Stream, *, since: int | None = None, last: int = 0) -> None:
        """Subscribe to a stream, then read its history: every post comes out once and in order.

        :param since: begin after this ``seq``.
        :param last: without that: begin with so many of the newest posts.
        """
        role = self._role
        if self._subscriber is None:
            subscriber = role.sockets.Subscriber(
                role.transport,
                connect=self.reach.proxies,
                received=self._published,
                turn_ended=self._carry_out,
                linked=None if self._linked is None else partial(self._linked, None),
            )
            self._subscriber = role.watch("publications", subscriber)
            self._subscriber.subscribe(HEADS_TOPIC)
        self._subscriber.subscribe(topic_of(stream.name))
        self._exchange.follow(stream, role.now(), since=since, last=last)
        self._carry_out()

    def leave(self, stream: Stream) -> None:
        """Unsubscribe from a stream."""
        assert self._subscriber is not None
        self._subscriber.unsubscribe(topic_of(stream.name))
        self._exchange.leave(stream)

    def exists(self, stream: Stream, seq: int) -> None:
        """A post of a followed stream is known to be there: it is fetched if its publication does not come."""
        self._exchange.exists(stream, seq, self._role.now())
        self._carry_out()

    def _received(self, broker: int, parts: list[bytes]) -> None:
        self._exchange.received(broker, parts, self._role.now())

    def _published(self, topic: bytes, body: bytes) -> None:
        self._exchange.published(topic, body, self._role.now())

    def _tick(self) -> None:
        self._exchange.tick(self._role.now())
        self._carry_out()

    def _carry_out(self) -> None:
        ended = self._exchange.turn(self._role.now())
        if ended and self._turn_ended is not None and not self.closed:
            self._turn_ended()

    def _send(self, send: ToBroker) -> None:
        try:
            self._dealers[send.broker].send(send.body)
        except Full:
            # Counted there, and sent again in its turn.
            self._role.quiet.info("broker full", "A broker takes nothing at the moment.")
