"""The system's file system, as a store uses it."""

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.storage.files import SYSTEM_FILES, coming, replace_durably


class ReplaceDurablyTests(SynchronousTestCase):
    def setUp(self):
        directory = Path(self.mktemp())
        directory.mkdir()
        self.path = directory / "file"

    def test_the_new_one_takes_the_place_of_the_old(self):
        for data in (b"first", b"", b"x" * 100_000):
            replace_durably(self.path, data)
            self.assertEqual(self.path.read_bytes(), data)
        self.assertEqual([path.name for path in self.path.parent.iterdir()], ["file"])

    def test_a_failed_write_leaves_the_old_one(self):
        replace_durably(self.path, b"old")

        def fail(_):
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", fail)
        self.assertRaises(OSError, replace_durably, self.path, b"new")
        self.assertEqual(self.path.read_bytes(), b"old")

    def test_the_file_is_synced_before_its_name_and_the_name_before_the_return(self):
        steps = []
        sync, replace = os.fsync, Path.replace

        def fsync(descriptor):
            steps.append("directory" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file")
            sync(descriptor)

        def rename(path, target):
            steps.append("rename")
            return replace(path, target)

        self.patch(os, "fsync", fsync)
        self.patch(Path, "replace", rename)
        replace_durably(self.path, b"data")
        self.assertEqual(steps, ["file", "rename", "directory"])


class SystemFilesTests(SynchronousTestCase):
    def setUp(self):
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def test_a_file_is_its_owner_s_and_read_at_any_place(self):
        path = self.directory / "file"
        file = SYSTEM_FILES.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self.addCleanup(file.close)
        file.write(b"abcdef", 2)
        file.sync()
        self.assertEqual(file.read(3, 3), b"bcd")
        self.assertEqual(file.read(100, 6), b"ef")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertRaises(FileExistsError, SYSTEM_FILES.open, path, os.O_CREAT | os.O_EXCL)

    def test_a_temporary_file_has_no_name(self):
        file = SYSTEM_FILES.temporary(self.directory)
        self.addCleanup(file.close)
        file.write(b"gone", 0)
        self.assertEqual(file.read(4, 0), b"gone")
        self.assertEqual(SYSTEM_FILES.names(self.directory), [])

    def test_what_was_left_half_written_goes_and_what_is_whole_gets_its_name(self):
        path = self.directory / "file"
        for left in ("file.new", "file.new-wal"):
            (self.directory / left).write_bytes(b"half")
        with coming(path, SYSTEM_FILES) as draft:
            self.assertEqual(SYSTEM_FILES.names(self.directory), [])
            draft.write_bytes(b"whole")
        self.assertEqual(SYSTEM_FILES.names(self.directory), ["file"])
        self.assertEqual(path.read_bytes(), b"whole")
