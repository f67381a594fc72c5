"""Campaigns: ``python -m bulletin.simulation --minutes 10 --jobs 2``; one seed again: ``--seed 17``."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from random import SystemRandom
from typing import Any, Final

import attrs

from bulletin.core.limits import MEMBERS_MAX
from bulletin.simulation.campaign import Outcome, Plan, run
from bulletin.simulation.command_line import INTERRUPTED, Parser, above_zero, carry_out, whole
from bulletin.simulation.shrinker import Shrinker
from bulletin.simulation.tier import Tier
from bulletin.simulation.tiers import TIERS

PROGRAM: Final = "python -m bulletin.simulation"

SEEDS_FOR_ALL: Final = 300
"""A campaign of so many runs of a tier fails if something of its list never happened."""

SHRINK_SECONDS: Final = 60.0
"""How long at most a failing run is made smaller."""

SEED_BITS: Final = 40
FAILURES_MAX: Final = 5
"""After so many the campaign ends."""


def main(
    arguments: list[str] | None = None, program: str = PROGRAM, tiers: Mapping[str, Tier] = TIERS
) -> int:
    """Run a campaign; the exit status: 0 all promises held, 1 one was broken or something never happened, 2 a mistake.

    :param arguments: None: those of the process.
    :param program: what is to be typed to run it.
    :param tiers: the worlds that there are, by their names.
    """
    parser = _parser(program, tiers)
    asked = parser.parse_args(arguments)
    if not __debug__:
        print("The checks of the simulation are assertions: run it without -O.", file=sys.stderr)
        return 2
    report = Report(
        shrink_seconds=0.0 if asked.no_shrinking else SHRINK_SECONDS,
        traces=asked.trace,
        tiers=tiers,
        program=program,
    )
    began = time.perf_counter()
    plan = _plan(asked, tiers)
    for kind, _mean in plan.changes.get("faults", ()):
        for tier in plan.tiers:
            if kind not in tier.kinds:
                parser.error(f"tier {tier.name} has no fault {kind!r}; it has {', '.join(tier.kinds)}")
    for tier in plan.tiers:
        print(f"tier {tier.name}: {tier.about}; seeds from {plan.first} on", flush=True)
    try:
        run(plan, report.ended)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        report.sum_up(plan.tiers, time.perf_counter() - began, demand_all=False)
        return 1 if report.failures else INTERRUPTED
    return report.sum_up(plan.tiers, time.perf_counter() - began, demand_all=asked.every)


def _parser(program: str, tiers: Mapping[str, Tier]) -> Parser:
    parser = Parser(
        program, f"Campaigns: {program} --minutes 10 --jobs 2; one seed again: {program} --seed 17"
    )
    parser.add_argument("--minutes", type=above_zero(), help="begin no new run after so much real time")
    parser.add_argument("--jobs", type=whole(1), default=1, help="processes (1)")
    parser.add_argument("--seed", type=whole(0), help="the first seed (by chance); alone: run just this one")
    parser.add_argument("--seeds", type=whole(1), help="how many seeds")
    parser.add_argument("--tier", choices=[*tiers, "all"], default="all", help="which world (all)")
    parser.add_argument(
        "--every", action="store_true", help="fail if anything on a tier's list never happened"
    )
    parser.add_argument("--trace", action="store_true", help="print a hash over all events of each run")
    parser.add_argument("--no-shrinking", action="store_true", help="leave a failing run as it is")
    changes = parser.add_argument_group("in place of what the seed draws")
    changes.add_argument("--servers", type=whole(1, MEMBERS_MAX))
    changes.add_argument("--clients", type=whole(1))
    changes.add_argument("--seconds", type=above_zero(), help="how long the faults last, in simulated time")
    changes.add_argument(
        "--faults", type=_faults, help="kind/mean seconds between strikes, with commas; or none"
    )
    changes.add_argument("--skip", type=_numbers, help="strikes to leave out, by their numbers, with commas")
    return parser


def _plan(asked: argparse.Namespace, tiers: Mapping[str, Tier]) -> Plan:
    changes = {
        name: value
        for name in ("servers", "clients", "seconds", "faults", "skip")
        if (value := getattr(asked, name)) is not None
    }
    seeds = asked.seeds
    if seeds is None and asked.minutes is None:
        seeds = 1 if asked.seed is not None else SEEDS_FOR_ALL
    return Plan(
        tiers=tuple(tiers.values()) if asked.tier == "all" else (tiers[asked.tier],),
        first=SystemRandom().getrandbits(SEED_BITS) if asked.seed is None else asked.seed,
        seeds=seeds,
        seconds=float("inf") if asked.minutes is None else 60 * asked.minutes,
        jobs=asked.jobs,
        changes=changes,
        trace=asked.trace,
    )


@attrs.define
class Report:
    """What a campaign has seen so far.

    :param shrink_seconds: how long a failing run is made smaller.
    :param traces: whether the hash of each run is printed.
    :param tiers: the worlds that there are, by their names.
    :param program: what is to be typed to run it.
    """

    shrink_seconds: float
    traces: bool
    tiers: Mapping[str, Tier] = TIERS
    program: str = PROGRAM
    counts: dict[str, Counter[str]] = attrs.Factory(dict)
    runs: Counter[str] = attrs.Factory(Counter)
    events: Counter[str] = attrs.Factory(Counter)
    cpu: Counter[str] = attrs.Factory(Counter)
    failures: int = 0

    def ended(self, outcome: Outcome) -> bool:
        """Take in what came of a run; whether the campaign should end."""
        self.runs[outcome.tier] += 1
        self.events[outcome.tier] += outcome.events
        self.cpu[outcome.tier] += outcome.seconds  # type: ignore[assignment]  # a sum of seconds, not a count
        self.counts.setdefault(outcome.tier, Counter()).update(outcome.counts)
        if self.traces:
            print(f"{outcome.tier} {outcome.seed} {outcome.trace}")
        if outcome.failure is not None:
            self.failures += 1
            self._tell(outcome)
        return self.failures >= FAILURES_MAX

    def _tell(self, outcome: Outcome) -> None:
        until = time.perf_counter() + self.shrink_seconds
        shrinker = Shrinker(self.tiers[outcome.tier], outcome, lambda: time.perf_counter() >= until)
        small = shrinker.shrink() if self.shrink_seconds else outcome
        failure = small.failure
        assert failure is not None
        print(f"\nseed {outcome.seed} of tier {outcome.tier} breaks {failure.name}: {failure.sentence}")
        print(f"  drawn: {outcome.options}")
        if small is not outcome:
            print(f"  the smallest run of {shrinker.tried} tried that breaks it, too: {small.options}")
        for step in failure.steps:
            print(f"    {step}")
        print(f"  {failure.place.rstrip()}")
        print(f"again: {replay(self.tiers[small.tier], small, self.program)}", flush=True)

    def sum_up(self, tiers: Sequence[Tier], seconds: float, *, demand_all: bool) -> int:
        """Print the figures of a campaign that took so many seconds; the exit status."""
        missing = 0
        for tier in [tier.name for tier in tiers]:
            counts = self.counts.get(tier, Counter())
            for name, times in sorted(counts.items()):
                print(f"{times:12d}  {name}")
            never = [name for name in self.tiers[tier].sometimes if not counts[name]]
            if never:
                print(f"never on tier {tier}: {', '.join(never)}")
                missing += demand_all or self.runs[tier] >= SEEDS_FOR_ALL
            rate = self.events[tier] / max(self.cpu[tier], 1e-9)
            print(
                f"tier {tier}: {self.runs[tier]} runs, {self.events[tier]} events, {rate:.0f} events/s of CPU"
            )
        events = sum(self.events.values())
        print(
            f"{sum(self.runs.values())} runs, {self.failures} failed, {events} events in {seconds:.0f} s,"
            f" {events / max(seconds, 1e-9):.0f} events/s"
        )
        return 1 if self.failures or missing else 0


def replay(tier: Tier, outcome: Outcome, program: str = PROGRAM) -> str:
    """The command that runs an outcome's run again."""
    drawn: Any = tier.draw(outcome.seed)
    options: Any = outcome.options
    words = [f"{program} --tier {outcome.tier} --seed {outcome.seed}"]
    words.extend(
        f"--{name} {getattr(options, name)}"
        for name in ("servers", "clients", "seconds")
        if getattr(options, name) != getattr(drawn, name)
    )
    if options.faults != drawn.faults:
        words.append("--faults " + (",".join(f"{kind}/{mean}" for kind, mean in options.faults) or "none"))
    if options.skip != drawn.skip:
        words.append("--skip " + ",".join(map(str, sorted(options.skip))))
    return " ".join(words)


def _numbers(text: str) -> frozenset[int]:
    return frozenset(whole(0)(part) for part in text.split(","))


def _faults(text: str) -> tuple[tuple[str, float], ...]:
    if text == "none":
        return ()
    pairs = []
    for part in text.split(","):
        kind, slash, mean = part.partition("/")
        if not slash:
            raise argparse.ArgumentTypeError(f"{part!r} is no kind/seconds")
        pairs.append((kind, above_zero()(mean)))
    return tuple(pairs)


if __name__ == "__main__":
    sys.exit(carry_out(main))
