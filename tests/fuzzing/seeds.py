"""One input of each kind that a target knows: where a fuzzer begins, and what every run of the tests feeds."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgpack

from bulletin.core import codec
from bulletin.core.board import commands
from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import Answer, Marks, OperationRow, SessionsRow, StreamKind, StreamRow
from bulletin.core.board.remembered import operation_record, pack_operations
from bulletin.core.board.sessions import pack_sessions
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.log.batch import encode_batch
from bulletin.core.log.entry import NO_HASH, EntryKind, LogIdentity, make_entry
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.log.port import Operation as LogOperation
from bulletin.core.reference.ranks import Record
from bulletin.core.store import parts, records
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.wire import broker, peers, publications, reference, replies, requests
from bulletin.core.wire.envelope import Heading
from bulletin.core.wire.publications import Head
from bulletin.core.wire.requests import ReadLevel
from bulletin.storage import hard_state
from bulletin.storage.ranks import _MAGIC
from tests.core.board.scripts import create, login, publish, send
from tests.core.board.test_commands import GOOD
from tests.core.wire.test_broker import MESSAGES
from tests.core.wire.test_peers import ONE_OF_EACH, frame_of
from tests.core.wire.test_publications import post, published
from tests.core.wire.test_reference import FOUR, REPLIES, REQUESTS, addressed
from tests.core.wire.test_replies import RESULTS
from tests.fuzzing.machines import join
from tests.fuzzing.targets import publication_frames
from tests.storage.test_hard_state import RECORD

CORPUS = Path(__file__).parent / "corpus"

CHANNEL, INBOX = StreamKind.CHANNEL, StreamKind.INBOX
VALUE: dict[str, Any] = {"a": [None, True, -1, 2**63, 1.5, "é", [[]], {}], "b": "x" * 40}
DOCUMENT = FoundingDocument(
    b"c" * 16, (Member(b"1" * 16, "a", "tcp://a:1", 1), Member(b"2" * 16, "b", "ipc:///b", 2))
)
MARKS = Marks(7, 9, 3, b"d" * 32)
OUR_REQUESTS: tuple[requests.Write | requests.Query, ...] = (
    requests.Login("ana"),
    requests.CreateChannel("", "geral"),
    requests.CreateChannel("ana", "geral"),
    requests.Publish("ana", "geral", "olá\n"),
    requests.Send("ana", "bia", "oi"),
    requests.ListUsers(ReadLevel.LOCAL, "ana"),
    requests.ListChannels(ReadLevel.LINEARIZABLE),
    requests.History(ReadLevel.LOCAL, PageQuery(CHANNEL, "geral", None, 3, None, 50)),
    requests.History(ReadLevel.LINEARIZABLE, PageQuery(INBOX, "bia", "ana", None, 9, 500)),
)
OUTBOX = b"""{"id": "k:1", "user": "ana", "channel": "geral", "message": "oi"}
{"id": "k:2", "user": "ana", "receiver": "bia", "message": "a\\nb"}
"""
REFUSALS = (
    Refusal(Code.INVALID_FIELD, "user", Reason.TOO_LONG),
    Refusal(Code.TIMED_OUT),
    Refusal(Code.NO_LEADER, definite=False),
)


@cache
def inputs() -> dict[str, list[bytes]]:
    """The inputs of every target."""
    return {name: list(dict.fromkeys(made)) for name, made in _made().items()}


def _made() -> dict[str, Iterable[bytes]]:
    bodies = [*_requests(), b"", b"{", b"\x80", b"\xef\xbb\xbf {}", b'{"service":"users","data":null}']
    entry = make_entry(NO_HASH, LogIdentity(b"c" * 16), 7, 3, EntryKind.OPERATIONS, b"body")
    answer = Answer("", "", "p", False, 5, 7, 2, b"c" * 32, 9)
    return {
        "msgpack": [codec.pack(VALUE), codec.pack(b"\0" * 20), b"\xd6\xff\0\0\0\1", b"\xdd\xff\xff\xff\xff"],
        "msgpack_lenient": [codec.pack(VALUE), b"\xd6\xff\0\0\0\1", b"\xa2\xff\xfe", b"\xd4\5x"],
        "json": [codec.pack_json(VALUE), b'["\\ud800\\"\\\\", NaN, -Infinity, 1e999]', b"[" * 9],
        "json_lenient": [codec.pack_json(VALUE), b'{"a":"\xff"}'],
        "envelope": bodies,
        "moment": [
            b"2026-01-01T00:00:00Z",
            b"0001-01-01",
            b"9999-12-31T23:59:59.999999+00:00",
            b"20260101T0000-0330",
        ],
        "request": bodies,
        "reply": _replies(),
        "publication": _publications(),
        "broker": map(broker.encode, MESSAGES),
        "peers": [peers.encode(frame_of(message)) for message in ONE_OF_EACH]
        + [peers.encode(frame_of(checkpoint=peers.Checkpoint(2048, b"d" * 32)))],
        "reference_request": [reference.encode(addressed(body, *form)) for body in REQUESTS for form in FOUR],
        "reference_reply": [
            reference.encode(addressed(body, *form, name="rank"))
            for body in (*REPLIES, *REFUSALS)
            for form in FOUR
        ],
        "command": [commands.encode(command) for command in GOOD.values() if len(command.message) < 100],
        "batch": [
            encode_batch([]),
            encode_batch([LogOperation(b"k" * 16, b"payload"), LogOperation(b"l" * 16, b"x" * 300)]),
        ],
        "founding": [DOCUMENT.encode()],
        "ranks_record": [Record().encode(), _record().encode()],
        "ranks_file": [_ranks_file(Record()), _ranks_file(_record())],
        "hard_record": [
            RECORD.encode(),
            HardRecord(b"m" * 16, b"", 1, 1, 0, None, 0, NO_HASH).encode(),
        ],
        "hard_slot": [hard_state.encode_slot(RECORD)],
        "learnt_file": [msgpack.packb([1, {b"m" * 16: "tcp://a:1"}])],
        "layout_file": [b'{"servers": 3, "base_port": 5555}\n'],
        "outbox_file": [OUTBOX],
        "seen_file": [
            b'{"inbox": 3, "channels": {"geral": 7}, "following": ["geral", "rust"]}',
            b'{"inbox": null, "channels": {}, "following": []}',
        ],
        "ask": [
            parts.BEGIN,
            parts.encode_ask(parts.AskChunk(b"n" * 16, 3)),
            parts.encode_ask(parts.AskPosts((parts.Range(1, 0, 9), parts.Range(2, 3, 4)))),
        ],
        "part": _parts(),
        "chunk": [parts.pack_rows([(1, b"row"), (2, b"r")]), parts.pack_rows([("1:ana", b"x" * 40)])],
        "log_row": [records.encode_entry(entry)],
        "marks_row": [_packed(records.encode_marks(MARKS))],
        "post_row": [
            _packed(records.encode_post(1, post(seq=2, sent=sent))) for sent in (None, 17, 1.5, "2026")
        ],
        "head_row": [_packed(records.encode_head(1, post()))],
        "operations_row": [
            _packed(records.encode_operations(block))
            for block in pack_operations(
                None,
                [OperationRow(n, b"%016d" % n, operation_record(b"c" * 8, answer, None)) for n in (1, 2)],
            )
        ],
        "sessions_row": [_packed(records.encode_sessions(SessionsRow("ana", pack_sessions([("a", 7, 9)]))))],
        "founding_row": [_packed(records.encode_founding(DOCUMENT))],
        "line": [
            text.encode()
            for text in ("oi", "/sair", '/msg "ana b" olá', "//", "/entrar geral", "/historico 5", "/x")
        ],
        "endpoints": [
            b"tcp://127.0.0.1:5555",
            b"tcp://*:0,tcp://[::1]:1",
            b"ipc:///run/x",
            b"tcp://host.a:*",
        ],
        "command_line": _command_lines(),
        "board": _histories(),
        "dispatcher": _broker_days(),
        "coordinator": _reference_days(),
        "reader": _readings(),
        "intake": _intakes(),
        "manifest": [msgpack.unpackb(part)[2] for part in _parts() if part[1:2] == b"\0"],
    }


def _command_lines() -> Iterator[bytes]:
    for number, line in enumerate(
        (
            "--servers 5 --base-port 6555 --data d",
            "--clients tcp://*:5555 --servers tcp://*:5556 --http 127.0.0.1:8080",
            "--publishers tcp://*:5557 --subscribers ipc:///run/x",
            "--listen tcp://*:5560 --data d",
            "--name s1 --listen tcp://*:5561 --data d --expect 3 --reference tcp://a:1,tcp://b:1",
            "--user ana publish geral texto",
            "--rate 5 --users 3",
        )
    ):
        yield bytes([number]) + b"\0".join(word.encode() for word in line.split())
    for line in (
        "history geral --since 3 --limit 5",
        "tail geral",
        "interactive",
        "--json users",
        "--lang pt channels",
        "create",
    ):
        yield b"\5" + b"\0".join(word.encode() for word in line.split())


def _requests() -> Iterator[bytes]:
    for dialect, encoding in FOUR:
        for request in OUR_REQUESTS:
            yield requests.write(
                request, clock=7, timestamp=1.5, id="a:7", dialect=dialect, encoding=encoding
            )


def _replies() -> Iterator[bytes]:
    for dialect, encoding in FOUR:
        for operation, result in RESULTS.items():
            yield replies.write(Heading(dialect, encoding, operation.name_in(dialect), "k:1"), result, 9, 1.5)
        for refusal in REFUSALS:
            yield replies.refuse(Heading(dialect, encoding, "error"), refusal, 9, 1.5)


def _publications() -> Iterator[bytes]:
    for kind in (CHANNEL, INBOX):
        for form in ({}, {"bell": True}, {"flat_only": True}):
            yield publication_frames(*publications.write_post(post(kind, sent="2026-01-01"), **form))
    for frames in publications.write_heads([Head(CHANNEL, "geral", 7), Head(INBOX, "ana", 1)], 9, 1.5):
        yield publication_frames(*frames)
    yield publication_frames(*publications.write_election("server1", 9, 1.5))


def _parts() -> Iterator[bytes]:
    chunks = tuple(
        parts.Chunk(table, "1:ana" if table in {"correspondents", "sessions"} else 9, b"h" * 32)
        for table in parts.CHUNKED
    )
    yield parts.encode_manifest(parts.Manifest(b"n" * 16, 7, 2, b"h" * 32, MARKS, chunks))
    yield parts.encode_chunk(b"n" * 16, 1, parts.pack_rows([(1, b"row")]))
    yield parts.encode_posts([(records.post_key(1, 2), records.encode_post(1, post(seq=2)))])


def _histories() -> Iterator[bytes]:
    ana = [
        login("a:1", "ana"),
        create("a:2", "geral", "ana"),
        publish("a:3", "ana", "geral"),
        publish("a:3", "ana", "geral"),
        publish("a:3", "ana", "geral", "another"),
        send("a:4", "ana", "ana"),
        publish("a:5", "ana", "geral"),
        publish("a:6", "ana", "geral"),
        publish("a:1", "ana", "geral"),
    ]
    full = [create(f"@0{number}", f"c{number}") for number in range(4)] + [
        login(f"p{n}", f"u{n}") for n in range(5)
    ]
    for history in (ana, full):
        yield join([commands.encode(command) for command in history])
    yield join([commands.encode(ana[0]), b"none"])


def _broker_days() -> Iterator[bytes]:
    ready = broker.encode(broker.ServerReady("s1", 7, 3, 1.5))
    beat = broker.encode(broker.ServerHeartbeat(7, 4, 1.5))
    first, second = (b"prefix--" + number.to_bytes(8, "big") for number in (1, 2))
    reply = broker.encode(broker.Replies(7, (broker.Reply(first, 1, broker.SUCCESS, b"reply"),), 9, 1.5))
    later = broker.encode(broker.Replies(7, (broker.Reply(second, 1, broker.LATER, b""),), 9, 1.5))
    asked = next(_requests())
    yield join(
        [
            b"\2A" + ready,
            b"\0c" + asked,
            b"\2A" + reply,
            b"\0d" + asked,
            b"\2A" + later,
            b"\3\1",
            b"\2A" + beat,
        ]
    )
    yield join([b"\0c" + asked, b"\2A" + ready, b"\4", b"\2A" + ready, b"\5", b"\1c" + asked, b"\6", b"\3\2"])
    yield join([b"\0c" + asked] * 12 + [b"\3\3"])


def _reference_days() -> Iterator[bytes]:
    def said(body: Any) -> bytes:
        return b"\0r" + reference.encode(addressed(body))

    names = [(f"s{number}", bytes([number]) * 16) for number in range(3)]
    ranks = [said(reference.RankRequest(name, f"tcp://{name}:1", member, None, 3)) for name, member in names]
    beats = [said(reference.HeartbeatRequest(name, member, None)) for name, member in names]
    yield join([*ranks, *beats, b"\2\3", *beats, b"\2\1", *beats])
    document = reference.RankRequest("a", "tcp://a:1", b"1" * 16, DOCUMENT.encode(), None)
    yield join(
        [said(document), *ranks, said(reference.HeartbeatRequest("a", b"1" * 16, DOCUMENT.cluster)), b"\2\2"]
    )
    yield join([said(body) for body in REQUESTS] + [b"\1r" + b"x" * 3])


def _readings() -> Iterator[bytes]:
    def told(seq: int, **form: bool) -> bytes:
        return b"\0" + publication_frames(*publications.write_post(post(seq=seq, id=f"k:{seq}"), **form))

    def page(*seqs: int, more: bool = False) -> bytes:
        posts = tuple(published(post(seq=seq, id=f"k:{seq}")) for seq in seqs)
        heading = Heading(*FOUR[0], "history")
        return b"\4" + replies.write(heading, replies.PublishedPage(posts, more), 9, 1.5)

    heads = [
        b"\0" + publication_frames(*frames)
        for frames in publications.write_heads([Head(CHANNEL, "geral", 5), Head(INBOX, "bia", 1)], 9, 1.5)
    ]
    tick = b"\6\1"
    yield join([page(1, 2), told(4), told(3), told(3), tick, *heads, tick, page(5)])
    yield join(
        [page(more=True), told(2, bell=True), tick, b"\4none", tick, page(1, 2, 2, 1), b"\6\4", page()]
    )


def _intakes() -> Iterator[bytes]:
    stream = StreamRow(1, CHANNEL, "geral", 1 << 16)
    rows = parts.pack_rows
    made = post(seq=1)
    streams = b"\0" + rows([(1, records.encode_stream(stream))])
    heads = b"\1" + rows([(1, records.encode_head(1, made))])
    posts = b"\5" + parts.encode_posts([(records.post_key(1, 1), records.encode_post(1, made))])
    yield join([streams, heads, posts])
    yield join([b"\1" + rows([(2**63, b"none")]), posts])
    yield join([heads, b"\5" + parts.BEGIN])


def _record() -> Record:
    return Record((("a", 1), ("b", 2)), DOCUMENT.encode(), DOCUMENT.cluster)


def _ranks_file(record: Record) -> bytes:
    body = record.encode()
    return _MAGIC + hashlib.sha256(body).digest() + body


def _packed(sealed: bytes) -> bytes:
    """What is behind a row's checksum, which the target puts before it."""
    return sealed[4:]


def write() -> int:
    """Write a file for each input of the seeds that the corpus lacks; how many."""
    written = 0
    for name, made in inputs().items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        there = {path.read_bytes() for path in folder.iterdir()}
        for data in made:
            if data not in there:
                (folder / file_name(data)).write_bytes(data)
                written += 1
    return written


def file_name(data: bytes) -> str:
    """What a file of the corpus is called: the same input, the same name."""
    return hashlib.sha256(data).hexdigest()[:12]


def corpus(name: str) -> list[Path]:
    """The files of a target."""
    return sorted((CORPUS / name).iterdir())
