"""The hash chain of a channel or an inbox: each post's hash covers the whole stream up to it.

::

    h(0) = SHA-256( [format, "bulletin", kind, name] )
    h(n) = SHA-256( h(n-1)  ‖  heading(n)  ‖  SHA-256( salt ‖ text ) )
    heading = [format, seq, id, user, proof, timestamp, sent, clock, received, uncertainty]

Square brackets are canonical MessagePack arrays: the shortest form of each integer, 64-bit floats, times in seconds.
The text goes in by its *salted* hash: whoever keeps that hash can take text and salt away, the chain still verifies,
and a short text cannot be guessed from what stays.  The place in the log is left out on purpose: the log has a chain
of its own, and a stream's history can be checked without one.

Trap: the hash of one post says nothing about whether posts were cut off after it; that takes a receipt, or the head
of another server.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

import msgpack

from bulletin.core.board.commands import Proof
from bulletin.core.board.outcome import Post, StreamKind

FORMAT: Final = 1

_pack: Final = msgpack.Packer().pack


def chain_start(kind: StreamKind, name: str) -> bytes:
    """The hash before a stream's first post, 32 bytes: no two streams of a board share it."""
    return hashlib.sha256(_pack((FORMAT, "bulletin", kind, name))).digest()


def text_hash(salt: bytes, text: str) -> bytes:
    """What of a text goes into the chain, 32 bytes; ``salt`` is of fixed length, so the two cannot be confused."""
    return hashlib.sha256(salt + text.encode()).digest()


def chain_post(
    previous: bytes,
    seq: int,
    id: str,  # noqa: A002 - the field's name everywhere
    user: str,
    proof: Proof,
    timestamp: float,
    sent: float | str | None,
    clock: int,
    received: float,
    uncertainty: float | None,
    text: bytes,
) -> bytes:
    """The hash of a stream after one more post, 32 bytes.

    :param previous: the hash before it.
    :param text: :func:`text_hash` of its text.

    The other arguments are the fields of :class:`~bulletin.core.board.outcome.Post`.
    """
    heading = _pack((FORMAT, seq, id, user, proof, timestamp, sent, clock, received, uncertainty))
    return hashlib.sha256(previous + heading + text).digest()


def chain_after(previous: bytes, post: Post) -> bytes:
    """What ``post.chain`` has to be, where ``previous`` is the hash before it."""
    return chain_post(
        previous,
        post.seq,
        post.id,
        post.user,
        post.proof,
        post.timestamp,
        post.sent,
        post.clock,
        post.received,
        post.uncertainty,
        text_hash(post.salt, post.message),
    )


def verify(previous: bytes, posts: Iterable[Post]) -> Post | None:
    """The first of some successive posts of one stream that is not what its chain hash says, or None: all are.

    :param previous: the hash before the first of them: ``chain`` of the post before, or :func:`chain_start`.
    """
    for post in posts:
        if post.chain != chain_after(previous, post):
            return post
        previous = post.chain
    return None
