"""Black box: the posts and reads of channels and inboxes, each stream by itself, from what clients noted.

Posts return their ``seq``, so the order of a stream is forced: the final history, read back once all is quiet, says
which posts there are, and the walk along their numbers is exact.  A post that never returned counts if it is there.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol, TypeVar

import attrs

from bulletin.linearizability.anomaly import Anomaly, Kind, worst_first
from bulletin.linearizability.real_time import NEVER, Effect, out_of_time


@attrs.frozen
class Post:
    """A post to a channel, or a message to a user.

    :param stream: the channel's name or the receiver's; the two never are the same.
    :param id: of the operation; unique in the recording, whoever sent it.
    :param invoked: monotonic seconds when it was sent first.
    :param returned: when its acknowledgement came; infinity where none did.
    :param seq: as acknowledged, or None.
    :param clock: as acknowledged, or None where it was not noted.
    :param text: what was sent, or whatever else stands for it (a hash); None: not noted.
    :param refused: whether it was refused for good (``definitivo``).
    """

    stream: str
    id: str
    invoked: float
    returned: float = NEVER
    seq: int | None = None
    clock: int | None = None
    text: str | None = None
    refused: bool = False


@attrs.frozen
class Read:
    """A linearizable read that was answered.

    :param stream: as for a post.
    :param invoked: monotonic seconds when it was sent.
    :param returned: when its answer came.
    :param head: the highest ``seq`` that there certainly was; 0 for none.
    :param newest: whether ``head`` is known to be the stream's last post (the newest page; or any, without ``more``).
    :param shown: ``(seq, id)`` of what it showed, as far as noted.
    """

    stream: str
    invoked: float
    returned: float
    head: int
    newest: bool = True
    shown: tuple[tuple[int, str], ...] = ()


@attrs.frozen
class Stored:
    """One post as the final history of its stream has it; the fields are those of :class:`Post` and the history's."""

    stream: str
    seq: int
    id: str
    clock: int
    received: float
    text: str | None = None


@attrs.frozen
class Followed:
    """What a reader that subscribed to a stream was shown, in order.

    :param reader: its name, for a person.
    :param stream: as for a post.
    :param since: the ``seq`` after which it began.
    :param shown: ``(seq, id)`` of each post.
    :param to_the_end: whether it was still there, and had time, when the last post had been made.
    """

    reader: str
    stream: str
    since: int
    shown: tuple[tuple[int, str], ...]
    to_the_end: bool = False


class _OfStream(Protocol):
    @property
    def stream(self) -> str: ...


T = TypeVar("T", bound=_OfStream)


def check_streams(
    posts: Iterable[Post],
    reads: Iterable[Read],
    stored: Iterable[Stored],
    followed: Iterable[Followed] = (),
) -> list[Anomaly]:
    """Every broken promise, stream by stream.

    :param posts: all posts that were asked for; what was refused for good may be left out.
    :param reads: those that were answered; linearizable ones only.
    :param stored: the final history of all streams, complete.
    :param followed: what readers were shown.
    """
    found: list[Anomaly] = []
    final, asked = _by_stream(stored), _by_stream(posts)
    seen, readers = _by_stream(reads), _by_stream(followed)
    for stream in sorted({*final, *asked, *seen, *readers}):
        rows = sorted(final[stream], key=lambda row: row.seq)
        found += _order(stream, rows)
        found += _acknowledged(stream, asked[stream], rows)
        found += _pages(stream, seen[stream], rows)
        found += _real_time(stream, asked[stream], seen[stream], rows)
        for reader in readers[stream]:
            found += _reader(reader, rows)
    return worst_first(found)


def _by_stream(items: Iterable[T]) -> defaultdict[str, list[T]]:
    grouped: defaultdict[str, list[T]] = defaultdict(list)
    for item in items:
        grouped[item.stream].append(item)
    return grouped


def _order(stream: str, rows: Sequence[Stored]) -> list[Anomaly]:
    """Numbers 1, 2, 3, …; each id once; clocks rise; the board's time never falls."""
    found = []
    ids: set[str] = set()
    for expected, row in enumerate(rows, 1):
        if row.seq != expected:
            found.append(Anomaly(Kind.GAP, stream, f"the history has seq {row.seq} where {expected} belongs"))
            break
    for row in rows:
        if row.id in ids:
            found.append(Anomaly(Kind.DUPLICATE, stream, f"the history has id {row.id} twice"))
        ids.add(row.id)
    for before, after in pairwise(rows):
        if after.clock <= before.clock:
            found.append(Anomaly(Kind.NONMONOTONIC, stream, f"the clock does not rise at seq {after.seq}"))
        if after.received < before.received:
            found.append(Anomaly(Kind.NONMONOTONIC, stream, f"the board's time falls at seq {after.seq}"))
    return found


def _acknowledged(stream: str, posts: Sequence[Post], rows: Sequence[Stored]) -> list[Anomaly]:
    """Every acknowledged post is there, as it was acknowledged; nothing is there that nobody sent."""
    found = []
    place = {row.id: row for row in rows}
    sent = {post.id for post in posts}
    for post in posts:
        row = place.get(post.id)
        if row is None:
            if post.seq is not None:
                what = f"id {post.id} was acknowledged as seq {post.seq}, and is not there"
                found.append(Anomaly(Kind.LOST_WRITE, stream, what))
            continue
        if post.refused:
            what = f"id {post.id} was refused for good, and is seq {row.seq}"
            found.append(Anomaly(Kind.REFUSED_WRITE, stream, what))
        if post.seq not in {None, row.seq}:
            what = f"id {post.id} was acknowledged as seq {post.seq}, and is seq {row.seq}"
            found.append(Anomaly(Kind.MOVED_WRITE, stream, what))
        if post.clock not in {None, row.clock}:
            what = f"id {post.id} was acknowledged with clock {post.clock}, and has {row.clock}"
            found.append(Anomaly(Kind.CHANGED_WRITE, stream, what))
        if None not in {post.text, row.text} and post.text != row.text:
            found.append(
                Anomaly(Kind.CHANGED_WRITE, stream, f"the text of id {post.id} is not what was sent")
            )
    for row in rows:
        if row.id not in sent:
            what = f"seq {row.seq} has id {row.id}, which nobody sent"
            found.append(Anomaly(Kind.INVENTED_WRITE, stream, what))
    return found


def _pages(stream: str, reads: Sequence[Read], rows: Sequence[Stored]) -> list[Anomaly]:
    """What a read showed is what the history holds at that number for ever after."""
    id_at = {row.seq: row.id for row in rows}
    found = []
    head = max(id_at, default=0)
    for read in reads:
        if read.head > head and not read.shown:
            found.append(Anomaly(Kind.LOST_WRITE, stream, f"a read found seq {read.head}; there are {head}"))
        for seq, id_ in read.shown:
            if seq not in id_at:
                what = f"a read showed id {id_} as seq {seq}, which is not there"
                found.append(Anomaly(Kind.LOST_WRITE, stream, what))
            elif id_at[seq] != id_:
                what = f"a read showed id {id_} as seq {seq}, which is id {id_at[seq]}"
                found.append(Anomaly(Kind.CHANGED_WRITE, stream, what))
    return found


def _real_time(
    stream: str, posts: Sequence[Post], reads: Sequence[Read], rows: Sequence[Stored]
) -> list[Anomaly]:
    """A post takes effect at its number, a read after the last one that it found and before the next."""
    by_id = {post.id: post for post in posts}
    effects = []
    for row in rows:
        post = by_id.get(row.id)
        if post is not None:
            effects.append(Effect(f"post {row.seq}", post.invoked, post.returned, row.seq, writes=True))
    for read in reads:
        before = read.head + 1 if read.newest else None
        effects.append(Effect(f"a read of {read.head}", read.invoked, read.returned, read.head, before))
    return out_of_time(stream, effects)


def _reader(reader: Followed, rows: Sequence[Stored]) -> list[Anomaly]:
    """A reader is shown each post once, in order, and none is left out."""
    found = []
    id_at = {row.seq: row.id for row in rows}
    seen: set[int] = set()
    last = reader.since

    def note(kind: Kind, what: str) -> None:
        found.append(Anomaly(kind, reader.stream, f"{reader.reader} {what}"))

    for seq, id_ in reader.shown:
        if seq in seen:
            note(Kind.DUPLICATE, f"was shown seq {seq} twice")
        elif seq <= last:
            note(Kind.NONMONOTONIC, f"was shown seq {seq} after {last}")
        elif seq > last + 1:
            note(Kind.SKIP, f"was shown seq {seq} after {last}")
        if seq not in id_at:
            note(Kind.LOST_WRITE, f"was shown id {id_} as seq {seq}, which is not there")
        elif id_at[seq] != id_:
            note(Kind.CHANGED_WRITE, f"was shown id {id_} as seq {seq}, which is id {id_at[seq]}")
        seen.add(seq)
        last = max(last, seq)
    head = max(id_at, default=0)
    if reader.to_the_end and last < head:
        note(Kind.UNOBSERVED, f"was shown no post after seq {last}; there are {head}")
    return found
