"""What a session asks the board, and what it says of the connection."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from bulletin.core.board.history import PageQuery
from bulletin.core.client.streams import Stream
from bulletin.core.client.trouble import Changed, Trouble, Troubles
from bulletin.core.errors import Refusal
from bulletin.core.limits import CHANNELS_MAX, USERS_MAX
from bulletin.core.wire.publications import Published
from bulletin.core.wire.replies import ChannelNames, PublishedPage, UserNames
from bulletin.core.wire.requests import History, ListChannels, ListUsers, Query, ReadLevel, Write
from bulletin.language import N_
from bulletin.roles.client.interactive.names import Directory
from bulletin.roles.client.interactive.voice import Voice
from bulletin.roles.client.link import AnyResult, Link, NoAnswer, Refused

REFRESH: Final = 0.2
"""Seconds at least between two looks at the lists of names that nobody asked for."""

PAUSE: Final = 1.0
"""Seconds until the board is asked again what a session cannot do without."""

T = TypeVar("T")


class Asking:
    """See above.

    :param link: to the board.
    :param voice: says what happens to the connection.
    :param pause: something to await that comes after so many seconds.
    """

    def __init__(self, link: Link, voice: Voice, pause: Callable[[float], Awaitable[object]]) -> None:
        self.link = link
        self.names = Directory()
        self.troubles = Troubles(len(link.reach.brokers), voice.now())
        self._voice = voice
        self._pause = pause
        self._refreshed = float("-inf")

    async def ask(self, request: Write | Query, expected: type[AnyResult]) -> AnyResult:
        """Make a request; see `Link.ask`."""
        try:
            result = await self.link.ask(request, expected)
        except NoAnswer:
            self.silence()
            raise
        except Refused:
            self.answered()
            raise
        self.answered()
        return result

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Do something that a session cannot do without; where a person is there it may take as long as it takes."""
        while True:
            try:
                return await attempt()
            except NoAnswer:
                if not self._voice.terminal or self.link.closed:
                    raise
            except Refused as refused:
                if not self._voice.terminal or refused.refusal.retry_after is None:
                    raise
                self.unable("begin", refused.refusal)
            await self._pause(PAUSE)

    async def page(self, stream: Stream, limit: int, since: int | None = None) -> Sequence[Published]:
        """Some posts of a stream: the last ones, or the first ones after a number."""
        query = PageQuery(stream.kind, stream.name, None, since, None, limit)
        return (await self.ask(History(ReadLevel.LINEARIZABLE, query), PublishedPage)).posts

    async def refresh(self) -> None:
        """Learn the names that are new: as many as a board may have, whatever a broker says."""
        level = ReadLevel.LINEARIZABLE
        self._refreshed = self._voice.now().monotonic
        left = CHANNELS_MAX
        while left > 0:
            listed = await self.ask(ListChannels(level, self.names.channels.listed), ChannelNames)
            self.names.channels.listing(listed.names)
            left = left - len(listed.names) if listed.more and listed.names else 0
        left = USERS_MAX
        while left > 0:
            named = await self.ask(ListUsers(level, self.names.users.listed), UserNames)
            self.names.users.listing(named.names)
            left = left - len(named.names) if named.more and named.names else 0

    async def refresh_if_old(self) -> None:
        """The same, if it was not done just now; a failure is no loss."""
        if self._voice.now().monotonic - self._refreshed < REFRESH:
            return
        try:
            await self.refresh()
        except (NoAnswer, Refused):
            return

    # The connection

    def linked(self, broker: int | None, up: bool) -> None:
        """A broker, or with None the proxies: connected, or no longer."""
        if broker is None:
            self.troubles.proxy_linked(up=up)
        else:
            self.troubles.broker_linked(broker, up=up)
        self.tell()

    def silence(self) -> None:
        """A request got no answer."""
        self.troubles.silence()
        self.tell()

    def answered(self) -> None:
        """A request was answered."""
        self.troubles.answered()
        self.troubles.able("begin")
        self.tell()

    def unable(self, source: object, why: Refusal) -> None:
        """The board cannot do something at the moment; see `Troubles.unable`."""
        self.troubles.answered()
        self.troubles.unable(source, why)
        self.tell()

    def able(self, source: object) -> None:
        """It did that; see `Troubles.able`."""
        self.troubles.answered()
        self.troubles.able(source)
        self.tell()

    def tick(self) -> None:
        """Time has passed."""
        self.troubles.tick(self._voice.now())
        self.tell()

    def tell(self) -> None:
        """Say what has changed."""
        for change in self.troubles.changes():
            self._voice.notice(self._sentence(change))

    def _sentence(self, change: Changed) -> str:
        say = self._voice.say
        match change.trouble, change.failed:
            case Trouble.BROKER, True:
                return say(
                    N_("The connection is lost: no broker answers.  What you write is kept until it is back.")
                )
            case Trouble.BROKER, False:
                return say(N_("The connection is back."))
            case Trouble.PROXY, True:
                return say(N_("The connection to the proxy is lost: posts come late, from the history."))
            case Trouble.PROXY, False:
                return say(N_("The connection to the proxy is back."))
            case _, True:
                why = "" if change.why is None else self._voice.reason(change.why.as_value())
                return say(N_("The board is not able to work at the moment.  {why}"), why=why)
            case _:
                return say(N_("The board works again."))
