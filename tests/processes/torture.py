"""Break a board while it is written to and read from, and hold what clients saw against what it promises.

    python -m tests.processes.torture kill --seconds 60       # kill -9 of a random server, again and again
    python -m tests.processes.torture pause --seconds 60      # SIGSTOP and SIGCONT in its place
    python -m tests.processes.torture edges --seconds 60      # broker, proxy and reference
    python -m tests.processes.torture everything              # all processes at once, under load, then a start
    python -m tests.processes.torture majority                # two of three servers dead, one comes back
    python -m tests.processes.torture behind --seconds 60     # a server away for longer than the logs of the others

With ``--retain N`` the servers keep so few entries of their logs that whoever was away takes over tables.

Each prints one JSON line of figures and every anomaly, and exits with 1 where there is one.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import attrs
import zmq

from bulletin.linearizability.streams import check_streams
from tests.processes.board import Board, RoleProcess
from tests.processes.clients import Caller, Reader, Record, Writer, whole_history
from tests.processes.waiting import until

CHANNELS = ["geral", "noticias", "avisos"]


@attrs.define
class Result:
    """What a run saw."""

    figures: dict
    anomalies: list[str]
    errors: list[str]


class Load:
    """Writers and readers on a board, from ``start`` to ``finish``."""

    def __init__(
        self, board: Board, *, writers: int, readers: int, resend_after: float | None, patience: float
    ) -> None:
        self.board = board
        self.context = zmq.Context()
        self.record = Record()
        self.setup = Caller(self.context, board.broker_endpoint, 1.0)
        for channel in CHANNELS:
            reply = self.setup.call("cadastrar canal", {"canal": channel}, 10.0)
            assert reply is not None, "the channel was not created in time"
            assert reply["status"] == "sucesso", reply
        self.threads = [
            Writer(self.record, self._caller(resend_after), f"w{n}", CHANNELS, patience)
            for n in range(writers)
        ]
        self.threads += [Reader(self.record, self._caller(1.0), f"r{n}", CHANNELS) for n in range(readers)]

    def _caller(self, resend_after: float | None) -> Caller:
        return Caller(self.context, self.board.broker_endpoint, resend_after)

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def finish(self) -> None:
        self.record.stop.set()
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive(), thread.name

    def judge(self, figures: dict) -> Result:
        """Read everything back and check it."""
        stored = whole_history(self.setup, CHANNELS)
        record = self.record
        found = [str(anomaly) for anomaly in check_streams(record.posts, record.reads, stored)]
        figures = {
            "posts": sum(post.seq is not None for post in record.posts),
            "reads": len(record.reads),
            "stored": len(stored),
            "longest_pause_s": round(record.longest_pause(), 3),
            "errors": len(record.errors),
            "anomalies": len(found),
            **figures,
        }
        return Result(figures, found, record.errors)

    def close(self) -> None:
        self.setup.close()
        self.context.destroy(0)


def faults(board: Board, kind: str, seconds: float, rng: Random, pause: float = 2.0) -> dict:
    """One fault after the other, the next only when ``/readyz`` of the last says so; figures of what was done."""
    done = led = 0
    returns: list[float] = []
    downtimes: list[float] = []
    end = time.monotonic() + seconds
    edges = [board.broker, board.proxy, board.reference]
    while time.monotonic() < end:
        leader = board.leader()
        # Every second time the leader, which chance alone can miss for long.
        victim = leader if leader is not None and done % 2 else rng.choice(board.servers)
        role = edges[done % 3] if kind == "edges" else victim
        led += role is leader
        begun = time.monotonic()
        if kind == "pause":
            role.signal(signal.SIGSTOP)
            time.sleep(pause)
            role.signal(signal.SIGCONT)
        else:
            role.kill()
            role.start()
        returns.append(role.wait_ready())
        if role is board.broker:
            downtimes.append(time.monotonic() - begun)
        done += 1
        time.sleep(rng.uniform(0.2, 1.0))
    return {
        "faults": done,
        "leaders": led,
        "slowest_return_s": round(max(returns), 3),
        "broker_downtime_s": round(max(downtimes, default=0.0), 3),
    }


def storm(
    board: Board, kind: str, *, seconds: float, seed: int, writers: int = 8, readers: int = 2
) -> Result:
    """Load while servers (``kill``, ``pause``) or the other roles (``edges``) are broken one by one."""
    resend_after = 1.0 if kind == "edges" else None
    load = Load(board, writers=writers, readers=readers, resend_after=resend_after, patience=5.0)
    try:
        load.start()
        if kind == "behind":
            figures = fall_behind(board, seconds, Random(seed))
        else:
            figures = faults(board, kind, seconds, Random(seed))
        load.finish()
        return load.judge({"kind": kind, **figures})
    finally:
        load.close()


def fall_behind(board: Board, seconds: float, rng: Random) -> dict:
    """A server is dead until the others have trimmed what it lacks; it takes over tables; then one of the others dies.

    What is acknowledged from then on is on its disk and one other; and what was before, on all.
    """
    rounds = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end or not rounds:
        victim = rng.choice(board.servers)
        others = [server for server in board.servers if server is not victim]
        last = metric(victim, "bulletin_log_last_index")
        victim.kill()
        await_trimmed(others, last)
        victim.start()
        victim.wait_ready()
        rounds += 1
        dead = rng.choice(others)
        dead.kill()
        time.sleep(rng.uniform(1.0, 2.0))
        dead.start()
        dead.wait_ready()
    taken = sum(server.log.read_text().count("taken over the tables") for server in board.servers)
    return {"faults": rounds, "took_over": taken}


def metric(server: RoleProcess, name: str, missing: float = -1.0) -> float:
    """A sample of a server, by its full name."""
    for line in server.get("/metrics")[1].splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    return missing


def await_trimmed(servers: list[RoleProcess], index: float, patience: float = 60.0) -> None:
    """Until none of them has an entry of the log any more."""
    until(
        lambda: min(metric(server, "bulletin_log_first_index") for server in servers) > index,
        "the logs are trimmed",
        patience,
    )


def everything_at_once(board: Board, *, seconds: float) -> Result:
    """All processes killed under load, and started again: what was acknowledged is there."""
    load = Load(board, writers=8, readers=2, resend_after=1.0, patience=30.0)
    try:
        load.start()
        time.sleep(seconds)
        for role in board.roles:
            role.signal(signal.SIGKILL)
        for role in board.roles:
            role.process.wait()
        begun = time.monotonic()
        for role in board.roles:
            role.start()
        board.wait_ready()
        back = time.monotonic() - begun
        load.finish()
        return load.judge({"kind": "everything", "all_ready_again_s": round(back, 3)})
    finally:
        load.close()


def majority_gone(board: Board) -> Result:
    """With two of three servers dead a write is refused within 5 s; with one back it works within 5 s."""
    context = zmq.Context()
    caller = Caller(context, board.broker_endpoint, None)
    errors = []
    try:
        reply = caller.call("cadastrar canal", {"canal": "geral"}, 10.0)
        assert reply is not None
        assert reply["status"] == "sucesso", reply
        dead = [board.leader() or board.servers[0]]
        dead.append(next(server for server in board.servers if server not in dead))
        for server in dead:
            server.kill()
        fields = {"canal": "geral", "user": "ana", "message": "oi", "id": "refused"}
        begun = time.monotonic()
        refused = caller.call("publicar mensagem", fields, 6.0)
        refused_after = time.monotonic() - begun
        if refused is None or refused["status"] != "erro" or refused_after > 5.0:
            errors.append(f"the write was not refused within 5 s: {refused} after {refused_after:.2f} s")
        local = caller.call("listar historico", {"canal": "geral", "leitura": "local"}, 5.0)
        if local is None or local["status"] != "sucesso":
            errors.append(f"a local read was not answered: {local}")
        dead[0].start()
        begun = time.monotonic()
        works = None
        while works is None and time.monotonic() - begun < 15:
            reply = caller.call("publicar mensagem", fields, 5.0)
            if reply is not None and reply["status"] == "sucesso":
                works = time.monotonic() - begun
        if works is None or works > 5.0:
            errors.append(f"a write did not work within 5 s of the return: {works}")
        figures = {
            "kind": "majority",
            "refused_after_s": round(refused_after, 3),
            "code": refused and refused.get("erro"),
            "works_after_s": works and round(works, 3),
        }
        dead[1].start()
        board.wait_ready()
        return Result(figures, [], errors)
    finally:
        caller.close()
        context.destroy(0)


def broken(result: Result) -> list[str]:
    """What of a result breaks a promise of the board (docs/guarantees.md)."""
    bad = list(result.anomalies)
    kind = result.figures["kind"]
    if kind != "everything":
        bad += result.errors
    if kind in {"kill", "pause"} and result.figures["longest_pause_s"] >= 2.0:
        bad.append(f"nothing was acknowledged for {result.figures['longest_pause_s']} s")
    if kind == "edges":
        bound = result.figures["broker_downtime_s"] + 1.5
        if result.figures["longest_pause_s"] > bound:
            bad.append(
                f"nothing was acknowledged for {result.figures['longest_pause_s']} s; {bound:.3f} s are promised"
            )
    return bad


def run(kind: str, *, seconds: float, seed: int, folder: Path, retain: int | None = None) -> Result:
    """One run on a new board in ``folder``."""
    board = Board(folder)
    if retain is None and kind == "behind":
        retain = 20
    for server in board.servers:
        server.environment = {} if retain is None else {"BULLETIN_RETAIN": str(retain)}
    try:
        board.start()
        if kind == "everything":
            return everything_at_once(board, seconds=seconds)
        if kind == "majority":
            return majority_gone(board)
        return storm(board, kind, seconds=seconds, seed=seed)
    finally:
        board.destroy()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=["kill", "pause", "edges", "everything", "majority", "behind"])
    parser.add_argument("--retain", type=int, help="entries that the servers keep of their logs")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--keep", type=Path, help="a new folder for data and logs; a temporary one by default"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bulletin-torture-") as temporary:
        result = run(
            options.kind,
            seconds=options.seconds,
            seed=options.seed,
            folder=options.keep or Path(temporary),
            retain=options.retain,
        )
    print(json.dumps(result.figures))
    bad = broken(result)
    for line in bad[:50]:
        print(line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
