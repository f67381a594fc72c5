from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.store.port import StoreFull
from bulletin.simulation.memory_store import MemoryDisk, MemoryStore
from tests.storage.scribe import Scribe, document
from tests.storage.stores import MemoryHarness

QUERY = PageQuery(StreamKind.CHANNEL, "geral", None, None, None, 50)


class CrashTests(SynchronousTestCase):
    def setUp(self):
        self.disk = MemoryHarness()
        self.scribe = self.disk.begin()
        commands = [self.scribe.login("ana"), self.scribe.channel("geral")]
        self.disk.write(self.scribe.persist(commands), self.scribe.apply())

    def crash(self):
        self.disk.disk.crash()
        return self.disk.start()

    def test_what_is_done_survives(self):
        self.disk.write(self.scribe.persist([self.scribe.post("geral", "fica")]))
        opened = self.crash()
        self.assertEqual((opened.restored.last_index, opened.restored.applied), (3, 2))
        self.assertEqual([entry.index for entry in opened.restored.entries], [3])

    def test_what_is_not_done_does_not(self):
        self.disk.store.write(self.scribe.persist([self.scribe.post("geral", "vai")]), None, self.fail)
        self.assertEqual(self.crash().restored.last_index, 2)

    def test_rows_that_were_only_applied_go_until_something_is_synced(self):
        scribe = self.scribe
        self.disk.write(scribe.persist([scribe.post("geral", "texto")]))
        self.disk.write(None, scribe.apply())
        self.assertEqual(len(self.disk.page(QUERY).posts), 1)
        opened = self.crash()
        self.assertEqual((opened.restored.applied, len(self.disk.page(QUERY).posts)), (2, 0))

    def test_a_sync_takes_with_it_what_was_applied_before(self):
        scribe = self.scribe
        self.disk.write(scribe.persist([scribe.post("geral", "texto")]))
        self.disk.write(None, scribe.apply())
        self.disk.write(scribe.persist(body=b"more"))
        opened = self.crash()
        self.assertEqual((opened.restored.applied, len(self.disk.page(QUERY).posts)), (3, 1))

    def test_an_empty_disk(self):
        disk = MemoryHarness()
        member = disk.start().member
        disk.disk.crash()
        self.assertEqual(disk.start().member, member)


class ByHandTests(SynchronousTestCase):
    """The simulator decides when the disk is done."""

    def setUp(self):
        self.calls = []
        self.failures = []
        self.store = MemoryStore(
            MemoryDisk(b"member--16-bytes"),
            call_from_thread=lambda function, *args: self.calls.append((function, args)),
            failed=self.failures.append,
            automatic=False,
        )
        self.store.open()

    def test_nothing_happens_before_its_step(self):
        found = []
        self.store.found(document(), lambda *args: found.extend(args))
        self.assertEqual((found, self.calls), ([], []))
        self.assertTrue(self.store.step())
        scribe = Scribe(*found)
        done = []
        for number in range(3):
            self.store.write(scribe.persist(body=b"x"), None, lambda number=number: done.append(number))
        self.assertEqual(done, [])
        self.assertTrue(self.store.step())
        self.assertEqual(done, [0, 1, 2])
        self.assertFalse(self.store.step())

    def test_a_disk_that_fails(self):
        self.store.found(document(), self.fail)
        self.store.fail(StoreFull("full"))
        self.store.fail(StoreFull("again"))
        for function, args in self.calls:
            function(*args)
        self.assertEqual([str(error) for error in self.failures], ["full"])
        self.assertFalse(self.store.step())
