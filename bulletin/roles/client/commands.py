"""What each command does, as a coroutine: it asks, shows, and says which status to end with."""

from typing import Final

from twisted.internet.defer import Deferred

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.caller import Unreachable
from bulletin.core.client.reader import Caught, Delivered, Event, Failed, Recovered, WasReset
from bulletin.core.client.streams import Stream
from bulletin.core.wire import requests
from bulletin.core.wire.replies import (
    ChannelCreated,
    ChannelNames,
    LoggedIn,
    PublishedPage,
    UserNames,
)
from bulletin.core.wire.requests import ReadLevel
from bulletin.language import N_
from bulletin.roles.client.clocks import clocks
from bulletin.roles.client.link import Refused, without_effect
from bulletin.roles.client.options import Options
from bulletin.roles.client.service import DONE, Client
from bulletin.roles.client.suggesting import Command, suggesting
from bulletin.roles.harmless import harmless


async def login(client: Client, options: Options) -> int:
    """``login USER``."""
    user = options.command.given["USER"]
    result = await client.ask(requests.Login(user), LoggedIn)
    client.show.logged_in(user, existing=result.existing)
    return DONE


async def users(client: Client, options: Options) -> int:
    """``users``: all of them, over as many replies as it takes."""
    after: str | None = None
    while True:
        result = await client.ask(requests.ListUsers(_level(options), after), UserNames)
        client.show.names("user", result.names)
        if not (result.more and result.names):
            return DONE
        after = result.names[-1]


async def channels(client: Client, options: Options) -> int:
    """``channels``, likewise."""
    after: str | None = None
    while True:
        result = await client.ask(requests.ListChannels(_level(options), after), ChannelNames)
        client.show.names("channel", result.names)
        if not (result.more and result.names):
            return DONE
        after = result.names[-1]


async def create(client: Client, options: Options) -> int:
    """``create CHANNEL``."""
    channel = options.command.given["CHANNEL"]
    result = await client.ask(requests.CreateChannel(options["user"] or "", channel), ChannelCreated)
    client.show.created(channel, existing=result.existing)
    return DONE


async def publish(client: Client, options: Options) -> int:
    """``publish CHANNEL TEXT``."""
    given = options.command.given
    request = requests.Publish(options["user"], given["CHANNEL"], given["TEXT"])
    posted = await client.post(request, options.command["id"])
    client.show.posted(N_("Published as number {seq} of {stream}."), given["CHANNEL"], posted)
    return DONE


async def send(client: Client, options: Options) -> int:
    """``send USER TEXT``."""
    given = options.command.given
    request = requests.Send(options["user"], given["USER"], given["TEXT"])
    posted = await client.post(request, options.command["id"])
    client.show.posted(N_("Sent: it is number {seq} in {stream}'s inbox."), given["USER"], posted)
    return DONE


async def history(client: Client, options: Options) -> int:
    """``history CHANNEL``: a page."""
    return await _page(client, options, StreamKind.CHANNEL, options.command.given["CHANNEL"], None)


async def inbox(client: Client, options: Options) -> int:
    """``inbox``: a page of it, or of a conversation."""
    return await _page(client, options, StreamKind.INBOX, options["user"], options.command["with"])


async def _page(client: Client, options: Options, kind: StreamKind, stream: str, partner: str | None) -> int:
    asked = options.command
    query = PageQuery(kind, stream, partner, asked["since"], asked["before"], asked["limit"])
    page = await client.ask(requests.History(_level(options), query), PublishedPage)
    for post in page.posts:
        client.show.post(post, stream=partner is not None)
    if page.more and page.posts:
        option, edge = ("--before", page.posts[0]) if query.since is None else ("--since", page.posts[-1])
        client.show.more(option, edge.seq if partner is None else edge.clock)
    return DONE


async def tail(client: Client, options: Options) -> int:
    """``tail CHANNEL…``: until interrupted, or until so many posts came."""
    asked = options.command
    streams = tuple(Stream(StreamKind.CHANNEL, name) for name in asked.channels)
    tailing = Tailing(client, several=len(streams) > 1, count=asked["count"])
    client.follow(streams, tailing.heard, since=asked["since"], last=asked["limit"])
    return await tailing.ended


class Tailing:
    """What a tail makes of what it hears.

    :param client: whose.
    :param several: whether it follows several channels.
    :param count: how many posts to end after, or None.
    """

    def __init__(self, client: Client, *, several: bool, count: int | None) -> None:
        self._client = client
        self._several = several
        self._left = count
        self._begun: set[Stream] = set()
        self.ended: Deferred[int] = Deferred()

    def heard(self, event: Event) -> None:
        """One event."""
        if self.ended.called:
            return
        show = self._client.show
        match event:
            case Delivered(stream, post):
                self._begun.add(stream)
                show.post(post, stream=self._several)
                self._count()
            case Caught(stream):
                self._begun.add(stream)
            case WasReset(stream, cursor, head):
                show.reset(stream, cursor, head)
            case Recovered(stream):
                if stream in self._begun:
                    show.notice(N_("{channel}: the board is back."), channel=harmless(stream.name))
            case Failed():
                self._failed(event)

    def _count(self) -> None:
        if self._left is not None:
            self._left -= 1
            if not self._left:
                self.ended.callback(DONE)

    def _failed(self, event: Failed) -> None:
        """What will not mend itself, or was never whole, is the end; what was whole is waited for."""
        why, stream = event.why, event.stream
        if not isinstance(why, Unreachable) and (why.retry_after is None or stream not in self._begun):
            if self._several:
                self._client.show.notice(N_("{channel} cannot be followed."), channel=harmless(stream.name))
            self.ended.errback(Refused(without_effect(why), ""))
        elif isinstance(why, Unreachable) and stream not in self._begun:
            self._client.no_answer(write=False)
        else:
            show = self._client.show
            silence = show.language.say(N_("no answer"))
            reason = silence if isinstance(why, Unreachable) else why.sentence(show.language.code)
            show.notice(
                N_("{channel}: the history cannot be read at the moment ({why}); waiting for it."),
                channel=harmless(stream.name),
                why=reason.rstrip("."),
            )


def _level(options: Options) -> ReadLevel:
    return ReadLevel.LOCAL if options.command["local"] else ReadLevel.LINEARIZABLE


COMMANDS: Final[dict[str, Command]] = {
    "login": login,
    "users": users,
    "channels": channels,
    "create": create,
    "publish": suggesting(publish),
    "send": suggesting(send),
    "history": suggesting(history),
    "inbox": suggesting(inbox),
    "tail": suggesting(tail),
    "clocks": clocks,
}

PATIENT: Final = ("tail", "clocks")
"""Those that an interruption is meant to end."""
