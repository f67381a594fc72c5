"""A disk that fails: the store stops, says so once, and acknowledges nothing of which it does not know that it is there."""

import contextlib
import errno
import os
from functools import partial
from random import Random

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board
from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.store.port import StoreError, StoreFull, StoreLow
from bulletin.storage.simulated_disk.keeping import everything, nothing, some
from tests.storage.scribe import Scribe
from tests.storage.stores import SimulatedHarness

QUERY = PageQuery(StreamKind.CHANNEL, "geral", None, None, None, 50)


class FailingDiskTests(SynchronousTestCase):
    def setUp(self):
        self.fails = {}
        """(path's end, operation) -> the system's error."""
        self.operations = []
        self.disk = SimulatedHarness(ballast_bytes=1 << 16)
        self.disk.disk.fault = self.fault
        self.disk.disk.watch = lambda path, what: self.operations.append((path, what))
        self.scribe = self.disk.begin()
        commands = [
            self.scribe.login("ana"),
            self.scribe.channel("geral"),
            self.scribe.post("geral", "antes"),
        ]
        self.disk.write(self.scribe.persist(commands), self.scribe.apply())
        self.done = []

    def fault(self, path, what):
        for (end, operation), number in self.fails.items():
            if operation == what and path.endswith(end):
                return OSError(number, os.strerror(number))
        return None

    def meet(self, file, operation, error, failures=1):
        """Write three batches, the second of which meets the error, until so many failures are reported."""
        self.done = []

        def write(number):
            scribe = self.scribe
            persist = scribe.persist([scribe.post("geral", f"texto {number}")])
            self.disk.store.write(persist, scribe.apply(), lambda: self.done.append(number))

        write(1)
        self.disk.loop.run(lambda: self.done)
        self.fails[file, operation] = error
        write(2)
        self.disk.loop.run(lambda: len(self.disk.failures) == failures)
        self.fails.clear()
        write(3)
        self.disk.store.write(None, None, lambda: self.done.append(4))

    def reopened(self):
        """What a new start finds, by way of a disk that works."""
        self.disk.stop()
        self.assertEqual(self.done, [1])
        self.assertEqual(len(self.disk.failures), 1)
        restored = self.disk.start().restored
        posts = self.disk.page(QUERY).posts
        self.disk.stop()
        self.assertIsNone(restored.trusted_from)
        self.assertIn(restored.last_index, (3, 4))
        self.assertEqual([post.message for post in posts[:2]], ["antes", "texto 1"])

    def test_a_sync_that_fails(self):
        """It is not tried again: the second time it would seem to succeed."""
        self.meet("-wal", "sync", errno.EIO)
        (error,) = self.disk.failures
        self.assertIsInstance(error, StoreError)
        self.assertNotIsInstance(error, StoreFull)
        self.assertIn(str(self.disk.directory), str(error))
        before = list(self.operations)
        self.disk.stop()
        self.assertEqual(self.operations, before)
        self.disk.start()
        self.reopened()

    def test_a_write_that_fails(self):
        self.meet("-wal", "write", errno.EIO)
        self.reopened()

    def test_a_hard_state_that_cannot_be_written(self):
        self.meet("hard-state", "write", errno.EIO)
        self.assertNotIsInstance(self.disk.failures[0], StoreFull)
        self.reopened()

    def test_a_full_disk(self):
        """The server steps aside, and goes on serving what it has."""
        self.meet("-wal", "write", errno.ENOSPC, failures=2)
        self.both_full_errors()
        self.assertEqual([post.message for post in self.disk.page(QUERY).posts], ["antes", "texto 1"])
        self.reopened()

    def both_full_errors(self):
        """The reserve was given up, and used up."""
        low, full = self.disk.failures
        self.assertIsInstance(low, StoreLow)
        self.assertNotIsInstance(full, StoreLow)
        self.assertIsInstance(full, StoreFull)
        self.assertIn("free at least", str(full))
        self.disk.failures.pop()

    def test_a_full_disk_that_has_room_once_the_ballast_is_given_up(self):
        """What was under way is stored, and so is what comes next."""
        self.assertIn(self.disk.path("ballast"), self.disk.disk.files())
        self.fails["-wal", "write"] = errno.ENOSPC
        self.patch(
            self.disk.store._directory.files, "remove", self.give_room(self.disk.store._directory.files)
        )
        for number in (1, 2):
            persist = self.scribe.persist([self.scribe.post("geral", f"texto {number}")])
            self.disk.store.write(
                persist, self.scribe.apply(), lambda number=number: self.done.append(number)
            )
            self.disk.loop.run(lambda number=number: number in self.done)
        (low,) = self.disk.failures
        self.assertIsInstance(low, StoreLow)
        self.assertNotIn(self.disk.path("ballast"), self.disk.disk.files())
        restored, board = self.resumed()
        self.assertIn(self.disk.path("ballast"), self.disk.disk.files())
        self.assertEqual((restored.last_index, board.marks.applied), (4, 4))
        self.disk.stop()

    def give_room(self, files):
        remove = files.remove

        def remove_and_make_room(path):
            remove(path)
            self.fails.clear()

        return remove_and_make_room

    def resumed(self):
        """What the store finds once there is room again."""
        found = []
        self.disk.store.resume(lambda *what: found.append(what))
        self.disk.loop.run(lambda: found)
        return found[0]

    def test_back_from_a_full_disk(self):
        """It is tried as often as one likes; what was dropped was not acknowledged, and does not come back."""
        self.meet("-wal", "write", errno.ENOSPC, failures=2)
        self.both_full_errors()
        self.fails["-wal", "write"] = errno.ENOSPC
        self.assertEqual(self.resumed(), (None, None))
        self.assertEqual(self.resumed(), (None, None))
        self.fails.clear()
        incarnation = self.disk.store._incarnation
        restored, board = self.resumed()
        self.assertEqual((restored.last_index, board.marks.applied), (3, 3))
        self.assertEqual(restored.incarnation, incarnation + 1)
        self.assertIsNone(restored.trusted_from)
        self.assertEqual(self.disk.store.backlog, 0)
        self.assertEqual(self.done, [1])
        scribe = Scribe(restored, board, self.disk.window, seed=1)
        self.assertTrue(self.disk.write(scribe.persist([scribe.post("geral", "depois")]), scribe.apply()))
        self.assertEqual(
            [post.message for post in self.disk.page(QUERY).posts], ["antes", "texto 1", "depois"]
        )
        self.disk.stop()
        self.assertEqual(self.disk.start().restored.last_index, 4)
        self.disk.stop()

    def test_a_full_disk_under_the_hard_state(self):
        self.meet("hard-state", "write", errno.ENOSPC)
        self.assertIsInstance(self.disk.failures[0], StoreFull)
        self.assertIn(self.disk.path("ballast"), self.disk.disk.files())
        self.reopened()

    def test_back_from_a_full_disk_under_the_hard_state(self):
        """The database is one commit ahead of the file: that write counts, though it was not acknowledged."""
        self.meet("hard-state", "write", errno.ENOSPC)
        restored, board = self.resumed()
        self.assertEqual(restored.last_index, 4)
        self.assertIsNone(restored.trusted_from)
        scribe = Scribe(restored, board, self.disk.window, seed=1)
        self.assertTrue(self.disk.write(scribe.persist([scribe.post("geral", "depois")]), scribe.apply()))
        self.disk.stop()
        self.assertEqual(Board(self.disk.start().board).marks(), scribe.board.marks())
        self.disk.stop()

    def test_a_fold_that_fails(self):
        """What was acknowledged before is in the write-ahead log still."""
        self.disk.stop()
        self.disk.tuning.update(checkpoint_pages=2)
        opened = self.disk.start()
        self.scribe.sequence = 0
        self.assertEqual(opened.restored.last_index, self.scribe.last_index)
        self.done = []
        self.fails["board.sqlite", "write"] = errno.EIO
        self.disk.store.write(self.scribe.persist(body=bytes(20_000)), None, lambda: self.done.append(1))
        self.disk.loop.run(lambda: self.disk.failures)
        self.fails.clear()
        self.disk.stop()
        self.assertEqual(self.done, [1])
        self.assertEqual(self.disk.start().restored.last_index, self.scribe.last_index)
        self.disk.stop()

    def test_a_start_on_a_full_disk(self):
        """The ballast is given up, and the start says what to do."""
        self.disk.stop()
        self.fails["-wal", "write"] = errno.ENOSPC
        error = self.assertRaises(StoreFull, self.disk.start)
        self.assertIn("free at least", str(error))
        self.assertNotIn(self.disk.path("ballast"), self.disk.disk.files())
        self.fails.clear()
        self.disk.start()
        self.assertIn(self.disk.path("ballast"), self.disk.disk.files())
        self.disk.stop()

    def test_rows_that_contradict_the_tables(self):
        """A post that is there already: a bug somewhere, not to be written over."""
        scribe = self.scribe
        persist = scribe.persist([scribe.post("geral", "de novo")])
        applied = scribe.apply()
        self.disk.write(persist, applied)
        self.assertFalse(self.disk.write(scribe.persist(body=b""), attrs.evolve(applied)))
        self.assertIn("there twice", str(self.disk.failures[0]))
        self.disk.stop()

    def test_a_callback_that_raises_keeps_no_other_from_being_called(self):
        done = []

        def broken():
            done.append("broken")
            raise ZeroDivisionError

        scribe = self.scribe
        self.disk.store.write(scribe.persist(body=b"1"), None, broken)
        self.disk.store.write(scribe.persist(body=b"2"), None, lambda: done.append("whole"))
        self.assertRaises(ZeroDivisionError, self.disk.loop.run, lambda: len(done) == 2)
        self.disk.loop.run(lambda: len(done) == 2)
        self.assertEqual(done, ["broken", "whole"])
        self.disk.stop()


class CreationTests(SynchronousTestCase):
    """A start in a new directory that ends anywhere leaves nothing that the next one stumbles over."""

    def test_a_first_start_that_fails_anywhere(self):
        for last in range(self.operations()):
            disk = SimulatedHarness()
            disk.disk.fault = FailsFrom(last)
            with contextlib.suppress(StoreError):
                disk.start()
                disk.stop()  # what fails late is the fold at the end
            self.goes_on(disk)

    def test_a_first_start_in_which_the_power_fails_anywhere(self):
        for keep in (nothing, everything, some(Random(1)), some(Random(2))):
            for last in range(self.operations()):
                disk = SimulatedHarness()
                disk.stop_in_start(last, partial(disk.disk.cut, keep))
                with contextlib.suppress(StoreError):
                    disk.start()
                    disk.stop()
                self.goes_on(disk)

    def operations(self):
        """How many a first start has, and a stop."""
        disk = SimulatedHarness()
        disk.start()
        disk.stop()
        self.assertGreater(disk.disk.operations, 50)
        return disk.disk.operations

    def goes_on(self, disk):
        disk.disk.fault = lambda _path, _what: None
        disk.failures.clear()
        disk.begin()
        disk.stop()
        self.assertEqual(disk.start().restored.last_index, 1)
        disk.stop()


class FailsFrom:
    """Lets so many operations that change something happen, and no further one."""

    def __init__(self, count):
        self.left = count

    def __call__(self, _path, what):
        if what == "read":
            return None
        self.left -= 1
        return OSError(errno.EIO, "Input/output error") if self.left < 0 else None
