"""The reader: one thread with a connection that only reads, so that neither the reactor nor the writer waits for a page.

What it is asked is done in order.  Its queue holds what the server asked for and was not answered yet: queries, which the
server bounds by the requests that it has taken, and a fetch per follower.

Now and then it scrubs, a slice at a time, whether or not there is always something to read.

A row that is not what was written stops the server (``failed``), and nothing is returned from it: no wrong byte is
ever served.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Final

import apsw

from bulletin.storage.giver import Giver
from bulletin.storage.records import Damaged
from bulletin.storage.scrub import Scrubber
from bulletin.storage.store import CallFromThread, Failed, StoreError, damaged_sentence

_HURRIED_PAUSE: Final = 0.05
"""Seconds between two slices of what nobody has checked since the start."""

Read = Callable[[apsw.Connection], Any]
"""Something to read; called in the thread."""


class Reader:
    """The reader's thread.  The connection is its own from the start to the end."""

    def __init__(
        self,
        connection: apsw.Connection,
        place: str,
        scrub_pause: float,
        giver: Giver,
        *,
        call_from_thread: CallFromThread,
        failed: Failed,
        ended: Callable[[], None],
    ) -> None:
        """Nothing runs yet.

        :param place: the directory, for sentences.
        :param scrub_pause: seconds between two slices of scrubbing; 0: none is done.
        :param giver: holds the copy that fellow servers are given.
        :param ended: called in this thread, last of all.
        """
        self._connection: Final = connection
        self._place: Final = place
        self._scrub_pause: Final = scrub_pause
        self.giver: Final = giver
        """Gives parts of the tables to fellow servers."""
        self.scrubber: Scrubber | None = None
        """What to scrub by; None as long as the server is empty."""
        self._call_from_thread: Final = call_from_thread
        self._failed: Final = failed
        self._ended: Final = ended
        self._queue: Final[SimpleQueue[tuple[Read, Callable[[Any], None]] | None]] = SimpleQueue()
        self._thread: Final = threading.Thread(target=self._run, name="bulletin-reader", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, read: Read, done: Callable[[Any], None]) -> None:
        """Have something read after what was asked before it, and ``done`` called with it."""
        self._queue.put((read, done))

    def stop(self) -> None:
        """Have the thread end after what was asked so far."""
        self._queue.put(None)

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    # In the thread

    def _run(self) -> None:
        try:
            self._read_all()
        except Damaged as damaged:
            self._fail(damaged_sentence(self._place, str(damaged)))
        except apsw.CorruptError as error:
            self._fail(damaged_sentence(self._place, str(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody would answer the readers from now on
            self._fail(StoreError(f"Reading from {self._place} failed ({type(error).__name__}: {error})."))
        finally:
            self.giver.give_up()
            self._connection.close()
            self._ended()

    def _read_all(self) -> None:
        scrubbed_at = monotonic()
        while True:
            pause = self._pause()
            self.giver.expire()
            left = None if pause is None else scrubbed_at + pause - monotonic()
            if left is not None and left <= 0.0:
                if self.scrubber is not None:
                    self.scrubber.step(self._connection)
                    self._check_at_rest()
                scrubbed_at = monotonic()
                continue
            try:
                asked = self._queue.get(timeout=left)
            except Empty:
                continue
            if asked is None:
                return
            read, done = asked
            result = read(self._connection)
            self._check_at_rest()
            self._call_from_thread(done, result)

    def _check_at_rest(self) -> None:
        assert self._connection.txn_state() == apsw.SQLITE_TXN_NONE, "the next page would lack what is new"

    def _pause(self) -> float | None:
        """Seconds from one slice to the next; None: none is scrubbed."""
        if not self._scrub_pause:
            return None
        hurry = self.scrubber is not None and self.scrubber.hurry
        return min(self._scrub_pause, _HURRIED_PAUSE) if hurry else self._scrub_pause

    def _fail(self, error: StoreError) -> None:
        self._call_from_thread(self._failed, error)
        while self._queue.get() is not None:
            pass  # dropped: nothing is returned any more
