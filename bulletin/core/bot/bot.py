"""A bot: moments, answers and posts of others in; requests, streams to follow and what came of it all out."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from bulletin.core.board.outcome import StreamKind
from bulletin.core.bot import texts
from bulletin.core.bot.joining import CannotJoin, Joined, Joining
from bulletin.core.bot.outbox import Ask, Outbox, Settled
from bulletin.core.bot.pace import Pace
from bulletin.core.client.caller import Outcome
from bulletin.core.client.reader import Caught, Delivered, Event, WasReset
from bulletin.core.client.streams import Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.publications import Published
from bulletin.core.wire.replies import Posted
from bulletin.core.wire.requests import Publish, Send

if TYPE_CHECKING:
    from random import Random

PEERS_MAX: Final = 64
"""Users that it remembers to have read, the latest ones, to write to."""

PRIVATE_SHARE: Final = 0.05
"""Private messages for each post."""


@attrs.frozen
class Plan:
    """What a bot is to do.

    :param name: what it is called.
    :param rate: posts a second; 0: it only reads.
    :param seconds: for how long it writes, from when it has joined; then it only reads.  None: to its end.
    """

    name: str
    rate: float
    seconds: float | None = None


@attrs.frozen
class Follow:
    """Begin with a stream, after its newest post."""

    stream: Stream


@attrs.frozen
class Leave:
    """Forget a stream."""

    stream: Stream


@attrs.frozen
class Wrote:
    """A post or a private message was acknowledged.

    :param request: it.
    :param id: its own.
    :param seq: its number in the channel or the inbox.
    """

    request: Publish | Send
    id: str
    seq: int


@attrs.frozen
class WasRefused:
    """One was refused for good."""

    request: Publish | Send
    id: str
    why: Refusal


@attrs.frozen
class Ready:
    """What there is to do and to tell, each in order.

    :param moves: streams to follow or to leave, before the requests.
    """

    moves: tuple[Follow | Leave, ...] = ()
    asks: tuple[Ask, ...] = ()
    notes: tuple[Wrote | WasRefused | Joined | CannotJoin, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.moves or self.asks or self.notes)


@attrs.define
class Counters:
    """What it has done.

    :param posts: acknowledged, in channels.
    :param sent: acknowledged, private.
    :param refused: posts and private messages that took no effect.
    :param read: posts of its channels, its own included.
    :param received: private messages in its inbox.
    :param waited: seconds that all those acknowledged took together.
    """

    posts: int = 0
    sent: int = 0
    refused: int = 0
    read: int = 0
    received: int = 0
    waited: float = 0.0


class Bot:
    """Decides; whoever has sockets carries it out.

    :param plan: what it is to do.
    :param rng: its seed's.
    :param next_id: gives an id that no request had.
    :param clock: the process's Lamport clock, which what it reads moves on.
    """

    def __init__(self, plan: Plan, rng: "Random", next_id: Callable[[], str], clock: LamportClock) -> None:
        self.name = plan.name
        self.channels: tuple[str, ...] = ()
        self.counters = Counters()
        self.outbox = Outbox(next_id)
        self.stopping = False
        """It begins with nothing new."""
        self._plan = plan
        self._rng = rng
        self._clock = clock
        self._pace: Pace | None = None
        self._joining: Joining | None = None
        self._refused: Refusal | None = None
        self._ends = float("inf")
        self._numbers = {Publish: 0, Send: 0}
        self._peers: OrderedDict[str, None] = OrderedDict()
        self._known: dict[Stream, int] = {}
        self._unread: dict[Stream, int] = {}
        self._followed: set[Stream] = set()
        self._uncaught: set[Stream] = set()
        self._longest = 0.0
        self._moves: list[Follow | Leave] = []
        self._notes: list[Wrote | WasRefused | Joined | CannotJoin] = []
        self._asks: list[Ask] = []

    # -- inputs ---------------------------------------------------------------------------------------------------

    def tick(self, now: Instant) -> None:
        """Time has passed, or something came: every 20 to 50 ms."""
        moment = now.monotonic
        if not self.channels and self._joining is None and self._refused is None and not self.stopping:
            self._join(moment)
        if self.joined and not self.stopping:
            self._speak_up(moment)
        self._asks.extend(self.outbox.due(moment))

    def answered(self, key: str, outcome: Outcome, now: Instant) -> None:
        """What came of an :class:`Ask`."""
        moment = now.monotonic
        settled = self.outbox.answered(key, outcome, moment)
        if settled is None:
            return
        if isinstance(settled.request, Publish | Send):
            self._written(settled.request, settled, moment)
        elif self._joining is not None:
            self._go_on_joining(self._joining, settled, moment)

    def heard(self, event: Event, now: Instant) -> None:
        """What happened in a stream that it follows."""
        match event:
            case Delivered(stream, post):
                self._read(stream, post)
            case WasReset(stream):
                self._known.pop(stream, None)
                self._unread.pop(stream, None)
                self._join(now.monotonic)
            case Caught(stream):
                self._uncaught.discard(stream)

    def stop(self) -> None:
        """Begin with nothing new; what is not settled still will be, for as long as it is asked."""
        self.stopping = True

    # -- outputs --------------------------------------------------------------------------------------------------

    def ready(self) -> Ready:
        """What there is to do."""
        ready = Ready(tuple(self._moves), tuple(self._asks), tuple(self._notes))
        self._moves.clear()
        self._asks.clear()
        self._notes.clear()
        return ready

    @property
    def joined(self) -> bool:
        """Whether it has channels to write to, and reads them: what it writes before that, it might not read."""
        return bool(self.channels) and self._joining is None and not self._uncaught

    @property
    def idle(self) -> bool:
        """Whether all that it wrote is settled, and it has read what of that is in its channels."""
        return not self._unread and not self.unsettled()

    def writing(self, now: Instant) -> bool:
        """Whether it will write again."""
        return bool(self._plan.rate) and not self.stopping and now.monotonic < self._ends

    def unsettled(self) -> list[tuple[str, Publish | Send]]:
        """Posts and private messages whose outcome is not known, with their ids."""
        return [(key, request) for key, request in self.outbox if isinstance(request, Publish | Send)]

    def longest(self, now: Instant) -> float:
        """Seconds of the longest wait since this was asked last: of what was settled, or still is not."""
        longest = max(self._longest, self.outbox.longest(now.monotonic))
        self._longest = 0.0
        return longest

    # -- what follows from what -----------------------------------------------------------------------------------

    def _join(self, now: float) -> None:
        if self._joining is None and not self.stopping:
            self._joining = Joining(self._plan.name, self.channels, self._rng)
            self.outbox.add(self._joining.first(), now)

    def _go_on_joining(self, joining: Joining, settled: Settled, now: float) -> None:
        step = joining.next(settled.request, settled.outcome)
        if isinstance(step, Joined):
            self._joining = None
            self._move_to(step)
            self._notes.append(step)
        elif isinstance(step, CannotJoin):
            self._joining = None
            self._refused = step.why
            self._notes.append(step)
        else:
            self.outbox.add(step, now)

    def _move_to(self, joined: Joined) -> None:
        """Follow what is its own now, and nothing else."""
        self.name, self.channels = joined.name, joined.channels
        streams = [Stream(StreamKind.CHANNEL, channel) for channel in joined.channels]
        streams.append(Stream(StreamKind.INBOX, joined.name))
        for stream in sorted(self._followed.difference(streams), key=lambda stream: stream.name):
            self._followed.remove(stream)
            self._unread.pop(stream, None)
            self._uncaught.discard(stream)
            self._moves.append(Leave(stream))
        for stream in streams:
            if stream not in self._followed:
                self._followed.add(stream)
                self._uncaught.add(stream)
                self._moves.append(Follow(stream))

    def _speak_up(self, now: float) -> None:
        """Say what is due."""
        if self._pace is None:
            self._pace = Pace(self._plan.rate, now)
            self._ends = now + (float("inf") if self._plan.seconds is None else self._plan.seconds)
        if now < self._ends:
            for _ in range(self._pace.take((self.outbox.room + 1) // 2, now)):  # each may bring a private one
                self._speak(now)

    def _speak(self, now: float) -> None:
        """A post, and now and then a private message; drawn alike whether there is somebody to write to or not."""
        rng = self._rng
        channel = rng.choice(self.channels)
        self._numbers[Publish] += 1
        text = texts.post(rng, self._numbers[Publish])
        self._add(Publish(self.name, channel, text), Stream(StreamKind.CHANNEL, channel), now)
        whom = rng.random()
        receiver = list(self._peers)[int(whom * len(self._peers))] if self._peers else None
        text = texts.private(rng, self._numbers[Send] + 1, receiver or self.name, channel)
        if rng.random() < PRIVATE_SHARE and receiver is not None:
            self._numbers[Send] += 1
            self._add(Send(self.name, receiver, text), Stream(StreamKind.INBOX, receiver), now)

    def _add(self, request: Publish | Send, stream: Stream, now: float) -> None:
        self.outbox.add(request, now, stream=stream, since=self._known.get(stream, 0))

    def _written(self, request: Publish | Send, settled: Settled, now: float) -> None:
        """A post or a private message is settled."""
        outcome = settled.outcome
        if isinstance(outcome, Refusal):
            self.counters.refused += 1
            self._notes.append(WasRefused(request, settled.key, outcome))
            self._learn(request, outcome, now)
            return
        assert isinstance(outcome, Posted | Published), "a post was asked for"
        wait = now - settled.begun
        self._longest = max(self._longest, wait)
        self.counters.waited += wait
        if isinstance(request, Publish):
            self.counters.posts += 1
            stream = Stream(StreamKind.CHANNEL, request.channel)
            if stream in self._followed and outcome.seq > self._known.get(stream, 0):
                self._unread[stream] = max(self._unread.get(stream, 0), outcome.seq)
        else:
            self.counters.sent += 1
        self._notes.append(Wrote(request, settled.key, outcome.seq))

    def _learn(self, request: Publish | Send, why: Refusal, now: float) -> None:
        """What a refusal says about the board: it may be another one than before."""
        if isinstance(request, Send) and why.code is Code.NO_SUCH_USER:
            self._peers.pop(request.receiver, None)
        elif why.code in {Code.NO_SUCH_CHANNEL, Code.NAME_IN_USE}:
            self._join(now)

    def _read(self, stream: Stream, post: Published) -> None:
        self._clock.receive(post.clock)
        self._known[stream] = post.seq
        if self._unread.get(stream, post.seq + 1) <= post.seq:
            del self._unread[stream]
        if stream.kind is StreamKind.CHANNEL:
            self.counters.read += 1
        else:
            self.counters.received += 1
        if post.user != self.name:
            self._peers[post.user] = None
            self._peers.move_to_end(post.user)
            if len(self._peers) > PEERS_MAX:
                self._peers.popitem(last=False)
