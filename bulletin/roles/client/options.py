"""The client's command line: options for all commands, before or after the command's name, and each command's own."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, ClassVar, Final

import attrs
from twisted.python import usage

from bulletin.core.errors import ENGLISH, PORTUGUESE
from bulletin.core.limits import CLOCK_MAX, MESSAGE_BYTES_MAX, PAGE_POSTS_DEFAULT, PAGE_POSTS_MAX
from bulletin.roles.options import (
    FLAG,
    NAME,
    Mistake,
    Option,
    RoleOptions,
    choice,
    endpoints,
    integer,
    real,
)

WRONG_USAGE: Final = 2

COUNT_MAX: Final = 10**9

FOR_ALL: Final = (
    Option("broker", endpoints(listen=False), "brokers, asked one after the other", "tcp://127.0.0.1:5555"),
    Option("proxy", endpoints(listen=False), "proxies, heard all together", "tcp://127.0.0.1:5558"),
    Option("user", NAME, "who you are"),
    Option("timeout", real(0.1, 3600), "seconds to wait for an answer", "5"),
    Option("lang", choice(ENGLISH, PORTUGUESE), "the language: en or pt; else by LANG"),
    Option("json", FLAG, "print one JSON object a line"),
)

_SINCE: Final = Option("since", integer(0, CLOCK_MAX), "the first posts after this number")
_BEFORE: Final = Option("before", integer(0, CLOCK_MAX), "the last posts before this number")
_LIMIT: Final = Option("limit", integer(1, PAGE_POSTS_MAX), "this many at most", str(PAGE_POSTS_DEFAULT))
_LOCAL: Final = Option(
    "local", FLAG, "what one server has, perhaps a little old; works without a majority, too"
)


class CommandOptions(RoleOptions):
    """What stands behind a command's name.

    After parsing, `given` has its arguments by their names, or `channels` those of a command that takes any number.
    The options for all commands may stand here as well; those that do are in ``self`` under their names, the others None.
    """

    exit_status: ClassVar[int] = WRONG_USAGE
    longdesc: ClassVar[str]
    """What it does, for its ``--help``."""
    arguments: ClassVar[tuple[str, ...]] = ()
    """The names of what it must be given."""
    needs_user: ClassVar[bool] = False
    """Whether it acts for somebody."""
    own: ClassVar[tuple[Option, ...]] = ()
    """Its own options."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Take the options for all commands, without defaults, beside its own."""
        cls.table = (*(attrs.evolve(option, default=None) for option in FOR_ALL), *cls.own)
        super().__init_subclass__(**arguments)

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        variables = {option.variable for option in FOR_ALL}  # these are the outer options' to read
        super().__init__({name: value for name, value in environment.items() if name not in variables})
        self.given: dict[str, str] = {}
        self.channels: tuple[str, ...] = ()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command's words; options may stand behind its arguments, too, unless one of those is free text."""
        if options is not None and "TEXT" not in self.arguments:
            options = self._options_first(options)
        super().parseOptions(options)

    def _options_first(self, words: Sequence[str]) -> list[str]:
        """The same words with the options in front, as getopt wants them; behind ``--`` there are none."""
        flags = {f"--{option.name}" for option in self.table if option.kind.flag} | {"--help", "--version"}
        options: list[str] = []
        arguments: list[str] = []
        left = iter(words)
        for word in left:
            if word == "--":
                break
            if not word.startswith("--"):
                arguments.append(word)
                continue
            options.append(word)
            if "=" not in word and word not in flags:
                options.extend(islice(left, 1))
        return [*options, "--", *arguments, *left]

    def getSynopsis(self) -> str:
        """The line above the options in ``--help``."""
        return " ".join(("Usage: twistd bulletin-client [options]", *self._names()))

    def parseArgs(self, *arguments: str) -> None:
        """Take exactly what the command must be given."""
        if len(arguments) != len(self.arguments):
            raise usage.UsageError(self._wrong_number(len(arguments)))
        self.given = {name: valid(text) for name, text in zip(self.arguments, arguments, strict=True)}

    def _wrong_number(self, given: int) -> str:
        wanted = " and ".join(self.arguments) or "no argument"
        if given > len(self.arguments) and "TEXT" in self.arguments:
            return f"It takes {wanted}: quote a text of several words, and put options before {self.arguments[0]}."
        return f"It takes {wanted}, and was given {given or 'none'}."

    def check(self) -> None:
        """Whether its own options go together."""
        if self.get("since") is not None and self.get("before") is not None:
            raise Mistake("--since and --before exclude each other")

    def _names(self) -> Iterator[str]:
        yield from () if self.parent is None else (str(self.parent.subCommand),)
        yield "[options]"
        yield from self.arguments


class Login(CommandOptions):
    """Register a user, or greet one."""

    longdesc = "Registers a user at first, greets one later."
    arguments = ("USER",)


class Users(CommandOptions):
    """List the users."""

    longdesc = "Lists the users, in the order in which they were registered."
    own = (_LOCAL,)


class Channels(CommandOptions):
    """List the channels."""

    longdesc = "Lists the channels, in the order in which they were created."
    own = (_LOCAL,)


class Create(CommandOptions):
    """Create a channel."""

    longdesc = "Creates a channel; one that is there already is no mistake."
    arguments = ("CHANNEL",)


class Publish(CommandOptions):
    """Publish a text; ``-`` takes it from standard input."""

    longdesc = "Publishes a text in a channel; - as TEXT takes it from standard input.  Options stand before CHANNEL."
    arguments = ("CHANNEL", "TEXT")
    needs_user = True

    def check(self) -> None:
        """Read the text, if it is to come from standard input."""
        if self.given["TEXT"] == "-":
            self.given["TEXT"] = text_of_stdin()


class Send(CommandOptions):
    """Send a private message; ``-`` takes it from standard input."""

    longdesc = "Sends a private message to a user; - as TEXT takes it from standard input.  Options stand before USER."
    arguments = ("USER", "TEXT")
    needs_user = True

    def check(self) -> None:
        """Read the text, if it is to come from standard input."""
        if self.given["TEXT"] == "-":
            self.given["TEXT"] = text_of_stdin()


class History(CommandOptions):
    """Read a page of a channel's history."""

    longdesc = (
        "Reads a page of a channel, oldest first: its last posts, if neither --since nor --before is given."
    )
    arguments = ("CHANNEL",)
    own = (_SINCE, _BEFORE, _LIMIT, _LOCAL)


class Inbox(CommandOptions):
    """Read a page of your inbox, or of your conversation with somebody."""

    longdesc = "Reads a page of --user's inbox, oldest first: its last posts, if neither --since nor --before is given."
    needs_user = True
    own = (
        Option("with", NAME, "the conversation with this user; numbers are the board's clock then"),
        _SINCE,
        _BEFORE,
        _LIMIT,
        _LOCAL,
    )


class Tail(CommandOptions):
    """Follow channels."""

    longdesc = "Shows the last posts of channels, then each new one, until Ctrl-C."
    arguments = ("CHANNEL…",)
    own = (
        Option("since", integer(0, CLOCK_MAX), "begin after this number, from the history; of one channel"),
        Option("limit", integer(0, PAGE_POSTS_MAX), "begin with so many of the last posts", "10"),
        Option("count", integer(1, COUNT_MAX), "end after so many posts"),
    )

    def parseArgs(self, *arguments: str) -> None:
        """Take one channel or several, each once."""
        if not arguments:
            raise usage.UsageError("It takes one CHANNEL at least.")
        self.channels = tuple(dict.fromkeys(valid(text) for text in arguments))

    def check(self) -> None:
        """A number means something in one channel only."""
        if self["since"] is not None and len(self.channels) > 1:
            raise Mistake("--since is a number of one channel, and there are several")


COMMANDS: Final[tuple[tuple[str, type[CommandOptions], str], ...]] = (
    ("login", Login, "USER: register a user, or greet one."),
    ("users", Users, "List the users."),
    ("channels", Channels, "List the channels."),
    ("create", Create, "CHANNEL: create a channel."),
    ("publish", Publish, "CHANNEL TEXT: publish a text; - takes it from standard input."),
    ("send", Send, "USER TEXT: send a private message; - takes it from standard input."),
    ("history", History, "CHANNEL: read a page of a channel's history."),
    ("inbox", Inbox, "Read a page of your inbox."),
    ("tail", Tail, "CHANNEL…: follow channels."),
)


class Options(RoleOptions):
    """The options of ``bulletin-client``; ``command`` is the command's own."""

    table: ClassVar = FOR_ALL
    exit_status: ClassVar[int] = WRONG_USAGE
    longdesc: ClassVar[str] = (
        "Ends with status 0 when it is done, 1 when the board refused (the sentence is on standard error), 2 after "
        "wrong usage, 3 when no broker answered in time, 130 when it was interrupted.  COMMAND --help says more."
    )

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        super().__init__(environment)
        self.environment = environment

    def getSynopsis(self) -> str:
        """The line above the options in ``--help``."""
        return "Usage: twistd bulletin-client [options] COMMAND [options] [argument…]"

    @property
    def subCommands(self) -> list[tuple[str, None, Callable[[], CommandOptions], str]]:
        """The commands, as Twisted reads them."""
        return [(name, None, partial(options, self.environment), doc) for name, options, doc in COMMANDS]

    @property
    def command(self) -> CommandOptions:
        """What stands behind the command's name."""
        options: CommandOptions = self.subOptions
        return options

    def check(self) -> None:
        """Bring together what stood before and after the command's name; have twistd stay in the foreground."""
        if self.subCommand is None:
            raise Mistake(f"a command is missing: {', '.join(name for name, _, _ in COMMANDS)}")
        for option in FOR_ALL:
            if self.command[option.name]:
                self[option.name] = self.command[option.name]
        if self["lang"] is None:
            self["lang"] = language(self.environment)
        if self.command.needs_user and self["user"] is None:
            raise Mistake(f"{self.subCommand} needs --user NAME (or BULLETIN_USER)")
        if self.parent is not None:
            stay_in_foreground(self.parent)


def stay_in_foreground(twistd: Any) -> None:
    """Set twistd's own options, which it looks at after ours: no fork, no pid file, no log but one that was asked for."""
    twistd["nodaemon"] = True
    twistd["no_save"] = True
    twistd["pidfile"] = ""
    if not (twistd["logfile"] or twistd["logger"] or twistd["syslog"]):
        twistd["logger"] = "bulletin.roles.client.process.silent_log"


def language(environment: Mapping[str, str]) -> str:
    """The language that the environment asks for, by the first of its variables that says something."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(variable):
            return PORTUGUESE if environment[variable].lower().startswith("pt") else ENGLISH
    return ENGLISH


def valid(text: str) -> str:
    """An argument, if it is valid Unicode: Python lets other bytes through as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise usage.UsageError("An argument is not valid UTF-8.") from None
    return text


def text_of_stdin() -> str:
    """The text of standard input, without its last line end."""
    if sys.stdin is None:
        raise Mistake("standard input is closed")
    data = sys.stdin.buffer.read(MESSAGE_BYTES_MAX + 3)
    if len(data) > MESSAGE_BYTES_MAX + 2:
        raise Mistake(f"standard input has more than {MESSAGE_BYTES_MAX} bytes")
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise Mistake("standard input is not valid UTF-8") from None
