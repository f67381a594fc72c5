"""The body of an entry of operations: ``[[key, payload], …]`` in MessagePack, the same bytes on every server."""

from collections.abc import Iterable, Sequence

import msgpack

from bulletin.core.limits import BATCH_BYTES_MAX, OPERATIONS_PER_ENTRY_MAX
from bulletin.core.log.port import Operation

OPERATION_OVERHEAD_BYTES = 16
"""What an operation costs in a body beside its key and payload, at most."""

_BODY_BYTES_MAX = BATCH_BYTES_MAX + 64 * 1024


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
    if len(body) > _BODY_BYTES_MAX:
        raise ValueError("the batch is too large")
    try:
        pairs = msgpack.unpackb(
            body,
            use_list=False,
            max_array_len=OPERATIONS_PER_ENTRY_MAX,
            max_map_len=0,
            max_ext_len=0,
            max_str_len=0,
        )
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise ValueError(f"the batch is damaged: {error}") from error
    try:
        for key, payload in pairs:
            if type(key) is not bytes or type(payload) is not bytes:
                raise ValueError("a key or a payload in the batch is not bytes")
    except TypeError as error:
        raise ValueError("the batch is not a list of keys and payloads") from error
    return list(pairs)


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
