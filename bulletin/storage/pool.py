"""A pool: a directory of servers' directories, of which each process takes one, and with it a name, to its end.

So any number of servers can be started from one definition: each finds out by itself which one it is.  ::

    POOL/lock              held for a moment, while one process chooses
    POOL/servidor-1        a server's directory
    POOL/servidor-1.lock   held by the process that is this server now
    POOL/servidor-2 …

Members of a cluster come first, then servers that wait to become one, then places that nobody has used; a new one is made only
when none is free.  Whoever takes the directory of a process that died *is* that server from then on: where it runs does not matter.

Of several that are alike it is the one that was taken longest ago.  If it were always the first, one damaged directory would keep
all processes that are started again and again, and the whole ones would stay without a server.  One that cannot even be looked
at (somebody else's, after a start as root) is passed over, and named where there is no other; no new one is made in its stead:
nobody would miss its server.
"""

import os
import re
import time
from pathlib import Path
from typing import Final

import attrs

from bulletin.core.store.port import StoreBusy, StoreError
from bulletin.storage.directory import LOCK_NAME, DirectoryLock, lock_file
from bulletin.storage.hard_state import SLOT_BYTES, SLOTS, decode_slot
from bulletin.storage.server_directory import DATABASE, HARD_STATE

PREFIX: Final = "servidor-"

PLACES_MAX: Final = 1024
"""Places in a pool: as many as the reference gives ranks to."""

TURN: Final = 1_000_000
"""Nanoseconds at least between the times that two processes leave at what they took."""

_PLACE: Final = re.compile(re.escape(PREFIX) + r"([1-9][0-9]{0,3})\Z")


@attrs.frozen
class Place:
    """A directory of a pool that this process has.

    :param directory: the server's directory.
    :param lock: keeps it: a descriptor, which the kernel closes at the end of the process.
    """

    directory: Path
    lock: int

    @property
    def name(self) -> str:
        """The server's name."""
        return self.directory.name

    def release(self) -> None:
        """Let others have it, once; a process of its own has no need to."""
        os.close(self.lock)


def take_place(pool: Path) -> Place:
    """Take a free place; no two processes ever get the same one.

    :param pool: made where it does not exist.
    :raises StoreError: the pool cannot be used, or is full.
    """
    try:
        pool.mkdir(parents=True, exist_ok=True)
        choosing = lock_file(pool / LOCK_NAME, wait=True)
        try:
            return _choose(pool)
        finally:
            os.close(choosing)
    except OSError as error:
        raise StoreError(f"{pool} cannot be used for data: {error.strerror}.") from error


def _choose(pool: Path) -> Place:
    there = {int(found[1]): path for path in pool.iterdir() if (found := _PLACE.match(path.name))}
    known = [path for _, path in sorted(there.items()) if path.is_dir()]
    # Later than all before, also within one tick of the file system's clock, or where that was set back.
    turn = max([time.time_ns(), *(_taken_at(directory) + TURN for directory in known)])
    unusable: Exception | None = None
    for directory in sorted(known, key=lambda directory: (_kind(directory), _taken_at(directory))):
        try:
            place = _take(directory, turn)
        except (StoreError, OSError) as error:
            unusable = unusable or error
            continue
        if place is not None:
            return place
    if unusable is not None:
        raise unusable
    for number in range(1, PLACES_MAX + 1):
        if number in there:
            continue
        place = _take(pool / f"{PREFIX}{number}", turn)
        if place is not None:
            place.directory.mkdir(0o700)
            return place
    raise StoreError(f"All {PLACES_MAX} places in {pool} are taken.")


def _take(directory: Path, turn: int) -> Place | None:
    """A place, or None: a process has it, be it as a place or as a directory that was named by hand."""
    try:
        descriptor = lock_file(_lock_of(directory))
    except StoreBusy:
        return None
    try:
        os.utime(
            descriptor, ns=(turn, turn)
        )  # first: whoever comes after one that fails from here on tries another one
        if not directory.exists() or _is_free(directory):
            return Place(directory, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_free(directory: Path) -> bool:
    named = DirectoryLock(directory)
    try:
        named.acquire()
    except StoreBusy:
        return False
    named.release()
    return True


def _kind(directory: Path) -> int:
    """0: a member of a cluster, or what may be one; 1: a server that waits to become one; 2: nothing."""
    try:
        if not (directory / DATABASE).exists():
            return 0 if (directory / HARD_STATE).exists() else 2
        data = (directory / HARD_STATE).read_bytes() if (directory / HARD_STATE).exists() else b""
    except OSError:
        return 0
    slots = [decode_slot(data[number * SLOT_BYTES : (number + 1) * SLOT_BYTES]) for number in range(SLOTS)]
    records = [slot for slot in slots if slot is not None]
    return 1 if records and not any(record.cluster for record in records) else 0


def _taken_at(directory: Path) -> int:
    try:
        return _lock_of(directory).stat().st_mtime_ns
    except OSError:
        return 0


def _lock_of(directory: Path) -> Path:
    return directory.with_name(directory.name + ".lock")
