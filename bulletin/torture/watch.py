"""Looks at all roles about once a second, while they are broken and mended, for what must not be at any moment."""

import re
import threading
from pathlib import Path
from typing import Final

from bulletin.core.limits import MIB
from bulletin.torture.board import Board, RoleProcess, values_of

LOOK_SECONDS: Final = 1.0

MEMORY_MAX: Final = {"broker": 1024 * MIB, "proxy": 1024 * MIB, "reference": 512 * MIB, "server": 2048 * MIB}
"""Resident bytes of a role at most, by the beginning of its name (docs/operations.md, deploy/systemd)."""

ALARMING: Final = re.compile(
    r"Traceback|Unhandled|AssertionError|could not be handled|failed, and is read again"
)
"""What no fault may bring into a log."""

_DIGEST: Final = re.compile(r'bulletin_board_digest\{digest="([0-9a-f]+)"\} (\S+)')
_TERM: Final = re.compile(r"^bulletin_log_term (\S+)$", re.MULTILINE)
_LEADS: Final = 'bulletin_log_role{role="leader"} 1.0'


def memory(pid: int, key: str) -> int:
    """Bytes of ``VmRSS`` (now) or ``VmHWM`` (the most so far) of a process; 0 where it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    match = re.search(rf"^{key}:\s+(\d+) kB", text, re.MULTILINE)
    return 1024 * int(match[1]) if match else 0


class Watch(threading.Thread):
    """Compares the servers' digests, counts leaders of a term, and measures memory."""

    def __init__(self, board: Board) -> None:
        super().__init__(name="watch", daemon=True)
        self.board = board
        self.stop = threading.Event()
        self.peaks: dict[str, int] = {}
        """The most resident bytes of each role."""
        self.compared = 0
        """How often two servers were seen at one index."""
        self.broken: list[str] = []
        self._digests: dict[float, tuple[str, str]] = {}
        self._leaders: dict[float, str] = {}

    def run(self) -> None:
        """Look until told to stop."""
        try:
            while not self.stop.wait(LOOK_SECONDS):
                self.look()
        except BaseException as error:
            self._tell(f"the watch itself ended: {error!r}")
            raise

    def look(self) -> None:
        """Once."""
        for role in self.board.roles:
            if role.process is not None:
                peak = max(self.peaks.get(role.name, 0), memory(role.process.pid, "VmHWM"))
                self.peaks[role.name] = peak
        for server in self.board.servers:
            self._look_at(server, server.get("/metrics", 0.5)[1])

    def _look_at(self, server: RoleProcess, page: str) -> None:
        found = _DIGEST.search(page)
        if found is not None:
            self._digest(server.name, found[1], float(found[2]))
        term = _TERM.search(page)
        if term is not None and _LEADS in page:
            first = self._leaders.setdefault(float(term[1]), server.name)
            if first != server.name:
                self._tell(f"{first} and {server.name} both led in term {term[1]}")

    def _digest(self, name: str, digest: str, index: float) -> None:
        other = self._digests.setdefault(index, (name, digest))
        if other[0] != name:
            self.compared += 1
            if other[1] != digest:
                self._tell(f"{other[0]} and {name} have different states at entry {index:.0f}")

    def _tell(self, sentence: str) -> None:
        if sentence not in self.broken:
            self.broken.append(sentence)

    def faults(self) -> list[str]:
        """All that was found."""
        found = list(self.broken)
        for name, peak in self.peaks.items():
            bound = MEMORY_MAX[name.rstrip("0123456789")]
            if peak > bound:
                found.append(f"{name} had {peak // MIB} MiB; {bound // MIB} are allowed")
        return found

    def level(self) -> bool:
        """Whether all servers are at one index, with one digest, and have all of it in their tables."""
        states = set()
        for server in self.board.servers:
            page = server.get("/metrics", 2.0)[1]
            self._look_at(server, page)
            found = _DIGEST.search(page)
            if found is None or values_of(page).get("bulletin_log_written") != float(found[2]):
                return False
            states.add(found[0])
        return len(states) == 1


def alarms(board: Board) -> list[str]:
    """What no log may have in it."""
    found = []
    for role in board.roles:
        text = role.log.read_text(errors="replace")
        alarm = ALARMING.search(text)
        if alarm:
            found.append(f"{role.name} logged: {text[max(0, alarm.start() - 200) : alarm.end() + 2000]}")
    return found
