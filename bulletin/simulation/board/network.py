"""The network between the processes of a board: whole messages, delayed, lost, doubled, overtaken, held, torn, sent again.

Between two ZeroMQ sockets messages of one connection neither overtake each other nor come twice, and so it is here while
the weather is fair: a *link* (sender and recipient) is a line.  The protocols should hold all the same where it is not,
so each of these is a kind of weather of its own.

A *connection* is what a Router knows a peer by: whoever dialled has a name there, and another one after each new
connection.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

import attrs

from bulletin.simulation.time import SimulatedTime

RECENT: Final = 512
"""Messages that are kept to be sent again."""

Link = tuple[str, str]
"""Sender and recipient, by the names of their processes."""


@attrs.frozen
class Letter:
    """A message under way.

    :param sender: the process's name.
    :param recipient: the process's name.
    :param port: which of the recipient's sockets it is for.
    :param connection: what the recipient's Router knows the sender by.
    :param parts: the frames.
    """

    sender: str
    recipient: str
    port: str
    connection: bytes
    parts: tuple[bytes, ...]


@attrs.define
class Weather:
    """What the network does to messages at the moment; chances for each message, times in seconds.

    :param delay_min: of each message at least, and
    :param delay_max: at most.
    :param loss: it never arrives.
    :param duplication: it arrives twice.
    :param reordering: it does not wait for what was sent before it on the same link.
    :param straggling: it comes later than others by up to
    :param straggling_delay_max: seconds.
    :param tearing: it is cut off, or something else comes in its place.
    """

    delay_min: float = 0.0002
    delay_max: float = 0.0015
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    straggling: float = 0.0
    straggling_delay_max: float = 1.0
    tearing: float = 0.0


class Network:
    """Delivers letters later, or never.

    :param time: of the run.
    :param rng: decides about each message.
    :param deliver: gets each letter that arrives.
    """

    def __init__(self, time: SimulatedTime, rng: Random, deliver: Callable[[Letter], None]) -> None:
        self.weather = Weather()
        self.cut: set[Link] = set()
        """Links on which nothing arrives."""
        self.slow: dict[Link, float] = {}
        """Links with seconds that each message may take longer."""
        self.frozen: dict[Link, list[Letter]] = {}
        """Links that hold what is sent, with what they hold: it all arrives later."""
        self.recent: deque[Letter] = deque(maxlen=RECENT)
        """What was sent lately."""
        self.lost = 0
        self.latest_arrival = 0.0
        """When the last message that is under way arrives."""
        self._time = time
        self._rng = rng
        self._deliver = deliver
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
        weather, rng = self.weather, self._rng
        copies = 1 + (weather.duplication > 0 and rng.random() < weather.duplication)
        for _ in range(copies):
            if weather.loss > 0 and rng.random() < weather.loss:
                self.lost += 1
            else:
                self.post(letter)

    def post(self, letter: Letter) -> None:
        """Put a letter under way."""
        weather, rng, now = self.weather, self._rng, self._time.now
        link = (letter.sender, letter.recipient)
        delay = weather.delay_min + (weather.delay_max - weather.delay_min) * rng.random()
        if link in self.slow:
            delay += self.slow[link] * rng.random()
        overtakes = weather.reordering > 0 and rng.random() < weather.reordering
        if weather.straggling > 0 and rng.random() < weather.straggling:
            delay += weather.straggling_delay_max * rng.random()
            overtakes = True
        arrival = now + delay
        if not overtakes:
            arrival = self._last[link] = max(arrival, self._last.get(link, 0.0))
        self.latest_arrival = max(self.latest_arrival, arrival)
        self._time.after(arrival - now, partial(self._arrive, letter))

    def _arrive(self, letter: Letter) -> None:
        link = (letter.sender, letter.recipient)
        if link in self.cut:
            self.lost += 1
        elif link in self.frozen:
            self.frozen[link].append(letter)
        else:
            tearing = self.weather.tearing
            if tearing > 0 and self._rng.random() < tearing:
                letter = self._torn(letter)
            self._deliver(letter)

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
        """All links work, and fast."""
        self.cut.clear()
        self.slow.clear()
        self.weather = Weather()
        for link in list(self.frozen):
            self.thaw(link)
