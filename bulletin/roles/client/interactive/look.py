"""How posts and sentences look: pieces of text, each with a style; without the styles it is what a pipe gets."""

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from enum import Enum
from typing import Final

import attrs

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.outbox import Line as Waiting
from bulletin.core.wire.publications import Published
from bulletin.core.wire.requests import Publish, Send
from bulletin.roles.client.show import CONTINUED, paragraphs
from bulletin.roles.harmless import harmless

AUTHORS: Final = 6
"""Styles among which authors are shared out, by their names."""

SHOWN_LINES_MAX: Final = 20
SHOWN_CHARACTERS_MAX: Final = 1500
"""Of one text on a terminal; how to see the rest is said."""

SUMMARY_CHARACTERS_MAX: Final = 60
"""Of a line that waits."""


class Style(Enum):
    """What a piece of text is."""

    TEXT = "text"
    STREAM = "stream"
    PRIVATE = "private"
    DETAIL = "detail"
    OWN = "own"
    NOTICE = "notice"
    ERROR = "error"
    ECHO = "echo"
    WAITING = "waiting"


Piece = tuple[str, str]
"""A style's name, and a text without line ends."""

Row = tuple[Piece, ...]
"""One line."""


def plain(row: Row) -> str:
    """A line without its styles."""
    return "".join(text for _, text in row)


def row(text: str, style: Style = Style.NOTICE) -> Row:
    """A line of one style."""
    return ((style.value, text),)


def rows(text: str, style: Style = Style.NOTICE) -> list[Row]:
    """Lines of one style."""
    return [row(line, style) for line in text.split("\n")]


@attrs.frozen
class Look:
    """How one person sees posts.

    :param user: who that is.
    :param brief: for a terminal: today's posts without the date, long texts cut.
    :param zone: of the times; None: this machine's.
    """

    user: str
    brief: bool
    zone: tzinfo | None = None

    def post(self, post: Published, now: float, rest: str = "") -> list[Row]:
        """A post: where, number, time, Lamport clock, who, and the text; further lines of it indented.

        :param now: this moment, seconds since the epoch.
        :param rest: what to say of a text that is cut: how to see all of it.
        """
        lines = paragraphs(post.message or "")
        cut = self.brief and _is_long(lines)
        if cut:
            lines = _beginning(lines)
        head = (
            self._where(post),
            (Style.DETAIL.value, f" #{post.seq} {self.time(post.received, now)} L{post.clock} "),
            (self.author(post.user), harmless(post.user)),
            (Style.TEXT.value, f": {lines[0]}"),
        )
        more = [((Style.DETAIL.value, CONTINUED), (Style.TEXT.value, line)) for line in lines[1:]]
        return [head, *more, *([row(CONTINUED + rest, Style.DETAIL)] if cut else [])]

    def author(self, name: str) -> str:
        """The style of an author: always the same for the same name."""
        if name == self.user:
            return Style.OWN.value
        return f"author{zlib.crc32(name.encode()) % AUTHORS}"

    def time(self, seconds: float, now: float) -> str:
        """The board's time of a post."""
        try:
            moment = datetime.fromtimestamp(seconds, tz=UTC).astimezone(self.zone)
            today = datetime.fromtimestamp(now, tz=UTC).astimezone(self.zone)
        except (OverflowError, ValueError, OSError):
            return f"{seconds:g}"
        same = self.brief and moment.date() == today.date()
        return moment.strftime("%H:%M:%S" if same else "%Y-%m-%d %H:%M:%S")

    def _where(self, post: Published) -> Piece:
        """The channel; of a private message the other one, behind an ``@``."""
        if post.kind is StreamKind.CHANNEL:
            return (Style.STREAM.value, harmless(post.stream))
        other = post.stream if post.user == self.user else post.user
        return (Style.PRIVATE.value, f"@{harmless(other)}")


def where(request: Publish | Send) -> str:
    """Where a line goes, harmless."""
    return harmless(request.channel) if isinstance(request, Publish) else f"@{harmless(request.receiver)}"


def summary(line: Waiting) -> str:
    """A line that waits, as much of it as one row takes."""
    text = " ".join(paragraphs(line.request.message))
    if len(text) > SUMMARY_CHARACTERS_MAX:
        text = text[: SUMMARY_CHARACTERS_MAX - 1] + "…"
    return f"{where(line.request)}: {text}"


def columns(names: Iterable[str], width: int) -> list[Row]:
    """Names side by side, in as many columns as fit."""
    shown = [harmless(name) for name in names]
    if not shown:
        return []
    wide = max(map(len, shown)) + 2
    across = max(1, width // wide)
    lines = [shown[begin : begin + across] for begin in range(0, len(shown), across)]
    return [row("".join(name.ljust(wide) for name in line).rstrip(), Style.TEXT) for line in lines]


def _is_long(lines: list[str]) -> bool:
    return len(lines) > SHOWN_LINES_MAX or sum(map(len, lines)) > SHOWN_CHARACTERS_MAX


def _beginning(lines: list[str]) -> list[str]:
    """As many lines and characters as are shown; one line at least."""
    left = SHOWN_CHARACTERS_MAX
    shown: list[str] = []
    for line in lines[:SHOWN_LINES_MAX]:
        shown.append(line[:left])
        left -= len(line)
        if left <= 0:
            break
    return shown
