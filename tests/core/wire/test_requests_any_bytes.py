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
        st.builds(
            PageQuery, st.just(StreamKind.CHANNEL), NAMES, st.none(), CURSORS, CURSORS, st.integers(1, 500)
        )
        | st.builds(
            PageQuery,
            st.just(StreamKind.INBOX),
            NAMES,
            st.none() | NAMES,
            CURSORS,
            CURSORS,
            st.integers(1, 500),
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
    [
        "user",
        "canal",
        "channel",
        "name",
        "message",
        "content",
        "src",
        "from",
        "receptor",
        "dst",
        "to",
        "com",
        "with",
        "desde",
        "since",
        "antes",
        "before",
        "limite",
        "limit",
        "leitura",
        "id",
        "clock",
        "timestamp",
        "time",
        "replicado",
    ]
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
