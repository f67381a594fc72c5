"""Fill the disks of a real board's servers, under load, and make room again.

    python -m tests.processes.full_disk --rounds 3

Each server's directory is a small file system of its own (tmpfs, so this needs the right to mount).  In each round first one
server's disk is filled: no client notices.  Then those of two: everything but a local read is refused with ``disco_cheio``.
With room again all are back, by themselves.  Prints one JSON line of figures and what broke a promise, and exits with 1 where
something did.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import attrs
import zmq

from bulletin.linearizability.streams import check_streams
from bulletin.simulation.command_line import Parser, carry_out, whole
from bulletin.torture.board import Board, RoleProcess
from bulletin.torture.calls import Caller
from bulletin.torture.load import Load, whole_history
from bulletin.torture.waiting import until

MIB = 1 << 20
DISK_MIB = 48
BALLAST_MIB = 1
PATIENCE = 60.0
FILLER = "filler"


@attrs.define
class Result:
    """What a run saw."""

    figures: dict
    anomalies: list[str]
    errors: list[str]


class NotMountableError(Exception):
    """There is no right to mount; the message says what the system said."""


@contextmanager
def small_disk(folder: Path, mebibytes: int = DISK_MIB) -> Iterator[Path]:
    """A file system of so many MiB on a folder.

    :raises NotMountableError: it cannot be mounted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotMountableError(str(error)) from error
    if done.returncode:
        raise NotMountableError(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Take all the room of the disk that a folder is on."""
    with (folder / FILLER).open("ab", buffering=0) as file:
        for size in (MIB, 4096, 1):
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                continue  # a smaller piece may fit


def make_room(folder: Path) -> None:
    """Give it back."""
    (folder / FILLER).unlink()


def is_aside(server: RoleProcess) -> bool:
    """Whether it says that its disk is full."""
    return "is full" in server.get("/readyz")[1]


class FullDisks:
    """A board under load whose disks are filled."""

    def __init__(self, board: Board, rng: Random) -> None:
        self.board = board
        self.rng = rng
        self.bad: list[str] = []
        self.slowest_return = 0.0

    def folder(self, server: RoleProcess) -> Path:
        return self.board.folder / server.name

    def put_aside(self, server: RoleProcess) -> None:
        """Fill its disk, until it says so: what room the ballast gave is taken, too, if it is slow to leave."""
        fill(self.folder(server))
        until(lambda: is_aside(server), f"{server.name} steps aside", PATIENCE)

    def bring_back(self, *servers: RoleProcess) -> None:
        for server in servers:
            make_room(self.folder(server))
        begun = time.monotonic()
        for server in servers:
            server.wait_ready()
        self.slowest_return = max(self.slowest_return, time.monotonic() - begun)

    def one(self, load: Load) -> None:
        """One server is full, the leader or another: nobody notices."""
        leader = until(self.board.leader, "a leader", PATIENCE)
        victim = leader if self.rng.random() < 0.5 else self.rng.choice(self.board.servers)
        self.put_aside(victim)
        before = len(load.record.acknowledged)
        until(lambda: len(load.record.acknowledged) > before + 50, "posts go on", PATIENCE)
        if self.rng.random() < 0.5:
            victim.kill()
            victim.start()
            until(lambda: is_aside(victim), f"{victim.name} starts on a full disk", PATIENCE)
        self.bring_back(victim)

    def two(self) -> None:
        """Two are full: all but local reads is refused; afterwards it works again."""
        victims = self.rng.sample(self.board.servers, 2)
        context = zmq.Context()
        caller = Caller(context, self.board.broker_endpoint, None)
        try:
            for victim in victims:
                fill(self.folder(victim))
            until(lambda: self.post(caller) == "disco_cheio", "disco_cheio", PATIENCE)
            if self.post(caller) != "disco_cheio":
                self.bad.append("a post was not refused with disco_cheio again")
            local = caller.call("listar historico", {"canal": "geral", "leitura": "local"}, 5.0)
            if local is None or local["status"] != "sucesso":
                self.bad.append(f"a local read was not answered: {local}")
            self.bring_back(*victims)
            until(lambda: self.post(caller) == "", "posts work again", PATIENCE)
        finally:
            caller.close()
            context.destroy(0)

    def post(self, caller: Caller) -> str:
        """Post something; the refusal's code, or nothing."""
        reply = caller.call(
            "publicar mensagem", {"canal": "geral", "user": "ana", "message": "x" * 3000}, 6.0
        )
        return "" if reply is not None and reply["status"] == "sucesso" else str((reply or {}).get("erro"))


def judge(load: Load, rounds: int) -> Result:
    """Read everything back and check it."""
    record = load.record
    stored = whole_history(load.setup, load.streams)
    found = check_streams(record.posts, record.reads, stored)
    figures = {
        "rounds": rounds,
        "posts": len(record.acknowledged),
        "stored": len(stored),
        "longest_pause_s": round(record.longest_pause(), 3),
        "errors": len(record.errors),
        "anomalies": len(found),
    }
    return Result(figures, [str(anomaly) for anomaly in found], record.errors)


def run(folder: Path, *, rounds: int, seed: int) -> Result:
    """Some rounds on a new board in a folder, whose servers' directories are small disks."""
    board = Board(folder)
    for server in board.servers:
        server.environment = {"BULLETIN_BALLAST": str(BALLAST_MIB), "BULLETIN_RETAIN": "200"}
    try:
        board.start()
        disks = FullDisks(board, Random(seed))
        load = Load(board, writers=3, readers=1, resend_after=None, patience=5.0)
        load.start()
        try:
            for _ in range(rounds):
                disks.one(load)
            load.finish()
            result = judge(load, rounds)
            for _ in range(rounds):
                disks.two()
        finally:
            load.record.stop.set()
            load.close()
        result.figures["slowest_return_s"] = round(disks.slowest_return, 3)
        result.errors.extend(disks.bad)
        return result
    finally:
        board.destroy()


def main() -> int:
    parser = Parser("python -m tests.processes.full_disk", __doc__)
    parser.add_argument("--rounds", type=whole(1), default=3)
    parser.add_argument("--seed", type=whole(0), default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bulletin-full-") as temporary:
        try:
            result = on_small_disks(Path(temporary), rounds=options.rounds, seed=options.seed)
        except NotMountableError as error:
            print(f"This needs the right to mount a file system: {error}", file=sys.stderr)
            return 2
    print(json.dumps(result.figures))
    bad = result.anomalies + result.errors
    for line in bad[:50]:
        print(line)
    return 1 if bad else 0


def on_small_disks(folder: Path, *, rounds: int, seed: int) -> Result:
    """:func:`run`, with a small disk for each of three servers.

    :raises NotMountableError: there is no right to.
    """
    first, second, third = (folder / f"server{number}" for number in (1, 2, 3))
    with small_disk(first), small_disk(second), small_disk(third):
        return run(folder, rounds=rounds, seed=seed)


if __name__ == "__main__":
    sys.exit(carry_out(main))
