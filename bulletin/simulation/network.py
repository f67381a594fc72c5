"""The network between the servers: delay, loss, duplication, reordering, and links that are cut in one direction."""

from collections.abc import Callable
from random import Random

import attrs

from bulletin.core.raft.messages import Message
from bulletin.simulation.time import SimulatedTime


@attrs.define
class Weather:
    """What the network does to messages at the moment; probabilities for each message, times in seconds."""

    delay_min: float = 0.0005
    delay_max: float = 0.002
    loss: float = 0.0
    duplication: float = 0.0
    straggling: float = 0.0
    straggling_delay_max: float = 1.0


class Network:
    """Delivers messages by calling ``deliver(sender, recipient, message)`` later, or never.

    Messages on one link overtake each other only by straggling and where delays differ.
    """

    def __init__(
        self, time: SimulatedTime, rng: Random, deliver: Callable[[int, int, Message], None]
    ) -> None:
        self.weather = Weather()
        self.cut: set[tuple[int, int]] = set()
        self.lost = 0
        self.latest_arrival = 0.0
        """When the last message that is under way arrives."""
        self._time = time
        self._rng = rng
        self._deliver = deliver

    def send(self, sender: int, recipient: int, message: Message) -> None:
        """Deliver a message later, once, twice or never."""
        weather, rng = self.weather, self._rng
        copies = 1 + (weather.duplication > 0 and rng.random() < weather.duplication)
        for _ in range(copies):
            if weather.loss > 0 and rng.random() < weather.loss:
                self.lost += 1
                continue
            delay = weather.delay_min + (weather.delay_max - weather.delay_min) * rng.random()
            if weather.straggling > 0 and rng.random() < weather.straggling:
                delay += weather.straggling_delay_max * rng.random()
            self.latest_arrival = max(self.latest_arrival, self._time.now + delay)
            self._time.after(delay, lambda: self._arrive(sender, recipient, message))

    def _arrive(self, sender: int, recipient: int, message: Message) -> None:
        if (sender, recipient) in self.cut:
            self.lost += 1
        else:
            self._deliver(sender, recipient, message)

    def heal(self) -> None:
        """All links work, and fast."""
        self.cut.clear()
        self.weather = Weather()
