"""``--advertise auto``: by which address others reach this machine, or this container.

It is the address of the machine's own host name.  Docker and its like write that name with the container's address into
``/etc/hosts`` (https://docs.docker.com/engine/network/, "DNS services"), so it is known before any other container runs.  Where a
machine's name leads to nothing but the loopback interface, as in a fresh Debian, nobody could guess better.
"""

import ipaddress
import socket
from collections.abc import Iterable
from typing import Final

from bulletin.roles.options import Mistake
from bulletin.transport.endpoints import TCP, host_of, is_wildcard

AUTO: Final = "auto"
"""The value of ``--advertise`` that asks for it."""


def own_endpoint(listen: str) -> str:
    """What others connect to when this machine listens so.

    :param listen: a checked endpoint; one with a host of its own is advertised as it is.
    :returns: an endpoint; its port is 0 where that of ``listen`` is.
    :raises Mistake: the machine's name has no address for others.
    """
    if not is_wildcard(listen):
        return listen
    name = socket.gethostname()
    try:
        found = [str(address[0]) for *_, address in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise Mistake(
            f"--advertise auto: this machine's name {name!r} has no address ({error.strerror}): name the endpoint"
        ) from None
    ipv6 = (host_of(listen) or "").startswith("[")
    host = _for_others(found, ipv6=ipv6)
    if host is None:
        raise Mistake(
            f"--advertise auto: this machine's name {name!r} has no address for other machines, only"
            f" {', '.join(sorted(set(found)))}: name the endpoint"
        )
    return f"{TCP}{host}:{listen.rpartition(':')[2]}"


def _for_others(found: Iterable[str], *, ipv6: bool) -> str | None:
    """The first address that others may reach and that is listened on: IPv4, unless ``listen`` has IPv6."""
    for text in found:
        address = ipaddress.ip_address(text.partition("%")[0])
        if address.is_loopback or address.is_link_local:
            continue
        if isinstance(address, ipaddress.IPv4Address):
            return str(address)
        if ipv6:
            return f"[{address}]"
    return None
