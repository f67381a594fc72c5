"""The process of one bot: its decisions carried out, its report once a second, its end."""

import os
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, ClassVar, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bulletin.core.bot.bot import Bot, Plan, WasRefused, Wrote
from bulletin.core.bot.joining import CannotJoin, Joined
from bulletin.core.bot.turns import Note, Turns
from bulletin.core.client.reader import Caught, Delivered, Event, WasReset
from bulletin.core.client.streams import Stream
from bulletin.core.errors import ENGLISH
from bulletin.roles import ending
from bulletin.roles.bot.journal import Journal
from bulletin.roles.client.link import Link, Reach
from bulletin.roles.harmless import harmless
from bulletin.roles.role import Role, StartError
from bulletin.web.health import Health
from bulletin.web.metrics import Sample, counter, gauge

CALL_SECONDS: Final = 5.0
"""How long one attempt may take; the bot then makes another with the same id."""

REPORT_SECONDS: Final = 1.0

PATIENCE: Final = 10.0
"""Seconds that a request may wait before the bot says that it does not do its work."""

_log = Logger()


class BotRole(Role):
    """A bot on a board.

    :param reach: the board.
    :param plan: what it is to do.
    :param seed: decides what it says.
    :param journal: what it did, written down.
    :param random_bytes: in place of the system's randomness, for ids, in tests.
    :param arguments: see :class:`Role`.
    """

    label: ClassVar[str] = "bot"

    def __init__(
        self,
        reach: Reach,
        plan: Plan,
        seed: int,
        *,
        journal: Journal,
        random_bytes: Callable[[int], bytes] = os.urandom,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.link = Link(self, reach, random_bytes=random_bytes)
        rng = Random(seed)  # noqa: S311 - a game
        self.bot = Bot(plan, rng, self.link.caller.next_id, self.link.clock)
        self._plan = plan
        self._seed = seed
        self._journal = journal
        self._begun: set[Stream] = set()
        self._turns = Turns(self.bot, self.link, now=self.now, noted=self._note, left=self._begun.discard)
        self._idle: Deferred[None] | None = None
        self._reported = attrs.evolve(self.bot.counters)
        self._longest = 0.0

    # A role's life

    def open(self) -> None:
        """Connect, and begin."""
        _log.info(
            "The bot {name} writes {rate:g} posts a second; the same again: --seed {seed}",
            name=self._plan.name,
            rate=self._plan.rate,
            seed=self._seed,
        )
        try:
            self._journal.open()
        except OSError as error:
            sentence = f"{self.label}: the journal cannot be written: {error}."
            ending.say(sentence)
            raise StartError(sentence) from None
        self.link.open(heard=self._hear, turn_ended=self._turn)
        self.every(REPORT_SECONDS, self._report)

    def drain(self) -> Deferred[Any] | None:
        """Settle what is under way, and read it."""
        self.bot.stop()
        if self.bot.idle:
            return None
        self._idle = Deferred()
        return self._idle

    def close(self) -> None:
        """Say what it came to."""
        self._idle = None
        unsettled = self.bot.unsettled()
        for id_, request in unsettled:
            self._journal.unsettled(request, id_)
        self._report()
        self.link.close()
        self._keep_journal(self._journal.close)
        _log.info("The bot {name} ends; unsettled={count}", name=self.bot.name, count=len(unsettled))

    def health(self) -> Health:
        """Ready while the board answers it."""
        if not self.running:
            return Health(False, "The bot is stopping.")
        waited = self.bot.outbox.longest(self.now().monotonic)
        if waited > PATIENCE:
            return Health(False, f"The bot waits for the board to answer since {waited:.0f} s.")
        if not self.bot.joined:
            return Health(False, "The bot is joining.")
        return Health(True, f"The bot is in {len(self.bot.channels)} channels.")

    def samples(self) -> Iterable[Sample]:
        """What it has done."""
        counted, link = self.bot.counters, self.link
        yield counter("bot_posts_total", "Posts acknowledged.", counted.posts)
        yield counter("bot_private_sent_total", "Private messages acknowledged.", counted.sent)
        yield counter("bot_refused_total", "Posts and private messages refused for good.", counted.refused)
        yield counter("bot_read_total", "Posts read in its channels, its own included.", counted.read)
        yield counter("bot_private_received_total", "Private messages read.", counted.received)
        yield counter("bot_retries_total", "Sendings of a request above its first.", self._retries())
        yield counter(
            "bot_round_trip_seconds_total",
            "Seconds from each post or private message to its acknowledgement, summed.",
            counted.waited,
        )
        yield gauge(
            "bot_round_trip_seconds_max", "The longest such wait in the last whole second.", self._longest
        )
        yield gauge("bot_in_flight", "Requests whose outcome is not known yet.", len(self.bot.outbox))
        yield gauge(
            "bot_writing",
            "Whether it will write again: it has a rate, and its time is not up.",
            float(self.bot.writing(self.now())),
        )
        yield counter("bot_healed_total", "Posts that came from the history.", self._healed())
        yield gauge("bot_lamport_clock", "Its Lamport clock.", link.clock.value)

    # What the bot decides, carried out

    def _turn(self) -> None:
        """Something came, or time has passed."""
        if self._turns.turn() and self._idle is not None and self.bot.idle:
            idle, self._idle = self._idle, None
            idle.callback(None)

    def _note(self, note: Note) -> None:
        match note:
            case Wrote(request, id_, seq):
                self._journal.wrote(request, id_, seq)
            case WasRefused(request, id_, why):
                self._journal.refused(request, id_, why.word)
                self.quiet.warn("refused", "The board refused a post: {why}", why=why.sentence(ENGLISH))
            case Joined(name, channels):
                _log.info(
                    "The bot {name} is in {channels}", name=name, channels=harmless(", ".join(channels))
                )
            case CannotJoin(why):
                ending.fail(self.reactor, f"bot: the board does not take it: {why.sentence(ENGLISH)}")

    def _hear(self, event: Event) -> None:
        match event:
            case Delivered(stream, post):
                self._begin(stream, post.seq - 1)
                self._journal.read(stream, post)
            case Caught(stream):
                assert self.link.reader is not None
                self._begin(stream, self.link.reader.cursor(stream) or 0)
            case WasReset(stream):
                self._journal.reset(stream)
                _log.warn("{stream} begins anew: the board is another one", stream=harmless(stream.name))
        self.bot.heard(event, self.now())

    def _begin(self, stream: Stream, seq: int) -> None:
        if stream not in self._begun:
            self._begun.add(stream)
            self._journal.began(stream, seq)

    # What it tells

    def _report(self) -> None:
        """One line: what it did in all, and since the line before."""
        counted, before = self.bot.counters, self._reported
        self._reported = attrs.evolve(counted)
        self._longest = self.bot.longest(self.now())
        _log.info(
            "posts={posts} posts_now={posts_now} read={read} read_now={read_now} sent={sent} received={received} "
            "refused={refused} in_flight={in_flight} retries={retries} healed={healed} longest_s={longest:.3f} clock={clock}",
            **attrs.asdict(counted),
            posts_now=counted.posts - before.posts,
            read_now=counted.read - before.read,
            in_flight=len(self.bot.outbox),
            retries=self._retries(),
            healed=self._healed(),
            longest=self._longest,
            clock=self.link.clock.value,
        )
        self._keep_journal(self._journal.flush)

    def _keep_journal(self, step: Callable[[], None]) -> None:
        try:
            step()
        except OSError as error:
            ending.fail(self.reactor, f"bot: the journal cannot be written: {error}.")

    def _retries(self) -> int:
        return self.bot.outbox.retries + self.link.caller.counters.resent

    def _healed(self) -> int:
        return 0 if self.link.reader is None else self.link.reader.counters.healed
