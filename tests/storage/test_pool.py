import multiprocessing
import os
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import NO_HASH
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.port import StoreError
from bulletin.storage import pool as pool_module
from bulletin.storage.directory import DirectoryLock
from bulletin.storage.hard_state import HardStateFile
from bulletin.storage.pool import take_place
from bulletin.storage.server_directory import DATABASE, HARD_STATE


def take_and_tell(path, start, told, end):
    start.wait()
    told.put(take_place(Path(path)).name)
    end.wait()


class PoolTests(SynchronousTestCase):
    def setUp(self):
        self.pool = Path(self.mktemp())
        self.taken = []
        self.addCleanup(lambda: [place.release() for place in self.taken])

    def take(self):
        place = take_place(self.pool)
        self.taken.append(place)
        return place

    def free(self, *names):
        """The processes that have these end."""
        for place in [place for place in self.taken if place.name in names]:
            self.taken.remove(place)
            place.release()

    def use(self, name, cluster=b""):
        """A place as a server leaves it: a member's of a cluster, or of one that waited."""
        record = HardRecord(b"m" * 16, cluster, 1, 1, 0, None, 0, NO_HASH)
        (self.pool / name / DATABASE).touch()
        (self.pool / name / HARD_STATE).write_bytes(HardStateFile.image(record))

    def test_each_takes_a_place_of_its_own_and_a_name(self):
        places = [self.take() for _ in range(3)]
        self.assertEqual([place.name for place in places], ["servidor-1", "servidor-2", "servidor-3"])
        self.assertEqual([place.directory for place in places], [self.pool / place.name for place in places])
        self.assertTrue(all(place.directory.is_dir() for place in places))

    def test_what_a_dead_one_had_is_taken_before_a_new_one_is_made(self):
        for _ in range(3):
            self.take()
        self.free("servidor-2")
        self.assertEqual(self.take().name, "servidor-2")
        self.assertEqual(self.take().name, "servidor-4")

    def test_members_come_first_then_those_that_wait_then_the_unused(self):
        names = [self.take().name for _ in range(5)]
        self.free(*names)
        self.use("servidor-2")
        self.use("servidor-4", cluster=b"k" * 16)
        self.use("servidor-5", cluster=b"k" * 16)
        self.assertEqual(
            [self.take().name for _ in names],
            ["servidor-4", "servidor-5", "servidor-2", "servidor-1", "servidor-3"],
        )

    def test_a_member_that_lost_a_file_is_still_one(self):
        names = [self.take().name for _ in range(4)]
        self.free(*names)
        for name in names[1:3]:
            self.use(name, cluster=b"k" * 16)
        (self.pool / names[1] / HARD_STATE).write_bytes(b"junk")
        (self.pool / names[2] / DATABASE).unlink()
        self.use(names[3])
        self.assertEqual([self.take().name for _ in names], [names[1], names[2], names[3], names[0]])

    def test_a_damaged_one_keeps_nobody_from_the_whole_ones(self):
        names = [self.take().name for _ in range(3)]
        for name in names:
            self.use(name, cluster=b"k" * 16)
        self.free("servidor-1", "servidor-2")
        seen = []
        for _ in range(4):  # one process that takes a place, fails and is started again
            seen.append(self.take().name)
            self.free(seen[-1])
        self.assertEqual(seen, ["servidor-1", "servidor-2"] * 2)

    def test_one_that_cannot_be_used_at_all_is_passed_over_and_named_where_there_is_no_other(self):
        """Whatever of it it is that cannot be used; and no new one is made in its stead."""
        for file in (
            "servidor-1/lock",
            "servidor-1.lock",
            f"servidor-1/{HARD_STATE}",
            f"servidor-1/{DATABASE}",
        ):
            self.pool = Path(self.mktemp())
            names = [self.take().name for _ in range(2)]
            for name in names:
                self.use(name, cluster=b"k" * 16)
            self.free(*names)
            (self.pool / file).unlink(missing_ok=True)
            (self.pool / file).mkdir()
            self.assertIn("servidor-2", {self.take().name, *self.another()}, file)
            self.assertFalse((self.pool / "servidor-3").exists(), file)

    def another(self):
        """The name of one more place; none, where one cannot be used."""
        try:
            return [self.take().name]
        except StoreError as error:
            self.assertRegex(str(error), r"servidor-1|Is a directory")
            return []

    def test_a_file_with_the_name_of_a_place_is_none(self):
        self.pool.mkdir()
        (self.pool / "servidor-1").touch()
        self.assertEqual([self.take().name for _ in range(2)], ["servidor-2", "servidor-3"])

    def test_a_directory_that_a_server_was_started_with_by_name_is_left_to_it(self):
        self.free(self.take().name)
        lock = DirectoryLock(self.pool / "servidor-1")
        lock.acquire()
        self.addCleanup(lock.release)
        self.assertEqual(self.take().name, "servidor-2")

    def test_what_else_lies_there_is_left_alone(self):
        self.pool.mkdir()
        for name in ("servidor-01", "servidor-0", "servidor-x", "alfa", "servidor-1.bak"):
            (self.pool / name).mkdir()
        (self.pool / "servidor-7").touch()
        self.assertEqual(self.take().name, "servidor-1")

    def test_a_pool_that_cannot_be_used_is_a_sentence(self):
        self.pool.touch()
        self.assertRaisesRegex(StoreError, re.escape(f"{self.pool} cannot be used"), take_place, self.pool)

    def test_a_pool_that_is_full_is_a_sentence(self):
        self.patch(pool_module, "PLACES_MAX", 2)
        self.take(), self.take()
        self.assertRaisesRegex(StoreError, "All 2 places", take_place, self.pool)

    def test_processes_that_come_at_once_get_different_ones_and_the_dead_leave_theirs(self):
        for _ in range(2):  # the second time all places are there, and free again
            spawn = multiprocessing.get_context("spawn")
            start, end, told = spawn.Event(), spawn.Event(), spawn.SimpleQueue()
            processes = [
                spawn.Process(target=take_and_tell, args=(os.fspath(self.pool), start, told, end))
                for _ in range(4)
            ]
            for process in processes:
                process.start()
            start.set()
            names = {told.get() for _ in processes}
            for process in processes:
                process.kill()
                process.join()
            self.assertEqual(names, {f"servidor-{number}" for number in range(1, 5)})
