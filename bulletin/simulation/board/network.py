"""The network between the processes of a board: whole messages, delayed, lost, doubled, overtaken, held, torn, sent again.

Between two ZeroMQ sockets messages of one connection neither overtake each other nor come twice, and so it is here while
the weather is fair: a *link* (sender and recipient) is a line.  The protocols should hold all the same where it is not,
so each of these is a kind of weather of its own.

A *connection* is what a Router knows a peer by: whoever dialled has a name there, and another one after each new
connection.
"""

from collections import deque
from collections.abc import Callable
from random import Random
from typing import ClassVar, Final

import attrs

from bulletin.simulation import network
from bulletin.simulation.time import SimulatedTime

RECENT: Final = 512
"""Messages that are kept to be sent again."""

Link = tuple[str, str]
"""Sender and recipient, by the names of their processes."""


@attrs.frozen
class Letter(network.Letter[str]):
    """A message under way.

    :param port: which of the recipient's sockets it is for.
    :param connection: what the recipient's Router knows the sender by.
    :param parts: the frames.
    """

    port: str
    connection: bytes
    parts: tuple[bytes, ...]


@attrs.define
class Weather(network.Weather):
    """What the network does to messages at the moment.

    :param reordering: a message does not wait for what was sent before it on the same link.
    :param tearing: it is cut off, or something else comes in its place.
    """

    delay_min: float = 0.0002
    delay_max: float = 0.0015
    reordering: float = 0.0
    tearing: float = 0.0


class Network(network.Network[str, Letter]):
    """Delivers letters later, or never; those of one link in order, unless they straggle or the weather reorders them.

    :param time: of the run.
    :param rng: decides about each message.
    :param deliver: gets each letter that arrives.
    """

    make_weather: ClassVar[type[network.Weather]] = Weather
    weather: Weather

    def __init__(self, time: SimulatedTime, rng: Random, deliver: Callable[[Letter], None]) -> None:
        super().__init__(time, rng, deliver)
        self.slow: dict[Link, float] = {}
        """Links with seconds that each message may take longer."""
        self.frozen: dict[Link, list[Letter]] = {}
        """Links that hold what is sent, with what they hold: it all arrives later."""
        self.recent: deque[Letter] = deque(maxlen=RECENT)
        """What was sent lately."""
        self._last: dict[Link, float] = {}
        self._dialled: dict[Link, int] = {}

    # Connections

    def connection(self, dialler: str, listener: str) -> bytes:
        """What a listener's Router knows a dialler by at the moment."""
        return f"{dialler}#{self._dialled.get((dialler, listener), 0)}".encode()

    def dialler(self, connection: bytes, listener: str) -> str | None:
        """Who is at the other end of a connection; None: nobody any more."""
        name = connection.split(b"#")[0].decode()
        return name if self.connection(name, listener) == connection else None

    def reconnect(self, dialler: str, listener: str) -> None:
        """The connection breaks, and there is another one."""
        self._dialled[dialler, listener] = self._dialled.get((dialler, listener), 0) + 1

    # Letters

    def send(self, sender: str, recipient: str, port: str, *parts: bytes, connection: bytes = b"") -> None:
        """Send a message."""
        letter = Letter(sender, recipient, port, connection, parts)
        self.recent.append(letter)
        self.dispatch(letter)

    def _delay(self, link: Link) -> float:
        now = self._time.now
        delay = self._usual_delay()
        if link in self.slow:
            delay += self.slow[link] * self._rng.random()
        reordering = self.weather.reordering
        overtakes = reordering > 0 and self._rng.random() < reordering
        straggling = self._straggling_delay()
        arrival = now + (delay + straggling)
        if not overtakes and not straggling:
            arrival = self._last[link] = max(arrival, self._last.get(link, 0.0))
        return arrival - now

    def _reach(self, letter: Letter) -> None:
        if letter.link in self.frozen:
            self.frozen[letter.link].append(letter)
            return
        tearing = self.weather.tearing
        if tearing > 0 and self._rng.random() < tearing:
            letter = self._torn(letter)
        super()._reach(letter)

    def _torn(self, letter: Letter) -> Letter:
        """A letter of which something is missing, or that is something else."""
        rng = self._rng
        way = rng.randrange(4)
        parts = list(letter.parts)
        if way == 0 or not parts:
            parts.append(rng.randbytes(rng.choice((0, 1, 40))))
        elif way == 1:
            parts.pop()
        elif way == 2:
            parts[-1] = rng.randbytes(rng.choice((0, 1, 40, 300)))
        else:
            parts[-1] = parts[-1][: rng.randrange(len(parts[-1]))] if parts[-1] else b"\xc1"
        return attrs.evolve(letter, parts=tuple(parts))

    def thaw(self, link: Link) -> None:
        """A frozen link delivers everything, in order."""
        for letter in self.frozen.pop(link, ()):
            self.post(letter)

    def heal(self) -> None:
        """All links work, and fast; what was held arrives."""
        super().heal()
        self.slow.clear()
        for link in list(self.frozen):
            self.thaw(link)
