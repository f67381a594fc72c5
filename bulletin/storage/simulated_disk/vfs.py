"""SQLite's way to a simulated disk."""
# ruff: noqa: N802 - the names are SQLite's

import contextlib
import errno
import itertools
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, ClassVar, Final

import apsw

if TYPE_CHECKING:
    from bulletin.storage.simulated_disk.mount import Mount, OpenedFile

_NEW_JOURNAL: Final = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
"""Files whose first sync syncs their directory too: so it is in SQLite's VFS for Unix."""


@contextlib.contextmanager
def _as_sqlite() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = apsw.FullError if error.errno == errno.ENOSPC else apsw.IOError
        raise kind(str(error)) from error


class _Bytes:
    """What SQLite asks of any open file."""

    def __init__(self, mount: "Mount", path: str, opened: "OpenedFile", *, with_name: bool = False) -> None:
        """It is open.

        :param with_name: the first sync makes its name durable, too.
        """
        self._mount: Final = mount
        self._path: Final = path
        self._opened: Final = opened
        self._with_name = with_name

    def xRead(self, amount: int, offset: int) -> bytes:
        """Bytes from a place on."""
        with _as_sqlite():
            return self._opened.read(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        """Put bytes at a place."""
        with _as_sqlite():
            self._opened.write(data, offset)

    def xTruncate(self, size: int) -> None:
        """Cut the file off."""
        with _as_sqlite():
            self._opened.truncate(size)

    def xSync(self, _flags: int) -> None:
        """Have everything on the disk."""
        with _as_sqlite():
            self._opened.sync()
            if self._with_name:
                self._mount.sync(Path(self._path).parent)
        self._with_name = False

    def xFileSize(self) -> int:
        """How many bytes there are."""
        return len(self._opened.file.content)

    def xFileControl(self, _operation: int, _pointer: int) -> bool:
        """Nothing beyond what SQLite can do without."""
        return False

    def xSectorSize(self) -> int:
        """As SQLite's VFS for Unix says."""
        return 4096

    def xDeviceCharacteristics(self) -> int:
        """What was not written to is not changed by a write beside it: as SQLite's VFS for Unix says."""
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE


class JournalFile(_Bytes):
    """Any file but a database: it is not locked."""

    def xClose(self) -> None:
        """Nothing is held."""

    def xLock(self, _level: int) -> None:
        """Nobody else is there."""

    def xUnlock(self, _level: int) -> None:
        """Nobody else is there."""

    def xCheckReservedLock(self) -> bool:
        """Nobody else is there."""
        return False


class DatabaseFile(_Bytes, apsw.VFSFile):
    """A database: its bytes are the disk's; its locks, and the index of its WAL, those of a real empty file."""

    def __init__(self, mount: "Mount", path: str, opened: "OpenedFile") -> None:
        """It is open."""
        _Bytes.__init__(self, mount, path, opened)
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_MAIN_DB
        apsw.VFSFile.__init__(self, "unix-excl", mount.disk.base(mount.number, path), [flags, 0])


class DiskVFS(apsw.VFS):
    """A mount as a VFS; it is known to SQLite as long as this object lives."""

    _numbers: ClassVar[Iterator[int]] = itertools.count(1)

    def __init__(self, mount: "Mount") -> None:
        """It can be used by its name."""
        self._weak_mount: Final = weakref.ref(mount)
        self.name: Final = f"simulated-disk-{next(self._numbers)}"
        super().__init__(self.name, base="unix")

    @property
    def _mount(self) -> "Mount":
        mount = self._weak_mount()
        assert mount is not None, "it outlives its files"
        return mount

    def xFullPathname(self, name: str) -> str:
        """Simulated paths are absolute."""
        return name

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> "JournalFile | DatabaseFile":  # type: ignore[override]  # any object with the methods will do
        """Open a file."""
        mount, asked = self._mount, flags[0]
        flags[1] = asked
        if name is None:
            return JournalFile(mount, "", mount.unnamed())
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        try:
            opened = mount.open(Path(path), os.O_CREAT if asked & apsw.SQLITE_OPEN_CREATE else 0)
        except OSError as error:
            raise apsw.CantOpenError(str(error)) from error
        if asked & apsw.SQLITE_OPEN_MAIN_DB:
            return DatabaseFile(mount, path, opened)
        is_new = asked & apsw.SQLITE_OPEN_CREATE and asked & _NEW_JOURNAL
        return JournalFile(mount, path, opened, with_name=bool(is_new))

    def xAccess(self, pathname: str, _flags: int) -> bool:
        """Whether a file is there."""
        return self._mount.exists(Path(pathname))

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Remove a file."""
        path = Path(filename)
        if not self._mount.exists(path):
            error = apsw.IOError(f"{filename} is not there")
            error.extendedresult = apsw.SQLITE_IOERR_DELETE_NOENT  # type: ignore[attr-defined]  # apsw looks for it
            raise error
        with _as_sqlite():
            self._mount.remove(path)
            if syncdir:
                self._mount.sync(path.parent)


class _SeedingVFS(apsw.VFS):
    def __init__(self, name: str, random: Random) -> None:
        self._random: Final = random
        super().__init__(name, base="unix")

    def xRandomness(self, size: int) -> bytes:
        return self._random.randbytes(size)


def seed_sqlite(random: Random) -> None:
    """Have SQLite's generator of the whole process begin anew: what it draws (the salts of a WAL) follows from a seed."""
    usual = apsw.vfs_names()[0]
    seeding = _SeedingVFS("seeding", random)
    apsw.set_default_vfs("seeding")
    try:
        apsw.randomness(0)
        apsw.randomness(1)
    finally:
        apsw.set_default_vfs(usual)
        seeding.unregister()
