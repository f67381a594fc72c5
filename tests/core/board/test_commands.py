"""What stands in the log can be read by every server that runs this version, and has one form only."""

import struct

import msgpack
from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.commands import (
    COMMAND_BYTES_MAX,
    SECONDS_MAX,
    SENT_BYTES_MAX,
    Command,
    Kind,
    OperationId,
    Proof,
    Scope,
    Stamp,
    decode,
    encode,
)
from bulletin.core.limits import CLOCK_MAX, ID_BYTES_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX
from tests.core.board.scripts import create, drawn_commands, login, publish, send

POST = publish("1a:5", "ana", "geral", "olá")
GOOD = {
    "a login": login("p", "ana"),
    "a channel of nobody": create("p", "geral"),
    "a channel of somebody": create("p", "geral", "ana"),
    "a post": POST,
    "a private message": send("p", "ana", "bia"),
    "an empty text": publish("p", "ana", "geral", ""),
    "a broker's id": publish("@00ff", "ana", "geral"),
    "a time of milliseconds": evolve(POST, sent=1_700_000_000_000),
    "a time of odd milliseconds": evolve(POST, sent=1.7e12),
    "a time in words": evolve(POST, sent="2026-01-01T00:00:00Z"),
    "an absurd time": evolve(POST, timestamp=1e300, sent=2**64 - 1),
    "a clock never synchronised": evolve(POST, stamp=Stamp(1, 2.0, None)),
    "the largest stamp": evolve(POST, stamp=Stamp(CLOCK_MAX, SECONDS_MAX, SECONDS_MAX)),
    "the longest fields": publish(
        "i" * ID_BYTES_MAX,
        "u" * NAME_BYTES_MAX,
        "ç" * (NAME_BYTES_MAX // 2),
        "€" * (MESSAGE_BYTES_MAX // 3),
        sent="s" * SENT_BYTES_MAX,
    ),
}
BAD = {
    "an empty id": evolve(POST, operation=OperationId(Scope.USER, "ana", "")),
    "a long id": evolve(POST, operation=OperationId(Scope.USER, "ana", "i" * (ID_BYTES_MAX + 1))),
    "an id that is long in bytes": evolve(POST, operation=OperationId(Scope.USER, "ana", "é" * 33)),
    "an id of another user": evolve(POST, operation=OperationId(Scope.USER, "bia", "p")),
    "a broker's id with a user": evolve(POST, operation=OperationId(Scope.BROKER, "ana", "p")),
    "an id that is bytes": evolve(POST, operation=OperationId(Scope.USER, "ana", b"p")),
    "a login of nobody": login("p", ""),
    "a login with a target": evolve(login("p", "ana"), target="geral"),
    "a login with a text": evolve(login("p", "ana"), message="text"),
    "a channel without a name": create("p", ""),
    "a channel with a text": evolve(create("p", "geral"), message="text"),
    "a post of nobody": publish("p", "", "geral"),
    "a post to nowhere": publish("p", "ana", ""),
    "a private message to nobody": send("p", "ana", ""),
    "a long user": publish("p", "u" * (NAME_BYTES_MAX + 1), "geral"),
    "a long target": publish("p", "ana", "ç" * (NAME_BYTES_MAX // 2) + "c"),
    "a long text": publish("p", "ana", "geral", "m" * (MESSAGE_BYTES_MAX + 1)),
    "a text that is long in bytes": publish("p", "ana", "geral", "€" * (MESSAGE_BYTES_MAX // 3 + 1)),
    "a text that is no Unicode": publish("p", "ana", "geral", "\ud800"),
    "a text that is bytes": publish("p", "ana", "geral", b"text"),
    "a time that is an integer": evolve(POST, timestamp=1000),
    "a time that is no number": evolve(POST, timestamp=float("nan")),
    "an infinite time": evolve(POST, timestamp=float("inf")),
    "a sent time of 65 bits": evolve(POST, sent=2**64),
    "a negative sent time of 65 bits": evolve(POST, sent=-(2**63) - 1),
    "a sent time that is no number": evolve(POST, sent=float("nan")),
    "a sent time that is a boolean": evolve(POST, sent=True),
    "a long sent time": evolve(POST, sent="s" * (SENT_BYTES_MAX + 1)),
    "a negative clock": evolve(POST, stamp=Stamp(-1, 1.0, None)),
    "a clock out of range": evolve(POST, stamp=Stamp(CLOCK_MAX + 1, 1.0, None)),
    "a clock that is a boolean": evolve(POST, stamp=Stamp(True, 1.0, None)),
    "a stamp's time that is an integer": evolve(POST, stamp=Stamp(1, 1, None)),
    "a stamp's time out of range": evolve(POST, stamp=Stamp(1, -SECONDS_MAX - 2.0, None)),
    "a stamp's time that is no number": evolve(POST, stamp=Stamp(1, float("nan"), None)),
    "a negative bound": evolve(POST, stamp=Stamp(1, 1.0, -0.1)),
    "a bound that is no number": evolve(POST, stamp=Stamp(1, 1.0, float("nan"))),
    "a bound that is an integer": evolve(POST, stamp=Stamp(1, 1.0, 1)),
    "a short salt": evolve(POST, salt=b"s" * 15),
    "a salt that is a string": evolve(POST, salt="s" * 16),
}


def packed(command, *, positions=None):
    """The array of a command, written without any check; ``positions`` replaces single fields."""
    operation, stamp = command.operation, command.stamp
    fields = [
        *(1, int(command.kind), int(operation.scope), operation.id, command.user, int(command.proof)),
        *(command.target, command.message, command.timestamp, command.sent),
        *(stamp.clock, stamp.time, stamp.bound, command.salt),
    ]
    for position, field in (positions or {}).items():
        fields[position] = field
    return msgpack.packb(fields, unicode_errors="surrogatepass")


class WhatIsWrittenIsRead(SynchronousTestCase):
    def test_every_good_command_comes_back_the_same(self):
        for name, command in GOOD.items():
            with self.subTest(name):
                self.assertEqual(decode(encode(command)), command)

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(drawn_commands)
    def test_drawn_commands_come_back_the_same(self, command):
        self.assertEqual(decode(encode(command)), command)

    def test_the_largest_command_is_within_the_bound(self):
        self.assertLessEqual(len(encode(GOOD["the longest fields"])), COMMAND_BYTES_MAX)

    def test_the_bytes_of_a_command_are_what_they_were(self):
        self.assertEqual(
            encode(POST).hex(),
            "9e010300a431613a35a3616e6100a5676572616ca46f6cc3a1"
            "cb408f380000000000c000cb408f400000000000cb3fe0000000000000"
            "c410000102030405060708090a0b0c0d0e0f",
        )


class WhatCouldNotBeReadIsNotWritten(SynchronousTestCase):
    def test_a_bad_command_is_neither_written_nor_read(self):
        for name, command in BAD.items():
            with self.subTest(name):
                self.assertRaises(ValueError, encode, command)
        for name in BAD.keys() - {"an id of another user", "a broker's id with a user"}:  # not in the bytes
            with self.subTest(name):
                try:
                    data = packed(BAD[name])
                except OverflowError:  # an integer that MessagePack has no form for
                    continue
                self.assertRaises(ValueError, decode, data)

    def test_another_form_of_the_same_command_is_refused(self):
        data = encode(POST)
        self.assertEqual(packed(POST), data)
        forms = {
            "a wide format": b"\x9e\xcc\x01" + data[2:],
            "a wide array": b"\xdc\x00\x0e" + data[1:],
            "a wide kind": data[:2] + b"\xcc\x03" + data[3:],
            "a wide string": data[:4] + b"\xd9\x04" + data[5:],
            "a single float": data.replace(struct.pack(">Bd", 0xCB, 999.0), struct.pack(">Bf", 0xCA, 999.0)),
            "a wide salt": data.replace(b"\xc4\x10", b"\xc5\x00\x10"),
            "a kind that is true": packed(login("p", "ana"), positions={1: True}),
            "a kind that is a float": packed(POST, positions={1: 3.0}),
            "a scope that is false": packed(POST, positions={2: False}),
            "a format that is true": packed(POST, positions={0: True}),
            "something behind it": data + b"\xc0",
            "its end cut off": data[:-1],
        }
        for name, form in forms.items():
            with self.subTest(name):
                self.assertNotEqual(form, data)
                self.assertRaises(ValueError, decode, form)

    def test_what_this_version_does_not_know_is_refused(self):
        for name, positions in {
            "kind": {1: 5},
            "kind of a list": {1: [1]},
            "scope": {2: 2},
            "proof": {5: 1},
            "map": {9: {}},
            "extension": {9: msgpack.ExtType(5, b"x")},
        }.items():
            with self.subTest(name):
                self.assertRaises(ValueError, decode, packed(POST, positions=positions))
        for other in (b"", b"\xc0", b"\x90", b"\x91\x01", msgpack.packb([1] * 15), msgpack.packb(["1"] * 14)):
            with self.subTest(other):
                self.assertRaises(ValueError, decode, other)

    def test_a_newer_format_is_named(self):
        error = self.assertRaises(ValueError, decode, msgpack.packb([2, "whatever", "comes"]))
        self.assertIn("format 2", str(error))

    def test_more_bytes_than_any_command_has_are_refused_unread(self):
        error = self.assertRaises(ValueError, decode, b"\x91" * (COMMAND_BYTES_MAX + 1))
        self.assertIn(str(COMMAND_BYTES_MAX), str(error))
        self.assertRaises(ValueError, decode, b"\x91" * COMMAND_BYTES_MAX)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.binary(max_size=120))
    def test_any_bytes_are_a_command_in_its_one_form_or_a_value_error(self, data):
        self.assert_total(data)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(drawn_commands, st.integers(0, 200), st.integers(0, 255))
    def test_a_command_with_one_other_byte_is_refused_or_another_command(self, command, at, byte):
        data = bytearray(encode(command))
        data[at % len(data)] = byte
        self.assert_total(bytes(data))

    def assert_total(self, data):
        try:
            command = decode(data)
        except ValueError:
            return
        self.assertIsInstance(command, Command)
        self.assertEqual(encode(command), data)


class OneOfEachKind(SynchronousTestCase):
    def test_kinds_scopes_and_proofs_keep_their_numbers(self):
        self.assertEqual(
            {kind.name: kind.value for kind in Kind},
            {"LOGIN": 1, "CREATE_CHANNEL": 2, "PUBLISH": 3, "SEND": 4},
        )
        self.assertEqual({scope.name: scope.value for scope in Scope}, {"USER": 0, "BROKER": 1})
        self.assertEqual({proof.name: proof.value for proof in Proof}, {"OPEN": 0})
