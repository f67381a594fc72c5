"""A bot's turns: what it decides is carried out through whoever talks to the board for it, until it wants nothing more."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from bulletin.core.bot.bot import Bot, Follow, WasRefused, Wrote
from bulletin.core.bot.joining import CannotJoin, Joined
from bulletin.core.client.caller import Finished
from bulletin.core.client.streams import Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.wire.requests import Query, Write

Note = Wrote | WasRefused | Joined | CannotJoin


class Talks(Protocol):
    """Talks to the board for a bot."""

    def call(
        self,
        request: Write | Query,
        then: Callable[[Finished], object],
        *,
        id: str | None = None,  # noqa: A002 - the wire's own word
    ) -> None:
        """Make a request; ``then`` gets what it comes to."""

    def follow(self, stream: Stream) -> None:
        """Begin with a stream, after its newest post."""

    def leave(self, stream: Stream) -> None:
        """Forget a stream."""


class Turns:
    """Between a bot and the board.

    :param bot: it decides.
    :param talks: does what it wants.
    :param now: the clocks.
    :param noted: gets what came of its posts.
    :param left: told which streams it forgot.
    """

    def __init__(
        self,
        bot: Bot,
        talks: Talks,
        *,
        now: Callable[[], Instant],
        noted: Callable[[Note], object],
        left: Callable[[Stream], object] = lambda _stream: None,
    ) -> None:
        self._bot = bot
        self._talks = talks
        self._now = now
        self._noted = noted
        self._left = left
        self._turning = False

    def turn(self) -> bool:
        """Something came, or time has passed.

        :returns: False, with nothing done, within a turn: that one will see to it.
        """
        if self._turning:
            return False
        self._turning = True
        try:
            self._bot.tick(self._now())
            while ready := self._bot.ready():
                for move in ready.moves:
                    if isinstance(move, Follow):
                        self._talks.follow(move.stream)
                    else:
                        self._talks.leave(move.stream)
                        self._left(move.stream)
                for ask in ready.asks:
                    self._talks.call(ask.request, partial(self._answered, ask.key), id=ask.id)
                for note in ready.notes:
                    self._noted(note)
        finally:
            self._turning = False
        return True

    def _answered(self, key: str, finished: Finished) -> None:
        self._bot.answered(key, finished.outcome, self._now())
