"""A role's data directory: used by one process at a time."""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final

from bulletin.core.store.port import StoreBusy, StoreError

LOCK_NAME: Final = "lock"


def lock_file(path: Path, *, wait: bool = False) -> int:
    """Take a lock that one process has at a time, by a file.

    The kernel drops the lock with the process, however it ends; a child that was forked keeps it.  So nothing is ever
    left behind that would have to be removed by hand.  It holds among containers, too, that have one volume on one machine.

    :param path: is made where it does not exist; its folder is there.
    :param wait: until the lock is free.
    :returns: a descriptor; closing it lets others have the lock.
    :raises StoreBusy: another process has it.
    :raises StoreError: the folder cannot be used.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be used for data: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise StoreBusy(
                f"{path.parent} is in use by another process; stop it, or choose another --data."
            ) from error
        raise StoreError(f"{path.parent} cannot be locked: {error.strerror}.") from error
    return descriptor


class DirectoryLock:
    """Keeps a directory to one process, by :func:`lock_file`.

    A directory in which nothing was put meanwhile is left as it was
    found: without the lock's file, or not there at all.

    :param directory: made where it does not exist, for this user only.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor: int | None = None
        self._made: list[Path] = []

    def acquire(self) -> None:
        """Take the lock.

        :raises StoreBusy: another process has it.
        :raises StoreError: the directory cannot be used.
        """
        while not self._take():
            pass  # another process has let go, and removed the file, between the two calls

    def _take(self) -> bool:
        """Open the file and lock it; False: it is not the directory's any more."""
        path = self._directory / LOCK_NAME
        try:
            self._make()
            descriptor = lock_file(path)
        except OSError as error:
            self._remove_made()
            raise StoreError(f"{self._directory} cannot be used for data: {error.strerror}.") from error
        except StoreError:
            self._remove_made()
            raise
        if not os.fstat(descriptor).st_nlink:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let others have it; nothing happens where it is not held."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):  # a directory that cannot be read or changed is left as it is
            lock = self._directory / LOCK_NAME
            if [*self._directory.iterdir()] == [lock]:
                lock.unlink()
                self._remove_made()
        os.close(self._descriptor)
        self._descriptor = None

    def _make(self) -> None:
        missing = [path for path in (self._directory, *self._directory.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(0o700 if path == self._directory else 0o777, exist_ok=True)
            self._made.append(path)

    def _remove_made(self) -> None:
        """Remove what this object has made, as far as it is empty."""
        while self._made:
            try:
                self._made.pop().rmdir()
            except OSError:
                self._made.clear()
