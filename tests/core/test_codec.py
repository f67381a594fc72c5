"""The codec: what it reads and writes, and that no bytes make it raise anything but a refusal."""

import json
import math
import tracemalloc

import msgpack
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.codec import pack, pack_json, unpack, unpack_json
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import MIB

BOUNDS = {"bytes_max": MIB, "nesting_max": 8, "items_max": 1024}
REPEATABLE = settings(deadline=None, max_examples=100, derandomize=True, database=None)

MESSAGEPACK = [
    (None, b"\xc0"),
    (False, b"\xc2"),
    (True, b"\xc3"),
    (0, b"\x00"),
    (127, b"\x7f"),
    (128, b"\xcc\x80"),
    (2**16 - 1, b"\xcd\xff\xff"),
    (2**32 - 1, b"\xce\xff\xff\xff\xff"),
    (2**53, b"\xcf\x00\x20\x00\x00\x00\x00\x00\x00"),
    (2**64 - 1, b"\xcf" + b"\xff" * 8),
    (-1, b"\xff"),
    (-32, b"\xe0"),
    (-33, b"\xd0\xdf"),
    (-(2**15), b"\xd1\x80\x00"),
    (-(2**31), b"\xd2\x80\x00\x00\x00"),
    (-(2**63), b"\xd3\x80" + b"\x00" * 7),
    (1.5, b"\xcb\x3f\xf8" + b"\x00" * 6),
    ("", b"\xa0"),
    ("olá", b"\xa4ol\xc3\xa1"),
    ("x" * 31, b"\xbf" + b"x" * 31),
    ("x" * 32, b"\xd9\x20" + b"x" * 32),
    ("x" * 256, b"\xda\x01\x00" + b"x" * 256),
    ("x" * 65536, b"\xdb\x00\x01\x00\x00" + b"x" * 65536),
    (b"", b"\xc4\x00"),
    (b"\xff" * 256, b"\xc5\x01\x00" + b"\xff" * 256),
    (b"\xff" * 65536, b"\xc6\x00\x01\x00\x00" + b"\xff" * 65536),
    ([], b"\x90"),
    ([1, [2, []]], b"\x92\x01\x92\x02\x90"),
    ([0] * 16, b"\xdc\x00\x10" + b"\x00" * 16),
    ({}, b"\x80"),
    ({"a": {"b": None}}, b"\x81\xa1a\x81\xa1b\xc0"),
    (
        {f"{n:02}": n for n in range(16)},
        b"\xde\x00\x10" + b"".join(b"\xa2%02d%c" % (n, n) for n in range(16)),
    ),
]

JSON = [
    (None, b"null"),
    (True, b"true"),
    (2**53, b"9007199254740992"),
    (-1, b"-1"),
    (1.5, b"1.5"),
    (1e100, b"1e+100"),
    ("olá ✓ 😀", '"olá ✓ 😀"'.encode()),
    ('"\\/\n\x01', b'"\\"\\\\/\\n\\u0001"'),
    ([1, [2, []]], b"[1,[2,[]]]"),
    ({"a": {"b": None}, "c": 1}, b'{"a":{"b":null},"c":1}'),
    ({"[{": "]}],:", "\\": '"'}, b'{"[{":"]}],:","\\\\":"\\""}'),
]


class CodecCase(SynchronousTestCase):
    def refused(self, decode, data, code=Code.MALFORMED, reason=Reason.NOT_DECODABLE, **bounds):
        refusal = self.assertRaises(Refusal, decode, data, **{**BOUNDS, **bounds})
        self.assertEqual((refusal.code, refusal.reason), (code, reason), data[:40])


class MessagePack(CodecCase):
    def test_values_and_bytes_both_ways(self):
        for value, data in MESSAGEPACK:
            self.assertEqual(pack(value), data)
            self.assertEqual(unpack(data, **BOUNDS), value)
            self.assertIs(type(unpack(data, **BOUNDS)), type(value))

    def test_longer_forms_than_needed_are_read(self):
        for data, value in (
            (b"\xcf" + b"\x00" * 7 + b"\x05", 5),
            (b"\xd3" + b"\xff" * 8, -1),
            (b"\xca\x3f\xc0\x00\x00", 1.5),
            (b"\xdb\x00\x00\x00\x01x", "x"),
            (b"\xdd\x00\x00\x00\x01\x07", [7]),
            (b"\xdf\x00\x00\x00\x01\xa1a\x07", {"a": 7}),
        ):
            self.assertEqual(unpack(data, **BOUNDS), value)

    def test_every_prefix_is_refused(self):
        for _, data in MESSAGEPACK:
            for size in {*range(min(len(data), 40)), len(data) - 1}:
                self.refused(unpack, data[:size])

    def test_trailing_bytes_are_refused(self):
        for _, data in MESSAGEPACK:
            self.refused(unpack, data + b"\x00")

    def test_extension_types_and_timestamps_are_refused(self):
        for value in (msgpack.ExtType(5, b"x" * n) for n in (1, 2, 3, 4, 8, 16, 300, 70000)):
            self.refused(unpack, msgpack.packb(value))
            self.refused(unpack, msgpack.packb({"a": [value]}))
        self.refused(unpack, msgpack.packb(msgpack.Timestamp(1, 2)))

    def test_of_a_client_timestamps_are_seconds_and_other_extension_types_bytes(self):
        """Go's and JavaScript's libraries write their dates so."""
        for size in (1, 2, 3, 4, 8, 16, 300, 70000):
            for value in (msgpack.ExtType(5, b"x" * size), [msgpack.ExtType(127, b"x" * size), 1]):
                expected = b"x" * size if isinstance(value, msgpack.ExtType) else [b"x" * size, 1]
                self.assertEqual(unpack(msgpack.packb(value), lenient=True, **BOUNDS), expected)
        for moment in (1764000000.0, 1764000000.5, 2.0**34, -1.25):
            data = msgpack.packb({"timestamp": msgpack.Timestamp.from_unix(moment)})
            self.assertEqual(unpack(data, lenient=True, **BOUNDS), {"timestamp": moment})
        self.refused(unpack, b"\xc7\x05\xff12345", lenient=True)
        self.refused(unpack, b"\xc7\x05\x05123", lenient=True)
        self.refused(unpack, b"\xc9\xff\xff\xff\xff\x05123", lenient=True)

    def test_the_unused_head_is_refused(self):
        self.refused(unpack, b"\xc1")

    def test_keys_that_are_no_strings_are_refused(self):
        for key in (1, None, 1.5, True):
            self.refused(unpack, msgpack.packb({key: 1}))
        self.refused(unpack, b"\x81\x90\x01")
        self.refused(unpack, b"\x81\x80\x01")

    def test_binary_keys_come_through(self):
        self.assertEqual(unpack(b"\x81\xc4\x01a\x01", **BOUNDS), {b"a": 1})

    def test_invalid_utf8_is_refused_or_marked(self):
        for text in (b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80"):
            data = bytes([0xA0 + len(text)]) + text
            self.refused(unpack, data, reason=Reason.NOT_UNICODE)
            marked = unpack(data, lenient=True, **BOUNDS)
            self.assertRaises(UnicodeEncodeError, marked.encode, "utf-8")

    def test_nesting_is_bounded(self):
        for opening, depth in ((b"\x91", 8), (b"\x81\xa1a", 8), (b"\xdd\x00\x00\x00\x01", 8)):
            unpack(opening * depth + b"\x00", **BOUNDS)
            for deeper in (depth + 1, 2000):
                self.refused(unpack, opening * deeper + b"\x00", Code.TOO_LARGE, Reason.TOO_DEEP)

    def test_empty_containers_count_as_nesting(self):
        unpack(b"\x91" * 7 + b"\x90", **BOUNDS)
        self.refused(unpack, b"\x91" * 8 + b"\x90", Code.TOO_LARGE, Reason.TOO_DEEP)

    def test_items_are_bounded(self):
        for value in ([0] * 1023, [[]] * 1023, {str(n): n for n in range(511)}, [[0] * 510, [0] * 511]):
            unpack(pack(value), **BOUNDS)
        for value in (
            [0] * 1024,
            [[]] * 1024,
            {str(n): n for n in range(512)},
            [[0] * 511, [0] * 511],
            [[0] * 1000, *[0] * 100],
        ):
            self.refused(unpack, pack(value), Code.TOO_LARGE, Reason.TOO_MANY_ITEMS)

    def test_bytes_are_bounded(self):
        unpack(pack("x" * 10), bytes_max=11, nesting_max=1, items_max=1)
        self.refused(unpack, pack("x" * 10), Code.TOO_LARGE, Reason.TOO_MANY_BYTES, bytes_max=10)

    def test_declared_sizes_are_held_against_what_is_there(self):
        for head in (b"\xdd", b"\xdf", b"\xdb", b"\xc6"):
            for size in (2**32 - 1, 2**31, 2**16, 5):
                self.refused(unpack, head + size.to_bytes(4, "big") + b"\x00" * 4)

    def test_nothing_is_built_from_declared_sizes(self):
        bomb = b"\xdc\xff\xff" * 300_000
        tracemalloc.start()
        try:
            self.assertRaises(Refusal, unpack, bomb, bytes_max=MIB, nesting_max=1000, items_max=2**32)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 256 * 1024)

    def test_the_callers_mistakes_are_no_refusals(self):
        self.assertRaises(TypeError, pack, object())
        self.assertRaises(ValueError, pack, "\ud800")
        self.assertRaises(OverflowError, pack, 2**64)


class Json(CodecCase):
    def test_values_and_bytes_both_ways(self):
        for value, data in JSON:
            self.assertEqual(pack_json(value), data)
            self.assertEqual(unpack_json(data, **BOUNDS), value)

    def test_no_space_before_a_colon_and_utf8_as_it_is(self):
        self.assertEqual(pack_json({"é": "\u2028ü"}), '{"é":"\u2028ü"}'.encode())

    def test_a_byte_order_mark_and_white_space_do_no_harm(self):
        for data in (b"\xef\xbb\xbf{}", b" \r\n\t{}\n", b"\xef\xbb\xbf \n{}"):
            self.assertEqual(unpack_json(data, **BOUNDS), {})

    def test_junk_is_refused(self):
        for data in (
            *(
                b"",
                b" ",
                b"{",
                b'{"a"',
                b'{"a":}',
                b'{"a":1',
                b'{"a":1}}',
                b'{"a":1} x',
                b"{}{}",
                b"{} \xef\xbb\xbf",
            ),
            *(
                b"{'a':1}",
                b'{"a":1,}',
                b"[1,]",
                b"{1:2}",
                b'{"a":01}',
                b'{"a":tru}',
                b'{"a":"\\x"}',
                b'{"a":"\\ud8',
            ),
            *(b'"', b'"\\', b'{"\\"', b'\\"[[[[[[[[[[[["', b"]", b"]]]]]]]]]]]][[[[[[[[[["),
        ):
            self.refused(unpack_json, data)

    def test_no_utf8_is_refused_or_marked(self):
        self.refused(unpack_json, b'{"a":"\xff"}', reason=Reason.NOT_UNICODE)
        self.assertEqual(unpack_json(b'{"a":"\xff"}', lenient=True, **BOUNDS), {"a": "\udcff"})
        self.assertEqual(unpack_json(b'{"a":"\\ud800"}', **BOUNDS), {"a": "\ud800"})
        self.refused(unpack_json, '{"a":1}'.encode("utf-16"), reason=Reason.NOT_UNICODE)

    def test_not_a_number_and_infinities_become_floats(self):
        value = unpack_json(b"[NaN,Infinity,-Infinity,1e999]", **BOUNDS)
        self.assertTrue(math.isnan(value[0]))
        self.assertEqual(value[1:], [math.inf, -math.inf, math.inf])

    def test_not_a_number_and_infinities_are_never_written(self):
        for value in (math.nan, math.inf, -math.inf):
            self.assertRaises(ValueError, pack_json, value)

    def test_integers_of_any_length_are_read_and_stay_out_of_range(self):
        for digits in ("9" * 65, "9" * 4301, "-" + "9" * 5000, "1" + "0" * 900_000):
            value = unpack_json(digits.encode(), **BOUNDS)
            self.assertIs(type(value), int)
            self.assertGreater(abs(value), 2**64)

    def test_of_a_name_that_comes_twice_the_last_counts(self):
        self.assertEqual(unpack_json(b'{"a":1,"a":2}', **BOUNDS), {"a": 2})

    def test_line_ends_within_strings_do_no_harm(self):
        self.assertEqual(unpack_json(b'"a\nb"', **BOUNDS), "a\nb")

    def test_nesting_is_bounded(self):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            unpack_json(opening * 8 + b"1" + closing * 8, **BOUNDS)
            self.refused(unpack_json, opening * 9 + b"1" + closing * 9, Code.TOO_LARGE, Reason.TOO_DEEP)
        for size in (100, 200_000):
            self.refused(unpack_json, b"[" * size, Code.TOO_LARGE, Reason.TOO_DEEP, items_max=MIB)
        unpack_json(b"[" + b"[]," * 20 + b"[]]", **BOUNDS)

    def test_brackets_and_commas_in_strings_do_not_count(self):
        for text in ("[" * 5000, "," * 5000, '\\"[' * 3000, "\\\\"):
            data = b'{"a":"' + text.encode() + b'"}'
            self.assertEqual(unpack_json(data, **BOUNDS), json.loads(data))

    def test_items_are_bounded(self):
        unpack_json(b"[" + b"1," * 1021 + b"1]", **BOUNDS)
        for data in (
            b"[" + b"1," * 1023 + b"1]",
            b'["' + b'","' * 1023 + b'"]',
            b"[" + b"[]," * 520 + b"[]]",
        ):
            self.refused(unpack_json, data, Code.TOO_LARGE, Reason.TOO_MANY_ITEMS)

    def test_bytes_are_bounded(self):
        self.refused(unpack_json, b" " * 11, Code.TOO_LARGE, Reason.TOO_MANY_BYTES, bytes_max=10)

    def test_texts_made_to_be_scanned_for_long_are_not(self):
        for data in (
            b'"' + b'\\"' * 500_000,
            b'\\"' * 500_000,
            b'\\"\\\\"' * 200_000,
            b'""' * 500_000,
            b'"' + b"\\" * 999_999,
            b"[" * 1_000_000,
            b"{" * 1_000_000,
            b"]" * 1_000_000,
            b'{"":' * 200_000,
        ):
            self.assertRaises(Refusal, unpack_json, data, **BOUNDS)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
)
JSON_VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)
VALUES = st.recursive(
    SCALARS | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=8), inner, max_size=20),
    max_leaves=30,
)
WIDE = {"bytes_max": MIB, "nesting_max": 64, "items_max": 100_000}


def mutate(data, edits):
    """Bytes with a few places overwritten, and cut at the last of them if it says so."""
    changed = bytearray(data)
    for place, byte, cut in edits:
        if changed:
            changed[place % len(changed)] = byte
            if cut:
                del changed[place % len(changed) :]
    return bytes(changed)


EDITS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255), st.booleans()), max_size=4)


class Properties(SynchronousTestCase):
    @given(VALUES)
    @REPEATABLE
    def test_messagepack_reads_what_it_writes(self, value):
        self.assertEqual(unpack(pack(value), **WIDE), value)

    @given(JSON_VALUES)
    @REPEATABLE
    def test_json_reads_what_it_writes(self, value):
        self.assertEqual(unpack_json(pack_json(value), **WIDE), value)

    @given(st.binary(max_size=200) | st.builds(mutate, VALUES.map(pack), EDITS))
    @REPEATABLE
    def test_messagepack_takes_and_refuses_what_the_library_does(self, data):
        """Within the bounds the scan decides nothing of its own, but for extension types."""
        extensions = []
        try:
            expected = msgpack.unpackb(
                data,
                strict_map_key=True,
                timestamp=3,
                ext_hook=lambda code, body: extensions.append(code),
            )
        except (ValueError, msgpack.UnpackException, RecursionError, OverflowError, TypeError):
            self.assertRaises(Refusal, unpack, data, **WIDE)
            return
        if extensions or _has_timestamp(expected):
            self.assertRaises(Refusal, unpack, data, **WIDE)
        else:
            self.assertEqual(repr(unpack(data, **WIDE)), repr(expected))

    @given(
        st.binary(max_size=200)
        | st.text(max_size=200).map(str.encode)
        | st.builds(mutate, JSON_VALUES.map(pack_json), EDITS)
    )
    @REPEATABLE
    def test_json_raises_nothing_but_refusals(self, data):
        for lenient in (False, True):
            try:
                unpack_json(data, lenient=lenient, **BOUNDS)
            except Refusal as refusal:
                self.assertIn(refusal.code, (Code.MALFORMED, Code.TOO_LARGE))

    @given(st.text(alphabet='{}[]",:\\ 1a', max_size=60))
    @REPEATABLE
    def test_json_nesting_is_never_undercounted(self, text):
        """Whatever is taken is nested as deeply as allowed at most."""
        try:
            value = unpack_json(text.encode(), bytes_max=MIB, nesting_max=2, items_max=1024)
        except Refusal:
            return
        self.assertLessEqual(_depth(value), 2)


def _depth(value):
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _has_timestamp(value):
    return "datetime" in repr(value)
