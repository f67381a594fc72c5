"""The client's command line: options for all commands, before or after the command's name, and each command's own."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final, TextIO

import attrs

from bulletin.core.limits import CLOCK_MAX, MESSAGE_BYTES_MAX, PAGE_POSTS_DEFAULT, PAGE_POSTS_MAX
from bulletin.language import N_, Language
from bulletin.roles.client.help import LANGUAGES, SpokenOptions, asked_language
from bulletin.roles.options import (
    FLAG,
    Kind,
    Mistake,
    Option,
    choice,
    endpoint,
    endpoints,
    integer,
    real,
)

WRONG_USAGE: Final = 2

COMMAND_LINE: Final = "twistd bulletin-client"

COUNT_MAX: Final = 10**9


def valid(text: str) -> str:
    """A word of the command line, if it is valid Unicode: Python lets other bytes through as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Mistake(N_("an argument is not valid UTF-8")) from None
    return text


TEXT: Final = Kind(valid)
"""Anything; what a name or an id must be like is the board's to say, wherever it stands on the command line."""

FOR_ALL: Final = (
    Option(
        "broker", endpoints(listen=False), N_("brokers, asked one after the other"), "tcp://127.0.0.1:5555"
    ),
    Option("proxy", endpoints(listen=False), N_("proxies, heard all together"), "tcp://127.0.0.1:5558"),
    Option("user", TEXT, N_("who you are")),
    Option("timeout", real(0.1, 3600), N_("seconds to wait for an answer"), "5"),
    Option("lang", choice(*LANGUAGES), N_("the language: en or pt; else by LANG")),
    Option("json", FLAG, N_("print one JSON object a line")),
)

_SINCE: Final = Option("since", integer(0, CLOCK_MAX), N_("the first posts after this number"))
_BEFORE: Final = Option("before", integer(0, CLOCK_MAX), N_("the last posts before this number"))
_LIMIT: Final = Option("limit", integer(1, PAGE_POSTS_MAX), N_("this many at most"), str(PAGE_POSTS_DEFAULT))
_LOCAL: Final = Option(
    "local", FLAG, N_("what one server has, perhaps a little old; works without a majority, too")
)
_ID: Final = Option(
    "id",
    TEXT,
    N_("the id of an earlier try of the same command, which may have taken effect; or one of your own"),
)


class CommandOptions(SpokenOptions):
    """What stands behind a command's name.

    After parsing, `given` has its arguments by their names, or `channels` those of a command that takes any number.
    The options for all commands may stand here as well; those that do are in ``self`` under their names, the others None.
    """

    exit_status: ClassVar[int] = WRONG_USAGE
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

    def __init__(
        self, environment: Mapping[str, str] = os.environ, language: Language = SpokenOptions.language
    ) -> None:
        variables = {option.variable for option in FOR_ALL}  # these are the outer options' to read
        environment = {name: value for name, value in environment.items() if name not in variables}
        super().__init__(environment, language)
        self.given: dict[str, str] = {}
        self.channels: tuple[str, ...] = ()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command's words; options may stand behind its arguments, too, unless one of those is free text."""
        if options is not None and "TEXT" not in self.arguments:
            options = self._options_first(options)
        super().parseOptions(options)

    def _options_first(self, words: Sequence[str]) -> list[str]:
        """The same words with the options in front, as getopt wants them; behind ``--`` there are none."""
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
            if "=" not in word and self.takes_value(word.removeprefix("--")):
                value = next(left, None)
                if value is None:
                    return options  # getopt says what it misses
                options.append(value)
        return [*options, "--", *arguments, *left]

    def getSynopsis(self) -> str:
        """The line above the options in ``--help``."""
        words = " ".join(self._names())
        return self.language.say(N_("Usage: {words}"), words=f"{COMMAND_LINE} {words}")

    def parseArgs(self, *arguments: str) -> None:
        """Take exactly what the command must be given."""
        if len(arguments) != len(self.arguments):
            raise self._wrong_number(len(arguments))
        self.given = {name: valid(text) for name, text in zip(self.arguments, arguments, strict=True)}

    def _wrong_number(self, given: int) -> Mistake:
        if not self.arguments:
            return Mistake(N_("it takes no argument, and was given {given}"), given=given)
        words = [self.language.say(argument) for argument in self.arguments]
        wanted = " ".join(words)
        if given > len(self.arguments) and "TEXT" in self.arguments:
            return Mistake(
                N_("it takes {wanted}: quote a text of several words, and put options before {first}"),
                wanted=wanted,
                first=words[0],
            )
        if not given:
            return Mistake(N_("it takes {wanted}, and was given none"), wanted=wanted)
        return Mistake(N_("it takes {wanted}, and was given {given}"), wanted=wanted, given=given)

    def wants_user(self) -> bool:
        """Whether ``--user`` must be given."""
        return self.needs_user

    def check(self) -> None:
        """Whether its own options go together."""
        if self.get("since") is not None and self.get("before") is not None:
            raise Mistake(N_("--since and --before exclude each other"))

    def _names(self) -> Iterator[str]:
        options = self.language.say(N_("[options]"))
        yield options
        if self.parent is not None:
            yield str(self.parent.subCommand)
            yield options
        yield from map(self.language.say, self.arguments)


class Interactive(CommandOptions):
    """Talk: a session to type in."""

    longdesc = N_(
        "Talks with the board: posts what is typed, shows what others post; /help lists its commands.  Where "
        "standard input is no terminal, each of its lines is carried out in order, and --user must be given."
    )

    def wants_user(self) -> bool:
        """A person at a terminal can be asked."""
        return not (is_terminal(sys.stdin) and is_terminal(sys.stdout))

    def check(self) -> None:
        """Something must be there to read."""
        if sys.stdin is None:
            raise _closed()


class Login(CommandOptions):
    """Register a user, or greet one."""

    longdesc = N_("Registers a user at first, greets one later.")
    arguments = (N_("USER"),)


class Users(CommandOptions):
    """List the users."""

    longdesc = N_("Lists the users, in the order in which they were registered.")
    own = (_LOCAL,)


class Channels(CommandOptions):
    """List the channels."""

    longdesc = N_("Lists the channels, in the order in which they were created.")
    own = (_LOCAL,)


class Create(CommandOptions):
    """Create a channel."""

    longdesc = N_("Creates a channel; one that is there already is no mistake.")
    arguments = (N_("CHANNEL"),)


class Publish(CommandOptions):
    """Publish a text; ``-`` takes it from standard input."""

    longdesc = N_(
        "Publishes a text in a channel; - as TEXT takes it from standard input.  Options stand before CHANNEL."
    )
    arguments = (N_("CHANNEL"), N_("TEXT"))
    needs_user = True
    own = (_ID,)

    def check(self) -> None:
        """Read the text, if it is to come from standard input."""
        if self.given["TEXT"] == "-":
            self.given["TEXT"] = text_of_stdin()


class Send(CommandOptions):
    """Send a private message; ``-`` takes it from standard input."""

    longdesc = N_(
        "Sends a private message to a user; - as TEXT takes it from standard input.  Options stand before USER."
    )
    arguments = (N_("USER"), N_("TEXT"))
    needs_user = True
    own = (_ID,)

    def check(self) -> None:
        """Read the text, if it is to come from standard input."""
        if self.given["TEXT"] == "-":
            self.given["TEXT"] = text_of_stdin()


class History(CommandOptions):
    """Read a page of a channel's history."""

    longdesc = N_(
        "Reads a page of a channel, oldest first: its last posts, if neither --since nor --before is given."
    )
    arguments = (N_("CHANNEL"),)
    own = (_SINCE, _BEFORE, _LIMIT, _LOCAL)


class Inbox(CommandOptions):
    """Read a page of your inbox, or of your conversation with somebody."""

    longdesc = N_(
        "Reads a page of --user's inbox, oldest first: its last posts, if neither --since nor --before is given."
    )
    needs_user = True
    own = (
        Option("with", TEXT, N_("the conversation with this user; numbers are the board's clock then")),
        _SINCE,
        _BEFORE,
        _LIMIT,
        _LOCAL,
    )


class Tail(CommandOptions):
    """Follow channels."""

    longdesc = N_("Shows the last posts of channels, then each new one, until Ctrl-C.")
    arguments = (N_("CHANNEL…"),)
    own = (
        Option(
            "since", integer(0, CLOCK_MAX), N_("begin after this number, from the history; of one channel")
        ),
        Option("limit", integer(0, PAGE_POSTS_MAX), N_("begin with so many of the last posts"), "10"),
        Option("count", integer(1, COUNT_MAX), N_("end after so many posts")),
    )

    def parseArgs(self, *arguments: str) -> None:
        """Take one channel or several, each once."""
        if not arguments:
            raise Mistake(N_("it takes one CHANNEL at least"))
        self.channels = tuple(dict.fromkeys(valid(text) for text in arguments))

    def check(self) -> None:
        """A number means something in one channel only."""
        if self["since"] is not None and len(self.channels) > 1:
            raise Mistake(N_("--since is a number of one channel, and there are several"))


class Clocks(CommandOptions):
    """Show how the physical clocks stand."""

    longdesc = N_(
        "Shows how far each server's clock is from the board's time: once, or again each second on a terminal, until Ctrl-C."
    )
    own = (
        Option(
            "reference", endpoint(listen=False), N_("the reference, at its --listen"), "tcp://127.0.0.1:5560"
        ),
        Option("once", FLAG, N_("once, on a terminal, too")),
        Option("watch", FLAG, N_("again each second, where it is no terminal, too")),
    )

    def check(self) -> None:
        """Once or again and again."""
        if self["once"] and self["watch"]:
            raise Mistake(N_("--once and --watch exclude each other"))


INTERACTIVE: Final = "interactive"

COMMANDS: Final[tuple[tuple[str, type[CommandOptions], str], ...]] = (
    (INTERACTIVE, Interactive, N_("Talk: a session to type in.")),
    ("login", Login, N_("USER: register a user, or greet one.")),
    ("users", Users, N_("List the users.")),
    ("channels", Channels, N_("List the channels.")),
    ("create", Create, N_("CHANNEL: create a channel.")),
    ("publish", Publish, N_("CHANNEL TEXT: publish a text; - takes it from standard input.")),
    ("send", Send, N_("USER TEXT: send a private message; - takes it from standard input.")),
    ("history", History, N_("CHANNEL: read a page of a channel's history.")),
    ("inbox", Inbox, N_("Read a page of your inbox.")),
    ("tail", Tail, N_("CHANNEL…: follow channels.")),
    ("clocks", Clocks, N_("Show how the servers' physical clocks stand.")),
)


class Options(SpokenOptions):
    """The options of ``bulletin-client``; ``command`` is the command's own."""

    table: ClassVar = FOR_ALL
    exit_status: ClassVar[int] = WRONG_USAGE
    longdesc: ClassVar[str] = N_(
        "Ends with status 0 when it is done, 1 when the board refused (the sentence is on standard error), 2 after "
        "wrong usage, 3 when no broker answered in time, 130 when it was interrupted.  COMMAND --help says more."
    )

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        super().__init__(environment, Language.of(environment))
        self.environment = environment

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line, in the language that it asks for."""
        self.language = asked_language(options or (), self.environment)
        super().parseOptions(options)

    def getSynopsis(self) -> str:
        """The line above the options in ``--help``."""
        words = self.language.say(N_("[options] COMMAND [options] [argument…]"))
        return self.language.say(N_("Usage: {words}"), words=f"{COMMAND_LINE} {words}")

    def commands(self) -> Iterator[tuple[str, str]]:
        """Those that there are."""
        return ((name, doc) for name, _, doc in COMMANDS)

    @property
    def subCommands(self) -> list[tuple[str, None, Callable[[], CommandOptions], str]]:
        """The commands, as Twisted reads them."""
        return [
            (name, None, partial(options, self.environment, self.language), doc)
            for name, options, doc in COMMANDS
        ]

    @property
    def command(self) -> CommandOptions:
        """What stands behind the command's name."""
        options: CommandOptions = self.subOptions
        return options

    def check(self) -> None:
        """Bring together what stood before and after the command's name; have twistd stay in the foreground."""
        if self.subCommand is None:
            names = ", ".join(name for name, _ in self.commands())
            raise Mistake(
                N_("a command is missing: {names}; {help} says more"), names=names, help=self.help_command
            )
        for option in FOR_ALL:
            if self.command[option.name]:
                self[option.name] = self.command[option.name]
        if self["lang"] is None:
            self["lang"] = self.language.code
        self.language = Language(self["lang"])
        if self.command.wants_user() and self["user"] is None:
            raise Mistake(
                N_("for {command}, --user NAME (or BULLETIN_USER) is needed"), command=self.subCommand
            )
        if self.subCommand == INTERACTIVE and self["json"]:
            raise Mistake(N_("{command} takes no --json: tail and history do"), command=INTERACTIVE)
        if self.parent is not None:
            stay_in_foreground(self.parent)


def stay_in_foreground(twistd: Any) -> None:
    """Set twistd's own options, which it looks at after ours: no fork, no pid file, no log but one that was asked for."""
    twistd["nodaemon"] = True
    twistd["no_save"] = True
    twistd["pidfile"] = ""
    if not (twistd["logfile"] or twistd["logger"] or twistd["syslog"]):
        twistd["logger"] = "bulletin.roles.client.process.silent_log"


def is_terminal(file: TextIO | None) -> bool:
    """Whether a person can be at the other end of this, at a terminal that can place its cursor."""
    try:
        capable = os.environ.get("TERM", "").lower() not in {"", "dumb", "unknown"}
        return file is not None and file.isatty() and capable
    except ValueError:  # it is closed
        return False


def text_of_stdin() -> str:
    """The text of standard input, without its last line end."""
    if sys.stdin is None:
        raise _closed()
    data = sys.stdin.buffer.read(MESSAGE_BYTES_MAX + 3)
    if len(data) > MESSAGE_BYTES_MAX + 2:
        raise Mistake(N_("standard input has more than {most} bytes"), most=MESSAGE_BYTES_MAX)
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise Mistake(N_("standard input is not valid UTF-8")) from None


def _closed() -> Mistake:
    return Mistake(N_("standard input is closed"))
