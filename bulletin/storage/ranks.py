r"""The reference's disk: one small file, replaced as a whole, with a checksum.

::

    "BulletInBoard ranks 1\n" | SHA-256 of the record, 32 bytes | the record (MessagePack)

It changes when a new name comes and when a cluster is founded: a few times in the life of a board.
"""

import hashlib
from pathlib import Path
from typing import Final

from bulletin.core.reference.ranks import RECORD_BYTES_MAX, Record
from bulletin.core.store.port import StoreError
from bulletin.storage.directory import DirectoryLock
from bulletin.storage.files import replace_durably

FILE_NAME: Final = "ranks"

_FAMILY: Final = b"BulletInBoard ranks "
_MAGIC: Final = _FAMILY + b"1\n"
_SUM_BYTES: Final = 32
_FILE_BYTES_MAX: Final = len(_MAGIC) + _SUM_BYTES + RECORD_BYTES_MAX


class RankStore:
    """The directory of one reference.  Every method blocks; one is called at a time, from any thread.

    :param directory: made where it does not exist.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._lock = DirectoryLock(directory)

    def open(self) -> Record:
        """Lock the directory, and read what is there; an empty record where it is new.

        :raises StoreError: in use, damaged, from a newer version, or not to be used; one sentence that says what to do.
        """
        self._lock.acquire()
        try:
            return self._read()
        except BaseException:
            self._lock.release()
            raise

    def write(self, record: Record) -> None:
        """Make a record durable: it is on the disk, synced, when this returns.

        :raises StoreError: nobody knows whether it is; the process has to end.
        """
        body = record.encode()
        try:
            replace_durably(self._path, _MAGIC + hashlib.sha256(body).digest() + body)
        except OSError as error:
            raise StoreError(
                f"{self._path} could not be written ({error.strerror}): the reference stops; make room or mend the "
                "disk, and start it again."
            ) from error

    def close(self) -> None:
        """Release the directory."""
        self._lock.release()

    def _read(self) -> Record:
        try:
            with self._path.open("rb") as file:
                data = file.read(_FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return Record()
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror}.") from error
        if data.startswith(_FAMILY) and not data.startswith(_MAGIC) and b"\n" in data[: len(_MAGIC) + 8]:
            raise StoreError(f"{self._path} was written by a newer version; start that one.")
        body = data[len(_MAGIC) + _SUM_BYTES :]
        whole = data.startswith(_MAGIC + hashlib.sha256(body).digest())
        try:
            if whole:
                return Record.decode(body)
        except ValueError:
            whole = False
        raise StoreError(
            f"{self._path} is damaged; while servers with data run, move it away and start the reference again: "
            "it learns ranks and members from them."
        )
