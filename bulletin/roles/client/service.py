"""The process of one command: it talks to the board by a Link, shows, and ends with a status."""

import errno
import os
from collections.abc import Awaitable, Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bulletin.core.client.reader import Event
from bulletin.core.client.streams import Stream
from bulletin.core.errors import Refusal
from bulletin.core.wire.requests import Query, Write
from bulletin.roles.client.link import AnyResult, Link, NoAnswer, Reach, Refused
from bulletin.roles.client.show import Show
from bulletin.roles.client.texts import Text
from bulletin.roles.role import Role

DONE: Final = 0
REFUSED: Final = 1
NO_ANSWER: Final = 3
INTERRUPTED: Final = 130

_log = Logger()


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
        self.link = Link(self, reach, random_bytes=random_bytes)
        self.show = show
        self._command = command
        self._ended = ended
        self._patient = patient
        self._status: int | None = None
        self._heard: Callable[[Event], object] | None = None

    # What commands use

    async def ask(self, request: Write | Query, expected: type[AnyResult]) -> AnyResult:
        """Make a request, and wait for what it comes to; see :meth:`Link.ask`."""
        return await self.link.ask(request, expected)

    def follow(
        self,
        streams: tuple[Stream, ...],
        heard: Callable[[Event], object],
        *,
        since: int | None = None,
        last: int = 0,
    ) -> None:
        """Follow streams; see :meth:`Link.follow`.

        :param heard: gets what happens; see :class:`~bulletin.core.client.reader.Reader`.
        """
        self._heard = heard
        for stream in streams:
            self.link.follow(stream, since=since, last=last)

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
        self.link.close()
        self._ended(status)

    def refused(self, refusal: Refusal, sentence: str = "") -> None:
        """End with an ``erro`` reply."""
        self.show.refused(refusal, sentence)
        self.end(REFUSED)

    def no_answer(self, *, write: bool) -> None:
        """End without one."""
        reach = self.link.reach
        self.show.notice(Text.NO_ANSWER, seconds=reach.timeout, brokers=", ".join(reach.brokers))
        if write:
            self.show.notice(Text.UNKNOWN)
        self.end(NO_ANSWER)

    # A role's life

    def open(self) -> None:
        """Connect to the brokers, and begin with the command."""
        self.link.open(heard=self._hear, turn_ended=self._look_at_output)
        Deferred.fromCoroutine(self._run()).addErrback(self._failed)

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

    def _hear(self, event: Event) -> None:
        if self._heard is not None:
            self._heard(event)

    def _look_at_output(self) -> None:
        """Whoever read the output may have seen enough."""
        if self.show.console.lost is not None:
            self.end(DONE)
