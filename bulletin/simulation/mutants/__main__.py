"""Plants each bug, one at a time, and prints by what it was noticed; exit status 1 if one survives.

python -m bulletin.simulation.mutants
python -m bulletin.simulation.mutants --only 6 L-a --seeds 1000 --jobs 2
"""

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context

from bulletin.simulation.command_line import Parser, carry_out, end_at_interrupts, interrupts_held_back, whole
from bulletin.simulation.mutants.catalogue import BY_NUMBER, tried
from bulletin.simulation.mutants.mutant import Mutant
from bulletin.simulation.mutants.trial import Verdict, try_out

HEADING = "| number | bug | by its schedule | by chance |\n|---|---|---|---|"


def _verdicts(numbers: list[str], seeds: int | None, jobs: int) -> Iterator[tuple[str, Verdict]]:
    """What becomes of each, in order."""
    if jobs == 1:
        yield from ((number, try_out(BY_NUMBER[number], seeds)) for number in numbers)
        return
    # Forked from a process that has threads, a child may wait for ever for a lock that one of them held.
    with interrupts_held_back():
        pool = get_context("spawn").Pool(jobs, initializer=end_at_interrupts)
    with pool:
        yield from pool.imap(partial(tried, seeds), numbers)


def row(mutant: Mutant, verdict: Verdict) -> str:
    """A line of the table."""
    schedule = verdict.schedule or "**survives**"
    if verdict.unplanted is not None:
        schedule = f"**{verdict.unplanted}, without the bug**"
    if mutant.chance is None:
        chance = f"none: {mutant.why}"
    elif not verdict.seeds:
        chance = "not tried"
    elif verdict.chance is None:
        chance = f"**survives {verdict.seeds} seeds**"
    else:
        chance = f"{verdict.chance}, seed {verdict.seeds - 1}"
    found = "" if verdict.caught(mutant) else " **not as it should be**"
    return f"| {mutant.number} | {mutant.name} | {schedule} | {chance}{found} |"


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = Parser("python -m bulletin.simulation.mutants", __doc__)
    parser.add_argument(
        "--only", nargs="+", metavar="NUMBER", help="these alone, by their numbers in the table"
    )
    parser.add_argument(
        "--seeds",
        type=whole(0),
        help="how many runs by chance each may survive at most; 0: schedules alone; else as many as each one says",
    )
    parser.add_argument("--jobs", type=whole(1), default=1, help="so many processes at once")
    arguments = parser.parse_args(words)
    unknown = [number for number in arguments.only or () if number not in BY_NUMBER]
    if unknown:
        parser.error(f"there is no mutant {unknown[0]}; there are {', '.join(BY_NUMBER)}")
    return arguments


def main(words: list[str] | None = None) -> int:
    """Run the command; its exit status: 0 all were caught, 1 one was not, 2 a mistake on the command line."""
    arguments = _arguments(words)
    if not __debug__:
        print("The checks of the simulation are assertions: run it without -O.", file=sys.stderr)
        return 2
    numbers = arguments.only or list(BY_NUMBER)
    survivors = []
    print(HEADING)
    for number, verdict in _verdicts(numbers, arguments.seeds, arguments.jobs):
        mutant = BY_NUMBER[number]
        print(row(mutant, verdict), flush=True)
        if not verdict.caught(mutant):
            survivors.append(number)
    caught = len(numbers) - len(survivors)
    print(f"{caught} of {len(numbers)} were caught" + (f"; not {', '.join(survivors)}" if survivors else ""))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(carry_out(main))
