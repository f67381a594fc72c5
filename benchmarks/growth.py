"""Whether a server's start, and a post, take the same time however many posts there are: see ``benchmarks/storage.py --posts``."""

import contextlib
import time

from benchmarks.filled import Filled
from benchmarks.publish import cpu_seconds
from bulletin.torture.board import Board

RUNS = 5
SLICES = 60
SLICE_POSTS = 10
"""Posts of one size before it is the other's turn."""


class Figures:
    """One figure of several runs, for each size, which take turns: by default the least; what else the machine does only adds."""

    def __init__(self, sizes, of=min):
        self.of = of
        self.least = {size: {} for size in sizes}

    def take(self, size, **figures):
        least = self.least[size]
        for name, value in figures.items():
            least[name] = self.of([value, least[name]]) if name in least else value

    def say(self, what, unit, factor):
        """A line for each figure, with the ratio of each size to the first one."""
        first, *_ = sizes = list(self.least)
        for name in self.least[first]:
            values = [self.least[size][name] for size in sizes]
            ratios = "".join(f"   × {value / values[0]:.2f}" for value in values[1:])
            print(
                f"{what}, {name:6}" + "".join(f"{value * factor:12.2f} {unit}" for value in values) + ratios,
                flush=True,
            )


@contextlib.contextmanager
def timed(figures, size, share=1):
    clock, cpu = time.perf_counter(), time.process_time()
    yield
    figures.take(size, clock=(time.perf_counter() - clock) / share, cpu=(time.process_time() - cpu) / share)


def run(place, sizes):
    """Build the databases, and print what depends on their size."""
    print("posts" + "".join(f"{size:19,}" for size in sizes))
    for size in sizes:
        filled = Filled(place / f"{size}" / "server1")
        filled.fill(size)
        filled.close()
    opens(place, sizes)
    posts(place, sizes)
    starts(place, sizes)


def opens(place, sizes):
    figures = Figures(sizes)
    for size in sizes * RUNS:
        with timed(figures, size):
            filled = Filled(place / f"{size}" / "server1")
        filled.close()
    figures.say("store and board, opened", "ms", 1e3)


def posts(place, sizes):
    """One at a time, each synced, applied and in the tables before the next one."""
    figures = Figures(sizes, of=sum)
    stores = {size: Filled(place / f"{size}" / "server1") for size in sizes}
    for filled in stores.values():
        filled.fill(filled.posts + SLICE_POSTS * SLICES // 4, entry_posts=1)
    for size in sizes * SLICES:
        filled = stores[size]
        with timed(figures, size, SLICE_POSTS * SLICES):
            for _ in range(SLICE_POSTS):
                filled.fill(filled.posts + 1)
    for filled in stores.values():
        filled.close()
    figures.say("a post, stored and applied", "µs", 1e6)


def starts(place, sizes):
    """Whole processes, each on a board of its own, from nothing to "it does its whole work"."""
    figures = Figures(sizes)
    boards = {size: Board(place / f"{size}", servers=1) for size in sizes}
    try:
        for board in boards.values():
            for role in board.roles[:-1]:
                role.start()
        for size in sizes * RUNS:
            (server,) = boards[size].servers
            begun = time.perf_counter()
            server.start()
            server.wait_ready()
            figures.take(size, clock=time.perf_counter() - begun, cpu=cpu_seconds(server.process.pid))
            server.stop()
    finally:
        for board in boards.values():
            board.destroy()
    figures.say("a server's process, to ready", "ms", 1e3)
