"""The client's sockets and timer around a Caller and a Reader; and the command that uses them."""

import errno
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bulletin.core.client.caller import Caller, Finished, Unreachable
from bulletin.core.client.reader import Event, Reader
from bulletin.core.client.streams import Stream
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Refusal
from bulletin.core.wire.publications import HEADS_TOPIC, topic_of
from bulletin.core.wire.replies import Result
from bulletin.core.wire.requests import Query, Write
from bulletin.roles.client.show import Show
from bulletin.roles.client.texts import Text
from bulletin.roles.role import Role
from bulletin.transport.traffic import Full

if TYPE_CHECKING:
    from bulletin.transport.sockets import Dealer, Subscriber

DONE: Final = 0
REFUSED: Final = 1
NO_ANSWER: Final = 3
INTERRUPTED: Final = 130

TICK_SECONDS: Final = 0.025

SESSION_BYTES: Final = 8

BACKLOG: Final = 256
"""Requests that wait for a connection to one broker; what is above is sent again when its turn comes."""

AnyResult = TypeVar("AnyResult", bound=Result)

_log = Logger()


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


class Client(Role):
    """Runs one command and ends.

    :param reach: the board.
    :param command: what to do: a coroutine function; what it returns is the status to end with.
    :param show: how results look.
    :param ended: called once, with the status.
    :param patient: whether an interruption is the way that the command is meant to end.
    :param random_bytes: in place of the system's randomness, in tests.
    :param arguments: see :class:`Role`.
    """

    label = "client"

    def __init__(
        self,
        reach: Reach,
        command: Callable[["Client"], Awaitable[int]],
        show: Show,
        ended: Callable[[int], object],
        *,
        patient: bool = False,
        random_bytes: Callable[[int], bytes] = os.urandom,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.reach = reach
        self.show = show
        self._command = command
        self._ended = ended
        self._patient = patient
        self._status: int | None = None
        self._session = random_bytes(SESSION_BYTES).hex()
        self._clock = LamportClock()
        self._caller = Caller(self._session, len(reach.brokers), self._clock)
        self._reader: Reader | None = None
        self._heard: Callable[[Event], object] | None = None
        self._dealers: list[Dealer] = []
        self._subscriber: Subscriber | None = None
        self._waiting: dict[int, Callable[[Finished], object]] = {}

    # What commands use

    async def ask(self, request: Write | Query, expected: type[AnyResult]) -> AnyResult:
        """Make a request, and wait for what it comes to.

        :param expected: the type of its result.
        :raises Refused: an ``erro`` reply; to what changes nothing it is always definite.
        :raises NoAnswer: none at all.
        """
        answered: Deferred[Finished] = Deferred()
        self._call(request, answered.callback)
        finished = await answered
        outcome = finished.outcome
        write = isinstance(request, Write)
        if isinstance(outcome, Unreachable):
            raise NoAnswer(write=write)
        if isinstance(outcome, Refusal):
            raise Refused(outcome if write else without_effect(outcome), finished.sentence)
        assert isinstance(outcome, expected), "the caller has seen to it"
        return outcome

    def follow(
        self,
        streams: tuple[Stream, ...],
        heard: Callable[[Event], object],
        *,
        since: int | None = None,
        last: int = 0,
    ) -> None:
        """Subscribe to streams, then read their history: every post comes out once and in order.

        :param heard: gets what happens; see :class:`~bulletin.core.client.reader.Reader`.
        :param since: begin after this ``seq``.
        :param last: without that: begin with so many of the newest posts.
        """
        assert self._subscriber is None
        self._reader = Reader(self.now())
        self._heard = heard
        self._subscriber = self.watch(
            "publications",
            self.sockets.Subscriber(
                self.transport,
                connect=self.reach.proxies,
                received=self._published,
                turn_ended=self._carry_out,
            ),
        )
        for topic in (HEADS_TOPIC, *(topic_of(stream.name) for stream in streams)):
            self._subscriber.subscribe(topic)
        for stream in streams:
            self._reader.follow(stream, self.now(), since=since, last=last)

    def end(self, status: int) -> None:
        """The command has come to its end; what follows is not looked at."""
        if self._status is not None:
            return
        lost = self.show.console.lost
        if status == DONE and lost is not None and lost.errno != errno.EPIPE:
            _log.error("The result could not be written: {why}", why=lost)
            self.show.notice(Text.NOT_WRITTEN, why=lost.strerror)
            status = REFUSED
        self._status = status
        self._heard = None
        self._ended(status)

    def refused(self, refusal: Refusal, sentence: str = "") -> None:
        """End with an ``erro`` reply."""
        self.show.refused(refusal, sentence)
        self.end(REFUSED)

    def no_answer(self, *, write: bool) -> None:
        """End without one."""
        self.show.notice(Text.NO_ANSWER, seconds=self.reach.timeout, brokers=", ".join(self.reach.brokers))
        if write:
            self.show.notice(Text.UNKNOWN)
        self.end(NO_ANSWER)

    # A role's life

    def open(self) -> None:
        """Connect to the brokers, and begin with the command."""
        for number, endpoint in enumerate(self.reach.brokers):
            self._dealers.append(
                self.watch(
                    f"broker {number}",
                    self.sockets.Dealer(
                        self.transport,
                        connect=(endpoint,),
                        received=partial(self._received, number),
                        turn_ended=self._carry_out,
                        max_backlog=BACKLOG,
                    ),
                )
            )
        self.every(TICK_SECONDS, self._tick)
        Deferred.fromCoroutine(self._run()).addErrback(self._failed)
        self._carry_out()

    def close(self) -> None:
        """An end that the command did not choose."""
        self.end(DONE if self._patient else INTERRUPTED)

    async def _run(self) -> None:
        try:
            status = await self._command(self)
        except Refused as refused:
            self.refused(refused.refusal, refused.sentence)
        except NoAnswer as no_answer:
            self.no_answer(write=no_answer.write)
        else:
            self.end(status)

    def _failed(self, failure: Any) -> None:
        _log.failure("The command failed", failure)
        self.show.notice(Text.FAILED)
        self.end(REFUSED)

    # What happens

    def _received(self, broker: int, parts: list[bytes]) -> None:
        if len(parts) == 1:
            self._caller.receive(broker, parts[0], self.now())

    def _published(self, topic: bytes, body: bytes) -> None:
        if self._reader is not None:
            self._reader.publication(topic, body, self.now())

    def _tick(self) -> None:
        self._caller.tick(self.now())
        if self._reader is not None:
            self._reader.tick(self.now())
        self._carry_out()

    def _call(self, request: Write | Query, then: Callable[[Finished], object]) -> None:
        self._waiting[self._caller.call(request, self.reach.timeout, self.now())] = then

    def _carry_out(self) -> None:
        """Do what the two say, and what follows from it, until there is nothing."""
        while self._status is None and (self._carry_out_calls() or self._carry_out_reader()):
            pass
        if self.show.console.lost is not None:
            self.end(DONE)  # whoever read the output has seen enough

    def _carry_out_calls(self) -> bool:
        ready = self._caller.ready()
        for send in ready.sends:
            try:
                self._dealers[send.broker].send(send.body)
            except Full:
                _log.debug(
                    "A broker takes nothing at the moment."
                )  # counted there, and sent again in its turn
        for finished in ready.finished:
            self._waiting.pop(finished.call)(finished)
        return bool(ready)

    def _carry_out_reader(self) -> bool:
        if self._reader is None:
            return False
        ready = self._reader.ready()
        for fetch in ready.fetches:
            self._call(fetch.request, partial(self._fetched, fetch.stream))
        for event in ready.events:
            if self._heard is not None:
                self._heard(event)
        return bool(ready)

    def _fetched(self, stream: Stream, finished: Finished) -> None:
        if self._reader is not None:
            self._reader.fetched(stream, finished.outcome, self.now())
