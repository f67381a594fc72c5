"""Campaigns at length: ``python -m bulletin.simulation.log --seeds 0:1000``, or one seed again: ``--seeds 17``."""

import argparse
import sys
import time
import traceback
from collections import Counter

from bulletin.simulation.log.cluster import Cluster
from bulletin.simulation.log.faults import Options

SOMETIMES = (
    "append_of_old_term",
    "append_rejection_stale",
    "append_reply_stale",
    "campaigns_lost",
    "campaigns_withheld_by_disk",
    "commit_before_own_sync",
    "committed_twice",
    "fetches",
    "messages_of_old_term",
    "old_entry_survives",
    "overwritten_while_written",
    "pre_vote_refused_by_log",
    "pre_vote_refused_by_stickiness",
    "proposals_refused_full",
    "read_waits_for_own_term",
    "reads_lost",
    "refused",
    "installed",
    "log_trimmed",
    "snapshot_parts_asked_again",
    "snapshot_parts_missing",
    "snapshot_parts_stale",
    "snapshots_resumed",
    "stepped_down_by_disk",
    "stepped_down_by_quorum",
    "transfers_aborted",
    "transfers_taken",
    "truncations",
    "truncations_of_many",
    "unknown",
    "vote_request_ignored",
)
"""What a campaign of some hundred seeds must have come by; if it never does, the faults have become too tame."""

KINDS = ("turbulent", "trimmed", "forgetful")

SEEDS_FOR_ALL = 300
"""A campaign of so many seeds fails if one of them never happened."""


def main() -> int:
    """Run a campaign; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bulletin.simulation.log", description=__doc__)
    parser.add_argument("--seeds", required=True, help="A:B, or one seed")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so much real time")
    parser.add_argument("--turbulent", action="store_true", help="short runs with many faults and elections")
    parser.add_argument("--trimmed", action="store_true", help="as turbulent, with logs of a few entries")
    parser.add_argument(
        "--forgetful", action="store_true", help="a disk loses its end, and its hard-state file"
    )
    parser.add_argument("--trace", action="store_true", help="print a hash over all events of each seed")
    arguments = parser.parse_args()
    first, _colon, beyond = arguments.seeds.partition(":")
    seeds = range(int(first), int(beyond) if beyond else int(first) + 1)
    counts: Counter[str] = Counter()
    failed = events = done = 0
    began = time.perf_counter()
    for seed in seeds:
        if time.perf_counter() - began > arguments.seconds:
            break
        options = None
        kind = next((name for name in KINDS if getattr(arguments, name)), None)
        if kind is not None:
            options = getattr(Options, kind)(seed)
        cluster = Cluster(seed, options, trace=arguments.trace)
        try:
            cluster.run()
        except Exception:  # noqa: BLE001 - a campaign goes on after a seed that failed
            failed += 1
            traceback.print_exc()
            print(f"seed {seed} failed ({cluster.options})")
            way = f" --{kind}" if kind else ""
            print(f"replay: python -m bulletin.simulation.log --seeds {seed}{way}", flush=True)
        if arguments.trace:
            print(f"seed {seed}: {cluster.trace}")
        events += cluster.time.events
        done += 1
        counts.update(cluster.counts)
    spent = time.perf_counter() - began
    for name, count in sorted(counts.items()):
        print(f"{count:10d}  {name}")
    never = [name for name in SOMETIMES if not counts[name]]
    if never:
        print(f"never: {', '.join(never)}")
    print(f"{done} seeds, {failed} failed, {events} events, {events / spent:.0f} events/s")
    return 1 if failed or (never and done >= SEEDS_FOR_ALL) else 0


if __name__ == "__main__":
    sys.exit(main())
