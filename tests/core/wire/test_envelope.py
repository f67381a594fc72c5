"""The two envelopes in two encodings."""

import json

import msgpack
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import CLOCK_MAX, REQUEST_BYTES_MAX
from bulletin.core.wire.envelope import (
    Dialect,
    Encoding,
    Envelope,
    Heading,
    clock_of,
    open_envelope,
    repeatable,
    seal,
    unreadable,
)

COMBINATIONS = [(dialect, encoding) for dialect in Dialect for encoding in Encoding]
ENCODERS = {Encoding.MSGPACK: msgpack.packb, Encoding.JSON: lambda outer: json.dumps(outer).encode()}


class Detection(SynchronousTestCase):
    def opened(self, outer):
        """What an outer map is in both encodings, which must not matter."""
        packed, text = (open_envelope(encode(outer)) for encode in ENCODERS.values())
        self.assertEqual((packed.encoding, text.encoding), (Encoding.MSGPACK, Encoding.JSON))
        self.assertEqual(
            (packed.dialect, packed.name, packed.inner, packed.outer),
            (text.dialect, text.name, text.inner, text.outer),
        )
        return packed

    def test_all_four_combinations_are_told_from_the_bytes(self):
        for dialect, encoding in COMBINATIONS:
            name_key, inner_key = dialect.value
            outer = {name_key: "login", inner_key: {"user": "ana"}}
            self.assertEqual(
                open_envelope(ENCODERS[encoding](outer)),
                Envelope(dialect, encoding, "login", {"user": "ana"}, outer),
            )

    def test_an_inner_map_that_is_missing_null_or_empty_is_an_empty_map(self):
        for outer in (
            {"opcao": "login"},
            {"opcao": "login", "dados": None},
            {"opcao": "login", "dados": ""},
            {"service": "login"},
            {"service": "login", "data": None},
            {"service": "login", "data": ""},
        ):
            self.assertEqual(self.opened(outer).inner, {})

    def test_an_inner_value_of_another_type_is_no_map(self):
        for inner in (1, [], [1], "x", True, 0, False):
            self.assertIsNone(self.opened({"opcao": "login", "dados": inner}).inner)

    def test_with_both_operations_the_native_one_counts(self):
        opened = self.opened({"service": "users", "opcao": "login", "data": {"a": 1}, "dados": {"b": 2}})
        self.assertEqual((opened.dialect, opened.name, opened.inner), (Dialect.NATIVE, "login", {"b": 2}))

    def test_an_empty_operation_leaves_it_to_the_other(self):
        for empty in (None, ""):
            opened = self.opened({"opcao": empty, "service": "users"})
            self.assertEqual((opened.dialect, opened.name), (Dialect.SERVICE, "users"))
            self.assertEqual(self.opened({"opcao": empty}).dialect, Dialect.NATIVE)
            self.assertEqual(self.opened({"service": empty}).dialect, Dialect.SERVICE)

    def test_the_inner_map_may_have_the_other_envelopes_key(self):
        opened = self.opened({"opcao": "login", "data": {"user": "ana"}})
        self.assertEqual((opened.dialect, opened.inner), (Dialect.NATIVE, {"user": "ana"}))

    def test_without_an_operation_the_inner_maps_key_tells(self):
        for outer, dialect in (
            ({"dados": {}}, Dialect.NATIVE),
            ({"data": {}}, Dialect.SERVICE),
            ({}, Dialect.SERVICE),
            ({"x": 1}, Dialect.SERVICE),
        ):
            opened = self.opened(outer)
            self.assertEqual((opened.dialect, opened.name), (dialect, None))

    def test_blanks_before_json_do_no_harm(self):
        for before in (b" ", b"\n\t\r ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"):
            opened = open_envelope(before + b'{"opcao":"login"}')
            self.assertEqual((opened.encoding, opened.name), (Encoding.JSON, "login"))

    def test_a_body_that_is_no_map_is_refused(self):
        for value in (None, 1, "login", [], ["opcao", "login"], True):
            refusal = self.assertRaises(Refusal, open_envelope, msgpack.packb(value))
            self.assertEqual((refusal.code, refusal.reason), (Code.MALFORMED, Reason.NOT_A_MAP))

    def test_a_body_over_the_limit_is_refused(self):
        refusal = self.assertRaises(Refusal, open_envelope, b"{" + b" " * REQUEST_BYTES_MAX)
        self.assertEqual((refusal.code, refusal.reason), (Code.TOO_LARGE, Reason.TOO_MANY_BYTES))

    def test_an_unreadable_body_is_answered_in_json_if_it_begins_with_a_brace(self):
        for body, encoding in (
            (b"{", Encoding.JSON),
            (b"", Encoding.MSGPACK),
            (b"\xc1", Encoding.MSGPACK),
            (b" {", Encoding.MSGPACK),
            (b"[1]", Encoding.MSGPACK),
        ):
            self.assertEqual(unreadable(body), Heading(Dialect.SERVICE, encoding, "error"))


class Sealing(SynchronousTestCase):
    def test_clock_and_timestamp_stand_in_the_inner_map_and_beside_it(self):
        for dialect, encoding in COMBINATIONS:
            body = seal(Heading(dialect, encoding, "login"), {"user": "ana"}, 7, 1.5)
            name_key, inner_key = dialect.value
            outer = {
                name_key: "login",
                inner_key: {"user": "ana", "timestamp": 1.5, "clock": 7},
                "timestamp": 1.5,
                "clock": 7,
            }
            self.assertEqual(body[:1] == b"{", encoding is Encoding.JSON)
            self.assertEqual(
                open_envelope(body), Envelope(dialect, encoding, "login", outer[inner_key], outer)
            )

    def test_the_timestamp_is_a_float64(self):
        body = seal(Heading(Dialect.NATIVE, Encoding.MSGPACK, "login"), {}, 7, 2.0)
        self.assertEqual(body.count(b"\xa9timestamp\xcb\x40\x00\x00\x00\x00\x00\x00\x00"), 2)


class Names(SynchronousTestCase):
    def test_a_name_is_repeated_as_it_came(self):
        for name in ("login", "enviar mensagens para um usuario especifico", "apagar canal", "olá", "x" * 64):
            self.assertEqual(repeatable(name), name)

    def test_a_name_that_is_not_safe_to_repeat_is_not(self):
        for name in (
            None,
            1,
            [],
            "",
            "OK",
            "TOKEN",
            "insucesso",
            "x" * 65,
            "a\nb",
            "a\0b",
            "\ud800",
            b"login",
        ):
            self.assertEqual(repeatable(name), "error")


class Clocks(SynchronousTestCase):
    def test_only_an_integer_is_a_clock(self):
        for value in (None, float("nan"), 1.0, "7", "", True, False, [], {}):
            self.assertIsNone(clock_of(value))
        for value in (0, 1, CLOCK_MAX):
            self.assertEqual(clock_of(value), value)

    def test_an_integer_out_of_range_is_refused(self):
        for value in (-1, CLOCK_MAX + 1, 2**64, -(2**63)):
            self.assertEqual(self.assertRaises(Refusal, clock_of, value).code, Code.INVALID_CLOCK)
