"""A bot: the shipped one, on the shipped exchange; it goes on until all that it wrote is settled, and read."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, ClassVar

from bulletin.core.bot.bot import Bot, Plan, WasRefused
from bulletin.core.bot.joining import CannotJoin
from bulletin.core.bot.turns import Note, Turns
from bulletin.core.client.caller import Finished
from bulletin.core.client.reader import Event
from bulletin.core.client.streams import Stream
from bulletin.core.wire.requests import Query, Write
from bulletin.simulation.board.client import Client
from bulletin.simulation.board.machine import Machine
from bulletin.simulation.violation import Violation

if TYPE_CHECKING:
    from bulletin.simulation.board.world import World


class BotClient(Client):
    """A client that does what a bot wants.

    :param number: which of the clients, from 0.
    :param rate: posts a second.
    """

    role: ClassVar[str] = "client"

    def __init__(self, world: "World", number: int, machine: Machine, rate: float) -> None:
        super().__init__(world, number, machine, 0)
        self.keeps_outbox = False
        self.bot: Bot
        self._rate = rate
        self._turns: Turns

    def begin(self) -> None:
        """See :class:`Client`; it forgets what it read and wrote before."""
        self.cursors, self.following = {}, {}
        super().begin()
        plan = Plan(f"robo{self.number}", self._rate)
        rng = Random(f"{self.world.seed} {self.name} {self.epoch}")
        self.bot = Bot(plan, rng, self.exchange.caller.next_id, self.exchange.clock)
        self._turns = Turns(self.bot, self, now=lambda: self.now, noted=self._noted, left=self._left)
        if self.idle:
            self.bot.stop()

    @property
    def quiet(self) -> bool:
        """Whether all that it wrote is settled, and read: that takes calls one after another, each with its own time."""
        return not self.running or self.bot.idle

    def told(self, before: float) -> bool:
        """See :class:`Client`; it goes on asking until it is quiet."""
        return not self.running or all(call.invoked > before for call in self.unsettled.values())

    def hush(self) -> None:
        """See :class:`Client`."""
        super().hush()
        if self.running:
            self.bot.stop()

    def turn(self) -> None:
        """See :class:`Client`."""
        super().turn()
        self._turns.turn()
        super().turn()

    def call(
        self,
        request: Write | Query,
        then: Callable[[Finished], object],
        *,
        id: str | None = None,  # noqa: A002 - the wire's own word
    ) -> None:
        """See :class:`bulletin.core.bot.turns.Talks`."""
        self.ask(request, id, then)

    def leave(self, stream: Stream) -> None:
        """See :class:`bulletin.core.bot.turns.Talks`."""
        self.exchange.leave(stream)

    def _left(self, stream: Stream) -> None:
        raise Violation("S14", f"{self.name} leaves {stream.name}: it takes the board for another one")

    def _noted(self, note: Note) -> None:
        if isinstance(note, CannotJoin):
            raise Violation("L4", f"{self.name} cannot join: {note.why}")
        refused = f" {note.why.word}" if isinstance(note, WasRefused) else ""
        self.world.note(f"bot_{type(note).__name__.lower()}{refused}")

    def heard(self, event: Event) -> None:
        """See :class:`Client`."""
        super().heard(event)
        self.bot.heard(event, self.now)
