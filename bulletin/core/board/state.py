"""Users, channels and inboxes as the board keeps them in memory: names and heads, never the posts.

A user's stream is the inbox.  Users and channels share one table of names, since they share the topics of the
publications: one name is one stream.

Memory: about half a KiB a stream, so at most some 60 MiB at the default limits of 100,000 users and 10,000 channels.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from bulletin.core.board.chain import chain_start
from bulletin.core.board.outcome import StreamKind, StreamRow, StreamState

LISTED_OVERHEAD: Final = 3
"""What a name costs in a list beside its own bytes, at most: quotes and a comma, or a MessagePack heading."""


@attrs.define(eq=False)
class Stream:
    """A stream's head; the fields are those of :class:`~bulletin.core.board.outcome.StreamState`.

    :param place: 0, 1, 2, … within its kind.
    :param chain: empty while there is no post: most users never get one, and the starting hash follows from the name.
    """

    number: int
    kind: StreamKind
    name: str
    position: int
    place: int
    seq: int = 0
    chain: bytes = b""
    received: float = 0.0

    def head(self) -> StreamState:
        """The head as a value."""
        return StreamState(
            self.number, self.kind, self.name, self.position, self.seq, self.previous(), self.received
        )

    def previous(self) -> bytes:
        """The chain hash that the next post follows."""
        return self.chain or chain_start(self.kind, self.name)


class _Listing:
    """The streams of one kind in the order in which they came into being."""

    def __init__(self, streams_max: int) -> None:
        self.streams_max: Final = streams_max
        self.streams: Final[list[Stream]] = []
        self._ends: Final = array("q")
        """Bytes of all names up to each one: so a page of a list is found without counting through it."""

    def add(self, stream: Stream) -> None:
        end = self._ends[-1] if self._ends else 0
        self._ends.append(end + len(stream.name.encode()) + LISTED_OVERHEAD)
        self.streams.append(stream)

    def page(self, start: int, bytes_max: int) -> tuple[tuple[str, ...], bool]:
        before = self._ends[start - 1] if start else 0
        end = max(bisect_right(self._ends, before + bytes_max, lo=start), start + 1)
        return tuple(stream.name for stream in self.streams[start:end]), end < len(self.streams)


class State:
    """All streams of a board."""

    def __init__(self, users_max: int, channels_max: int, streams: Iterable[StreamState]) -> None:
        """The streams as the tables hold them.

        :raises ValueError: they are not numbered 1, 2, 3, …, or two have the same name.
        """
        self._streams: Final[dict[str, Stream]] = {}
        self._listings: Final = {
            StreamKind.INBOX: _Listing(users_max),
            StreamKind.CHANNEL: _Listing(channels_max),
        }
        for head in streams:
            if head.number != len(self._streams) + 1 or head.name in self._streams:
                raise ValueError(f"stream {head.number} does not follow {len(self._streams)} others")
            stream = self._add(head.kind, head.name, head.position)
            stream.seq = head.seq
            stream.chain = head.chain if head.seq else b""
            stream.received = head.received

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def users_max(self) -> int:
        """Users at most."""
        return self._listings[StreamKind.INBOX].streams_max

    @property
    def channels_max(self) -> int:
        """Channels at most."""
        return self._listings[StreamKind.CHANNEL].streams_max

    def find(self, name: str) -> Stream | None:
        """The stream of this name, of whichever kind, or None."""
        return self._streams.get(name)

    def full(self, kind: StreamKind) -> bool:
        """Whether no more streams of this kind may come into being."""
        listing = self._listings[kind]
        return len(listing.streams) >= listing.streams_max

    def create(self, kind: StreamKind, name: str, position: int) -> StreamRow:
        """A new stream, and its row.  The name must be free, and the kind not :meth:`full`."""
        assert name not in self._streams
        assert not self.full(kind)
        stream = self._add(kind, name, position)
        return StreamRow(stream.number, kind, name, position)

    def names(self, kind: StreamKind, after: str | None, bytes_max: int) -> tuple[tuple[str, ...], bool]:
        """Names in the order in which they came into being, and whether more follow.

        :param after: names after this one; None: from the first.  After a name that is not there, there is none.
        :param bytes_max: bytes of names (with :data:`LISTED_OVERHEAD` for each) after which the list ends early; it
            has at least one name if there is any.
        """
        listing = self._listings[kind]
        start = 0
        if after is not None:
            last = self._streams.get(after)
            if last is None or last.kind is not kind:
                return (), False
            start = last.place + 1
        return listing.page(start, bytes_max) if start < len(listing.streams) else ((), False)

    def heads(self, kind: StreamKind) -> Iterator[StreamState]:
        """The heads of one kind, in the order in which the streams came into being."""
        return (stream.head() for stream in self._listings[kind].streams)

    def _add(self, kind: StreamKind, name: str, position: int) -> Stream:
        listing = self._listings[kind]
        stream = Stream(len(self._streams) + 1, kind, name, position, len(listing.streams))
        self._streams[name] = stream
        listing.add(stream)
        return stream
