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
from bulletin.core.wire.replies import Posted
from bulletin.core.wire.requests import Publish, Query, Send, Write
from bulletin.language import N_
from bulletin.roles.client.link import AnyResult, Link, NoAnswer, Reach, Refused
from bulletin.roles.client.show import Show, in_doubt
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
        self._id: str | None = None
        """Of the post under way, with which the command can be given again."""

    # What commands use

    async def ask(self, request: Write | Query, expected: type[AnyResult]) -> AnyResult:
        """Make a request, and wait for what it comes to; see :meth:`Link.ask`."""
        return await self.link.ask(request, expected)

    async def post(self, request: Publish | Send, id_: str | None) -> Posted:
        """Post something; if it fails, the id is told with which the same command settles what became of it.

        :param id_: of an earlier try, or None.
        """
        self._id = self.link.caller.next_id() if id_ is None else id_
        return await self.link.ask(request, Posted, id=self._id)

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
            self.show.notice(N_("The result could not be written: {why}."), why=lost.strerror)
            status = REFUSED
        self._status = status
        self.link.close()
        self._ended(status)

    def refused(self, refusal: Refusal, sentence: str = "", near: str | None = None) -> None:
        """End with an ``erro`` reply.

        :param near: the name that was probably meant, or None.
        """
        self.show.refused(refusal, sentence, self._id, near)
        self.end(REFUSED)

    def no_answer(self, *, write: bool) -> None:
        """End without one."""
        reach = self.link.reach
        self.show.notice(
            N_("No broker answered within {seconds:g} s ({brokers})."),
            seconds=reach.timeout,
            brokers=", ".join(reach.brokers),
        )
        for endpoint in self.link.silent():
            self.show.notice(
                N_(
                    "{endpoint} takes connections and says nothing: is it a broker's port for clients (--clients), "
                    "and not the one for servers (--servers)?"
                ),
                endpoint=endpoint,
            )
        if write:
            self.show.console.complain(in_doubt(self.show.language, self._id))
        self.end(NO_ANSWER)

    # A role's life

    def open(self) -> None:
        """Connect to the brokers, and begin with the command."""
        self.link.open(heard=self._hear, turn_ended=self._look_at_output)
        Deferred.fromCoroutine(self._run()).addErrback(self._failed)

    def close(self) -> None:
        """An end that the command did not choose."""
        if self._status is None and self._id is not None:
            self.show.console.complain(in_doubt(self.show.language, self._id))
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
        self.show.notice(N_("The client failed; run it again with twistd --logfile FILE to see why."))
        self.end(REFUSED)

    def _hear(self, event: Event) -> None:
        if self._heard is not None:
            self._heard(event)

    def _look_at_output(self) -> None:
        """Whoever read the output may have seen enough."""
        if self.show.console.lost is not None:
            self.end(DONE)
