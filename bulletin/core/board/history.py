"""Which posts a page of history holds: a query in, a range of ``seq`` (or of ``clock``) out.

A page is read in one direction, and turned to ascending order at its end::

    since given       forward    the first `limit` posts above `since` (and below `before`, if that is given too)
    only before       backward   the last `limit` posts below `before`
    neither           backward   the last `limit` posts

``more`` says whether that direction holds further posts of the query.  A page also ends, with ``more``, where the
bytes of its texts and names would pass 512 KiB; it keeps what was read first: the oldest when it is read forward, the
newest when backward.  It has a post if there is one.

A stream's page is a range of ``seq``, known from the stream's head alone.  A private conversation runs over two
inboxes, and its cursors are ``clock``: its posts have to be read, from each side in the query's direction, and merged.
Whoever reads them may hand in iterators: no more is taken from these than the page needs.
"""

from collections.abc import Callable, Iterable
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import TypeVar

from bulletin.core.board.outcome import Post, StreamKind
from bulletin.core.board.value import value
from bulletin.core.limits import PAGE_BYTES_MAX

T = TypeVar("T")


@value
class PageQuery:
    """One page of history, as asked for and checked.

    :param kind: whose posts.
    :param stream: the channel's name or the inbox's owner.
    :param partner: the other side of a private conversation, or None; cursors are then ``clock``, not ``seq``.
    :param since: posts above this cursor, oldest first; or None.
    :param before: posts below this cursor, the newest of them; or None.  Neither: the newest of all.
    :param limit: posts at most, 1 to 500.
    """

    kind: StreamKind
    stream: str
    partner: str | None
    since: int | None
    before: int | None
    limit: int

    @property
    def forward(self) -> bool:
        """Whether the page is read from its oldest post on."""
        return self.since is not None


@value
class Page:
    """One page of history.

    :param posts: ascending.
    :param more: whether the direction asked for holds more.
    """

    posts: tuple[Post, ...]
    more: bool


@value
class SeqRange:
    """The posts that a page is read from.

    :param first: the lowest ``seq``.
    :param last: the highest; below ``first`` where there are none.
    :param forward: whether to read upwards, from ``first`` on; else downwards, from ``last`` on.
    :param more: whether the query holds posts beyond the range.
    """

    first: int
    last: int
    forward: bool
    more: bool


@value
class Side:
    """One side of a conversation: the posts of one sender in one inbox, with clocks from ``first`` to ``last``.

    :param last: the highest clock, or None: no bound.
    """

    inbox: str
    sender: str
    first: int
    last: int | None


def seq_range(query: PageQuery, head: int) -> SeqRange:
    """Which posts a page of a channel or an inbox is read from.

    :param head: ``seq`` of the stream's last post; 0 while there is none.
    """
    assert query.partner is None, "a conversation has no range of seq"
    assert query.limit > 0
    lowest = 1 if query.since is None else max(1, query.since + 1)
    highest = head if query.before is None else min(head, query.before - 1)
    if highest < lowest:
        return SeqRange(lowest, lowest - 1, query.forward, more=False)
    if query.forward:
        last = min(highest, lowest + query.limit - 1)
        return SeqRange(lowest, last, forward=True, more=last < highest)
    first = max(lowest, highest - query.limit + 1)
    return SeqRange(first, highest, forward=False, more=first > lowest)


def conversation_sides(query: PageQuery) -> tuple[Side, ...]:
    """What a page of a conversation is read from: what each of two users wrote to the other.

    One side only where somebody writes to themselves: both inboxes are the same then.
    """
    assert query.partner is not None, "no conversation"
    assert query.kind is StreamKind.INBOX
    first = 0 if query.since is None else max(0, query.since + 1)
    last = None if query.before is None else query.before - 1
    mine = Side(query.stream, query.partner, first, last)
    theirs = Side(query.partner, query.stream, first, last)
    return (mine,) if mine == theirs else (mine, theirs)


def trim_page(
    posts: Iterable[Post], query: PageQuery, *, more: bool, bytes_max: int = PAGE_BYTES_MAX
) -> Page:
    """The page, of posts that are read in the query's direction: ascending if it is ``forward``, else descending.

    :param posts: those of the range; at most ``query.limit``.
    :param more: :attr:`SeqRange.more`.
    :param bytes_max: see :func:`post_bytes`.
    """
    kept, ended = take(posts, post_bytes, bytes_max)
    if not query.forward:
        kept.reverse()
    return Page(tuple(kept), more or ended)


def merge_conversation(
    sides: Iterable[Iterable[Post]], query: PageQuery, *, bytes_max: int = PAGE_BYTES_MAX
) -> Page:
    """The page of a conversation.

    :param sides: the posts of each of :func:`conversation_sides`, by ``clock``, in the query's direction: ascending if
        it is ``forward``, else descending.  ``query.limit`` + 1 posts of each are enough.
    :param bytes_max: see :func:`post_bytes`.
    """
    posts = iter(merge(*sides, key=attrgetter("clock"), reverse=not query.forward))
    page = trim_page(islice(posts, query.limit), query, more=False, bytes_max=bytes_max)
    return page if page.more else Page(page.posts, next(posts, None) is not None)


def post_bytes(post: Post) -> int:
    """What a post counts for in a page: its text and names, in bytes of UTF-8."""
    return len(post.message.encode()) + len(post.user.encode()) + len(post.stream.encode())


def take(items: Iterable[T], size: Callable[[T], int], bytes_max: int) -> tuple[list[T], bool]:
    """The first items that together have at most ``bytes_max``, but at least one; and whether one was left out."""
    kept: list[T] = []
    total = 0
    for item in items:
        total += size(item)
        if kept and total > bytes_max:
            return kept, True
        kept.append(item)
    return kept, False
