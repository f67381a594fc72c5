"""The board of separate processes that other tests use."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 30.0

# Starts one role, says its pid, and waits to be killed.
HOLDER = """
import sys
from pathlib import Path
from bulletin.torture.board import Board
board = Board(Path(sys.argv[1]))
board.proxy.start()
board.proxy.wait_ready()
print(board.proxy.process.pid, flush=True)
sys.stdin.read()
"""


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Lifeline(SynchronousTestCase):
    def test_no_role_outlives_a_killed_test(self):
        folder = tempfile.mkdtemp()
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        with holder:
            pid = int(holder.stdout.readline())
            self.assertTrue(is_alive(pid))
            holder.kill()
        limit = time.monotonic() + PATIENCE
        while is_alive(pid) and time.monotonic() < limit:
            time.sleep(0.05)
        left = is_alive(pid)
        if left:
            os.kill(pid, signal.SIGKILL)
        self.assertFalse(left)
