"""The two envelopes in two encodings, detected from the bytes: every body of a client's request or reply."""

from enum import Enum

import attrs


class Dialect(Enum):
    """Which keys an envelope has; the value is (operation's key, inner map's key)."""

    NATIVE = ("opcao", "dados")
    SERVICE = ("service", "data")


class Encoding(Enum):
    """How a body is encoded."""

    MSGPACK = "msgpack"
    JSON = "json"


@attrs.frozen
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
