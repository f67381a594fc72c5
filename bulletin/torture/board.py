"""A board of separate processes, each of which can be killed, paused and started again."""

import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import IO, Final, Protocol

from bulletin.roles.orphan import VARIABLE

TWISTD: Final = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile="]
PORTS: Final = 40
"""Ports that one board may use, in a row."""

LOOPBACK: Final = "127.0.0.1"


class NotReadyError(Exception):
    """A role did not become ready in time; the message has the end of its log."""


class Hosts(Protocol):
    """Where the roles of a board run."""

    def address(self, role: str) -> str:
        """The address at which a role is reached."""

    def prefix(self, role: str) -> Sequence[str]:
        """What a command line begins with that is to run where the role runs."""


class OneHost:
    """All of them on this machine's loopback."""

    def address(self, role: str) -> str:
        """The same for all."""
        del role
        return LOOPBACK

    def prefix(self, role: str) -> Sequence[str]:
        """Nothing."""
        del role
        return ()


_lifeline: Final[list[int]] = []
"""The two ends of the pipe whose end tells every role that this process is gone, however it ended."""


def lifeline() -> int:
    """The end that the roles read; nobody else has the other one."""
    if not _lifeline:
        _lifeline.extend(os.pipe())
    return _lifeline[0]


_claims: Final[list[IO[str]]] = []
"""The locks of this process's blocks of ports, held to its end."""


def free_base_port() -> int:
    """The first of a block of ports that nobody listens on, and that is this process's from now on.

    A board's ports are free while its roles are dead: what keeps another board from them is the lock.  Below the
    range that the kernel gives out.

    :raises OSError: there is none.
    """
    blocks = list(range(10_000, 32_000, PORTS))
    Random(os.getpid()).shuffle(blocks)
    for base in blocks:
        claim = (Path(tempfile.gettempdir()) / f"bulletin-ports-{base}.lock").open("w")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for port in range(base, base + PORTS):
                with socket.socket() as probe:
                    probe.bind((LOOPBACK, port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return base
    raise OSError("no free ports")


class RoleProcess:
    """One role: how to start it, and what to do to it.

    :param name: what it is called here; its log is ``NAME.log`` in the folder.
    :param arguments: of twistd.
    :param http_port: where it has its pages.
    :param folder: where its log goes, and in which it runs.
    :param hosts: where it runs.
    """

    def __init__(
        self, name: str, arguments: list[str], http_port: int, folder: Path, hosts: Hosts | None = None
    ) -> None:
        hosts = hosts or OneHost()
        self.name = name
        self.arguments = arguments
        self.address = hosts.address(name)
        self.command = [
            *hosts.prefix(name),
            *TWISTD,
            *arguments,
            "--http",
            f"{self.address}:{http_port}",
        ]
        self.http_port = http_port
        self.log = folder / f"{name}.log"
        self.environment: dict[str, str] = {}
        """What its environment has beside this process's."""
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        """How often it was started."""

    @property
    def running(self) -> subprocess.Popen[bytes]:
        """Its process; it was started."""
        assert self.process is not None, f"{self.name} was not started"
        return self.process

    @property
    def alive(self) -> bool:
        """Whether its process runs, or stands still."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start its process."""
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.log.parent,
                env=os.environ | {VARIABLE: str(lifeline())} | self.environment,
                pass_fds=[lifeline()],
            )

    def signal(self, number: int) -> None:
        """Send its process a signal."""
        self.running.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.running.kill()
        self.running.wait()

    def stop(self, patience: float = 5.0) -> int:
        """SIGTERM; the exit status.

        :raises subprocess.TimeoutExpired: it takes longer than promised.
        """
        self.running.terminate()
        return self.running.wait(patience)

    def get(self, path: str, timeout: float = 1.0) -> tuple[int, str]:
        """HTTP status and text of a path; status 0 where nobody answers."""
        connection = http.client.HTTPConnection(self.address, self.http_port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)
        finally:
            connection.close()

    def wait_ready(self, patience: float = 60.0) -> float:
        """Seconds that it took until ``/readyz`` said yes.

        :raises NotReadyError: it ended, or did not say so in time.
        """
        begun = time.monotonic()
        while True:
            status, text = self.get("/readyz")
            waited = time.monotonic() - begun
            if status == http.client.OK:
                return waited
            if waited > patience or not self.alive:
                tail = self.log.read_text(errors="replace")[-3000:]
                raise NotReadyError(f"{self.name}: {status} {text.strip()}\n{tail}")
            time.sleep(0.02)


class Board:
    """Broker, proxy, reference and servers.

    :param folder: where logs and data go.
    :param servers: how many.
    :param two_brokers: whether there is a second broker, ``second_broker``.
    :param hosts: where they run; all on the loopback, if not given.
    """

    def __init__(
        self, folder: Path, servers: int = 3, *, two_brokers: bool = False, hosts: Hosts | None = None
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.hosts = hosts = hosts or OneHost()
        base = self.base = free_base_port()

        def at(role: str, offset: int) -> str:
            return f"tcp://{hosts.address(role)}:{base + offset}"

        def role(name: str, arguments: list[str], port: int) -> RoleProcess:
            return RoleProcess(name, arguments, base + port, folder, hosts)

        self.broker_endpoint = at("broker", 0)
        self.proxy_endpoint = at("proxy", 3)
        self.broker = role(
            "broker", ["bulletin-broker", "--clients", at("broker", 0), "--servers", at("broker", 1)], 20
        )
        self.proxy = role(
            "proxy", ["bulletin-proxy", "--publishers", at("proxy", 2), "--subscribers", at("proxy", 3)], 21
        )
        self.reference = role(
            "reference",
            ["bulletin-reference", "--listen", at("reference", 5), "--data", str(folder / "reference")],
            22,
        )
        self.second_broker_endpoint = at("broker2", 30)
        self.second_broker = role(
            "broker2", ["bulletin-broker", "--clients", at("broker2", 30), "--servers", at("broker2", 31)], 32
        )
        brokers = at("broker", 1) + (f",{at('broker2', 31)}" if two_brokers else "")
        self.servers = [
            role(
                name,
                [
                    *("bulletin-server", "--name", name, "--listen", at(name, 5 + n)),
                    *("--data", str(folder / name), "--broker", brokers, "--proxy", at("proxy", 2)),
                    *("--reference", at("reference", 5), "--expect", str(servers)),
                ],
                22 + n,
            )
            for n in range(1, servers + 1)
            for name in [f"server{n}"]
        ]
        self.roles = [self.reference, self.broker, self.proxy, *self.servers]
        if two_brokers:
            self.roles.append(self.second_broker)

    def data(self, server: RoleProcess) -> Path:
        """A server's directory."""
        return self.folder / server.name

    def start(self) -> None:
        """Start all, and wait until they are ready."""
        for role in self.roles:
            role.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until all are ready."""
        for role in self.roles:
            role.wait_ready()

    def leader(self) -> RoleProcess | None:
        """The server whose metrics say that it leads."""
        for server in self.servers:
            if 'bulletin_log_role{role="leader"} 1.0' in server.get("/metrics")[1]:
                return server
        return None

    def stop(self, patience: float = 6.0) -> dict[str, int]:
        """SIGTERM to all; their exit statuses."""
        started = [role for role in self.roles if role.process is not None]
        for role in started:
            role.running.terminate()
        return {role.name: role.running.wait(patience) for role in started}

    def destroy(self) -> None:
        """Whatever state they are in, end them."""
        for role in self.roles:
            if role.alive:
                role.signal(signal.SIGCONT)
                role.kill()


def values_of(page: str) -> dict[str, float]:
    """The samples of a page of metrics, by their full names."""
    lines = (line.rpartition(" ") for line in page.splitlines() if line and line[0] != "#")
    return {name: float(value) for name, _, value in lines}
