"""The power fails at any moment, and whatever was acknowledged is there, or is known to be missing."""

import shutil
from pathlib import Path
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board
from bulletin.core.raft.ready import Fetch, HardState
from tests.storage import power
from tests.storage.scribe import Scribe
from tests.storage.stores import SqliteHarness

PEER = b"another-16-bytes"


class Run:
    """A server that works on a recorded disk: every state that it was to have, by number, and what it acknowledged."""

    def __init__(self, case, **tuning):
        self.recording = power.Recording()
        name = f"recording-{id(self)}"
        self.vfs = power.RecordingVFS(name, self.recording)
        self.disk = SqliteHarness(case, files=power.RecordingFiles(name, self.recording), **tuning)
        self.disk.begin()
        self.disk.stop()
        opened = self.disk.start()
        self.scribe = Scribe(opened.restored, opened.board)
        self.image = power.Image(self.disk.directory)
        del self.recording.events[:]
        self.vote = None
        self.states = [self.state()]
        self.boards = {0: self.board()}
        self.acknowledged = 0

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
            self.acknowledged = number
            self.recording.acknowledge(number)

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
    def setUp(self):
        self.place = Path(self.mktemp())

    def look(self, run):
        """What a start from the files finds: state, board, and the mark that something is missing."""
        disk = SqliteHarness.hasty(self, self.place)
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

    def cut_everywhere(self, run, variants):
        run.work()
        run.disk.stop()
        self.assertEqual(run.disk.failures, [])
        acknowledged = moments = 0
        for place, event in enumerate(run.recording.events):
            run.image.happen(event)
            if event[1] == "ack":
                acknowledged = event[2]
                continue
            moments += 1
            run.image.store(self.place, variants[moments % len(variants)])
            state, restored = self.look(run)
            where = f"after event {place}, a {event[1]} of {event[0]}"
            self.assertIn(state, run.states[acknowledged:], where)
            self.assertIsNone(restored.trusted_from, where)
        self.assertEqual(acknowledged, len(run.states) - 1)
        return moments

    def test_at_any_moment(self):
        variants = (power.nothing, power.everything, power.some(Random(3)))
        self.assertGreater(self.cut_everywhere(Run(self), variants), 60)

    def test_at_any_moment_while_the_log_is_folded_away(self):
        """The write-ahead log begins anew every few pages."""
        run = Run(self, checkpoint_pages=4)
        self.assertGreater(self.cut_everywhere(run, (power.some(Random(5)), power.nothing)), 60)
        self.assertGreater(sum(event[:2] == ("board.sqlite", "sync") for event in run.recording.events), 3)

    def test_again_while_the_start_after_it_repairs(self):
        run = Run(self, checkpoint_pages=4)
        run.work()
        run.disk.stop()
        middle = len(run.recording.events) // 2
        acknowledged = 0
        for event in run.recording.events[:middle]:
            run.image.happen(event)
            acknowledged = event[2] if event[1] == "ack" else acknowledged
        first = Path(self.mktemp())
        run.image.store(first, power.some(Random(1)))
        recording = power.Recording()
        vfs = power.RecordingVFS("second", recording)
        second = SqliteHarness(self, files=power.RecordingFiles("second", recording))
        second.directory = first
        image = power.Image(first)
        incarnation = second.start().restored.incarnation
        recording.acknowledge(incarnation)
        second.stop()
        used = 1
        for place, event in enumerate(recording.events):
            image.happen(event)
            used = event[2] if event[1] == "ack" else used
            image.store(self.place, power.some(Random(place)))
            state, restored = self.look(run)
            self.assertIn(state, run.states[acknowledged:], place)
            self.assertIsNone(restored.trusted_from, place)
            self.assertGreater(restored.incarnation, used, place)
        self.assertEqual(used, incarnation)
        self.assertIsNotNone(vfs)

    def test_a_disk_that_lied(self):
        """The database's syncs came to nothing, the hard state's did not: no acknowledgement is forgotten unnoticed."""
        run = Run(self)
        run.work()
        run.disk.stop()
        known = 0
        for event in run.recording.events:
            if event == ("board.sqlite-wal", "sync"):
                continue
            run.image.happen(event)
            if event[1] != "ack":
                continue
            acknowledged = event[2]
            run.image.store(self.place, power.nothing)
            (term, vote, log), restored = self.look(run)
            later = run.states[acknowledged:]
            self.assertIn((term, vote), [state[:2] for state in later], "they are in the hard-state file too")
            self.assertIn(log, [state[2] for state in run.states])
            if log not in [state[2] for state in later]:
                self.assertGreaterEqual(restored.trusted_from, len(run.states[acknowledged][2]))
                self.assertGreater(restored.trusted_from, len(log))
                known += 1
        self.assertGreater(known, 4)

    def test_a_loss_is_known_until_it_is_made_good(self):
        run = Run(self)
        run.work()
        wal = run.disk.directory / "board.sqlite-wal"
        self.place.mkdir()
        for name in power.Image.FILES:
            shutil.copy(run.disk.directory / name, self.place / name)
        self.assertGreater(wal.stat().st_size, 0)
        (self.place / wal.name).write_bytes(b"")
        run.disk.stop()
        disk = SqliteHarness.hasty(self, self.place)
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
