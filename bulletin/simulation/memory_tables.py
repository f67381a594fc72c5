"""The disk in memory: what the database of the real store holds, written and synced, and the tables on their way into it."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from bulletin.core.board.chain import chain_start
from bulletin.core.board.outcome import (
    Applied,
    Marks,
    OperationBlock,
    OperationRow,
    Post,
    PostRow,
    RestoredBoard,
    SessionsRow,
    StreamKind,
    StreamRow,
    StreamState,
)
from bulletin.core.board.remembered import block_of, blocks_forgotten, pack_operations
from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.log.entry import NO_ANCHOR, NO_HASH, Anchor, Entry
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.parts import (
    CHUNK_ROWS,
    PART_BYTES,
    AskChunk,
    AskPosts,
    Chunk,
    Manifest,
    Rows,
    chunk_of,
    encode_chunk,
    encode_posts,
)
from bulletin.core.store.records import (
    POST_CHAIN,
    correspondent_key,
    decode_head,
    decode_operations,
    decode_post,
    decode_sessions,
    encode_correspondent,
    encode_head,
    encode_operations,
    encode_post,
    encode_sessions,
    encode_stream,
    post_key,
    sessions_key,
    unseal,
)
from bulletin.core.store.writes import Write


class MemoryTables:
    """What the database of the real store holds, but the hard state."""

    def __init__(self, window: int) -> None:
        self.window: Final = window
        self.document: FoundingDocument | None = None
        self.anchor = NO_ANCHOR
        self.incoming: dict[int, bytes] = {}
        self.ahead: dict[int, dict[int, bytes]] = {}
        """Posts of tables that are being taken in, as they came: by stream and ``seq``."""
        self.log: list[Entry] = []
        """The entries above the anchor."""
        self.incarnations: dict[bytes, int] = {}
        self.marks: Marks | None = None
        self.streams: dict[int, StreamRow] = {}
        self.posts: dict[int, list[Post]] = {}
        self.operations: dict[int, OperationBlock] = {}
        self.sessions: dict[str, SessionsRow] = {}

    def copy(self) -> "MemoryTables":
        """The same in other containers."""
        twin = MemoryTables(self.window)
        twin.document = self.document
        twin.anchor = self.anchor
        twin.incoming = self.incoming.copy()
        twin.ahead = {number: posts.copy() for number, posts in self.ahead.items()}
        twin.log = self.log.copy()
        twin.incarnations = self.incarnations.copy()
        twin.marks = self.marks
        twin.streams = self.streams.copy()
        twin.posts = {number: posts.copy() for number, posts in self.posts.items()}
        twin.operations = self.operations.copy()
        twin.sessions = self.sessions.copy()
        return twin

    def write(self, write: Write) -> None:
        """Carry out a write."""
        if write.persist is not None:
            if write.persist.truncate_after is not None:
                del self.log[write.persist.truncate_after - self.anchor.index :]
            self.log.extend(write.persist.entries)
            self.incarnations.update(write.persist.incarnations)
        if write.applied is not None:
            self._apply(write.applied)
        if write.persist is not None and write.persist.anchor is not None:
            del self.log[: write.persist.anchor.index - self.anchor.index]
            self.anchor = write.persist.anchor
        self.document = write.founding or self.document

    def at(self, index: int) -> tuple[int, bytes]:
        """Term and chain hash of the log at an index, or at its anchor."""
        if index == self.anchor.index:
            return self.anchor.term, self.anchor.hash
        entry = self.log[index - self.anchor.index - 1]
        return entry.term, entry.hash

    def last(self) -> tuple[int, int]:
        """(term, index) of the last entry, be it trimmed."""
        last = self.log[-1] if self.log else self.anchor
        return last.term, last.index

    def terms(self) -> tuple[tuple[int, int], ...]:
        """(first index, term) of each run of entries of one term."""
        runs = [(self.anchor.index, self.anchor.term)] if self.anchor.index else []
        for entry in self.log:
            if not runs or runs[-1][1] != entry.term:
                runs.append((entry.index, entry.term))
        return tuple(runs)

    def _apply(self, applied: Applied) -> None:
        for row in applied.rows:
            match row:
                case PostRow():
                    posts = self.posts.setdefault(row.number, [])
                    posts.append(row.post)
                    assert row.post.seq == len(posts), "a post is missing, or is there twice"
                    came = self.ahead.get(row.number, {}).pop(row.post.seq, None)
                    assert came in (None, encode_post(row.number, row.post)), "a post is another"
                case OperationRow():
                    last = self.operations.get(block_of(row.ordinal))
                    (self.operations[block_of(row.ordinal)],) = pack_operations(last, [row])
                case SessionsRow():
                    self.sessions[row.user] = row
                case StreamRow():
                    assert row.number not in self.streams, "a stream is there twice"
                    self.streams[row.number] = row
        self.marks = applied.marks
        self.forget()

    def forget(self) -> None:
        """Blocks of operations of which nothing is remembered any more go."""
        assert self.marks is not None
        forgotten = blocks_forgotten(self.marks.ordinal, self.window)
        while self.operations and (oldest := next(iter(self.operations))) <= forgotten:
            del self.operations[oldest]

    def number_of(self, name: str) -> int | None:
        """A stream's number, or None."""
        return next((row.number for row in self.streams.values() if row.name == name), None)

    def board(self, document: FoundingDocument, marks: Marks) -> RestoredBoard:
        """Everything that the board's state is rebuilt from."""
        return RestoredBoard(
            marks,
            document.users_max,
            document.channels_max,
            tuple(self._state(row) for row in self.streams.values()),
            tuple(self.operations.values()),
            tuple(row for _, row in sorted(self.sessions.items())),
        )

    def _state(self, row: StreamRow) -> StreamState:
        posts = self.posts.get(row.number)
        if not posts:
            return StreamState(
                row.number, row.kind, row.name, row.position, 0, chain_start(row.kind, row.name), 0.0
            )
        last = posts[-1]
        return StreamState(row.number, row.kind, row.name, row.position, last.seq, last.chain, last.received)


class MemoryDisk:
    """A disk in memory.

    :param member: the random id that a first start would draw, 16 bytes.
    :param window: operations remembered: the board's.
    """

    def __init__(self, member: bytes, window: int = OPERATIONS_REMEMBERED) -> None:
        self.record = HardRecord(member, b"", 1, 0, 0, None, 0, NO_HASH)
        """The database's hard state, which is only ever written through, and"""
        self.file: HardRecord | None = self.record
        """the file's beside it: the same, but where a simulation damages one of them; None: it cannot be read."""
        self.bad_slots = 0
        """Slots of that file that are damaged."""
        self.written = MemoryTables(window)
        """What a process sees."""
        self.synced = MemoryTables(window)
        """What a power cut leaves."""
        self.unsynced: Final[list[Callable[[MemoryTables], object]]] = []
        """The changes by which the two differ."""
        self.in_use = False
        self.damage: str | None = None
        """What in the tables is not what was written, in words; whoever reads them notices it."""
        self.full = False
        """Whether somebody else has filled it."""
        self.ballast = True
        """Whether the reserve for a full disk is there; once it is given up, it has room for :attr:`ballast_steps` transactions."""
        self.ballast_steps = 1000
        self.room = 0
        """For so many of them it has room still."""
        self.learnt: dict[bytes, str] = {}
        """Where fellow servers are; advice, which a power cut may leave or not: here it does."""
        self._copies = 0

    @property
    def ends_as_known(self) -> bool:
        """Whether the log ends with the entry that the hard state says."""
        last_index, last_hash = self.record.last_index, self.record.last_hash
        return self.written.document is None or self.written.at(last_index)[1] == last_hash

    def copy(self) -> "MemoryCopy":
        """What is written now, for fellow servers; its name is no other's, and the same in a run that is the same."""
        self._copies += 1
        return MemoryCopy(self.written, self.record.member[:8] + self._copies.to_bytes(8, "big"))

    def write(self, writes: Sequence[Write], record: HardRecord | None) -> None:
        """One transaction, synced where there is a new hard state."""
        for write in writes:
            self.change(partial(_written, write=write))
        if record is not None:
            self.sync(record)

    def change(self, action: "Callable[[MemoryTables], object]") -> None:
        """A change that is not synced by itself."""
        action(self.written)
        self.unsynced.append(action)

    def sync(self, record: HardRecord) -> None:
        """All changes, with a new hard state, are there for good."""
        for action in self.unsynced:
            action(self.synced)
        self.unsynced.clear()
        self.record = self.file = record
        self.bad_slots = 0

    def begin_anew(self, document: FoundingDocument, record: HardRecord) -> None:
        """Put the tables aside: what is left is the founding document."""
        for tables in (self.written, self.synced):
            twin = MemoryTables(tables.window)
            twin.document = document
            twin.log.append(document.entry())
            twin.marks = RestoredBoard.empty(document.users_max, document.channels_max).marks
            vars(tables).update(vars(twin))
        self.unsynced.clear()
        self.record, self.damage = record, None

    def crash(self) -> None:
        """The power fails: what was not synced is lost, and nobody uses the disk."""
        self.written = self.synced.copy()
        self.unsynced.clear()
        self.in_use = False


def _written(tables: MemoryTables, *, write: Write) -> None:
    tables.write(write)


class MemoryShelf:
    """Implements :class:`bulletin.core.store.parts.Shelf`."""

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk: Final = disk

    @property
    def _tables(self) -> MemoryTables:
        return self._disk.written

    def applied(self) -> Marks:
        """The marks of the own tables."""
        assert self._tables.marks is not None
        return self._tables.marks

    def streams(self) -> int:
        """How many streams there are in the own tables."""
        return len(self._tables.streams)

    def stream(self, number: int) -> tuple[StreamKind, str] | None:
        """A stream's kind and name, if it is in the own tables."""
        row = self._tables.streams.get(number)
        return None if row is None else (row.kind, row.name)

    def get(self, number: int) -> bytes | None:
        """What was put under a number."""
        return self._tables.incoming.get(number)

    def put(self, number: int, data: bytes) -> None:
        """Keep something under a number."""
        self._disk.change(lambda tables: tables.incoming.update({number: data}))

    def numbers(self) -> set[int]:
        """Under which numbers something was put."""
        return set(self._tables.incoming)

    def clear(self) -> None:
        """Throw away what was put; the posts stay."""
        self._disk.change(lambda tables: tables.incoming.clear())

    def last_post(self, stream: int) -> tuple[int, bytes]:
        """Number and chain hash of a stream's last post, those that only came included."""
        ahead = self._tables.ahead.get(stream)
        last = max(ahead) if ahead else len(self._tables.posts.get(stream, ()))
        return last, self.chain(stream, last) or b""

    def chain(self, stream: int, seq: int) -> bytes | None:
        """The chain hash of a post, those that only came included."""
        posts = self._tables.posts.get(stream, [])
        if 0 < seq <= len(posts):
            return posts[seq - 1].chain
        body = self._tables.ahead.get(stream, {}).get(seq)
        return None if body is None else unseal("posts", post_key(stream, seq), body)[POST_CHAIN]

    def put_posts(
        self, rows: Sequence[tuple[int, int, bytes]], private: Sequence[tuple[int, str, int, int]]
    ) -> None:
        """Keep posts; conversations follow from them here."""
        del private

        def put(tables: MemoryTables) -> None:
            for stream, seq, body in rows:
                tables.ahead.setdefault(stream, {})[seq] = body

        self._disk.change(put)


class MemoryCopy:
    """Tables at one index, for fellow servers.

    :param tables: as they are now.
    :param name: the copy's, which no earlier one of the same server may have had: 16 bytes.
    """

    def __init__(self, tables: MemoryTables, name: bytes) -> None:
        assert tables.marks is not None
        self._chunks: list[bytes] = []
        chunks: list[Chunk] = []
        for table, rows in _sealed(tables):
            for start in range(0, len(rows), CHUNK_ROWS[table]):
                chunk, data = chunk_of(table, rows[start : start + CHUNK_ROWS[table]])
                chunks.append(chunk)
                self._chunks.append(data)
        index = tables.marks.applied
        self.manifest: Final = Manifest(name, index, *tables.at(index), tables.marks, tuple(chunks))
        """What it holds."""

    def chunk(self, asked: AskChunk) -> bytes:
        """A chunk as a part, or nothing."""
        if asked.name != self.manifest.name or asked.number > len(self._chunks):
            return b""
        return encode_chunk(asked.name, asked.number, self._chunks[asked.number - 1])

    @staticmethod
    def posts(tables: MemoryTables, asked: AskPosts) -> bytes:
        """Posts as a part, or nothing."""
        rows: Rows = []
        size = 0
        for item in asked.ranges:
            for post in tables.posts.get(item.stream, [])[item.after : item.until]:
                body = encode_post(item.stream, post)
                size += len(body)
                if rows and size > PART_BYTES:
                    return encode_posts(rows)
                rows.append((post_key(item.stream, post.seq), body))
        return encode_posts(rows) if rows else b""


def _sealed(tables: MemoryTables) -> Iterator[tuple[str, Rows]]:
    """All rows that change, table by table, by their keys."""
    yield "streams", [(number, encode_stream(row)) for number, row in tables.streams.items()]
    heads = sorted((number, posts[-1]) for number, posts in tables.posts.items() if posts)
    yield "heads", [(number, encode_head(number, post)) for number, post in heads]
    counts: dict[str, int] = {}
    for number, posts in tables.posts.items():
        for post in posts:
            if post.kind is StreamKind.INBOX:
                key = correspondent_key(number, post.user)
                counts[key] = counts.get(key, 0) + 1
    yield "correspondents", [(key, encode_correspondent(key, count)) for key, count in sorted(counts.items())]
    sessions = sorted(tables.sessions.items())
    yield "sessions", [(sessions_key(user), encode_sessions(row)) for user, row in sessions]
    yield "operations", [(number, encode_operations(block)) for number, block in tables.operations.items()]


def install_rows(tables: MemoryTables, *, manifest: Manifest, rows: Sequence[tuple[str, Rows]]) -> None:
    """Put another's tables in place of these.

    :param rows: by table.
    """
    heads: dict[int, int] = {}
    for table, sealed in rows:
        for key, body in sealed:
            _install_row(tables, heads, table, key, body)
    for number, head in heads.items():
        stream, posts = tables.streams[number], tables.posts.setdefault(number, [])
        ahead = tables.ahead.get(number, {})
        for seq in range(len(posts) + 1, head + 1):
            posts.append(decode_post(stream.kind, stream.name, number, seq, ahead.pop(seq)))
    tables.operations = dict(sorted(tables.operations.items()))
    tables.marks = manifest.marks
    tables.forget()
    same = tables.anchor.index < manifest.index <= tables.anchor.index + len(tables.log)
    if same and tables.at(manifest.index) == (manifest.term, manifest.hash):
        del tables.log[: manifest.index - tables.anchor.index]
    else:
        tables.log = []
    tables.anchor = Anchor(manifest.index, manifest.term, manifest.hash)
    tables.incoming.clear()


def _install_row(
    tables: MemoryTables, heads: dict[int, int], table: str, key: int | str, body: bytes
) -> None:
    """One row of another's tables; heads follow from the posts here, and are only noted."""
    match table, key:
        case "streams", int():
            kind, name, position = unseal(table, key, body)
            tables.streams[key] = StreamRow(key, StreamKind(kind), name, position)
        case "heads", int():
            heads[key] = decode_head(key, body)[0]
        case "sessions", str():
            sessions = decode_sessions(key, body)
            tables.sessions[sessions.user] = sessions
        case "operations", int():
            tables.operations[key] = decode_operations(key, body)
