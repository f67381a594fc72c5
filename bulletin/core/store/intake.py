"""Taking in another server's tables, on any shelf: what came is kept, and what is missing is known.

See :mod:`bulletin.core.store.parts` for what travels, and why the tables that come out are those of one index.
"""

import hashlib
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

import attrs

from bulletin.core.board.chain import chain_post, chain_start, text_hash
from bulletin.core.board.commands import Proof
from bulletin.core.board.outcome import Marks, StreamKind
from bulletin.core.board.remembered import BLOCK_OPERATIONS
from bulletin.core.raft.ready import Taken
from bulletin.core.store.parts import (
    BEGIN,
    RANGES_MAX,
    AskChunk,
    AskPosts,
    ChunkPart,
    Manifest,
    Range,
    Refused,
    Rows,
    decode_manifest,
    decode_part,
    encode_ask,
    is_place,
    unpack_rows,
)
from bulletin.core.store.records import (
    POST_CHAIN,
    POST_CLOCK,
    POST_USER,
    SEQ_BITS,
    Damaged,
    decode_head,
    unseal,
)


class Shelf(Protocol):
    """Where a receiver keeps what came: a database, or memory.  Nothing of it is in its tables before it is installed."""

    def applied(self) -> Marks:
        """The marks of the own tables."""

    def streams(self) -> int:
        """How many streams there are in the own tables."""

    def stream(self, number: int) -> tuple[StreamKind, str] | None:
        """A stream's kind and name, if it is in the own tables."""

    def get(self, number: int) -> bytes | None:
        """What was put under a number."""

    def put(self, number: int, data: bytes) -> None:
        """Keep something under a number."""

    def numbers(self) -> set[int]:
        """Under which numbers something was put."""

    def clear(self) -> None:
        """Throw away what was put; the posts stay."""

    def last_post(self, stream: int) -> tuple[int, bytes]:
        """Number and chain hash of a stream's last post, those that only came included; (0, b"") where there is none."""

    def chain(self, stream: int, seq: int) -> bytes | None:
        """The chain hash of a post, those that only came included."""

    def put_posts(
        self, rows: Sequence[tuple[int, int, bytes]], private: Sequence[tuple[int, str, int, int]]
    ) -> None:
        """Keep posts.

        :param rows: stream, ``seq`` and sealed body: each follows the last one of its stream.
        :param private: inbox, sender, clock and ``seq`` of those that are private messages.
        """


@attrs.define
class _Lacking:
    """Posts that are missing of one stream.

    :param chain: the chain hash at ``after``.
    :param head: the chain hash at ``until``.
    :param applied: the index of the own tables when it was looked at: the log may go on, and bring some of them.
    """

    stream: int
    after: int
    chain: bytes
    until: int
    head: bytes
    applied: int


class Intake:
    """Takes parts in, whatever comes, and knows what is missing."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf: Final = shelf
        self._manifest: Manifest | None = None
        self._heads: deque[int] = deque()
        """Chunks of heads whose streams have not been looked at."""
        self._lacking: deque[_Lacking] = deque()
        self._stream_rows: tuple[int, dict[int, tuple[StreamKind, str]]] = (0, {})

    @property
    def manifest(self) -> Manifest:
        """What is complete."""
        assert self._manifest is not None
        return self._manifest

    def take(self, body: bytes | None) -> Taken:
        """Take a part in.

        :param body: see :class:`bulletin.core.raft.ready.Take`.
        :raises Damaged: the own tables do not fit those of the sender.
        """
        try:
            if body is None:
                self._resume()
            elif body == b"":
                raise Refused("there is no such part")
            else:
                self._sort(body)
            return self._next()
        except (Refused, ValueError, TypeError):
            self._anew()
            return Taken(BEGIN, anew=True)

    def _anew(self) -> None:
        self._shelf.clear()
        self._forget()

    def _forget(self) -> None:
        self._manifest = None
        self._heads.clear()
        self._lacking.clear()
        self._stream_rows = (0, {})

    def _resume(self) -> None:
        """Go on with what is on the shelf, unless the own tables have come as far."""
        self._forget()
        data = self._shelf.get(0)
        if data is None:
            return
        manifest = decode_manifest(data)
        if manifest.index <= self._shelf.applied().applied:
            self._anew()
        else:
            self._begin(manifest)

    def _begin(self, manifest: Manifest) -> None:
        self._forget()
        self._manifest = manifest
        self._heads.extend(
            number for number, chunk in enumerate(manifest.chunks, 1) if chunk.table == "heads"
        )

    def _sort(self, body: bytes) -> None:
        part = decode_part(body)
        if isinstance(part, Manifest):
            self._shelf.clear()
            self._shelf.put(0, body)
            self._begin(part)
        elif isinstance(part, ChunkPart):
            self._take_chunk(part)
        else:
            self._take_posts(part)

    def _take_chunk(self, part: ChunkPart) -> None:
        manifest = self._manifest
        if manifest is None or manifest.name != part.name or not 0 < part.number <= len(manifest.chunks):
            return  # of another manifest: late
        if hashlib.sha256(part.data).digest() != manifest.chunks[part.number - 1].hash:
            raise Refused("a chunk that is damaged")
        self._shelf.put(part.number, part.data)

    # What is missing

    def _next(self) -> Taken:
        manifest = self._manifest
        if manifest is None:
            return Taken(BEGIN)
        marks = self._shelf.applied()
        if manifest.index <= marks.applied:
            return Taken(b"", manifest.index)
        number = self._missing_chunk(manifest, marks)
        if number is not None:
            return Taken(encode_ask(AskChunk(manifest.name, number)))
        while not self._lacking and self._heads:
            self._look_at_heads(self._heads.popleft())
        if self._lacking:
            ranges = [
                Range(lacking.stream, lacking.after, lacking.until)
                for lacking, _ in zip(self._lacking, range(RANGES_MAX), strict=False)
            ]
            return Taken(encode_ask(AskPosts(tuple(ranges))))
        number = self._damaged_chunk(manifest)
        if number is not None:
            return Taken(encode_ask(AskChunk(manifest.name, number)))
        return Taken(b"", manifest.index)

    def _damaged_chunk(self, manifest: Manifest) -> int | None:
        """A chunk that is not what came: it has lain on the disk since, across any number of starts."""
        present = self._shelf.numbers()
        for number, chunk in enumerate(manifest.chunks, 1):
            data = self._shelf.get(number) if number in present else None
            if data is not None and hashlib.sha256(data).digest() != chunk.hash:
                return number
        return None

    def _missing_chunk(self, manifest: Manifest, marks: Marks) -> int | None:
        present, streams = self._shelf.numbers(), self._shelf.streams()
        for number, chunk in enumerate(manifest.chunks, 1):
            known = {"streams": streams, "operations": marks.ordinal // BLOCK_OPERATIONS}.get(chunk.table)
            if number not in present and (known is None or _integer(chunk.last) > known):
                return number
        return None

    def rows_of(self, number: int) -> Rows:
        """The rows of a chunk.

        :raises Refused: it is not what came.
        """
        data = self._shelf.get(number)
        if data is None or hashlib.sha256(data).digest() != self.manifest.chunks[number - 1].hash:
            raise Refused("a chunk that is damaged")
        return unpack_rows(data)

    def _look_at_heads(self, number: int) -> None:
        shelf = self._shelf
        applied = shelf.applied().applied
        for key, body in self.rows_of(number):
            stream = _integer(key)
            try:
                seq, chain, _ = decode_head(stream, body)
            except Damaged as error:
                raise Refused("a head that is none") from error
            if not is_place(stream, seq):
                raise Refused("a head of a post that cannot be")
            last, last_chain = shelf.last_post(stream)
            if last < seq:
                self._lacking.append(_Lacking(stream, last, last_chain, seq, chain, applied))
            elif (last_chain if last == seq else shelf.chain(stream, seq)) != chain:
                raise Damaged(f"the posts of stream {stream}, against the leader's tables,")

    def _look_again(self, lacking: dict[int, _Lacking], rows: Rows) -> bool:
        """See what the log has brought since of the streams that posts came of: what is in the tables is not put there again.

        :returns: whether it may have brought something.
        """
        applied = self._shelf.applied().applied
        streams = dict.fromkeys(_integer(row) >> SEQ_BITS for row, _ in rows)
        items = [lacking[stream] for stream in streams if stream in lacking]
        moved = [item for item in items if item.applied < applied]
        for item in moved:
            item.applied = applied
            self._move(item)
        return bool(moved)

    def _move(self, item: _Lacking) -> None:
        shelf = self._shelf
        last, chain = shelf.last_post(item.stream)
        if last > item.until:
            last, chain = item.until, shelf.chain(item.stream, item.until) or b""
        if last == item.until and chain != item.head:
            raise Damaged(f"the posts of stream {item.stream}, against the leader's tables,")
        if last > item.after:
            item.after, item.chain = last, chain

    # Posts

    def _take_posts(self, rows: Rows) -> None:
        """Keep those that follow on from what is here.

        :raises Refused: there is nothing new in them, or they are not what they should be.
        """
        kept: list[tuple[int, int, bytes]] = []
        private: list[tuple[int, str, int, int]] = []
        lacking = {item.stream: item for item, _ in zip(self._lacking, range(RANGES_MAX), strict=False)}
        moved = self._look_again(lacking, rows)
        for row, body in rows:
            key = _integer(row)
            stream, seq = key >> SEQ_BITS, key & ((1 << SEQ_BITS) - 1)
            item = lacking.get(stream)
            if item is None or seq != item.after + 1 or seq > item.until:
                continue
            kind, name = self._stream(stream)
            values = _post_values(key, body)
            if not item.after:
                item.chain = chain_start(kind, name)
            if _chain_after(item.chain, seq, values) != values[POST_CHAIN]:
                raise Refused("a post that does not follow the one before it")
            item.chain, item.after = values[POST_CHAIN], seq
            if seq == item.until and item.chain != item.head:
                raise Damaged(f"the posts of stream {stream}, against the leader's tables,")
            kept.append((stream, seq, body))
            if kind is StreamKind.INBOX:
                private.append((stream, values[POST_USER], values[POST_CLOCK], seq))
        if not kept and not moved:
            raise Refused("posts that are not there")
        self._shelf.put_posts(kept, private)
        while self._lacking and self._lacking[0].after == self._lacking[0].until:
            self._lacking.popleft()
        if any(item.after == item.until for item in lacking.values()):
            self._lacking = deque(item for item in self._lacking if item.after < item.until)

    def _stream(self, number: int) -> tuple[StreamKind, str]:
        known = self._shelf.stream(number)
        if known is not None:
            return known
        at, rows = self._stream_rows
        if number not in rows:
            at, rows = self._chunk_with(number)
            self._stream_rows = at, rows
        return rows[number]

    def _chunk_with(self, stream: int) -> tuple[int, dict[int, tuple[StreamKind, str]]]:
        """The chunk that has a stream's row."""
        for number, chunk in enumerate(self.manifest.chunks, 1):
            if chunk.table == "streams" and _integer(chunk.last) >= stream:
                rows = {}
                for key, body in self.rows_of(number):
                    kind, name, _ = _unsealed("streams", key, body)
                    rows[_integer(key)] = (StreamKind(kind), name)
                if stream in rows:
                    return number, rows
        raise Refused("a post of a stream that is not there")


def _unsealed(table: str, key: int | str, body: bytes) -> list[Any]:
    try:
        return unseal(table, key, body)
    except (Damaged, ValueError) as error:
        raise Refused("a row that is damaged") from error


def _post_values(key: int, body: bytes) -> list[Any]:
    return _unsealed("posts", key, body)


def _chain_after(previous: bytes, seq: int, values: list[Any]) -> bytes:
    (_, id_, user, message, salt, timestamp, sent, clock, received, uncertainty, _, proof) = values
    return chain_post(
        previous,
        seq,
        id_,
        user,
        Proof(proof),
        timestamp,
        sent,
        clock,
        received,
        uncertainty,
        text_hash(salt, message),
    )


def _integer(key: int | str) -> int:
    if not isinstance(key, int):
        raise Refused("a key that is none")
    return key
