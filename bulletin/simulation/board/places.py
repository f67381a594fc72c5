"""Where in the log each read was answered: noted at the server that answers, since its answer does not say so.

A listing, and the refusal of a page, come from memory, which is at the last entry that was applied; a page comes from the
tables as they were when it was read.  Which client was given which of several answers is known by their bytes.
"""

import hashlib
from collections.abc import Callable
from functools import partial

from bulletin.core.board.history import Page, PageQuery
from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Refusal
from bulletin.core.log.port import position_of
from bulletin.core.server.answers import Answers, Finished
from bulletin.core.server.member import Member
from bulletin.core.server.queries import Reading
from bulletin.core.store.port import Store
from bulletin.core.wire.broker import Reply
from bulletin.core.wire.replies import Result
from bulletin.core.wire.requests import History


def position_after(index: int) -> int:
    """A position beyond all operations of an entry, and before those of the next one."""
    return position_of(index + 1, 0)


class Places:
    """The places of all answers to reads, in a run."""

    def __init__(self) -> None:
        self._of_bodies: dict[bytes, int] = {}

    def of(self, body: bytes) -> int | None:
        """The last index that the answer in these bytes reflects; None: it is no read's, or nobody knows."""
        return self._of_bodies.get(_key(body))

    def answered(self, body: bytes, index: int) -> None:
        """A server gave this answer, at an index."""
        self._of_bodies[_key(body)] = index


def _key(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


class ReadWatch:
    """Follows the reads of one start of a server from its state to their answers.

    :param places: where it is noted.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._page_at: int | None = None
        self._ended: dict[Finished, int] = {}

    def watch_pages(self, store: Store, written: Callable[[], int]) -> None:
        """Note what each page shows.

        :param store: reads a page at once, and hands it over later.
        :param written: the index that the tables are at.
        """
        page = store.page

        def read(query: PageQuery, done: Callable[[Page], None]) -> None:
            page(query, partial(self._page_came, written(), done))

        store.page = read  # type: ignore[method-assign]  # what ships does not tell

    def _page_came(self, index: int, done: Callable[[Page], None], page: Page) -> None:
        self._page_at = index
        try:
            done(page)
        finally:
            self._page_at = None

    def watch(self, member: Member) -> None:
        """Note where each read ends."""
        queries = member.queries
        end = queries._end

        def ended(reading: Reading, result: Result | Refusal, *, later: bool = False) -> None:
            end(reading, result, later=later)
            page = isinstance(reading.query, History) and not isinstance(result, Refusal)
            index = self._page_at if page else member.applying.applied
            if index is not None and not later:
                self._ended[queries._ended[-1]] = index

        queries._end = ended  # type: ignore[method-assign]  # what ships does not tell

    def watch_answers(self, answers: Answers) -> None:
        """Note the bytes of each answer."""
        reply = answers.reply

        def replied(finished: Finished, now: Instant) -> Reply:
            written = reply(finished, now)
            index = self._ended.pop(finished, None)
            if index is not None:
                self._places.answered(written.body, index)
            return written

        answers.reply = replied  # type: ignore[method-assign]  # what ships does not tell
