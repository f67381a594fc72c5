"""What readers get: topic and body."""

import msgpack
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import Post, StreamKind
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import CLOCK_MAX, HEADS_PER_FRAME_MAX, MESSAGE_BYTES_MAX, PUBLICATION_BYTES_MAX
from bulletin.core.wire.publications import (
    ELECTION_TOPIC,
    HEADS_TOPIC,
    Election,
    Head,
    Heads,
    Published,
    flat,
    read,
    read_flat,
    write_election,
    write_heads,
    write_post,
)

CHANNEL, INBOX = StreamKind.CHANNEL, StreamKind.INBOX
REPEATABLE = settings(deadline=None, max_examples=150, derandomize=True, database=None)


def post(kind=CHANNEL, **changes):
    fields = {
        "kind": kind,
        "stream": "geral" if kind is CHANNEL else "bia",
        "seq": 5,
        "position": 7 << 16 | 1,
        "id": "k:1",
        "user": "ana",
        "message": "olá",
        "salt": b"s" * 16,
        "timestamp": 1.5,
        "sent": None,
        "clock": 9,
        "received": 2.5,
        "uncertainty": 0.001,
        "chain": b"c" * 32,
    }
    return Post(**{**fields, **changes})


def published(post, **changes):
    """What a reader knows of a post."""
    names = [
        "kind",
        "stream",
        "seq",
        "id",
        "user",
        "message",
        "timestamp",
        "sent",
        "clock",
        "received",
        "uncertainty",
    ]
    return Published(**{**{name: getattr(post, name) for name in names}, **changes})


class Posts(SynchronousTestCase):
    def test_a_post_of_a_channel_is_two_shapes_in_one(self):
        topic, body = write_post(post())
        self.assertEqual(topic, b"geral")
        self.assertEqual(
            msgpack.unpackb(body),
            {
                "type": "channel",
                "topic": "geral",
                "user": "ana",
                "channel": "geral",
                "canal": "geral",
                "message": "olá",
                "timestamp": 1.5,
                "clock": 9,
                "seq": 5,
                "id": "k:1",
                "recebido": 2.5,
                "incerteza": 0.001,
                "service": "publish",
                "data": {"user": "ana", "channel": "geral", "message": "olá", "timestamp": 1.5, "clock": 9},
            },
        )

    def test_a_private_message_is_two_shapes_in_one(self):
        topic, body = write_post(post(INBOX))
        self.assertEqual(topic, b"bia")
        self.assertEqual(
            msgpack.unpackb(body),
            {
                "type": "user",
                "topic": "bia",
                "src": "ana",
                "user": "ana",
                "dst": "bia",
                "receptor": "bia",
                "message": "olá",
                "timestamp": 1.5,
                "clock": 9,
                "seq": 5,
                "id": "k:1",
                "recebido": 2.5,
                "incerteza": 0.001,
                "service": "message",
                "data": {
                    "src": "ana",
                    "user": "ana",
                    "dst": "bia",
                    "message": "olá",
                    "timestamp": 1.5,
                    "clock": 9,
                },
            },
        )

    def test_flat_leaves_service_and_data_out(self):
        for kind in StreamKind:
            whole = msgpack.unpackb(write_post(post(kind))[1])
            del whole["service"], whole["data"]
            self.assertEqual(msgpack.unpackb(write_post(post(kind), flat_only=True)[1]), whole)
            self.assertEqual(flat(post(kind)), whole)

    def test_the_timestamp_is_a_float64_and_another_form_goes_along(self):
        for sent in (1_700_000_000, 1_700_000_000_250, 1_700_000_000_250.0, "2023-11-14T22:13:20Z"):
            _, body = write_post(post(timestamp=1_700_000_000.0, sent=sent))
            fields = msgpack.unpackb(body)
            self.assertEqual(fields["enviado"], sent)
            self.assertIs(type(fields["timestamp"]), float)
            self.assertIs(type(fields["data"]["timestamp"]), float)
        self.assertNotIn("enviado", msgpack.unpackb(write_post(post())[1]))

    def test_a_board_that_was_never_synchronised_says_so(self):
        self.assertIsNone(msgpack.unpackb(write_post(post(uncertainty=None))[1])["incerteza"])

    def test_a_bell_has_no_text(self):
        for flat_only in (False, True):
            frames = write_post(post(), flat_only=flat_only, bell=True)
            self.assertNotIn("olá".encode(), frames[1])
            self.assertEqual(read(*frames), published(post(), message=None))

    def test_topics_are_the_names_bytes(self):
        for name in ("geral", "são paulo", "日本"):
            self.assertEqual(write_post(post(stream=name))[0], name.encode())

    def test_the_largest_post_can_be_read(self):
        largest = post(stream="é" * 32, user="x" * 64, id="x" * 64, message="x" * MESSAGE_BYTES_MAX)
        topic, body = write_post(largest)
        self.assertLess(len(body), PUBLICATION_BYTES_MAX)
        self.assertEqual(read(topic, body), published(largest))


class Beacons(SynchronousTestCase):
    def test_heads_travel_under_a_topic_that_no_name_can_have(self):
        self.assertEqual(HEADS_TOPIC[:1], b"\0")

    def test_a_beacon_tells_the_last_seq_of_each_stream(self):
        heads = (Head(CHANNEL, "geral", 7), Head(CHANNEL, "avisos", 1), Head(INBOX, "ana", 3))
        ((topic, body),) = write_heads(heads, 9, 1.5)
        self.assertEqual(topic, HEADS_TOPIC)
        self.assertEqual(
            msgpack.unpackb(body),
            {
                "service": "heads",
                "data": {
                    "channels": {"geral": 7, "avisos": 1},
                    "users": {"ana": 3},
                    "timestamp": 1.5,
                    "clock": 9,
                },
                "timestamp": 1.5,
                "clock": 9,
            },
        )
        self.assertEqual(read(topic, body), Heads(heads, 9, 1.5))

    def test_many_streams_make_several_frames(self):
        heads = tuple(Head(CHANNEL, f"{n:064}", CLOCK_MAX) for n in range(2 * HEADS_PER_FRAME_MAX + 1))
        frames = list(write_heads(heads, 9, 1.5))
        self.assertEqual(len(frames), 3)
        self.assertLess(max(len(body) for _, body in frames), PUBLICATION_BYTES_MAX)
        self.assertEqual(tuple(head for frame in frames for head in read(*frame).heads), heads)

    def test_nothing_changed_is_nothing_to_tell(self):
        self.assertEqual(list(write_heads((), 9, 1.5)), [])


class Elections(SynchronousTestCase):
    def test_the_new_leader_is_announced_as_clients_know_it(self):
        topic, body = write_election("servidor-2", 9, 1.5)
        self.assertEqual(topic, b"servers")
        self.assertEqual(
            msgpack.unpackb(body),
            {
                "service": "election",
                "data": {"coordinator": "servidor-2", "timestamp": 1.5, "clock": 9},
                "timestamp": 1.5,
                "clock": 9,
            },
        )
        self.assertEqual(read(topic, body), Election("servidor-2", 9, 1.5))


class Reading(SynchronousTestCase):
    def refused(self, topic, fields, field=None, reason=None, code=Code.INVALID_FIELD):
        refusal = self.assertRaises(Refusal, read, topic, msgpack.packb(fields))
        self.assertEqual((refusal.code, refusal.field, refusal.reason), (code, field, reason))

    def test_unknown_fields_are_ignored(self):
        self.assertEqual(read_flat({**flat(post()), "edita": 3, "x": []}), published(post()))

    def test_a_post_under_another_topic_is_refused(self):
        _, body = write_post(post())
        for topic in (b"geral2", b"", b"ger", b"\xff"):
            refusal = self.assertRaises(Refusal, read, topic, body)
            self.assertEqual((refusal.field, refusal.reason), ("topic", Reason.UNKNOWN_VALUE))

    def test_each_field_is_checked(self):
        for field, value, reason in (
            ("type", "private", Reason.UNKNOWN_VALUE),
            ("type", None, Reason.UNKNOWN_VALUE),
            ("channel", None, Reason.MISSING),
            ("channel", 5, Reason.WRONG_TYPE),
            ("user", "", Reason.EMPTY),
            ("message", "x" * (MESSAGE_BYTES_MAX + 1), Reason.TOO_LONG),
            ("message", 5, Reason.WRONG_TYPE),
            ("seq", 0, Reason.OUT_OF_RANGE),
            ("seq", CLOCK_MAX + 1, Reason.OUT_OF_RANGE),
            ("seq", 1.0, Reason.WRONG_TYPE),
            ("seq", True, Reason.WRONG_TYPE),
            ("seq", None, Reason.MISSING),
            ("clock", None, Reason.MISSING),
            ("id", "x" * 65, Reason.TOO_LONG),
            ("timestamp", "agora", Reason.WRONG_TYPE),
            ("timestamp", float("nan"), Reason.OUT_OF_RANGE),
            ("recebido", None, Reason.MISSING),
            ("incerteza", float("inf"), Reason.OUT_OF_RANGE),
        ):
            self.refused(b"geral", {**flat(post()), field: value}, field, reason)
        self.refused(
            b"geral", {**flat(post()), "clock": -1}, "clock", Reason.OUT_OF_RANGE, Code.INVALID_CLOCK
        )

    def test_what_is_no_map_is_refused(self):
        for value in ([], 1, None, "x"):
            self.refused(b"geral", value, reason=Reason.NOT_A_MAP, code=Code.MALFORMED)
        self.assertRaises(Refusal, read_flat, [])

    def test_events_are_checked_too(self):
        for topic, fields, field in (
            (HEADS_TOPIC, {}, "service"),
            (HEADS_TOPIC, {"service": "heads"}, "data"),
            (HEADS_TOPIC, {"service": "heads", "data": {"channels": []}}, "channels"),
            (HEADS_TOPIC, {"service": "heads", "data": {"channels": {}}}, "users"),
            (HEADS_TOPIC, {"service": "heads", "data": {"channels": {"a": 0}}}, "seq"),
            (HEADS_TOPIC, {"service": "heads", "data": {"channels": {"a\n": 1}}}, "channels"),
            (HEADS_TOPIC, {"service": "heads", "data": {"channels": {}, "users": {}}}, "clock"),
            (ELECTION_TOPIC, {"service": "heads", "data": {}}, "service"),
            (ELECTION_TOPIC, {"service": "election", "data": {}}, "coordinator"),
            (b"\0outro", {"service": "heads", "data": {}}, "type"),
        ):
            refusal = self.assertRaises(Refusal, read, topic, msgpack.packb(fields))
            self.assertEqual(refusal.field, field)


NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=15).map(lambda name: name + ".")
TIMES = st.floats(-1e10, 1e11)
POSTS = st.builds(
    Published,
    kind=st.sampled_from(StreamKind),
    stream=NAMES,
    seq=st.integers(1, CLOCK_MAX),
    id=NAMES,
    user=NAMES,
    message=st.none() | st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40),
    timestamp=TIMES,
    sent=st.none() | st.integers(0, 10**12) | st.just("2023-11-14T22:13:20Z"),
    clock=st.integers(0, CLOCK_MAX),
    received=TIMES,
    uncertainty=st.none() | st.floats(0, 1e6),
)


class Properties(SynchronousTestCase):
    @given(POSTS, st.booleans())
    @REPEATABLE
    def test_a_post_is_read_as_it_was_written(self, post, flat_only):
        self.assertEqual(read(*write_post(post, flat_only=flat_only)), post)

    @given(
        st.dictionaries(
            st.tuples(st.sampled_from(StreamKind), NAMES), st.integers(1, CLOCK_MAX), max_size=20
        ),
        st.integers(0, CLOCK_MAX),
        TIMES,
    )
    @REPEATABLE
    def test_heads_are_read_as_they_were_written(self, streams, clock, timestamp):
        heads = [Head(kind, stream, seq) for (kind, stream), seq in sorted(streams.items())]
        frames = list(write_heads(heads, clock, timestamp))
        self.assertEqual([head for frame in frames for head in read(*frame).heads], heads)

    @given(
        st.sampled_from((b"geral", HEADS_TOPIC, ELECTION_TOPIC, b"")) | st.binary(max_size=10),
        st.binary(max_size=80),
        st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=3),
    )
    @REPEATABLE
    def test_nothing_but_refusals(self, topic, junk, edits):
        bodies = [junk]
        for _, body in (
            write_post(post()),
            *write_heads([Head(CHANNEL, "geral", 7)], 9, 1.5),
            write_election("s", 9, 1.5),
        ):
            mutated = bytearray(body)
            for place, byte in edits:
                mutated[place % len(mutated)] = byte
            bodies += [bytes(mutated), body[: edits[0][0] % len(body)]]
        for body in bodies:
            try:
                read(topic, body)
            except Refusal as refusal:
                self.assertIsInstance(refusal.code, Code)
