from pathlib import Path

import apsw
from twisted.trial.unittest import SynchronousTestCase

from bulletin.storage.giver import Giver
from bulletin.storage.machine import Machine
from bulletin.storage.reader import Reader


class Connection:
    def close(self):
        pass

    def txn_state(self):
        return apsw.SQLITE_TXN_NONE


class Slices:
    """In place of a scrubber: counts the slices."""

    hurry = False

    def __init__(self):
        self.steps = 0

    def step(self, connection):
        self.steps += 1


class BusyTests(SynchronousTestCase):
    """A reader that always has something to read; its loop runs in the test's thread, by the test's clock."""

    def slices(self, pause):
        """How many slices are scrubbed beside 40 reads that take a quarter of a second each."""
        now = 100.0
        read = []

        def page(_connection):
            nonlocal now
            now += 0.25
            read.append(now)

        machine = Machine(monotonic=lambda: now)
        busy = Reader(
            Connection(),
            "here",
            pause,
            Giver(Path(self.mktemp()), 10, machine),
            machine,
            call_from_thread=lambda function, *arguments: function(*arguments),
            failed=self.fail,
            ended=lambda: None,
        )
        busy.scrubber = Slices()
        for _ in range(40):
            busy.submit(page, lambda _page: None)
        busy.stop()
        while busy.step(wait=False):
            pass
        self.assertEqual(len(read), 40)
        return busy.scrubber.steps

    def test_it_scrubs_although_there_is_always_something_to_read(self):
        self.assertEqual(self.slices(1.0), 10)

    def test_it_does_not_scrub_where_it_is_told_so(self):
        self.assertEqual(self.slices(0.0), 0)
