"""What the networks of all tiers have in common: delay, loss, duplication, stragglers, and links cut in one direction.

A *letter* is whatever a tier sends; a *link* is a sender and a recipient, by the names that its processes have there.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, ClassVar, Generic, TypeVar

import attrs

from bulletin.simulation.time import SimulatedTime

Name = TypeVar("Name")


@attrs.frozen
class Letter(Generic[Name]):
    """A message under way.

    :param sender: a process's name.
    :param recipient: a process's name.
    """

    sender: Name
    recipient: Name

    @property
    def link(self) -> tuple[Name, Name]:
        """The way that it takes."""
        return self.sender, self.recipient


Sent = TypeVar("Sent", bound=Letter[Any])


@attrs.define
class Weather:
    """What the network does to messages at the moment; chances for each message, times in seconds.

    :param delay_min: of each message at least, and
    :param delay_max: at most.
    :param loss: it never arrives.
    :param duplication: it arrives twice.
    :param straggling: it comes later than others by up to
    :param straggling_delay_max: seconds.
    """

    delay_min: float = 0.0005
    delay_max: float = 0.002
    loss: float = 0.0
    duplication: float = 0.0
    straggling: float = 0.0
    straggling_delay_max: float = 1.0


class Network(Generic[Name, Sent]):
    """Delivers letters later, or never.  They overtake each other by straggling, and where delays differ.

    :param time: of the run.
    :param rng: decides about each message.
    :param deliver: gets each letter that arrives.
    """

    make_weather: ClassVar[type[Weather]] = Weather
    """Makes fair weather."""

    def __init__(self, time: SimulatedTime, rng: Random, deliver: Callable[[Sent], None]) -> None:
        self.weather = self.make_weather()
        self.cut: set[tuple[Name, Name]] = set()
        """Links on which nothing arrives."""
        self.lost = 0
        self.latest_arrival = 0.0
        """When the last message that is under way arrives."""
        self._time = time
        self._rng = rng
        self._deliver = deliver

    def dispatch(self, letter: Sent) -> None:
        """A letter leaves its sender: it gets under way once, twice or never."""
        weather, rng = self.weather, self._rng
        copies = 1 + (weather.duplication > 0 and rng.random() < weather.duplication)
        for _ in range(copies):
            if weather.loss > 0 and rng.random() < weather.loss:
                self.lost += 1
            else:
                self.post(letter)

    def post(self, letter: Sent) -> None:
        """Put a letter under way."""
        delay = self._delay(letter.link)
        self.latest_arrival = max(self.latest_arrival, self._time.now + delay)
        self._time.after(delay, partial(self._arrive, letter))

    def _delay(self, _link: tuple[Name, Name]) -> float:
        """Seconds that the next letter on a link is under way."""
        return self._usual_delay() + self._straggling_delay()

    def _usual_delay(self) -> float:
        weather = self.weather
        return weather.delay_min + (weather.delay_max - weather.delay_min) * self._rng.random()

    def _straggling_delay(self) -> float:
        """Further seconds; 0 if the letter does not straggle."""
        weather, rng = self.weather, self._rng
        straggles = weather.straggling > 0 and rng.random() < weather.straggling
        return weather.straggling_delay_max * rng.random() if straggles else 0.0

    def _arrive(self, letter: Sent) -> None:
        if letter.link in self.cut:
            self.lost += 1
        else:
            self._reach(letter)

    def _reach(self, letter: Sent) -> None:
        """A letter has come through."""
        self._deliver(letter)

    def clear_up(self) -> None:
        """The weather is fair."""
        self.weather = self.make_weather()

    def heal(self) -> None:
        """All links work, and fast."""
        self.cut.clear()
        self.clear_up()
