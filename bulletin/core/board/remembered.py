"""The last 131,072 operations: id -> what was asked (hashed), first answer; packed as they stand on the disk.

An operation is a *key*, by which it is found, and a *record*.  Both stand in blocks of 32 operations with consecutive
ordinals; only the last block may be shorter.  A block is the same in memory, in a row of the tables and on its way to another
server, so that a start takes in 4,096 rows and builds nothing but the index from key to ordinal: 131,072 values, read one
by one, took two seconds.

Memory, measured on CPython 3.11 with 64 bits: about 130 bytes an operation in the blocks and 125 in the index (so 32 MiB when
the window is full, and 10 MiB more while the dictionary grows).
"""

import struct
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Final

import msgpack

from bulletin.core.board.outcome import Answer, OperationBlock, OperationRow
from bulletin.core.board.value import value

KEY_BYTES: Final = 16
CONTENT_BYTES: Final = 8

BLOCK_OPERATIONS: Final = 32
"""Operations in a block: few, since the last one is written anew with each transaction that adds to it."""

_END_BYTES: Final = 2
_pack: Final = msgpack.Packer().pack


@value
class SessionId:
    """An id of the form ``SESSION:N``, taken apart."""

    user: str
    session: str
    number: int


def block_of(ordinal: int) -> int:
    """The number of the block that an operation stands in, from 1 on."""
    return (ordinal - 1) // BLOCK_OPERATIONS + 1


def blocks_forgotten(ordinal: int, window: int) -> int:
    """The last block of which nothing is remembered any more after ``ordinal`` operations, or 0."""
    return max(0, ordinal - window) // BLOCK_OPERATIONS


def check_blocks(blocks: Sequence[OperationBlock], ordinal: int, forgotten: int) -> None:
    """Whether these are all that is remembered after ``ordinal`` operations.

    :param blocks: in order.
    :param forgotten: the last block before them.
    :raises ValueError: a block is missing, or is not as full as it has to be.
    """
    if [block.number for block in blocks] != list(range(forgotten + 1, block_of(ordinal) + 1)):
        raise ValueError("a block of the remembered operations is missing")
    counts = [operations_in(block) for block in blocks]
    if (
        sum(counts) != ordinal - forgotten * BLOCK_OPERATIONS
        or min(counts[:-1], default=BLOCK_OPERATIONS) < BLOCK_OPERATIONS
    ):
        raise ValueError(f"the remembered operations do not end at {ordinal}")


def operations_in(block: OperationBlock) -> int:
    """How many operations a block holds.

    :raises ValueError: its parts contradict each other.
    """
    count, rest = divmod(len(block.keys), KEY_BYTES)
    end = int.from_bytes(block.ends[-_END_BYTES:], "big")
    if (
        rest
        or not 0 < count <= BLOCK_OPERATIONS
        or len(block.ends) != count * _END_BYTES
        or len(block.records) != end
    ):
        raise ValueError(f"block {block.number} of the remembered operations is none")
    return count


def pack_operations(last: OperationBlock | None, rows: Sequence[OperationRow]) -> list[OperationBlock]:
    """The blocks that change when operations are added.

    :param last: the block before it; where it is full, or None, the first row begins a new one.
    :param rows: with consecutive ordinals, from the one on that follows.
    """
    blocks: list[OperationBlock] = []
    for row in rows:
        place = (row.ordinal - 1) % BLOCK_OPERATIONS
        if not place:
            block = OperationBlock(block_of(row.ordinal), row.key, _end(len(row.record)), row.record)
            blocks.append(block)
            last = block
            continue
        assert last is not None, "the operations before are not at hand"
        assert len(last.keys) == place * KEY_BYTES, "an operation is missing, or is there twice"
        block = OperationBlock(
            last.number,
            last.keys + row.key,
            last.ends + _end(len(last.records) + len(row.record)),
            last.records + row.record,
        )
        if blocks:
            blocks[-1] = block
        else:
            blocks.append(block)
        last = block
    return blocks


def _end(offset: int) -> bytes:
    return offset.to_bytes(_END_BYTES, "big")


class Remembered:
    """The last operations by ordinal, each with its content and its first answer.

    A record is a MessagePack array; that of a plain id is shorter than that of a session's, so that its first byte
    tells them apart when it is evicted.
    """

    def __init__(self, window: int, ordinal: int, blocks: Iterable[OperationBlock]) -> None:
        """The operations as the tables hold them.

        :param window: operations remembered.
        :param ordinal: of the last operation.
        :param blocks: in order; those that are older than the window are left out.
        :raises ValueError: an operation that should be there is missing, or is there twice.
        """
        assert window > 0
        self._window: Final = window
        self.ordinal = ordinal
        """Of the last operation."""
        self._oldest = max(0, ordinal - window) + 1
        forgotten = blocks_forgotten(ordinal, window)
        kept = [block for block in blocks if block.number > forgotten]
        check_blocks(kept, ordinal, forgotten)
        skipped = self._oldest - 1 - forgotten * BLOCK_OPERATIONS
        keys = b"".join([block.keys for block in kept])[skipped * KEY_BYTES :]
        found = map(itemgetter(0), struct.iter_unpack(f"{KEY_BYTES}s", keys))
        self._index: Final[dict[bytes, int]] = dict(zip(found, range(self._oldest, ordinal + 1), strict=True))
        if len(self._index) != ordinal + 1 - self._oldest:
            raise ValueError("a remembered operation is there twice")
        self._blocks: Final = {block.number: block for block in kept}
        self._open: list[OperationRow] = []
        """The operations of the block that is not full."""
        open_ = ordinal % BLOCK_OPERATIONS
        if open_:
            self._open = [self._row(at) for at in range(ordinal - open_ + 1, ordinal + 1)]
            del self._blocks[kept[-1].number]

    def __len__(self) -> int:
        return len(self._index)

    def find(self, key: bytes, id_: str) -> tuple[bytes, Answer] | None:
        """The content and the first answer of the operation with this key, whose id is ``id_``; or None."""
        ordinal = self._index.get(key)
        if ordinal is None:
            return None
        content, code, field, existing, seq, index, term, chain, clock = msgpack.unpackb(
            self._row(ordinal).record
        )[:_PLAIN_FIELDS]
        return content, Answer(code, field, id_, existing, seq, index, term, chain, clock)

    def add(self, key: bytes, record: bytes) -> tuple[OperationRow, SessionId | None]:
        """Remember the next operation: its row, and the session's id that was evicted for it, if it was one."""
        evicted = None
        if len(self._index) == self._window:
            evicted = self._evict()
        self.ordinal += 1
        row = OperationRow(self.ordinal, key, record)
        self._index[key] = self.ordinal
        self._open.append(row)
        if len(self._open) == BLOCK_OPERATIONS:
            (block,) = pack_operations(None, self._open)
            self._blocks[block.number] = block
            self._open = []
        return row, evicted

    def _evict(self) -> SessionId | None:
        row = self._row(self._oldest)
        del self._index[row.key]
        if self._oldest % BLOCK_OPERATIONS == 0:
            del self._blocks[block_of(self._oldest)]
        self._oldest += 1
        return _session_of(row.record)

    def _row(self, ordinal: int) -> OperationRow:
        block = self._blocks.get(block_of(ordinal))
        place = (ordinal - 1) % BLOCK_OPERATIONS
        if block is None:
            return self._open[place]
        end = _END_BYTES * place
        begin = int.from_bytes(block.ends[end - _END_BYTES : end], "big") if place else 0
        record = block.records[begin : int.from_bytes(block.ends[end : end + _END_BYTES], "big")]
        return OperationRow(ordinal, block.keys[place * KEY_BYTES : (place + 1) * KEY_BYTES], record)


_PLAIN_FIELDS: Final = 9
_PLAIN: Final = 0x90 + _PLAIN_FIELDS
"""The first byte of a MessagePack array of so many fields."""


def operation_record(content: bytes, answer: Answer, session: SessionId | None) -> bytes:
    """What is remembered of an operation beside its key.

    :param content: 8 bytes: a hash of what was asked, so that an id reused for something else is refused.
    :param session: its id's, or None: it is a plain one.
    """
    plain = (
        content,
        answer.code,
        answer.field,
        answer.existing,
        answer.seq,
        answer.index,
        answer.term,
        answer.chain,
        answer.clock,
    )
    if session is None:
        packed: bytes = _pack(plain)
    else:
        packed = _pack((*plain, session.user, session.session, session.number))
    return packed


def _session_of(record: bytes) -> SessionId | None:
    return None if record[0] == _PLAIN else SessionId(*msgpack.unpackb(record)[_PLAIN_FIELDS:])
