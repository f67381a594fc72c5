"""Can an endpoint be listened on?  Asked before a role starts, and once more when it does.

``ipc://`` needs care: libzmq removes whatever lies at the path and takes its place, be it another process's socket or a file
that has nothing to do with it, and leaves its own behind.
"""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterable
from pathlib import Path

import attrs
import zmq

from bulletin.transport.endpoints import IPC, EndpointError

_REASONS = {
    errno.EADDRINUSE: "the address is already in use",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.ENODEV: "this machine has no such address or network interface",
}


@attrs.frozen
class OwnPath:
    """The file of an ``ipc://`` endpoint that this process listens on, to be removed when it stops."""

    path: Path
    device: int
    inode: int

    @classmethod
    def of(cls, endpoint: str) -> "OwnPath | None":
        """The file behind an endpoint that was just bound; None if it has none."""
        path = _path(endpoint)
        if path is None:
            return None
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(path, found.st_dev, found.st_ino)

    def remove(self) -> None:
        """Remove it, unless another process has taken the path since."""
        try:
            found = self.path.stat()
            if (found.st_dev, found.st_ino) == (self.device, self.inode):
                self.path.unlink()
        except OSError:
            return  # it is gone already, or no longer ours to remove


def probe(endpoints: Iterable[str], pages: Iterable[tuple[str, int]] = ()) -> None:
    """Listen on all of them at once for a moment.

    :param endpoints: ZeroMQ's.
    :param pages: interface (empty: all) and port of web pages.
    :raises EndpointError: for the first that cannot be listened on.
    """
    context = zmq.Context(1)
    with contextlib.ExitStack() as held:
        held.callback(context.destroy, 0)
        for endpoint in endpoints:
            probing = context.socket(zmq.PULL)
            probing.set(zmq.LINGER, 0)
            probing.set(zmq.IPV6, int("[" in endpoint))
            bind(probing, endpoint)
            path = OwnPath.of(endpoint)
            if path is not None:
                held.callback(path.remove)
        for interface, port in pages:
            held.enter_context(_listen_plainly(interface, port))


def _listen_plainly(interface: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    probing = socket.socket(family, socket.SOCK_STREAM)
    try:
        probing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probing.bind((interface, port))
        probing.listen(1)
    except (OSError, UnicodeError) as error:
        probing.close()
        reason = (
            _REASONS.get(getattr(error, "errno", None) or 0)
            or getattr(error, "strerror", None)
            or "no such host"
        )
        raise EndpointError(f"cannot listen on {interface or '*'}:{port}: {reason.lower()}") from None
    return probing


def bind(listening: zmq.Socket[bytes], endpoint: str) -> str:
    """Bind a socket.

    :returns: where it listens, with the port that it got.
    :raises EndpointError: when it cannot.
    """
    _check_path(endpoint)
    try:
        listening.bind(endpoint)
    except zmq.ZMQError as error:
        raise EndpointError(f"cannot listen on {endpoint}: {_reason(error)}") from None
    return listening.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")


def _reason(error: zmq.ZMQError) -> str:
    return _REASONS.get(error.errno or 0) or error.strerror.lower()


def _path(endpoint: str) -> Path | None:
    if not endpoint.startswith(IPC) or endpoint.startswith(IPC + "@"):
        return None
    return Path(endpoint[len(IPC) :])


def _check_path(endpoint: str) -> None:
    """Refuse an ``ipc://`` path that somebody listens on, or that holds something else than a socket."""
    path = _path(endpoint)
    if path is None:
        return
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise EndpointError(f"cannot listen on {endpoint}: {error.strerror}") from None
    if not stat.S_ISSOCK(mode):
        raise EndpointError(f"cannot listen on {endpoint}: something else than a socket lies there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        knock.settimeout(1)
        try:
            knock.connect(os.fspath(path))
        except ConnectionRefusedError:
            return  # left behind by a process that is gone
        except OSError as error:
            raise EndpointError(f"cannot listen on {endpoint}: {error.strerror or error}") from None
    raise EndpointError(f"cannot listen on {endpoint}: the address is already in use")
