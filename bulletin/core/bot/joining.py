"""How a bot comes to a board: it logs in, lists the channels, makes some where there are few, and chooses its own."""

from typing import TYPE_CHECKING, Final

import attrs

from bulletin.core.bot import texts
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.replies import ChannelNames
from bulletin.core.wire.requests import CreateChannel, ListChannels, Login, Query, ReadLevel, Write

if TYPE_CHECKING:
    from random import Random

CHANNELS_MIN: Final = 3
"""Where there are fewer, the bot makes some."""

CHANNELS_OWN: Final = 4
"""Channels that a bot talks in at most."""

CHANNELS_LISTED: Final = 1000
"""Names after which it has seen enough of a list."""

NAMES_TRIED: Final = 9
"""Names that it tries for itself, where the first ones are channels'."""


@attrs.frozen
class Joined:
    """It is in.

    :param name: what it is called.
    :param channels: its own, one at least.
    """

    name: str
    channels: tuple[str, ...]


@attrs.frozen
class CannotJoin:
    """It never will be.

    :param why: the board's refusal.
    """

    why: Refusal


class Joining:
    """One way in, a request at a time.

    :param name: what the bot would like to be called.
    :param before: the channels that it had, to be kept if they are there still.
    :param rng: chooses channels.
    """

    def __init__(self, name: str, before: tuple[str, ...], rng: "Random") -> None:
        self._wish = name
        self._name = name
        self._names = 1
        self._before = before
        self._rng = rng
        self._listed: list[str] = []
        self._to_try = list(texts.CHANNELS)

    def first(self) -> Write:
        """The request to begin with."""
        return Login(self._name)

    def next(self, request: Write | Query, outcome: object) -> Write | Query | Joined | CannotJoin:
        """What follows from what a request of this came to."""
        match request:
            case Login():
                return self._logged_in(outcome)
            case ListChannels():
                assert isinstance(outcome, ChannelNames | Refusal), "a list was asked for"
                if isinstance(outcome, Refusal):
                    return CannotJoin(outcome)
                self._listed.extend(outcome.names)
                if outcome.more and outcome.names and len(self._listed) < CHANNELS_LISTED:
                    return ListChannels(ReadLevel.LINEARIZABLE, outcome.names[-1])
                return self._make_or_choose(None)
            case CreateChannel(_, channel):
                if not isinstance(outcome, Refusal):
                    self._listed.append(channel)
                    return self._make_or_choose(None)
                return self._make_or_choose(outcome)
            case _:
                raise AssertionError("no request of a joining")

    def _logged_in(self, outcome: object) -> Write | Query | CannotJoin:
        if not isinstance(outcome, Refusal):
            return ListChannels(ReadLevel.LINEARIZABLE)
        if outcome.code is Code.NAME_IN_USE and self._names < NAMES_TRIED:
            self._names += 1
            self._name = texts.other_name(self._wish, self._names)
            return Login(self._name)
        return CannotJoin(outcome)

    def _make_or_choose(self, refused: Refusal | None) -> Write | Joined | CannotJoin:
        """Another channel, if there are too few; else the bot's own ones of those that there are."""
        full = refused is not None and refused.code is not Code.NAME_IN_USE
        if len(self._listed) < CHANNELS_MIN and not full:
            self._to_try = [name for name in self._to_try if name not in self._listed]
            if self._to_try:
                return CreateChannel(self._name, self._to_try.pop(0))
        kept = [name for name in self._before if name in self._listed]
        others = [name for name in self._listed if name not in kept]
        wanted = min(CHANNELS_OWN - len(kept), len(others))
        channels = (*kept, *self._rng.sample(others, wanted))
        if channels:
            return Joined(self._name, channels)
        return CannotJoin(refused or Refusal(Code.NAME_IN_USE))
