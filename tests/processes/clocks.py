"""Three servers with wrong clocks, held in step by real processes: reference, broker, proxy, servers, and a client that posts.

The servers' machines are made wrong by +5, 0 and -3 s and drift by +200, 0 and -200 ppm.  All run on one machine, so that the
corrections of their clocks, read from their metrics, can be compared exactly, and the true error of each is known.

    python -m tests.processes.clocks --minutes 10 --csv run.csv

Ends with status 1 if a promise was broken.
"""

import csv
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

import attrs
import zmq

from bulletin.core.clocks.corrected import SLEW
from bulletin.simulation.command_line import Parser, above_zero, carry_out
from bulletin.torture.board import Board, RoleProcess
from bulletin.torture.calls import Caller

CHANNEL = "tempo"
PATIENCE = 30.0
WRONG = ((5, 200), (0, 0), (-3, -200))
SAMPLE_SECONDS = 0.5
POST_SECONDS = 0.1
WARM_UP = 10.0
"""Seconds after which the first rounds are over."""
DISAGREEMENT_MAX = 0.010
SHARE_INSIDE = 0.999
SLACK = 0.002
"""How much a clock may gain between two samples beyond its slewing: the samples' own times are as exact as this."""

METRICS = {
    "correction": "bulletin_clock_correction_seconds",
    "bound": "bulletin_clock_bound_seconds",
    "left": "bulletin_clock_left_seconds",
    "rate": "bulletin_clock_rate_ppm",
    "steps": "bulletin_clock_steps_total",
}


def sample(role: RoleProcess) -> dict[str, float] | None:
    """A role's clock at this moment, or None: it did not answer."""
    status, page = role.get("/metrics", timeout=2.0)
    if status != 200:
        return None
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if line and line[0] != "#")
    return {field: float(values[name]) for field, name in METRICS.items() if name in values}


@attrs.define
class Findings:
    """What a run came to.

    :param disagreement: the most that two clocks differed after the first rounds, in seconds.
    :param samples: of servers' clocks compared with the board's time; ``inside`` of them within their bound.
    :param step: the most that a clock gained or lost between two samples beyond its slewing, in seconds.
    :param posts: published; ``true`` of them with the board's time within ``incerteza`` of ``recebido``.
    :param jumps: jumps of any clock after its first.
    """

    disagreement: float = 0.0
    samples: int = 0
    inside: int = 0
    step: float = 0.0
    posts: int = 0
    true: int = 0
    jumps: int = 0

    def broken(self) -> list[str]:
        """The promises that were broken."""
        promises = (
            (self.samples > 0 and self.posts > 0, "nothing was measured"),
            (self.disagreement <= DISAGREEMENT_MAX, "the clocks differed by more than 10 ms"),
            (self.inside >= SHARE_INSIDE * self.samples, "clocks were outside of their bounds"),
            (self.true >= SHARE_INSIDE * self.posts, "posts were outside of their bounds"),
            (self.jumps == 0 and self.step <= SLACK, "a clock jumped"),
        )
        return [sentence for kept, sentence in promises if not kept]


class Poster(threading.Thread):
    """Posts, and notes the wall clock before and after each: the post was stamped in between."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(daemon=True)
        self.endpoint = endpoint
        self.between: dict[str, tuple[float, float]] = {}
        self.stopping = threading.Event()

    def run(self) -> None:
        with zmq.Context() as context:
            caller = Caller(context, self.endpoint, resend_after=2.0)
            caller.call("cadastrar canal", {"canal": CHANNEL}, PATIENCE)
            number = 0
            while not self.stopping.wait(POST_SECONDS):
                number += 1
                id_ = f"clock-{number}"
                before = time.time()
                post = {"user": "relogio", "canal": CHANNEL, "message": "?", "id": id_}
                reply = caller.call("publicar mensagem", post, PATIENCE)
                if reply is not None and reply["status"] == "sucesso":
                    self.between[id_] = before, time.time()
            caller.close()

    def stop(self) -> None:
        self.stopping.set()
        self.join()


class Run:
    """One run.

    :param folder: for logs and data.
    :param output: where samples go as CSV, or None.
    """

    def __init__(self, folder: Path, output: IO[str] | None = None) -> None:
        self.board = Board(folder)
        for server, (offset, ppm) in zip(self.board.servers, WRONG, strict=True):
            server.command += [f"--clock-offset={offset}", f"--clock-drift={ppm}"]
        self.findings = Findings()
        self.rows = None if output is None else csv.writer(output)
        if self.rows is not None:
            self.rows.writerow(("seconds", "clock", *METRICS))
        self._before: dict[str, tuple[float, dict[str, float]]] = {}
        self._board_time: list[tuple[float, float]] = []

    def measure(self, seconds: float) -> Findings:
        """Start everything, and look on for so long."""
        for role in self.board.roles:
            role.start()
        begun = time.monotonic()
        try:
            self.board.wait_ready()
            ready = time.monotonic()
            poster = Poster(self.board.broker_endpoint)
            poster.start()
            while time.monotonic() - ready < seconds:
                self._sample(time.monotonic() - begun, settled=time.monotonic() - ready > WARM_UP)
                time.sleep(SAMPLE_SECONDS)  # the rhythm of the samples, not a wait for anything
            poster.stop()
            self._look_at_posts(poster.between)
        finally:
            self.board.destroy()
        return self.findings

    def _sample(self, seconds: float, *, settled: bool) -> None:
        reference = sample(self.board.reference)
        clocks = {server.name: sample(server) for server in self.board.servers}
        again = sample(self.board.reference)
        if reference is None or again is None:
            return
        self._board_time.append((time.time(), again["correction"]))
        self._write(seconds, "reference", again)
        corrections = [again["correction"]]
        for name, clock in clocks.items():
            if clock is None:
                continue
            self._write(seconds, name, clock)
            corrections.append(clock["correction"])
            self._compare(name, seconds, clock)
            # The board's time moved between its two samples, slowly: the clock's own moment is between them.
            low, high = sorted((reference["correction"], again["correction"]))
            error = max(low - clock["correction"], clock["correction"] - high, 0.0)
            self.findings.samples += 1
            self.findings.inside += error <= clock["bound"]
        if settled:
            self.findings.disagreement = max(self.findings.disagreement, max(corrections) - min(corrections))

    def _compare(self, name: str, seconds: float, clock: dict[str, float]) -> None:
        before = self._before.get(name)
        self._before[name] = seconds, clock
        if before is not None:
            elapsed, moved = seconds - before[0], clock["correction"] - before[1]["correction"]
            # Its machine's own drift and the learnt rate move the correction, too.
            allowed = elapsed * (SLEW + 0.0005)
            self.findings.step = max(self.findings.step, abs(moved) - allowed)
            self.findings.jumps += int(clock["steps"] - before[1]["steps"])

    def _write(self, seconds: float, name: str, clock: dict[str, float]) -> None:
        if self.rows is not None:
            self.rows.writerow((f"{seconds:.3f}", name, *(clock.get(field, "") for field in METRICS)))

    def _look_at_posts(self, between: dict[str, tuple[float, float]]) -> None:
        with zmq.Context() as context:
            caller = Caller(context, self.board.broker_endpoint, resend_after=2.0)
            cursor, more = 0, True
            while more:
                asked = {"canal": CHANNEL, "desde": cursor, "limite": 500}
                page = caller.call("listar historico", asked, PATIENCE)
                assert page is not None, "the history was not told"
                for post in page["messages"]:
                    cursor = post["seq"]
                    if post["id"] in between:
                        self._look_at_post(post, *between[post["id"]])
                more = page["mais"]
            caller.close()

    def _look_at_post(self, post: dict, before: float, after: float) -> None:
        """Whether there is a moment between the two at which the board's time was within the post's bound."""
        corrections = [
            correction
            for at, correction in self._board_time
            if before - 2 * SAMPLE_SECONDS <= at <= after + 2 * SAMPLE_SECONDS
        ]
        if not corrections:
            return
        self.findings.posts += 1
        uncertainty = post["incerteza"]
        self.findings.true += uncertainty is not None and (
            post["recebido"] + uncertainty >= before + min(corrections)
            and post["recebido"] - uncertainty <= after + max(corrections)
        )


def main() -> int:
    """The command."""
    parser = Parser("python -m tests.processes.clocks", __doc__)
    parser.add_argument("--minutes", type=above_zero(), default=10.0)
    parser.add_argument("--csv", type=Path, help="write every sample there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bulletin-clocks-") as folder:
        if arguments.csv is None:
            found = Run(Path(folder)).measure(60 * arguments.minutes)
        else:
            with arguments.csv.open("w", newline="") as output:
                found = Run(Path(folder), output).measure(60 * arguments.minutes)
    print(f"largest disagreement after the first rounds: {1000 * found.disagreement:.3f} ms")
    print(f"samples of clocks within their bound: {found.inside} of {found.samples}")
    print(f"posts within their bound: {found.true} of {found.posts}")
    print(f"jumps after the start: {found.jumps}; largest move beyond slewing: {1000 * found.step:.3f} ms")
    for sentence in found.broken():
        print(f"broken: {sentence}")
    return bool(found.broken())


if __name__ == "__main__":
    sys.exit(carry_out(main))
