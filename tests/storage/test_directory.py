import fcntl
import stat
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.store.port import StoreBusy, StoreError
from bulletin.storage.directory import DirectoryLock

HOLDER = """
import sys
from pathlib import Path
from bulletin.storage.directory import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


class DirectoryLockTests(SynchronousTestCase):
    def setUp(self):
        self.directory = Path(self.mktemp()) / "deep"

    def acquire(self):
        lock = DirectoryLock(self.directory)
        lock.acquire()
        self.addCleanup(lock.release)
        return lock

    def test_one_at_a_time(self):
        first = self.acquire()
        error = self.assertRaises(StoreBusy, self.acquire)
        self.assertIn("in use by another process", str(error))
        first.release()
        first.release()
        self.acquire()

    def test_a_process_that_is_killed_leaves_no_lock(self):
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(self.directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            self.assertEqual(holder.stdout.readline(), b"held\n")
            self.assertRaises(StoreBusy, self.acquire)
        finally:
            holder.kill()
            holder.communicate()
        self.acquire()

    def test_a_directory_in_which_nothing_was_put_is_left_as_it_was_found(self):
        self.acquire().release()
        self.assertFalse(self.directory.parent.exists())
        self.directory.mkdir(parents=True)
        self.acquire().release()
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_a_directory_with_something_in_it_stays(self):
        lock = self.acquire()
        (self.directory / "data").touch()
        lock.release()
        self.assertEqual(sorted(path.name for path in self.directory.iterdir()), ["data", "lock"])

    def test_parents_in_which_something_is_stay(self):
        lock = self.acquire()
        (self.directory.parent / "other").touch()
        lock.release()
        self.assertEqual([path.name for path in self.directory.parent.iterdir()], ["other"])

    def test_a_file_that_was_removed_before_it_was_locked_is_no_lock(self):
        """Another process releases, and removes the file, between our opening and our locking it."""
        first, lock = self.acquire(), DirectoryLock(self.directory)
        self.addCleanup(lock.release)
        flock, opened = fcntl.flock, []

        def late(descriptor, how):
            opened.append(descriptor)
            if len(opened) == 1:
                first.release()
            flock(descriptor, how)

        self.patch(fcntl, "flock", late)
        lock.acquire()
        self.assertEqual(len(opened), 2)
        self.assertRaises(StoreBusy, self.acquire)
        self.assertTrue((self.directory / "lock").exists())

    def test_it_is_this_user_s_alone(self):
        self.acquire()
        self.assertEqual(stat.S_IMODE(self.directory.stat().st_mode), 0o700)

    def test_a_directory_that_cannot_be_made(self):
        self.directory.parent.write_text("a file is in the way")
        self.assertIn("cannot be used for data", str(self.assertRaises(StoreError, self.acquire)))
