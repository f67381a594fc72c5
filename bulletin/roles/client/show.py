"""What came of a command, as a person or as a program reads it."""

import errno
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import IO, Any, Final, Protocol

import attrs

from bulletin.core.client.streams import Stream
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.publications import Published, flat
from bulletin.core.wire.replies import Posted
from bulletin.roles.client.texts import Text

_HARMFUL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control characters, which command a terminal; and marks that have no width or turn the direction of a line, which
make it look like another one."""

_LINE_ENDS: Final = re.compile("\r\n|\r|\n|\x85|\u2028|\u2029")

CONTINUED: Final = "    | "
"""In front of every line of a text but its first, so that no text can look like the next post."""


def harmless(text: str) -> str:
    """Somebody else's words for a terminal: what could command it or deceive its reader is written out."""
    return _HARMFUL.sub(lambda found: found.group().encode("unicode_escape", "surrogatepass").decode(), text)


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
    language: str

    def logged_in(self, user: str, *, existing: bool) -> None:
        """To ``login``."""

    def created(self, channel: str, *, existing: bool) -> None:
        """To ``create``."""

    def names(self, kind: str, names: Iterable[str]) -> None:
        """To ``users`` and ``channels``: ``kind`` is ``user`` or ``channel``."""

    def posted(self, text: Text, stream: str, posted: Posted) -> None:
        """To ``publish`` and ``send``."""

    def post(self, post: Published, *, stream: bool = False) -> None:
        """A post; with ``stream``: where posts of several streams are mixed."""

    def more(self, option: str, cursor: int) -> None:
        """The page is not all."""

    def refused(self, refusal: Refusal, sentence: str) -> None:
        """An ``erro`` reply."""

    def reset(self, stream: Stream, cursor: int, head: int) -> None:
        """The board is another one."""

    def notice(self, text: Text, **values: object) -> None:
        """Something to know that is no result."""


@attrs.define
class Human:
    """For a person.

    :param console: where to.
    :param language: ``en`` or ``pt``.
    :param zone: of the times; None: this machine's.
    """

    console: Console
    language: str
    zone: tzinfo | None = None

    def logged_in(self, user: str, *, existing: bool) -> None:
        """One sentence."""
        self._say(Text.LOGGED_IN_AGAIN if existing else Text.LOGGED_IN, user=harmless(user))

    def created(self, channel: str, *, existing: bool) -> None:
        """One sentence."""
        self._say(Text.CREATED_BEFORE if existing else Text.CREATED, channel=harmless(channel))

    def names(self, kind: str, names: Iterable[str]) -> None:
        """A name a line."""
        del kind
        for name in names:
            self.console.line(harmless(name))

    def posted(self, text: Text, stream: str, posted: Posted) -> None:
        """Its number, and the receipt."""
        receipt = posted.receipt
        self._say(text, stream=harmless(stream), seq=posted.seq)
        self._say(Text.RECEIPT, index=receipt.index, term=receipt.term, hash=receipt.chain.hex())

    def post(self, post: Published, *, stream: bool = False) -> None:
        """Number, the board's time, who, and the text; further lines of it indented."""
        first, *rest = paragraphs(post.message or "")
        where = f"{harmless(post.stream)} " if stream else ""
        self.console.line(f"{where}#{post.seq} {self._time(post.received)} {harmless(post.user)}: {first}")
        for line in rest:
            self.console.line(CONTINUED + line)

    def more(self, option: str, cursor: int) -> None:
        """How to get it."""
        self.notice(Text.MORE, option=option, cursor=cursor)

    def refused(self, refusal: Refusal, sentence: str) -> None:
        """The sentence, in this language where it has one."""
        self.console.complain(refusal_words(refusal, sentence, self.language))

    def reset(self, stream: Stream, cursor: int, head: int) -> None:
        """One sentence."""
        self.notice(Text.RESET, channel=harmless(stream.name), cursor=cursor, head=head)

    def notice(self, text: Text, **values: object) -> None:
        """One sentence, on stderr."""
        self.console.complain(text.say(self.language, **values))

    def _say(self, text: Text, **values: object) -> None:
        self.console.line(text.say(self.language, **values))

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
    language: str

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

    def posted(self, text: Text, stream: str, posted: Posted) -> None:
        """``id``, ``seq``, ``recibo``."""
        del text, stream
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

    def refused(self, refusal: Refusal, sentence: str) -> None:
        """``erro``, ``description``, ``definitivo``; and the sentence on stderr."""
        words = refusal_words(refusal, sentence, self.language)
        self._object(type="erro", erro=refusal.word, description=words, definitivo=refusal.definite)
        self.console.complain(words)

    def reset(self, stream: Stream, cursor: int, head: int) -> None:
        """``type`` ``reset``, with ``channel``, ``cursor``, ``head``."""
        self._object(type="reset", channel=stream.name, cursor=cursor, head=head)

    def notice(self, text: Text, **values: object) -> None:
        """One sentence, on stderr."""
        self.console.complain(text.say(self.language, **values))

    def _object(self, **fields: Any) -> None:
        self.console.line(json.dumps(fields, allow_nan=False))


def refusal_words(refusal: Refusal, sentence: str, language: str) -> str:
    """A refusal for a person: ours, or the board's own for a code that only it knows; and whether it is the last word."""
    unknown = refusal.code is Code.UNSPECIFIED and sentence
    words = harmless(sentence) if unknown else refusal.sentence(language)
    if refusal.code is Code.TIMED_OUT:
        words = Text.TIMED_OUT.say(language)  # the board's speaks of an id, which nobody gave here
    if not refusal.definite:
        words += " " + Text.UNKNOWN.say(language)
    return words
