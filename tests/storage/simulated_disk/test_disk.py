"""A disk in memory: what was synced stays, of the rest any part may."""

import errno
import os
from pathlib import Path
from random import Random

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.store.port import StoreBusy
from bulletin.storage.files import replace_durably
from bulletin.storage.simulated_disk.disk import SimulatedDisk
from bulletin.storage.simulated_disk.keeping import SECTOR, everything, nothing, some

DIRECTORY = Path("/board")
FILE = DIRECTORY / "file"
NEW = os.O_RDWR | os.O_CREAT


class Case(SynchronousTestCase):
    def setUp(self):
        self.disk = SimulatedDisk(Random(1))
        self.mount = self.disk.mount()
        self.lock = self.mount.lock(DIRECTORY)
        self.lock.acquire()
        self.mount.sync(Path("/"))

    def content(self, keep):
        return self.disk.image(keep).files()

    def synced_file(self, data=b"old"):
        file = self.mount.open(FILE, NEW)
        file.write(data, 0)
        file.sync()
        self.mount.sync(DIRECTORY)
        return file


class PowerCutTests(Case):
    def test_what_is_synced_stays(self):
        file = self.synced_file()
        file.write(b"NEW", 1)
        self.assertEqual(file.read(10, 0), b"oNEW")
        self.assertEqual(self.content(nothing), {str(FILE): b"old"})
        self.assertEqual(self.content(everything), {str(FILE): b"oNEW"})
        file.sync()
        self.assertEqual(self.content(nothing), {str(FILE): b"oNEW"})

    def test_a_name_that_is_not_synced_may_be_gone_with_its_bytes(self):
        file = self.mount.open(FILE, NEW)
        file.write(b"data", 0)
        file.sync()
        self.assertEqual(self.content(nothing), {})
        self.assertEqual(self.content(everything), {str(FILE): b"data"})

    def test_a_name_that_is_synced_may_be_without_its_bytes(self):
        self.mount.open(FILE, NEW).write(b"data", 0)
        self.mount.sync(DIRECTORY)
        self.assertEqual(self.content(nothing), {str(FILE): b""})

    def test_a_directory_that_is_not_synced_takes_its_files_with_it(self):
        disk = SimulatedDisk(Random(1))
        mount = disk.mount()
        mount.lock(DIRECTORY).acquire()
        mount.open(FILE, NEW)
        mount.sync(DIRECTORY)
        self.assertEqual(disk.image(nothing).files(), {})
        mount.sync(Path("/"))
        self.assertEqual(disk.image(nothing).files(), {str(FILE): b""})

    def test_a_removed_file_may_come_back(self):
        self.synced_file()
        self.mount.remove(FILE)
        self.assertFalse(self.mount.exists(FILE))
        self.assertEqual(self.content(nothing), {str(FILE): b"old"})
        self.mount.sync(DIRECTORY)
        self.assertEqual(self.content(nothing), {})

    def test_a_rename_is_whole_or_not_at_all(self):
        self.synced_file()
        self.mount.rename(FILE, DIRECTORY / "other")
        found = {tuple(self.content(some(Random(seed)))) for seed in range(50)}
        self.assertEqual(found, {(str(FILE),), (str(DIRECTORY / "other"),)})

    @settings(deadline=None, max_examples=60, derandomize=True)
    @given(st.integers(0, 20), st.integers(0, 10_000))
    def test_a_file_that_is_replaced_durably_is_the_old_or_the_new(self, operations, seed):
        disk = SimulatedDisk(Random(seed))
        disk.put(str(FILE), b"old")
        mount = disk.mount()
        disk.stop_after(operations, disk.cut)
        new = b"new" * 1000
        try:
            replace_durably(FILE, new, mount)
        except OSError:
            self.assertTrue(mount.dead)
            self.assertIn(disk.files()[str(FILE)], (b"old", new))
        else:
            disk.cut()
            self.assertEqual(disk.files()[str(FILE)], new)

    def test_the_last_write_is_torn_at_a_sector(self):
        file = self.synced_file(bytes(4 * SECTOR))
        file.write(b"x" * 4 * SECTOR, 0)
        found = {self.content(some(Random(seed)))[str(FILE)].count(b"x") for seed in range(200)}
        self.assertEqual(found, {0, SECTOR, 2 * SECTOR, 3 * SECTOR, 4 * SECTOR})

    def test_any_of_several_writes_may_be_missing(self):
        file = self.synced_file(b"....")
        for place in range(4):
            file.write(b"x", place)
        found = {self.content(some(Random(seed)))[str(FILE)] for seed in range(300)}
        self.assertIn(b"x.x.", found)
        self.assertIn(b"....", found)
        self.assertEqual(len(found), 8, "each but the last, which is less than a sector, may be there or not")

    def test_a_file_that_is_written_through_needs_no_sync(self):
        self.synced_file()
        self.mount.open(FILE, os.O_RDWR | os.O_DSYNC).write(b"new", 0)
        self.assertEqual(self.content(nothing), {str(FILE): b"new"})

    def test_a_cut_ends_the_process(self):
        file = self.synced_file()
        file.write(b"new", 0)
        self.disk.cut(nothing)
        self.assertTrue(self.mount.dead)
        self.assertRaises(OSError, file.write, b"late", 0)
        self.assertRaises(OSError, file.sync)
        self.assertEqual(self.disk.mount().open(FILE, os.O_RDONLY).read(9, 0), b"old")

    def test_a_process_that_is_killed_loses_nothing_as_long_as_the_power_stays(self):
        file = self.synced_file()
        file.write(b"new", 0)
        self.disk.kill()
        self.assertRaises(OSError, file.write, b"late", 0)
        self.assertEqual(self.disk.mount().open(FILE, os.O_RDONLY).read(9, 0), b"new")
        self.disk.cut(nothing)
        self.assertEqual(self.disk.files(), {str(FILE): b"old"})


class FaultTests(Case):
    def test_a_failed_sync_may_have_lost_what_a_later_one_does_not_bring_back(self):
        lost = 0
        for seed in range(20):
            disk = SimulatedDisk(Random(seed))
            disk.put(str(FILE), b"old")
            file = disk.mount().open(FILE, os.O_RDWR)
            file.write(b"new", 0)
            disk.fault = lambda _path, what: OSError(errno.EIO, "EIO") if what == "sync" else None
            self.assertRaises(OSError, file.sync)
            disk.fault = lambda _path, _what: None
            file.sync()
            self.assertEqual(file.read(3, 0), b"new")
            lost += disk.image(everything).files() == {str(FILE): b"old"}
        self.assertIn(lost, range(4, 17))

    def test_a_full_disk(self):
        file = self.synced_file()
        self.disk.capacity = 10
        file.write(b"x" * 10, 0)
        error = self.assertRaises(OSError, file.write, b"x", 10)
        self.assertEqual(error.errno, errno.ENOSPC)
        self.assertRaises(OSError, self.mount.open(DIRECTORY / "other", NEW).reserve, 1)
        self.mount.remove(FILE)
        self.mount.open(DIRECTORY / "other", NEW).reserve(10)

    def test_a_lie(self):
        file = self.synced_file()
        self.disk.lies = lambda path: path == str(FILE)
        file.write(b"new", 0)
        file.sync()
        self.assertEqual(self.content(nothing), {str(FILE): b"old"})

    def test_a_flipped_bit_is_on_the_disk(self):
        self.synced_file()
        self.disk.flip(str(FILE), 9)
        self.assertEqual(self.disk.files()[str(FILE)], b"ond")
        self.assertEqual(self.content(nothing)[str(FILE)], b"ond")

    def test_operations_are_watched_before_they_are_done(self):
        file = self.synced_file()
        seen = []
        self.disk.watch = lambda path, what: seen.append((path, what, self.content(everything)[str(FILE)]))
        file.write(b"new", 0)
        file.read(1, 0)
        file.sync()
        self.assertEqual(seen, [(str(FILE), "write", b"old"), (str(FILE), "sync", b"new")])


class MountTests(Case):
    def test_a_directory_is_one_process_s(self):
        self.assertRaises(StoreBusy, self.mount.lock(DIRECTORY).acquire)
        self.lock.release()
        self.mount.lock(DIRECTORY).acquire()

    def test_names(self):
        self.synced_file()
        self.assertEqual(self.mount.names(DIRECTORY), ["file"])
        self.assertRaises(FileNotFoundError, self.mount.open, DIRECTORY / "other", os.O_RDWR)
        self.assertRaises(FileNotFoundError, self.mount.open, Path("/nowhere/file"), NEW)
        self.assertRaises(FileExistsError, self.mount.open, FILE, NEW | os.O_EXCL)
        self.assertEqual(self.mount.open(FILE, os.O_RDWR | os.O_TRUNC).read(9, 0), b"")

    def test_a_temporary_file_has_no_name(self):
        file = self.mount.temporary(DIRECTORY)
        file.write(b"data", 0)
        self.assertEqual(file.read(4, 0), b"data")
        self.assertEqual(self.mount.names(DIRECTORY), [])
