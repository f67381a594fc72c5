"""A child process: spawned with a pipe that tells it when this process is gone; the end of what it said is kept."""

import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from bulletin.roles import orphan
from bulletin.roles.supervision import logs
from bulletin.roles.supervision.layout import HOST, Role
from bulletin.roles.supervision.policy import Death

OUTPUT_BYTES_MAX: Final = 16 * 1024
"""Bytes of a child's output that are kept: the last ones."""

WORDS_MAX: Final = 400
"""Characters of its last line that are shown."""

OPTIONS: Final = "BULLETIN_"
"""How the environment variables begin that stand for options.  Those of this process are not its children's: one
``BULLETIN_ADVERTISE`` would be every server's."""

_log = Logger()


class ChildProtocol(ProcessProtocol):
    """Keeps the end of a child's output, and tells how it ended.

    :param ended: called once, with how it ended and what it wrote.
    """

    def __init__(self, ended: Callable[[Death, bytes], object]) -> None:
        self._ended = ended
        self._output = bytearray()

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N803 - Twisted's name
        """Keep the last bytes of stdout and stderr."""
        del childFD
        self._output += data
        del self._output[:-OUTPUT_BYTES_MAX]

    def processEnded(self, reason: Failure) -> None:
        """Tell how it ended."""
        value: Any = reason.value
        output = bytes(self._output)
        self._ended(Death(value.exitCode, value.signal, last_words(output)), output)


def last_words(output: bytes) -> str:
    """The last line with something in it, as far as it can be shown."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    words = "".join(character if character.isprintable() else " " for character in lines[-1]) if lines else ""
    return words if len(words) <= WORDS_MAX else words[:WORDS_MAX] + "…"


class HttpPorts:
    """The port of each role's health page: the next ones above a base, or any that is free.

    :param names: the roles.
    :param base: the first role's port, or None for any free ones.
    """

    def __init__(self, names: Iterable[str], base: int | None) -> None:
        self._fixed = base is not None
        self.by_name: dict[str, int] = {}
        if base is not None:
            self.by_name.update((name, base + number) for number, name in enumerate(names))

    def port(self, name: str) -> int:
        """The port for the next start of a role: the same as before, where that can be."""
        port = self.by_name.get(name)
        if port is None or not (self._fixed or is_free(port)):
            port = self.by_name[name] = _free_port(set(self.by_name.values()))
        return port


def is_free(port: int) -> bool:
    """Whether a port of this machine could be listened on.

    It is bound and not listened on: a client that is waiting for the port to open would connect, find no role behind
    it, and (a ZeroMQ socket that was answered in another way than it expected) never try again.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port(taken: set[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port


class Processes:
    """The children's processes.

    :param reactor: spawns them.
    :param directory: the board's data directory.
    :param http_ports: gives each its port.
    :param ended: called with a role's name and how it ended, once per child that was spawned.
    """

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        http_ports: HttpPorts,
        ended: Callable[[str, Death], object],
    ) -> None:
        self._reactor = reactor
        self._directory = directory
        self._http_ports = http_ports
        self._ended = ended
        self._transports: dict[str, Any] = {}

    def spawn(self, role: Role) -> int:
        """Start a role.

        :returns: the process's id.
        :raises OSError: it cannot be started.
        """
        line = role.command_line(self._http_ports.port(role.name))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OPTIONS)}
        environment |= {orphan.VARIABLE: "0", logs.VARIABLE: str(self._log_path(role.name))}
        protocol = ChildProtocol(lambda death, output: self._child_ended(role.name, death, output))
        transport = self._reactor.spawnProcess(
            protocol, line[0], line, environment, childFDs={0: "w", 1: "r", 2: "r"}
        )
        self._transports[role.name] = transport
        return int(transport.pid)

    def signal(self, name: str, number: int) -> None:
        """Send a signal; nothing happens where the process is gone already."""
        transport = self._transports.get(name)
        if transport is None:
            return
        try:
            transport.signalProcess(number)
        except ProcessExitedAlready:
            _log.debug("{name} had ended before the signal.", name=name)

    def _log_path(self, name: str) -> Path:
        return self._directory / "logs" / f"{name}.log"

    def _child_ended(self, name: str, death: Death, output: bytes) -> None:
        self._transports.pop(name, None)
        if output:
            self._keep(name, death, output)
        self._ended(name, death)

    def _keep(self, name: str, death: Death, output: bytes) -> None:
        """Put what the child wrote beside its log into its log, for whoever looks for the reason there."""
        try:
            with self._log_path(name).open("ab") as file:
                file.write(f"--- {name} {death}; its output was:\n".encode() + output)
        except OSError:
            _log.failure("What {name} wrote could not be kept", name=name)
