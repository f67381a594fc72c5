"""The disk: its files, their names, and what of both is not synced."""

import errno
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from bulletin.storage.simulated_disk.file import File
from bulletin.storage.simulated_disk.keeping import Keep, Renamed, some
from bulletin.storage.simulated_disk.mount import Mount

Fault = Callable[[str, str], OSError | None]
"""Given a path and what is to be done (``write``, ``truncate``, ``sync``, ``name``, ``read``): the error that it ends with,
or None."""


class SimulatedDisk:
    """One machine's disk."""

    def __init__(self, random: Random) -> None:
        """An empty disk that nobody uses.

        :param random: draws what is left to chance, and member ids and the like.
        """
        self.random: Final = random
        self.names: dict[str, File] = {"/": File(is_directory=True)}
        """The files by their paths, as the running system sees them."""
        self._synced_names: dict[str, File] = dict(self.names)
        self._pending_names: list[Renamed] = []
        self.locked: set[str] = set()
        """Directories that are in use."""
        self.capacity: int | None = None
        """Bytes that all files may have together; None: as many as they like."""
        self.fault: Fault = lambda _path, _what: None
        """Asked before each operation."""
        self.lies: Callable[[str], bool] = lambda _path: False
        """Whether a sync of a file's bytes is said to be done, and is not."""
        self.watch: Callable[[str, str], object] = lambda _path, _what: None
        """Called before each operation that changes something, with its path and what it is."""
        self.operations = 0
        """How many operations changed something."""
        self._left: int | None = None
        self._ending: Callable[[], object] = lambda: None
        self.mounted: Mount | None = None
        """The running system's view."""
        self.mounts = 0
        """How many processes have used it."""
        self._bases: Path | None = None

    # Processes, and how they end

    def mount(self) -> Mount:
        """A process begins to use the disk; the one before has ended.

        It is told of by its own view: whatever it does after its end fails.
        """
        self.kill()
        self.mounts += 1
        self.mounted = Mount(self, self.mounts)
        return self.mounted

    def kill(self) -> None:
        """The process ends as by ``kill -9``: what it has done is there, synced or not, as long as the power is."""
        if self.mounted is not None:
            self.mounted.dead = True
        self.mounted = None
        self.locked.clear()
        self._left = None

    def cut(self, keep: Keep | None = None) -> None:
        """The power fails.

        :param keep: what of the unsynced is left; None: any part.
        """
        self.kill()
        image = self.image(keep)
        self.names = image.names
        self._synced_names = image._synced_names  # noqa: SLF001 - of this class
        self._pending_names.clear()

    def image(self, keep: Keep | None = None, random: Random | None = None) -> "SimulatedDisk":
        """The disk as a power cut would leave it, as another one.

        :param keep: what of the unsynced is left; None: any part.
        :param random: the other one's generator; None: this one's.
        """
        keep = keep or some(self.random)
        names = dict(self._synced_names)
        for operation in keep(self._pending_names):
            assert isinstance(operation, Renamed)
            _rename(names, operation)
        left: dict[int, File] = {}
        found = {}
        for path, file in names.items():
            if id(file) not in left:
                left[id(file)] = file.after(keep)
            found[path] = left[id(file)]
        image = SimulatedDisk(random or self.random)
        image.names = {path: file for path, file in found.items() if _is_reachable(path, found)}
        image._synced_names = dict(image.names)
        return image

    def stop_after(self, operations: int | None, ending: Callable[[], object] = lambda: None) -> None:
        """Have the process end before it has done so many operations more that change something; None: have it live.

        :param ending: :meth:`cut` or :meth:`kill`, or a function that calls one of them.
        """
        self._left = operations
        self._ending = ending

    # What a mount does

    def happen(self, mount: Mount, path: str, what: str) -> None:
        """Something is about to be done.

        :raises OSError: it is not to be.
        """
        self._check(mount)
        if what != "read":
            self.operations += 1
            self.watch(path, what)
            if self._left is not None:
                self._left -= 1
                if self._left < 0:
                    self._ending()
                    self._check(mount)
        error = self.fault(path, what)
        if error is not None:
            if what == "sync":
                self._lose(path)
            raise error

    def _check(self, mount: Mount) -> None:
        if mount.dead:
            raise OSError(errno.EIO, "the power is off, or the process has ended")

    def _lose(self, path: str) -> None:
        """A sync failed: the system may forget that it had something to write."""
        file = self.names.get(path)
        if file is not None:
            file.pending = [operation for operation in file.pending if self.random.random() < 0.5]

    @property
    def used(self) -> int:
        """Bytes of all files together."""
        return sum(len(file.content) for file in self.names.values())

    def room_for(self, grows: int) -> None:
        """Have room for so many bytes more.

        :raises OSError: there is none.
        """
        if self.capacity is None or grows <= 0:
            return
        if self.used + grows > self.capacity:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def rename(self, operation: Renamed) -> None:
        """Change a name; not synced."""
        _rename(self.names, operation)
        self._pending_names.append(operation)

    def sync_names(self, directory: str) -> None:
        """Have the names in a directory on the disk."""
        left = []
        for operation in self._pending_names:
            name = operation.target if operation.target is not None else operation.source
            assert name is not None
            if os.path.dirname(name) == directory:  # noqa: PTH120 - a simulated path
                _rename(self._synced_names, operation)
            else:
                left.append(operation)
        self._pending_names = left

    # Between two processes

    def flip(self, path: str, bit: int) -> None:
        """Turn one bit of a file over."""
        file = self.names[path]
        for content in (file.content, file.synced):
            if bit // 8 < len(content):
                content[bit // 8] ^= 1 << bit % 8

    def files(self) -> dict[str, bytes]:
        """The bytes of all files, as the running system sees them."""
        return {path: bytes(file.content) for path, file in self.names.items() if not file.is_directory}

    def put(self, path: str, data: bytes) -> None:
        """Have a file on the disk, synced; with its directories."""
        for directory in reversed(Path(path).parents):
            if str(directory) not in self.names:
                self.names[str(directory)] = self._synced_names[str(directory)] = File(is_directory=True)
        self.names[path] = self._synced_names[path] = File(data)

    def forget(self, path: str) -> None:
        """Have a file lost."""
        del self.names[path]
        self._synced_names.pop(path, None)

    def base(self, mount: int, path: str) -> str:
        """The real, empty file that SQLite locks in the place of a database."""
        if self._bases is None:
            self._bases = Path(tempfile.mkdtemp(prefix="bulletin-disk-"))
            weakref.finalize(self, shutil.rmtree, self._bases, ignore_errors=True)
        base = self._bases / f"{mount}{path.replace('/', '-')}"
        base.touch()
        return str(base)


def _rename(names: dict[str, File], operation: Renamed) -> None:
    if operation.source is not None:
        names.pop(operation.source, None)
    if operation.target is not None:
        assert isinstance(operation.file, File)
        names[operation.target] = operation.file


def _is_reachable(path: str, names: dict[str, File]) -> bool:
    return all(str(parent) in names for parent in Path(path).parents)
