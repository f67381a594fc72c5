"""The reader: a thread of its own with a connection that only reads, so that neither the reactor nor the writer waits for a page.

What it is asked is done in order.  Its queue holds what the server asked for and was not answered yet: queries, which the
server bounds by the requests that it has taken, and a fetch per follower.

Now and then it scrubs, a slice at a time, whether or not there is always something to read.

A row that is not what was written stops the server (``failed``), and nothing is returned from it: no wrong byte is
ever served.
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final

import apsw

from bulletin.core.store.port import CallFromThread, Failed, StoreError, damaged
from bulletin.storage.database import DAMAGE
from bulletin.storage.giver import Giver
from bulletin.storage.machine import Machine
from bulletin.storage.scrub import Scrubber

_HURRIED_PAUSE: Final = 0.05
"""Seconds between two slices of what nobody has checked since the start."""

Read = Callable[[apsw.Connection], Any]
"""Something to read; called in the thread."""


class Reader:
    """The reader's work; implements :class:`bulletin.storage.machine.Stepping`.

    The connection is its own from the first step to the last.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        place: str,
        scrub_pause: float,
        giver: Giver,
        machine: Machine,
        *,
        call_from_thread: CallFromThread,
        failed: Failed,
        ended: Callable[[], None],
    ) -> None:
        """Nothing is read yet.

        :param place: the directory, for sentences.
        :param scrub_pause: seconds between two slices of scrubbing; 0: none is done.
        :param giver: holds the copy that fellow servers are given.
        :param machine: where this runs.
        :param ended: called in the last step, last of all.
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
        self._monotonic: Final = machine.monotonic
        self._scrubbed_at = self._monotonic()
        self._has_failed = False
        self._told_to_stop = False
        self._has_ended = False

    def submit(self, read: Read, done: Callable[[Any], None]) -> None:
        """Have something read after what was asked before it, and ``done`` called with it."""
        self._queue.put((read, done))

    def stop(self) -> None:
        """Have the work end after what was asked so far."""
        self._queue.put(None)

    # In the thread

    def step(self, *, wait: bool) -> bool:
        """Read what was asked for next, or scrub a slice where it is time."""
        if self._has_ended:
            return False
        did = True
        try:
            did = self._drop(wait=wait) if self._has_failed else self._read_next(wait=wait)
        except DAMAGE as error:
            self._fail(damaged(self._place, str(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody would answer the readers from now on
            self._fail(StoreError(f"Reading from {self._place} failed ({type(error).__name__}: {error})."))
        if self._told_to_stop:
            self._end()
        return did

    def _end(self) -> None:
        self._has_ended = True
        try:
            self.giver.give_up()
            self._connection.close()
        finally:
            self._ended()

    def _read_next(self, *, wait: bool) -> bool:
        pause = self._pause()
        self.giver.expire()
        left = None if pause is None else self._scrubbed_at + pause - self._monotonic()
        if left is not None and left <= 0.0:
            if self.scrubber is not None:
                self.scrubber.step(self._connection)
                self._check_at_rest()
            self._scrubbed_at = self._monotonic()
            return True
        try:
            asked = self._queue.get(block=wait, timeout=left)
        except Empty:
            return wait  # for the next slice: it is time now
        if asked is None:
            self._told_to_stop = True
            return True
        read, done = asked
        result = read(self._connection)
        self._check_at_rest()
        self._call_from_thread(done, result)
        return True

    def _check_at_rest(self) -> None:
        assert self._connection.txn_state() == apsw.SQLITE_TXN_NONE, "the next page would lack what is new"

    def _pause(self) -> float | None:
        """Seconds from one slice to the next; None: none is scrubbed."""
        if not self._scrub_pause:
            return None
        hurry = self.scrubber is not None and self.scrubber.hurry
        return min(self._scrub_pause, _HURRIED_PAUSE) if hurry else self._scrub_pause

    def _fail(self, error: StoreError) -> None:
        self._has_failed = True
        self._call_from_thread(self._failed, error)

    def _drop(self, *, wait: bool) -> bool:
        """Drop what was asked for: nothing is returned any more."""
        try:
            self._told_to_stop = self._queue.get(block=wait) is None
        except Empty:
            return False
        return True
