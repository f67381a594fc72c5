"""Files that are not what the server wrote: torn, flipped, of yesterday, of another server, gone.

All other servers are whole meanwhile.  What is expected of the damaged one: it is well again by itself, at once or when it is
started again; or it refuses to start with a sentence, or takes no part with a sentence.  Then it is done what docs/operations.md
advises: a server that refuses twice, or takes no part, gets its own directory back, which was put aside before.  That can only be
done as long as it has not taken part with the damaged one: its own would be an old copy from then on.
"""

import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from enum import Enum
from pathlib import Path
from random import Random
from typing import Final

from bulletin.torture.board import RoleProcess
from bulletin.torture.faults.fault import READY, Fault, Scene, copy_directory
from bulletin.torture.faults.processes import STOP_SECONDS

DATABASE: Final = "board.sqlite"
WAL: Final = "board.sqlite-wal"
HARD_STATE: Final = "hard-state"

REFUSAL: Final = re.compile(r"^server: \S+ .+")
"""The last line of a server that refuses its directory."""

TRIES: Final = 1
"""How often a server that refused its directory is started again before it gets another: some mend themselves then."""

NOTICED: Final = re.compile(r"is damaged|no database, or its beginning|does not say of which version")
"""What a server logs that has found something which is not what was written."""

HEADER_BYTES: Final = 16
"""The bytes by which a file says that it is a database."""

TAKES_NO_PART: Final = re.compile(r"is an old copy|The server is empty|has another disk")
"""What ``/readyz`` of one says that waits for its right directory."""


class State(Enum):
    """What a server is doing when its directory is damaged."""

    KILLED = "killed"
    STOPPED = "stopped"
    RUNNING = "running"


class Damage(Fault, ABC):
    """A server's directory is damaged, while it does not run unless said otherwise."""

    alone = True
    weight = 1
    seconds = (4.0, 8.0)

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        (self.victim,) = claims
        self.data = scene.board.data(self.victim)
        """The server's directory."""
        self.state = State.KILLED
        self._aside = scene.board.folder / "aside" / self.victim.name
        self.came_to = ""
        """What came of it, in words."""
        self._refusals = 0
        self._healed = False
        self.hidden = False
        """Whether the damage may be where nobody looks for a while."""
        self._obvious = False
        """Whether it is where every start looks, too."""
        self._took_part = False
        self._logged = 0

    def begin(self) -> None:
        """Stop it, put its directory aside, damage it, start it; or damage it as it runs."""
        scene = self.scene
        scene.held.add(self.victim.name)
        if self.state is State.RUNNING:
            self._took_part = True  # no copy of its directory would be worth anything
        else:
            self._halt()
            if self._aside.exists():
                shutil.rmtree(self._aside)
            copy_directory(self.data, self._aside)
        self._logged = self.victim.log.stat().st_size
        self.detail = self.damage(self.data)
        if self.state is not State.KILLED:
            self.detail += f" ({self.state.value})"
        scene.say(f"{self.victim.name}: {self.detail}")
        if self.state is not State.RUNNING:
            self.victim.start()

    def _halt(self) -> None:
        if self.state is State.KILLED:
            self.victim.kill()
            return
        try:
            status = self.victim.stop(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.scene.broken.append(f"{self.victim.name} did not stop within {STOP_SECONDS:g} s of SIGTERM")
            self.victim.kill()
        else:
            if status:
                self.scene.broken.append(f"{self.victim.name} ended with status {status} after SIGTERM")

    @abstractmethod
    def damage(self, data: Path) -> str:
        """Damage a directory; what was done, in words."""

    def end(self) -> None:
        """Nothing is decided by time: the server is looked at until it is known what came of it."""

    def over(self) -> bool:
        """Look at the server; heal it as an operator would; say whether it is well."""
        status, said = self.victim.get("/readyz")
        if status == READY:
            self._took_part = True
            if not self.settled():
                return False
            self._came_to("well again" if not self._healed else "well again, with its own directory")
            self.scene.held.discard(self.victim.name)
            if not self._healed and DATABASE in self.detail and NOTICED.search(self.said_since()) is None:
                # What was lost of the log of a database's pages can have left pages of two times in it.
                self.scene.may_end[self.victim.name] = NOTICED
            for path in self.data.glob("damaged.sqlite*"):
                path.unlink()
            return True
        if not self.victim.alive:
            self._refused()
        elif not self._healed and TAKES_NO_PART.search(said):
            self._came_to(f"took no part: {said.strip()}")
            self.victim.kill()
            self._put_back()
        return False

    def settled(self) -> bool:
        """See to it that what is wrong in a database is noticed, whether or not somebody reads just that."""
        if not self.hidden or NOTICED.search(self.said_since()) is not None:
            return True
        if self._obvious:
            self.scene.broken.append(f"{self.victim.name} goes on with a database whose beginning is damaged")
            return True
        self._obvious = True
        self.victim.kill()
        flip(self.data / DATABASE, self.rng, 8, below=HEADER_BYTES)
        self.scene.say(f"{self.victim.name}: has noticed nothing; its first bytes are damaged, too")
        self.victim.start()
        return False

    def said_since(self) -> str:
        """What the server has logged since it was damaged."""
        with self.victim.log.open("rb") as log:
            log.seek(self._logged)
            return log.read().decode(errors="replace")

    def _refused(self) -> None:
        lines = self.victim.log.read_text(errors="replace").splitlines()
        last = lines[-1] if lines else ""
        status = self.victim.running.returncode
        if status != 1 or not REFUSAL.search(last):
            self.scene.broken.append(
                f"{self.victim.name}, with {self.detail}, ended with status {status}: {last}"
            )
        if self._healed:
            self.scene.broken.append(f"{self.victim.name} refuses the directory that was its own: {last}")
        self._came_to(f"refused: {last}")
        self._refusals += 1
        if self._refusals <= TRIES:
            self.victim.start()
        elif self._took_part:
            self.scene.broken.append(f"{self.victim.name}, with {self.detail}, does not mend itself: {last}")
        else:
            self._put_back()

    def _came_to(self, what: str) -> None:
        if what:
            self.came_to = what
            self.scene.say(f"{self.victim.name}: {what}")

    def _put_back(self) -> None:
        for path in self.data.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        shutil.copytree(self._aside, self.data, dirs_exist_ok=True)
        self._healed = True
        self.victim.start()


class Truncate(Damage):
    """A file that is shorter than it was."""

    kind = "truncate"

    def damage(self, data: Path) -> str:
        """Cut one off at any byte."""
        path = _one_of(self.rng, data, (DATABASE, WAL, HARD_STATE))
        self.hidden = path.name == DATABASE
        size = path.stat().st_size
        length = self.rng.choice(
            (0, self.rng.randrange(size), size - self.rng.randrange(1, min(size, 4096) + 1))
        )
        with path.open("r+b") as file:
            file.truncate(length)
        return f"{path.name} cut from {size} to {length} bytes"


class Flip(Damage):
    """Bits that are not what they were."""

    kind = "flip"

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        self.state = rng.choice((State.KILLED, State.KILLED, State.STOPPED, State.RUNNING))

    def damage(self, data: Path) -> str:
        """Flip some, anywhere."""
        path = _one_of(self.rng, data, (DATABASE, DATABASE, WAL, HARD_STATE))
        flipped = flip(path, self.rng, self.rng.choice((1, 1, 2, 8)))
        self.hidden = path.name == DATABASE
        return f"bits flipped in {path.name} at {', '.join(map(str, flipped))}"


class Rollback(Damage):
    """A directory of an earlier time."""

    kind = "rollback"

    @classmethod
    def pick(
        cls, scene: Scene, rng: Random, free: list[RoleProcess], budget: int
    ) -> tuple[RoleProcess, ...] | None:
        """One of which there is a copy."""
        known = [role for role in free if role.name in scene.copies]
        return (rng.choice(known),) if known and budget else None

    def damage(self, data: Path) -> str:
        """Put a copy in its place, whole or in part."""
        copy, starts = self.scene.copies[self.victim.name]
        parts: list[tuple[str, ...]] = [(DATABASE, WAL), (HARD_STATE,)]
        if self.victim.starts - starts > 1:
            # A copy of the very start before begins the same start a second time: the others cannot tell which
            # of the two is false, and want neither of them any more.
            parts.append((DATABASE, WAL, HARD_STATE))
        names = self.rng.choice(parts)
        replace_files(copy, data, names)
        return f"{', '.join(names)} of an earlier time"


class Swap(Damage):
    """Files of another server."""

    kind = "swap"

    def damage(self, data: Path) -> str:
        """Put those of a running one in their place, as they are at the moment."""
        others = [server for server in self.scene.board.servers if server is not self.victim]
        other = self.rng.choice(others)
        names = self.rng.choice(((DATABASE, WAL, HARD_STATE), (DATABASE, WAL), (HARD_STATE,)))
        replace_files(self.scene.board.data(other), data, names)
        return f"{', '.join(names)} of {other.name}"


class Loss(Damage):
    """Files that are gone."""

    kind = "loss"

    def damage(self, data: Path) -> str:
        """Remove one, or all."""
        names = [path.name for path in data.iterdir() if path.is_file()]
        if self.rng.random() < 0.75:
            names = [self.rng.choice((DATABASE, WAL, HARD_STATE))]
        for name in names:
            (data / name).unlink(missing_ok=True)
        return f"without {', '.join(sorted(names))}"


def _one_of(rng: Random, data: Path, names: tuple[str, ...]) -> Path:
    """One of some files that has bytes."""
    there = [data / name for name in names if (data / name).exists() and (data / name).stat().st_size]
    return rng.choice(there)


def flip(path: Path, rng: Random, count: int, below: int | None = None) -> list[int]:
    """Flip so many bits of a file; at which bytes.

    :param below: only in so many bytes at its beginning.
    """
    offsets = sorted(rng.sample(range(below or path.stat().st_size), count))
    with path.open("r+b") as file:
        for offset in offsets:
            file.seek(offset)
            (byte,) = file.read(1)
            file.seek(offset)
            file.write(bytes([byte ^ (1 << rng.randrange(8))]))
    return offsets


def replace_files(source: Path, target: Path, names: tuple[str, ...]) -> None:
    """Put files of one directory into another; those that the source has not are removed there."""
    for name in names:
        if (source / name).exists():
            shutil.copy(source / name, target / name)
        else:
            (target / name).unlink(missing_ok=True)
