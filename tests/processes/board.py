"""A board of separate processes on loopback, each of which can be killed, paused and started again."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from random import Random

from bulletin.roles.orphan import VARIABLE

TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile="]
PORTS = 40


class NotReadyError(Exception):
    """A role did not become ready in time; the message has the end of its log."""


_lifeline: list[int] = []
"""The two ends of the pipe whose end tells every role that this process is gone, however it ended."""


def lifeline() -> int:
    """The end that the roles read; nobody else has the other one."""
    if not _lifeline:
        _lifeline.extend(os.pipe())
    return _lifeline[0]


_claims: list[object] = []
"""The locks of this process's blocks of ports, held to its end."""


def free_base_port() -> int:
    """The first of a block of ports that nobody listens on, and that is this process's from now on.

    A board's ports are free while its roles are dead: what keeps another test's board from them is the lock.  Below the
    range that the kernel gives out.
    """
    blocks = list(range(10_000, 32_000, PORTS))
    Random(os.getpid()).shuffle(blocks)
    for base in blocks:
        claim = (Path(tempfile.gettempdir()) / f"bulletin-ports-{base}.lock").open("w")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for port in range(base, base + PORTS):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return base
    raise OSError("no free ports")


class RoleProcess:
    """One role: how to start it, and what to do to it."""

    def __init__(self, name: str, arguments: list[str], http_port: int, folder: Path) -> None:
        self.name = name
        self.arguments = arguments
        self.command = [*TWISTD, *arguments, "--http", f"127.0.0.1:{http_port}"]
        self.http_port = http_port
        self.log = folder / f"{name}.log"
        self.environment: dict[str, str] = {}
        """What its environment has beside this process's."""
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
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
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, patience: float = 5.0) -> int:
        """SIGTERM; the exit status, or an exception when it takes longer than promised."""
        self.process.terminate()
        return self.process.wait(patience)

    def get(self, path: str, timeout: float = 1.0) -> tuple[int, str]:
        """HTTP status and text of a path; status 0 where nobody answers."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.http_port}{path}", timeout=timeout
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def wait_ready(self, patience: float = 60.0) -> float:
        """Seconds that it took until ``/readyz`` said yes."""
        begun = time.monotonic()
        while True:
            status, text = self.get("/readyz")
            waited = time.monotonic() - begun
            if status == 200:
                return waited
            if waited > patience or self.process.poll() is not None:
                tail = self.log.read_text(errors="replace")[-3000:]
                raise NotReadyError(f"{self.name}: {status} {text.strip()}\n{tail}")
            time.sleep(0.02)


class Board:
    """Broker, proxy, reference and servers.

    :param folder: where logs and data go.
    :param servers: how many.
    :param two_brokers: whether there is a second broker, ``second_broker``.
    """

    def __init__(self, folder: Path, servers: int = 3, *, two_brokers: bool = False) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        base = self.base = free_base_port()

        def at(offset: int) -> str:
            return f"tcp://127.0.0.1:{base + offset}"

        self.broker_endpoint = at(0)
        self.proxy_endpoint = at(3)
        self.broker = RoleProcess(
            "broker", ["bulletin-broker", "--clients", at(0), "--servers", at(1)], base + 20, folder
        )
        self.proxy = RoleProcess(
            "proxy", ["bulletin-proxy", "--publishers", at(2), "--subscribers", at(3)], base + 21, folder
        )
        self.reference = RoleProcess(
            "reference",
            ["bulletin-reference", "--listen", at(5), "--data", str(folder / "reference")],
            base + 22,
            folder,
        )
        self.servers = [
            RoleProcess(
                f"server{n}",
                [
                    "bulletin-server",
                    *("--name", f"server{n}", "--listen", at(5 + n), "--data", str(folder / f"server{n}")),
                    *(
                        "--broker",
                        f"{at(1)},{at(31)}" if two_brokers else at(1),
                        "--proxy",
                        at(2),
                        "--reference",
                        at(5),
                        "--expect",
                        str(servers),
                    ),
                ],
                base + 22 + n,
                folder,
            )
            for n in range(1, servers + 1)
        ]
        self.roles = [self.reference, self.broker, self.proxy, *self.servers]
        self.second_broker_endpoint = at(30)
        self.second_broker = RoleProcess(
            "broker2", ["bulletin-broker", "--clients", at(30), "--servers", at(31)], base + 32, folder
        )
        if two_brokers:
            self.roles.append(self.second_broker)

    def start(self) -> None:
        for role in self.roles:
            role.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        for role in self.roles:
            role.wait_ready()

    def leader(self) -> RoleProcess | None:
        """The server whose metrics say that it leads."""
        for server in self.servers:
            if 'bulletin_log_role{role="leader"} 1.0' in server.get("/metrics")[1]:
                return server
        return None

    def stop(self) -> dict[str, int]:
        """SIGTERM to all; their exit statuses."""
        for role in self.roles:
            if role.process is not None:
                role.process.terminate()
        return {role.name: role.process.wait(6.0) for role in self.roles if role.process is not None}

    def destroy(self) -> None:
        """Whatever state they are in, end them."""
        for role in self.roles:
            if role.process is not None and role.process.poll() is None:
                role.process.send_signal(signal.SIGCONT)
                role.kill()
