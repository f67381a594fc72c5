"""What the servers' disks hold once all of them have stopped: the same, whole, and what was promised by receipts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import apsw
import attrs

from bulletin.core.board.chain import chain_after, chain_start
from bulletin.core.log.port import index_of
from bulletin.core.store.records import SEQ_BITS, Damaged, decode_post, decode_stream
from bulletin.storage.tables import read_marks
from bulletin.torture.board import Board
from bulletin.torture.record import Receipt

PLACE_MAX: Final = (1 << SEQ_BITS) - 1

Place = tuple[str, int]
"""A stream and a number in it."""


@attrs.define
class Shelf:
    """The board as one server has it.

    :param applied: the last entry of the log in its tables.
    :param posts: by their places: the chain's hash, and the log's index.
    :param broken: what is wrong with it by itself.
    """

    applied: int
    posts: dict[Place, tuple[bytes, int]] = attrs.Factory(dict)
    broken: list[str] = attrs.Factory(list)


def read(directory: Path, name: str) -> Shelf:
    """Read a server's database, which nobody uses.

    :param name: the server's, for a person.
    """
    connection = apsw.Connection(str(directory / "board.sqlite"))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    try:
        shelf = Shelf(read_marks(connection).applied)
        heads = dict(connection.execute("SELECT number, body FROM heads"))
        for number, body in connection.execute("SELECT number, body FROM streams ORDER BY number"):
            stream = decode_stream(number, body, heads.get(number))
            chain = chain_start(stream.kind, stream.name)
            seq = 0
            rows = connection.execute(
                "SELECT key, body FROM posts WHERE key BETWEEN ? AND ? ORDER BY key",
                (number << SEQ_BITS, number << SEQ_BITS | PLACE_MAX),
            )
            for key, row in rows:
                seq += 1
                post = decode_post(stream.kind, stream.name, number, key & PLACE_MAX, row)
                if post.seq != seq:
                    shelf.broken.append(f"{name} has {stream.name} {post.seq} where {seq} belongs")
                    break
                if post.chain != chain_after(chain, post):
                    shelf.broken.append(f"the chain of {stream.name} is broken at {seq} on {name}")
                chain = post.chain
                shelf.posts[stream.name, seq] = (chain, index_of(post.position))
            if stream.seq != seq or stream.chain != chain:
                shelf.broken.append(f"{name} has another end of {stream.name} than its posts")
    except Damaged as error:
        raise Damaged(f"{error} of {name}") from error
    finally:
        connection.close()
    return shelf


def compare(board: Board, receipts: Iterable[Receipt]) -> tuple[int, list[str]]:
    """How many posts the servers hold, and what is wrong with what they hold."""
    broken: list[str] = []
    first: Shelf | None = None
    for server in board.servers:
        try:
            shelf = read(board.data(server), server.name)
        except (Damaged, apsw.Error) as error:
            broken.append(f"the database of {server.name} cannot be read at the end: {error}")
            continue
        broken += shelf.broken
        if first is None:
            first = shelf
            broken += _receipts(shelf, receipts)
        elif shelf.posts != first.posts:
            differ = {*shelf.posts.items()} ^ {*first.posts.items()}
            broken.append(
                f"{server.name} (at {shelf.applied}) and {board.servers[0].name} (at {first.applied}) hold"
                f" different posts, {len(differ)} in number, such as {min(place for place, _ in differ)}"
            )
    return (len(first.posts) if first else 0), broken


def _receipts(shelf: Shelf, receipts: Iterable[Receipt]) -> Iterable[str]:
    for receipt in receipts:
        held = shelf.posts.get((receipt.stream, receipt.seq))
        if held != (receipt.chain, receipt.index):
            was = "nothing" if held is None else f"hash {held[0].hex()} at index {held[1]}"
            yield (
                f"the receipt of {receipt.stream} {receipt.seq} says hash {receipt.chain.hex()} at index"
                f" {receipt.index}; the board has {was}"
            )
