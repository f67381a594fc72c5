"""The hard state, and the small file beside the database that holds it a second time.

The database alone cannot be trusted to know what it has lost: SQLite drops the end of a WAL that is damaged, or
missing, and says nothing.  So the file keeps, in two slots that are written in turn, what the last synced commit of
the database was::

    slot (4096 bytes):  magic 4 | format 2 | length 2 | record (MessagePack) | zeros | CRC-32 over all before it 4

The order is fixed: the database commits and syncs, then the slot is written through, and only then is anything
acknowledged.  Hence the file is at the database's commit or one behind it, unless something was lost or damaged.  A
slot that was torn by a power cut is bad by its CRC; the other one still holds the commit before.
"""

import os
import struct
import zlib
from pathlib import Path
from typing import Final

from bulletin.core.store.hard_record import HardRecord
from bulletin.storage.files import SYSTEM_FILES, Files

SLOT_BYTES: Final = 4096
SLOTS: Final = 2

_MAGIC: Final = b"BBhs"
_FORMAT: Final = 1
_HEAD: Final = struct.Struct(">4sHH")
_CRC: Final = struct.Struct(">I")
_BODY_END: Final = SLOT_BYTES - _CRC.size


def encode_slot(record: HardRecord) -> bytes:
    """The 4096 bytes of a slot."""
    body = record.encode()
    assert _HEAD.size + len(body) <= _BODY_END
    slot = (_HEAD.pack(_MAGIC, _FORMAT, len(body)) + body).ljust(_BODY_END, b"\0")
    return slot + _CRC.pack(zlib.crc32(slot))


def decode_slot(slot: bytes) -> HardRecord | None:
    """The record in a slot, or None: it was never written, or is damaged, or torn."""
    if len(slot) != SLOT_BYTES or _CRC.unpack_from(slot, _BODY_END)[0] != zlib.crc32(slot[:_BODY_END]):
        return None
    magic, format_, length = _HEAD.unpack_from(slot)
    if magic != _MAGIC or format_ != _FORMAT or _HEAD.size + length > _BODY_END:
        return None
    try:
        return HardRecord.decode(slot[_HEAD.size : _HEAD.size + length])
    except ValueError:
        return None


class HardStateFile:
    """The file, open; used by one thread at a time."""

    FLAGS: Final = os.O_RDWR | os.O_DSYNC
    """How it is opened: one call writes and syncs, so that the interpreter's lock is given up once and not twice."""

    def __init__(self, path: Path, files: Files = SYSTEM_FILES) -> None:
        """Open the file.

        :raises OSError: it is not there, or cannot be opened.
        """
        self._file: Final = files.open(path, self.FLAGS)
        self._next_slot = 0

    @staticmethod
    def image(record: HardRecord | None) -> bytes:
        """The bytes of a new file; one without a record says that the one before was lost."""
        first = bytes(SLOT_BYTES) if record is None else encode_slot(record)
        return first + bytes(SLOT_BYTES * (SLOTS - 1))

    def read(self) -> tuple[HardRecord | None, int]:
        """The newest record, or None where no slot is good; and how many slots are neither good nor still unused."""
        newest = None
        bad = 0
        self._next_slot = 0
        for number in range(SLOTS):
            slot = self._file.read(SLOT_BYTES, number * SLOT_BYTES)
            record = decode_slot(slot)
            if record is None:
                bad += slot != bytes(SLOT_BYTES)
            elif newest is None or record.commit > newest.commit:
                newest = record
                self._next_slot = (number + 1) % SLOTS
        return newest, bad

    def write(self, record: HardRecord) -> None:
        """Put a record into the slot that does not hold the newest one, through to the disk.

        :raises OSError: it may or may not be there; the file must not be written again.
        """
        self._file.write(encode_slot(record), self._next_slot * SLOT_BYTES)
        self._next_slot = (self._next_slot + 1) % SLOTS

    def close(self) -> None:
        """Close the file."""
        self._file.close()
