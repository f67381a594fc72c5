"""The body of an entry of operations: ``[[key, payload], …]`` in MessagePack, the same bytes on every server."""

from collections.abc import Iterable, Sequence

import msgpack

from bulletin.core.codec import unpack
from bulletin.core.errors import Refusal
from bulletin.core.limits import BATCH_BYTES_MAX, OPERATIONS_PER_ENTRY_MAX
from bulletin.core.log.port import Operation

OPERATION_OVERHEAD_BYTES = 16
"""What an operation costs in a body beside its key and payload, at most."""

_BODY_BYTES_MAX = BATCH_BYTES_MAX + 64 * 1024
_ITEMS_MAX = 1 + 3 * OPERATIONS_PER_ENTRY_MAX
_NESTING_MAX = 2


def size_of(operation: Operation) -> int:
    """How many bytes of a body an operation takes, at most."""
    return len(operation.key) + len(operation.payload) + OPERATION_OVERHEAD_BYTES


def encode_batch(operations: Iterable[Operation]) -> bytes:
    """The canonical body of these operations."""
    body: bytes = msgpack.packb([(operation.key, operation.payload) for operation in operations])
    return body


def decode_batch(body: bytes) -> list[tuple[bytes, bytes]]:
    """Keys and payloads, in order.

    :raises ValueError: for anything that :func:`encode_batch` would not have written.
    """
    try:
        pairs = unpack(body, bytes_max=_BODY_BYTES_MAX, nesting_max=_NESTING_MAX, items_max=_ITEMS_MAX)
    except Refusal as refusal:
        raise ValueError(f"the batch is damaged: {refusal}") from refusal
    if type(pairs) is not list:
        raise ValueError("the batch is not a list of keys and payloads")
    for pair in pairs:
        if (
            type(pair) is not list
            or len(pair) != 2
            or type(pair[0]) is not bytes
            or type(pair[1]) is not bytes
        ):
            raise ValueError("the batch is not a list of keys and payloads")
    if msgpack.packb(pairs) != body:
        raise ValueError("a batch that is not in canonical form")
    return [(key, payload) for key, payload in pairs]


def split_batch(operations: Sequence[Operation], bytes_max: int) -> list[Sequence[Operation]]:
    """Cut operations into runs that fit one entry each: by bytes, and by their number.

    A single operation above ``bytes_max`` has a run of its own.
    """
    runs: list[Sequence[Operation]] = []
    first = size = 0
    for place, operation in enumerate(operations):
        needed = size_of(operation)
        if place > first and (size + needed > bytes_max or place - first == OPERATIONS_PER_ENTRY_MAX):
            runs.append(operations[first:place])
            first, size = place, 0
        size += needed
    if first < len(operations):
        runs.append(operations[first:])
    return runs
