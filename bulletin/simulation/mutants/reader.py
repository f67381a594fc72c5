"""Planted bugs in a reader: posts that are not asked for, or told twice."""

from collections.abc import Callable
from typing import Final

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.reader import GAP, Delivered, Reader
from bulletin.core.client.streams import Progress, Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.wire.publications import Head, Published, write_heads, write_post
from bulletin.core.wire.replies import PublishedPage
from bulletin.simulation.mutants.chance import board_tier
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.violation import Violation

_GERAL: Final = Stream(StreamKind.CHANNEL, "geral")


def _post(seq: int) -> Published:
    return Published(_GERAL.kind, _GERAL.name, seq, f"a:{seq}", "ana", "text", 1.0, None, seq, 2.0, None)


class Desk:
    """A reader that has read two posts, and whose history is under a script's control."""

    def __init__(self) -> None:
        self.now = Instant(10.0, 1.7e9)
        self.reader = Reader(self.now)
        self.fetches = 0
        self.told: list[int] = []
        self.reader.follow(_GERAL, self.now, since=0)
        self.turn()
        self.page(1, 2)
        self.fetches = 0

    def turn(self) -> None:
        """Whatever it wants, and has to tell."""
        while ready := self.reader.ready():
            self.fetches += len(ready.fetches)
            self.told.extend(event.post.seq for event in ready.events if isinstance(event, Delivered))

    def page(self, *seqs: int) -> None:
        """What it asked for comes."""
        page = PublishedPage(tuple(map(_post, seqs)), more=False)
        self.reader.fetched(_GERAL, page, self.now)
        self.turn()

    def hear(self, seq: int) -> None:
        """A publication."""
        self.reader.publication(*write_post(_post(seq)), self.now)
        self.turn()

    def beacon(self, seq: int) -> None:
        """The leader tells how far the stream goes."""
        for topic, body in write_heads([Head(_GERAL.kind, _GERAL.name, seq)], 1, 1.7e9):
            self.reader.publication(topic, body, self.now)
        self.turn()

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now = Instant(self.now.monotonic + seconds, self.now.wall + seconds)
        self.reader.tick(self.now)
        self.turn()


def _asked_after(miss: Callable[[Desk], None]) -> None:
    """A post is missed, and something tells so: it is asked for."""
    desk = Desk()
    miss(desk)
    desk.wait(2 * GAP)
    if not desk.fetches:
        raise Violation("S14", "a post that is missing is not asked for")


def a_gap() -> None:
    """A publication is lost, the next one comes.

    :raises Violation: the lost one is not asked for.
    """
    _asked_after(lambda desk: desk.hear(4))


def the_last_one() -> None:
    """The last publication of all is lost; a head beacon tells that there was one.

    :raises Violation: it is not asked for.
    """
    _asked_after(lambda desk: desk.beacon(3))


def a_page_of_what_came() -> None:
    """A page brings what the publications had brought meanwhile.

    :raises Violation: it is told twice.
    """
    desk = Desk()
    desk.hear(4)
    desk.wait(2 * GAP)
    desk.hear(3)
    desk.page(3, 4)
    if desk.told != [1, 2, 3, 4]:
        raise Violation("S14", f"a reader was told {desk.told}")


MUTANTS: Final = (
    Mutant(
        "B9",
        "a reader does not ask for what a gap shows to be missing",
        (
            Patch(
                Reader,
                "_hint",
                "        self._release(progress)\n        if progress.missing:\n            self._fetch(progress, GAP)\n",
                "        self._release(progress)\n",
            ),
        ),
        "S14",
        a_gap,
        why="a head beacon makes good for it within a second",
    ),
    Mutant(
        "B10",
        "a reader does not listen to head beacons",
        (Patch(Reader, "publication", "for head in publication.heads:", "for head in ():"),),
        "S14",
        the_last_one,
        why="the next post, or ten quiet seconds, make good for it",
    ),
    Mutant(
        "B11",
        "a reader tells posts of a page that it had told",
        (
            Patch(Reader, "_page", "if post.seq >= progress.next:", "if post.seq > 0:"),
            Patch(
                Progress,
                "gone_out",
                "    assert self.next is None or post.seq >= self.next\n",
                "",
            ),
        ),
        "S14",
        a_page_of_what_came,
        Chance(board_tier({"loss": 0.3, "straggling": 0.3, "kill_proxy": 0.5})),
    ),
)
