"""Inputs for the targets that need no fuzzer: seeds with something in them that was not there, drawn by hypothesis."""

import msgpack
from hypothesis import strategies as st

EXPLOSIVES = (
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\x7f\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xdc\xff\xff" * 40,
    b"\x91" * 40,
    b"[" * 40,
    b'{"":' * 10,
    b"\xd6\xff\0\0\0\0",
    b"\xc1",
    b"\xff",
    b"\\ud800",
    b"NaN",
    b"1e999",
    b"9" * 40,
)
"""What announces more than it brings, nests, or is only nearly allowed."""

NUMBERS = (0, 1, -1, 2**7, 2**16, 2**31, 2**47, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63))

ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(NUMBERS)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(("x" * 65, "é" * 33, "\0", "a\x1b[2J", "ana", "geral", "OK", "erro"))
    | st.sampled_from((b"", b"m" * 15, b"m" * 16, b"h" * 32))
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
"""Some value that MessagePack can hold, of the kinds that decoders ask for or nearly."""


@st.composite
def broken(draw, seed: bytes) -> bytes:
    """A seed with bytes overwritten, left out, put in or cut off."""
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0:
                data[place : place + 1] = bytes([draw(st.integers(0, 255))])
            case 1:
                del data[place : place + draw(st.integers(1, 8))]
            case 2:
                data[place:place] = draw(st.binary(min_size=1, max_size=8))
            case 3:
                data[place:place] = draw(st.sampled_from(EXPLOSIVES))
            case _:
                del data[place:]
    return bytes(data)


@st.composite
def changed(draw, seed: bytes) -> bytes:
    """A MessagePack seed in which a value, somewhere, is another one, is gone or is there twice; any other seed as it is."""
    try:
        value = msgpack.unpackb(seed, strict_map_key=False)
        packed = msgpack.packb(_changed(draw, value))
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException):
        return seed
    return packed


def _changed(draw, value):
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(list(value)))
        copy = dict(value)
        if draw(st.integers(0, 7)):
            copy[key] = _changed(draw, value[key])
        else:
            del copy[key]
        return copy
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        place = draw(st.integers(0, len(value) - 1))
        copy = list(value)
        match draw(st.integers(0, 9)):
            case 0:
                del copy[place]
            case 1:
                copy.insert(place, value[place])
            case _:
                copy[place] = _changed(draw, value[place])
        return copy
    return draw(ODD)


def inputs_like(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """Any bytes, and bytes that begin as one of the seeds."""
    drawn = st.sampled_from(seeds)
    return st.one_of(st.binary(max_size=100), drawn.flatmap(broken), drawn.flatmap(changed))
