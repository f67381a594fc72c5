"""A session: who writes, and where; it carries lines out, and says what became of them.  It knows no terminal."""

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger

from bulletin.core.board import rules
from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.caller import Unreachable
from bulletin.core.client.outbox import Accepted, Delayed, Refused as NotPosted, Undecidable, Verdict
from bulletin.core.client.reader import Event
from bulletin.core.client.streams import Stream
from bulletin.core.client.trouble import Trouble
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.replies import LoggedIn
from bulletin.core.wire.requests import Login, Publish, Send
from bulletin.language import N_, Complaint
from bulletin.roles.client.interactive.asking import Asking
from bulletin.roles.client.interactive.completion import Completion, complete, wants_names
from bulletin.roles.client.interactive.lines import CHANNELS, HELP, JOIN, Order, Say, understand
from bulletin.roles.client.interactive.look import Row, Style, row, summary, where
from bulletin.roles.client.interactive.orders import ORDERS, SHOW_THEMSELVES
from bulletin.roles.client.interactive.reading import Reading
from bulletin.roles.client.interactive.sending import Sending
from bulletin.roles.client.interactive.state import State
from bulletin.roles.client.interactive.voice import Voice
from bulletin.roles.client.link import Link, NoAnswer, Refused
from bulletin.roles.harmless import harmless

TYPED_MAX: Final = 1000
"""Lines that wait for a command before them at most."""

WAITING_SHOWN_MAX: Final = 3
"""Lines under way that stand above the prompt."""

_log = Logger()


class Session:
    """See above.

    :param user: who.
    :param link: to the board; open, with `heard` and `linked` for what happens.
    :param state: the user's files.
    :param voice: shows what there is to show.
    :param pause: fires after so many seconds.
    """

    def __init__(
        self,
        user: str,
        link: Link,
        state: State,
        voice: Voice,
        pause: Callable[[float], "Deferred[None]"],
    ) -> None:
        self.user = user
        self.voice = voice
        self.link = link
        self._pause = pause
        self._state = state
        self.asking = Asking(link, voice, pause)
        self.reading = Reading(self.asking, voice, state, user)
        self.sending = Sending(link, state, voice.now, self._settled, self._forgetful)
        self.current: str | None = None
        self.unsettled = False
        """Whether something got no answer, where nobody waits at a terminal."""
        self.over = False
        """Whether the user has said that he is done."""
        self._typed: deque[str] = deque()
        self._working = False
        self._idle: list[Deferred[None]] = []
        self._showing = 0

    @property
    def prompt(self) -> str:
        """What stands before the line that is typed."""
        channel = "" if self.current is None else f"@{harmless(self.current)}"
        return f"{harmless(self.user)}{channel}> "

    def waiting(self) -> list[Row]:
        """What stands above the prompt: lines under way."""
        lines = self.sending.outbox.lines
        mark = self.voice.say(N_("(waiting)"))
        shown = [row(f"{mark} {summary(line)}", Style.WAITING) for line in lines[:WAITING_SHOWN_MAX]]
        more = len(lines) - len(shown)
        if more:
            count = self.voice.language.count("({number} more waits)", "({number} more wait)", more)
            shown.append(row(count, Style.WAITING))
        return shown

    def history_file(self) -> Path | None:
        """Where what was typed is kept, if it can be."""
        try:
            return self._state.prepare_history()
        except OSError as error:
            _log.warn("What is typed is not kept for the next session: {why}", why=error)
            return None

    # Beginning and ending

    async def begin(self) -> None:
        """Log in, follow the inbox, and go on where the last session stopped.

        At a terminal the board may take its time: lines can be typed meanwhile.

        :raises Refused: the user cannot be logged in.
        :raises NoAnswer: nobody answered, and nobody waits at a terminal.
        """
        adopted = len(self.sending.outbox)
        if adopted:
            self.voice.notice(
                self.voice.language.count(
                    "{number} line of an earlier session was not settled; it is sent now.",
                    "{number} lines of an earlier session were not settled; they are sent now.",
                    adopted,
                )
            )
        for path in self._state.aside:
            sentence = N_("Lines of an earlier session cannot be read, and are not sent: {path}")
            self.voice.error(self.voice.say(sentence, path=harmless(str(path))))
        if self.reading.earlier:
            self.enter(self.reading.earlier[-1])
        result = await self.asking.patiently(lambda: self.asking.ask(Login(self.user), LoggedIn))
        welcome = N_("Welcome back, {user}.") if result.existing else N_("{user} is registered now.")
        self.voice.notice(self.voice.say(welcome, user=harmless(self.user)))
        await self.asking.patiently(lambda: self.reading.follow(self.reading.inbox))
        for channel in tuple(self.reading.earlier):
            await self._enter_again(channel)
        self.sending.begin()
        if self.voice.terminal:
            await self.asking.refresh_if_old()
            if self.current is None:
                hint = N_("{join} enters a channel, {help} lists the commands.")
                self.voice.notice(
                    self.voice.say(hint, join=self.voice.command(JOIN), help=self.voice.command(HELP))
                )

    async def _enter_again(self, channel: str) -> None:
        try:
            await self.asking.patiently(lambda: self.reading.follow_channel(channel))
        except Refused as refused:
            self.voice.error(f"{harmless(channel)}: {self.voice.reason(refused.refusal, refused.sentence)}")
            self.reading.forget(Stream(StreamKind.CHANNEL, channel))
            if self.current == channel:
                self.enter(None)

    def close(self) -> None:
        """Write down what is to be known the next time."""
        self.reading.remember(self.current)
        self.sending.close()

    def tick(self) -> None:
        """Time has passed: every 50 to 200 ms."""
        self.asking.tick()
        self.sending.go_on()
        self.reading.tick(self.current)

    def heard(self, event: Event) -> None:
        """Something happened in a stream."""
        self.reading.heard(event)

    def linked(self, broker: int | None, up: bool) -> None:
        """A connection came or went."""
        self.asking.linked(broker, up)

    def look_up(self, before: str) -> "Deferred[None]":
        """Learn the names that are new, if what stands before the cursor wants one; fires when that is done, or failed."""
        if not wants_names(before):
            return succeed(None)
        return Deferred.fromCoroutine(self.asking.refresh_if_old()).addErrback(self._broken)

    def completions(self, before: str) -> Iterator[Completion]:
        """What the word before the cursor could become, by the names that are known."""
        return complete(before, self.asking.names, self.voice.language)

    # Lines

    def typed(self, text: str) -> None:
        """A person typed a line: it is carried out after those before it."""
        if len(self._typed) >= TYPED_MAX:
            self._give_back([text])
            return
        self._typed.append(text)
        if not self._working:
            self._working = True
            Deferred.fromCoroutine(self._work()).addErrback(self._broken)

    async def _work(self) -> None:
        try:
            while self._typed:
                if not await self.carry_out(self._typed.popleft()):
                    behind = list(self._typed)
                    self._typed.clear()
                    self._give_back(behind)
        finally:
            self._working = False

    def _give_back(self, lines: list[str]) -> None:
        for line in lines:
            self.voice.error(self.voice.say(N_("Not carried out: {line}"), line=harmless(line)))

    async def carry_out(self, text: str) -> bool:
        """Carry a line out; False if what stands behind it was meant for a channel that could not be entered."""
        try:
            text.encode()
        except UnicodeEncodeError:
            self.voice.error(self.voice.say(N_("That line has bytes that are no text.")))
            return True
        meaning = understand(text, self.voice.language)
        if isinstance(meaning, Say):
            self.say(meaning.text)
        elif isinstance(meaning, Complaint):
            self.voice.echo(text)
            self.voice.complain(meaning)
        elif isinstance(meaning, Order):
            if meaning.command not in SHOW_THEMSELVES:
                self.voice.echo(text)
            return await self._obey(meaning)
        return True

    async def _obey(self, order: Order) -> bool:
        try:
            await ORDERS[order.command](self, order.given)
        except Refused as refused:
            self.voice.refused(refused.refusal, refused.sentence)
        except NoAnswer:
            self.unsettled = not self.voice.terminal
            sentence = N_("No broker answered within {seconds:g} s.")
            self.voice.error(self.voice.say(sentence, seconds=self.link.reach.timeout))
        except Complaint as complaint:
            self.voice.complain(complaint)
        else:
            return True
        if not order.command.enters:
            return True
        if not self.voice.terminal:
            self.enter(None)
        return False

    def enter(self, channel: str | None) -> None:
        """Write in this channel from now on."""
        self.current = channel
        self.voice.display.changed()

    def say(self, text: str) -> None:
        """Post a text in the current channel."""
        if self.current is not None:
            self.send(Publish(self.user, self.current, text))
            return
        self.voice.error(
            self.voice.say(
                N_("You are in no channel: {join} enters one, {channels} lists them.  Not posted: {text}"),
                join=self.voice.command(JOIN),
                channels=self.voice.command(CHANNELS),
                text=harmless(text),
            )
        )

    def send(self, request: Publish | Send) -> None:
        """Have a post or a private message sent, now or when it can be."""
        refusal = _invalid(request)
        if refusal is None and not self.sending.has_room(request.message):
            refusal = Refusal(Code.OVERLOADED)
        if refusal is not None:
            self._not_posted(self.voice.reason(refusal), request)
            return
        self.sending.add(request)
        self.voice.display.changed()

    # What became of them

    def _settled(self, verdict: Verdict) -> None:
        request = verdict.line.request
        self.voice.display.changed()
        if isinstance(verdict, Delayed):
            self._delayed(verdict.why)
            return
        self.asking.able("outbox")
        if isinstance(verdict, Accepted):
            self._accepted(_stream(request), verdict.posted.seq)
            return
        reason = self.voice.reason(verdict.refusal, verdict.sentence)
        if isinstance(verdict, Undecidable):
            sentence = N_("{why}  Look whether it is there before you post it again: {line}")
            self.voice.error(self.voice.say(sentence, why=reason, line=_full(request)))
        elif isinstance(verdict, NotPosted):
            self._not_posted(reason, request, self._near(verdict.refusal, request))
        self._settle()

    def _delayed(self, why: Refusal | Unreachable) -> None:
        if isinstance(why, Unreachable):
            self.asking.silence()
        else:
            self.asking.unable("outbox", why)
        if not self.voice.terminal:
            self.unsettled = True
            self._wake()

    def _accepted(self, stream: Stream, seq: int) -> None:
        self._showing += 1
        if self.reading.shows(stream, seq):
            showing = self._until_shown(stream, seq)
        else:
            showing = self._fetch(stream, seq)
        Deferred.fromCoroutine(showing).addErrback(self._broken)

    async def _until_shown(self, stream: Stream, seq: int) -> None:
        """Where nobody waits at a terminal, a post that is acknowledged and cannot be read is not waited for for ever."""
        shown = self.reading.until_shown(stream, seq)
        if self.voice.terminal:
            await shown
        else:
            _, first = await first_of(shown, self._pause(self.link.reach.timeout))
            if first != 0:
                self._say_posted(stream, seq)
        self._shown()

    async def _fetch(self, stream: Stream, seq: int) -> None:
        """Show a post of one's own in what is not followed."""
        try:
            posts = await self.asking.page(stream, 1, seq - 1)
        except (Refused, NoAnswer):
            posts = ()
        if posts and posts[0].seq == seq:
            self.voice.post(posts[0])
        else:
            self._say_posted(stream, seq)
        self._shown()

    def _say_posted(self, stream: Stream, seq: int) -> None:
        sentence = N_("Posted as number {seq} of {stream}.")
        self.voice.result(self.voice.say(sentence, seq=seq, stream=harmless(stream.name)))

    def _shown(self) -> None:
        self._showing -= 1
        self._settle()

    def _near(self, refusal: Refusal, request: Publish | Send) -> str | None:
        if isinstance(request, Send) and refusal.code is Code.NO_SUCH_USER:
            return self.asking.names.users.near(request.receiver)
        if isinstance(request, Publish) and refusal.code is Code.NO_SUCH_CHANNEL:
            return self.asking.names.channels.near(request.channel)
        return None

    def _not_posted(self, reason: str, request: Publish | Send, near: str | None = None) -> None:
        say = self.voice.say
        if near is not None:
            reason += " " + say(N_("Do you mean {near}?"), near=harmless(near))
        self.voice.error(say(N_("{why}  Not posted: {line}"), why=reason, line=_full(request)))

    def _forgetful(self, error: OSError) -> None:
        sentence = N_("What is not sent yet is lost when this ends: it cannot be written down ({why}).")
        self.voice.notice(self.voice.say(sentence, why=error.strerror or error))

    # The end

    async def last_lines(self, seconds: float) -> None:
        """Give what was typed last a moment to be settled, if there is a connection."""
        if len(self.sending.outbox) and not self.asking.troubles.lasting(Trouble.BROKER):
            await first_of(self.settled(), self._pause(seconds))

    def left(self) -> str | None:
        """What to say of the lines that are kept for the next session."""
        number = len(self.sending.outbox)
        if not number:
            return None
        return self.voice.language.count(
            "{number} line is kept, and sent when the next session begins.",
            "{number} lines are kept, and sent when the next session begins.",
            number,
        )

    def settled(self) -> "Deferred[None]":
        """Fires when nothing is under way any more, or when what is cannot be settled now."""
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        self._settle()
        if self.unsettled:
            self._wake()
        return idle

    def _settle(self) -> None:
        if not len(self.sending.outbox) and not self._showing:
            self._wake()

    def _wake(self) -> None:
        waiting, self._idle = self._idle, []
        for idle in waiting:
            idle.callback(None)

    def _broken(self, failure: Any) -> None:
        _log.failure("Something in the session failed", failure)
        self.voice.error(
            self.voice.say(N_("The client failed; run it again with twistd --logfile FILE to see why."))
        )


async def first_of(*waited: "Deferred[None]") -> tuple[None, int]:
    """Wait for the first of several; what it gave, and which it was."""
    found: tuple[None, int] = await DeferredList(waited, fireOnOneCallback=True)
    return found


def _stream(request: Publish | Send) -> Stream:
    if isinstance(request, Publish):
        return Stream(StreamKind.CHANNEL, request.channel)
    return Stream(StreamKind.INBOX, request.receiver)


def _full(request: Publish | Send) -> str:
    return f"{where(request)}: {harmless(request.message)}"


def _invalid(request: Publish | Send) -> Refusal | None:
    """What the board would refuse of a request's content."""
    try:
        if isinstance(request, Publish):
            rules.own_name(request.channel, "canal")
        else:
            rules.own_name(request.receiver, "receptor")
        rules.message(request.message, "message")
    except Refusal as refusal:
        return refusal.as_value()
    return None
