"""Which posts a page of history holds: a query in, a range of ``seq`` (or of ``clock``) out."""

import attrs

from bulletin.core.board.outcome import Post, StreamKind


@attrs.frozen
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


@attrs.frozen
class Page:
    """One page of history.

    :param posts: ascending.
    :param more: whether the direction asked for holds more.
    """

    posts: tuple[Post, ...]
    more: bool
