"""Bytes that no honest peer sends, drawn from a seed: bodies for clients' ports, frames for the ports between the roles."""

import json
import time
from collections.abc import Callable
from random import Random
from typing import Any

import msgpack

KIB = 1024
MIB = 1024 * KIB

SIZES = (MIB - 1, MIB, MIB + 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1)
"""Just below and above each bound of the wire."""

CLOCKS = (2**64 - 1, 2**63, 2**53 + 1, 2**53, -1, -(2**63), 1e308, float("nan"), "7", True, None, [], {})
NUMBERS = (-1, 0, -(2**63), 2**64 - 1, 2**31, 1.5, float("inf"), "1", True, [], {}, b"")

NATIVE_NAMES = (
    *(
        "login",
        "listar usuarios",
        "cadastrar canal",
        "listar canais",
        "publicar mensagem",
        "listar historico",
    ),
    "enviar mensagens para um usuario especifico",
)
SERVICE_NAMES = (
    "login",
    "users",
    "channel",
    "channels",
    "publish",
    "message",
    "history",
    "register_user",
    "listar",
)
FIELDS = (
    *(
        "user",
        "canal",
        "channel",
        "name",
        "message",
        "content",
        "src",
        "dst",
        "from",
        "to",
        "receptor",
        "com",
    ),
    *(
        "desde",
        "antes",
        "limite",
        "leitura",
        "id",
        "timestamp",
        "time",
        "clock",
        "replicado",
        "endereco",
        "membro",
    ),
    *("documento", "esperados", "cluster", "pedido", "sessao", "pedidos", "respostas", "conhecida"),
)


def a_value(rng: Random, depth: int = 3) -> Any:
    """Some value that MessagePack can hold."""
    match rng.randrange(14 if depth else 11):
        case 0:
            return rng.choice(CLOCKS)
        case 1:
            return rng.choice(NUMBERS)
        case 2:
            return rng.randbytes(rng.choice((0, 1, 16, 65, 300)))
        case 3:
            return "a" * rng.choice((0, 1, 64, 65, 1000, 70_000))
        case 4:
            return "".join(
                chr(rng.choice((0, 7, 10, 65, 0x7F, 0x85, 0xE9, 0x202E, 0x1F388))) for _ in range(5)
            )
        case 5:
            return rng.choice(("servers", "replica", "OK", "sucesso", "erro", "\0heads", "{}", "NaN", "null"))
        case 6 | 7:
            return rng.randrange(-(2**63), 2**64)
        case 8:
            return rng.choice((None, True, False))
        case 9:
            return rng.uniform(-1e20, 1e20)
        case 10:
            return rng.randrange(-3, 5)
        case 11:
            return [a_value(rng, depth - 1) for _ in range(rng.choice((0, 1, 3, 40)))]
        case _:
            return {rng.choice(FIELDS): a_value(rng, depth - 1) for _ in range(rng.choice((0, 1, 4)))}


def a_request(rng: Random) -> dict[str, Any]:
    """A client's request, or nearly: known names, fields of any type."""
    name = rng.choice((rng.choice(NATIVE_NAMES), rng.choice(SERVICE_NAMES), a_value(rng)))
    inner: Any = {field: a_value(rng) for field in rng.sample(FIELDS, rng.randrange(8))}
    if rng.random() < 0.1:
        inner = a_value(rng)
    keys = rng.choice((("opcao", "dados"), ("service", "data"), ("opcao", "data"), ("x", "y")))
    request = {keys[0]: name, keys[1]: inner}
    if rng.random() < 0.2:
        request["replicado"] = rng.choice((True, 1, "true", None, False))
    if rng.random() < 0.2:
        request["clock"] = rng.choice(CLOCKS)
    return request


def a_body(rng: Random) -> bytes:
    """Bytes for a port that clients or servers send requests to."""
    match rng.randrange(12):
        case 0:
            return rng.randbytes(rng.choice((0, 1, 2, 20, 500, 5000)))
        case 1:
            whole = msgpack.packb(a_request(rng))
            return whole[: rng.randrange(len(whole))]
        case 2:
            whole = bytearray(msgpack.packb(a_request(rng)))
            for _ in range(rng.randrange(1, 4)):
                whole[rng.randrange(len(whole))] = rng.randrange(256)
            return bytes(whole)
        case 3:
            head = rng.choice((b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"))
            return b"\x82\xa5opcao\xa5login\xa5dados" + head + rng.choice((b"\xff" * 4, b"\x7f\xff\xff\xff"))
        case 4:
            depth = rng.choice((9, 50, 1000, 100_000))
            return rng.choice((b"\x91", b"\x81\xa1a")) * depth + b"\x01"
        case 5:
            depth = rng.choice((9, 50, 1000, 100_000))
            return b'{"dados":' + b"[" * depth + rng.choice((b"]" * depth, b""))
        case 6:
            return json.dumps(as_json(a_request(rng))).encode()
        case 7:
            text = json.dumps(as_json(a_request(rng))).encode()
            return text[: rng.randrange(len(text))]
        case 8:
            return b'{"service":"login","data":{"user":"' + rng.randbytes(8) + b'"}}'
        case 9:
            return b"{" + b'\\"' * rng.choice((10, 5000, 400_000))
        case 10:
            return (
                b'{"service":"login","data":{"user":"ana","clock":'
                + b"9" * rng.choice((20, 5000, 200_000))
                + b"}}"
            )
        case _:
            return msgpack.packb(a_request(rng))


def as_json(value: Any) -> Any:
    """The same value with text in place of bytes."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value


def a_server_frame(rng: Random) -> bytes:
    """A frame for the broker's servers' side: nearly one of a server."""
    if rng.random() < 0.3:
        return a_body(rng)
    service = rng.choice(("ready", "heartbeat", "disconnect", "reply", "request", "", 5))
    row = [
        rng.choice((rng.randbytes(16), b"", "x" * 16, 7)),
        rng.choice((1, 0, -1, 2**31, "1")),
        rng.choice((0, 1, 2, 3, -1, None)),
        rng.choice((b"", b"lixo", "lixo", rng.randbytes(200))),
    ]
    data = {
        "sessao": rng.choice((1, 7, 0, -1, 2**63, "1", None)),
        "user": rng.choice(
            ("server1", "", "x" * 65, "x" * 64, 5, None, "\udcff".encode("utf-8", "surrogateescape"))
        ),
        "respostas": rng.choice(([row], [row] * 50, [], None, [[]], [row[:3]], "x")),
        "pedidos": [row],
        "clock": rng.choice((1, 2**53, *CLOCKS)),
        "timestamp": rng.choice((1.5, float("nan"), 3, None)),
    }
    if rng.random() < 0.2:
        data["conhecida"] = rng.choice((0, 1, -1, "x"))
    for field in rng.sample(sorted(data), rng.randrange(3)):
        del data[field]
    return msgpack.packb({"service": service, "data": data})


def a_peer_frame(rng: Random) -> bytes:
    """A frame for a server's peers' port: of another cluster, or nearly a frame."""
    if rng.random() < 0.3:
        return a_body(rng)
    number = rng.choice((0, 1, 2**47, 2**63 - 1, 2**63, -1, "x", None))
    entry = [number, 1, rng.choice((0, 1, 9, -1)), rng.randbytes(20), rng.randbytes(32), 1, 1]
    messages = [
        [1, number, number, 1, True, False],
        [3, number, 0, 0, bytes(32), [entry] * rng.choice((0, 1, 100)), number, 1],
        [4, number, number, True, 0, 0, 0, 0],
        [5, number],
        [6, number, [[rng.randbytes(16), rng.randbytes(30)]]],
        [9, number, number, number],
        [rng.randrange(-1, 12), a_value(rng)],
    ]
    data = {
        "cluster": rng.choice((rng.randbytes(16), rng.randbytes(15), "x" * 16, None)),
        "grupo": rng.choice((0, 1, -1, None)),
        "de": rng.choice((rng.randbytes(16), b"", None)),
        "para": rng.choice((rng.randbytes(16), 5)),
        "mensagens": rng.choice((messages, messages * 20, None, {}, [[]], [rng.choice(messages)])),
        "resumo": rng.choice((None, [1, bytes(32)], [1], "x")),
        "clock": rng.choice((1, *CLOCKS)),
        "timestamp": rng.choice((time.time(), float("inf"), 3)),
    }
    frame = {"service": "replicate", "replicado": rng.choice((True, True, 1, None)), "data": data}
    return msgpack.packb(frame)


def a_reference_request(rng: Random) -> bytes:
    """A request to the reference, or nearly."""
    if rng.random() < 0.4:
        return a_body(rng)
    data = {
        "user": rng.choice(("intruso", f"intruso-{rng.randrange(50)}", "", "x" * 65, 5, "a\nb")),
        "endereco": rng.choice(("tcp://127.0.0.1:1", "lixo", "x" * 300, 5, None)),
        "membro": rng.choice((rng.randbytes(16), rng.randbytes(15), "zz", 5, None)),
        "documento": rng.choice((None, b"", rng.randbytes(100), rng.randbytes(60_000), "abc")),
        "esperados": rng.choice((None, 1, 3, 0, -1, 65, "3")),
        "cluster": rng.choice((None, rng.randbytes(16), b"x")),
        "pedido": rng.choice((1, -1, 2**63, "x", None)),
        "clock": rng.choice((1, *CLOCKS)),
    }
    for field in rng.sample(sorted(data), rng.randrange(4)):
        del data[field]
    keys = rng.choice((("opcao", "dados"), ("service", "data")))
    return msgpack.packb({keys[0]: rng.choice(("rank", "list", "heartbeat", "clock", "", 5)), keys[1]: data})


def a_publication(rng: Random) -> bytes:
    """The body of a publication, or nearly; also what a client could send to the port it subscribes at."""
    return rng.choice((a_body, lambda _: rng.randbytes(rng.choice((0, 100, 300 * KIB)))))(rng)


MAKERS: dict[str, Callable[[Random], bytes]] = {
    "clients": a_body,
    "servers": a_server_frame,
    "publishers": a_publication,
    "subscribers": a_publication,
    "reference": a_reference_request,
    "peers": a_peer_frame,
}
"""What to send to which kind of port."""
