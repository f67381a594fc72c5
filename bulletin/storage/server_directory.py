"""A server's directory: what is in it, and how a database comes into it whole.

Files: ``lock``; ``board.sqlite`` with its ``-wal`` and ``-shm``; ``hard-state``; ``founding``, the founding document once
more; ``fellows``, where the other servers were last; ``damaged``, which says that the database is, and ``damaged.sqlite``, one that was
put aside for that; ``mended.sqlite``, which is about to take its place; and ``ballast``, a reserve for the day on which the disk is full.  It is given up then, so that the server can store
what is under way and leave in good order (:mod:`bulletin.core.server.room`), and a start can fold the WAL into the
database.  It is taken again when there is as much room besides: else the next write would fill the disk again.
"""

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

import apsw

from bulletin.core.limits import MIB
from bulletin.core.store.port import StoreError, StoreFull, StoreLow
from bulletin.storage.files import Files, replace_durably

DATABASE: Final = "board.sqlite"
HARD_STATE: Final = "hard-state"
BALLAST: Final = "ballast"
LEARNT: Final = "fellows"
FOUNDING: Final = "founding"
DAMAGED: Final = "damaged"
ASIDE: Final = "damaged.sqlite"
MENDED: Final = "mended.sqlite"
WAL: Final = "-wal"
_REASON_BYTES_MAX: Final = 4096

OPENING_SECONDS: Final = 60.0
READ_BYTES_A_SECOND: Final = 8 * MIB
"""What a slow disk gives, with the checks that a start makes."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: Exception) -> bool:
    """Whether an error says that there is no room."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return isinstance(error, apsw.FullError | StoreFull)


def opening_seconds(directory: Path) -> float:
    """How long opening a server's directory may take at most.

    A start reads the end of the log, the tables that stay small, and a WAL; the whole database is the bound for them.
    """
    held = 0
    for path in directory.glob(DATABASE + "*"):
        with contextlib.suppress(FileNotFoundError):
            held += path.stat().st_size
    return OPENING_SECONDS + held / READ_BYTES_A_SECOND


class ServerDirectory:
    """A directory that this process holds, or asks for."""

    def __init__(self, path: Path, ballast_bytes: int, files: Files) -> None:
        """Nothing is done yet.

        :param path: is made where it is not there.
        :param ballast_bytes: the reserve for a full disk.
        :param files: the file system.
        """
        self.files: Final = files
        self.path: Final = path
        self._ballast_bytes: Final = ballast_bytes
        self._lock: Final = files.lock(path)

    @property
    def database(self) -> Path:
        """The database's name."""
        return self.path / DATABASE

    @property
    def hard_state(self) -> Path:
        """The hard-state file's name."""
        return self.path / HARD_STATE

    @property
    def learnt(self) -> Path:
        """The name of the file that keeps where fellow servers are."""
        return self.path / LEARNT

    @property
    def founding(self) -> Path:
        """The name of the file that keeps the founding document once more."""
        return self.path / FOUNDING

    @property
    def mended(self) -> Path:
        """The name of a new database until the damaged one is put aside."""
        return self.path / MENDED

    def damage(self) -> str | None:
        """What is wrong with the database, as it was noticed when it was used last; None: nothing was.

        :raises OSError: that cannot be read.
        """
        try:
            file = self.files.open(self.path / DAMAGED, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return file.read(_REASON_BYTES_MAX, 0).decode(errors="replace")
        finally:
            file.close()

    def note_damage(self, why: str) -> None:
        """Have the next start know that the database is damaged.

        :raises OSError: it may have to find out by itself.
        """
        replace_durably(self.path / DAMAGED, why.encode()[:_REASON_BYTES_MAX], self.files)

    def put_database_aside(self) -> None:
        """Move it, with what is beside it; the one that was put aside before is gone.

        :raises OSError: not all of it may be done.
        """
        files, aside = self.files, self.path / ASIDE
        for suffix in (WAL, ""):  # a new database must not find the old one's write-ahead log
            source, target = (path.with_name(path.name + suffix) for path in (self.database, aside))
            if files.exists(source):
                files.rename(source, target)
            elif suffix and files.exists(target) and files.exists(self.database):
                files.remove(target)
        with contextlib.suppress(FileNotFoundError):
            files.remove(self.database.with_name(DATABASE + "-shm"))
        files.sync(self.path)

    def put_mended_in_place(self) -> None:
        """Have the new database be the one that is used.

        :raises OSError: it may or may not be.
        """
        self.files.rename(self.mended, self.database)
        self.files.sync(self.path)

    def write_wal_anew(self, *, in_place: bool = False) -> None:
        """Have what can be read of the write-ahead log on the disk, before anything is built on it.

        A sync that failed may have left a part of it unwritten for good, though the system goes on showing it: what was then
        appended behind, or folded into the database, a power cut would have torn apart.

        :param in_place: where there is no room for another file; each byte is written over by itself.
        :raises OSError: it is as it was.
        """
        path = self.database.with_name(DATABASE + WAL)
        if not self.files.exists(path):
            return
        if in_place:
            with contextlib.suppress(FileNotFoundError):
                self.files.remove(path.with_name(path.name + ".new"))  # what there was no room for
        file = self.files.open(path, os.O_RDWR)
        try:
            data = bytearray()
            while part := file.read(MIB, len(data)):
                data += part
            if data and in_place:
                file.write(bytes(data), 0)
                file.sync()
        finally:
            file.close()
        if data and not in_place:
            replace_durably(path, bytes(data), self.files)

    def end_damage(self) -> None:
        """There is a new database.

        :raises OSError: the next start may begin anew again.
        """
        with contextlib.suppress(FileNotFoundError):
            self.files.remove(self.path / DAMAGED)
        self.files.sync(self.path)

    def beside_database(self) -> tuple[Path, ...]:
        """Files that are only there where there was a database."""
        journals = (self.database.with_name(DATABASE + suffix) for suffix in ("-wal", "-journal"))
        return (self.hard_state, *journals)

    def acquire(self) -> None:
        """Make the directory, if need be, its name durable, and lock it.

        :raises StoreBusy: another process has it.
        :raises StoreError: it cannot be made or used.
        """
        is_new = not self.files.exists(self.path)
        self._lock.acquire()
        try:
            if is_new:
                self.files.sync(self.path.resolve().parent)
        except OSError as error:
            self._lock.release()
            raise self.refusal(error) from error

    def release(self) -> None:
        """Let others have the directory."""
        self._lock.release()

    @property
    def needed(self) -> int:
        """MiB that have to be free for a server to come back."""
        return 2 + 2 * self._ballast_bytes // MIB

    def has_room(self) -> bool:
        """Whether there is enough for a server to come back: it is taken, and given back.

        :raises StoreError: the directory cannot be used.
        """
        trial = self.path / f"{BALLAST}.new"
        try:
            file = self.files.open(trial, os.O_RDWR | os.O_CREAT)
            try:
                file.reserve(self.needed * MIB)
            finally:
                file.close()
                self.files.remove(trial)
        except OSError as error:
            if is_full(error):
                return False
            raise self.refusal(error) from error
        return True

    def reserve(self) -> None:
        """Take the ballast, if it is not there.

        :raises StoreFull: there is no room for it.
        :raises StoreError: it cannot be taken for another reason.
        """
        try:
            ballast = self.files.open(self.path / BALLAST, os.O_RDWR | os.O_CREAT)
            try:
                if self._ballast_bytes:
                    ballast.reserve(self._ballast_bytes)
            finally:
                ballast.close()
        except OSError as error:
            if is_full(error):
                self.give_up_ballast()
            raise self.refusal(error) from error

    def give_up_ballast(self) -> bool:
        """Make room; says whether there was a ballast."""
        try:
            self.files.remove(self.path / BALLAST)
        except FileNotFoundError:
            return False
        return True

    def full(self) -> StoreFull:
        """The error for a full disk."""
        return StoreFull(self._full_sentence)

    def low(self) -> StoreLow:
        """The error for a disk that was full until the ballast was given up."""
        return StoreLow(self._full_sentence)

    @property
    def _full_sentence(self) -> str:
        return (
            f"The disk that {self.path} is on is full: free at least {self.needed} MiB there, then the server goes on by"
            " itself."
        )

    def refusal(self, error: OSError) -> StoreError:
        """The sentence for an error of the system."""
        if is_full(error):
            return self.full()
        return StoreError(
            f"{self.path} cannot be used ({error.strerror or error}): check its disk and its permissions."
        )
