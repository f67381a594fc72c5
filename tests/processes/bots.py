"""Ten bots keep a board busy while every role of it is killed in turn; then each is held to its own account.

    python -m tests.processes.bots --bots 10 --rate 20 --minutes 5 --seed 1

What is promised, and compared with the history as linearizable reads have it:

- what a bot says that was acknowledged is what the history has from it: the same ids under the same numbers, no more, no less;
- its reader saw every post of its channels and its inbox once and in order, from where it began to the end;
- it knows the outcome of all that it wrote, and ends with status 0 when it is told to.

Prints a JSON line of figures and every promise that was broken, and exits with 1 where one was.
"""

import itertools
import json
import re
import secrets
import signal
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from random import Random

import zmq

from bulletin.simulation import command_line
from bulletin.simulation.command_line import Parser, above_zero, carry_out
from bulletin.torture import waiting
from bulletin.torture.board import Board, RoleProcess, free_base_port
from bulletin.torture.calls import Caller

PATIENCE = 120.0
"""Seconds until a board without faults must have settled, and been read by, everybody."""


class BotProcess(RoleProcess):
    """A bot, and what it says of itself."""

    def __init__(self, number, board, http_port, *, rate, seconds, seed):
        self.journal = board.folder / f"bot{number}.journal"
        super().__init__(
            f"bot{number}",
            [
                *("bulletin-bot", "--name", f"bot{number}", "--rate", str(rate), "--seconds", str(seconds)),
                *("--broker", board.broker_endpoint, "--proxy", board.proxy_endpoint),
                *("--seed", str(seed), "--journal", str(self.journal)),
            ],
            http_port,
            board.folder,
        )

    def metric(self, name):
        """One of its numbers; None where it does not answer at the moment."""
        found = re.search(rf"^bulletin_bot_{name} (\S+)$", self.get("/metrics", 5.0)[1], re.MULTILINE)
        return None if found is None else float(found[1])

    def account(self):
        """The lines of its journal, by what they are, and the streams of each in order."""
        lines = defaultdict(lambda: defaultdict(list))
        with self.journal.open(encoding="utf-8") as journal:
            for line in journal:
                if line.endswith("\n"):  # the last one may be on its way
                    entry = json.loads(line)
                    kind = "channel" if "channel" in entry else "inbox"
                    lines[entry["what"]][kind, entry[kind]].append(entry)
        return lines


def kill_in_turn(board, seconds, rng):
    """Kill every role in turn and start it again, over and over, until the time is up; how often each was."""
    kills = {role.name: 0 for role in board.roles}
    leaders = 0
    end = time.monotonic() + seconds
    while True:
        for role in rng.sample(board.roles, len(board.roles)):
            if time.monotonic() >= end and min(kills.values()):
                return kills, leaders
            leaders += role is board.leader()
            role.kill()
            kills[role.name] += 1
            time.sleep(rng.uniform(0.0, 1.0))
            role.start()
            role.wait_ready()
            time.sleep(rng.uniform(0.2, 1.0))


def until(condition, what):
    """Wait for something that a board without faults brings about; a sentence if it does not."""
    try:
        waiting.until(condition, what, PATIENCE, every=0.2)
    except waiting.InVainError as error:
        return [str(error)]
    return []


def history(caller, kind, name):
    """All posts of a stream."""
    field = {"channel": "canal", "inbox": "user"}[kind]
    posts, more = [], True
    while more:
        since = posts[-1]["seq"] if posts else 0
        reply = caller.call("listar historico", {field: name, "desde": since, "limite": 500}, 30.0)
        assert reply is not None, f"no history of {name}"
        assert reply["status"] == "sucesso", reply
        posts += reply["messages"]
        more = reply["mais"]
    return posts


def whole(caller, bots):
    """Every channel and every bot's inbox."""
    reply = caller.call("listar canais", {}, 30.0)
    assert reply is not None, "no list of channels"
    streams = [("channel", name) for name in reply["channels"]] + [("inbox", bot.name) for bot in bots]
    return {stream: history(caller, *stream) for stream in streams}


def wrong_with_the_history(stored):
    """Numbers without gaps in each stream, clocks that rise."""
    for stream, posts in stored.items():
        if [post["seq"] for post in posts] != list(range(1, len(posts) + 1)):
            yield f"{stream}: its numbers have gaps or come twice"
        if any(a["clock"] >= b["clock"] for a, b in itertools.pairwise(posts)):
            yield f"{stream}: its clocks do not rise"


def wrong_with_what_it_wrote(bot, account, stored):
    """Its own account against the history's."""
    for kind, field, metric in (("channel", "user", "posts_total"), ("inbox", "src", "private_sent_total")):
        there = {
            (name, post["seq"], post["id"])
            for (stream_kind, name), posts in stored.items()
            if stream_kind == kind
            for post in posts
            if post[field] == bot.name
        }
        lines = [
            (name, line["seq"], line["id"])
            for (stream_kind, name), entries in account["wrote"].items()
            if stream_kind == kind
            for line in entries
        ]
        if len(lines) != len(set(lines)):
            yield f"{bot.name}: it counted a {kind} post twice"
        for what, which in (("lost", set(lines) - there), ("not counted", there - set(lines))):
            if which:
                yield f"{bot.name}: {len(which)} of its {kind} posts are {what}, such as {min(which)}"
        if bot.counted[metric] != len(there):
            yield f"{bot.name}: {metric} is {bot.counted[metric]}, the history has {len(there)}"


def wrong_with_its_numbers(bot, stored):
    """The numbers in its texts: each once."""
    numbers = sorted(
        int(re.search(r"\(#(\d+)\)$", post["message"])[1])
        for (kind, _), posts in stored.items()
        if kind == "channel"
        for post in posts
        if post["user"] == bot.name
    )
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"{bot.name}: its texts are not numbered 1 to {len(numbers)}"


def wrong_with_what_it_read(bot, account, stored):
    """Each post of its streams once and in order, from where it began to the end."""
    if not account["began"]:
        yield f"{bot.name}: it read nothing"
    for stream, (began, *again) in account["began"].items():
        if again:
            yield f"{bot.name}: it began {stream} twice"
        seen = [(line["seq"], line["id"]) for line in account["read"][stream]]
        there = [(post["seq"], post["id"]) for post in stored[stream] if post["seq"] > began["seq"]]
        if seen != there:
            missed, foreign = set(there) - set(seen), set(seen) - set(there)
            yield (
                f"{bot.name}: of {len(there)} posts of {stream} it read {len(seen)}; {len(missed)} missed, "
                f"{len(foreign)} that are not there, {len(seen) - len(set(seen))} more than once"
            )


def campaign(folder, *, count, rate, seconds, seed):
    """The whole of it: figures, and what was broken."""
    rng = Random(seed)
    board = Board(folder)
    ports = free_base_port()
    bots = [
        BotProcess(number, board, ports + number, rate=rate, seconds=seconds, seed=seed + number)
        for number in range(count)
    ]
    context = zmq.Context()
    try:
        board.start()
        for bot in bots:
            bot.start()
        for bot in bots:
            bot.wait_ready()
        kills, leaders = kill_in_turn(board, seconds, rng)
        broken = until(
            lambda: all(bot.metric("writing") == 0 and bot.metric("in_flight") == 0 for bot in bots),
            "every bot has settled what it wrote",
        )
        stored = whole(Caller(context, board.broker_endpoint, 2.0), bots)
        broken += wait_for_readers(bots, stored)
        for bot in bots:
            bot.counted = {
                name: bot.metric(name)
                for name in (
                    "posts_total",
                    "private_sent_total",
                    "read_total",
                    "retries_total",
                    "healed_total",
                )
            }
            bot.signal(signal.SIGTERM)
        statuses = {bot.name: bot.process.wait(10) for bot in bots}
        broken += [f"{name} ended with {status}" for name, status in statuses.items() if status]
        broken += wrong_with_the_history(stored)
        for bot in bots:
            account = bot.account()
            broken += [
                f"{bot.name}: {what} {dict(account[what])}"
                for what in ("unsettled", "refused", "reset")
                if account[what]
            ]
            broken += wrong_with_what_it_wrote(bot, account, stored)
            broken += wrong_with_its_numbers(bot, stored)
            broken += wrong_with_what_it_read(bot, account, stored)
        return figures_of(bots, stored, kills, leaders, seconds) | {
            "seed": seed,
            "broken": len(broken),
        }, broken
    finally:
        for bot in bots:
            if bot.process is not None and bot.process.poll() is None:
                bot.kill()
        board.destroy()
        context.destroy(0)


def wait_for_readers(bots, stored):
    """Until each bot has read its channels to their ends."""
    behind = {
        bot: sum(
            len(stored[stream]) - lines[0]["seq"]
            for stream, lines in bot.account()["began"].items()
            if stream[0] == "channel"
        )
        for bot in bots
    }

    def at_the_ends():
        for bot, there in list(behind.items()):
            if (bot.metric("read_total") or 0) >= there:
                del behind[bot]
        return not behind

    vain = until(at_the_ends, "every reader is at the ends")
    return vain and [f"{sentence}, but {', '.join(bot.name for bot in behind)}" for sentence in vain]


def figures_of(bots, stored, kills, leaders, seconds):
    """What there is to tell about a run."""
    posts = sum(bot.counted["posts_total"] for bot in bots)
    longest = max(
        float(found)
        for bot in bots
        for found in re.findall(r" longest_s=(\S+)", bot.log.read_text(errors="replace"))
    )
    return {
        "bots": len(bots),
        "seconds": seconds,
        "acknowledged": int(posts),
        "a_second": round(posts / seconds, 1),
        "stored": sum(len(posts) for (kind, _), posts in stored.items() if kind == "channel"),
        "private": int(sum(bot.counted["private_sent_total"] for bot in bots)),
        "read": int(sum(bot.counted["read_total"] for bot in bots)),
        "healed": int(sum(bot.counted["healed_total"] for bot in bots)),
        "retries": int(sum(bot.counted["retries_total"] for bot in bots)),
        "longest_wait_s": longest,
        "kills": kills,
        "leaders_killed": leaders,
    }


def main() -> int:
    """The command."""
    parser = Parser("python -m tests.processes.bots", __doc__)
    parser.add_argument("--bots", type=command_line.whole(1), default=10)
    parser.add_argument("--rate", type=above_zero(), default=20.0, help="posts a second of each")
    parser.add_argument("--minutes", type=above_zero(), default=5.0)
    parser.add_argument("--seed", type=command_line.whole(0), default=secrets.randbelow(10**6))
    parser.add_argument("--folder", type=Path, help="keep logs, data and journals here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bulletin-bots-") as folder:
        figures, broken = campaign(
            options.folder or Path(folder),
            count=options.bots,
            rate=options.rate,
            seconds=60 * options.minutes,
            seed=options.seed,
        )
    print(json.dumps(figures))
    for sentence in broken:
        print(sentence)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(carry_out(main))
