"""Endpoints as people write them: ``tcp://host:port`` and ``ipc://path``, checked here because libzmq does not.

libzmq takes ``tcp://127.0.0.1:99999`` (the port wraps), ``tcp://host:0`` and any host name without a word, and a path that is
too long fails only when it is used.  Nothing is looked up here: a name may begin to resolve later, when its container
has started.
"""

import ipaddress
import re
from typing import Final

from bulletin.core.limits import ENDPOINT_BYTES_MAX
from bulletin.language import N_, Complaint

ENDPOINTS_MAX: Final = 64
"""Endpoints in one list."""

IPC_PATH_BYTES_MAX: Final = 107
"""A path of a Unix domain socket, without its closing zero byte."""

TCP: Final = "tcp://"
IPC: Final = "ipc://"

_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")


class EndpointError(Complaint):
    """An endpoint is no endpoint, or cannot be used; the message is one sentence without a full stop."""


def parse_endpoints(text: str, *, listen: bool) -> tuple[str, ...]:
    """Check a comma-separated list of endpoints.

    :param text: what the user wrote.
    :param listen: whether they are listened on; else they are connected to, and neither a wildcard nor port 0 makes sense.
    :returns: the endpoints, one at least, in ZeroMQ's spelling.
    :raises EndpointError: with one sentence.
    """
    endpoints = tuple(_parse(part.strip(), listen=listen) for part in text.split(","))
    if len(endpoints) > ENDPOINTS_MAX:
        raise EndpointError(N_("there are more than {most} endpoints"), most=ENDPOINTS_MAX)
    for number, endpoint in enumerate(endpoints):
        if endpoint in endpoints[:number] and not endpoint.endswith(":0"):
            raise EndpointError(N_("{endpoint} is given twice"), endpoint=_shown(endpoint))
    return endpoints


def parse_endpoint(text: str, *, listen: bool) -> str:
    """Check one endpoint.

    :raises EndpointError: with one sentence.
    """
    endpoints = parse_endpoints(text, listen=listen)
    if len(endpoints) > 1:
        raise EndpointError(N_("{given} is more than one endpoint"), given=_shown(text))
    return endpoints[0]


def is_wildcard(endpoint: str) -> bool:
    """Whether a checked endpoint means every address of this machine, so that nobody can connect to it as it stands."""
    return endpoint.startswith(TCP) and _is_wildcard(endpoint[len(TCP) :].rpartition(":")[0])


def with_port(endpoint: str, bound: str) -> str:
    """A checked endpoint; if its port is 0, with that of an endpoint that something listens on."""
    host, _, port = endpoint.rpartition(":")
    if not endpoint.startswith(TCP) or port != "0":
        return endpoint
    return f"{host}:{bound.rpartition(':')[2]}"


def host_of(endpoint: str) -> str | None:
    """The host of a checked TCP endpoint, an IPv6 address in its brackets; None of any other endpoint."""
    return endpoint[len(TCP) :].rpartition(":")[0] if endpoint.startswith(TCP) else None


def has_name(endpoint: str) -> bool:
    """Whether a checked endpoint has a host's name in it, which must be looked up, and not an address."""
    host = host_of(endpoint)
    return host is not None and not _is_wildcard(host) and not _is_address(host.strip("[]"))


def parse_host_port(text: str, *, listen: bool) -> tuple[str, int]:
    """Check ``HOST:PORT``, an IPv6 address in brackets.

    :returns: the host (``*`` for every address of the machine; an IPv6 address in its brackets) and the port.
    :raises EndpointError: with one sentence.
    """
    return _host_port(text, text, listen=listen)


def _parse(text: str, *, listen: bool) -> str:
    if not text:
        raise EndpointError(N_("an endpoint is empty"))
    if len(text.encode("utf-8", "surrogatepass")) > ENDPOINT_BYTES_MAX:
        raise EndpointError(N_("an endpoint is longer than {most} bytes"), most=ENDPOINT_BYTES_MAX)
    if text.startswith(TCP):
        host, port = _host_port(text[len(TCP) :], text, listen=listen)
        return f"{TCP}{host}:{port}"
    if text.startswith(IPC):
        return _ipc(text)
    raise EndpointError(N_("{given} begins neither with tcp:// nor with ipc://"), given=_shown(text))


def _host_port(text: str, whole: str, *, listen: bool) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        form = "HOST:PORT" if whole == text else "tcp://HOST:PORT"
        raise EndpointError(N_("{given} is not of the form {form}"), given=_shown(whole), form=form)
    _check_host(host, whole, listen=listen)
    return host, _port(port, whole, lowest=0 if listen else 1)


def _ipc(text: str) -> str:
    path = text[len(IPC) :]
    if path in {"", "*", "@"} or path.endswith("/"):
        raise EndpointError(N_("{given} names no file"), given=_shown(text))
    if not path.isprintable():
        raise EndpointError(N_("{given} has control characters in its path"), given=_shown(text))
    if len(path.encode()) > IPC_PATH_BYTES_MAX:
        raise EndpointError(
            N_("{given} has a path of more than {most} bytes"), given=_shown(text), most=IPC_PATH_BYTES_MAX
        )
    return text


def _port(port: str, text: str, *, lowest: int) -> int:
    if lowest == 0 and port == "*":
        return 0
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and lowest <= int(port) <= 65535):
        raise EndpointError(
            N_("the port in {given} is not a number from {lowest} to 65535"),
            given=_shown(text),
            lowest=lowest,
        )
    return int(port)


def _check_host(host: str, text: str, *, listen: bool) -> None:
    if _is_wildcard(host):
        if not listen:
            raise EndpointError(
                N_("{given} has a wildcard for a host: nothing can connect to that"), given=_shown(text)
            )
        return
    if host.startswith("[") or host.endswith("]"):
        valid = _is_address(host[1:-1]) and host == f"[{host[1:-1]}]" and ":" in host[1:-1]
    elif set(host) <= set("0123456789."):
        valid = _is_address(host)
    else:
        name = host.removesuffix(".")
        valid = len(name) <= 253 and all(map(_LABEL.match, name.split(".")))
    if not valid:
        raise EndpointError(N_("the host in {given} is neither a name nor an address"), given=_shown(text))


def _is_wildcard(host: str) -> bool:
    bare = host.removeprefix("[").removesuffix("]")
    return host == "*" or (_is_address(bare) and ipaddress.ip_address(bare).is_unspecified)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    """The user's words, on one line and not without end."""
    return repr(text if len(text) <= 100 else text[:100] + "…")
