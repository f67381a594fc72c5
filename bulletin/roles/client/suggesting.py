"""Which name was probably meant, where the board has none like the one that was given."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final

from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.replies import ChannelNames, UserNames
from bulletin.core.wire.requests import ListChannels, ListUsers, ReadLevel
from bulletin.roles.client.interactive.names import COMPARED_MAX, near
from bulletin.roles.client.link import NoAnswer, Refused
from bulletin.roles.client.options import Options
from bulletin.roles.client.service import REFUSED, Client

Command = Callable[[Client, Options], Awaitable[int]]

_GIVEN: Final[dict[str | None, Callable[[Options], Any]]] = {
    "canal": lambda options: options.command.given.get("CHANNEL") or _only(options.command.channels),
    "receptor": lambda options: options.command.given.get("USER"),
    "com": lambda options: options.command.get("with"),
    "user": lambda options: options["user"],
}
"""Where on the command line the name stands that a refusal's field had."""


def suggesting(command: Command) -> Command:
    """A command that names the near channel or user where there is none of the name that it was given."""

    @wraps(command)
    async def carried_out(client: Client, options: Options) -> int:
        try:
            return await command(client, options)
        except Refused as refused:
            client.refused(refused.refusal, refused.sentence, await _near(client, options, refused.refusal))
            return REFUSED

    return carried_out


def _only(channels: tuple[str, ...]) -> str | None:
    return channels[0] if len(channels) == 1 else None


async def _near(client: Client, options: Options, refusal: Refusal) -> str | None:
    given = _GIVEN.get(refusal.field, lambda _options: None)(options)
    if given is None or refusal.code not in {Code.NO_SUCH_CHANNEL, Code.NO_SUCH_USER}:
        return None
    try:
        return near(given, await _names(client, users=refusal.code is Code.NO_SUCH_USER))
    except (Refused, NoAnswer):  # then there is no suggestion
        return None


async def _names(client: Client, *, users: bool) -> list[str]:
    """The board's names, as many as are compared."""
    names: list[str] = []
    more = True
    while more and len(names) < COMPARED_MAX:
        after = names[-1] if names else None
        listed: UserNames | ChannelNames
        if users:
            listed = await client.ask(ListUsers(ReadLevel.LOCAL, after), UserNames)
        else:
            listed = await client.ask(ListChannels(ReadLevel.LOCAL, after), ChannelNames)
        names += listed.names
        more = listed.more and bool(listed.names)
    return names
