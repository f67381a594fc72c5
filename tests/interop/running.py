"""A program of somebody's, as a test runs it."""

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.interop.plain import UnansweredError

PATIENCE = 20.0
"""Seconds that a line may take: a machine may have much else to do."""


class Running:
    """A program that runs, and the lines that it has printed."""

    def __init__(self, command: list[str], folder: Path | None = None) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._arriving: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._arriving.put(line.rstrip("\n"))
        self._arriving.put(None)

    def wait_for(self, *texts: str) -> None:
        """Read until each of these texts has stood in a line."""
        deadline = time.monotonic() + PATIENCE
        while not all(any(text in line for line in self.lines) for text in texts):
            try:
                line = self._arriving.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise UnansweredError(f"{texts} were awaited, these lines came: {self.lines}")
            self.lines.append(line)

    def end(self, number: int = signal.SIGKILL) -> int:
        """Send a signal to it and all that it has started; its status, with all its lines read."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        status = self.process.wait(PATIENCE)
        self._reading.join(PATIENCE)
        self.process.stdout.close()
        while not self._arriving.empty():
            line = self._arriving.get()
            if line is not None:
                self.lines.append(line)
        return status

    def wait_for_posts(self, post: Callable[[str], object], word: str) -> None:
        """Post until it prints one: until then its subscription may be on its way."""
        deadline = time.monotonic() + PATIENCE
        number = 0
        while time.monotonic() < deadline:
            number += 1
            post(f"post {number}")
            try:
                line = self._arriving.get(timeout=0.2)
            except queue.Empty:
                continue
            if line is None:
                break
            self.lines.append(line)
            if word in line and "post " in line:
                return
        raise UnansweredError(f"it printed none of {number} posts, but {self.lines}")
