"""One board for all tests of a process: started by the first that asks, destroyed once nobody has asked for a while.

At the latest that is when the process ends; trial has no way to say which test of a package is the last.
"""

import atexit
import shutil
import tempfile
import threading
from pathlib import Path

from bulletin.torture.board import Board

IDLE_SECONDS = 5.0
"""Other tests of the same run should not share the machine with a board that nobody talks to."""


class SharedBoard:
    """Starts a board for whoever needs one, and ends it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._board: Board | None = None
        self._failure: BaseException | None = None
        self._timer: threading.Timer | None = None
        atexit.register(self.destroy)

    def acquire(self) -> Board:
        """The board, ready.  A start that failed is not tried again by the next test."""
        with self._lock:
            self._forget_timer()
            if self._failure is not None:
                raise self._failure
            if self._board is None:
                board = Board(Path(tempfile.mkdtemp(prefix="bulletin-interop-")))
                try:
                    board.start()
                except BaseException as error:
                    self._failure = error
                    _end(board)
                    raise
                self._board = board
            return self._board

    def release(self) -> None:
        """Nobody needs it at the moment."""
        with self._lock:
            self._forget_timer()
            self._timer = threading.Timer(IDLE_SECONDS, self.destroy)
            self._timer.daemon = True
            self._timer.start()

    def destroy(self) -> None:
        """End it now; whoever asks later gets a new one."""
        with self._lock:
            self._forget_timer()
            board, self._board = self._board, None
            if board is not None:
                _end(board)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _end(board: Board) -> None:
    board.destroy()
    shutil.rmtree(board.folder, ignore_errors=True)


SHARED = SharedBoard()
