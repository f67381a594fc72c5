"""This server as its brokers see it: sessions, READY, heartbeats, and the replies of one turn in one message.

Theory of operation.  A broker gives requests to a server that said READY with a session number, as long as it hears
from it; a server that falls silent for longer than :data:`PATIENCE` loses what it had to another one.  A server whose
loop stood still for that long (a stopped process, a suspended machine) cannot know whether that happened.  So it
begins a new session, and whatever still comes for the old one is dropped: somebody else has it.

One message is due to each broker every :data:`~bulletin.core.wire.broker.BEAT` seconds.  Which one, follows from two facts, what this server
wants and which session the broker says that it knows::

    takes requests, the broker knows this session   ServerHeartbeat
    takes requests, the broker knows another one    ServerReady
    takes none any more, but is known               ServerDraining
    takes none, and is not known                    nothing
"""

from collections.abc import Callable
from typing import Final

import attrs

from bulletin.core.clocks.instant import Instant
from bulletin.core.limits import BATCH_BYTES_MAX
from bulletin.core.wire.broker import (
    BEAT,
    SILENCE,
    Replies,
    Reply,
    ServerDraining,
    ServerHeartbeat,
    ServerReady,
    ToBroker,
)

PATIENCE: Final = SILENCE
"""Seconds for which this server may stand still before it takes for granted that its brokers have given it up."""

HEARD: Final = 1.0
"""Seconds for which a broker's last message proves that it is there."""

REPLY_OVERHEAD: Final = 64
"""Bytes of a reply beside its body, at most."""

SESSION_BITS: Final = 32
"""A session is the start's incarnation, shifted by these, plus the number of the stall: it rises over all starts."""

Stamp = Callable[[], tuple[int, float]]
"""Gives (Lamport clock, timestamp) for one message that is being sent."""


@attrs.define
class _Link:
    """One broker.

    :param known: the session that it says it knows; 0: none.
    :param heard_at: when it was last heard, monotonic seconds.
    :param sent_at: when it was last sent anything.
    :param said_at: when it was last sent READY or DISCONNECT.
    :param announced: the session that was last announced to it by READY; 0: none, or taken back.
    :param replies: this turn's.
    """

    known: int = 0
    heard_at: float = float("-inf")
    sent_at: float = float("-inf")
    said_at: float = float("-inf")
    announced: int = 0
    replies: list[Reply] = attrs.Factory(list)


class Brokers:
    """The links to all brokers.

    :param name: this server's name.
    :param count: how many brokers there are; they are numbered from 0.
    """

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._links = [_Link() for _ in range(count)]
        self._session = 0
        self._accepting = False

    @property
    def session(self) -> int:
        """The session of now; 0 before the first."""
        return self._session

    @property
    def accepting(self) -> bool:
        """Whether this server takes requests."""
        return self._accepting

    def connected(self, now: Instant) -> int:
        """How many brokers are there and know this session."""
        return sum(
            link.known == self._session and now.monotonic - link.heard_at < HEARD for link in self._links
        )

    def begin(self, incarnation: int) -> None:
        """The first session of a start."""
        self._session = (incarnation << SESSION_BITS) + 1

    def renew(self) -> None:
        """A new session: what brokers gave to the old one is no longer this server's to do."""
        if self._session:
            self._session += 1

    def accept(self, accepting: bool) -> None:
        """Begin or cease to take requests; the brokers are told in this turn."""
        if accepting != self._accepting:
            self._accepting = accepting
            for link in self._links:
                link.said_at = float("-inf")
                if accepting:
                    link.announced = 0

    def heard(self, broker: int, known: int | None, now: Instant) -> None:
        """A message came from a broker; ``known`` is the session that it stated, or None where it stated none."""
        link = self._links[broker]
        link.heard_at = now.monotonic
        if known is not None:
            link.known = known

    def reply(self, broker: int, reply: Reply) -> None:
        """Have a reply sent in this turn.  Bounded: there are no more than requests that were taken."""
        self._links[broker].replies.append(reply)

    def take(self, stamp: Stamp, now: Instant) -> list[tuple[int, ToBroker]]:
        """What is to be sent now: (broker, message), READY before everything else."""
        taken: list[tuple[int, ToBroker]] = []
        for number, link in enumerate(self._links):
            message = self._sign_of_life(link, stamp, now)
            if message is not None:
                taken.append((number, message))
                link.sent_at = now.monotonic
            if link.replies:
                taken.extend((number, replies) for replies in self._replies(link.replies, stamp))
                link.replies = []
                link.sent_at = now.monotonic
        return taken

    def _sign_of_life(self, link: _Link, stamp: Stamp, now: Instant) -> ToBroker | None:
        """What is due to be said now.  Replies say that this server lives, but not that its mind has changed."""
        if self._accepting and link.announced == self._session == link.known:
            if link.replies or now.monotonic - link.sent_at < BEAT:
                return None
            return ServerHeartbeat(self._session, *stamp())
        if now.monotonic - link.said_at < BEAT and link.announced in {0, self._session}:
            return None
        if not self._accepting and not link.announced:
            return None
        link.said_at = now.monotonic
        if not self._accepting:
            return ServerDraining(link.announced, *stamp())
        link.announced = self._session
        return ServerReady(self._name, self._session, *stamp())

    def _replies(self, replies: list[Reply], stamp: Stamp) -> list[Replies]:
        """The replies in messages of at most a batch's bytes each (one reply always fits)."""
        messages: list[Replies] = []
        begin = size = 0
        for at, reply in enumerate(replies):
            weight = len(reply.body) + REPLY_OVERHEAD
            if size + weight > BATCH_BYTES_MAX and at > begin:
                messages.append(Replies(self._session, tuple(replies[begin:at]), *stamp()))
                begin, size = at, 0
            size += weight
        messages.append(Replies(self._session, tuple(replies[begin:]), *stamp()))
        return messages
