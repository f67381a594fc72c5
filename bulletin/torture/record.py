"""What all clients of a campaign saw, written down as they saw it."""

import itertools
import json
import threading
from collections import defaultdict
from pathlib import Path
from typing import Final

import attrs

from bulletin.core.board.outcome import StreamKind
from bulletin.linearizability.names import Listing, Registration, Sight
from bulletin.linearizability.streams import Post, Read

UNANSWERED: Final = "no answer"

ANSWERED_SECONDS: Final = 5.0
"""Within these every request is answered (docs/protocol.md)."""

WRONG_MAX: Final = 100
"""Sentences about pages that are kept."""


@attrs.frozen
class Failure:
    """A call that was not answered with success.

    :param what: the call, for a person.
    :param invoked: when it was sent first, monotonic seconds.
    :param returned: when it was given up or refused.
    :param code: the board's word, or :data:`UNANSWERED`.
    :param definite: whether it is known to have had no effect.
    """

    what: str
    invoked: float
    returned: float
    code: str
    definite: bool

    def __str__(self) -> str:
        waited = self.returned - self.invoked
        if self.code == UNANSWERED:
            return f"{self.what}: {UNANSWERED} after {waited:.2f} s"
        return f"{self.what}: {self.code} definitivo={self.definite} after {waited:.2f} s"


@attrs.frozen
class Late:
    """A call that took longer than a board may take to answer.

    :param what: the call, for a person.
    :param invoked: when it was sent first, monotonic seconds.
    :param returned: when the answer came, or was not waited for any longer.
    :param code: the board's word, or :data:`UNANSWERED`.
    :param repeats: whether its client sends again before that time: what its first sending was told, it may never hear, and
        only what takes effect is told again.
    """

    what: str
    invoked: float
    returned: float
    code: str
    repeats: bool

    def __str__(self) -> str:
        again = ", sent again meanwhile," if self.repeats else ""
        return f"{self.what}{again} came to {self.code} after {self.returned - self.invoked:.2f} s"


@attrs.define(eq=False)
class NameCalls:
    """What was called and told about the names of a kind; each thread only appends."""

    registrations: list[Registration] = attrs.Factory(list)
    listings: list[Listing] = attrs.Factory(list)
    sights: list[Sight] = attrs.Factory(list)


@attrs.frozen
class Receipt:
    """A ``recibo``: what the board can be held to later.

    :param user: who sent the post.
    :param id: of the operation.
    :param stream: the channel's name or the receiver's.
    :param seq: the post's number there.
    :param index: of the log.
    :param term: of the log.
    :param chain: the stream's hash up to and with the post.
    :param clock: of the acknowledgement, which comes after the post.
    """

    user: str
    id: str
    stream: str
    seq: int
    index: int
    term: int
    chain: bytes
    clock: int


class Record:
    """What all clients saw, and the stop signal for those that call.

    Each thread only appends, which needs no lock.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.reads: list[Read] = []
        self.failures: list[Failure] = []
        self.late: list[Late] = []
        """Calls that took longer than a board may take, whatever the reason."""
        self.names = {kind: NameCalls() for kind in StreamKind}
        """By the kind of stream that the names are of: users, channels."""
        self.receipts: list[Receipt] = []
        self.ids: dict[tuple[str, int], str] = {}
        """By stream and number: the id of the post there, as whoever saw it first was told."""
        self.pages = 0
        """Pages of history whose texts were held against what was written; about: readers do not wait for each other."""
        self.wrong: list[str] = []
        """What pages had that nobody wrote there, in words; the first of it."""
        self.acknowledged: list[float] = []
        self.shown: defaultdict[str, defaultdict[str, list[tuple[int, str]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        """By follower and stream: ``(seq, id)`` of the posts that it was shown, in order."""
        self.resets: list[str] = []
        """Followers that were told that the board had been set up anew."""
        self.crashes: list[str] = []
        """Clients of this program that ended by an exception."""
        self.stop = threading.Event()

    @property
    def errors(self) -> list[str]:
        """The failures, in words."""
        return [str(failure) for failure in self.failures]

    def took(self, what: str, invoked: float, returned: float, code: str, *, repeats: bool) -> None:
        """A call has ended; it is noted where it took too long.  The arguments are those of :class:`Late`."""
        if returned - invoked > ANSWERED_SECONDS:
            self.late.append(Late(what, invoked, returned, code, repeats))

    def found_wrong(self, sentence: str) -> None:
        """A page is not what was written."""
        if len(self.wrong) < WRONG_MAX:
            self.wrong.append(sentence)

    def longest_pause(self) -> float:
        """Seconds between two acknowledgements, whoever got them."""
        moments = sorted(self.acknowledged)
        return max((b - a for a, b in itertools.pairwise(moments)), default=float("inf"))

    def write(self, folder: Path) -> None:
        """Write all of it down, one JSON object a line, for whoever looks for the cause of something."""
        lists = {
            "posts": [attrs.asdict(post) for post in self.posts],
            "reads": [attrs.asdict(read) for read in self.reads],
            "failures": [attrs.asdict(failure) for failure in self.failures],
            "late": [attrs.asdict(late) for late in self.late],
            **{
                f"{kind.name.lower()}-{field}": [attrs.asdict(call) for call in getattr(calls, field)]
                for kind, calls in self.names.items()
                for field in ("registrations", "listings", "sights")
            },
            "receipts": [{**attrs.asdict(it), "chain": it.chain.hex()} for it in self.receipts],
            "shown": [
                {"reader": reader, "stream": stream, "shown": shown}
                for reader, streams in self.shown.items()
                for stream, shown in streams.items()
            ],
        }
        for name, items in lists.items():
            with (folder / f"{name}.jsonl").open("w") as file:
                file.writelines(json.dumps(item) + "\n" for item in items)
