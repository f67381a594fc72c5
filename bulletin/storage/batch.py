"""What one transaction stores: any number of writes, in order, brought down to what is left of them at the end."""

import json
from collections.abc import Mapping
from typing import Any, Final

from bulletin.core.board.outcome import (
    Applied,
    Marks,
    OperationBlock,
    OperationRow,
    Post,
    PostRow,
    SessionsRow,
    StreamKind,
    StreamRow,
)
from bulletin.core.board.remembered import blocks_forgotten, pack_operations
from bulletin.core.log.entry import Anchor, Entry
from bulletin.core.raft.ready import Persist
from bulletin.core.store.records import (
    correspondent_key,
    encode_anchor,
    encode_correspondent,
    encode_entry,
    encode_founding,
    encode_head,
    encode_marks,
    encode_operations,
    encode_post,
    encode_sessions,
    encode_stream,
    post_key,
    seal,
    sessions_key,
)
from bulletin.core.store.writes import Write
from bulletin.storage.schema import BULK, LENGTH_BITS

_BODY_BYTES_MAX: Final = (1 << LENGTH_BITS) - 1


class _Rows:
    """The rows for one table: their keys with the places of their bodies, and the bodies in one."""

    def __init__(self) -> None:
        self._places: Final[list[str]] = []
        self._bodies: Final[list[bytes]] = []
        self._end = 1  # SQLite counts from 1

    def put(self, key: int | str, body: bytes) -> None:
        assert len(body) <= _BODY_BYTES_MAX
        name = f'"{key}"' if isinstance(key, int) else json.dumps(key)
        self._places.append(f"{name}:{self._end << LENGTH_BITS | len(body)}")
        self._bodies.append(body)
        self._end += len(body)

    def bindings(self) -> tuple[str | None, bytes | None]:
        if not self._places:
            return None, None
        return f"{{{','.join(self._places)}}}", b"".join(self._bodies)


class Batch:
    """The sum of some writes."""

    def __init__(self, window: int, last_block: OperationBlock | None = None) -> None:
        """An empty batch.

        :param window: operations remembered.
        :param last_block: of the remembered operations, as it stands in the tables.
        """
        self._rows: Final = {table: _Rows() for table in BULK}
        self._window: Final = window
        self._truncate_after: int | None = None
        self._anchor: Anchor | None = None
        self._entries: dict[int, Entry] = {}
        self._runs: dict[int, int] = {}
        self._incarnations: Final[dict[bytes, int]] = {}
        self._private: Final[list[tuple[int, Post]]] = []
        self._heads: Final[dict[int, Post]] = {}
        self._operations: Final[list[OperationRow]] = []
        self._sessions: Final[dict[str, SessionsRow]] = {}
        self.last_block = last_block
        """The last block of the remembered operations; once :meth:`bindings` was asked for, as it stands after this batch."""
        self.writes: Final[list[Write]] = []
        self.weight = 0
        self.marks: Marks | None = None
        """The last marks of the writes, or None where nothing was applied."""

    def add(self, write: Write) -> None:
        """Add one write."""
        if write.persist is not None:
            self._persist(write.persist, write.runs)
        if write.applied is not None:
            self._apply(write.applied)
        self.writes.append(write)
        self.weight += write.weight

    def _persist(self, persist: Persist, runs: tuple[tuple[int, int], ...]) -> None:
        after = persist.truncate_after
        if after is not None:
            self._entries = {index: entry for index, entry in self._entries.items() if index <= after}
            self._runs = {first: term for first, term in self._runs.items() if first <= after}
            self._truncate_after = after if self._truncate_after is None else min(after, self._truncate_after)
        self._anchor = persist.anchor or self._anchor
        self._entries.update((entry.index, entry) for entry in persist.entries)
        self._runs.update(runs)
        self._incarnations.update(persist.incarnations)

    def _apply(self, applied: Applied) -> None:
        for row in applied.rows:
            match row:
                case PostRow(number, post):
                    self._rows["posts"].put(post_key(number, post.seq), encode_post(number, post))
                    self._heads[number] = post
                    if post.kind is StreamKind.INBOX:
                        self._private.append((number, post))
                case OperationRow():
                    self._operations.append(row)
                case SessionsRow():
                    self._sessions[row.user] = row
                case StreamRow():
                    self._rows["streams"].put(row.number, encode_stream(row))
        self.marks = applied.marks

    @property
    def anchor(self) -> Anchor | None:
        """Where the log begins from now on, if that changes."""
        return self._anchor

    @property
    def entries(self) -> int:
        """How many entries come into the log."""
        return len(self._entries)

    def correspondents(self) -> tuple[str, ...]:
        """The keys in ``correspondents`` that :meth:`bindings` has to know the counts of."""
        return tuple({correspondent_key(number, post.user): None for number, post in self._private})

    def bindings(self, hard_record: bytes | None, counts: Mapping[str, int]) -> tuple[Any, ...]:
        """The values for :data:`bulletin.storage.schema.STORE_BATCH`; to be asked for once.

        :param hard_record: the hard state's row, or None: it stays.
        :param counts: of :meth:`correspondents`, before this batch; 0 where there is none.
        """
        rows = self._rows
        for index, entry in self._entries.items():
            rows["log"].put(index, encode_entry(entry))
        for first, term in self._runs.items():
            rows["terms"].put(first, seal("terms", first, (term,)))
        for member, incarnation in self._incarnations.items():
            rows["incarnations"].put(member.hex(), seal("incarnations", member.hex(), (incarnation,)))
        for number, post in self._heads.items():
            rows["heads"].put(number, encode_head(number, post))
        conversations = self._conversations(dict(counts))
        for block in pack_operations(self.last_block, self._operations):
            rows["operations"].put(block.number, encode_operations(block))
            self.last_block = block
        for user, sessions in self._sessions.items():
            rows["sessions"].put(sessions_key(user), encode_sessions(sessions))
        if hard_record is not None:
            rows["state"].put("hard", hard_record)
        self._put_beginning()
        forget = None
        if self.marks is not None:
            rows["state"].put("board", encode_marks(self.marks))
            forget = blocks_forgotten(self.marks.ordinal, self._window)
        return (
            self._truncate_after,
            forget,
            json.dumps(conversations) if conversations else None,
            *(value for table in BULK for value in rows[table].bindings()),
        )

    def _put_beginning(self) -> None:
        """Where the log begins, and what the cluster began with."""
        state = self._rows["state"]
        if self._anchor is not None:
            state.put("anchor", encode_anchor(self._anchor))
        for write in self.writes:
            if write.founding is not None:
                state.put("founding", encode_founding(write.founding))

    def _conversations(self, counts: dict[str, int]) -> list[tuple[int, str, int, int, int]]:
        """The rows for ``conversations``, whose numbers go on where ``counts`` ends."""
        conversations = []
        for number, post in self._private:
            key = correspondent_key(number, post.user)
            counts[key] = counts.get(key, 0) + 1
            conversations.append((number, post.user, post.clock, counts[key], post.seq))
        for key, count in counts.items():
            self._rows["correspondents"].put(key, encode_correspondent(key, count))
        return conversations
