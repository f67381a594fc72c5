"""Server ↔ server frames: what is encoded comes back the same, and nothing else comes through."""

from typing import Any

import msgpack
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import BATCH_BYTES_MAX, FRAME_BYTES_MAX
from bulletin.core.log.entry import NO_HASH, Entry, EntryKind, LogIdentity, make_entry
from bulletin.core.log.port import Operation
from bulletin.core.raft import messages as m
from bulletin.core.wire.peers import (
    INDEX_MAX,
    MESSAGES_MAX,
    NUMBER_MAX,
    Checkpoint,
    PeerFrame,
    decode,
    encode,
    weight,
)

CLUSTER = bytes(range(16))
SENDER = b"s" * 16
RECIPIENT = b"r" * 16


def entries(*bodies: bytes, first: int = 5, term: int = 3) -> tuple[Entry, ...]:
    identity = LogIdentity(CLUSTER)
    made: list[Entry] = []
    previous = NO_HASH
    for index, body in enumerate(bodies, first):
        made.append(make_entry(previous, identity, index, term, EntryKind.OPERATIONS, body))
        previous = made[-1].hash
    return tuple(made)


ONE_OF_EACH: tuple[m.Message, ...] = (
    m.RequestVote(7, 12, 6, pre=True, transfer=False),
    m.VoteReply(7, granted=True, pre=True, last_index=8, last_term=6),
    m.Append(7, 4, 3, b"h" * 32, entries(b"one", b"two"), 4, 99, 5),
    m.Append(7, 0, 0, NO_HASH, (), 0, 0),
    m.AppendReply(7, 4, True, 6, 0, 0, 99),
    m.TimeoutNow(7),
    m.Forward(7, (Operation(b"k" * 16, b"payload"), Operation(b"l" * 16, b""))),
    m.ReadIndex(7, 1),
    m.ReadIndexReply(7, 1, INDEX_MAX),
    m.Greeting(NUMBER_MAX, 3, 12),
    m.GreetingReply(7, 3, 3),
    m.SnapshotOffer(7, INDEX_MAX),
    m.SnapshotAsk(7, 5, b"ask"),
    m.SnapshotPart(7, 5, b"part" * 1000),
    m.SnapshotPart(7, 5, b""),
)


def frame_of(*messages: m.Message, **changes: Any) -> PeerFrame:
    values: dict[str, Any] = {
        "cluster": CLUSTER,
        "group": 0,
        "sender": SENDER,
        "recipient": RECIPIENT,
        "messages": messages,
        "clock": 41,
        "timestamp": 1_700_000_000.25,
    }
    return PeerFrame(**{**values, **changes})


def plain(frame: PeerFrame) -> dict[str, Any]:
    value: dict[str, Any] = msgpack.unpackb(encode(frame))
    return value


class RoundTripTests(SynchronousTestCase):
    def test_every_kind_of_message_comes_back_the_same(self) -> None:
        frame = frame_of(*ONE_OF_EACH)
        self.assertEqual(decode(encode(frame)), frame)

    def test_every_message_class_has_a_shape(self) -> None:
        self.assertEqual({type(message) for message in ONE_OF_EACH}, set(m.Message.__args__))

    def test_checkpoint_comes_back(self) -> None:
        frame = frame_of(checkpoint=Checkpoint(2048, b"d" * 32))
        self.assertEqual(decode(encode(frame)), frame)

    def test_frame_says_that_it_is_replicated_and_carries_clock_and_timestamp(self) -> None:
        value = plain(frame_of())
        self.assertIs(value["replicado"], True)
        self.assertEqual((value["data"]["clock"], value["data"]["timestamp"]), (41, 1_700_000_000.25))

    def test_weight_is_an_upper_bound_of_what_a_message_adds(self) -> None:
        empty = len(encode(frame_of()))
        big = (
            m.Append(NUMBER_MAX, INDEX_MAX - 9, NUMBER_MAX, b"h" * 32, (), NUMBER_MAX, NUMBER_MAX, 1),
            m.Append(NUMBER_MAX, 4, 3, b"h" * 32, entries(b"", b"x" * 70_000, term=NUMBER_MAX), 4, 9),
            m.Forward(NUMBER_MAX, tuple(Operation(b"k" * 16, b"y" * n) for n in range(300))),
        )
        for message in (*ONE_OF_EACH, *big):
            if isinstance(message, m.Append) and message.commit == NUMBER_MAX:
                self.assertGreaterEqual(weight(message), 100)
                continue
            self.assertGreaterEqual(weight(message), len(encode(frame_of(message))) - empty, message)


class RefusalTests(SynchronousTestCase):
    def refused(self, value: Any) -> Refusal:
        data = value if isinstance(value, bytes) else msgpack.packb(value)
        return self.assertRaises(Refusal, decode, data)

    def changed(self, **data: Any) -> Refusal:
        value = plain(frame_of())
        value["data"].update(data)
        return self.refused(value)

    def test_what_is_not_a_frame(self) -> None:
        for value in (
            b"",
            b"\xc1",
            b"{}",
            5,
            [],
            {},
            {"data": {}},
            {"data": 1},
            {"data": None, "replicado": True},
        ):
            self.refused(value)

    def test_a_frame_that_does_not_say_replicado(self) -> None:
        for said in (False, None, 1, "true"):
            value = plain(frame_of())
            value["replicado"] = said
            self.refused(value)
        value = plain(frame_of())
        del value["replicado"]
        self.refused(value)

    def test_another_service(self) -> None:
        value = plain(frame_of())
        value["service"] = "publish"
        self.refused(value)

    def test_members_and_cluster_are_sixteen_bytes(self) -> None:
        for field in ("cluster", "de", "para"):
            for wrong in (None, "s" * 16, b"s" * 15, b"s" * 17, b"", 7, [1]):
                self.changed(**{field: wrong})

    def test_clock_group_and_timestamp_are_typed_and_bounded(self) -> None:
        for wrong in (None, True, -1, 2**53 + 1, 1.5, "1"):
            self.changed(clock=wrong)
        for wrong in (None, False, -1, 2**64 - 1):
            self.changed(grupo=wrong)
        for wrong in (None, 1, "now"):
            self.changed(timestamp=wrong)

    def test_a_full_disk_is_said_where_there_is_one(self) -> None:
        for full in (False, True):
            frame = frame_of(full=full)
            self.assertEqual(decode(encode(frame)), frame)
            self.assertEqual(plain(frame)["data"].get("cheio"), full or None)
        for wrong in (False, 0, 1, "", []):
            self.changed(cheio=wrong)

    def test_checkpoint_is_an_index_and_a_digest(self) -> None:
        for wrong in (0, [], [1], [1, b"d" * 31], [-1, b"d" * 32], [True, b"d" * 32], {"a": 1}):
            self.changed(resumo=wrong)

    def test_wrong_messages(self) -> None:
        for wrong in (
            None,
            {},
            [5],
            [[]],
            [["3"]],
            [[0]],
            [[14, 1]],
            [[11, 1]],
            [[11, 1, 2**47]],
            [[12, 1, 1, "ask"]],
            [[12, 1, 1, bytes(65_537)]],
            [[12, 1, -1, b""]],
            [[13, 1, 1, None]],
            [[13, 1, 1, bytes(7 * 2**20)]],
            [[True, 1]],
            [[5]],
            [[5, 1, 1]],
            [[5, True]],
            [[5, -1]],
            [[5, 2**63]],
            [[2, 1, 1, False]],
            [[6, 1, [[b"k" * 15, b""]]]],
            [[6, 1, [[b"k" * 16, "text"]]]],
            [[6, 1, [[b"k" * 16]]]],
            [[6, 1, {"a": 1}]],
            [[8, 1, 1, 2**47]],
        ):
            self.changed(mensagens=wrong)

    def test_entries_are_consecutive_and_complete(self) -> None:
        row = [5, 3, 1, b"", b"h" * 32, 1, 1]

        def append(*rows: Any) -> list[Any]:
            return [3, 7, 4, 3, b"h" * 32, list(rows), 4, 9, 5]

        value = plain(frame_of())
        value["data"]["mensagens"] = [append(row, [6, *row[1:]])]
        self.assertEqual(len(decode(msgpack.packb(value)).messages[0].entries), 2)
        for wrong in (
            append([6, *row[1:]]),
            append(row, row),
            append(row[:6]),
            append([5, 3, 7, b"", b"h" * 32, 1, 1]),
            append([5, 3, 1, "text", b"h" * 32, 1, 1]),
            append([5, 3, 1, b"", b"h" * 31, 1, 1]),
            append(5),
        ):
            self.changed(mensagens=[wrong])

    def test_bounds(self) -> None:
        self.assertEqual(self.changed(mensagens=[[5, 1]] * (MESSAGES_MAX + 1)).field, "mensagens")
        self.assertEqual(self.refused(b"\0" * (FRAME_BYTES_MAX + 1)).code, Code.TOO_LARGE)
        self.changed(mensagens=[[6, 1, [[b"k" * 16, b"x" * (2 * BATCH_BYTES_MAX - 1000)]]]])
