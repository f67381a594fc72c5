"""Clients' requests, whatever the bytes; and our own client's, which are read as they were written."""

import gc

import msgpack
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import CLOCK_MAX, REQUEST_BYTES_MAX
from bulletin.core.wire.envelope import Dialect, Encoding, Heading
from bulletin.core.wire.requests import (
    CreateChannel,
    History,
    Incoming,
    ListChannels,
    ListUsers,
    Login,
    Publish,
    ReadLevel,
    Send,
    operation_of,
    read,
    write,
)

COMBINATIONS = [(dialect, encoding) for dialect in Dialect for encoding in Encoding]
REPEATABLE = settings(deadline=None, max_examples=150, derandomize=True, database=None)

NAMES = ("listar historico", "history", "history_channel", "history_messages")

    def test_a_channel_an_inbox_a_conversation(self):
        for name in self.NAMES:
            for field in ("canal", "channel", "name"):
                self.taken(name, {field: "geral"}, page(CHANNEL, "geral"))
            self.taken(name, {"user": "ana"}, page(INBOX, "ana"))
            for field in ("com", "with"):
                self.taken(name, {"user": "ana", field: "bia"}, page(INBOX, "ana", "bia"))

    def test_canal_wins_over_user(self):
        self.taken("history", {"canal": "geral", "user": "ana", "com": "bia"}, page(CHANNEL, "geral"))
        self.taken("history", {"canal": "", "user": "ana"}, page(INBOX, "ana"))

    def test_cursors_and_limits(self):
        for since, before, limit in (("desde", "antes", "limite"), ("since", "before", "limit")):
            self.taken("history", {"canal": "g", since: 7}, page(CHANNEL, "g", since=7))
            self.taken("history", {"canal": "g", since: 0}, page(CHANNEL, "g", since=0))
            self.taken("history", {"canal": "g", before: 7}, page(CHANNEL, "g", before=7))
            self.taken("history", {"canal": "g", limit: 7}, page(CHANNEL, "g", limit=7))
            self.taken(
                "history",
                {"canal": "g", since: 3, before: 9, limit: 1},
                page(CHANNEL, "g", since=3, before=9, limit=1),
            )

    def test_fifty_posts_if_not_said(self):
        for nothing in (None, ""):
            self.taken("history", {"canal": "g", "limite": nothing}, page(CHANNEL, "g", limit=50))

    def test_what_is_above_the_limit_gets_the_limit(self):
        for limit in (500, 501, 10**6, 2**63):
            self.taken("history", {"canal": "g", "limite": limit}, page(CHANNEL, "g", limit=500))
        for cursor in (CLOCK_MAX, CLOCK_MAX + 1, 2**64 - 1):
            self.taken("history", {"canal": "g", "desde": cursor}, page(CHANNEL, "g", since=CLOCK_MAX))

    def test_negative_sizes_are_refused(self):
        for field in ("desde", "since", "antes", "before", "limite", "limit"):
            for value in (-1, -500, -(2**63)):
                self.invalid("history", {"canal": "g", field: value}, field, Reason.OUT_OF_RANGE)
        self.invalid("history", {"canal": "g", "limite": 0}, "limite", Reason.OUT_OF_RANGE)

    def test_whole_floats_are_numbers_and_nothing_else_is(self):
        self.taken("history", {"canal": "g", "limite": 7.0}, page(CHANNEL, "g", limit=7))
        for value in (7.5, "7", True, [], {}):
            self.invalid("history", {"canal": "g", "limite": value}, "limite", Reason.WRONG_TYPE)
        for value in (float("nan"), float("inf")):
            body = msgpack.packb({"opcao": "listar historico", "dados": {"canal": "g", "limite": value}})
            self.assertEqual(read(body).request, Refusal(Code.INVALID_FIELD, "limite", Reason.WRONG_TYPE))

    def test_the_level_of_a_read(self):
        for word in (None, "", "linearizavel"):
            self.taken("history", {"canal": "g", "leitura": word}, page(CHANNEL, "g"))
        self.taken("history", {"canal": "g", "leitura": "local"}, page(CHANNEL, "g", level=LOCAL))
        for word in ("LOCAL", "eventual", 1, [], True):
            self.invalid("history", {"canal": "g", "leitura": word}, "leitura", Reason.UNKNOWN_VALUE)
            self.invalid("listar", {"leitura": word}, "leitura", Reason.UNKNOWN_VALUE)

    def test_a_list_goes_on_after_a_name_and_after_nothing_else(self):
        for value in (None, "", 0, 7, [], True):
            self.taken("users", {"desde": value}, ListUsers(LINEARIZABLE))
        self.invalid("users", {"desde": "x" * 65}, "desde", Reason.TOO_LONG)

    def test_reserved_names_have_a_history_like_any_other(self):
        self.taken("history", {"canal": "servers"}, page(CHANNEL, "servers"))


class Clocks(RequestsCase):
    LOGIN = ("login", {"user": "ana"})

    def clocked(self, value, **beside):
        return self.asked("login", {"user": "ana", "clock": value}, beside)

    def test_an_integer_is_the_senders_clock(self):
        for clock in (0, 1, CLOCK_MAX):
            incoming = self.clocked(clock)
            self.assertEqual((incoming.clock, incoming.request), (clock, Login("ana")))

    def test_anything_else_counts_as_no_clock_and_the_request_is_served(self):
        for clock in (None, 1.0, 7.5, "7", "", "x", True, False, [], {}):
            incoming = self.clocked(clock)
            self.assertEqual((incoming.clock, incoming.request), (None, Login("ana")))
        incoming = self.asked("login", {"user": "ana"})
        self.assertEqual((incoming.clock, incoming.request), (None, Login("ana")))

    def test_not_a_number_counts_as_no_clock(self):
        for encoding in Encoding:
            for number in (float("nan"), float("inf"), -float("inf")):
                incoming = read(
                    encode(encoding, {"opcao": "login", "dados": {"user": "ana", "clock": number}})
                )
                self.assertEqual((incoming.clock, incoming.request), (None, Login("ana")))

    def test_an_integer_out_of_range_is_refused_and_moves_no_clock(self):
        for clock in (-1, CLOCK_MAX + 1, 2**63, 2**64 - 1, -(2**63)):
            incoming = self.clocked(clock)
            self.assertEqual(incoming.request, Refusal(Code.INVALID_CLOCK, "clock", Reason.OUT_OF_RANGE))
            self.assertIsNone(incoming.clock)

    def test_an_integer_that_only_json_can_write_is_refused_too(self):
        for digits in (str(2**64), "-" + "9" * 30, "9" * 5000):
            body = b'{"opcao":"login","dados":{"user":"ana","clock":%s}}' % digits.encode()
            self.assertEqual(read(body).request.code, Code.INVALID_CLOCK)

    def test_the_clock_beside_the_inner_map_counts_when_the_inner_map_has_none(self):
        self.assertEqual(self.asked(*self.LOGIN, {"clock": 7}).clock, 7)
        self.assertEqual(self.clocked(None, clock=7).clock, 7)
        self.assertEqual(self.clocked(5, clock=7).clock, 5)
        self.assertEqual(self.clocked(5, clock=-1).clock, 5)
        self.refused(*self.LOGIN, Code.INVALID_CLOCK, "clock", Reason.OUT_OF_RANGE, beside={"clock": 2**60})

    def test_a_request_that_is_refused_for_its_content_has_a_clock_all_the_same(self):
        self.assertEqual(self.asked("apagar", {"clock": 7}).clock, 7)


class Timestamps(RequestsCase):
    def timed(self, fields, **beside):
        incoming = self.asked("login", {"user": "ana", **fields}, beside)
        self.assertEqual(incoming.request, Login("ana"))
        return incoming.timestamp, incoming.sent

    def test_seconds_as_a_float_are_the_form_itself(self):
        self.assertEqual(self.timed({"timestamp": 1_700_000_000.25}), (1_700_000_000.25, None))

    def test_other_forms_go_along(self):
        for form, seconds in (
            (1_700_000_000, 1_700_000_000.0),
            (1_700_000_000_250, 1_700_000_000.25),
            (1_700_000_000_250.0, 1_700_000_000.25),
            ("2023-11-14T22:13:20Z", 1_700_000_000.0),
            ("2023-11-14T22:13:20", 1_700_000_000.0),
            ("2023-11-14T19:13:20-03:00", 1_700_000_000.0),
        ):
            for name in ("timestamp", "time"):
                self.assertEqual(self.timed({name: form}), (seconds, form))

    def test_what_is_not_understood_is_no_reason_to_refuse(self):
        for junk in (None, "", "agora", True, [], {"a": 1}, -1e300, 1e300, 2**63):
            self.assertEqual(self.timed({"timestamp": junk}), (None, None))
        self.assertEqual(self.timed({}), (None, None))
        for encoding in Encoding:
            for number in (float("nan"), float("inf")):
                outer = {"opcao": "login", "dados": {"user": "ana", "timestamp": number}}
                self.assertEqual(read(encode(encoding, outer)).request, Login("ana"))

    def test_the_timestamp_beside_the_inner_map_counts_when_the_inner_map_has_none(self):
        self.assertEqual(self.timed({}, timestamp=1.5), (1.5, None))
        self.assertEqual(self.timed({}, time=1.5), (1.5, None))
        self.assertEqual(self.timed({"time": 2.5}, timestamp=1.5), (2.5, None))
        self.assertEqual(self.timed({"timestamp": "agora"}, timestamp=1.5), (1.5, None))


class Ids(RequestsCase):
    def test_every_request_may_carry_an_id(self):
        for name in ("login", "users", "history", "apagar"):
            self.assertEqual(self.asked(name, {"id": "a" * 64}).heading.id, "a" * 64)

    def test_null_and_empty_are_no_id(self):
        for nothing in (None, ""):
            incoming = self.asked("login", {"user": "ana", "id": nothing})
            self.assertEqual((incoming.heading.id, incoming.request), (None, Login("ana")))

    def test_a_refused_request_has_its_id_too(self):
        for fields, beside in (
            ({"id": "7", "clock": -1}, {}),
            ({"id": "7", "user": 5}, {}),
            ({"id": "7"}, {"replicado": True}),
        ):
            incoming = self.asked("login", fields, beside)
            self.assertIsInstance(incoming.request, Refusal)
            self.assertEqual(incoming.heading.id, "7")

    def test_what_can_be_no_id_is_refused_and_not_repeated(self):
        for value, reason in (
            ("x" * 65, Reason.TOO_LONG),
            ("é" * 33, Reason.TOO_LONG),
            ("a\nb", Reason.CONTROL_CHARACTER),
            (7, Reason.WRONG_TYPE),
            (True, Reason.WRONG_TYPE),
            ([], Reason.WRONG_TYPE),
        ):
            incoming = self.refused("login", {"user": "ana", "id": value}, Code.INVALID_FIELD, "id", reason)
            self.assertIsNone(incoming.heading.id)

    def test_an_id_beside_the_inner_map_is_none(self):
        self.assertIsNone(self.asked("login", {"user": "ana"}, {"id": "7"}).heading.id)


class Replication(RequestsCase):
    def test_a_client_may_not_say_replicado(self):
        for claim in (True, 1, "sim", "", 0, [], {}):
            self.refused("login", {"user": "ana", "replicado": claim}, Code.REPLICATED_FORBIDDEN)
            self.refused("login", {"user": "ana"}, Code.REPLICATED_FORBIDDEN, beside={"replicado": claim})
        self.refused("apagar", {"replicado": True}, Code.REPLICATED_FORBIDDEN)

    def test_that_it_is_not_replicated_anybody_may_say(self):
        for claim in (False, None):
            self.taken("login", {"user": "ana", "replicado": claim}, Login("ana"))


NAMES = (
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=15)
    .filter(str.strip)
    .map(lambda name: name + ".")
)
TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\t\r\n"), min_size=1, max_size=40
)
LEVELS = st.sampled_from(ReadLevel)
CURSORS = st.none() | st.integers(0, CLOCK_MAX)
REQUESTS = st.one_of(
    st.builds(Login, NAMES),
    st.builds(CreateChannel, st.just("") | NAMES, NAMES),
    st.builds(Publish, NAMES, NAMES, TEXTS),
    st.builds(Send, NAMES, NAMES, TEXTS),
    st.builds(ListUsers, LEVELS, st.none() | NAMES),
    st.builds(ListChannels, LEVELS, st.none() | NAMES),
    st.builds(
        History,
        LEVELS,
        st.builds(PageQuery, st.just(StreamKind.CHANNEL), NAMES, st.none(), CURSORS, CURSORS, st.integers(1, 500))
        | st.builds(
            PageQuery, st.just(StreamKind.INBOX), NAMES, st.none() | NAMES, CURSORS, CURSORS, st.integers(1, 500)
        ),
    ),
)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=80)
    | st.binary(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=6,
)
FIELD_NAMES = st.sampled_from(
    ["user", "canal", "channel", "name", "message", "content", "src", "from", "receptor", "dst", "to", "com", "with", "desde", "since", "antes", "before", "limite", "limit", "leitura", "id", "clock", "timestamp", "time", "replicado"]
)
BODIES = st.builds(
    lambda name_key, name, inner_key, inner, beside: msgpack.packb(
        {**beside, name_key: name, inner_key: inner}
    ),
    st.sampled_from(("opcao", "service")),
    st.sampled_from(("login", "users", "channel", "channels", "publish", "message", "history")) | JUNK,
    st.sampled_from(("dados", "data")),
    st.dictionaries(FIELD_NAMES, NAMES | JUNK, max_size=10) | JUNK,
    st.dictionaries(FIELD_NAMES, JUNK, max_size=3),
)


class Totality(SynchronousTestCase):
    def check(self, body):
        """What every reading promises, whatever the body."""
        incoming = read(body)
        self.assertIsInstance(incoming, Incoming)
        heading = incoming.heading
        for text in (heading.name, heading.id or ""):
            self.assertTrue(text.isprintable() or text == heading.id)
            self.assertLessEqual(len(text.encode("utf-8")), 256)
        self.assertTrue(incoming.clock is None or 0 <= incoming.clock <= CLOCK_MAX)
        if not isinstance(incoming.request, Refusal):
            clock, timestamp = incoming.clock or 0, incoming.timestamp or 0.0
            again = read(write(incoming.request, clock=clock, timestamp=timestamp, id=heading.id))
            self.assertEqual(again.request, incoming.request)

    @given(st.binary(max_size=120) | st.binary(max_size=60).map(lambda junk: b"{" + junk))
    @REPEATABLE
    def test_arbitrary_bytes(self, body):
        self.check(body)

    @given(BODIES)
    @REPEATABLE
    def test_arbitrary_fields(self, body):
        self.check(body)

    @given(
        REQUESTS,
        st.sampled_from(COMBINATIONS),
        st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=3),
        st.integers(0, 10_000),
    )
    @REPEATABLE
    def test_mutated_and_cut_requests(self, request, combination, edits, size):
        dialect, encoding = combination
        body = bytearray(write(request, clock=1, timestamp=1.5, id="7", dialect=dialect, encoding=encoding))
        self.check(bytes(body[: size % len(body)]))
        for place, byte in edits:
            body[place % len(body)] = byte
        self.check(bytes(body))

    def test_bodies_made_to_hurt(self):
        for body in (
            b"",
            b"\x00",
            b"{" * REQUEST_BYTES_MAX,
            b"[" * REQUEST_BYTES_MAX,
            b"\x91" * REQUEST_BYTES_MAX,
            b"\x81\xa0" * (REQUEST_BYTES_MAX // 2),
            b"\xdf\xff\xff\xff\xff",
            b'{"opcao":"login","dados":' * 40_000,
            b'{"opcao":' + b"9" * 1_000_000 + b"}",
            b"\0" * (REQUEST_BYTES_MAX + 1),
            b"{" + b" " * 3_000_000,
        ):
            self.check(body)
            self.assertIsInstance(read(body).request, Refusal)

    def test_a_body_over_the_limit_is_answered_without_being_read(self):
        body = msgpack.packb({"opcao": "login", "dados": {"user": "x" * REQUEST_BYTES_MAX, "id": "7"}})
        incoming = read(body)
        self.assertEqual(incoming.heading, Heading(Dialect.SERVICE, Encoding.MSGPACK, "error"))
        self.assertEqual(incoming.request, Refusal(Code.TOO_LARGE, reason=Reason.TOO_MANY_BYTES))

    def test_what_is_refused_is_not_kept_alive_by_its_refusal(self):
        bodies = (
            b"\xc1",
            b"\xa1",
            b"{",
            msgpack.packb({"opcao": "login", "dados": {"user": "\udcff"}}, unicode_errors="surrogateescape"),
        )
        gc.collect()
        gc.disable()
        try:
            for body in bodies:
                read(body)
            self.assertEqual(gc.collect(), 0)
        finally:
            gc.enable()


class RoundTrip(SynchronousTestCase):
    @given(
        REQUESTS,
        st.sampled_from(COMBINATIONS),
        st.none() | NAMES,
        st.integers(0, CLOCK_MAX),
        st.floats(0, 1e11),
    )
    @REPEATABLE
    def test_a_request_is_read_as_it_was_written(self, request, combination, id_, clock, timestamp):
        dialect, encoding = combination
        body = write(request, clock=clock, timestamp=timestamp, id=id_, dialect=dialect, encoding=encoding)
        name = operation_of(request).name_in(dialect)
        heading = Heading(dialect, encoding, name, id_)
        self.assertEqual(read(body), Incoming(heading, clock, timestamp, None, request))

    def test_the_bytes_of_a_post(self):
        body = write(Publish("ana", "geral", "olá"), clock=7, timestamp=1.5, encoding=Encoding.JSON)
        self.assertEqual(
            body.decode(),
            '{"opcao":"publicar mensagem","dados":{"user":"ana","canal":"geral","message":"olá",'
            '"timestamp":1.5,"clock":7},"timestamp":1.5,"clock":7}',
        )
        body = write(
            Send("ana", "bia", "oi"),
            clock=7,
            timestamp=1.5,
            id="k:1",
            dialect=Dialect.SERVICE,
            encoding=Encoding.JSON,
        )
        self.assertEqual(
            body.decode(),
            '{"service":"message","data":{"src":"ana","dst":"bia","message":"oi","id":"k:1",'
            '"timestamp":1.5,"clock":7},"timestamp":1.5,"clock":7}',
        )
