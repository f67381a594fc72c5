"""What a board must go on doing while it is attacked: live, keep quiet, stay small, and serve an honest client."""

import re
import threading
import time
from pathlib import Path

import attrs
import zmq

from tests.processes.board import Board, RoleProcess
from tests.processes.clients import Caller

MIB = 1024 * 1024

GROWTH_MAX = 100 * MIB
"""Resident memory that a role may have gained once an attack is over: its bounded queues (docs/protocol.md), and what the
allocator keeps of them."""

PEAK_MAX = 256 * MIB
"""The same while an attack goes on."""

LOG_BYTES_MAX = 64 * 1024
"""What one attack may add to a role's log: a few lines of each kind in half a minute."""

ALARMING = re.compile(
    r"Traceback|Unhandled|AssertionError|could not be handled|failed, and is read again", re.IGNORECASE
)
"""What no peer may bring into a log."""

CHANNEL = "honesto"
PATIENCE = 5.0


def memory(pid: int, key: str) -> int:
    """Bytes of ``VmRSS`` (now) or ``VmHWM`` (the most so far) of a process; 0 where it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    match = re.search(rf"^{key}:\s+(\d+) kB", text, re.MULTILINE)
    return 1024 * int(match[1]) if match else 0


@attrs.define
class _Before:
    pid: int
    resident: int
    log_bytes: int


class Watch:
    """All roles of a board, from one moment on."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.before = {role.name: self._state(role) for role in board.roles}

    @staticmethod
    def _state(role: RoleProcess) -> _Before:
        pid = role.process.pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak counts from here
        return _Before(pid, memory(pid, "VmRSS"), role.log.stat().st_size)

    def growth(self, key: str) -> dict[str, int]:
        """Bytes that each role has gained."""
        return {name: memory(was.pid, key) - was.resident for name, was in self.before.items()}

    def faults(self) -> list[str]:
        """What is wrong with the roles now; empty where nothing is."""
        found = []
        for role in self.board.roles:
            was = self.before[role.name]
            if role.process.pid != was.pid or role.process.poll() is not None:
                found.append(f"{role.name} died: {role.process.poll()}")
                continue
            status, text = role.get("/healthz", PATIENCE)
            if status != 200:
                found.append(f"{role.name} is not healthy: {status} {text.strip()}")
            found += self._log_faults(role, was)
        for key, most, when in (("VmHWM", PEAK_MAX, "at most"), ("VmRSS", GROWTH_MAX, "afterwards")):
            found += [
                f"{name} grew by {grown // MIB} MiB {when}; {most // MIB} are allowed"
                for name, grown in self.growth(key).items()
                if grown > most
            ]
        return found

    @staticmethod
    def _log_faults(role: RoleProcess, was: _Before) -> list[str]:
        found = []
        with role.log.open("rb") as log:
            log.seek(was.log_bytes)
            text = log.read(16 * MIB).decode(errors="replace")
        if len(text) > LOG_BYTES_MAX:
            found.append(f"{role.name} wrote {len(text)} bytes into its log")
        alarm = ALARMING.search(text)
        if alarm:
            found.append(f"{role.name} logged: {text[max(0, alarm.start() - 200) : alarm.end() + 2000]}")
        return found


class Honest(threading.Thread):
    """A client that posts, one post at a time, and waits 5 s for each answer."""

    def __init__(self, context: zmq.Context, endpoint: str) -> None:
        super().__init__(name="honest", daemon=True)
        self.caller = Caller(context, endpoint, None)
        self.stop = threading.Event()
        self.posted = 0
        self.asked_again = 0
        self.slowest = 0.0
        self.errors: list[str] = []

    def prepare(self) -> None:
        """Make the channel that it posts to."""
        reply = self.caller.call("cadastrar canal", {"canal": CHANNEL}, 2 * PATIENCE)
        assert reply is not None, "the channel was not created in time"
        assert reply["status"] == "sucesso", reply

    def post(self) -> bool:
        """One post; whether it was acknowledged.  That a full broker asks to wait is no failure, but counted."""
        begun = time.monotonic()
        fields = {
            "canal": CHANNEL,
            "user": "honesta",
            "message": f"post {self.posted}",
            "id": f"h{time.time_ns()}",
        }
        while True:
            reply = self.caller.call("publicar mensagem", fields, PATIENCE)
            waited = time.monotonic() - begun
            if reply is not None and reply["status"] == "sucesso":
                self.posted += 1
                self.slowest = max(self.slowest, waited)
                return True
            if reply is None or reply["erro"] != "sobrecarregado" or waited > 2 * PATIENCE:
                what = "no answer" if reply is None else reply["erro"]
                self.errors.append(f"{what} after {waited:.2f} s")
                return False
            self.asked_again += 1
            time.sleep(reply["tente_em"] / 4)

    def run(self) -> None:
        while not self.stop.is_set():
            self.post()
            self.stop.wait(0.02)

    def finish(self) -> None:
        self.stop.set()
        self.join(3 * PATIENCE)
        assert not self.is_alive(), "the honest client hangs"
