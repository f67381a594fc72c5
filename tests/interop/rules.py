"""What docs/protocol.md says of every reply, held against the bytes of one."""

import math
import re

from tests.interop.plain import JSON, KEYS, NATIVE, SERVICE, Reply, Way

SAYS_OK = {"publish", "message", "listar", "listarCanal", "cadastrarCanal"}
"""Names whose success is OK in the service envelope."""

LISTS = {"lista", "messages"}

CLOCK_MAX = 2**53

_ESCAPED = re.compile(rb"\\u(?!00[01][0-9a-f]|007f)")
_SPACED = re.compile(rb'"\s+:|:\s|,\s')


def success_word(way: Way, name: str) -> str:
    return "OK" if way.envelope == SERVICE and name in SAYS_OK else "sucesso"


def check_envelope(reply: Reply, way: Way, name: str) -> None:
    """A reply's outer map, its stamps, and its encoding."""
    name_key, inner_key = KEYS[way.envelope]
    assert set(reply.outer) == {name_key, inner_key, "timestamp", "clock"}, sorted(reply.outer)
    assert reply.outer[name_key] == name, reply.outer[name_key]
    for stamps in (reply.outer, reply.inner):
        assert type(stamps["timestamp"]) is float, stamps["timestamp"]
        assert math.isfinite(stamps["timestamp"])
        assert type(stamps["clock"]) is int, stamps["clock"]
        assert 0 < stamps["clock"] <= CLOCK_MAX
    assert reply.outer["timestamp"] == reply.inner["timestamp"]
    assert reply.outer["clock"] == reply.inner["clock"]
    assert (reply.body[:1] == b"{") == (way.encoding == JSON), reply.body[:1]
    if way.encoding == JSON:
        assert not _ESCAPED.search(reply.body), reply.body
        assert not _SPACED.search(re.sub(rb'"(?:[^"\\]|\\.)*"', b'""', reply.body)), reply.body


def check_success(reply: Reply, way: Way, name: str, id_: str | None, fields: set[str]) -> None:
    """A reply of success: exactly these fields beside the common ones, and no word that means an error."""
    check_envelope(reply, way, name)
    inner = reply.inner
    assert inner["status"] == success_word(way, name), inner["status"]
    expected = {"status", "timestamp", "clock", *fields}
    if way.envelope == NATIVE:
        expected.add("msg")
        assert isinstance(inner["msg"], str)
        assert inner["msg"]
    if id_ is not None:
        expected.add("id")
        assert inner["id"] == id_, inner["id"]
    assert set(inner) == expected, f"{sorted(inner)}, not {sorted(expected)}"
    if not fields & LISTS:  # names and texts in them are repeated as they are
        assert b"erro" not in reply.body, reply.body


def check_error(
    reply: Reply, way: Way, name: str, code: str, *, field: str | None = None, reason: str | None = None
) -> None:
    """A reply of error with this code: its fields, its sentence under both names, no word that means success.

    ``field`` and ``reason`` are compared where they are given.
    """
    check_envelope(reply, way, name)
    inner = reply.inner
    assert inner["status"] == "erro"
    assert inner["erro"] == code, f"{inner['erro']}, not {code}"
    assert type(inner["definitivo"]) is bool
    assert isinstance(inner["description"], str)
    assert inner["description"]
    assert inner["message"] == inner["description"]
    assert ("msg" in inner) == (way.envelope == NATIVE)
    if field is not None:
        assert inner.get("campo") == field, f"campo {inner.get('campo')}, not {field}"
    if reason is not None:
        assert inner.get("motivo") == reason, f"motivo {inner.get('motivo')}, not {reason}"
    assert b"OK" not in reply.body, reply.body
    assert b"sucesso" not in reply.body, reply.body


def check_receipt(reply: Reply, seq: int) -> None:
    """The receipt of a post, and its number."""
    assert type(reply["seq"]) is int
    assert reply["seq"] == seq, f"seq {reply['seq']}, not {seq}"
    receipt = reply["recibo"]
    assert set(receipt) == {"indice", "termo", "hash"}, receipt
    assert type(receipt["indice"]) is int
    assert receipt["indice"] > 0
    assert type(receipt["termo"]) is int
    assert receipt["termo"] > 0
    assert re.fullmatch("[0-9a-f]{64}", receipt["hash"]), receipt


CHANNEL_POST = {
    *("type", "topic", "user", "channel", "canal", "message", "timestamp", "clock"),
    *("seq", "id", "recebido", "incerteza"),
}
PRIVATE_POST = {
    *("type", "topic", "src", "user", "dst", "receptor", "message", "timestamp", "clock"),
    *("seq", "id", "recebido", "incerteza"),
}


def check_post(item: dict, *, user: str, stream: str, message: str, seq: int, private: bool = False) -> None:
    """One post, as it stands in a history, and as the first half of a publication."""
    assert set(item) - {"enviado"} == (PRIVATE_POST if private else CHANNEL_POST), sorted(item)
    assert item["type"] == ("user" if private else "channel")
    assert item["topic"] == stream
    assert item["user"] == user
    if private:
        assert item["src"] == user
        assert item["dst"] == item["receptor"] == stream
    else:
        assert item["channel"] == item["canal"] == stream
    assert item["message"] == message
    assert item["seq"] == seq, f"seq {item['seq']}, not {seq}"
    assert type(item["timestamp"]) is float
    assert type(item["recebido"]) is float
    assert type(item["clock"]) is int
    assert isinstance(item["id"], str)
    assert item["incerteza"] is None or type(item["incerteza"]) is float


def check_publication(value: dict, item: dict) -> None:
    """A publication is the post of the history, and the other shape beside it."""
    private = value["type"] == "user"
    expected = PRIVATE_POST if private else CHANNEL_POST
    assert set(value) - {"enviado"} == {*expected, "service", "data"}, sorted(value)
    assert {key: value[key] for key in value if key not in {"service", "data"}} == item
    assert value["service"] == ("message" if private else "publish")
    names = ("src", "user", "dst") if private else ("user", "channel")
    assert value["data"] == {key: value[key] for key in (*names, "message", "timestamp", "clock")}
