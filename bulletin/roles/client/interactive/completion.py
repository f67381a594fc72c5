"""What the word under the cursor could become: commands, and the names of channels and users where a command takes one."""

import re
from collections.abc import Iterator
from typing import Final

import attrs

from bulletin.language import Language
from bulletin.roles.client.interactive.lines import BY_WORD, SLASH, Place, plain_word, quoted, words
from bulletin.roles.client.interactive.names import Directory, Names
from bulletin.roles.harmless import harmless

OFFERED_MAX: Final = 50
"""Completions that are offered at once."""


@attrs.frozen
class Completion:
    """One proposal.

    :param text: what is put in place of what was typed of it.
    :param replaces: how many characters before the cursor that is.
    :param shown: how it is listed.
    :param help: a word about it, or empty.
    """

    text: str
    replaces: int
    shown: str
    help: str = ""


def wants_names(before: str) -> Place | None:
    """Whether a channel's or a user's name is typed, in a line up to the cursor."""
    command, place, _ = _typed(before)
    return place if command is not None else None


def complete(before: str, names: Directory, language: Language) -> Iterator[Completion]:
    """The completions of a line, from what stands before the cursor.

    In the text of a post a user's name is completed behind an ``@``.  A name that could command or deceive a terminal is not
    offered: what is completed is put into the line as it is.
    """
    if before.startswith(SLASH) and not before.startswith(SLASH * 2) and not re.search(r"\s", before):
        yield from _commands(before, language)
        return
    command, place, start = _typed(before)
    if command is None:
        found = re.search(r"(?:^|\s)@(\S+)$", before)
        if found:
            for name in _offered(names.users, found[1]):
                yield Completion(name, len(found[1]), name)
        return
    if place is None:
        return
    known = names.channels if place is Place.CHANNEL else names.users
    for name in _offered(known, start.removeprefix('"')):
        yield Completion(quoted(name) + " " if place is Place.USER else name, len(start), name)


def _offered(names: Names, start: str) -> Iterator[str]:
    return (name for name in names.beginning(start, OFFERED_MAX) if harmless(name) == name)


def _commands(before: str, language: Language) -> Iterator[Completion]:
    start = plain_word(before[1:])
    for word in words(language):
        if word.startswith(start):
            command = BY_WORD[word]
            after = " " if command.places else ""
            yield Completion(SLASH + word + after, len(before), SLASH + word, language.say(command.help))


def _typed(before: str) -> tuple[object, Place | None, str]:
    """The command of a line, the kind of name that is being typed as its first argument, and what there is of that."""
    found = re.match(r"/([^/\s]\S*)\s+(.*)$", before, re.DOTALL)
    command = BY_WORD.get(plain_word(found[1])) if found else None
    if found is None or command is None:
        return None, None, ""
    place = command.places[0] if command.places else None
    start = found[2]
    if place is Place.CHANNEL or (
        place is Place.USER and (re.fullmatch(r'"[^"]*', start) or not re.search(r'[\s"]', start))
    ):
        return command, place, start
    return command, None, ""
