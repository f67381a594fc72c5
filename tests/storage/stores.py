"""Both stores behind one face, with a reactor's queue that a test empties."""

import queue
from pathlib import Path
from random import Random

from bulletin.simulation.memory_store import MemoryDisk, MemoryStore
from bulletin.storage import database
from bulletin.storage.files import SystemFiles
from bulletin.storage.machine import Machine
from bulletin.storage.server_directory import DATABASE, HARD_STATE
from bulletin.storage.simulated_disk.disk import SimulatedDisk
from bulletin.storage.simulated_disk.host import Host
from bulletin.storage.sqlite_store import SqliteStore, Tuning
from tests.storage.hasty import HastyFiles
from tests.storage.scribe import Scribe, document


class Loop:
    """A reactor that has nothing but calls from threads; ``run`` waits for them, no longer than a test may take."""

    def __init__(self):
        self.calls = queue.SimpleQueue()

    def call_from_thread(self, function, *args):
        self.calls.put((function, args))

    def run(self, until, seconds=30.0):
        while not until():
            function, args = self.calls.get(timeout=seconds)
            function(*args)


class SteppedLoop(Loop):
    """Has the work of a store done in between, in one thread."""

    def __init__(self):
        super().__init__()
        self.host = None

    def run(self, until, seconds=0.0):
        while not until():
            if not self.calls.empty():
                super().run(self.calls.empty)
            elif not self.host.step():
                raise AssertionError("nothing happens any more")


class Harness:
    """One server's disk, and one store at a time on it."""

    window = 131_072
    fellows = (b"another-16-bytes", b"third---16-bytes")
    """The other members of the cluster that it is founded in."""

    def __init__(self):
        self.loop = Loop()
        self.failures = []
        self.store = None

    def make(self):
        raise NotImplementedError

    def lose_hard_state(self):
        """Between two starts: what was lost with it is unknown."""
        raise NotImplementedError

    def spoil_incoming(self, number):
        """Between two starts: a bit flips in a part of another's tables."""
        raise NotImplementedError

    def start(self):
        """Open a store; what it found."""
        self.store = self.make()
        return self.store.open()

    def stop(self):
        done = []
        self.store.close(lambda: done.append(True))
        self.loop.run(lambda: done)
        self.store = None

    def found(self, member):
        got = []
        self.store.found(document(member, *self.fellows), lambda *found: got.append(found))
        self.loop.run(lambda: got)
        return got[0]

    def begin(self):
        """A founded server, and its scribe."""
        opened = self.start()
        restored, board = self.found(opened.member)
        return Scribe(restored, board, self.window)

    def write(self, persist=None, applied=None):
        """Write, and wait until it is done; False: it will not be."""
        return self.ask(self.store.write, persist, applied) is not None

    def page(self, query):
        return self.ask(self.store.page, query)

    def fetch(self, fetch):
        return self.ask(self.store.fetch, fetch)

    def ask(self, method, *args):
        """What a method answers; None: the store failed meanwhile."""
        answers = []
        failures = len(self.failures)
        method(*args, lambda answer=True: answers.append(answer))
        self.loop.run(lambda: answers or len(self.failures) > failures)
        return answers[0] if answers else None


class MemoryHarness(Harness):
    def __init__(self, window=131_072):
        super().__init__()
        self.window = window
        self.disk = MemoryDisk(b"member--16-bytes", window)

    def lose_hard_state(self):
        self.disk.file = None

    def spoil_incoming(self, number):
        incoming = self.disk.written.incoming
        incoming[number] = incoming[number][:-1] + b"?"

    def make(self):
        return MemoryStore(
            self.disk, call_from_thread=self.loop.call_from_thread, failed=self.failures.append
        )


class SqliteHarness(Harness):
    def __init__(self, case, window=131_072, files=None, **tuning):
        super().__init__()
        self.files = files or SystemFiles()
        self.window = window
        self.directory = Path(case.mktemp())
        self.tuning = {"window": window, "ballast_bytes": 4096, "scrub_pause": 0, **tuning}

    @classmethod
    def hasty(cls, case, directory=None):
        """Of a directory, by way of a VFS that does not wait for the disk."""
        harness = cls(case, files=HastyFiles())
        harness.directory = directory or harness.directory
        return harness

    def lose_hard_state(self):
        (self.directory / HARD_STATE).unlink()

    def spoil_incoming(self, number):
        connection = database.open_writer(self.directory / DATABASE, self.files)
        body = connection.execute("SELECT body FROM incoming WHERE number = ?", (number,)).get
        connection.execute("UPDATE incoming SET body = ? WHERE number = ?", (body[:-1] + b"?", number))
        connection.close()

    def make(self):
        return SqliteStore(
            self.directory,
            "server-1",
            call_from_thread=self.loop.call_from_thread,
            failed=self.failures.append,
            tuning=Tuning(**self.tuning),
            machine=Machine(self.files),
        )


class SimulatedHarness(Harness):
    """A store on a simulated disk; each start is another process."""

    directory = Path("/board")

    def __init__(self, disk=None, window=131_072, **tuning):
        super().__init__()
        self.window = window
        self.disk = disk or SimulatedDisk(Random(1))
        self.loop = SteppedLoop()
        self.ending = None
        self.tuning = {"window": window, "ballast_bytes": 4096, "scrub_pause": 0, **tuning}

    def path(self, name):
        """Of a file in the directory."""
        return str(self.directory / name)

    def make(self):
        self.loop.host = Host(self.disk, lambda: 0.0)
        if self.ending is not None:
            self.disk.stop_after(*self.ending)
            self.ending = None
        return SqliteStore(
            self.directory,
            "server-1",
            call_from_thread=self.loop.call_from_thread,
            failed=self.failures.append,
            tuning=Tuning(**self.tuning),
            machine=self.loop.host.machine,
        )

    def stop_in_start(self, operations, ending):
        """Have the process of the next start end so early."""
        self.ending = operations, ending

    def end(self):
        """The process was ended: what it left open is closed."""
        host, store = self.loop.host, self.store
        self.disk.kill()
        store.close(lambda: None)
        while host.step():
            pass
        self.store = None
