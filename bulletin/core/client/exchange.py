"""A client's whole exchange with the board: its caller, its reader, and who waits for which answer.

The reader's pages are calls like any other, and what comes of a call may bring about further ones; :meth:`Exchange.turn`
carries all of it out until there is nothing left.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from bulletin.core.client.caller import Caller, Finished, ToBroker
from bulletin.core.client.reader import Event, Reader
from bulletin.core.client.streams import Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.wire.requests import Query, Write

TICK_SECONDS: Final = 0.025
"""How often :meth:`Exchange.tick` is to be called."""


class Exchange:
    """Requests that are certain, and streams that are complete, for whoever has sockets.

    :param session: 1 to 32 hexadecimal digits that no other client's session has.
    :param brokers: how many there are.
    :param timeout: seconds until a request must have come to something.
    :param send: sends a body to a broker; what it cannot send is sent again in its turn.
    """

    def __init__(
        self, session: str, brokers: int, timeout: float, send: Callable[[ToBroker], object]
    ) -> None:
        self.clock = LamportClock()
        """The process's Lamport clock."""
        self.caller = Caller(session, brokers, self.clock)
        self.reader: Reader | None = None
        """What follows streams, once :meth:`follow` was called."""
        self.closed = False
        """Nothing is told to anybody any more."""
        self.heard: Callable[[Event], object] | None = None
        """Gets what happens in the streams; see :class:`~bulletin.core.client.reader.Reader`."""
        self._timeout = timeout
        self._send = send
        self._waiting: dict[int, Callable[[Finished], object]] = {}
        self._turning = False
        self._now = Instant(0.0, 0.0)
        """The turn under way."""

    # What is asked for; a turn carries it out.

    def call(
        self,
        request: Write | Query,
        then: Callable[[Finished], object],
        now: Instant,
        *,
        id: str | None = None,  # noqa: A002 - the wire's own word
    ) -> None:
        """Make a request; ``then`` gets what it comes to, in a later turn or the next.

        :param id: see :meth:`~bulletin.core.client.caller.Caller.call`.
        """
        number = self.caller.call(request, self._timeout, now, id=id)
        self._waiting[number] = then

    def follow(self, stream: Stream, now: Instant, *, since: int | None = None, last: int = 0) -> None:
        """Begin with a stream, whose topic was subscribed to; see :meth:`~bulletin.core.client.reader.Reader.follow`."""
        if self.reader is None:
            self.reader = Reader(now)
        self.reader.follow(stream, now, since=since, last=last)

    def leave(self, stream: Stream) -> None:
        """Forget a stream."""
        assert self.reader is not None, "no stream is followed"
        self.reader.leave(stream)

    def exists(self, stream: Stream, seq: int, now: Instant) -> None:
        """A post of a followed stream is known to be there: it is fetched if its publication does not come."""
        if self.reader is not None:
            self.reader.exists(stream, seq, now)

    # What comes in; a turn carries out what follows from it.

    def received(self, broker: int, parts: list[bytes], now: Instant) -> None:
        """A broker's message: a reply stands alone in it."""
        if len(parts) == 1:
            self.caller.receive(broker, parts[0], now)

    def published(self, topic: bytes, body: bytes, now: Instant) -> None:
        """A publication came."""
        if self.reader is not None:
            self.reader.publication(topic, body, now)

    def tick(self, now: Instant) -> None:
        """Time has passed."""
        self.caller.tick(now)
        if self.reader is not None:
            self.reader.tick(now)

    def close(self) -> None:
        """Tell nobody anything any more."""
        self.closed = True
        self.heard = None

    # What goes out

    def turn(self, now: Instant) -> bool:
        """Do what there is to do, and what follows from it, until there is nothing.

        :returns: False, with nothing done, within a turn: that one will see to it.
        """
        if self._turning:
            return False
        self._turning = True
        self._now = now
        try:
            while not self.closed and (self._turn_calls() or self._turn_reader(now)):
                pass
        finally:
            self._turning = False
        return True

    def _turn_calls(self) -> bool:
        ready = self.caller.ready()
        for send in ready.sends:
            self._send(send)
        for finished in ready.finished:
            self._waiting.pop(finished.call)(finished)
        return bool(ready)

    def _turn_reader(self, now: Instant) -> bool:
        if self.reader is None:
            return False
        ready = self.reader.ready()
        for fetch in ready.fetches:
            self.call(fetch.request, partial(self._fetched, fetch.stream), now)
        for event in ready.events:
            if self.heard is not None:
                self.heard(event)
        return bool(ready)

    def _fetched(self, stream: Stream, finished: Finished) -> None:
        assert self.reader is not None, "nobody asked for a page"
        self.reader.fetched(stream, finished.outcome, self._now)
