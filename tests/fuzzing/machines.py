"""What is fed with many inputs, one after the other: the value machines behind the ports, and the state machine.

An input of a fuzzer is cut into pieces (:func:`pieces_of`); a piece's first byte says what happens, the rest is what comes.
After each of them the bounds are looked at, and at the end what each machine owes: one answer to each request, one rising
sequence of posts, the same state on two boards.
"""

import hashlib
from random import Random
from typing import Any

import attrs

from bulletin.core.board.board import Board, CannotApply
from bulletin.core.board.outcome import NO_DIGEST, Marks, StreamKind
from bulletin.core.broker.dispatcher import Dispatcher
from bulletin.core.broker.pending import Bounds
from bulletin.core.client.caller import Unreachable
from bulletin.core.client.reader import Delivered, Reader, WasReset
from bulletin.core.client.streams import BUFFER_BYTES_MAX, BUFFER_POSTS_MAX, REMEMBERED, Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Refusal
from bulletin.core.log.port import position_of
from bulletin.core.reference.coordinator import HELD_MAX, Coordinator
from bulletin.core.reference.ranks import NAMES_MAX, Record
from bulletin.core.store import parts
from bulletin.core.store.intake import Intake
from bulletin.core.store.records import Damaged
from bulletin.core.wire import broker as broker_wire, reference as reference_wire, replies
from bulletin.core.wire.clocks import ProbeAnswer
from bulletin.core.wire.replies import PublishedPage
from bulletin.simulation.memory_tables import MemoryDisk, MemoryShelf
from tests.core.board.scripts import Tables

PIECES_MAX = 64
SECONDS = (0.0, 0.05, 0.7, 5.0, 70.0)
START = 1000.0


class BrokenError(AssertionError):
    """What came out is not what was promised."""


def owed(holds: object, what: str) -> None:
    """Raise :class:`BrokenError` unless it holds."""
    if not holds:
        raise BrokenError(what)


def pieces_of(data: bytes) -> list[bytes]:
    """Inputs in one: before each its length in two bytes; the last may be cut, and empty ones count for nothing."""
    pieces: list[bytes] = []
    while data and len(pieces) < PIECES_MAX:
        end = 2 + int.from_bytes(data[:2], "big")
        if data[2:end]:
            pieces.append(data[2:end])
        data = data[end:]
    return pieces


def join(pieces: list[bytes]) -> bytes:
    """The input that stands for several."""
    return b"".join(len(piece).to_bytes(2, "big") + piece for piece in pieces)


@attrs.define
class _Time:
    """The time, which a piece may let pass."""

    seconds: float = START

    @property
    def now(self) -> Instant:
        return Instant(self.seconds, 1.7e9 + self.seconds)

    def pass_by(self, piece: bytes) -> None:
        self.seconds += SECONDS[sum(piece) % len(SECONDS)]


# The board.

WINDOW, USERS_MAX, CHANNELS_MAX = 4, 3, 2


def board(data: bytes) -> None:
    """Two boards, one of them made anew from its rows before each command: the same outcomes, the same digests."""
    one = Board.empty(USERS_MAX, CHANNELS_MAX, WINDOW)
    tables = Tables(USERS_MAX, CHANNELS_MAX, WINDOW)
    for index, piece in enumerate(pieces_of(data), 1):
        two = Board(tables.restored(), WINDOW)
        outcome = _applied(one, index, piece)
        owed(_applied(two, index, piece) == outcome, f"two boards differ at {index}: {outcome}")
        if outcome is None:
            return
        one.applied_entry(index)
        two.applied_entry(index)
        tables.write(one.applied([outcome]))
        owed(one.marks() == two.marks(), f"two boards have different digests at {index}")


def _applied(machine: Board, index: int, payload: bytes) -> Any:
    """What came of it; None: it is no operation, and the board stands still."""
    try:
        return machine.apply(position_of(index, 1), 1, payload)
    except CannotApply:
        return None


# The broker.

REQUESTS, SIZE = 8, 64 * 1024


def dispatcher(data: bytes) -> None:
    """A broker: every message of a client's is answered once, whatever servers say."""
    time = _Time()
    machine = Dispatcher(b"prefix--", time.now, Bounds(REQUESTS, SIZE))
    asked = answered = 0
    sent: list[Any] = []
    for piece in pieces_of(data):
        match piece[0] % 7:
            case 0:
                machine.client((piece[1:2], b""), [piece[2:]], time.now)
                asked += 1
            case 1:
                machine.client((piece[1:2], b""), [piece[2:]] * (len(piece) % 4), time.now)
                asked += 1
            case 2:
                machine.server(piece[1:2], piece[2:], time.now)
            case 3:
                time.pass_by(piece[1:])
                machine.tick(time.now)
            case 4 if sent:
                machine.gone(sent.pop())
            case 5 if sent:
                machine.full(sent.pop())
            case 6:
                machine.drain(time.now)
        answered += _turn(machine, sent)
        status = machine.status()
        owed(status.pending <= REQUESTS, f"{status.pending} requests are pending")
        owed(len(status.servers) <= 64, f"{len(status.servers)} servers")
    for _ in range(200):
        time.seconds += 0.05
        machine.tick(time.now)
        answered += _turn(machine, sent)
    owed(answered == asked, f"{asked} messages of clients were answered {answered} times")


def _turn(machine: Dispatcher, sent: list[Any]) -> int:
    ready = machine.ready()
    for message in ready.to_servers:
        broker_wire.decode(message.frame)
    sent[:] = ready.to_servers
    return len(ready.to_clients)


# The reference.


def coordinator(data: bytes) -> None:
    """A reference: every request is answered once its record is stored, and a restart reads what was stored."""
    time = _Time()
    machine = Coordinator(Record(), LamportClock(), Random(1), time.now)
    asked = answered = 0
    for piece in pieces_of(data):
        match piece[0] % 3:
            case 0:
                machine.receive((piece[1:2],), [piece[2:]], time.now)
                asked += not isinstance(reference_wire.read_request(piece[2:]).body, ProbeAnswer)
            case 1:
                machine.receive((piece[1:2],), [piece[2:]] * (len(piece) % 4), time.now)
                asked += len(piece) % 4 != 1 or not isinstance(
                    reference_wire.read_request(piece[2:]).body, ProbeAnswer
                )
            case 2:
                time.pass_by(piece[1:])
                machine.tick(time.now)
        if len(piece) % 5:  # else the disk hangs for a while
            answered += _drained(machine, time.now)
    answered += _drained(machine, time.now)
    status = machine.status()
    owed(status.names <= NAMES_MAX, f"{status.names} names")
    owed(asked <= HELD_MAX and answered == asked, f"{asked} requests were answered {answered} times")


def _drained(machine: Coordinator, now: Instant) -> int:
    answered = 0
    while True:
        ready = machine.ready(now)
        for _, frame in ready.replies:
            reply = reference_wire.decode_reply(frame)
            answered += type(reply.body).__name__ not in {"Probe", "Adjustment"}
        if ready.save is None:
            return answered
        owed(
            Record.decode(ready.save.record.encode()) == ready.save.record, "a record that does not come back"
        )
        machine.stored(ready.save.sequence, now)


# A reader.

FOLLOWED = (Stream(StreamKind.CHANNEL, "geral"), Stream(StreamKind.INBOX, "bia"))


def reader(data: bytes) -> None:
    """A reader: publications, pages and silence in any order; what goes out rises, and what waits is bounded."""
    time = _Time()
    machine = Reader(time.now)
    machine.follow(FOLLOWED[0], time.now, since=0)
    machine.follow(FOLLOWED[1], time.now, last=3)
    last: dict[Stream, int] = {}
    for piece in pieces_of(data):
        stream = FOLLOWED[piece[0] & 1]
        match piece[0] >> 1 & 3:
            case 0 | 1:
                end = 2 + (piece[1] if len(piece) > 1 else 0)
                machine.publication(piece[2:end], piece[end:], time.now)
            case 2:
                machine.fetched(stream, _outcome(piece[1:]), time.now)
            case 3:
                time.pass_by(piece[1:])
                machine.tick(time.now)
        for event in machine.ready().events:
            if isinstance(event, WasReset):
                last.pop(event.stream, None)
            elif isinstance(event, Delivered):
                owed(event.post.seq > last.get(event.stream, 0), f"{event} after {last}")
                last[event.stream] = event.post.seq
        for progress in machine._streams.values():
            owed(len(progress.buffer) <= BUFFER_POSTS_MAX, "too many posts wait")
            owed(0 <= progress.buffered <= BUFFER_BYTES_MAX, "too many bytes wait")
            owed(len(progress.remembered) <= REMEMBERED, "too many ids are remembered")


def _outcome(body: bytes) -> PublishedPage | Refusal | Unreachable:
    try:
        result = replies.read(body).result
    except Refusal as refusal:
        return refusal
    return result if isinstance(result, PublishedPage | Refusal) else Unreachable()


# Another server's tables.


def intake(data: bytes) -> None:
    """Tables of a server that says whatever it likes, with right checksums: it asks on, is done, or says what is damaged."""
    disk = MemoryDisk(b"m" * 16, WINDOW)
    disk.written.marks = disk.synced.marks = Marks(0, 0, 0, NO_DIGEST)
    machine = Intake(MemoryShelf(disk))
    pieces = pieces_of(data)
    chunks = [piece[1:] for piece in pieces if piece[0] % 8 < len(parts.CHUNKED)]
    tables = [parts.CHUNKED[piece[0] % 8] for piece in pieces if piece[0] % 8 < len(parts.CHUNKED)]
    told = tuple(
        parts.Chunk(table, _last(chunk), hashlib.sha256(chunk).digest())
        for table, chunk in zip(tables, chunks, strict=True)
    )
    manifest = parts.Manifest(b"n" * 16, 7, 2, b"h" * 32, Marks(7, 9, 3, b"d" * 32), told)
    bodies = [parts.encode_manifest(manifest)]
    bodies += [parts.encode_chunk(manifest.name, number, chunk) for number, chunk in enumerate(chunks, 1)]
    bodies += [piece[1:] for piece in pieces if piece[0] % 8 >= len(parts.CHUNKED)]
    try:
        for body in (None, *bodies, None):
            taken = machine.take(body)
            if taken.ask:
                parts.decode_ask(taken.ask)
    except Damaged:
        return


def _last(chunk: bytes) -> int | str:
    """The last key of a chunk, as an honest sender says it."""
    try:
        rows = parts.unpack_rows(chunk)
    except parts.Refused:
        return 0
    return rows[-1][0] if rows else 0
