"""The process of an interactive session: at a terminal or at a pipe, and its exit status."""

import asyncio
import os
import sys
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bulletin.core.board import rules
from bulletin.core.errors import Refusal
from bulletin.language import N_, Language
from bulletin.roles.client.interactive import plain
from bulletin.roles.client.interactive.look import Look
from bulletin.roles.client.interactive.session import Session
from bulletin.roles.client.interactive.state import State, directory, key
from bulletin.roles.client.interactive.voice import Voice
from bulletin.roles.client.link import Link, NoAnswer, Reach, Refused
from bulletin.roles.client.service import DONE, INTERRUPTED, NO_ANSWER, REFUSED
from bulletin.roles.client.show import Console, refusal_words
from bulletin.roles.role import Role

if TYPE_CHECKING:
    from bulletin.roles.client.interactive.screen import Screen

TICK_SECONDS: Final = 0.1

LAST_SECONDS: Final = 2.0
"""What was typed just before the end of a session at a terminal has so long to be settled."""

_log = Logger()


@attrs.frozen
class Setting:
    """What a session is made with.

    :param reach: the board.
    :param user: who, or None: he is asked.
    :param language: that he is spoken to in.
    :param console: the process's outputs.
    :param environment: where the state directory is.
    """

    reach: Reach
    user: str | None
    language: Language
    console: Console
    environment: Mapping[str, str]


class Interactive(Role):
    """One session, from its begin to its end; its subclasses have `run`, which ends with the status.

    :param setting: see `Setting`.
    :param ended: called once, with the status.
    :param random_bytes: in place of the system's randomness, in tests.
    :param arguments: see :class:`Role`.
    """

    label = "client"

    def __init__(
        self,
        setting: Setting,
        ended: Callable[[int], object],
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.setting = setting
        self.link = Link(self, setting.reach, random_bytes=random_bytes)
        self.session: Session | None = None
        self._ended = ended
        self._status: int | None = None
        self._pauses: list[Any] = []

    def open(self) -> None:
        """Connect to the brokers, and begin."""
        self._start(self._run())

    def close(self) -> "Deferred[None] | None":
        """Stop, whoever wants it: write down what is to be known the next time."""
        self._end(self.interrupted())
        return None

    def interrupted(self) -> int:
        """The status of an end that the user did not choose."""
        return INTERRUPTED

    @abstractmethod
    async def run(self) -> int:
        """The session; what it comes to is the status."""

    def make_session(self, user: str, voice: Voice) -> Session:
        """A session with sockets."""
        setting = self.setting
        session_id = self.link.caller.session
        state = State(directory(setting.environment), key(user, setting.reach.brokers), session_id)
        session: Session | None = None
        # The sockets first: what an earlier process left is sent as soon as there is a session.
        self.link.open(
            heard=lambda event: None if session is None else session.heard(event),
            linked=lambda broker, up: None if session is None else session.linked(broker, up),
        )
        session = self.session = Session(user, self.link, state, voice, self.pause)
        self.every(TICK_SECONDS, self._tick)
        return session

    def pause(self, seconds: float) -> "Deferred[None]":
        """Fires after so many seconds; never, if the session ends before."""
        over: Deferred[None] = Deferred()
        self._pauses = [call for call in self._pauses if call.active()]
        self._pauses.append(self.reactor.callLater(seconds, over.callback, None))
        return over

    def refused(self, refusal: Refusal, sentence: str) -> int:
        """The user cannot be logged in."""
        self.setting.console.complain(refusal_words(refusal, sentence, self.setting.language))
        return REFUSED

    def _tick(self) -> None:
        assert self.session is not None
        if not self.link.closed:
            self.session.tick()
        if self.setting.console.lost is not None:
            self._end(DONE)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(coroutine).addErrback(self._failed)

    async def _run(self) -> None:
        status = await self.run()
        self._end(status)

    def _end(self, status: int) -> None:
        if self._status is not None:
            return
        self._status = status
        if self.session is not None:
            self.session.close()
        self.link.close()
        for call in self._pauses:
            if call.active():
                call.cancel()
        self._ended(status)

    def _failed(self, failure: Any) -> None:
        _log.failure("The session failed", failure)
        sentence = N_("The client failed; run it again with twistd --logfile FILE to see why.")
        self.setting.console.complain(self.setting.language.say(sentence))
        self._end(REFUSED)


class Scripted(Interactive):
    """A session whose lines come from a pipe or a file."""

    def __init__(self, setting: Setting, ended: Callable[[int], object], **arguments: Any) -> None:
        super().__init__(setting, ended, **arguments)
        self.next_line: Callable[[], Deferred[str | None]] = self._standard_input

    async def run(self) -> int:
        """One line after the other."""
        setting = self.setting
        assert setting.user is not None, "the options have seen to it"
        display = plain.Printed(setting.console)
        look = Look(setting.user, brief=False)
        voice = Voice(display, setting.language, look, self.now, terminal=False)
        session = self.make_session(setting.user, voice)
        try:
            await plain.run(session, self.next_line)
        except Refused as refused:
            return self.refused(refused.refusal, refused.sentence)
        except NoAnswer:
            session.unsettled = True
            seconds, brokers = setting.reach.timeout, ", ".join(setting.reach.brokers)
            sentence = N_("No broker answered within {seconds:g} s ({brokers}).")
            setting.console.complain(setting.language.say(sentence, seconds=seconds, brokers=brokers))
        left = session.left()
        if left is not None:
            setting.console.complain(left)
        if session.unsettled:
            return NO_ANSWER
        return REFUSED if voice.errors else DONE

    def _standard_input(self) -> "Deferred[str | None]":
        assert sys.__stdin__ is not None
        lines = plain.Lines(sys.__stdin__.buffer, sys.__stdin__.encoding, self.reactor.callFromThread)
        self.next_line = lines.next
        return lines.next()


class AtTerminal(Interactive):
    """A session of a person at a terminal."""

    def __init__(self, setting: Setting, ended: Callable[[int], object], **arguments: Any) -> None:
        super().__init__(setting, ended, **arguments)
        self._screen: Screen | None = None
        self._refused: Refused | None = None
        """Why the user cannot be logged in."""

    async def run(self) -> int:
        """Until he has had enough."""
        from bulletin.roles.client.interactive.screen import make_screen  # noqa: PLC0415 - a script needs none

        setting = self.setting
        assert sys.__stdin__ is not None
        assert sys.__stdout__ is not None
        screen = self._screen = make_screen(sys.__stdin__, sys.__stdout__, setting.language)
        user = setting.user
        if user is None:
            user = await _from_asyncio(screen.ask(setting.language.say(N_("Your name: ")), self._wrong_name))
        if user is None:
            return DONE
        voice = Voice(screen, setting.language, Look(user, brief=True), self.now, terminal=True)
        session = self.make_session(user, voice)
        self._start(self._begin(session, screen))
        if self._refused is None:
            await _from_asyncio(screen.talk(session, session.history_file()))
        if self._refused is not None:
            return self.refused(self._refused.refusal, self._refused.sentence)
        await session.last_lines(LAST_SECONDS)
        left = session.left()
        if left is not None:
            setting.console.complain(left)
        return DONE

    def close(self) -> "Deferred[None] | None":
        """Give the terminal back first."""
        screen = self._screen
        super().close()
        return None if screen is None else _from_asyncio(screen.stop())

    def interrupted(self) -> int:
        """What was typed is kept: being told to end is a good end."""
        return DONE

    async def _begin(self, session: Session, screen: "Screen") -> None:
        try:
            await session.begin()
        except Refused as refused:
            self._refused = refused
            await _from_asyncio(screen.stop())
        except NoAnswer:
            _log.debug("The session ended before it had begun.")

    def _wrong_name(self, name: str) -> str | None:
        try:
            rules.own_name(name, "user")
        except Refusal as refusal:
            return refusal_words(refusal, "", self.setting.language)
        return None


def _from_asyncio(awaitable: Awaitable[Any]) -> "Deferred[Any]":
    """What asyncio runs, for who waits for Deferreds."""
    return Deferred.fromFuture(asyncio.ensure_future(awaitable))


def choose_reactor() -> str | None:
    """Have Twisted run on asyncio's loop, which prompt_toolkit needs; to be called before anything imports the reactor.

    :returns: None, or why that cannot be.
    """
    from twisted.internet import asyncioreactor  # noqa: PLC0415 - it must not be there before the choice

    chosen = sys.modules.get("twisted.internet.reactor")
    if chosen is None:
        asyncioreactor.install()
        return None
    if isinstance(chosen, asyncioreactor.AsyncioSelectorReactor):
        return None
    return N_("A session at a terminal needs twistd's asyncio reactor: leave out --reactor.")
