"""One stream as a reader has it: what comes next, what is there already, what must be fetched.

Every moment one of three things is known of the post that comes next: it is in the buffer (then it goes out at once), it
exists (``head`` is above it: then it is fetched), or nothing is known of it.
"""

from collections import OrderedDict
from typing import Final

import attrs

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.limits import MIB, PAGE_POSTS_MAX
from bulletin.core.wire.publications import Published

BUFFER_POSTS_MAX: Final = 1000
"""Posts of one stream that wait for an earlier one at most; what is above is fetched in its turn."""

BUFFER_BYTES_MAX: Final = 4 * MIB
"""Bytes of their texts."""

REMEMBERED: Final = 256
"""Posts that went out whose ids are remembered, to tell a repetition from another board's post."""

NEVER: Final = float("inf")


@attrs.frozen
class Stream:
    """What is followed.

    :param kind: a channel or an inbox.
    :param name: the channel's, or the inbox's owner's.
    """

    kind: StreamKind
    name: str


@attrs.define(eq=False)
class Progress:
    """How far a reader is with one stream.

    :param stream: which.
    :param next: the ``seq`` that goes out next; None until the first page has come, where there was no cursor.
    :param last: how many of the newest posts to begin with, where there is no cursor.
    :param settled: a page has come.
    :param caught: all that the history had at first has gone out.
    :param head: the largest ``seq`` that is known to exist, or said to.
    :param fresh: the same, of what was heard since the page under way was asked for.
    :param buffer: posts above ``next``, each with whether it came since the page under way was asked for.
    :param buffered: bytes of their texts.
    :param asked: the page under way, or None.
    :param asked_at: what ``next`` was when it was asked for.
    :param doubtful: something did not fit; the next page asks for the newest post: is this still the same board?
    :param probing: the page under way is such a probe.
    :param due: when to fetch, monotonic seconds.
    :param heard: when something of it was heard last.
    :param moved: when a post went out last, or the history confirmed that none is missing.
    :param failures: pages in a row that could not be had.
    :param remembered: ids of the last posts that went out, by ``seq``.
    """

    stream: Stream
    next: int | None
    last: int
    due: float
    heard: float
    moved: float
    settled: bool = False
    caught: bool = False
    head: int = 0
    fresh: int = 0
    buffer: dict[int, tuple[Published, bool]] = attrs.Factory(dict)
    buffered: int = 0
    asked: PageQuery | None = None
    asked_at: int = 1
    doubtful: bool = False
    probing: bool = False
    failures: int = 0
    remembered: OrderedDict[int, str] = attrs.Factory(OrderedDict)

    @property
    def wanting(self) -> bool:
        """Whether a page would tell something."""
        return self.doubtful or self.missing or not self.settled

    @property
    def missing(self) -> bool:
        """Whether the post that comes next exists and is not there."""
        return self.next is not None and self.head >= self.next and self.next not in self.buffer

    def exists(self, seq: int) -> None:
        """Somebody says that there is a post of that number."""
        self.head = max(self.head, seq)
        self.fresh = max(self.fresh, seq)

    def behind(self, seq: int) -> bool:
        """Whether a head of ``seq`` is below what was read."""
        return self.next is not None and seq < self.next - 1

    def contradicts(self, post: Published) -> bool:
        """Whether another post went out under this one's number."""
        return self.remembered.get(post.seq, post.id) != post.id

    def keep(self, post: Published) -> None:
        """Have a post wait for its turn, if there is room; else it will be fetched."""
        self.exists(post.seq)
        size = _size(post)
        if (
            post.seq not in self.buffer
            and len(self.buffer) < BUFFER_POSTS_MAX
            and self.buffered + size <= BUFFER_BYTES_MAX
        ):
            self.buffer[post.seq] = (post, True)
            self.buffered += size

    def drop(self, seq: int) -> Published | None:
        """Take a post out of the buffer."""
        kept = self.buffer.pop(seq, None)
        if kept is None:
            return None
        self.buffered -= _size(kept[0])
        return kept[0]

    def skip_to(self, seq: int) -> None:
        """The history has no post below ``seq`` any more: whatever claims to be one is forgotten."""
        for unknown in [kept for kept in self.buffer if kept < seq]:
            self.drop(unknown)

    def gone_out(self, post: Published) -> None:
        """A post goes out: the next one is after it."""
        assert self.next is None or post.seq >= self.next
        self.next = post.seq + 1
        self.head = max(self.head, post.seq)
        self.remembered[post.seq] = post.id
        if len(self.remembered) > REMEMBERED:
            self.remembered.popitem(last=False)

    def query(self) -> PageQuery:
        """The page that it needs now."""
        since: int | None = None
        if self.doubtful:
            limit = 1
        elif self.next is None:
            limit = min(max(1, self.last), PAGE_POSTS_MAX)
        else:
            since = self.next - 1
            limit = self._to_fetch()
        return PageQuery(self.stream.kind, self.stream.name, None, since, None, limit)

    def _to_fetch(self) -> int:
        """How many there are from the next one to the last one that is missing, as far as one page goes.

        One page for many small gaps: where a server's publications are lost every third post is missing, and with a page for
        each a reader never came to the end of a busy stream.
        """
        assert self.next is not None
        if not self.buffer:
            return PAGE_POSTS_MAX
        last = min(self.head, self.next + PAGE_POSTS_MAX - 1)
        while last in self.buffer:
            last -= 1
        return max(1, last - self.next + 1)

    def ask(self) -> PageQuery:
        """The same, now under way: from here on it is told apart what was heard before and after."""
        assert self.asked is None
        self.asked = self.query()
        self.asked_at = self.next or 1
        self.probing = self.doubtful
        self.fresh = 0
        self.buffer = {seq: (post, False) for seq, (post, _) in self.buffer.items()}
        return self.asked

    def settle(self, end: int) -> None:
        """The history, asked after it was said, has nothing above ``end``: forget whatever claimed that."""
        for seq in [seq for seq, (_, fresh) in self.buffer.items() if seq > end and not fresh]:
            self.drop(seq)
        self.head = max(end, self.fresh, max(self.buffer, default=0))

    def start_anew(self, head: int) -> None:
        """This is another board: read it from its first post."""
        self.next = 1
        self.doubtful = False
        self.buffer.clear()
        self.buffered = 0
        self.remembered.clear()
        self.head = head


def _size(post: Published) -> int:
    return len(post.message or "") + 256
