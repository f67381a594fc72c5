"""``--help`` and the sentences about wrong usage in the language of whoever typed the command."""

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import ClassVar, Final

from twisted.python import usage

from bulletin.core.errors import ENGLISH, PORTUGUESE
from bulletin.language import N_, Language
from bulletin.roles.client.interactive.names import near
from bulletin.roles.options import Mistake, RoleOptions, shown

WIDTH_MIN: Final = 50
"""Columns that the table of options needs, however narrow the terminal is."""

LANGUAGES: Final = (ENGLISH, PORTUGUESE)


class SpokenOptions(RoleOptions):
    """Options whose help and mistakes are told in a person's language.

    :param environment: in place of the process's, in tests.
    :param language: what to speak.
    """

    longdesc: ClassVar[str]
    """What the command does; marked for translation."""

    def __init__(self, environment: Mapping[str, str], language: Language) -> None:
        super().__init__(environment)
        self.language = language

    def commands(self) -> Iterator[tuple[str, str]]:
        """Names of commands below this one, each with a phrase."""
        yield from ()

    def _no_command(self, name: str) -> Mistake:
        """The near one, if one is near."""
        found = near(name, (known for known, _ in self.commands()))
        if found is None:
            return super()._no_command(name)
        return Mistake(
            N_("there is no command {command}; do you mean {near}?"), command=shown(name), near=found
        )

    def getUsage(self, width: int | None = None) -> str:
        """What stands below the synopsis; Twisted's own is English."""
        say = self.language.say
        width = max(width or shutil.get_terminal_size().columns, WIDTH_MIN)
        options = [
            {
                "long": option.name,
                "doc": option.help(self.language),
                "optType": "flag" if option.kind.flag else "parameter",
            }
            for option in self.table
        ]
        options += [
            {"long": "help", "doc": say(N_("show this help and end")), "optType": "flag"},
            {"long": "version", "doc": say(N_("show the version and end")), "optType": "flag"},
        ]
        parts = [say(N_("Options:")), *_rows(options, width), "", *textwrap.wrap(say(self.longdesc), width)]
        commands = [
            {"long": name, "doc": say(phrase), "optType": "command"} for name, phrase in self.commands()
        ]
        if commands:
            parts += ["", say(N_("Commands:")), *_rows(commands, width)]
        return "\n".join(parts)


def _rows(rows: list[dict[str, str]], width: int) -> list[str]:
    return "".join(usage.docMakeChunks(rows, width)).splitlines()


def asked_language(words: Iterable[str], environment: Mapping[str, str]) -> Language:
    """The language to speak before the options are read, for what is wrong with them.

    :param words: the command line.
    """
    asked = environment.get("BULLETIN_LANG")
    for word, following in pairwise([*words, ""]):
        if word == "--lang":
            asked = following
        elif word.startswith("--lang="):
            asked = word.removeprefix("--lang=")
    return Language(asked) if asked in LANGUAGES else Language.of(environment)
