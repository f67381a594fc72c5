import contextlib

import attrs
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core import codec
from bulletin.core.clocks.berkeley import Standing
from bulletin.core.clocks.corrected import State
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.wire.clocks import (
    Adjustment,
    ClockRow,
    ClocksReply,
    ClocksRequest,
    Probe,
    ProbeAnswer,
    RoundReply,
    RoundRequest,
)
from bulletin.core.wire.envelope import Dialect, Encoding
from bulletin.core.wire.reference import (
    Addressed,
    ClockReply,
    ClockRequest,
    HeartbeatReply,
    HeartbeatRequest,
    ListedServer,
    ListReply,
    ListRequest,
    RankReply,
    RankRequest,
    decode_reply,
    decode_request,
    encode,
    read_request,
)

MEMBER = bytes(range(16))
CLUSTER = bytes(range(16, 32))

REQUESTS = [
    RankRequest("server1", "tcp://127.0.0.1:5561", MEMBER, b"document", 3),
    RankRequest("servidor é", "", None, None, None),
    ListRequest(),
    HeartbeatRequest("server1", MEMBER, CLUSTER),
    HeartbeatRequest("server1", None, None),
    ClockRequest(),
    ProbeAnswer("server1", 2**50, 64, 1.7e9, 0.001, -0.25, -200.0, State.IN_STEP),
    ProbeAnswer("server1", 0, 1, 1.7e9, None, 0.0, 0.0, State.NEVER),
    RoundRequest("server1"),
    ClocksRequest(),
]
REPLIES = [
    RankReply(7, None),
    RankReply(1, b"document"),
    ListReply(()),
    ListReply((ListedServer("a", 1, "tcp://127.0.0.1:1"), ListedServer("b", 2, ""))),
    HeartbeatReply(known=True, document=None),
    HeartbeatReply(known=False, document=b"\x00"),
    HeartbeatReply(True, None, (ListedServer("a", 1, "tcp://10.0.0.1:1", MEMBER),)),
    ClockReply(1.5),
    Probe(2**50, 1),
    Adjustment(2**50, 6, -3600.0, 0.0005, 2**48),
    RoundReply(known=True),
    RoundReply(known=False),
    ClocksReply(1.7e9, 0, ()),
    ClocksReply(
        1.7e9,
        12,
        (
            ClockRow("reference", 0, 0.0, 0.0, 0.0, 0.0, state=State.IN_STEP),
            ClockRow("a", 1, 0.001, 0.0002, 0.003, -0.01, 31.5, 0.0004, 1.2, State.FREE, Standing.SLOW),
            ClockRow("b", 2),
        ),
    ),
]
FOUR = [(dialect, encoding) for dialect in Dialect for encoding in Encoding]


def addressed(body, dialect=Dialect.SERVICE, encoding=Encoding.MSGPACK, nonce=3, name=""):
    return Addressed(body, dialect, 12, 1.25, nonce, encoding, name)


def request(**inner):
    return codec.pack({"service": inner.pop("service", "rank"), "data": inner})


def particulars(refusal):
    """What makes two refusals alike; exceptions are compared by identity."""
    return refusal.code, refusal.field, refusal.reason


class RoundTripTests(SynchronousTestCase):
    def test_requests_come_back_as_they_went(self):
        for body in REQUESTS:
            for dialect, encoding in FOUR:
                read = decode_request(encode(addressed(body, dialect, encoding)))
                self.assertEqual(attrs.evolve(read, name=""), addressed(body, dialect, encoding))

    def test_replies_come_back_as_they_went(self):
        for body in REPLIES:
            for dialect, encoding in FOUR:
                read = decode_reply(encode(addressed(body, dialect, encoding)))
                self.assertEqual(attrs.evolve(read, name=""), addressed(body, dialect, encoding))

    def test_refusals_come_back_as_they_went(self):
        refusal = Refusal(Code.INVALID_FIELD, field="documento", reason=Reason.UNKNOWN_VALUE)
        for dialect, encoding in FOUR:
            sent = addressed(refusal, dialect, encoding, name="rank")
            read = decode_reply(encode(sent))
            self.assertEqual(particulars(read.body), particulars(refusal))
            self.assertEqual(attrs.evolve(read, body=refusal), sent)

    def test_the_bytes_of_a_service_request(self):
        self.assertEqual(
            encode(addressed(HeartbeatRequest("s", None, None), encoding=Encoding.JSON)),
            b'{"service":"heartbeat","data":{"user":"s","pedido":3,"timestamp":1.25,"clock":12}}',
        )

    def test_a_reply_has_its_stamps_beside_too(self):
        reply = codec.unpack(
            encode(addressed(RankReply(2, None), Dialect.NATIVE)), bytes_max=999, nesting_max=9, items_max=99
        )
        self.assertEqual(
            reply,
            {
                "opcao": "rank",
                "dados": {"status": "sucesso", "rank": 2, "pedido": 3, "timestamp": 1.25, "clock": 12},
                "timestamp": 1.25,
                "clock": 12,
            },
        )

    def test_json_has_bytes_as_hex(self):
        frame = encode(addressed(HeartbeatRequest("s", MEMBER, CLUSTER), encoding=Encoding.JSON))
        self.assertIn(MEMBER.hex().encode(), frame)
        self.assertIn(CLUSTER.hex().encode(), frame)

    def test_old_clients_get_lists_and_signs_of_life_as_ever(self):
        listed = addressed(ListReply((ListedServer("a", 1, "tcp://a:1"),)), encoding=Encoding.JSON)
        self.assertIn(b'"list":[{"name":"a","rank":1,"endereco":"tcp://a:1"}]', encode(listed))
        alive = addressed(HeartbeatReply(known=True, document=None), encoding=Encoding.JSON)
        self.assertIn(b'{"status":"OK","pedido"', encode(alive))

    def test_success_and_error_share_no_word_that_clients_search_for(self):
        for body in REPLIES:
            self.assertNotIn(b"erro", encode(addressed(body, encoding=Encoding.JSON)))
        for code in Code:
            frame = encode(addressed(Refusal(code, field="user", reason=Reason.EMPTY), name="rank"))
            self.assertNotIn(b"OK", frame)
            self.assertNotIn(b"sucesso", frame)


class OldClientTests(SynchronousTestCase):
    def test_rank_with_only_a_user(self):
        read = decode_request(codec.pack({"service": "rank", "data": {"user": "server1"}}))
        self.assertEqual(read.body, RankRequest("server1", "", None, None, None))
        self.assertEqual((read.clock, read.timestamp, read.nonce), (None, None, None))

    def test_an_inner_map_that_is_missing_null_or_empty(self):
        for outer in (
            {"service": "list"},
            {"service": "list", "data": None},
            {"service": "list", "data": ""},
        ):
            self.assertEqual(decode_request(codec.pack(outer)).body, ListRequest())

    def test_stamps_beside_the_inner_map_count_when_it_has_none(self):
        read = decode_request(codec.pack({"opcao": "clock", "dados": {}, "clock": 5, "timestamp": 9}))
        self.assertEqual((read.clock, read.timestamp), (5, 9.0))

    def test_a_clock_that_is_none_is_no_clock(self):
        for clock in ("7", 7.0, True, float("nan"), [1]):
            self.assertIsNone(decode_request(request(user="s", clock=clock)).clock)

    def test_a_timestamp_that_is_none_is_no_timestamp(self):
        for timestamp in ("yesterday", True, float("inf"), float("nan"), 2**60, {}):
            self.assertIsNone(decode_request(request(user="s", timestamp=timestamp)).timestamp)

    def test_hex_is_understood_in_messagepack(self):
        read = decode_request(request(user="s", membro=MEMBER.hex()))
        self.assertEqual(read.body.member, MEMBER)


class RefusalTests(SynchronousTestCase):
    def refused(self, frame, code, field=None, reason=None):
        self.assertRaises(Refusal, decode_request, frame)
        self.assertEqual(particulars(read_request(frame).body), (code, field, reason))

    def test_fields_out_of_their_bounds(self):
        for fields, field, reason in [
            ({}, "user", Reason.MISSING),
            ({"user": ""}, "user", Reason.EMPTY),
            ({"user": 7}, "user", Reason.WRONG_TYPE),
            ({"user": "x" * 65}, "user", Reason.TOO_LONG),
            ({"user": "a\nb"}, "user", Reason.CONTROL_CHARACTER),
            ({"user": "s", "endereco": "e" * 257}, "endereco", Reason.TOO_LONG),
            ({"user": "s", "endereco": 5}, "endereco", Reason.WRONG_TYPE),
            ({"user": "s", "membro": b"short"}, "membro", Reason.OUT_OF_RANGE),
            ({"user": "s", "membro": "not hex"}, "membro", Reason.NOT_DECODABLE),
            ({"user": "s", "membro": 1}, "membro", Reason.WRONG_TYPE),
            ({"user": "s", "documento": b""}, "documento", Reason.OUT_OF_RANGE),
            ({"user": "s", "esperados": 0}, "esperados", Reason.OUT_OF_RANGE),
            ({"user": "s", "esperados": True}, "esperados", Reason.WRONG_TYPE),
            ({"user": "s", "pedido": -1}, "pedido", Reason.OUT_OF_RANGE),
        ]:
            self.refused(request(**fields), Code.INVALID_FIELD, field, reason)

    def test_lone_surrogates(self):
        self.refused(
            b'{"service":"rank","data":{"user":"\\ud800"}}', Code.INVALID_FIELD, "user", Reason.NOT_UNICODE
        )

    def test_a_clock_out_of_range(self):
        for clock in (-1, 2**53 + 1, 2**63):
            self.refused(request(user="s", clock=clock), Code.INVALID_CLOCK, "clock", Reason.OUT_OF_RANGE)

    def test_an_operation_that_is_none(self):
        for service in ("publish", 7, None, ["rank"], ""):
            self.refused(request(service=service), Code.UNKNOWN_OPERATION)

    def test_bodies_that_are_none(self):
        for frame in (b"", b"\xc1", b"{", b"\x93\x01\x02"):
            self.refused(frame, Code.MALFORMED, reason=Reason.NOT_DECODABLE)
        self.refused(codec.pack([1]), Code.MALFORMED, reason=Reason.NOT_A_MAP)
        self.refused(codec.pack({"x": 1}), Code.UNKNOWN_OPERATION)
        self.refused(codec.pack({"opcao": "rank", "dados": 3}), Code.MALFORMED, "dados", Reason.NOT_A_MAP)
        self.refused(request(user="s", x=[[[[1]]]]), Code.TOO_LARGE, reason=Reason.TOO_DEEP)
        self.refused(b"\xa0" * 200_000, Code.TOO_LARGE, reason=Reason.TOO_MANY_BYTES)

    def test_what_can_be_read_of_a_refused_request_shapes_its_reply(self):
        for dialect, encoding in FOUR:
            frame = encode(addressed(RankRequest("", "", None, None, None), dialect, encoding, nonce=9))
            read = read_request(frame)
            self.assertEqual((read.dialect, read.encoding, read.nonce), (dialect, encoding, 9))
            self.assertEqual(read.name, "rank")

    def test_json_that_cannot_be_read_is_answered_in_json(self):
        self.assertIs(read_request(b"{").encoding, Encoding.JSON)

    def test_replies_that_are_none(self):
        for outer in (
            {"service": "rank", "data": {}},
            {"service": "rank", "data": {"rank": 0}},
            {"service": "list", "data": {"list": [1]}},
            {"service": "list", "data": {"list": [{"name": "a"}]}},
            {"service": "heartbeat", "data": {"status": "?"}},
            {"service": "heartbeat", "data": {"status": ["OK"]}},
            {"service": "clock", "data": {"time": "now"}},
            {"service": "clock", "data": {"time": float("nan")}},
            {"service": "nothing", "data": {}},
            {"service": {}, "data": {}},
            {"service": "rank", "data": {"status": "erro", "erro": "?"}},
            {"service": "rank", "data": {"status": "erro", "erro": {}}},
        ):
            self.assertRaises(Refusal, decode_reply, codec.pack(outer))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8)
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
FIELDS = ("user", "endereco", "membro", "documento", "esperados", "cluster", "pedido", "clock", "timestamp",
          "rank", "list", "status", "erro", "campo", "motivo", "time",
          "rodada", "sonda", "hora", "incerteza", "resta", "taxa", "estado", "ajuste", "fonte", "clocks")  # fmt: skip
NAMES = st.sampled_from(["rank", "list", "heartbeat", "clock", "sonda", "rodada", "ajuste", "clocks"]) | PLAIN


class FuzzTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=150, derandomize=True)
    @given(NAMES, st.dictionaries(st.sampled_from(FIELDS), PLAIN, max_size=6), st.sampled_from(Dialect))
    def test_maps_of_any_kind(self, name, inner, dialect):
        operation, data = dialect.value
        self.total(codec.pack({operation: name, data: inner}))

    @settings(deadline=None, max_examples=150, derandomize=True)
    @given(st.binary(max_size=64), st.sampled_from(REQUESTS + REPLIES), st.sampled_from(FOUR), st.data())
    def test_bytes_of_any_kind(self, junk, body, form, data):
        self.total(junk)
        frame = bytearray(encode(addressed(body, *form)))
        place = data.draw(st.integers(0, len(frame) - 1))
        frame[place] ^= data.draw(st.integers(1, 255))
        self.total(bytes(frame))
        self.total(bytes(frame[:place]))

    def total(self, frame):
        read = read_request(frame)
        # Whatever it was, its reply can be given.
        encode(attrs.evolve(read, body=Refusal(Code.MALFORMED), clock=1, timestamp=1.0))
        with contextlib.suppress(Refusal):
            decode_reply(frame)
