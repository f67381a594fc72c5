"""What a store asks of the file system: so few things that a simulated disk does them all.

:class:`SystemFiles` is the system's; :mod:`bulletin.storage.simulated_disk` has the other.  SQLite sees the same files by
way of the VFS that :attr:`Files.vfs` names.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from bulletin.storage.directory import DirectoryLock


class OpenFile(Protocol):
    """A file that is open."""

    def read(self, size: int, offset: int) -> bytes:
        """So many bytes from a place on, or as many as there are.

        :raises OSError: they cannot be read.
        """

    def write(self, data: bytes, offset: int) -> None:
        """Put bytes at a place; synced, where the file was opened for that.

        :raises OSError: they, or some of them, may or may not be there.
        """

    def reserve(self, size: int) -> None:
        """Have room for so many bytes.

        :raises OSError: there is none.
        """

    def sync(self) -> None:
        """Have everything that was written on the disk.

        :raises OSError: it may or may not be there.
        """

    def close(self) -> None:
        """Close it."""


class Lock(Protocol):
    """Keeps a directory to one process; see :class:`bulletin.storage.directory.DirectoryLock`."""

    def acquire(self) -> None:
        """Take it, and make the directory where it is not there.

        :raises StoreBusy: another process has it.
        :raises StoreError: the directory cannot be used.
        """

    def release(self) -> None:
        """Let others have it; nothing happens where it is not held."""


class Files(Protocol):
    """A file system.  All methods raise :class:`OSError` where the system would."""

    @property
    def vfs(self) -> str | None:
        """The SQLite VFS by which SQLite sees these files; None: its own."""

    def exists(self, path: Path) -> bool:
        """Whether a file or directory is there."""

    def names(self, directory: Path) -> list[str]:
        """The names in a directory."""

    def open(self, path: Path, flags: int) -> OpenFile:
        """Open a file.

        :param flags: of the module ``os``: how; a file that is made is for this user only.
        """

    def temporary(self, directory: Path) -> OpenFile:
        """A file without a name, on the disk that a directory is on; it is gone when it is closed."""

    def remove(self, path: Path) -> None:
        """Remove a file."""

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name, in the place of the file that has it."""

    def sync(self, path: Path) -> None:
        """Have a file's bytes on the disk, or the names in a directory."""

    def lock(self, directory: Path) -> Lock:
        """A lock that one process has at a time; not taken yet."""


class SystemFile:
    """Implements :class:`OpenFile` with a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, size: int, offset: int) -> bytes:
        """See :meth:`OpenFile.read`."""
        return os.pread(self._descriptor, size, offset)

    def write(self, data: bytes, offset: int) -> None:
        """See :meth:`OpenFile.write`."""
        written = os.pwrite(self._descriptor, data, offset)
        while written < len(data):
            written += os.pwrite(self._descriptor, data[written:], offset + written)

    def reserve(self, size: int) -> None:
        """See :meth:`OpenFile.reserve`."""
        os.posix_fallocate(self._descriptor, 0, size)

    def sync(self) -> None:
        """See :meth:`OpenFile.sync`."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """See :meth:`OpenFile.close`."""
        os.close(self._descriptor)


class SystemFiles:
    """Implements :class:`Files` with the operating system's."""

    @property
    def vfs(self) -> str | None:
        """SQLite's own."""
        return None

    def exists(self, path: Path) -> bool:
        """See :meth:`Files.exists`."""
        return path.exists()

    def names(self, directory: Path) -> list[str]:
        """See :meth:`Files.names`."""
        return sorted(path.name for path in directory.iterdir())

    def open(self, path: Path, flags: int) -> OpenFile:
        """See :meth:`Files.open`."""
        return SystemFile(os.open(path, flags | os.O_CLOEXEC, 0o600))

    def temporary(self, directory: Path) -> OpenFile:
        """See :meth:`Files.temporary`."""
        with tempfile.TemporaryFile(dir=directory) as file:
            return SystemFile(os.dup(file.fileno()))

    def remove(self, path: Path) -> None:
        """See :meth:`Files.remove`."""
        path.unlink()

    def rename(self, source: Path, target: Path) -> None:
        """See :meth:`Files.rename`."""
        source.replace(target)

    def sync(self, path: Path) -> None:
        """See :meth:`Files.sync`."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, directory: Path) -> Lock:
        """See :meth:`Files.lock`."""
        return DirectoryLock(directory)


SYSTEM_FILES = SystemFiles()


def replace_durably(path: Path, data: bytes, files: Files = SYSTEM_FILES) -> None:
    """Put a file in the place of another one, all or nothing, synced with its directory when this returns.

    :raises OSError: it may or may not be there; either way what is there is whole.
    """
    scratch = path.with_name(path.name + ".new")
    file = files.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        file.write(data, 0)
        file.sync()
    finally:
        file.close()
    files.rename(scratch, path)
    files.sync(path.parent)


@contextlib.contextmanager
def coming(path: Path, files: Files) -> Iterator[Path]:
    """A name under which to write a file, which gets the name ``path`` once it is whole and synced.

    :raises OSError: it did not come to be, or may not last.
    """
    draft = path.with_name(path.name + ".new")
    for left in files.names(path.parent):
        if left.startswith(draft.name):
            files.remove(path.with_name(left))
    yield draft
    files.sync(draft)
    files.rename(draft, path)
    files.sync(path.parent)
