"""How much memory a whole board takes once there are many posts: broker, proxy, reference and three servers.

    python -m benchmarks.memory --posts 1000000 --seconds 30

The servers begin with databases that have so many posts; then posts, pages of history and a subscriber keep the board busy for
so many seconds.  RSS counts what processes share (libraries) once for each, PSS once in all.  Ends with status 1 where
the sum of RSS is above the bound.
"""

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgpack
import zmq

from benchmarks.filled import CHANNELS, Filled, copy_for
from benchmarks.publish import drive
from bulletin.torture.board import Board

BOUND_MIB = 600
SERVERS = ("server1", "server2", "server3")
IN_FLIGHT = 64


def build(place, posts):
    """Three servers' directories with the same posts."""
    filled = Filled(place / SERVERS[0], SERVERS)
    filled.fill(posts)
    filled.close()
    for member in filled.document.members[1:]:
        copy_for(place / SERVERS[0], place / member.name, member.member)


def memory_of(pid):
    """MiB of a process: RSS, its highest so far, and PSS."""
    values = {}
    for name in ("status", "smaps_rollup"):
        for line in Path(f"/proc/{pid}/{name}").read_text().splitlines():
            key, _, rest = line.partition(":")
            if rest.endswith(" kB"):
                values[key] = int(rest.split()[0]) / 1024
    return values["VmRSS"], values["VmHWM"], values["Pss"]


def say(board, when):
    """A line for each process, and the sum of RSS."""
    print(f"{when:28} RSS MiB   highest       PSS")
    sums = [0.0, 0.0, 0.0]
    for role in board.roles:
        values = memory_of(role.process.pid)
        sums = [total + value for total, value in zip(sums, values, strict=True)]
        print(f"  {role.name:26}" + "".join(f"{value:8.1f}  " for value in values))
    print("  all                       " + "".join(f"{value:8.1f}  " for value in sums), flush=True)
    return sums[0]


class Readers(threading.Thread):
    """Somebody who pages through the channels' histories, and hears all that is published."""

    def __init__(self, board):
        super().__init__(daemon=True)
        self.board = board
        self.pages = self.heard = 0
        self.stop = threading.Event()

    def run(self):
        with zmq.Context() as context, context.socket(zmq.REQ) as ask, context.socket(zmq.SUB) as hear:
            for socket in (ask, hear):
                socket.linger = 0
            ask.connect(self.board.broker_endpoint)
            hear.connect(self.board.proxy_endpoint)
            hear.subscribe(b"")
            while not self.stop.is_set():
                fields = {"canal": f"channel{self.pages % CHANNELS}", "desde": 50 * self.pages, "limite": 500}
                ask.send(msgpack.packb({"opcao": "listar historico", "dados": fields}))
                if not ask.poll(6000):
                    raise TimeoutError("a page was not answered")
                reply = msgpack.unpackb(ask.recv())
                assert reply["dados"]["status"] == "sucesso", reply
                self.pages += 1
                while hear.poll(0):
                    hear.recv_multipart()
                    self.heard += 1


def publish(board, seconds):
    """Keep the board busy; posts that were acknowledged."""
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.connect(board.broker_endpoint)
        socket.send(msgpack.packb({"opcao": "cadastrar canal", "dados": {"canal": "geral"}}))
        socket.recv()
    readers = Readers(board)
    readers.start()
    posts, _ = drive(board.broker_endpoint, IN_FLIGHT, seconds)
    readers.stop.set()
    readers.join()
    return posts, readers


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--directory", help="where the databases go (by default a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bulletin-memory-", dir=options.directory) as folder:
        place = Path(folder)
        build(place, options.posts)
        board = Board(place)
        try:
            begun = time.monotonic()
            board.start()
            print(f"ready after {time.monotonic() - begun:.1f} s")
            say(board, f"{options.posts:,} posts, ready")
            posts, readers = publish(board, options.seconds)
            print(f"{posts} posts more, {readers.pages} pages read, {readers.heard} publications heard")
            total = say(board, "after that")
        finally:
            board.destroy()
    print(f"all processes: {total:.0f} MiB of {BOUND_MIB}")
    return int(total > BOUND_MIB)


if __name__ == "__main__":
    sys.exit(main())
