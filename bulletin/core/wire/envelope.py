"""The two envelopes in two encodings, detected from the bytes: every body of a client's request or reply.

An envelope is one map that has the operation's name under one key, an inner map under another, and ``timestamp`` and
``clock`` in the inner map and beside it.  Dialect and encoding are independent of each other; a reply takes both from
its request.
"""

from enum import Enum
from typing import Any, Final

from bulletin.core.board.value import value
from bulletin.core.codec import pack, pack_json, unpack, unpack_json
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import CLOCK_MAX, ITEMS_MAX, NAME_BYTES_MAX, NESTING_MAX, REQUEST_BYTES_MAX

UNREADABLE: Final = "error"
"""What a reply calls an operation whose name could not be read, or is not safe to repeat."""

_JSON_START: Final = b"{"
_JSON_BLANKS: Final = b" \t\r\n\xef\xbb\xbf"
"""White space and the byte order mark: as MessagePack they are small integers, which no body begins with."""


class Dialect(Enum):
    """Which keys an envelope has; the value is (operation's key, inner map's key)."""

    NATIVE = ("opcao", "dados")
    SERVICE = ("service", "data")


class Encoding(Enum):
    """How a body is encoded."""

    MSGPACK = "msgpack"
    JSON = "json"


_DIALECT_BY_KEY: Final = tuple((dialect.value[place], dialect) for place in (0, 1) for dialect in Dialect)


@value
class Heading:
    """What a reply needs to know of its request.

    :param dialect: the reply has the same.
    :param encoding: the reply has the same.
    :param name: the operation's name as it came; ``error`` where none could be read.
    :param id: the request's own ``id``, or None; every reply to it has it.
    """

    dialect: Dialect
    encoding: Encoding
    name: str
    id: str | None = None


@value
class Envelope:
    """A decoded body, its fields not looked at yet.

    :param dialect: by its keys.
    :param encoding: by its bytes.
    :param name: what stands under the operation's key, of whatever type.
    :param inner: the inner map; None where there is something else in its place.
    :param outer: the whole map, for what may stand beside the inner one.
    """

    dialect: Dialect
    encoding: Encoding
    name: object
    inner: dict[str, Any] | None
    outer: dict[str, Any]

    @property
    def inner_key(self) -> str:
        """The inner map's name on the wire."""
        key: str = self.dialect.value[1]
        return key


def encoding_of(body: bytes) -> Encoding:
    """How a body is meant to be read: JSON if it begins with ``{`` (blanks before it do no harm), else MessagePack."""
    if body[:1] == _JSON_START:
        return Encoding.JSON
    if body[:1] in _JSON_BLANKS and body[:64].lstrip(_JSON_BLANKS)[:1] == _JSON_START:
        return Encoding.JSON
    return Encoding.MSGPACK


def unreadable(body: bytes) -> Heading:
    """The heading of the reply to a body that cannot be decoded, or is too large to be."""
    encoding = Encoding.JSON if body[:1] == _JSON_START else Encoding.MSGPACK
    return Heading(Dialect.SERVICE, encoding, UNREADABLE)


def _dialect(outer: dict[str, Any]) -> Dialect:
    """Which envelope a map is.

    The operation's key decides, ``opcao`` before ``service``; one that is null or empty counts only if there is no
    other.  Without any, the inner map's key decides.
    """
    if outer.get("opcao"):
        return Dialect.NATIVE
    if outer.get("service"):
        return Dialect.SERVICE
    for key, dialect in _DIALECT_BY_KEY:
        if key in outer:
            return dialect
    return Dialect.SERVICE


def open_envelope(
    body: bytes,
    *,
    bytes_max: int = REQUEST_BYTES_MAX,
    nesting_max: int = NESTING_MAX,
    items_max: int = ITEMS_MAX,
) -> Envelope:
    """Decode a body within the bounds, and tell its dialect and encoding.

    Strings that are no valid Unicode come through with lone surrogates in them, so that the refusal can name the
    field; whoever stores or repeats a string must check it.  MessagePack's timestamps come as floats of seconds.

    :raises Refusal: the body cannot be decoded, is over a bound, or is not a map.
    """
    encoding = encoding_of(body)
    decode = unpack if encoding is Encoding.MSGPACK else unpack_json
    outer = decode(body, bytes_max=bytes_max, nesting_max=nesting_max, items_max=items_max, lenient=True)
    if type(outer) is not dict:
        raise Refusal(Code.MALFORMED, reason=Reason.NOT_A_MAP)
    dialect = _dialect(outer)
    name_key, inner_key = dialect.value
    inner = outer.get(inner_key)
    if inner is None or inner == "":
        # The keys of both envelopes in one body: nothing of ours, but clear enough.
        other = Dialect.SERVICE if dialect is Dialect.NATIVE else Dialect.NATIVE
        inner = outer.get(other.value[1])
    if inner is None or inner == "":
        inner = {}
    return Envelope(dialect, encoding, outer.get(name_key), inner if isinstance(inner, dict) else None, outer)


def seal(heading: Heading, inner: dict[str, Any], clock: int, timestamp: float) -> bytes:
    """The bytes of a message of ours: ``clock`` and ``timestamp`` in the inner map, which is changed, and beside it."""
    inner["timestamp"] = timestamp
    inner["clock"] = clock
    name_key, inner_key = heading.dialect.value
    outer = {name_key: heading.name, inner_key: inner, "timestamp": timestamp, "clock": clock}
    return pack(outer) if heading.encoding is Encoding.MSGPACK else pack_json(outer)


def clock_of(given: object) -> int | None:
    """The Lamport clock that a field holds; None for whatever counts as no clock.

    :raises Refusal: ``INVALID_CLOCK``: an integer out of range.
    """
    if type(given) is not int:
        return None
    if not 0 <= given <= CLOCK_MAX:
        raise Refusal(Code.INVALID_CLOCK, "clock", Reason.OUT_OF_RANGE)
    return given


def repeatable(name: object) -> str:
    """The operation's name as a reply may repeat it.

    A reply is searched for words by some clients, so a name that is none of ours is not repeated if it is long, not
    printable, or contains a word that only a reply of success may have.
    """
    if (
        isinstance(name, str)
        and 0 < len(name) <= NAME_BYTES_MAX
        and name.isprintable()
        and "OK" not in name
        and "sucesso" not in name
    ):
        return name
    return UNREADABLE
