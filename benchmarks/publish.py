"""Acknowledged posts a second through broker, leader and a majority's disks, beside the ceiling of the same run.

    python -m benchmarks.publish --seconds 3

One DEALER keeps 1, 8, 64, 256 posts in flight.  The ceiling is a process that answers each request at once and keeps
nothing, over the same socket from the same generator; what the board reaches is a ratio of it.  ``cpu_ms`` is
processor time per 1000 posts, of each role's process.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

import msgpack
import zmq

from bulletin.torture.board import Board, free_base_port

IN_FLIGHT = (1, 8, 64, 256)
TEXT = "x" * 100


def answer_at_once(endpoint: str) -> None:
    """The ceiling: reads the request as little as one can, and answers."""
    socket = zmq.Context().socket(zmq.ROUTER)
    socket.bind(endpoint)
    while True:
        route, empty, body = socket.recv_multipart()
        fields = msgpack.unpackb(body)["dados"]
        reply = {"opcao": "publicar mensagem", "dados": {"status": "sucesso", "id": fields["id"]}}
        socket.send_multipart([route, empty, msgpack.packb(reply)])


def drive(endpoint: str, in_flight: int, seconds: float) -> tuple[int, list[float]]:
    """Posts acknowledged, and each one's seconds from call to answer."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(endpoint)
    sent: dict[str, float] = {}
    took: list[float] = []
    session = os.urandom(8).hex()
    number = 0

    def post() -> None:
        nonlocal number
        number += 1
        id_ = f"{session}:{number}"
        fields = {
            "user": "ana",
            "canal": "geral",
            "message": TEXT,
            "id": id_,
            "timestamp": time.time(),
            "clock": 0,
        }
        sent[id_] = time.monotonic()
        socket.send_multipart([b"", msgpack.packb({"opcao": "publicar mensagem", "dados": fields})])

    for _ in range(in_flight):
        post()
    end = time.monotonic() + seconds
    while sent:
        if not socket.poll(6000):
            raise TimeoutError(f"{len(sent)} posts were not answered")
        while socket.poll(0):
            reply = msgpack.unpackb(socket.recv_multipart()[-1])["dados"]
            assert reply["status"] == "sucesso", reply
            now = time.monotonic()
            took.append(now - sent.pop(reply["id"]))
            if now < end:
                post()
    context.destroy(0)
    return len(took), sorted(took)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(endpoint: str, in_flight: int, seconds: float, pids: dict[str, int]) -> dict:
    """One line of figures."""
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    begun = time.monotonic()
    posts, took = drive(endpoint, in_flight, seconds)
    rate = posts / (time.monotonic() - begun)
    cpu = {name: round((cpu_seconds(pid) - before[name]) / posts * 1e6, 1) for name, pid in pids.items()}
    return {
        "in_flight": in_flight,
        "per_second": round(rate),
        "p50_ms": round(took[len(took) // 2] * 1000, 2),
        "p99_ms": round(took[len(took) * 99 // 100] * 1000, 2),
        "cpu_ms": cpu,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    ceiling_at = f"tcp://127.0.0.1:{free_base_port() + 39}"
    ceiling = multiprocessing.get_context("spawn").Process(
        target=answer_at_once, args=(ceiling_at,), daemon=True
    )
    ceiling.start()
    with tempfile.TemporaryDirectory(prefix="bulletin-publish-") as folder:
        board = Board(Path(folder))
        try:
            board.start()
            context = zmq.Context()
            with context.socket(zmq.REQ) as socket:
                socket.connect(board.broker_endpoint)
                socket.send(msgpack.packb({"opcao": "cadastrar canal", "dados": {"canal": "geral"}}))
                socket.recv()
            leader = board.leader()
            pids = {
                "leader" if role is leader else role.name: role.process.pid
                for role in board.roles
                if role is not board.reference
            }
            drive(board.broker_endpoint, 64, 0.5)
            for in_flight in IN_FLIGHT:
                most = measure(ceiling_at, in_flight, options.seconds / 2, {})
                figures = measure(board.broker_endpoint, in_flight, options.seconds, pids)
                figures["of_ceiling"] = round(figures["per_second"] / most["per_second"], 3)
                print(json.dumps(figures), flush=True)
            print(json.dumps(dict(board.stop().items())))
        finally:
            board.destroy()
            ceiling.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
