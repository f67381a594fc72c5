"""What a session says, in the language of whoever it speaks to, and where that is shown."""

from collections.abc import Callable, Sequence
from typing import Protocol

from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Refusal
from bulletin.core.wire.publications import Published
from bulletin.language import N_, Complaint, Language
from bulletin.roles.client.interactive.lines import SLASH, Command
from bulletin.roles.client.interactive.look import Look, Row, Style, row, rows
from bulletin.roles.client.show import refusal_words
from bulletin.roles.harmless import harmless


class Display(Protocol):
    """Where a session shows things."""

    @property
    def width(self) -> int:
        """Characters of a line."""

    def show(self, rows: Sequence[Row], *, aside: bool = False) -> None:
        """Print lines; an aside is no result of what was asked for."""

    def changed(self) -> None:
        """The prompt, or what waits above it, is another one; or the user has had enough."""


class Voice:
    """See above.

    :param display: where things are shown.
    :param language: in which.
    :param look: how posts look.
    :param now: this process's clocks.
    :param terminal: whether a person is there: then nothing waits for the board, and the session goes on where the last one
        stopped.  Else each line is carried out to its end.
    """

    def __init__(
        self,
        display: Display,
        language: Language,
        look: Look,
        now: Callable[[], Instant],
        *,
        terminal: bool,
    ) -> None:
        self.display = display
        self.language = language
        self.look = look
        self.now = now
        self.terminal = terminal
        self.errors = 0
        """How often something was said to have failed."""

    def say(self, sentence: str, **values: object) -> str:
        """A sentence in this language; names and texts among the values must be harmless."""
        return self.language.say(sentence, **values)

    def command(self, command: Command) -> str:
        """A command as it is typed, without its arguments."""
        return SLASH + command.word(self.language)

    def notice(self, text: str) -> None:
        """Show something to know that nobody has asked for."""
        self.display.show(rows(text), aside=True)

    def result(self, text: str) -> None:
        """Show what was asked for."""
        self.display.show(rows(text))

    def error(self, text: str) -> None:
        """Show that something failed."""
        self.errors += 1
        self.display.show(rows(text, Style.ERROR), aside=True)

    def complain(self, complaint: Complaint) -> None:
        """Show what is wrong with a line."""
        self.error(self.language.tell(complaint))

    def refused(self, refusal: Refusal, sentence: str) -> None:
        """Show what the board refused."""
        self.error(self.reason(refusal, sentence))

    def reason(self, refusal: Refusal, sentence: str = "") -> str:
        """A refusal in words."""
        return refusal_words(refusal, sentence, self.language)

    def echo(self, text: str) -> None:
        """Show which command a person gave: the line that he typed does not stay."""
        if self.terminal:
            self.display.show([row(harmless(text), Style.ECHO)])

    def post(self, post: Published) -> None:
        """Show a post."""
        rest = self.say(N_("(the text is longer; twistd bulletin-client history shows all of it)"))
        self.display.show(self.look.post(post, self.now().wall, rest))

    def reset(self, stream: str, cursor: int, head: int) -> None:
        """Show that the board is another one."""
        sentence = N_(
            "{channel}: the board was set up anew (it has {head} posts, {cursor} had been read); reading from its start."
        )
        self.notice(self.say(sentence, channel=harmless(stream), cursor=cursor, head=head))
