"""``python -m bulletin.torture``: its options, its namespaces, its last line, its status."""

import argparse
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bulletin.simulation.command_line import Parser, above_zero, new_folder, whole
from bulletin.torture import abilities
from bulletin.torture.campaign import Campaign, Outcome, Plan
from bulletin.torture.faults import KINDS
from bulletin.torture.faults.changes import SERVERS_MAX
from bulletin.torture.faults.fault import Conditions

SECONDS: Final = 120.0
SECONDS_MAX: Final = 7 * 86400
SHOWN_MAX: Final = 20
"""Broken promises that are told at the end; all are in the campaign's log."""


def _kinds(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in KINDS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown) or 'nothing'} is no fault; there are {', '.join(KINDS)}"
        )
    return names


def parser() -> Parser:
    """The command's options."""
    made = Parser("torture", "Break a real board of real processes under load, and hold it to its promises.")
    made.add_argument(
        "--minutes",
        type=lambda text: 60 * above_zero(SECONDS_MAX / 60)(text),
        dest="seconds",
        metavar="N",
        default=SECONDS,
        help="for how long faults come",
    )
    made.add_argument(
        "--seconds",
        type=above_zero(SECONDS_MAX),
        metavar="N",
        default=SECONDS,
        help="the same in seconds; 120 if neither is given",
    )
    made.add_argument(
        "--seed",
        type=whole(0, 2**63),
        metavar="N",
        help="what comes; by chance if not given",
    )
    made.add_argument(
        "--servers",
        type=whole(1, SERVERS_MAX),
        metavar="N",
        default=3,
        help="how many servers; 3 if not given",
    )
    made.add_argument(
        "--faults", type=_kinds, metavar="LIST", help=f"of {', '.join(KINDS)}; all if not given"
    )
    made.add_argument(
        "--retain",
        type=whole(1, 2**31),
        metavar="N",
        help="log entries that the servers keep; the seed decides if not given",
    )
    made.add_argument(
        "--keep",
        type=new_folder,
        metavar="DIRECTORY",
        help="a new directory for data, logs and records, kept whatever comes of it",
    )
    made.add_argument("--quiet", action="store_true", help="do not tell each fault")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign; 0: every promise was kept, 1: one was broken, 2: the command cannot be carried out so.

    :param arguments: those of the command line, if not given.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(arguments)
    abilities.enter(arguments)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    able = abilities.find_out()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    conditions = Conditions(able, options.servers)
    wanted = options.faults or tuple(KINDS)
    obstacles = {kind: KINDS[kind].obstacle(conditions) for kind in wanted}
    kinds = tuple(kind for kind, obstacle in obstacles.items() if obstacle is None)
    why: dict[str, list[str]] = {}
    for kind, obstacle in obstacles.items():
        if obstacle is not None:
            why.setdefault(obstacle, []).append(kind)
    impossible = "; ".join(f"{', '.join(names)}: {obstacle}" for obstacle, names in why.items())
    if not kinds:
        print(f"torture: none of these faults is possible here ({impossible}).", file=sys.stderr)
        return 2
    if impossible:
        print(f"Not possible here: {impossible}.", file=sys.stderr)
    if not options.quiet and "slow" in kinds and not abilities.netem():
        print("This kernel has no tc netem: a program of our own plays slow links.", file=sys.stderr)
    folder = Path(tempfile.mkdtemp(prefix="bulletin-torture-")) if options.keep is None else options.keep
    plan = Plan(options.seconds, seed, options.servers, kinds, folder.resolve(), options.retain, able)
    try:
        campaign = _set_up(plan, options)
        if campaign is None:
            return 2
        try:
            outcome = campaign.run()
            if outcome.broken or options.keep is not None:
                campaign.keep()
        finally:
            campaign.close()
    except KeyboardInterrupt:
        _remove(plan, options)
        raise
    print(json.dumps(outcome.figures), flush=True)
    return _report(outcome, plan, options)


def _set_up(plan: Plan, options: argparse.Namespace) -> Campaign | None:
    """The campaign; None, said why, where it cannot be."""
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        return Campaign(plan, lambda line: None if options.quiet else print(line, file=sys.stderr))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"torture: the campaign cannot be set up: {error}.", file=sys.stderr)
        _remove(plan, options)
        return None


def _remove(plan: Plan, options: argparse.Namespace) -> None:
    """Leave nothing behind but what was asked for; only when the campaign is closed."""
    if options.keep is None:
        shutil.rmtree(plan.folder, ignore_errors=True)


def _report(outcome: Outcome, plan: Plan, options: argparse.Namespace) -> int:
    for sentence in outcome.broken[:SHOWN_MAX]:
        print(f"BROKEN: {sentence}", file=sys.stderr)
    if outcome.broken:
        words = [f"--seed {plan.seed}", f"--seconds {plan.seconds:g}", f"--servers {plan.servers}"]
        words += [f"--retain {plan.retain}"] if plan.retain is not None else []
        words += [f"--faults {','.join(plan.kinds)}"] if options.faults else []
        print(f"Evidence: {plan.folder}", file=sys.stderr)
        print(f"Again: python -m bulletin.torture {' '.join(words)}", file=sys.stderr)
        return 1
    _remove(plan, options)
    return 0
