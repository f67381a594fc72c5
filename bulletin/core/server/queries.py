"""Reads: how far this server must have come before it may answer one, and what it answers then.

A linearizable read sees everything that was acknowledged before it began, whichever server answers (dissertation 6.4).
It asks the log for a barrier, waits until this server has applied that far, and is then answered from the board's
memory (users, channels); a page of history also waits until the tables have come as far, and is read from there.  All
reads of a turn share one barrier; while :data:`BARRIERS_MAX` are out, later ones gather for the next.  A local read
skips all of that and sees this server as it is.

::

    asking ──barrier──► out ──passed──► applying ──► answered (lists)
      ▲                  │                 └──► writing ──► reading ──► answered (pages)
      └──────failed──────┘                         └─◄─empty─┘

A read has no effect, so every refusal of one is definite.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

import attrs

from bulletin.core.board.history import Page, PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import LIST_BYTES_MAX
from bulletin.core.log.port import BarrierFailed, BarrierPassed, OrderedLog, index_of
from bulletin.core.server.admission import Admitted, Caller
from bulletin.core.server.answers import Finished
from bulletin.core.server.work import PageRead
from bulletin.core.wire.envelope import Encoding
from bulletin.core.wire.replies import ChannelNames, Result, UserNames
from bulletin.core.wire.requests import History, ListUsers, Query, ReadLevel

NAMES_A_LIST: Final = 100
"""What a list costs beside its names, in names."""

QUERIES_MAX: Final = 4096
"""Reads under way at most; what is above is refused with ``sobrecarregado``."""

BARRIERS_MAX: Final = 4
"""Barriers out at once."""

READS_MAX: Final = 16
"""Pages being read at once: so many replies of a page's size may have to be written in one turn."""

NAMES_PER_TURN: Final = 20_000
"""Names in lists after which a turn answers no further list: one of all users is a page of megabytes."""


_LATEST: Final = Instant(float("inf"), float("inf"))


class Names(Protocol):
    """What a read asks of the board's memory."""

    def has_user(self, name: str) -> bool:
        """Whether there is a user of this name."""

    def has_channel(self, name: str) -> bool:
        """Whether there is a channel of this name."""

    def users(self, after: str | None, bytes_max: int) -> tuple[tuple[str, ...], bool]:
        """Users' names, and whether more follow."""

    def channels(self, after: str | None, bytes_max: int) -> tuple[tuple[str, ...], bool]:
        """Channels' names, and whether more follow."""


@attrs.define(eq=False)
class Reading:
    """A read under way.

    :param named: the index that the memory was at when it had the names that a linearizable page is asked of.
    :param written: the index that the tables had come to, at least, when the page was asked for.
    """

    caller: Caller
    query: Query
    named: int = 0
    written: int = 0


class Queries:
    """The reads under way at one server.

    :param log: what gives the barriers.
    :param board: the board's memory.
    :param tokens: numbers for barriers and pages, never the same twice.
    """

    def __init__(self, log: OrderedLog, board: Names, tokens: Iterator[int]) -> None:
        self._log = log
        self._board = board
        self._tokens = tokens
        self._applied = 0
        self._written = 0
        self._asking: list[Reading] = []
        self._out: dict[int, list[Reading]] = {}
        self._applying: list[tuple[int, list[Reading]]] = []
        self._writing: list[tuple[int, list[Reading]]] = []
        self._lists: deque[Reading] = deque()
        self._due: deque[Reading] = deque()
        self._reading: dict[int, Reading] = {}
        self._ended: list[Finished] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def waits_for_tables(self) -> bool:
        """Whether a page waits for what was applied to be in the tables."""
        return bool(self._writing)

    @property
    def more(self) -> bool:
        """Whether lists wait for the next turn."""
        return bool(self._lists)

    def admit(self, admitted: Admitted) -> Refusal | None:
        """Take a read, or say why not."""
        query = admitted.request
        assert isinstance(query, Query)
        if self._count >= QUERIES_MAX:
            return Refusal(Code.OVERLOADED)
        self._count += 1
        reading = Reading(admitted.caller, query)
        if query.level is ReadLevel.LOCAL:
            self._answer([reading], 0)
        else:
            self._asking.append(reading)
        return None

    def ask(self, now: Instant) -> None:
        """There is a leader: ask for a barrier for all that gathered."""
        if not self._asking or len(self._out) >= BARRIERS_MAX:
            return
        token = next(self._tokens)
        self._out[token] = self._asking
        deadline = max(reading.caller.deadline for reading in self._asking)
        self._asking = []
        self._log.barrier(token, deadline, now)

    def passed(self, event: BarrierPassed) -> None:
        """A barrier was passed: its readings wait for its position."""
        readings = self._out.pop(event.token, None)
        if readings is not None:
            self._applying.append((index_of(event.position), readings))

    def failed(self, event: BarrierFailed) -> None:
        """A barrier was not: what still has time asks again."""
        self._asking.extend(self._out.pop(event.token, ()))

    def advance(self, applied: int, written: int) -> None:
        """This server has applied the log up to one index, and its tables hold it up to another."""
        self._applied = applied
        self._written = written
        if not self._count:
            return
        if self._applying:
            waiting, self._applying = self._applying, []
            for index, readings in waiting:
                if index <= applied:
                    self._answer(readings, index)
                else:
                    self._applying.append((index, readings))
        if self._writing:
            waiting, self._writing = self._writing, []
            for index, readings in waiting:
                if index <= written:
                    self._due.extend(readings)
                else:
                    self._writing.append((index, readings))
        if self._lists:
            self._answer_lists()

    def take_pages(self) -> list[PageRead]:
        """Pages to be read now."""
        pages: list[PageRead] = []
        while self._due and len(self._reading) < READS_MAX:
            reading = self._due.popleft()
            assert isinstance(reading.query, History)
            token = next(self._tokens)
            self._reading[token] = reading
            reading.written = self._written
            pages.append(PageRead(token, reading.query.query))
        return pages

    def page_read(self, token: int, page: Page) -> None:
        """A page was read.

        An empty one, of tables that may not have come to where its names were found, may be of a time when they did not
        exist: then it shows no state that the board ever was in, and is read again once the tables have come so far.
        """
        reading = self._reading.pop(token, None)
        if reading is None:
            return
        if page.posts or page.more or reading.named <= reading.written:
            self._end(reading, page)
        else:
            self._writing.append((reading.named, [reading]))

    def expire(self, now: Instant, *, leaderless: bool, stuck: bool = False) -> None:
        """Give up what is overdue.

        :param leaderless: there was no leader for long: all that waits for a barrier is given up, too;
        :param stuck: the disk was silent for long: and all that waits for the tables.
        """
        if not self._count:
            return
        code = Code.NO_LEADER if leaderless else Code.TIMED_OUT
        hopeless = leaderless or stuck
        self._asking = self._sift(self._asking, now, code, everything=hopeless)
        for token, readings in list(self._out.items()):
            self._out[token] = self._sift(readings, now, code, everything=hopeless)
            if not self._out[token]:
                del self._out[token]
        for waiting in (self._applying, self._writing):
            for place, (index, readings) in enumerate(waiting):
                waiting[place] = (index, self._sift(readings, now, Code.TIMED_OUT, everything=stuck))
        self._due = deque(self._sift(self._due, now, Code.TIMED_OUT, everything=False))
        self._lists = deque(self._sift(self._lists, now, Code.TIMED_OUT, everything=False))

    def abandon(self) -> None:
        """Give everything up: another server answers."""
        waiting = [self._asking, *self._out.values(), self._due, self._lists, self._reading.values()]
        waiting += [readings for _, readings in (*self._applying, *self._writing)]
        for readings in waiting:
            self._sift(list(readings), _LATEST, Code.TIMED_OUT, everything=True)
        self._asking, self._applying, self._writing = [], [], []
        self._out.clear()
        self._due.clear()
        self._lists.clear()
        self._reading.clear()

    def drop_waiting(self) -> int:
        """Forget what waits for a barrier: the broker gave it to another server.  Says how many those were."""
        before = self._count
        self._count -= len(self._asking) + sum(map(len, self._out.values()))
        self._asking = []
        self._out.clear()
        return before - self._count

    def take_ended(self) -> list[Finished]:
        """The reads that came to their end since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def _answer(self, readings: Iterable[Reading], index: int) -> None:
        """The board's memory has come far enough: answer lists, send pages on to the tables."""
        pages = []
        for reading in readings:
            if not isinstance(reading.query, History):
                self._lists.append(reading)
                continue
            refusal = self._missing(reading.query.query)
            if refusal is None:
                reading.named = self._applied if reading.query.level is ReadLevel.LINEARIZABLE else 0
                pages.append(reading)
            else:
                self._end(reading, refusal)
        if index <= self._written:
            self._due.extend(pages)
        elif pages:
            self._writing.append((index, pages))

    def _answer_lists(self) -> None:
        """A turn's share of the lists."""
        left = NAMES_PER_TURN
        while self._lists and left > 0:
            reading = self._lists.popleft()
            query = reading.query
            assert not isinstance(query, History)
            # JSON writes some characters of a name as two bytes.
            doubled = reading.caller.heading.encoding is Encoding.JSON
            bytes_max = LIST_BYTES_MAX // 2 if doubled else LIST_BYTES_MAX
            if isinstance(query, ListUsers):
                names, more = self._board.users(query.after, bytes_max)
                self._end(reading, UserNames(names, more))
            else:
                names, more = self._board.channels(query.after, bytes_max)
                self._end(reading, ChannelNames(names, more))
            left -= len(names) + NAMES_A_LIST

    def _missing(self, query: PageQuery) -> Refusal | None:
        """The refusal of a page of a stream that does not exist, or None."""
        if query.kind is StreamKind.CHANNEL:
            return None if self._board.has_channel(query.stream) else Refusal(Code.NO_SUCH_CHANNEL, "canal")
        if not self._board.has_user(query.stream):
            return Refusal(Code.NO_SUCH_USER, "user")
        if query.partner is not None and not self._board.has_user(query.partner):
            return Refusal(Code.NO_SUCH_USER, "com")
        return None

    def _sift(
        self, readings: Iterable[Reading], now: Instant, code: Code, *, everything: bool
    ) -> list[Reading]:
        """Those that still have time; the others end with a refusal."""
        left = []
        for reading in readings:
            if everything or reading.caller.deadline <= now.monotonic:
                self._end(reading, Refusal(code, definite=True), later=True)
            else:
                left.append(reading)
        return left

    def _end(self, reading: Reading, result: Result | Refusal, *, later: bool = False) -> None:
        self._count -= 1
        self._ended.append(Finished(reading.caller, result, later))
