"""What came of a command, as a person or as a program reads it."""

import errno
import json
import re
import shlex
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import IO, Any, Final, Protocol

import attrs

from bulletin.core.client.streams import Stream
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.publications import Published, flat
from bulletin.core.wire.replies import Posted
from bulletin.language import N_, Language
from bulletin.roles.harmless import harmless

_LINE_ENDS: Final = re.compile("\r\n|\r|\n|\x85|\u2028|\u2029")

CONTINUED: Final = "    | "
"""In front of every line of a text but its first, so that no text can look like the next post."""


def paragraphs(text: str) -> list[str]:
    """The lines of a text, each harmless; a tab becomes blanks."""
    return [harmless(line.replace("\t", "    ")) for line in _LINE_ENDS.split(text)]


@attrs.define
class Console:
    """The two outputs of a process.

    :param out: where results go; bytes.
    :param err: where complaints go; bytes.
    :param encoding: of both; what it lacks is written out.
    :param lost: why nothing can be written any more, or None.
    """

    out: IO[bytes]
    err: IO[bytes]
    encoding: str = "utf-8"
    lost: OSError | None = None

    def line(self, text: str) -> None:
        """A line of the result, at once."""
        if self.lost is not None:
            return
        try:
            self.out.write(self._bytes(text))
            self.out.flush()
        except OSError as error:
            self.lost = error

    def complain(self, text: str) -> None:
        """A line that is not a result.  With nobody to read it, it is nobody's loss."""
        try:
            self.err.write(self._bytes(text))
            self.err.flush()
        except OSError as error:
            if error.errno not in {errno.EPIPE, errno.EBADF, errno.EIO}:
                self.lost = error

    def _bytes(self, text: str) -> bytes:
        return (text + "\n").encode(self.encoding, "backslashreplace")


class Show(Protocol):
    """How results look."""

    console: Console
    language: Language

    def logged_in(self, user: str, *, existing: bool) -> None:
        """To ``login``."""

    def created(self, channel: str, *, existing: bool) -> None:
        """To ``create``."""

    def names(self, kind: str, names: Iterable[str]) -> None:
        """To ``users`` and ``channels``: ``kind`` is ``user`` or ``channel``."""

    def posted(self, sentence: str, stream: str, posted: Posted) -> None:
        """To ``publish`` and ``send``.

        :param sentence: marked for translation, with places ``stream`` and ``seq``.
        """

    def post(self, post: Published, *, stream: bool = False) -> None:
        """A post; with ``stream``: where posts of several streams are mixed."""

    def more(self, option: str, cursor: int) -> None:
        """The page is not all."""

    def refused(
        self, refusal: Refusal, sentence: str, id_: str | None = None, near: str | None = None
    ) -> None:
        """An ``erro`` reply.

        :param sentence: the board's own.
        :param id_: with which the command can be given again, if it can.
        :param near: the name that was probably meant, or None.
        """

    def reset(self, stream: Stream, cursor: int, head: int) -> None:
        """The board is another one."""

    def notice(self, sentence: str, **values: object) -> None:
        """Something to know that is no result.

        :param sentence: marked for translation.
        """


@attrs.define
class Human:
    """For a person.

    :param console: where to.
    :param language: of the sentences.
    :param zone: of the times; None: this machine's.
    """

    console: Console
    language: Language
    zone: tzinfo | None = None

    def logged_in(self, user: str, *, existing: bool) -> None:
        """One sentence."""
        sentence = N_("Welcome back, {user}.") if existing else N_("{user} is registered now.")
        self._say(sentence, user=harmless(user))

    def created(self, channel: str, *, existing: bool) -> None:
        """One sentence."""
        sentence = (
            N_("The channel {channel} was there already.")
            if existing
            else N_("The channel {channel} is there now.")
        )
        self._say(sentence, channel=harmless(channel))

    def names(self, kind: str, names: Iterable[str]) -> None:
        """A name a line."""
        del kind
        for name in names:
            self.console.line(harmless(name))

    def posted(self, sentence: str, stream: str, posted: Posted) -> None:
        """Its number, and the receipt."""
        receipt = posted.receipt
        self._say(sentence, stream=harmless(stream), seq=posted.seq)
        certificate = N_("Receipt: index {index}, term {term}, hash {hash}.")
        self._say(certificate, index=receipt.index, term=receipt.term, hash=receipt.chain.hex())

    def post(self, post: Published, *, stream: bool = False) -> None:
        """Number, the board's time, who, and the text; further lines of it indented."""
        first, *rest = paragraphs(post.message or "")
        where = f"{harmless(post.stream)} " if stream else ""
        self.console.line(f"{where}#{post.seq} {self._time(post.received)} {harmless(post.user)}: {first}")
        for line in rest:
            self.console.line(CONTINUED + line)

    def more(self, option: str, cursor: int) -> None:
        """How to get it."""
        self.notice(N_("There is more: {option} {cursor}"), option=option, cursor=cursor)

    def refused(
        self, refusal: Refusal, sentence: str, id_: str | None = None, near: str | None = None
    ) -> None:
        """The sentence, in this language where it has one."""
        self.console.complain(refusal_words(refusal, sentence, self.language, id_, near))

    def reset(self, stream: Stream, cursor: int, head: int) -> None:
        """One sentence."""
        sentence = N_(
            "{channel}: the board was set up anew (it has {head} posts, {cursor} had been read); reading from its start."
        )
        self.notice(sentence, channel=harmless(stream.name), cursor=cursor, head=head)

    def notice(self, sentence: str, **values: object) -> None:
        """One sentence, on stderr."""
        self.console.complain(self.language.say(sentence, **values))

    def _say(self, sentence: str, **values: object) -> None:
        self.console.line(self.language.say(sentence, **values))

    def _time(self, seconds: float) -> str:
        try:
            moment = datetime.fromtimestamp(seconds, tz=UTC).astimezone(self.zone)
        except (OverflowError, ValueError, OSError):
            return f"{seconds:g}"
        return moment.strftime("%Y-%m-%d %H:%M:%S")


@attrs.define
class Json:
    """For a program: one object a line, with the wire's names; only printable ASCII.  Sentences go to stderr as well.

    :param console: where to.
    :param language: of the sentences.
    """

    console: Console
    language: Language

    def logged_in(self, user: str, *, existing: bool) -> None:
        """``user``, ``existente``."""
        self._object(user=user, existente=existing)

    def created(self, channel: str, *, existing: bool) -> None:
        """``channel``, ``existente``."""
        self._object(channel=channel, existente=existing)

    def names(self, kind: str, names: Iterable[str]) -> None:
        """``user`` or ``channel``."""
        for name in names:
            self._object(**{kind: name})

    def posted(self, sentence: str, stream: str, posted: Posted) -> None:
        """``id``, ``seq``, ``recibo``."""
        del sentence, stream
        receipt = posted.receipt
        recibo = {"indice": receipt.index, "termo": receipt.term, "hash": receipt.chain.hex()}
        self._object(id=posted.id, seq=posted.seq, recibo=recibo)

    def post(self, post: Published, *, stream: bool = False) -> None:
        """The flat shape that it has in a history."""
        del stream
        self._object(**flat(post))

    def more(self, option: str, cursor: int) -> None:
        """``type`` ``more``, with the cursor by its option's name."""
        self._object(type="more", **{option.removeprefix("--"): cursor})

    def refused(
        self, refusal: Refusal, sentence: str, id_: str | None = None, near: str | None = None
    ) -> None:
        """``erro``, ``description``, ``definitivo``, with ``id`` if it may be settled; and the sentence on stderr."""
        words = refusal_words(refusal, sentence, self.language, id_, near)
        settle = {} if refusal.definite or id_ is None else {"id": id_}
        self._object(type="erro", erro=refusal.word, description=words, definitivo=refusal.definite, **settle)
        self.console.complain(words)

    def reset(self, stream: Stream, cursor: int, head: int) -> None:
        """``type`` ``reset``, with ``channel``, ``cursor``, ``head``."""
        self._object(type="reset", channel=stream.name, cursor=cursor, head=head)

    def notice(self, sentence: str, **values: object) -> None:
        """One sentence, on stderr."""
        self.console.complain(self.language.say(sentence, **values))

    def _object(self, **fields: Any) -> None:
        self.console.line(json.dumps(fields, allow_nan=False))


def refusal_words(
    refusal: Refusal,
    sentence: str,
    language: Language,
    id_: str | None = None,
    near: str | None = None,
) -> str:
    """A refusal for a person: ours, or the board's own for a code that only it knows; and whether it is the last word.

    :param id_: with which the command can be given again, if it can.
    :param near: the name that was probably meant, or None.
    """
    unknown = refusal.code is Code.UNSPECIFIED and sentence
    words = harmless(sentence) if unknown else refusal.sentence(language.code)
    if refusal.code is Code.TIMED_OUT:  # the board's speaks of an id, which is said below where there is one
        words = language.say(N_("The board did not learn the outcome in time."))
    if near is not None:
        words += " " + language.say(N_("Do you mean {near}?"), near=harmless(near))
    if not refusal.definite:
        words += " " + in_doubt(language, id_)
    return words


def in_doubt(language: Language, id_: str | None) -> str:
    """That nobody knows what became of a request; and how to learn it, if it has an id to be given again."""
    if id_ is None:
        return language.say(N_("Whether it took effect is not known."))
    sentence = N_(
        "Whether it took effect is not known: the same command with --id {id} before its arguments settles it."
    )
    return language.say(sentence, id=harmless(shlex.quote(id_)))
