"""What this server publishes: the posts that it proposed, the heads of what changed, and who leads.

A publication is a hint; the history is the truth.  The server whose proposal became the post publishes it (most often
it is the one that answers it, too), so each post is published once, as long as nobody dies.  The leader tells, every :data:`BEACON` seconds, the head of each stream that
changed in the last :data:`RECENT` seconds, whoever published it: so the loss of even the last post of a stream goes
unnoticed for two seconds at most, also when the server that should have published it died.  A new leader, which applied
the same posts, goes on where the old one ended.
"""

from collections import OrderedDict
from typing import Final

from bulletin.core.board.outcome import Post, StreamKind
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.wire.publications import Frames, Head, write_election, write_heads, write_post

BEACON: Final = 1.0
"""Seconds between two head beacons."""

RECENT: Final = 5.0
"""Seconds for which a changed head is told: longer than a change of leader takes."""

HEADS_MAX: Final = 16_384
"""Streams whose changes are remembered; of more, those that changed longest ago are not told."""


class Publisher:
    """Gathers the publications of a turn.

    :param lamport: ticks for each of them.
    :param flat_only: publish posts without ``service`` and ``data``.
    """

    def __init__(self, lamport: LamportClock, *, flat_only: bool = False) -> None:
        self._lamport = lamport
        self._flat_only = flat_only
        self._heads: OrderedDict[tuple[StreamKind, str], tuple[int, float]] = OrderedDict()
        self._waiting: list[Frames] = []
        self._beacon_at = float("-inf")
        self.published = 0
        """Posts that this server published."""

    def changed(self, post: Post, now: Instant) -> None:
        """A post was applied; whoever answers it."""
        key = (post.kind, post.stream)
        self._heads[key] = (post.seq, now.monotonic)
        self._heads.move_to_end(key)
        if len(self._heads) > HEADS_MAX:
            self._heads.popitem(last=False)

    def publish(self, post: Post) -> None:
        """A post came of this server's proposal."""
        self.published += 1
        self._waiting.append(write_post(post, flat_only=self._flat_only))

    def elected(self, name: str, now: Instant) -> None:
        """This server leads, and says so."""
        self._waiting.append(write_election(name, self._lamport.tick(), now.wall))

    def tick(self, now: Instant, *, leads: bool) -> None:
        """Tell the heads that changed lately, if this server leads and it is time."""
        if now.monotonic - self._beacon_at < BEACON:
            return
        self._beacon_at = now.monotonic
        while self._heads:
            key, (_, changed_at) = next(iter(self._heads.items()))
            if now.monotonic - changed_at < RECENT:
                break
            del self._heads[key]
        if leads and self._heads:
            heads = [Head(kind, stream, seq) for (kind, stream), (seq, _) in self._heads.items()]
            self._waiting.extend(write_heads(heads, self._lamport.tick(), now.wall))

    def take(self) -> list[Frames]:
        """What is to be published now.  Bounded: by what a turn answers, and by :data:`HEADS_MAX`."""
        if not self._waiting:
            return []
        taken, self._waiting = self._waiting, []
        return taken
