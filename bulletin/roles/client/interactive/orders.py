"""What each command does: a coroutine, which raises why it could not be done."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.streams import Stream
from bulletin.core.client.trouble import Trouble
from bulletin.core.errors import Code
from bulletin.core.limits import PAGE_POSTS_MAX
from bulletin.core.wire.replies import ChannelCreated
from bulletin.core.wire.requests import CreateChannel, Send
from bulletin.language import N_, Complaint
from bulletin.roles.client.interactive.lines import (
    BY_WORD,
    CHANNELS,
    COMMANDS,
    CREATE,
    DISCARD,
    HELP,
    HISTORY,
    INBOX,
    JOIN,
    LEAVE,
    MESSAGE,
    QUIT,
    SAY,
    STATUS,
    USERS,
    Command,
    Place,
    plain_word,
    unknown,
)
from bulletin.roles.client.interactive.look import Style, columns, row, summary
from bulletin.roles.client.interactive.names import Names
from bulletin.roles.client.interactive.reading import FOLLOWED_MAX
from bulletin.roles.client.link import Refused
from bulletin.roles.harmless import harmless

if TYPE_CHECKING:
    from bulletin.roles.client.interactive.session import Session

Given = Mapping[Place, str]

PAGE: Final = 20
"""Posts that are shown where no number is given."""

LISTED_MAX: Final = 500
"""Names of a list that are shown."""


async def join(session: "Session", given: Given) -> None:
    """Follow a channel and write in it."""
    channel = given[Place.CHANNEL]
    known = session.asking.names.channels
    if not session.reading.follows(channel) and channel not in known:
        await session.asking.refresh()
        if channel not in known:
            raise _no_channel(session, channel)
    await _enter(session, channel)


async def create(session: "Session", given: Given) -> None:
    """Create a channel and enter it."""
    channel = given[Place.CHANNEL]
    created = await session.asking.ask(CreateChannel(session.user, channel), ChannelCreated)
    session.asking.names.channels.learn(channel)
    sentence = N_("The channel {channel} is there now.")
    if created.existing:
        sentence = N_("The channel {channel} was there already.")
    session.voice.notice(session.voice.say(sentence, channel=harmless(channel)))
    await _enter(session, channel)


async def leave(session: "Session", given: Given) -> None:
    """Follow a channel no longer; the one that was entered before is the current one then."""
    channel = given.get(Place.CHANNEL, session.current)
    if channel is None:
        raise _nowhere()
    if not session.reading.follows(channel):
        raise Complaint(N_("You do not follow {channel}."), channel=harmless(channel))
    session.reading.leave(channel)
    session.voice.notice(session.voice.say(N_("You have left {channel}."), channel=harmless(channel)))
    if session.current == channel:
        others = session.reading.channels
        session.enter(others[-1] if others else None)
        _say_where(session)


async def say(session: "Session", given: Given) -> None:
    """Post a text, whatever it begins with."""
    session.say(given[Place.TEXT])


async def message(session: "Session", given: Given) -> None:
    """Send a private message."""
    receiver = given[Place.USER]
    if receiver not in session.asking.names.users:
        await session.asking.refresh_if_old()
    session.send(Send(session.user, receiver, given[Place.TEXT]))


async def history(session: "Session", given: Given) -> None:
    """Show the last posts of a channel."""
    channel = given.get(Place.CHANNEL, session.current)
    if channel is None:
        raise _nowhere()
    try:
        await _page(session, Stream(StreamKind.CHANNEL, channel), given)
    except Refused as refused:
        if refused.refusal.code is not Code.NO_SUCH_CHANNEL:
            raise
        await session.asking.refresh_if_old()
        raise _no_channel(session, channel) from None


async def inbox(session: "Session", given: Given) -> None:
    """Show the last private messages."""
    await _page(session, session.reading.inbox, given)


async def channels(session: "Session", given: Given) -> None:
    """List the channels."""
    del given
    await session.asking.refresh()
    _list(session, session.asking.names.channels)


async def users(session: "Session", given: Given) -> None:
    """List the users."""
    del given
    await session.asking.refresh()
    _list(session, session.asking.names.users)


async def status(session: "Session", given: Given) -> None:
    """Say who, where, what is followed, what waits, and how the connection is."""
    del given
    voice = session.voice
    lasting = session.asking.troubles.lasting
    none = "-"
    if lasting(Trouble.BROKER):
        connection = voice.say(N_("lost"))
    elif lasting(Trouble.PROXY):
        connection = voice.say(N_("without a proxy: posts come late"))
    else:
        connection = voice.say(N_("works"))
    channels_ = ", ".join(harmless(name) for name in session.reading.channels)
    for sentence, value in (
        (N_("You are {value}."), harmless(session.user)),
        (N_("Brokers: {value}"), ", ".join(session.link.reach.brokers)),
        (N_("Connection: {value}"), connection),
        (N_("Followed channels: {value}"), channels_ or none),
        (N_("Your Lamport clock: {value}"), session.link.clock.value),
        (N_("Lines that wait: {value}"), len(session.sending.outbox) or none),
    ):
        voice.result(voice.say(sentence, value=value))
    for line in session.sending.outbox.lines:
        voice.result("  " + summary(line))


async def discard(session: "Session", given: Given) -> None:
    """Forget the lines that wait."""
    del given
    lines = session.sending.discard()
    session.voice.display.changed()
    if not lines:
        session.voice.result(session.voice.say(N_("No line waits.")))
        return
    for line in lines:
        session.voice.result(session.voice.say(N_("Forgotten: {line}"), line=summary(line)))
    session.voice.result(session.voice.say(N_("The first may have been posted all the same.")))


async def help_(session: "Session", given: Given) -> None:
    """Explain the commands, on one screen, or one of them."""
    voice = session.voice
    asked = given.get(Place.COMMAND)
    if asked is None:
        voice.display.show([row(line, Style.NOTICE) for line in help_page(session)])
        return
    command = BY_WORD.get(plain_word(asked.removeprefix("/")))
    if command is None:
        raise unknown(asked.removeprefix("/"), voice.language)
    voice.result(f"{command.usage(voice.language)}: {voice.say(command.help)}")
    voice.result("  " + ", ".join("/" + word for word in command.words))


def help_page(session: "Session") -> list[str]:
    """The commands, in the session's language, and the keys."""
    voice = session.voice
    usages = [command.usage(voice.language) for command in COMMANDS]
    wide = max(map(len, usages)) + 2
    page = [
        usage.ljust(wide) + voice.say(command.help) for usage, command in zip(usages, COMMANDS, strict=True)
    ]
    return [
        voice.say(N_("A line that begins with no / is posted in the channel that the prompt names.")),
        voice.say(N_('// posts a line that begins with /.  A name with blanks stands in quotes: "…".')),
        *page,
        voice.say(N_("Commands have their English and their Portuguese names in either language.")),
        voice.say(N_("Keys: Tab completes, Up and Ctrl-R find earlier lines, Ctrl-D ends,")),
        voice.say(N_("Alt-Enter begins a new line in the text, Ctrl-C clears it (twice: ends).")),
    ]


async def quit_(session: "Session", given: Given) -> None:
    """End the session."""
    del given
    session.over = True
    session.voice.display.changed()


async def _enter(session: "Session", channel: str) -> None:
    if not session.reading.follows(channel):
        if len(session.reading.channels) >= FOLLOWED_MAX:
            raise Complaint(N_("You follow {number} channels already; leave one first."), number=FOLLOWED_MAX)
        await session.reading.follow_channel(channel)
    session.enter(channel)
    _say_where(session)


def _say_where(session: "Session") -> None:
    if session.current is not None:
        sentence = N_("What you type is posted in {channel} now.")
        session.voice.notice(session.voice.say(sentence, channel=harmless(session.current)))


async def _page(session: "Session", stream: Stream, given: Given) -> None:
    number = min(PAGE_POSTS_MAX, max(1, int(given.get(Place.NUMBER, PAGE))))
    for post in await session.asking.page(stream, number):
        session.voice.post(post)


def _list(session: "Session", names: Names) -> None:
    voice = session.voice
    shown = names.first(LISTED_MAX)
    voice.display.show(columns(shown, voice.display.width))
    more = len(names) - len(shown)
    if more:
        voice.notice(voice.language.count("… and {number} more", "… and {number} more", more))


def _no_channel(session: "Session", channel: str) -> Complaint:
    near = session.asking.names.channels.near(channel)
    create_ = session.voice.command(CREATE)
    if near is None:
        sentence = N_("There is no channel {channel}; {create} creates it.")
        return Complaint(sentence, channel=harmless(channel), create=create_)
    sentence = N_("There is no channel {channel}.  Do you mean {near}?  {create} creates a new one.")
    return Complaint(sentence, channel=harmless(channel), near=harmless(near), create=create_)


def _nowhere() -> Complaint:
    return Complaint(N_("You are in no channel; say which."))


ORDERS: Final[Mapping[Command, Callable[["Session", Given], Awaitable[None]]]] = {
    JOIN: join,
    CREATE: create,
    LEAVE: leave,
    SAY: say,
    MESSAGE: message,
    HISTORY: history,
    INBOX: inbox,
    CHANNELS: channels,
    USERS: users,
    STATUS: status,
    DISCARD: discard,
    HELP: help_,
    QUIT: quit_,
}

SHOW_THEMSELVES: Final = frozenset({SAY, MESSAGE})
"""Commands whose line need not be repeated: what they do is seen."""
