"""Attack a board on every port, and hold it against what docs/guarantees.md says of bad input.

    python -m tests.processes.hostile                   # each attack once
    python -m tests.processes.hostile --seconds 600     # at random, again and again
    python -m tests.processes.hostile flood http        # these alone
    python -m tests.processes.hostile --messages 1000000 --seed 7    # so many messages of all kinds at all ports

Prints a row for each attack, or a line of figures, and every fault; exits with 1 where there is one.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import attrs
import zmq

from bulletin.simulation.command_line import Parser, above_zero, carry_out, new_folder, whole
from bulletin.torture.board import Board
from tests.processes.hostile_attacks import ATTACKS, Arena, Attack
from tests.processes.hostile_barrage import (
    Barrage,
    above_their_bounds,
    connections_refused,
    peaks,
    what_does_not_work,
)
from tests.processes.hostile_watch import MIB, Honest, Watch

PROGRESS = 100_000
"""Messages between two lines that say how far it is."""


@attrs.frozen
class Outcome:
    """What one attack came to.

    :param posted: posts of the honest client that were acknowledged meanwhile.
    :param asked_again: how often it had to ask again, with the same id.
    :param slowest: seconds that it waited for a post at most.
    :param peaks: bytes that each role grew by at most.
    :param faults: what is wrong; empty where nothing is.
    """

    attack: str
    seed: int
    seconds: float
    posted: int
    asked_again: int
    slowest: float
    peaks: dict[str, int]
    faults: list[str]

    def row(self) -> str:
        peaks = " ".join(f"{name}+{grown // MIB}" for name, grown in self.peaks.items() if grown >= MIB)
        return (
            f"{self.attack:20} seed {self.seed:<11} {self.seconds:5.1f} s  honest: {self.posted:4} posted, "
            f"slowest {self.slowest:5.2f} s, asked again {self.asked_again:3}  peak MiB: {peaks or '-'}"
        )


def run(arena: Arena, attack: Attack, seed: int) -> Outcome:
    """One attack, with an honest client beside it, and what is wrong during it and right after."""
    watch = Watch(arena.board)
    honest = Honest(arena.context, arena.board.broker_endpoint)
    honest.prepare()
    faults = []
    begun = time.monotonic()
    honest.start()
    try:
        attack(arena, Random(seed))
    except AssertionError as error:
        faults.append(str(error))
    finally:
        seconds = time.monotonic() - begun
        honest.finish()
    posted = len(honest.acknowledged)
    if not posted:
        faults.append("no honest post was acknowledged during the attack")
    if not honest.post():
        faults.append("the honest post right after the attack was not acknowledged")
    faults += [f"an honest post failed: {error}" for error in honest.errors]
    faults += honest.lost()
    honest.caller.close()
    faults += watch.faults()
    peaks = watch.growth("VmHWM")
    return Outcome(attack.__name__, seed, seconds, posted, honest.asked_again, honest.slowest, peaks, faults)


def once(arena: Arena, attacks: tuple[Attack, ...], seed: int) -> Iterator[Outcome]:
    """Each attack once."""
    for number, attack in enumerate(attacks):
        yield run(arena, attack, seed + number)


def for_long(arena: Arena, attacks: tuple[Attack, ...], seed: int, seconds: float) -> Iterator[Outcome]:
    """Attacks drawn by lot until the time is up."""
    rng = Random(seed)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield run(arena, rng.choice(attacks), rng.randrange(2**32))


def barrage(arena: Arena, seed: int, count: int) -> tuple[str, list[str]]:
    """So many hostile messages, beside an honest client; a line of figures, and what is wrong."""
    roles = arena.board.roles
    watch = Watch(arena.board)
    honest = Honest(arena.context, arena.board.broker_endpoint)
    honest.prepare()
    thrown = Barrage(arena, Random(seed))
    begun = time.monotonic()
    told = 0
    honest.start()
    try:
        for total in thrown.throw(count):
            if total >= told + PROGRESS:
                told = total - total % PROGRESS
                print(f"    {total} messages, {time.monotonic() - begun:.0f} s", flush=True)
    finally:
        seconds = time.monotonic() - begun
        thrown.end()
        honest.finish()
    peak = peaks(roles)
    faults = above_their_bounds(peak) + watch.broken()
    faults += connections_refused(arena) + what_does_not_work(arena)
    faults += [f"an honest post failed: {error}" for error in honest.errors] + honest.lost()
    honest.caller.close()
    kinds = ", ".join(f"{kind} {number}" for kind, number in sorted(thrown.sent.items()))
    memory = ", ".join(f"{name} {most // MIB}" for name, most in peak.items())
    figures = (
        f"{thrown.total} hostile messages (seed {seed}) in {seconds:.0f} s: {kinds}; {thrown.refused} not taken.  "
        f"Meanwhile {len(honest.acknowledged)} honest posts, the slowest {honest.slowest:.2f} s, "
        f"asked again {honest.asked_again}.  Peak MiB: {memory}."
    )
    return figures, faults


def main() -> int:
    parser = Parser("python -m tests.processes.hostile", __doc__)
    parser.add_argument("attacks", nargs="*", help="names; all of them by default")
    parser.add_argument(
        "--seconds", type=above_zero(), help="draw attacks by lot for so long; else each comes once"
    )
    parser.add_argument(
        "--messages", type=whole(1), help="throw so many messages of all kinds at all ports instead"
    )
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument(
        "--keep", type=new_folder, help="a new folder for data and logs; a temporary one by default"
    )
    options = parser.parse_args()
    known = {attack.__name__: attack for attack in ATTACKS}
    unknown = set(options.attacks) - set(known)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: no such attack; there are {', '.join(known)}")
    if options.messages is not None and (options.attacks or options.seconds is not None):
        parser.error("--messages stands neither with names nor with --seconds")
    attacks = tuple(known[name] for name in options.attacks) or ATTACKS
    faults = 0
    with tempfile.TemporaryDirectory(prefix="bulletin-hostile-") as temporary:
        board = Board(options.keep or Path(temporary))
        context = zmq.Context()
        try:
            board.start()
            arena = Arena(board, context)
            if options.messages is not None:
                figures, found = barrage(arena, options.seed, options.messages)
                print("\n".join((figures, *found)), flush=True)
                faults += len(found)
            outcomes = (
                ()
                if options.messages is not None
                else once(arena, attacks, options.seed)
                if options.seconds is None
                else for_long(arena, attacks, options.seed, options.seconds)
            )
            for outcome in outcomes:
                print(outcome.row(), flush=True)
                for fault in outcome.faults:
                    print(f"    {fault}", flush=True)
                faults += len(outcome.faults)
        finally:
            context.destroy(0)
            board.destroy()
    print(f"{faults or 'No'} faults.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(carry_out(main))
