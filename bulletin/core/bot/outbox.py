"""What a bot has asked for and does not know the end of: sent again with the same id until it does."""

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from bulletin.core.board.history import PageQuery
from bulletin.core.bot.window import Window
from bulletin.core.client.caller import Outcome, Unreachable
from bulletin.core.client.streams import Stream
from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import PAGE_POSTS_MAX
from bulletin.core.wire.publications import Published
from bulletin.core.wire.replies import PublishedPage, Result
from bulletin.core.wire.requests import History, Query, ReadLevel, Write

BACK_OFF_MIN: Final = 0.5
BACK_OFF_MAX: Final = 5.0
"""Seconds between two attempts, at first and at last; a refusal may ask for more at first."""


@attrs.frozen
class Ask:
    """A request to make; what comes of it goes back under its key.

    :param id: the request's own; None: any that is new.
    """

    key: str
    request: Write | Query
    id: str | None


@attrs.frozen
class Settled:
    """What a request came to in the end.

    :param key: it had.
    :param begun: when it was made, monotonic seconds.
    :param outcome: the result; the post itself, where the history told; or a refusal: it took no effect.
    """

    key: str
    request: Write | Query
    begun: float
    outcome: Result | Published | Refusal


@attrs.define(eq=False)
class _Errand:
    """One request that is not settled.

    :param begun: when it was made, monotonic seconds.
    :param due: when to send it (again), monotonic seconds.
    :param stream: where a post of it would be.
    :param searched: of that stream, the ``seq`` up to which it is not: at first, where the stream stood when it was made.
    :param expired: the board knows its id no more: the history is asked, or, where it may take effect again, a new id is used.
    :param under_way: somebody was asked, and has not answered.
    :param sent: when that was, monotonic seconds.
    :param failures: attempts that told nothing.
    """

    key: str
    request: Write | Query
    begun: float
    due: float
    stream: Stream | None
    searched: int
    expired: bool = False
    under_way: bool = False
    sent: float = 0.0
    failures: int = 0


class Outbox:
    """Holds requests, in the order in which they were made, of which a window's size at most are under way.

    Its bound is its user's: see :attr:`room`.

    :param next_id: gives an id that no request had; see :meth:`~bulletin.core.client.caller.Caller.next_id`.
    """

    def __init__(self, next_id: Callable[[], str]) -> None:
        self._next_id = next_id
        self._errands: dict[str, _Errand] = {}
        self._under_way = 0
        self._window = Window()
        self.retries = 0
        """Attempts above the first of a request."""

    def __len__(self) -> int:
        """How many are not settled."""
        return len(self._errands)

    def __iter__(self) -> Iterator[tuple[str, Write | Query]]:
        """Keys and requests of those."""
        return iter([(errand.key, errand.request) for errand in self._errands.values()])

    @property
    def room(self) -> int:
        """How many new ones could go out at once."""
        return max(0, self._window.size - len(self._errands))

    def add(
        self, request: Write | Query, now: float, *, stream: Stream | None = None, since: int = 0
    ) -> None:
        """A new request.

        :param stream: of a post: where it goes; None: it does no harm if it takes effect again.
        :param since: the ``seq`` up to which that stream is known.
        """
        key = self._next_id()
        self._errands[key] = _Errand(key, request, begun=now, due=now, stream=stream, searched=since)

    def due(self, now: float) -> list[Ask]:
        """What is to be sent now."""
        asks: list[Ask] = []
        for errand in self._errands.values():
            if self._under_way >= self._window.size:
                break
            if not errand.under_way and errand.due <= now:
                errand.under_way = True
                errand.sent = now
                self._under_way += 1
                self.retries += bool(errand.failures)
                asks.append(self._ask(errand))
        return asks

    def answered(self, key: str, outcome: Outcome, now: float) -> Settled | None:
        """What came of a sending; whether that settles it."""
        errand = self._errands[key]
        errand.under_way = False
        self._under_way -= 1
        put_off = isinstance(outcome, Unreachable) or (
            isinstance(outcome, Refusal) and outcome.retry_after is not None
        )
        self._window.told(now - errand.sent, now, answered=not put_off)
        if isinstance(outcome, Refusal | Unreachable):
            return self._failed(errand, outcome, now)
        if errand.expired and errand.stream is not None:
            assert isinstance(outcome, PublishedPage), "a page was asked for"
            return self._searched(errand, outcome, now)
        return self._settle(errand, outcome)

    def longest(self, now: float) -> float:
        """Seconds that the oldest one has waited."""
        return max((now - errand.begun for errand in self._errands.values()), default=0.0)

    def _ask(self, errand: _Errand) -> Ask:
        if errand.expired and errand.stream is not None:
            query = PageQuery(
                errand.stream.kind, errand.stream.name, None, errand.searched, None, PAGE_POSTS_MAX
            )
            return Ask(errand.key, History(ReadLevel.LINEARIZABLE, query), None)
        any_id = errand.expired or isinstance(errand.request, Query)
        return Ask(errand.key, errand.request, None if any_id else errand.key)

    def _failed(self, errand: _Errand, why: Refusal | Unreachable, now: float) -> Settled | None:
        if isinstance(why, Unreachable):
            self._again(errand, 0.0, now)
        elif why.retry_after is not None:
            self._again(errand, why.retry_after, now)
        elif why.definite or isinstance(errand.request, Query):
            return self._settle(errand, why)
        elif why.code is Code.ID_EXPIRED and not errand.expired:
            errand.expired = True
            errand.due = now
        else:
            self._again(errand, 0.0, now)
        return None

    def _again(self, errand: _Errand, seconds: float, now: float) -> None:
        """Another attempt, ever later; after so many seconds at least."""
        errand.due = now + max(seconds, min(BACK_OFF_MAX, BACK_OFF_MIN * 2 ** min(errand.failures, 10)))
        errand.failures += 1

    def _searched(self, errand: _Errand, page: PublishedPage, now: float) -> Settled | None:
        """A page of the stream: an id that is too old will not take effect any more, so it is there already or never."""
        for post in page.posts:
            if post.id == errand.key:
                return self._settle(errand, post)
        if not page.more or not page.posts:
            return self._settle(errand, Refusal(Code.ID_EXPIRED, definite=True))
        errand.searched = page.posts[-1].seq
        errand.due = now
        return None

    def _settle(self, errand: _Errand, outcome: Result | Published | Refusal) -> Settled:
        del self._errands[errand.key]
        return Settled(errand.key, errand.request, errand.begun, outcome)
