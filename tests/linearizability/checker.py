"""Names the anomalies of a recorded history; an empty list is a history that keeps the promises."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from tests.linearizability.history import Post, Read, Stored


def anomalies(posts: Sequence[Post], reads: Sequence[Read], stored: Sequence[Stored]) -> list[str]:
    """Every broken promise, one sentence each, channel by channel."""
    found: list[str] = []
    final = _by_channel(stored)
    asked = _by_channel(posts)
    seen = _by_channel(reads)
    for channel in sorted({*final, *asked, *seen}):
        rows = sorted(final[channel], key=lambda row: row.seq)
        found += _order(channel, rows)
        found += _acknowledged(channel, asked[channel], rows)
        found += _real_time(channel, asked[channel], seen[channel], rows)
    return found


def _by_channel(items: Iterable) -> defaultdict:
    grouped = defaultdict(list)
    for item in items:
        grouped[item.channel].append(item)
    return grouped


def _order(channel: str, rows: Sequence[Stored]) -> list[str]:
    """Numbers 1, 2, 3, …; each id once; clocks rise; the board's time never falls."""
    found = []
    ids = set()
    for expected, row in enumerate(rows, 1):
        if row.seq != expected:
            found.append(f"gap or double: {channel} has seq {row.seq} where {expected} belongs")
            break
        if row.id in ids:
            found.append(f"duplicate: {channel} has id {row.id} twice")
        ids.add(row.id)
    for before, after in itertools.pairwise(rows):
        if after.clock <= before.clock:
            found.append(f"clock went back: {channel} seq {after.seq}")
        if after.received < before.received:
            found.append(f"time went back: {channel} seq {after.seq}")
    return found


def _acknowledged(channel: str, posts: Sequence[Post], rows: Sequence[Stored]) -> list[str]:
    """Every acknowledged post is there, at the number that was acknowledged; nothing is there that nobody sent."""
    found = []
    place = {row.id: row for row in rows}
    sent = {post.id for post in posts}
    for post in posts:
        if post.seq is None:
            continue
        row = place.get(post.id)
        if row is None:
            found.append(f"lost write: {channel} seq {post.seq} id {post.id} was acknowledged")
        elif row.seq != post.seq:
            found.append(f"moved write: {channel} id {post.id} acknowledged at {post.seq}, is at {row.seq}")
        elif post.clock is not None and row.clock != post.clock:
            found.append(f"changed write: {channel} id {post.id} clock {post.clock}, is {row.clock}")
    found += [f"invented write: {channel} seq {row.seq} id {row.id}" for row in rows if row.id not in sent]
    return found


def _real_time(
    channel: str, posts: Sequence[Post], reads: Sequence[Read], rows: Sequence[Stored]
) -> list[str]:
    """The order of the numbers could have been that of real time: each takes effect between call and return.

    A post takes effect at its number, a read just after the highest number that it showed; walking up that order,
    the earliest possible moment of effect never passes a return.
    """
    by_id = {post.id: post for post in posts}
    steps: list[tuple[int, int, float, float, str]] = []
    for row in rows:
        post = by_id.get(row.id)
        if post is not None:
            steps.append((row.seq, 0, post.invoked, post.returned, f"post {row.seq}"))
    steps += [(read.head, 1, read.invoked, read.returned, f"read of {read.head}") for read in reads]
    steps.sort()
    found = []
    moment = float("-inf")
    for _, _, invoked, returned, what in steps:
        moment = max(moment, invoked)
        if moment > returned:
            found.append(
                f"stale or reordered: {channel}: {what} returned before an earlier number was asked for"
            )
    return found
