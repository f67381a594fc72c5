"""What the store costs: syncs against the disk's own speed, rows against SQLite's, with the reactor idle and busy.

    python -m benchmarks.storage [DIRECTORY]
    python -m benchmarks.storage --posts 1000,1000000 [DIRECTORY]

(default: a temporary directory; it should be on the disk in question).  Everything is measured in one run, and given as a
ratio to a ceiling of the same run where there is one.  With ``--posts`` databases of so many posts are made, and what
depends on their size is given as ratios to the first.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

from benchmarks import growth
from benchmarks.filled import Loop, fail
from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.storage.sqlite_store import SqliteStore, Tuning
from tests.storage.scribe import Scribe, document

SECONDS = 1.0
TEXT = "x" * 100


def wait(loop, count, ask):
    """Ask for something whose ``done`` is called so many times, and wait for the last one."""
    done = []
    ask(lambda *answer: done.append(answer))
    loop.run(lambda: len(done) >= count)
    return done[-1]


def open_store(directory, loop):
    store = SqliteStore(
        directory, "benchmark", call_from_thread=loop.call_from_thread, failed=fail, tuning=Tuning()
    )
    opened = store.open()
    if opened.restored is not None:
        return store, Scribe(opened.restored, opened.board)
    return store, Scribe(*wait(loop, 1, lambda done: store.found(document(opened.member), done)))


def close_store(store, loop):
    wait(loop, 1, store.close)


def raw_syncs(directory, size, seconds=SECONDS):
    """Appends of so many bytes and an fdatasync each, a second, to a file that is long enough already."""
    descriptor = os.open(directory / "raw", os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, 8 << 20)
    os.pwrite(descriptor, bytes(8 << 20), 0)
    os.fsync(descriptor)
    count, offset, end = 0, 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        os.pwrite(descriptor, bytes(size), offset)
        os.fdatasync(descriptor)
        offset = (offset + size) % ((8 << 20) - size)
        count += 1
    os.close(descriptor)
    return count / seconds


def commits(store, loop, scribe, batch, seconds=SECONDS):
    """Entries a second, with so many writes (of one small entry each) asked for together and waited for together."""

    def ask(done):
        for _ in range(batch):
            store.write(scribe.persist(body=TEXT.encode()), None, done)

    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        wait(loop, batch, ask)
        count += batch
    scribe.unapplied.clear()
    return count / seconds


def applied_posts(store, loop, scribe, batches, size):
    """Seconds of the clock, and of the writer's CPU, per post that is stored and applied, ``size`` to an entry."""
    work = []
    for _ in range(batches):
        persist = scribe.persist([scribe.post("geral", TEXT) for _ in range(size)])
        work.append((persist, scribe.apply()))
    thread = next(thread for thread in threading.enumerate() if thread.name == "bulletin-writer")
    writer = time.pthread_getcpuclockid(thread.ident)
    clock, cpu = time.perf_counter(), time.clock_gettime(writer)

    for persist, applied in work:
        store.write(persist, None, lambda: None)
        wait(loop, 1, partial(store.write, None, applied))
    posts = batches * size
    return (time.perf_counter() - clock) / posts, (time.clock_gettime(writer) - cpu) / posts


class Busy:
    """A reactor that has always something to do: a thread that never gives up the interpreter by itself."""

    def __enter__(self):
        self.stop = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def __exit__(self, *_):
        self.stop = True
        self.thread.join()

    def run(self):
        values = {}
        while not self.stop:
            for number in range(100):
                values[number] = f"{number}" * 4


def sizes(text):
    return [int(size) for size in text.split(",")]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", nargs="?")
    parser.add_argument("--posts", type=sizes)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as place:
        if options.posts:
            growth.run(Path(place), options.posts)
        else:
            run(Path(place))


def run(place):
    loop = Loop()
    ceiling = raw_syncs(place, 4096)
    print(f"raw write of 4 KiB and fdatasync       {ceiling:10.0f} /s")
    store, scribe = open_store(place / "data", loop)
    for batch in (1, 64):
        rate = commits(store, loop, scribe, batch)
        print(
            f"entries, {batch:2} asked for together        {rate:10.0f} /s   {rate / ceiling:6.2f} × raw syncs"
        )
    persist = scribe.persist([scribe.login("ana"), scribe.channel("geral")])
    wait(loop, 1, lambda done: store.write(persist, scribe.apply(), done))
    for size in (1, 64):
        clock, cpu = applied_posts(store, loop, scribe, 2048 // size if size > 1 else 300, size)
        print(
            f"posts stored and applied, {size:2} an entry    {clock * 1e6:8.1f} µs   {cpu * 1e6:8.1f} µs of the writer's CPU"
        )
    default = sys.getswitchinterval()
    for interval in (default, 0.0005):
        sys.setswitchinterval(interval)
        with Busy():
            clock, _ = applied_posts(store, loop, scribe, 30, 64)
        print(
            f"the same, 64, a busy thread, {interval * 1e3:.1f} ms    {clock * 1e6:8.1f} µs   {clock * 64e3:8.2f} ms an entry"
        )
    sys.setswitchinterval(default)
    query = PageQuery(StreamKind.CHANNEL, "geral", None, 0, None, 500)
    clock, pages = time.perf_counter(), 100
    for _ in range(pages):
        wait(loop, 1, lambda done: store.page(query, done))
    print(f"page of 500 posts                      {(time.perf_counter() - clock) / pages * 1e3:10.2f} ms")
    close_store(store, loop)
    clock = time.perf_counter()
    store, scribe = open_store(place / "data", loop)
    print(
        f"start with {scribe.last_index} entries, {scribe.board.marks().ordinal} operations: {time.perf_counter() - clock:.2f} s"
    )
    close_store(store, loop)


if __name__ == "__main__":
    main()
