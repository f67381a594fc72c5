"""Hold the replicated log's code against its specification, and that against what it promises, with the model checker TLC.

    python -m tests.model              # all states of a small cluster, errors planted on purpose, one run
    python -m tests.model --seed 7     # one run of the simulation alone: is it a behaviour of the specification?
    python -m tests.model --large      # some more states, for minutes

The exit status is 0 where all is as it should be, 1 where not, 2 where it could not be tried.
"""

import sys
import time

from bulletin.simulation.command_line import Parser, carry_out, whole
from tests.model.checks import LARGE, MISTAKES, SHORT, Bounds, explore, follow
from tests.model.recorder import record, record_eventful
from tests.model.tlc import Unusable


def _explore(bounds: Bounds) -> bool:
    began = time.monotonic()
    verdict = explore(bounds, timeout=3600.0)
    outcome = "all invariants hold" if verdict.broken is None else f"{verdict.broken} does not hold"
    print(
        f"{bounds}: {outcome}; {verdict.distinct} states ({verdict.generated} generated), "
        f"depth {verdict.depth}, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return verdict.broken is None


def _mistakes() -> bool:
    good = True
    for mistake in MISTAKES:
        verdict = explore(mistake.bounds, mistake.planted())
        found = verdict.broken in mistake.broken
        outcome = f"{verdict.broken} does not hold" if verdict.broken else "NOT FOUND"
        print(f"planted: {mistake.name}: {outcome}, {verdict.distinct} states", flush=True)
        good = good and found
    return good


def _follow(seed: int | None = None) -> bool:
    began = time.monotonic()
    if seed is None:
        seed, servers, steps = record_eventful()
    else:
        servers, steps = record(seed)
    followed = follow(servers, steps, timeout=3600.0)
    print(
        f"seed {seed}: {followed} of {len(steps)} steps followed, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    if followed < len(steps):
        for step in steps[max(0, followed - 5) : followed]:
            print(f"   {step.literal()}")
        print(f"no: {steps[followed].literal()}")
    return followed == len(steps)


def main() -> int:
    parser = Parser("python -m tests.model", __doc__)
    parser.add_argument("--seed", type=whole(0), help="follow this run of the simulation, and nothing else")
    parser.add_argument(
        "--large", action="store_true", help="look at the states of larger clusters, and nothing else"
    )
    arguments = parser.parse_args()
    try:
        if arguments.seed is not None:
            good = _follow(arguments.seed)
        elif arguments.large:
            verdicts = [_explore(bounds) for bounds in LARGE]
            good = all(verdicts)
        else:
            verdicts = [_explore(SHORT), _mistakes(), _follow()]
            good = all(verdicts)
    except Unusable as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(carry_out(main))
