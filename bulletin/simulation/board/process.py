"""A process of the board: it starts, stands still, goes on, and dies; what comes in meanwhile waits, or is lost."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, ClassVar

from bulletin.core.clocks.instant import Instant
from bulletin.simulation.board.machine import Machine
from bulletin.simulation.board.network import Letter

if TYPE_CHECKING:
    from bulletin.simulation.board.world import World

Action = Callable[[], None]


class Process(ABC):
    """What all roles have in common.

    :param world: where it lives.
    :param name: unique in it.
    :param machine: its clocks.
    """

    role: ClassVar[str]
    tick_seconds: ClassVar[float]

    def __init__(self, world: "World", name: str, machine: Machine) -> None:
        self.world = world
        self.name = name
        self.machine = machine
        self.rng = Random(f"{world.seed} {name}")
        self.epoch = 0
        """Another after each start and each end: what was to come later comes in the same one only."""
        self.running = False
        self.paused = False
        self.resumed_at = float("-inf")
        """When it went on last."""
        self._inbox: deque[tuple[str, Action]] = deque()
        self._turn_due = False

    @property
    def now(self) -> Instant:
        """This moment on its machine."""
        return self.machine.now

    # Life

    def start(self) -> None:
        """It is started."""
        assert not self.running, f"{self.name} runs already"
        self.epoch += 1
        self.running, self.paused, self._turn_due = True, False, False
        self.resumed_at = self.world.time.now
        self.world.step(self.name, "starts")
        self.begin()
        self.after(self.tick_seconds * self.rng.random(), "ticks", self._tick)

    def kill(self) -> None:
        """It is gone, with all that it did not give to a disk."""
        if not self.running:
            return
        self.world.step(self.name, "dies")
        self.epoch += 1
        self.running = self.paused = False
        self._inbox.clear()

    def pause(self) -> None:
        """It stands still, as by SIGSTOP."""
        if self.running and not self.paused:
            self.world.step(self.name, "stands still")
            self.paused = True

    def resume(self) -> None:
        """It goes on, with all that came meanwhile; sometimes its timers are first."""
        if not self.paused:
            return
        self.world.step(self.name, "goes on")
        self.paused = False
        self.resumed_at = self.world.time.now
        inbox, self._inbox = self._inbox, deque()
        if self.rng.random() < 0.5:
            inbox.appendleft(("ticks late", self.tick))
        for what, action in inbox:
            self.input(what, action)

    # Events

    def input(self, what: str, action: Action) -> None:
        """Something comes in: it is dealt with now, or when the process goes on."""
        if not self.running:
            return
        if self.paused:
            self._inbox.append((what, action))
            return
        self.world.step(self.name, what)
        action()
        self.world.changed(self)
        self.came()

    def after(self, delay: float, what: str, action: Action) -> None:
        """Something of its own comes in later, if it lives until then."""
        self.world.time.after(delay, partial(self._due, self.epoch, what, action))

    def _due(self, epoch: int, what: str, action: Action) -> None:
        if epoch == self.epoch:
            self.input(what, action)

    def _tick(self) -> None:
        self.tick()
        self.after(self.tick_seconds, "ticks", self._tick)

    def turn_soon(self) -> None:
        """What comes in one turn of the reactor is dealt with together."""
        if not self._turn_due and self.running:
            self._turn_due = True
            self.world.time.after(0.0003 * self.rng.random(), partial(self._take_turn, self.epoch))

    def _take_turn(self, epoch: int) -> None:
        if epoch != self.epoch:
            return
        self._turn_due = False
        if self.paused:
            self._inbox.append(("takes its turn", self.turn))
            return
        self.turn()
        self.world.changed(self)

    # What each role does

    def came(self) -> None:
        """Something came in: what follows from it is to be carried out."""
        self.turn_soon()

    @abstractmethod
    def begin(self) -> None:
        """It was started."""

    @abstractmethod
    def tick(self) -> None:
        """Time has passed."""

    @abstractmethod
    def turn(self) -> None:
        """Carry out what follows from what came in."""

    @abstractmethod
    def arrive(self, letter: Letter) -> None:
        """A letter has come; to be handed to :meth:`input`."""
