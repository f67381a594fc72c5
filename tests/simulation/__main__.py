"""Campaigns at length: ``python -m tests.simulation --seeds 0:1000``, or one seed again: ``--seeds 17``."""

import argparse
import sys
import time
import traceback
from collections import Counter

from tests.simulation.cluster import Cluster


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", required=True, help="A:B, or one seed")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so much real time")
    arguments = parser.parse_args()
    first, _colon, beyond = arguments.seeds.partition(":")
    seeds = range(int(first), int(beyond) if beyond else int(first) + 1)
    counts: Counter[str] = Counter()
    failed = events = done = 0
    began = time.perf_counter()
    for seed in seeds:
        if time.perf_counter() - began > arguments.seconds:
            break
        cluster = Cluster(seed)
        try:
            cluster.run()
        except Exception:  # noqa: BLE001 - a campaign goes on after a seed that failed
            failed += 1
            traceback.print_exc()
            print(f"seed {seed} failed ({cluster.options})")
            print(f"replay: python -m tests.simulation --seeds {seed}", flush=True)
        events += cluster.time.events
        done += 1
        counts.update(cluster.counts)
    spent = time.perf_counter() - began
    for name, count in sorted(counts.items()):
        print(f"{count:10d}  {name}")
    print(f"{done} seeds, {failed} failed, {events} events, {events / spent:.0f} events/s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
