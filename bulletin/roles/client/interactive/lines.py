"""What a typed line means: a text to post, a command with its arguments, or a mistake."""

import re
import unicodedata
from collections.abc import Iterable
from enum import Enum
from typing import Final

import attrs

from bulletin.core.errors import PORTUGUESE
from bulletin.language import N_, Complaint, Language
from bulletin.roles.client.interactive.names import near
from bulletin.roles.harmless import harmless

SLASH: Final = "/"


class Place(Enum):
    """What an argument is; the value is its word in a usage line."""

    CHANNEL = N_("CHANNEL")
    USER = N_("USER")
    TEXT = N_("TEXT")
    NUMBER = N_("NUMBER")
    COMMAND = N_("COMMAND")


@attrs.frozen
class Command:
    """One command.

    :param portuguese: its name in Portuguese, without accents.
    :param english: its name in English.
    :param places: its arguments, in order.
    :param needed: how many of them must be given.
    :param help: what it does, half a line.
    :param further: other names that people know it by.
    :param enters: whether what is typed behind it is meant for the channel that it enters.
    """

    portuguese: str
    english: str
    places: tuple[Place, ...]
    needed: int
    help: str
    further: tuple[str, ...] = ()
    enters: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """All its names, each once."""
        return tuple(dict.fromkeys((self.portuguese, self.english, *self.further)))

    def word(self, language: Language) -> str:
        """Its name in a language."""
        return self.portuguese if language.code == PORTUGUESE else self.english

    def usage(self, language: Language) -> str:
        """How it is typed."""
        places = [language.say(place.value) for place in self.places]
        shown = [name if number < self.needed else f"[{name}]" for number, name in enumerate(places)]
        return " ".join((SLASH + self.word(language), *shown))


JOIN: Final = Command(
    "entrar", "join", (Place.CHANNEL,), 1, N_("follow a channel, and write in it"), ("canal",), enters=True
)
CREATE: Final = Command(
    "criar", "create", (Place.CHANNEL,), 1, N_("create a channel, and enter it"), enters=True
)
LEAVE: Final = Command(
    "sair", "leave", (Place.CHANNEL,), 0, N_("follow a channel no longer (this one)"), ("part",)
)
SAY: Final = Command("dizer", "say", (Place.TEXT,), 1, N_("post in this channel, as a line without / does"))
MESSAGE: Final = Command(
    "msg", "msg", (Place.USER, Place.TEXT), 2, N_("a private message"), ("mensagem", "message")
)
HISTORY: Final = Command(
    "historico", "history", (Place.CHANNEL, Place.NUMBER), 0, N_("the last posts of a channel")
)
INBOX: Final = Command("caixa", "inbox", (Place.NUMBER,), 0, N_("the last private messages to you"))
CHANNELS: Final = Command("canais", "channels", (), 0, N_("the channels there are"), ("list",))
USERS: Final = Command("usuarios", "users", (), 0, N_("the users there are"), ("quem", "who"))
STATUS: Final = Command(
    "estado", "status", (), 0, N_("who you are, what you follow, what waits"), ("whoami",)
)
DISCARD: Final = Command("descartar", "discard", (), 0, N_("forget the lines that wait to be sent"))
HELP: Final = Command("ajuda", "help", (Place.COMMAND,), 0, N_("this page, or one command"))
QUIT: Final = Command("fim", "quit", (), 0, N_("end; what waits is sent the next time"), ("exit",))

COMMANDS: Final = (
    JOIN,
    CREATE,
    LEAVE,
    SAY,
    MESSAGE,
    HISTORY,
    INBOX,
    CHANNELS,
    USERS,
    STATUS,
    DISCARD,
    HELP,
    QUIT,
)

BY_WORD: Final = {word: command for command in COMMANDS for word in command.words}


@attrs.frozen
class Say:
    """A text for the current channel."""

    text: str


@attrs.frozen
class Order:
    """A command.

    :param given: its arguments, by their places.
    """

    command: Command
    given: dict[Place, str]


Meaning = Say | Order | Complaint


def plain_word(word: str) -> str:
    """A command's name as people type it: without accents, in small letters."""
    parts = unicodedata.normalize("NFKD", word.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def understand(line: str, language: Language) -> Meaning | None:
    """What a line means; None if it is empty.

    A line that begins with a slash is a command, with two it is a text that begins with one.
    """
    line = line.rstrip("\r\n")  # what was copied often ends in one, and means none
    if not line.strip():
        return None
    if line.startswith(SLASH * 2):
        return Say(line[1:])
    if not line.startswith(SLASH):
        return Say(line)
    word, _, rest = _parted(line[1:])
    command = BY_WORD.get(plain_word(word))
    if command is None:
        return unknown(word, language)
    return _arguments(command, rest, language)


def quoted(name: str) -> str:
    """A name as it can be typed where more follows: in quotes, if it has a blank or a quote."""
    if name and not re.search(r'[\s"]', name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parted(text: str) -> tuple[str, str, str]:
    """The first word, the blanks after it, and the rest."""
    found = re.match(r"(\S*)(\s*)(.*)", text, re.DOTALL)
    assert found is not None
    return found[1], found[2], found[3]


_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"(?:\s+|$)', re.DOTALL)


def _name(text: str, *, whole: bool) -> tuple[str, str]:
    """The name at the beginning of a text, and what follows.

    :param whole: nothing may follow: blanks belong to the name.
    """
    found = _QUOTED.match(text)
    if found:
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), text[found.end() :]
    if whole:
        return text.strip(), ""
    word, _, rest = _parted(text)
    return word, rest


def _arguments(command: Command, rest: str, language: Language) -> Order | Complaint:
    given: dict[Place, str] = {}
    if Place.NUMBER in command.places:
        found = re.search(r"(?:^|\s)([0-9]{1,9})\s*$", rest)
        if found:
            given[Place.NUMBER] = found[1]
            rest = rest[: found.start()]
    places = [place for place in command.places if place is not Place.NUMBER]
    for place in places:
        if place is Place.TEXT:
            value, rest = rest, ""
        else:
            value, rest = _name(rest, whole=place is places[-1])
        if value:
            given[place] = value
    missing = any(place not in given for place in command.places[: command.needed])
    if missing or rest.strip():
        return Complaint(N_("It is typed like this: {usage}"), usage=command.usage(language))
    return Order(command, given)


def unknown(word: str, language: Language) -> Complaint:
    """What to say of a command that there is not: the near one, if one is near."""
    shown = SLASH + harmless(word)
    help_ = SLASH + HELP.word(language)
    found = near(plain_word(word), BY_WORD)
    if found is None:
        return Complaint(N_("There is no command {word}; {help} lists them."), word=shown, help=help_)
    return Complaint(N_("There is no command {word}.  Do you mean {near}?"), word=shown, near=SLASH + found)


def words(language: Language) -> Iterable[str]:
    """The names of the commands to complete: those of the language first, then the others."""
    return dict.fromkeys([*(command.word(language) for command in COMMANDS), *BY_WORD])
