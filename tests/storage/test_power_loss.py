"""The power fails at any moment, and whatever was acknowledged is there, or is known to be missing."""

import errno
from random import Random

import apsw
import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board
from bulletin.core.log.entry import Anchor
from bulletin.core.raft.ready import Fetch, HardState
from bulletin.core.store.port import StoreError
from bulletin.storage.simulated_disk.disk import SimulatedDisk
from bulletin.storage.simulated_disk.keeping import everything, nothing, some
from tests.storage.old_versions import as_version_1
from tests.storage.scribe import Scribe
from tests.storage.stores import SimulatedHarness

PEER = b"another-16-bytes"


class Moments:
    """The disk at each moment of what a process does, as a power cut would leave it, and what was acknowledged by then."""

    def __init__(self, disk, variants):
        self.disk = disk
        self.variants = variants
        self.found = []
        """(image, what was acknowledged, where) of each moment."""
        self.acknowledged = 0
        disk.watch = self.happen

    def happen(self, path, what):
        keep = self.variants[len(self.found) % len(self.variants)]
        where = f"before operation {len(self.found)}, a {what} of {path}"
        self.found.append((self.disk.image(keep), self.acknowledged, where))

    def stop(self):
        """With the moment after all."""
        self.happen("everything", "end")
        self.disk.watch = lambda _path, _what: None


class Run:
    """A server that works on a disk: every state that it was to have, by number, and what it acknowledged."""

    def __init__(self, variants=(nothing,), **tuning):
        self.disk = SimulatedHarness(**tuning)
        self.disk.begin()
        self.disk.stop()
        opened = self.disk.start()
        self.scribe = Scribe(opened.restored, opened.board)
        self.moments = Moments(self.disk.disk, variants)
        self.vote = None
        self.states = [self.state()]
        self.boards = {0: self.board()}

    @property
    def acknowledged(self):
        return self.moments.acknowledged

    def state(self):
        log = self.scribe.log
        return self.scribe.term, self.vote, tuple(log[index].hash for index in sorted(log))

    def board(self):
        return self.scribe.board.marks(), tuple(self.scribe.board.heads())

    def submit(self, persist, applied=None):
        if persist is not None and persist.hard_state is not None:
            self.vote = persist.hard_state.vote
        self.states.append(self.state())
        number = len(self.states) - 1
        if applied is not None:
            self.boards[applied.marks.applied] = self.board()

        def done():
            self.moments.acknowledged = number

        self.disk.store.write(persist, applied, done)

    def wait(self):
        number = len(self.states) - 1
        self.disk.loop.run(lambda: self.acknowledged == number or self.disk.failures)

    def work(self):
        """A bit of everything: alone and in batches, votes, truncations, applied rows with and without entries."""
        scribe = self.scribe
        self.submit(scribe.persist([scribe.login("ana"), scribe.channel("geral")]))
        self.wait()
        self.submit(None, scribe.apply())
        self.wait()
        for number in range(3):
            self.submit(scribe.persist([scribe.post("geral", f"{number} " * 40)]))
        self.submit(scribe.hard_state(2, PEER))
        self.wait()
        self.submit(None, scribe.apply(scribe.last_index - 1))
        scribe.term = 3
        replaced = scribe.last_index - 1
        new_term = HardState(3, None)
        self.submit(scribe.persist([scribe.post("geral", "outro")], new_term, truncate_after=replaced))
        self.wait()
        self.submit(scribe.persist(body=bytes(9000)))
        self.submit(scribe.persist([scribe.send("ana", "oi", user="rui")]), scribe.apply())
        self.wait()
        self.submit(None, scribe.apply())
        self.submit(scribe.hard_state(4, PEER))
        self.wait()


class PowerLossTests(SynchronousTestCase):
    def look(self, run, image):
        """What a start from the files finds: state, board, and the mark that something is missing."""
        disk = SimulatedHarness(image)
        opened = disk.start()
        restored = opened.restored
        try:
            last = restored.last_index
            entries = []
            while len(entries) < last:
                entries += disk.fetch(Fetch(1, len(entries) + 1, last, 1 << 20))
            state = (
                restored.hard_state.term,
                restored.hard_state.vote,
                tuple(entry.hash for entry in entries),
            )
            board = Board(opened.board)
            self.assertEqual((board.marks(), tuple(board.heads())), run.boards[restored.applied])
            self.assertGreater(restored.incarnation, 1)
            self.assertTrue(disk.write(Scribe(restored, opened.board).persist(body=b"it goes on")))
        finally:
            disk.stop()
        return state, restored

    def cut_everywhere(self, run):
        run.work()
        run.disk.stop()
        run.moments.stop()
        self.assertEqual(run.disk.failures, [])
        self.assertEqual(run.acknowledged, len(run.states) - 1)
        for image, acknowledged, where in run.moments.found:
            state, restored = self.look(run, image)
            self.assertIn(state, run.states[acknowledged:], where)
            self.assertIsNone(restored.trusted_from, where)
        return len(run.moments.found)

    def test_at_any_moment(self):
        run = Run((nothing, everything, some(Random(3))))
        self.assertGreater(self.cut_everywhere(run), 60)

    def test_at_any_moment_while_the_log_is_folded_away(self):
        """The write-ahead log begins anew every few pages."""
        run = Run((some(Random(5)), nothing), checkpoint_pages=4)
        self.assertGreater(self.cut_everywhere(run), 60)
        folds = [where for *_, where in run.moments.found if "a sync of /board/board.sqlite" in where]
        self.assertGreater(sum(where.endswith("sqlite") for where in folds), 3)

    def test_again_while_the_start_after_it_repairs(self):
        run = Run((some(Random(1)),), checkpoint_pages=4)
        run.work()
        run.disk.stop()
        middle, acknowledged, _ = run.moments.found[len(run.moments.found) // 2]
        second = SimulatedHarness(middle)
        moments = Moments(middle, (some(Random(2)), nothing, everything))
        incarnation = moments.acknowledged = second.start().restored.incarnation
        second.stop()
        moments.stop()
        self.assertGreater(len(moments.found), 10)
        for image, used, where in moments.found:
            state, restored = self.look(run, image)
            self.assertIn(state, run.states[acknowledged:], where)
            self.assertIsNone(restored.trusted_from, where)
            self.assertGreater(restored.incarnation, used, where)
        self.assertEqual(used, incarnation)

    def test_a_disk_that_lied(self):
        """The database's syncs came to nothing, the hard state's did not: no acknowledgement is forgotten unnoticed."""
        run = Run()
        run.disk.disk.lies = lambda path: path.endswith("-wal")
        run.work()
        moments = run.moments.found[:]
        run.disk.stop()
        known = 0
        for image, acknowledged, _ in moments:
            (term, vote, log), restored = self.look(run, image)
            later = run.states[acknowledged:]
            self.assertIn((term, vote), [state[:2] for state in later], "they are in the hard-state file too")
            self.assertIn(log, [state[2] for state in run.states])
            if log not in [state[2] for state in later]:
                self.assertGreaterEqual(restored.trusted_from, len(run.states[acknowledged][2]))
                self.assertGreater(restored.trusted_from, len(log))
                known += 1
        self.assertGreater(known, 4)

    def test_a_loss_is_known_until_it_is_made_good(self):
        run = Run()
        run.work()
        image = run.disk.disk.image(everything)
        disk = SimulatedHarness(image)
        wal = disk.path("board.sqlite-wal")
        self.assertTrue(image.files()[wal])
        image.put(wal, b"")
        run.disk.stop()
        for notes in (1, 0):
            opened = disk.start()
            self.assertEqual(len(opened.notes), notes)
            self.assertEqual(opened.restored.last_index, 1)
            self.assertEqual(opened.restored.trusted_from, len(run.states[-1][2]))
            self.assertEqual(opened.restored.hard_state, HardState(4, PEER))
            disk.stop()
        opened = disk.start()
        scribe = Scribe(opened.restored, opened.board)
        trusted_from = opened.restored.trusted_from
        while scribe.last_index < trusted_from:
            disk.write(scribe.persist(body=b"from the leader"))
        disk.write(None, scribe.apply())
        disk.stop()
        self.assertEqual(disk.start().restored.trusted_from, trusted_from)
        disk.write(scribe.persist(trusted=True))
        disk.stop()
        self.assertIsNone(disk.start().restored.trusted_from)
        disk.stop()


class OnceInALifeTests(SynchronousTestCase):
    """What a server does once, or seldom: at each moment of it the power may fail, and the next start does it to the end."""

    VARIANTS = (nothing, everything, some(Random(1)))

    def each_moment(self, disk, work, look):
        """Have something done, and look at what a start finds, for each moment of it, and for each of several cuts."""
        found = []
        disk.disk.watch = lambda path, what: found.extend(
            (disk.disk.image(keep), f"before operation {len(found)}, a {what} of {path}")
            for keep in self.VARIANTS
        )
        work()
        disk.disk.watch = lambda _path, _what: None
        self.assertEqual(disk.failures, [])
        for image, where in found:
            harness = SimulatedHarness(image)
            try:
                look(harness, harness.start(), where)
            except StoreError as error:
                raise self.failureException(f"{where}: {error}") from error
            harness.stop()
            self.assertEqual(harness.failures, [], where)
        return len(found)

    def served(self):
        """A server with a bit of everything, its log as long as two answers; and its scribe."""
        disk = SimulatedHarness()
        scribe = disk.begin()
        commands = [scribe.login("ana"), scribe.channel("geral"), scribe.post("geral", "olá")]
        disk.write(scribe.persist(commands), scribe.apply())
        for _ in range(10):
            disk.write(scribe.persist([scribe.post("geral", "x" * 500)]), scribe.apply())
        return disk, scribe

    def test_a_founding(self):
        disk = SimulatedHarness()
        opened = disk.start()

        def look(harness, found, where):
            self.assertEqual(found.member, opened.member, where)
            if found.restored is None:
                harness.found(found.member)
            else:
                self.assertEqual((found.restored.last_index, found.restored.applied), (1, 0), where)
                self.assertIsNone(found.restored.trusted_from, where)

        self.assertGreater(self.each_moment(disk, lambda: disk.found(opened.member), look), 20)

    def test_an_upgrade(self):
        disk, scribe = self.served()
        disk.stop()
        mount = disk.disk.mount()
        with apsw.Connection(disk.path("board.sqlite"), vfs=mount.vfs) as connection:
            as_version_1(connection, scribe, disk.window)
        connection.close()
        disk.disk.forget(disk.path("founding"))

        def look(_harness, found, where):
            self.assertEqual(found.restored.document.entry(), scribe.log[1], where)
            self.assertEqual(found.restored.last_hash, scribe.last_hash, where)
            self.assertIsNone(found.restored.trusted_from, where)
            self.assertEqual(Board(found.board).marks(), scribe.board.marks(), where)

        self.assertGreater(self.each_moment(disk, disk.start, look), 60)

    def test_a_trim_and_the_sweep_after_it(self):
        disk, scribe = self.served()
        entry = scribe.log[8]
        persist = attrs.evolve(scribe.persist(), anchor=Anchor(8, entry.term, entry.hash))
        anchors = set()

        def look(harness, found, where):
            restored = found.restored
            anchors.add(restored.anchor.index)
            self.assertEqual(restored.last_hash, scribe.last_hash, where)
            self.assertEqual(Board(found.board).marks(), scribe.board.marks(), where)
            first = restored.anchor.index + 1
            entries = harness.fetch(Fetch(1, first, restored.last_index, 1 << 20))
            self.assertEqual([entry.index for entry in entries], [*range(first, 13)], where)

        def work():
            disk.write(persist)
            disk.stop()

        self.assertGreater(self.each_moment(disk, work, look), 40)
        self.assertEqual(anchors, {0, 8})

    def test_a_repair(self):
        """A damaged database is put aside; term, vote and what was acknowledged are not forgotten, and the server waits."""
        disk, scribe = self.served()
        disk.write(scribe.hard_state(7, PEER))
        incarnation = disk.store._incarnation
        disk.stop()
        path = disk.path("board.sqlite")
        data = disk.disk.files()[path]
        disk.disk.put(path, data[:8192] + bytes(4096) * 6 + data[32768:])

        def look(_harness, found, where):
            restored = found.restored
            self.assertEqual(restored.document.entry(), scribe.log[1], where)
            self.assertEqual(restored.hard_state, HardState(7, PEER), where)
            self.assertGreaterEqual(restored.trusted_from, scribe.last_index, where)
            self.assertGreater(restored.incarnation, incarnation, where)
            self.assertEqual((restored.last_index, found.board.streams), (1, ()), where)

        self.assertGreater(self.each_moment(disk, disk.start, look), 120)

    def test_a_repair_from_a_log_that_is_whole(self):
        """Nothing is lost, whenever the power fails."""
        disk, scribe = self.served()
        disk.write(scribe.hard_state(7, PEER))
        disk.stop()
        disk.start()
        disk.store.distrust("the state at index 1024 differs")
        disk.stop()

        def look(_harness, found, where):
            restored = found.restored
            self.assertEqual(restored.hard_state, HardState(7, PEER), where)
            self.assertEqual((restored.last_index, restored.trusted_from), (scribe.last_index, None), where)
            self.assertEqual([*restored.entries], [*scribe.log.values()], where)

        self.assertGreater(self.each_moment(disk, disk.start, look), 80)

    def test_a_start_after_a_sync_that_failed(self):
        """What it could not sync is shown by the system, and may be gone: what comes after it is not lost with it."""
        self.start_after_a_sync_that_failed(range(12), full=False)

    def test_a_start_after_a_sync_that_failed_on_a_disk_that_is_full(self):
        self.start_after_a_sync_that_failed(range(20, 26), full=True)

    def start_after_a_sync_that_failed(self, seeds, *, full):
        for seed in seeds:
            disk = SimulatedHarness(SimulatedDisk(Random(seed)))
            scribe = disk.begin()
            disk.write(scribe.persist([scribe.login("ana")]), scribe.apply())
            disk.disk.fault = lambda path, what: (
                OSError(errno.EIO, "EIO") if (path[-4:], what) == ("-wal", "sync") else None
            )
            self.assertFalse(disk.write(scribe.persist(body=bytes(9000))))
            disk.disk.fault = lambda path, what: (
                OSError(errno.ENOSPC, "ENOSPC")
                if full and (path[-8:], what) == ("-wal.new", "write")
                else None
            )
            disk.failures.clear()
            disk.end()

            def look(_harness, found, where):
                self.assertIsNone(found.restored.trusted_from, where)
                self.assertIn(found.restored.last_index, (2, 3), where)

            self.each_moment(disk, disk.start, look)
