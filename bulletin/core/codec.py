"""Bytes to bounded plain values and back: the only place where MessagePack and JSON are decoded.

Decoding is total: whatever the bytes, it returns a value or raises :class:`~bulletin.core.errors.Refusal`, nothing
else.  It is bounded before anything is built: one pass over the heads of a MessagePack body (or over the brackets
and commas of a JSON text) counts values and nesting, and holds each declared size against the bytes that are
there.  A body of a few bytes that declares a million-element array costs no more than its refusal.

A value is a dict, list, str, bytes (MessagePack only), int, float, bool or None.  Keys of maps are str; MessagePack
also lets bytes through as keys, which no field is named by.  Extension types are refused between the roles, where no message
has one; in a client's body a timestamp is a float of seconds (some languages write their dates so), any other its bytes.
"""

import json
import re
from typing import Any, Final

import msgpack

from bulletin.core.errors import Code, Reason, Refusal

_INTEGER_DIGITS_MAX: Final = 64
"""Digits of a JSON integer that are read; such a number is out of every range with or without the rest."""

_LONG: Final = 0
"""The action of a head after which a length or a count follows."""

_SHORT: Final = 64
"""The action of a string or binary with one byte of length: frequent enough for a way of its own."""


def _actions() -> list[int]:
    """What each head byte of MessagePack asks of the scan.

    Above 0: the value has that many bytes, head and all (or :data:`_SHORT`).  Below 0: a map or an array, with ``-1 - action`` values in
    it.  :data:`_LONG`: a length or a count follows the head, or there is no such type: see :data:`_LENGTHS`.
    """
    table = [_LONG] * 256
    for head in (*range(0x80), 0xC0, 0xC2, 0xC3, *range(0xE0, 0x100)):
        table[head] = 1
    for head in range(0xA0, 0xC0):
        table[head] = 1 + (head & 0x1F)
    for head in range(0x80, 0x90):
        table[head] = -1 - 2 * (head & 0x0F)
    for head in range(0x90, 0xA0):
        table[head] = -1 - (head & 0x0F)
    for head, size in ((0xCA, 5), (0xCB, 9), (0xCC, 2), (0xCD, 3), (0xCE, 5), (0xCF, 9)):
        table[head] = size
    for head, size in ((0xD0, 2), (0xD1, 3), (0xD2, 5), (0xD3, 9)):
        table[head] = size
    for head in range(0xD4, 0xD9):  # extension types of fixed lengths, with a byte for the type
        table[head] = 2 + (1 << head - 0xD4)
    table[0xC4] = table[0xD9] = _SHORT
    return table


_ACTIONS: Final = _actions()

_TYPED: Final = -1

_LENGTHS: Final = {
    0xC5: (2, 0),  # binary
    0xC6: (4, 0),
    0xC7: (1, _TYPED),  # extension types
    0xC8: (2, _TYPED),
    0xC9: (4, _TYPED),
    0xDA: (2, 0),  # strings
    0xDB: (4, 0),
    0xDC: (2, 1),  # arrays
    0xDD: (4, 1),
    0xDE: (2, 2),  # maps
    0xDF: (4, 2),
}
"""Head byte → bytes of the length or count that follows it, and values for each one counted (0: it counts bytes; :data:`_TYPED`:
the same, and a byte for the type stands before them)."""


def _malformed() -> Refusal:
    return Refusal(Code.MALFORMED, reason=Reason.NOT_DECODABLE)


def _long_head(data: bytes, position: int) -> tuple[int, int]:
    """Read a head with a length after it.

    :returns: where what follows begins (a container's first value, or what comes after a string), and how many
        values the container has, or -1.
    """
    try:
        size, values_each = _LENGTHS[data[position]]
    except KeyError:
        raise _malformed() from None
    body = position + 1 + size
    if body > len(data):
        raise _malformed()
    length = int.from_bytes(data[position + 1 : body], "big")
    if values_each > 0:
        return body, values_each * length
    return body + length - values_each, -1


def _check_structure(data: bytes, nesting_max: int, items_max: int) -> None:
    """Refuse a body that is not exactly one MessagePack value within the bounds; builds nothing.

    ``due`` is how many values the innermost open container still lacks, ``open_above`` the same for those around
    it.  A position past the end shows as an ``IndexError`` at the next head, or in the comparison at the end.
    """
    actions = _ACTIONS
    position = 0
    due = 1
    open_above: list[int] = []
    for used in range(1, items_max + 1):
        due -= 1
        action = actions[data[position]]
        if action > 0:
            position += action if action != _SHORT else 2 + data[position + 1]
        else:
            if action < 0:
                position += 1
                count = -1 - action
            else:
                position, count = _long_head(data, position)
            if count >= 0:
                _check_count(count, len(data) - position, items_max - used)
                open_above.append(due)
                if len(open_above) > nesting_max:
                    raise Refusal(Code.TOO_LARGE, reason=Reason.TOO_DEEP)
                due = count
        while not due:
            if not open_above:
                if position != len(data):
                    raise _malformed()
                return
            due = open_above.pop()
    raise Refusal(Code.TOO_LARGE, reason=Reason.TOO_MANY_ITEMS)


def _check_count(count: int, bytes_left: int, items_left: int) -> None:
    """Hold a container's declared count against what is there (each value is a byte at least) and is allowed."""
    if count > bytes_left:
        raise _malformed()
    if count > items_left:
        raise Refusal(Code.TOO_LARGE, reason=Reason.TOO_MANY_ITEMS)


def pack(value: Any) -> bytes:
    """The canonical MessagePack bytes of a plain value: shortest integers and lengths, float64, maps in their order.

    :raises TypeError: a value of another type: the caller's mistake.
    :raises ValueError: a str with lone surrogates: the caller's mistake too.
    :raises OverflowError: an integer beyond 64 bits: the same.
    """
    packed: bytes = msgpack.packb(value)
    return packed


def _bytes_of_extension(_type: int, data: bytes) -> bytes:
    return data


def unpack(data: bytes, *, bytes_max: int, nesting_max: int, items_max: int, lenient: bool = False) -> Any:
    """The value of exactly one MessagePack body.

    :param bytes_max: its size at most, in bytes.
    :param nesting_max: maps and arrays inside each other at most.
    :param items_max: values at most, over all maps and arrays, keys and containers counted.
    :param lenient: whether what stands in one field may be wrong, so that the field can be named, or ignored: bytes of a str
        that are no UTF-8 become lone surrogates, a MessagePack timestamp a float of seconds, any other extension type
        bytes.
    :raises Refusal: for whatever is none, or is over a bound.
    """
    if len(data) > bytes_max:
        raise Refusal(Code.TOO_LARGE, reason=Reason.TOO_MANY_BYTES)
    try:
        _check_structure(data, nesting_max, items_max)
        return msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_ext_len=bytes_max if lenient else 0,
            ext_hook=_bytes_of_extension,
            timestamp=1,
            unicode_errors="surrogateescape" if lenient else "strict",
        )
    except UnicodeDecodeError:
        raise Refusal(Code.MALFORMED, reason=Reason.NOT_UNICODE) from None
    except (IndexError, ValueError, msgpack.UnpackException):
        # IndexError: the scan ran off the end.  ValueError: a key of a map is neither str nor bytes.
        raise _malformed() from None


_STRINGS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or one that the text ends in.  Without that second ending each escaped quote of an unfinished string would
be tried as a beginning, each of them to the end of the text."""

_BRACKETS: Final = re.compile(r"[\[\]{}]")


def _check_json_structure(text: str, nesting_max: int, items_max: int) -> None:
    """Refuse a JSON text over the bounds: count its commas, colons and brackets outside of strings.

    Where the text is no JSON this may see other strings than a decoder would, but none that the decoder would still
    reach.
    """
    skeleton, strings = _STRINGS.subn("", text, count=items_max + 1)
    if strings > items_max:
        raise Refusal(Code.TOO_LARGE, reason=Reason.TOO_MANY_ITEMS)
    openings = skeleton.count("{") + skeleton.count("[")
    if openings + skeleton.count(",") + skeleton.count(":") + 1 > items_max:
        raise Refusal(Code.TOO_LARGE, reason=Reason.TOO_MANY_ITEMS)
    if openings <= nesting_max:
        return
    depth = 0
    for bracket in _BRACKETS.findall(skeleton):
        depth += 1 if bracket in "[{" else -1
        if depth > nesting_max:
            raise Refusal(Code.TOO_LARGE, reason=Reason.TOO_DEEP)


def _integer(digits: str) -> int:
    return int(digits[:_INTEGER_DIGITS_MAX])


_JSON_DECODER: Final = json.JSONDecoder(strict=False, parse_int=_integer)
_JSON_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def pack_json(value: Any) -> bytes:
    """The JSON bytes of a plain value without bytes in it: UTF-8 as it is, no spaces.

    :raises TypeError: a value of another type: the caller's mistake.
    :raises ValueError: NaN, an infinity, a str with lone surrogates: the caller's mistake too.
    """
    return _JSON_ENCODER.encode(value).encode("utf-8")


def unpack_json(
    data: bytes, *, bytes_max: int, nesting_max: int, items_max: int, lenient: bool = False
) -> Any:
    """The value of exactly one JSON text; a byte order mark and white space around it do no harm.

    NaN and the infinities, which JSON does not have and many libraries write, become floats.  Of a name that comes
    twice in a map the last one counts.  The arguments are those of :func:`unpack`.

    :raises Refusal: for whatever is none, or is over a bound.
    """
    if len(data) > bytes_max:
        raise Refusal(Code.TOO_LARGE, reason=Reason.TOO_MANY_BYTES)
    try:
        text = data.decode("utf-8-sig", "surrogateescape" if lenient else "strict").strip(" \t\r\n")
        _check_json_structure(text, nesting_max, items_max)
        return _JSON_DECODER.decode(text)
    except UnicodeDecodeError:
        raise Refusal(Code.MALFORMED, reason=Reason.NOT_UNICODE) from None
    except ValueError:
        raise _malformed() from None
