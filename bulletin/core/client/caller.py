"""A caller: requests in, the brokers' answers or the certainty of having none out."""

from typing import Final

import attrs

from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire import replies, requests
from bulletin.core.wire.operations import BY_NAME, Operation

RESEND: Final = 1.2
"""Seconds of silence after which a request is sent again, to the next broker: more than an election takes."""

PATIENCE_GROWTH: Final = 1.5
"""By how much that grows once every broker was asked: a board that is late for want of time is not helped by more work."""

PATIENCE_STEPS: Final = 20
"""So often it grows: to more than an hour."""

PAUSE_MIN: Final = 0.1
"""Seconds at least between two refused sendings of a request to the same broker."""

CALLS_MAX: Final = 1024
"""Requests under way at most; more are refused here, as a broker would."""


@attrs.frozen
class Unreachable:
    """No broker answered in time, and nothing but silence is known of the request."""


Outcome = replies.Result | Refusal | Unreachable


@attrs.frozen
class ToBroker:
    """A body to send.

    :param broker: which one, counted from 0.
    """

    broker: int
    body: bytes


@attrs.frozen
class Finished:
    """What a call came to.

    :param call: its number.
    :param outcome: the result, or a refusal: definite only if no sending of it can still take effect; or silence.
    :param sentence: of a refusal, the board's own sentence; else empty.
    """

    call: int
    outcome: Outcome
    sentence: str = ""


@attrs.frozen
class Ready:
    """What there is to do now."""

    sends: tuple[ToBroker, ...] = ()
    finished: tuple[Finished, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sends or self.finished)


@attrs.define(eq=False)
class _Call:
    """One request under way.

    :param number: of the call.
    :param id: the request's.
    :param operation: what its reply must be a reply to.
    :param body: the bytes, the same in each sending.
    :param deadline: monotonic seconds.
    :param broker: the next sending's.
    :param due: when that is to be sent, monotonic seconds.
    :param sendings: so far.
    :param unanswered: sendings to which no reply has come.
    :param in_doubt: a reply said that the outcome is unknown.
    :param refused: the last refusal that another try may overcome, with the board's sentence.
    :param refusals: how many of those came since the last pause: one of each broker is enough.
    """

    number: int
    id: str
    operation: Operation
    body: bytes
    deadline: float
    broker: int
    due: float
    sendings: int = 0
    unanswered: int = 0
    in_doubt: bool = False
    refused: tuple[Refusal, str] | None = None
    refusals: int = 0


@attrs.define
class Counters:
    """What has happened.

    :param calls: made.
    :param resent: sendings above the first of a call.
    :param stray: replies to no call under way, late or not ours; and refusals above the sendings of one.
    :param malformed: bodies that were no reply.
    """

    calls: int = 0
    resent: int = 0
    stray: int = 0
    malformed: int = 0


class Caller:
    """Makes calls through several brokers, each with a deadline.

    :param session: 1 to 32 hexadecimal digits that no other client's session has; a part of each request's id.
    :param brokers: how many there are.
    :param clock: the process's Lamport clock.
    """

    def __init__(self, session: str, brokers: int, clock: LamportClock) -> None:
        assert session
        assert set(session) <= set("0123456789abcdef")
        assert brokers > 0
        self.session = session
        self._brokers = brokers
        self._clock = clock
        self._broker = 0
        self._met = False
        self._number = 0
        self._calls: dict[str, _Call] = {}
        self._ids: dict[int, str] = {}
        self._sends: list[ToBroker] = []
        self._finished: list[Finished] = []
        self.counters = Counters()

    def __len__(self) -> int:
        return len(self._calls)

    def next_id(self) -> str:
        """An id that no request had, for one that may have to be sent again by a later call or process."""
        self._number += 1
        return f"{self.session}:{self._number}"

    def call(
        self,
        request: requests.Write | requests.Query,
        timeout: float,
        now: Instant,
        *,
        id: str | None = None,  # noqa: A002 - the wire's own word
    ) -> int:
        """Make a request.

        What the board would refuse for its content is refused here, without a word to it.

        :param timeout: seconds until it must have come to something.
        :param id: of a request that was made before, to be settled; not of one under way.  None: a new one.
        :returns: the call's number, which its ``Finished`` will have.
        :raises ValueError: a text in it has lone surrogates: the caller's mistake.
        """
        self._number += 1
        number = self._number
        request_id = f"{self.session}:{number}" if id is None else id
        assert request_id not in self._calls, "a request is made once at a time"
        body = requests.write(request, clock=self._clock.tick(), timestamp=now.wall, id=request_id)
        refusal = requests.read(body).request if self._room() else Refusal(Code.OVERLOADED)
        if isinstance(refusal, Refusal):
            self._finished.append(Finished(number, refusal))
            return number
        self.counters.calls += 1
        call = _Call(
            number=number,
            id=request_id,
            operation=requests.operation_of(request),
            body=body,
            deadline=now.monotonic + timeout,
            broker=self._broker,
            due=now.monotonic,
        )
        self._calls[request_id] = call
        self._ids[number] = request_id
        self._send(call, now)
        return number

    def give_up(self, number: int) -> None:
        """Forget a call; what comes of it is not told any more."""
        request_id = self._ids.pop(number, None)
        if request_id is not None:
            del self._calls[request_id]

    def receive(self, broker: int, body: bytes, now: Instant) -> None:
        """A body came from a broker."""
        try:
            received = replies.read(body)
        except Refusal:
            self.counters.malformed += 1
            return
        request_id = received.heading.id
        call = self._calls.get(request_id) if request_id is not None else None
        self._merge(received.clock, answer=call is not None)
        if call is None or request_id is None:
            self.counters.stray += 1
            return
        if (
            not isinstance(received.result, Refusal)
            and BY_NAME.get(received.heading.name) is not call.operation
        ):
            self.counters.malformed += 1
            return
        self._broker = broker
        answered = min(1, call.unanswered)
        call.unanswered -= answered
        refusal = received.result
        if not isinstance(refusal, Refusal) or refusal.retry_after is None:
            self._finish(call, refusal, received.sentence)
        elif answered:
            self._refused(call, refusal, received.sentence, now)
        else:  # a network that doubles answers must not double the sendings
            self.counters.stray += 1
            call.in_doubt |= not refusal.definite

    def tick(self, now: Instant) -> None:
        """Time has passed: every 20 to 50 ms."""
        for call in list(self._calls.values()):
            if call.deadline <= now.monotonic:
                self._give_up(call)
            elif call.due <= now.monotonic:
                if call.unanswered:
                    self._broker = call.broker  # the one before is silent: new calls begin elsewhere, too
                self._send(call, now)

    def ready(self) -> Ready:
        """What to send, and what has ended."""
        ready = Ready(tuple(self._sends), tuple(self._finished))
        self._sends.clear()
        self._finished.clear()
        return ready

    def _merge(self, clock: int | None, *, answer: bool) -> None:
        """Merge a reply's clock; the first answer's is where this process meets the board."""
        if answer and not self._met:
            self._met = True
            self._clock.join(clock)
        else:
            self._clock.receive(clock)

    def _room(self) -> bool:
        return len(self._calls) < CALLS_MAX

    def _send(self, call: _Call, now: Instant) -> None:
        """Send it to the broker whose turn it is; the next one's is after a silence."""
        self._sends.append(ToBroker(call.broker, call.body))
        if call.unanswered or call.refused is not None:
            self.counters.resent += 1
        call.unanswered += 1
        call.broker = (call.broker + 1) % self._brokers
        steps = min(call.sendings // self._brokers, PATIENCE_STEPS)
        call.due = now.monotonic + RESEND * PATIENCE_GROWTH**steps
        call.sendings += 1

    def _refused(self, call: _Call, refusal: Refusal, sentence: str, now: Instant) -> None:
        """A refusal that another try may overcome: at once by another broker, later by the same ones."""
        call.refused = (refusal, sentence)
        call.in_doubt |= not refusal.definite
        call.refusals += 1
        pause = 0.0
        if call.refusals >= self._brokers:
            call.refusals = 0
            pause = max(PAUSE_MIN, refusal.retry_after or 0.0)
        call.due = now.monotonic + pause
        if not pause:
            self._send(call, now)
        elif call.due < call.deadline:
            return
        elif call.unanswered:
            call.due = call.deadline
        else:
            self._give_up(call)

    def _give_up(self, call: _Call) -> None:
        if call.refused is None:
            self._finish(call, Unreachable(), "")
            return
        refusal, sentence = call.refused
        definite = refusal.definite and not call.in_doubt and not call.unanswered
        self._finish(call, attrs.evolve(refusal, definite=definite), sentence)

    def _finish(self, call: _Call, outcome: Outcome, sentence: str) -> None:
        del self._calls[call.id]
        del self._ids[call.number]
        self._finished.append(Finished(call.number, outcome, sentence))
