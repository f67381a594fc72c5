"""What a board must go on doing while it is attacked: live, keep quiet, stay small, and serve an honest client."""

import re
import threading
import time
from pathlib import Path

import attrs
import zmq

from bulletin.torture.board import Board, RoleProcess
from bulletin.torture.calls import Caller
from bulletin.torture.reader import channels, whole_history
from bulletin.torture.watch import memory

MIB = 1024 * 1024

GROWTH_MAX = 100 * MIB
"""Resident memory that a role may have gained once an attack is over: its bounded queues (docs/protocol.md), and what the
allocator keeps of them."""

PEAK_MAX = 256 * MIB
"""The same while an attack goes on."""

LOG_BYTES_MAX = 64 * 1024
"""What half a minute of an attack may add to a role's log: a few lines of each kind."""

LOG_SECONDS = 30.0

ALARMING = re.compile(
    r"Traceback|Unhandled|AssertionError|could not be handled|failed, and is read again", re.IGNORECASE
)
"""What no peer may bring into a log."""

CHANNEL = "honesto"
PATIENCE = 5.0
"""Seconds until the honest client asks again."""

SERVED_WITHIN = 15.0
"""Seconds in which each of its posts must be acknowledged, by asking again where that is advised."""


@attrs.define
class _Before:
    pid: int
    resident: int
    log_bytes: int


class Watch:
    """All roles of a board, from one moment on."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.begun = time.monotonic()
        self.before = {role.name: self._state(role) for role in board.roles}

    @staticmethod
    def _state(role: RoleProcess) -> _Before:
        pid = role.process.pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak counts from here
        return _Before(pid, memory(pid, "VmRSS"), role.log.stat().st_size)

    def growth(self, key: str) -> dict[str, int]:
        """Bytes that each role has gained."""
        return {name: memory(was.pid, key) - was.resident for name, was in self.before.items()}

    def broken(self) -> list[str]:
        """Which roles died, are not healthy, or wrote what they should not; empty where none is."""
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
        return found

    def faults(self) -> list[str]:
        """What is wrong with the roles now, their growth included; empty where nothing is."""
        found = self.broken()
        for key, most, when in (("VmHWM", PEAK_MAX, "at most"), ("VmRSS", GROWTH_MAX, "afterwards")):
            found += [
                f"{name} grew by {grown // MIB} MiB {when}; {most // MIB} are allowed"
                for name, grown in self.growth(key).items()
                if grown > most
            ]
        return found

    def _log_faults(self, role: RoleProcess, was: _Before) -> list[str]:
        found = []
        allowed = LOG_BYTES_MAX * max(1.0, (time.monotonic() - self.begun) / LOG_SECONDS)
        with role.log.open("rb") as log:
            log.seek(was.log_bytes)
            text = log.read(16 * MIB).decode(errors="replace")
        if len(text) > allowed:
            found.append(f"{role.name} wrote {len(text)} bytes into its log")
        alarm = ALARMING.search(text)
        if alarm:
            found.append(f"{role.name} logged: {text[max(0, alarm.start() - 200) : alarm.end() + 2000]}")
        return found


class Honest(threading.Thread):
    """A client that posts, one post at a time, and asks again with the same id as docs/protocol.md advises."""

    def __init__(self, context: zmq.Context, endpoint: str) -> None:
        super().__init__(name="honest", daemon=True)
        self.caller = Caller(context, endpoint, None)
        self.stop = threading.Event()
        self.acknowledged: dict[str, int] = {}
        self.asked_again = 0
        self.slowest = 0.0
        self.errors: list[str] = []

    def prepare(self) -> None:
        """Make the channel that it posts to."""
        if self._ask("cadastrar canal", {"canal": CHANNEL}) is None:
            raise AssertionError(f"there is no channel to post to: {self.errors}")

    def post(self) -> bool:
        """One post; whether it was acknowledged."""
        fields = {"canal": CHANNEL, "user": "honesta", "message": "Oi", "id": f"h{time.time_ns()}"}
        reply = self._ask("publicar mensagem", fields)
        if reply is not None:
            self.acknowledged[reply["id"]] = reply["seq"]
        return reply is not None

    def _ask(self, operation: str, fields: dict) -> dict | None:
        """A reply of success, after so many times of asking as it takes; None, and an error, where it takes too long."""
        begun = time.monotonic()
        while True:
            reply = self.caller.call(operation, fields, PATIENCE)
            waited = time.monotonic() - begun
            self.slowest = max(self.slowest, waited)
            if reply is not None and reply["status"] == "sucesso":
                return reply
            if waited > SERVED_WITHIN or (reply is not None and "tente_em" not in reply):
                what = "no answer" if reply is None else reply["erro"]
                self.errors.append(f"{what} after {waited:.2f} s")
                return None
            self.asked_again += 1
            if reply is not None:
                time.sleep(reply["tente_em"] / 4)

    def run(self) -> None:
        while not self.stop.is_set():
            self.post()
            self.stop.wait(0.02)

    def finish(self) -> None:
        self.stop.set()
        self.join(2 * SERVED_WITHIN)
        assert not self.is_alive(), "the honest client hangs"

    def lost(self) -> list[str]:
        """Acknowledged posts that are not in the history once, where they were acknowledged."""
        stored: dict[str, list[int]] = {}
        for post in whole_history(self.caller, channels(CHANNEL)):
            stored.setdefault(post.id, []).append(post.seq)
        return [
            f"{id_} was acknowledged at {seq} and is at {stored.get(id_)}"
            for id_, seq in self.acknowledged.items()
            if stored.get(id_) != [seq]
        ]
