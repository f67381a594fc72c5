"""Many runs, in several processes: what came of each, and what all of them have seen."""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from multiprocessing import get_context
from typing import Any

import attrs

from bulletin.simulation.command_line import end_at_interrupts, interrupts_held_back
from bulletin.simulation.tier import Options, Tier, World
from bulletin.simulation.violation import CRASHED, Violation


@attrs.frozen
class Failure:
    """Why a run failed.

    :param name: of the promise.
    :param sentence: what was seen.
    :param steps: the last of them, in words.
    :param place: where it was noticed; of an exception its traceback.
    """

    name: str
    sentence: str
    steps: tuple[str, ...] = ()
    place: str = ""


@attrs.frozen
class Outcome:
    """What came of a run."""

    tier: str
    seed: int
    options: Options
    events: int
    seconds: float
    counts: Counter[str]
    strikes: int
    trace: str = ""
    failure: Failure | None = None


def attempt(tier: Tier, seed: int, options: Options, *, trace: bool = False) -> Outcome:
    """One run; what came of it, whatever that is."""
    began = time.process_time()
    world: World | None = None
    failure = None
    try:
        world = tier.world(seed, options, trace=trace)
        world.run()
    except Violation as violation:
        failure = Failure(violation.name, violation.sentence, _steps(world), _noticed(violation))
    except Exception as error:  # noqa: BLE001 - reported; the campaign goes on with other seeds
        failure = Failure(CRASHED, repr(error), _steps(world), traceback.format_exc())
    return Outcome(
        tier.name,
        seed,
        options,
        0 if world is None else world.time.events,
        time.process_time() - began,
        Counter() if world is None else Counter(world.counts),
        0 if world is None else world.strikes,
        world.trace if trace and world is not None else "",
        failure,
    )


def _noticed(violation: Violation) -> str:
    """Where a check failed, in a line."""
    frame = traceback.extract_tb((violation.__cause__ or violation).__traceback__)[-1]
    return f"noticed in {frame.name}, {frame.filename}:{frame.lineno}"


def _steps(world: World | None) -> tuple[str, ...]:
    return () if world is None else tuple(world.last_steps)


@attrs.frozen
class Plan:
    """What a campaign runs.

    :param tiers: the worlds, each of which runs each seed.
    :param first: the first seed.
    :param seeds: how many, or None: until the time is over.
    :param seconds: of real time after which no run begins any more.
    :param jobs: processes.
    :param changes: in place of what each seed draws.
    :param trace: whether to keep a hash over the events of each run.
    """

    tiers: tuple[Tier, ...]
    first: int
    seeds: int | None
    seconds: float
    jobs: int
    changes: Mapping[str, Any]
    trace: bool = False

    def options(self, tier: Tier, seed: int) -> Options:
        """What a seed draws, with the changes."""
        drawn: Any = tier.draw(seed)
        changed: Options = attrs.evolve(drawn, **self.changes)
        return changed

    def runs(self) -> Iterator[tuple[Tier, int]]:
        """(tier, seed) in order."""
        numbers = count(self.first) if self.seeds is None else range(self.first, self.first + self.seeds)
        for seed in numbers:
            for tier in self.tiers:
                yield tier, seed


def run_one(plan: Plan, tier: Tier, seed: int) -> Outcome:
    """One run of a plan."""
    return attempt(tier, seed, plan.options(tier, seed), trace=plan.trace)


def run(plan: Plan, ended: Callable[[Outcome], bool], clock: Callable[[], float] = time.perf_counter) -> None:
    """Run a plan to its end.

    :param ended: gets each outcome; True: that is enough.
    :param clock: real seconds.
    """
    until = clock() + plan.seconds
    if plan.jobs == 1:
        for tier, seed in plan.runs():
            if clock() >= until or ended(run_one(plan, tier, seed)):
                return
        return
    runs = plan.runs()
    # Forked from a process that has threads, a child may wait for ever for a lock that one of them held.
    with ProcessPoolExecutor(plan.jobs, get_context("spawn"), initializer=end_at_interrupts) as pool:
        waiting: set[Future[Outcome]] = set()
        enough = False
        while True:
            while not enough and clock() < until and len(waiting) < 2 * plan.jobs:
                following = next(runs, None)
                if following is None:
                    enough = True
                    break
                with interrupts_held_back():
                    waiting.add(pool.submit(run_one, plan, *following))
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                enough |= ended(future.result())
