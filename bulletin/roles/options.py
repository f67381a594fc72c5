"""What a command takes: a table of options, each also an environment variable; every mistake is one sentence.

An option ``--base-port`` is read from the command line, else from ``BULLETIN_BASE_PORT``, else it is the table's
default.  An empty variable counts as none.  Endpoints to listen on are tried out before the role starts, so that a taken port
is one line and not a traceback.

This module is imported before twistd has chosen its reactor, so it imports no txZMQ, which would choose one.
"""

import getopt
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn

import attrs
from twisted.python import usage

from bulletin.core.errors import ENGLISH
from bulletin.core.limits import NAME_BYTES_MAX
from bulletin.language import N_, Complaint, Language
from bulletin.transport.binding import probe
from bulletin.transport.endpoints import parse_endpoint, parse_endpoints, parse_host_port

_TRUE: Final = frozenset({"1", "true", "yes", "on", "sim"})
_FALSE: Final = frozenset({"0", "false", "no", "off", "nao", "não"})


class Mistake(Complaint):
    """A value is not one of its kind; the message is one sentence without a full stop."""


class WrongUsage(usage.UsageError):
    """A mistake as its user reads it: one whole sentence, in his language."""


@attrs.frozen
class HostPort:
    """Where a web page is served: ``--http``'s value.

    :param host: a name or an address, ``*`` for all of this machine's.
    :param port: 0 for any free one.
    """

    host: str
    port: int

    @property
    def interface(self) -> str:
        """The host in the form that a plain socket and Twisted's ``listenTCP`` take."""
        return "" if self.host == "*" else self.host.removeprefix("[").removesuffix("]")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@attrs.frozen
class Kind:
    """A kind of value.

    :param parse: text to value.
    :param listens: whether the values are endpoints to listen on, to be tried out.
    :param flag: whether the option takes no value on the command line.
    """

    parse: Callable[[str], Any]
    listens: bool = False
    flag: bool = False


@attrs.frozen
class Option:
    """One row of a role's table.

    :param name: as on the command line, without the dashes.
    :param kind: what its value is.
    :param doc: what it is for, one phrase, for ``--help``; marked for translation where people meet it.
    :param default: as the user would write it; None: the value is None if nobody gives one.
    :param required: it has no default, and must be given.
    """

    name: str
    kind: Kind
    doc: str
    default: str | None = None
    required: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that it is read from, too."""
        return "BULLETIN_" + self.name.upper().replace("-", "_")

    def help(self, language: Language) -> str:
        """The line for ``--help``."""
        doc = language.say(self.doc)
        if self.required:
            return language.say(N_("{doc} (must be given, or {variable})"), doc=doc, variable=self.variable)
        if self.default is None:
            return language.say(N_("{doc} (or {variable})"), doc=doc, variable=self.variable)
        sentence = N_("{doc} (or {variable}, {default} if not given)")
        return language.say(sentence, doc=doc, variable=self.variable, default=self.default)


def endpoints(*, listen: bool) -> Kind:
    """Endpoints, separated by commas: a tuple of one at least."""
    return Kind(lambda text: parse_endpoints(text, listen=listen), listens=listen)


def endpoint(*, listen: bool) -> Kind:
    """One endpoint: a string."""
    return Kind(lambda text: parse_endpoint(text, listen=listen), listens=listen)


def integer(minimum: int, maximum: int) -> Kind:
    """A whole number in a range, both ends included."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not minimum <= int(text) <= maximum:
            raise Mistake(
                N_("{given} is not a whole number from {least} to {most}"),
                given=shown(text),
                least=minimum,
                most=maximum,
            )
        return int(text)

    return Kind(parse)


def real(minimum: float, maximum: float) -> Kind:
    """A number in a range, both ends included."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not minimum <= value <= maximum:
            raise Mistake(
                N_("{given} is not a number from {least:g} to {most:g}"),
                given=shown(text),
                least=minimum,
                most=maximum,
            )
        return value

    return Kind(parse)


CLOCK_OFFSET: Final = real(-1e9, 1e9)
"""Seconds that a server's clock is wrong by, on purpose."""

CLOCK_DRIFT: Final = real(-1e6, 1e6)
"""Microseconds a second by which it goes wrong, on purpose."""


def choice(*words: str) -> Kind:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in words:
            raise Mistake(N_("{given} is none of {words}"), given=shown(text), words=", ".join(words))
        return text

    return Kind(parse)


def _name(text: str) -> str:
    if not text.strip() or text != text.strip():
        raise Mistake(N_("{given} is empty, or begins or ends with a blank"), given=shown(text))
    if not text.isprintable():
        raise Mistake(N_("{given} has characters that cannot be printed"), given=shown(text))
    if len(text.encode()) > NAME_BYTES_MAX:
        raise Mistake(N_("{given} is longer than {most} bytes"), given=shown(text), most=NAME_BYTES_MAX)
    return text


def _directory(text: str) -> Path:
    try:
        path = _path(text)
        other = path.exists() and not path.is_dir()
    except (OSError, ValueError, RuntimeError):
        raise Mistake(N_("{given} is no directory"), given=shown(text)) from None
    if other:
        raise Mistake(N_("{given} is there already, and no directory"), given=shown(text))
    return path


def _file(text: str) -> Path:
    try:
        path = _path(text)
        place = not path.is_dir() and path.parent.is_dir()
    except (OSError, ValueError, RuntimeError):
        raise Mistake(f"{shown(text)} is no file") from None
    if not place:
        raise Mistake(f"{shown(text)} is a directory, or in none")
    return path


def _path(text: str) -> Path:
    """A path from the root; ``~`` is somebody's home.

    Looking at it raises OSError, too, where a name is too long or nobody may look.

    :raises ValueError: it cannot be one.
    :raises RuntimeError: there is no such home.
    """
    if not text or "\0" in text:
        raise ValueError(text)
    return Path(text).expanduser().absolute()


def _host_port(text: str) -> HostPort:
    return HostPort(*parse_host_port(text, listen=True))


def _truth(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise Mistake(N_("{given} is neither yes nor no"), given=shown(text))
    return word in _TRUE


NAME: Final = Kind(_name)
"""A name of at most 64 bytes: a string."""
DIRECTORY: Final = Kind(_directory)
"""A directory, which need not be there yet: an absolute ``Path``."""
FILE: Final = Kind(_file)
"""A file, which need not be there yet, in a directory that is: an absolute ``Path``."""
HOST_PORT: Final = Kind(_host_port)
"""``HOST:PORT`` to serve a web page at: a `HostPort`."""
FLAG: Final = Kind(_truth, flag=True)
"""Given or not: a bool.  Its variable says yes or no."""

HTTP: Final = Option("http", HOST_PORT, "HOST:PORT for /healthz, /readyz and /metrics")
"""The option of every long-running role."""


class RoleOptions(usage.Options):
    """The options of one command, from the class's `table`; after parsing, ``self[name]`` is a value of the option's kind.

    Raises ``usage.UsageError`` with one sentence of ours, never Twisted's; as a command of twistd, prints it and exits.

    :param environment: in place of the process's, in tests.
    """

    table: ClassVar[Sequence[Option]] = ()
    """What the command takes, besides ``--help``."""
    exit_status: ClassVar[int] = 1
    """The process's status after a mistake."""
    language: Language = Language(ENGLISH)
    """What mistakes and ``--help`` are told in."""
    optParameters: ClassVar[list[list[str | None]]] = []
    optFlags: ClassVar[list[list[str | None]]] = []

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Turn the table into what Twisted reads."""
        super().__init_subclass__(**arguments)
        own = cls.__dict__.get("table", ())
        cls.optParameters = [[o.name, None, None, o.help(cls.language)] for o in own if not o.kind.flag]
        cls.optFlags = [[o.name, None, o.help(cls.language)] for o in own if o.kind.flag]

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        super().__init__()
        self._environment = environment

    def opt_help(self) -> NoReturn:
        """Display this help and exit."""
        encoding = sys.stdout.encoding or "utf-8"
        text = str(self).encode(encoding, "backslashreplace").decode(encoding)
        try:
            print(text, flush=True)  # noqa: T201 - it is what was asked for
        except BrokenPipeError:  # whoever read it has seen enough
            sys.stdout = None
        sys.exit(0)

    def opt_version(self) -> NoReturn:
        """Display the version and exit."""
        try:
            own = metadata.version("bulletinboard")
        except metadata.PackageNotFoundError:  # run from its sources
            own = "not installed"
        print(f"BulletInBoard {own}, Twisted {metadata.version('twisted')}")  # noqa: T201 - it is what was asked for
        sys.exit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line; under twistd, a mistake is one line on stderr and the end."""
        try:
            self._parse(options)
        except WrongUsage as error:
            if self.parent is None:
                raise
            sys.stderr.write(f"{self.parent.subCommand}: {error}\n")
            sys.exit(self.exit_status)

    def _parse(self, options: Sequence[str] | None) -> None:
        """Have Twisted read the command line, and say what it says in our words.

        :raises WrongUsage: whatever is wrong.
        """
        try:
            super().parseOptions(options)
        except Complaint as complaint:
            raise self._wrong(complaint) from None
        except WrongUsage:
            raise
        except usage.UsageError as error:
            mistake = self._in_our_words(error, options or ())
            raise self._wrong(mistake) from None

    def _wrong(self, complaint: Complaint) -> WrongUsage:
        text = self.language.tell(complaint)
        return WrongUsage(text[:1].upper() + text[1:] + ("" if text.endswith("?") else "."))

    def _in_our_words(self, error: usage.UsageError, words: Sequence[str]) -> Mistake:
        """What Twisted found wrong in a command line."""
        found = error.__context__
        if isinstance(found, getopt.GetoptError):
            long = any(word.partition("=")[0] == f"--{found.opt}" for word in words)
            return self._wrong_option(found.opt, long=long or len(found.opt) > 1)
        # The one other thing that it finds in options like these.
        return self._no_command(str(error).removeprefix("Unknown command: "))

    def _no_command(self, name: str) -> Mistake:
        """What to say of a command that there is not."""
        sentence = N_("there is no command {command}; {help} names them")
        return Mistake(sentence, command=shown(name), help=self.help_command)

    @property
    def command_line(self) -> str:
        """How the command is called, ``twistd bulletin-client tail``; empty where twistd did not call it."""
        if self.parent is None:
            return ""
        above = self.parent.command_line if isinstance(self.parent, RoleOptions) else "twistd"
        return f"{above} {self.parent.subCommand}".lstrip()

    @property
    def help_command(self) -> str:
        """What shows the help of this command."""
        return f"{self.command_line} --help".lstrip()

    def _wrong_option(self, name: str, *, long: bool) -> Mistake:
        """What is wrong with an option that getopt does not take.

        :param name: as it was written, without dashes.
        :param long: whether it had two of them.
        """
        meant = self._meant(name)
        option = f"--{name}" if long else f"-{name}"
        if not meant or not long:
            return Mistake(
                N_("there is no option {option}; {help} names them"),
                option=shown(option),
                help=self.help_command,
            )
        if len(meant) > 1:
            candidates = ", ".join(f"--{known}" for known in meant)
            return Mistake(N_("{option} may be any of {options}"), option=option, options=candidates)
        if self.takes_value(name):
            return Mistake(N_("--{option} needs a value"), option=meant[0])
        return Mistake(N_("--{option} takes no value"), option=meant[0])

    def takes_value(self, name: str) -> bool:
        """Whether an option, or the only one that begins like this, has a value; False for one that there is not."""
        return self._meant(name) in [[option.name] for option in self.table if not option.kind.flag]

    def _meant(self, name: str) -> list[str]:
        """The names of the options that a name may mean."""
        names = [*(option.name for option in self.table), "help", "version"]
        return [name] if name in names else [known for known in names if known.startswith(name)]

    def parseArgs(self, *arguments: str) -> None:
        """Refuse whatever stands there besides options."""
        if arguments:
            raise Mistake(N_("the argument {given} is one too many"), given=shown(arguments[0]))

    def postOptions(self) -> None:
        """Turn texts into values, check them together, and try out what is to be listened on."""
        for option in self.table:
            self[option.name] = self._value(option)
        try:
            self.check()
            probe(*self._listening())
        except Complaint as complaint:
            raise self._wrong(complaint) from None
        twistd = self.parent
        if twistd is not None and twistd.get("nodaemon") and twistd.get("pidfile") == "twistd.pid":
            # In the foreground nobody reads it, and two roles in one folder would take it from each other.
            twistd["pidfile"] = ""

    def check(self) -> None:
        """What one option says about another; for subclasses.

        :raises Mistake: with one sentence without a full stop.
        """

    def _value(self, option: Option) -> Any:
        text, source = self[option.name], f"--{option.name}"
        if option.kind.flag:
            text = "yes" if text else None
        if text is None and self._environment.get(option.variable):
            text, source = self._environment[option.variable], option.variable
        if text is None:
            text = option.default
        if text is None:
            if option.required:
                raise Mistake(
                    N_("--{option} is missing (or set {variable})"),
                    option=option.name,
                    variable=option.variable,
                )
            return False if option.kind.flag else None
        try:
            return option.kind.parse(text)
        except Complaint as complaint:
            raise WrongUsage(f"{source}: {self.language.tell(complaint)}.") from None

    def _listening(self) -> tuple[list[str], list[tuple[str, int]]]:
        """All endpoints to listen on, and all web pages' addresses."""
        listening: list[str] = []
        pages = []
        for option in self.table:
            value = self[option.name]
            if isinstance(value, HostPort):
                pages.append((value.interface, value.port))
            elif option.kind.listens and value:
                listening.extend([value] if isinstance(value, str) else value)
        return listening, pages


def shown(text: str) -> str:
    """The user's words, on one line and not without end."""
    return repr(text if len(text) <= 100 else text[:100] + "…")
