"""A disk whose power can fail between any two of its operations.

A SQLite VFS and a hard-state file that write down, in one list, what is written, truncated, deleted and synced, and when
something was acknowledged.  From the list, and a copy of the directory at its beginning, the files are made as they may
be found after a power cut at any place in it: what was synced is there; of what was not, any part may be.
"""

import os
import shutil
from pathlib import Path

import apsw

from bulletin.storage.files import SystemFile, SystemFiles
from bulletin.storage.hard_state import SLOT_BYTES
from bulletin.storage.server_directory import HARD_STATE

SECTOR = 512


class Recording:
    """The list, and what is to fail."""

    def __init__(self):
        self.events = []
        self.fails = {}
        """(file's suffix, operation) -> the exception to raise."""

    def happen(self, file, what, *details):
        for (suffix, operation), error in self.fails.items():
            if operation == what and file.endswith(suffix):
                raise error
        self.events.append((file, what, *details))

    def acknowledge(self, what):
        self.events.append(("", "ack", what))


class RecordingVFS(apsw.VFS):
    def __init__(self, name, recording):
        self.recording = recording
        super().__init__(name, base="")

    def xOpen(self, name, flags):
        return RecordingFile(name, flags, self.recording)

    def xDelete(self, filename, syncdir):
        self.recording.happen(Path(filename).name, "delete")
        super().xDelete(filename, syncdir)


class RecordingFile(apsw.VFSFile):
    def __init__(self, name, flags, recording):
        self.recording = recording
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        self.file = Path(filename or "").name
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        self.recording.happen(self.file, "write", offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, newsize):
        self.recording.happen(self.file, "truncate", newsize)
        super().xTruncate(newsize)

    def xSync(self, flags):
        self.recording.happen(self.file, "sync")
        super().xSync(flags)


class RecordingFiles(SystemFiles):
    """Files whose database and hard-state file are written down."""

    def __init__(self, vfs, recording):
        self._vfs = vfs
        self.recording = recording

    @property
    def vfs(self):
        return self._vfs

    def open(self, path, flags):
        if not flags & os.O_DSYNC:
            return super().open(path, flags)
        return RecordingHardState(os.open(path, flags), self.recording)


class RecordingHardState(SystemFile):
    """A write and a sync in one."""

    def __init__(self, descriptor, recording):
        super().__init__(descriptor)
        self.recording = recording

    def write(self, data, offset):
        self.recording.happen(HARD_STATE, "write", offset, data)
        super().write(data, offset)
        self.recording.happen(HARD_STATE, "sync")


class HastyVFS(apsw.VFS):
    """Syncs nothing, so that a test may open a hundred databases in a second or two."""

    NAME = "hasty"

    def __init__(self):
        super().__init__(self.NAME, base="")

    def xOpen(self, name, flags):
        return HastyFile("", name, flags)


class HastyFile(apsw.VFSFile):
    def xSync(self, flags):
        pass


class HastyFiles(SystemFiles):
    """The same files outside of the database."""

    VFS = HastyVFS()

    @property
    def vfs(self):
        return self.VFS.NAME

    def open(self, path, flags):
        return super().open(path, flags & ~os.O_DSYNC)

    def sync(self, path):
        pass


class Image:
    """The files of a directory, as far as they are synced, and what was done to them since."""

    FILES = ("board.sqlite", "board.sqlite-wal", HARD_STATE)

    def __init__(self, directory: Path):
        self.synced = {
            name: bytearray((directory / name).read_bytes())
            for name in self.FILES
            if (directory / name).exists()
        }
        self.pending = {}

    def happen(self, event):
        file, what, *details = event
        if what == "ack" or file not in self.FILES:
            return
        if what == "sync":
            self.synced[file] = apply(self.synced.get(file, bytearray()), self.pending.pop(file, ()))
        else:
            self.pending.setdefault(file, []).append((what, *details))

    def store(self, directory: Path, keep):
        """Write the files: all that is synced, and of a file's unsynced operations those that ``keep`` returns."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        for name in {*self.synced, *self.pending}:
            content = apply(self.synced.get(name, bytearray()), keep(name, self.pending.get(name, ())))
            (directory / name).write_bytes(content)


def apply(content, operations):
    content = bytearray(content)
    for what, *details in operations:
        match what, details:
            case "write", (offset, data):
                if len(content) < offset:
                    content.extend(bytes(offset - len(content)))
                content[offset : offset + len(data)] = data
            case "truncate", (size,):
                del content[size:]
            case "delete", ():
                content.clear()
    return content


def nothing(name, operations):
    """All that was not synced is lost."""
    return ()


def everything(name, operations):
    """All that was written is there, synced or not."""
    return operations


def some(random):
    """Any of the operations, in their order, the last of them torn at a sector."""

    def keep(name, operations):
        kept = [operation for operation in operations if random.random() < 0.6]
        if kept and kept[-1][0] == "write":
            what, offset, data = kept[-1]
            kept[-1] = what, offset, data[: random.randrange(len(data) // SECTOR + 1) * SECTOR]
        return kept

    return keep


assert SLOT_BYTES % SECTOR == 0
