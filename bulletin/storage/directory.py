"""A role's data directory: used by one process at a time, its small files replaced as a whole."""

import fcntl
import os
from pathlib import Path
from typing import Final

from bulletin.storage.store import StoreBusy, StoreError

LOCK_NAME: Final = "lock"


class DirectoryLock:
    """Keeps a directory to one process.

    The kernel drops the lock with the process, however it ends; a child that was forked keeps it.  So nothing is ever
    left behind that would have to be removed by hand.

    :param directory: made where it does not exist.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        :raises StoreBusy: another process has it.
        :raises StoreError: the directory cannot be used.
        """
        path = self._directory / LOCK_NAME
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{self._directory} cannot be used for data: {error.strerror}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise StoreBusy(
                    f"{self._directory} is in use by another process; stop it, or choose another --data."
                ) from error
            raise StoreError(f"{self._directory} cannot be locked: {error.strerror}.") from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others have it; nothing happens where it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def replace_durably(path: Path, data: bytes) -> None:
    """Put a file in the place of another one, all or nothing, synced with its directory when this returns.

    :raises OSError: it may or may not be there; either way what is there is whole.
    """
    scratch = path.with_name(path.name + ".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    scratch.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
