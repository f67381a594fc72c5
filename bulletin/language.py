"""The languages that a person is spoken to in: English, which stands in the code, and Portuguese, by gettext.

A sentence is written once, in English, where it is said::

    language.say(N_("You left {channel}."), channel=name)
    language.count("{number} post", "{number} posts", number)

The extractor finds what stands in ``N_`` and the literals of ``count``; the Portuguese is in
``locale/pt_BR/LC_MESSAGES/bulletin.po``.  After a change of sentences ``python -m tests.catalogue`` brings that file and its
compiled form up to date; what is new in it is empty and waits for its translation, and the tests fail until it is there.

Whoever raises what is wrong before the language is known raises a `Complaint`, which keeps its sentence and its values.
The board's refusals are on the wire in words of their own: ``core/errors`` has their sentences, in both languages, and
nothing here repeats them.  Servers, brokers and the other roles speak to operators and to logs: in English only.
"""

import gettext
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import attrs

from bulletin.core.errors import ENGLISH, PORTUGUESE

DOMAIN: Final = "bulletin"

LOCALE: Final = Path(__file__).parent / "locale"
"""Where the catalogues are."""

_CATALOGUES: Final = {PORTUGUESE: "pt_BR"}

_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")


def N_(sentence: str) -> str:  # noqa: N802 - gettext's own name for it
    """A sentence that is translated where it is said; for the extractor."""
    return sentence


@cache
def _catalogue(code: str) -> gettext.NullTranslations:
    if code not in _CATALOGUES:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALE, [_CATALOGUES[code]])


@attrs.frozen
class Language:
    """A language to speak to one person in.

    :param code: ``en`` or ``pt``.
    """

    code: str = attrs.field(default=ENGLISH, validator=attrs.validators.in_((ENGLISH, PORTUGUESE)))

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Language":
        """The language that the environment asks for, by the first of its variables that says something."""
        for variable in _VARIABLES:
            if environment.get(variable):
                return cls(PORTUGUESE if environment[variable].lower().startswith("pt") else ENGLISH)
        return cls(ENGLISH)

    def say(self, sentence: str, **values: object) -> str:
        """A sentence in this language, with its places filled.

        :param sentence: the English one, as `N_` marks it.
        :param values: by the names of the places; without any the sentence is taken as it is, braces and all.
        """
        return _filled(_catalogue(self.code).gettext(sentence), values)

    def count(self, one: str, many: str, number: int, **values: object) -> str:
        """A sentence about a number of things; the number is its place ``number``.

        :param one: the English sentence for one thing: a literal, for the extractor.
        :param many: the English sentence for any other number: likewise.
        """
        return _filled(_catalogue(self.code).ngettext(one, many, number), {"number": number, **values})

    def tell(self, complaint: "Complaint") -> str:
        """What is wrong, in this language."""
        return self.say(complaint.sentence, **complaint.values)


class Complaint(ValueError):
    """Something that a person gave is wrong; told in English by ``str``, in any language by `Language.tell`.

    :param sentence: one sentence, marked by `N_` if people meet it in their language.
    :param values: by the names of its places; see `Language.say`.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(_filled(sentence, values))
        self.sentence = sentence
        self.values = values


def _filled(sentence: str, values: Mapping[str, object]) -> str:
    return sentence.format(**values) if values else sentence
