"""The decoders, what each may refuse with, and what must hold of what comes out of it.

A target is fed any bytes.  What it owes: a value, or one of the documented exceptions.  A value that is encoded again is
decoded to an equal one; of what has one form only, such as what stands in the log, the bytes must be the same.
"""

import contextlib
import hashlib
import io
import os
import tempfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import attrs
import msgpack
from twisted.python import usage

from bulletin.core import codec
from bulletin.core.board import commands
from bulletin.core.board.outcome import StreamKind
from bulletin.core.errors import Refusal
from bulletin.core.limits import (
    FRAME_BYTES_MAX,
    ITEMS_MAX,
    MIB,
    NESTING_MAX,
    PUBLICATION_BYTES_MAX,
    REQUEST_BYTES_MAX,
)
from bulletin.core.log.batch import decode_batch, encode_batch
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.log.port import Operation
from bulletin.core.raft.wellformed import well_formed
from bulletin.core.reference.ranks import RECORD_BYTES_MAX, Record
from bulletin.core.store import parts, records
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.port import StoreError
from bulletin.core.wire import broker, moments, peers, publications, reference, replies, requests
from bulletin.core.wire.envelope import Envelope, open_envelope
from bulletin.core.wire.publications import Election, Heads, Published
from bulletin.language import Language
from bulletin.roles import (
    bot as bot_command,
    broker as broker_command,
    client as client_command,
    proxy as proxy_command,
    reference as reference_command,
    server as server_command,
    supervisor as board_command,
)
from bulletin.roles.client.interactive.lines import understand
from bulletin.roles.client.interactive.state import State
from bulletin.roles.supervision.layout import REMEMBERED, recall, remember
from bulletin.storage import hard_state
from bulletin.storage.directory import DirectoryLock
from bulletin.storage.learnt import read_learnt, write_learnt
from bulletin.storage.ranks import FILE_NAME, RankStore
from bulletin.transport.endpoints import EndpointError, parse_endpoint, parse_endpoints, parse_host_port
from tests.fuzzing import machines
from tests.fuzzing.machines import BrokenError


@attrs.frozen
class Target:
    """One decoder.

    :param decode: from bytes to a value.
    :param refuses: the exceptions that are documented for what is none.
    :param encode: the way back; None where there is none.
    :param one_form: whether each value has one encoding only.
    :param bytes_max: what it takes at most: more is refused; None: it never refuses, or what it takes is bounded elsewhere.
    """

    name: str
    decode: Callable[[bytes], Any]
    refuses: tuple[type[Exception], ...] = ()
    encode: Callable[[Any], bytes | None] | None = None
    one_form: bool = False
    bytes_max: int | None = None

    def feed(self, data: bytes) -> bool:
        """Whether the bytes were a value.

        :raises Exception: any that is not documented: the decoder is broken.
        """
        try:
            value = self.decode(data)
        except self.refuses:
            return False
        again = None if self.encode is None else self.encode(value)
        if again is None:
            return True
        if self.one_form and again != data:
            raise BrokenError(f"{data!r} is taken, and written as {again!r}")
        if repr(self.decode(again)) != repr(value):  # NaN is not equal to itself, and looks it
            raise BrokenError(f"{value!r} comes back as {self.decode(again)!r}")
        return True


# The codec, and what clients say and hear.

BOUNDS = {"bytes_max": REQUEST_BYTES_MAX, "nesting_max": NESTING_MAX, "items_max": ITEMS_MAX}


def _pack_again(value: Any) -> bytes:
    return codec.pack(value)


def _json_again(value: Any) -> bytes | None:
    """JSON has no NaN and no lone surrogates, but texts that call themselves JSON do."""
    try:
        return codec.pack_json(value)
    except ValueError:
        return None


def _request(body: bytes) -> Any:
    incoming = requests.read(body)
    return incoming.heading, incoming.request


def _request_again(read: tuple[Any, Any]) -> bytes | None:
    heading, request = read
    if isinstance(request, Refusal):
        return None
    if heading.name != requests.operation_of(request).name_in(heading.dialect):
        return None  # an alias, which our own client does not use
    return requests.write(
        request, clock=1, timestamp=1.5, id=heading.id, dialect=heading.dialect, encoding=heading.encoding
    )


def _reply(body: bytes) -> Any:
    received = replies.read(body)
    return received.heading, received.result


def _reply_again(read: tuple[Any, Any]) -> bytes:
    heading, result = read
    write = replies.refuse if isinstance(result, Refusal) else replies.write
    return write(heading, result, 1, 1.5)


def _publication(data: bytes) -> Any:
    """A byte for the topic's length, the topic, the body."""
    end = 1 + data[0] if data else 0
    return publications.read(data[1:end], data[end:])


def publication_frames(topic: bytes, body: bytes) -> bytes:
    """The input that stands for the two frames of a publication."""
    return bytes([len(topic)]) + topic + body


def _publication_again(publication: publications.Publication) -> bytes | None:
    match publication:
        case Published():
            return publication_frames(*publications.write_post(publication))
        case Heads(heads, clock, timestamp):
            chunks = list(publications.write_heads(heads, clock, timestamp))
            return publication_frames(*chunks[0]) if len(chunks) == 1 else None
        case Election(coordinator, clock, timestamp):
            return publication_frames(*publications.write_election(coordinator, clock, timestamp))


def _envelope(body: bytes) -> Envelope:
    return open_envelope(body)


def _moment(data: bytes) -> float | None:
    seconds = moments.seconds_of(_typed(data))
    if seconds is not None:
        datetime.fromtimestamp(seconds, UTC)  # whoever shows it does that
    return seconds


# Between the roles.


def _peer_frame(frame: bytes) -> Any:
    decoded = peers.decode(frame)
    for message in decoded.messages:
        well_formed(message)
    return decoded


def _reference_again(message: Any) -> bytes | None:
    return None if isinstance(message.body, Refusal) else reference.encode(message)


# What stands in the log and on the disks.


def _batch_again(pairs: list[tuple[bytes, bytes]]) -> bytes:
    return encode_batch([Operation(key, payload) for key, payload in pairs])


def _hard_slot(data: bytes) -> Any:
    record = hard_state.decode_slot(data)
    if record is None:
        raise ValueError("no slot")
    return record


def _part_again(part: Any) -> bytes:
    match part:
        case parts.Manifest():
            return parts.encode_manifest(part)
        case parts.ChunkPart(name, number, data):
            return parts.encode_chunk(name, number, data)
        case _:
            return parts.encode_posts(part)


def _manifest(data: bytes) -> Any:
    """A manifest behind its hash, which no fuzzer gets through by itself."""
    return parts.decode_manifest(msgpack.packb([0, hashlib.sha256(data).digest(), data]))


def _manifest_again(manifest: parts.Manifest) -> bytes:
    packed: bytes = msgpack.unpackb(parts.encode_manifest(manifest))[2]
    return packed


def _sealed(table: str, key: int | str, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """A row's decoder behind its checksum, which no fuzzer gets through by itself."""

    def behind(data: bytes) -> Any:
        checksum = zlib.crc32(data, records._seed(table, key))
        return decode(checksum.to_bytes(4, "big") + data)

    return behind


def _file_of(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    """A reader of a file, fed with what stands in it."""

    def decode(data: bytes) -> Any:
        with tempfile.TemporaryDirectory(prefix="bulletin-fuzz-") as folder:
            (Path(folder) / name).write_bytes(data)
            return read(Path(folder))

    return decode


def _written(name: str, write: Callable[[Path, Any], object]) -> Callable[[Any], bytes | None]:
    """What is in a file after something was written to it; None: there is none."""

    def encode(value: Any) -> bytes | None:
        with tempfile.TemporaryDirectory(prefix="bulletin-fuzz-") as folder:
            write(Path(folder), value)
            path = Path(folder) / name
            return path.read_bytes() if path.exists() else None

    return encode


def _state(folder: Path, session: str = "s") -> State:
    return State(folder, "k", session)


def _adopted(folder: Path) -> Any:
    state = _state(folder)
    try:
        return state.adopt()
    finally:
        state.close()


def _kept(folder: Path, lines: Any) -> None:
    state = _state(folder)
    state.keep(lines)
    state.close()


def _ranks(folder: Path) -> Record:
    store = RankStore(folder)
    try:
        return store.open()
    finally:
        store.close()


def _write_ranks(folder: Path, record: Record) -> None:
    store = RankStore(folder)
    store.open()
    store.write(record)
    store.close()


# What a person types.


def _typed(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _endpoints(data: bytes) -> Any:
    text = _typed(data)
    for listen in (False, True):
        for parse in (parse_endpoint, parse_host_port):
            try:
                parse(text, listen=listen)
            except EndpointError as error:
                str(error)
    return parse_endpoints(text, listen=True)


_COMMANDS = (
    board_command,
    broker_command,
    proxy_command,
    reference_command,
    server_command,
    client_command,
    bot_command,
)


def _words(data: bytes) -> Any:
    """A command line: a byte that says which command, then its words, with zeros between them.  Nothing is made or locked."""
    words = [_typed(word) for word in data[1:].split(b"\0")]
    if not data or any(word.startswith("--data-p") for word in words):
        raise usage.UsageError("no command, or one that looks for a directory of its own")
    options = _COMMANDS[data[0] % len(_COMMANDS)].Options()
    with (
        patch.multiple(DirectoryLock, acquire=Mock(), release=Mock()),
        patch.object(Path, "mkdir"),
        patch.dict(os.environ),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        try:
            options.parseOptions(words if len(data) > 1 else [])
        except SystemExit as end:  # --help and --version
            if end.code not in {0, None}:
                raise usage.UsageError(str(end.code)) from None


CHANNEL, INBOX = StreamKind.CHANNEL, StreamKind.INBOX
_DAMAGED = (records.Damaged,)

TARGETS = {
    target.name: target
    for target in (
        Target("msgpack", lambda data: codec.unpack(data, **BOUNDS), (Refusal,), _pack_again, bytes_max=MIB),
        Target("msgpack_lenient", lambda data: codec.unpack(data, lenient=True, **BOUNDS), (Refusal,)),
        Target(
            "json", lambda data: codec.unpack_json(data, **BOUNDS), (Refusal,), _json_again, bytes_max=MIB
        ),
        Target("json_lenient", lambda data: codec.unpack_json(data, lenient=True, **BOUNDS), (Refusal,)),
        Target("envelope", _envelope, (Refusal,), bytes_max=REQUEST_BYTES_MAX),
        Target("moment", _moment),
        Target("request", _request, (), _request_again),
        Target("reply", _reply, (Refusal,), _reply_again, bytes_max=FRAME_BYTES_MAX),
        Target(
            "publication", _publication, (Refusal,), _publication_again, bytes_max=PUBLICATION_BYTES_MAX + 256
        ),
        Target("broker", broker.decode, (Refusal,), broker.encode, bytes_max=FRAME_BYTES_MAX),
        Target("peers", _peer_frame, (Refusal,), peers.encode, bytes_max=FRAME_BYTES_MAX),
        Target("reference_request", reference.read_request, (), _reference_again),
        Target(
            "reference_reply",
            reference.decode_reply,
            (Refusal,),
            _reference_again,
            bytes_max=reference.REPLY_BYTES_MAX,
        ),
        Target("command", commands.decode, (ValueError,), commands.encode, True, commands.COMMAND_BYTES_MAX),
        Target("batch", decode_batch, (ValueError,), _batch_again, True, 5 * MIB),
        Target(
            "founding", FoundingDocument.decode, (ValueError,), FoundingDocument.encode, True, FRAME_BYTES_MAX
        ),
        Target("ranks_record", Record.decode, (ValueError,), Record.encode, True, RECORD_BYTES_MAX),
        Target("ranks_file", _file_of(FILE_NAME, _ranks), (StoreError,), _written(FILE_NAME, _write_ranks)),
        Target("hard_record", HardRecord.decode, (ValueError,), HardRecord.encode),
        Target("hard_slot", _hard_slot, (ValueError,), hard_state.encode_slot),
        Target(
            "learnt_file",
            _file_of("learnt", lambda folder: read_learnt(folder / "learnt")),
            (),
            _written("learnt", lambda folder, value: write_learnt(folder / "learnt", value)),
        ),
        Target("layout_file", _file_of(REMEMBERED, recall), (StoreError,), _written(REMEMBERED, remember)),
        Target(
            "outbox_file", _file_of("outbox-k-old.json", _adopted), (), _written("outbox-k-s.json", _kept)
        ),
        Target(
            "seen_file",
            _file_of("seen-k.json", lambda folder: _state(folder).seen()),
            (),
            _written("seen-k.json", lambda folder, value: _state(folder).remember(value)),
        ),
        Target(
            "ask",
            parts.decode_ask,
            (parts.Refused,),
            lambda ask: parts.BEGIN if ask is None else parts.encode_ask(ask),
        ),
        Target("part", parts.decode_part, (parts.Refused,), _part_again, bytes_max=FRAME_BYTES_MAX),
        Target("manifest", _manifest, (parts.Refused,), _manifest_again),
        Target("chunk", parts.unpack_rows, (parts.Refused,), parts.pack_rows, bytes_max=FRAME_BYTES_MAX),
        Target("log_row", lambda data: records.decode_entry(7, data), _DAMAGED, records.encode_entry, True),
        Target(
            "marks_row",
            _sealed("state", "board", records.decode_marks),
            _DAMAGED,
            lambda marks: records.encode_marks(marks)[4:],
        ),
        Target(
            "post_row",
            _sealed(
                "posts",
                records.post_key(1, 2),
                lambda body: records.decode_post(CHANNEL, "geral", 1, 2, body),
            ),
            _DAMAGED,
        ),
        Target("head_row", _sealed("heads", 1, lambda body: records.decode_head(1, body)), _DAMAGED),
        Target(
            "operations_row",
            _sealed("operations", 1, lambda body: records.decode_operations(1, body)),
            _DAMAGED,
        ),
        Target(
            "sessions_row",
            _sealed("sessions", "@k", lambda body: records.decode_sessions("@k", body)),
            _DAMAGED,
        ),
        Target("founding_row", _sealed("state", "founding", records.decode_founding), _DAMAGED),
        Target("line", lambda data: understand(_typed(data), Language())),
        Target("command_line", _words, (usage.UsageError,)),
        Target("endpoints", _endpoints, (EndpointError,), lambda found: ",".join(found).encode()),
        Target("board", machines.board),
        Target("dispatcher", machines.dispatcher),
        Target("coordinator", machines.coordinator),
        Target("reader", machines.reader),
        Target("intake", machines.intake),
    )
}
