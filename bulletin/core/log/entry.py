"""One entry of the ordered log: a batch of operations, or the cluster's configuration, chained to its predecessor.

The hash of an entry covers everything in it, the cluster that it belongs to, and the hash of the entry before:
two servers with the same hash at an index have the same log up to it.
"""

import hashlib
from enum import IntEnum
from typing import Final

import attrs
import msgpack

FORMAT: Final = 1
LEVEL: Final = 1
HASH_BYTES: Final = 32
NO_HASH: Final = b"\0" * HASH_BYTES
"""The hash "before" the first entry."""


class EntryKind(IntEnum):
    """What an entry's body is."""

    NOOP = 0
    OPERATIONS = 1
    FOUNDING = 2


@attrs.frozen
class LogIdentity:
    """Which log an entry belongs to.

    :param cluster: the cluster's random id, 16 bytes.
    :param epoch: raised when an operator rescues the cluster from the loss of its majority; from 1.
    :param group: the replica group; 0 today.
    """

    cluster: bytes
    epoch: int = 1
    group: int = 0


@attrs.frozen
class Entry:
    """One entry of the log.

    :param index: 1, 2, 3, … without gaps.
    :param term: the term of the leader that appended it.
    :param kind: what the body is.
    :param body: bytes, at most :data:`bulletin.core.limits.BATCH_BYTES_MAX` plus framing.
    :param hash: chain hash, 32 bytes; see :func:`chain`.
    :param format: version of this encoding.
    :param level: the level of behaviour that the state machine must have to apply it.
    """

    index: int
    term: int
    kind: EntryKind
    body: bytes
    hash: bytes
    format: int = FORMAT
    level: int = LEVEL


@attrs.frozen
class Anchor:
    """Where a log begins: its entries up to here are trimmed, and the tables hold what they did.

    :param index: of the last trimmed entry; 0 where none is.
    :param term: of that entry.
    :param hash: its chain hash, which the next entry follows.
    """

    index: int
    term: int
    hash: bytes


NO_ANCHOR: Final = Anchor(0, 0, NO_HASH)
"""Of a log that has all its entries."""


def chain(
    previous: bytes,
    identity: LogIdentity,
    *,
    index: int,
    term: int,
    kind: EntryKind,
    body: bytes,
    format: int = FORMAT,  # noqa: A002 - the field's standard term
    level: int = LEVEL,
) -> bytes:
    """The hash of an entry: SHA-256 over the previous hash, a canonical heading, and the body."""
    heading = msgpack.packb(
        [format, level, identity.cluster, identity.epoch, identity.group, index, term, int(kind), len(body)]
    )
    digest = hashlib.sha256(previous)
    digest.update(heading)
    digest.update(body)
    return digest.digest()


def make_entry(
    previous: bytes, identity: LogIdentity, index: int, term: int, kind: EntryKind, body: bytes
) -> Entry:
    """An entry of the current format with its hash computed."""
    return Entry(
        index, term, kind, body, chain(previous, identity, index=index, term=term, kind=kind, body=body)
    )


def intact(entry: Entry, previous: bytes, identity: LogIdentity) -> bool:
    """Whether an entry's hash is what its content and its predecessor's hash say."""
    return entry.hash == chain(
        previous,
        identity,
        index=entry.index,
        term=entry.term,
        kind=entry.kind,
        body=entry.body,
        format=entry.format,
        level=entry.level,
    )
