"""One process's view of a simulated disk."""

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bulletin.core.store.port import StoreBusy, StoreError
from bulletin.storage.simulated_disk.file import File
from bulletin.storage.simulated_disk.keeping import Renamed, Truncated, Wrote
from bulletin.storage.simulated_disk.vfs import DiskVFS

if TYPE_CHECKING:
    from bulletin.storage.files import Lock
    from bulletin.storage.simulated_disk.disk import SimulatedDisk


class OpenedFile:
    """An open file; implements :class:`bulletin.storage.files.OpenFile`."""

    def __init__(self, mount: "Mount", path: str, file: File, *, synced: bool = False) -> None:
        """It is open.

        :param synced: each write is synced by itself.
        """
        self._mount: Final = mount
        self._disk: Final = mount.disk
        self._path: Final = path
        self._synced: Final = synced
        self.file: Final = file
        """Its bytes."""

    def read(self, size: int, offset: int) -> bytes:
        """See :meth:`bulletin.storage.files.OpenFile.read`."""
        if not self._mount.dead:
            self._disk.happen(self._mount, self._path, "read")
        return bytes(self.file.content[offset : offset + size])

    def write(self, data: bytes, offset: int) -> None:
        """See :meth:`bulletin.storage.files.OpenFile.write`."""
        self._disk.happen(self._mount, self._path, "write")
        self._disk.room_for(offset + len(data) - len(self.file.content))
        self.file.do(Wrote(offset, bytes(data)))
        if self._synced:
            self.sync()

    def truncate(self, size: int) -> None:
        """Cut the file off."""
        self._disk.happen(self._mount, self._path, "truncate")
        self.file.do(Truncated(size))

    def reserve(self, size: int) -> None:
        """See :meth:`bulletin.storage.files.OpenFile.reserve`."""
        if len(self.file.content) < size:
            self._disk.happen(self._mount, self._path, "truncate")
            self._disk.room_for(size - len(self.file.content))
            self.file.do(Truncated(size))

    def sync(self) -> None:
        """See :meth:`bulletin.storage.files.OpenFile.sync`."""
        self._disk.happen(self._mount, self._path, "sync")
        if not self._disk.lies(self._path):
            self.file.sync()

    def close(self) -> None:
        """See :meth:`bulletin.storage.files.OpenFile.close`."""


class Mount:
    """Implements :class:`bulletin.storage.files.Files`."""

    def __init__(self, disk: "SimulatedDisk", number: int) -> None:
        """A process begins.

        :param number: 1, 2, 3, … of the processes on this disk.
        """
        self.disk: Final = disk
        self.number: Final = number
        self.dead = False
        """Whether the process has ended."""
        self._vfs: DiskVFS | None = None

    @property
    def vfs(self) -> str:
        """See :attr:`bulletin.storage.files.Files.vfs`."""
        if self._vfs is None:
            self._vfs = DiskVFS(self)
        return self._vfs.name

    def exists(self, path: Path) -> bool:
        """See :meth:`bulletin.storage.files.Files.exists`."""
        return str(path) in self.disk.names

    def names(self, directory: Path) -> list[str]:
        """See :meth:`bulletin.storage.files.Files.names`."""
        self._find(str(directory))
        return sorted(Path(path).name for path in self.disk.names if Path(path).parent == directory)

    def open(self, path: Path, flags: int) -> OpenedFile:
        """See :meth:`bulletin.storage.files.Files.open`."""
        name = str(path)
        if flags & os.O_CREAT and name not in self.disk.names:
            self.make(name)
        elif flags & os.O_EXCL:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        opened = OpenedFile(self, name, self._find(name), synced=bool(flags & os.O_DSYNC))
        if flags & os.O_TRUNC and opened.file.content:
            opened.truncate(0)
        return opened

    def temporary(self, directory: Path) -> OpenedFile:
        """See :meth:`bulletin.storage.files.Files.temporary`."""
        self._find(str(directory))
        return self.unnamed()

    def unnamed(self) -> OpenedFile:
        """A file without a name."""
        return OpenedFile(self, "", File())

    def make(self, path: str, *, is_directory: bool = False) -> File:
        """A new file, or directory."""
        self._find(os.path.dirname(path))  # noqa: PTH120 - a simulated path
        self.disk.happen(self, path, "name")
        file = File(is_directory=is_directory)
        self.disk.rename(Renamed(None, path, file))
        return file

    def remove(self, path: Path) -> None:
        """See :meth:`bulletin.storage.files.Files.remove`."""
        file = self._find(str(path))
        self.disk.happen(self, str(path), "name")
        self.disk.rename(Renamed(str(path), None, file))

    def rename(self, source: Path, target: Path) -> None:
        """See :meth:`bulletin.storage.files.Files.rename`."""
        file = self._find(str(source))
        self.disk.happen(self, str(target), "name")
        self.disk.rename(Renamed(str(source), str(target), file))

    def sync(self, path: Path) -> None:
        """See :meth:`bulletin.storage.files.Files.sync`."""
        file = self._find(str(path))
        self.disk.happen(self, str(path), "sync")
        if file.is_directory:
            self.disk.sync_names(str(path))
        else:
            file.sync()

    def lock(self, directory: Path) -> "Lock":
        """See :meth:`bulletin.storage.files.Files.lock`."""
        return DiskLock(self, directory)

    def _find(self, path: str) -> File:
        file = self.disk.names.get(path)
        if file is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return file


class DiskLock:
    """Implements :class:`bulletin.storage.files.Lock`."""

    def __init__(self, mount: Mount, directory: Path) -> None:
        """It is not taken yet."""
        self._mount: Final = mount
        self._directory: Final = directory
        self._is_held = False

    def acquire(self) -> None:
        """See :meth:`bulletin.storage.files.Lock.acquire`."""
        disk, directory = self._mount.disk, self._directory
        try:
            for missing in (*reversed(directory.parents), directory):
                if str(missing) not in disk.names:
                    self._mount.make(str(missing), is_directory=True)
        except OSError as error:
            raise StoreError(f"{directory} cannot be used for data: {error.strerror}.") from error
        if str(directory) in disk.locked:
            raise StoreBusy(f"{directory} is in use by another process; stop it, or choose another --data.")
        disk.locked.add(str(directory))
        self._is_held = True

    def release(self) -> None:
        """See :meth:`bulletin.storage.files.Lock.release`."""
        if self._is_held and not self._mount.dead:
            self._mount.disk.locked.discard(str(self._directory))
        self._is_held = False
