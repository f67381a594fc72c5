"""What all clients of a campaign saw, written down as they saw it."""

import itertools
import json
import threading
from collections import defaultdict
from pathlib import Path
from typing import Final

import attrs

from bulletin.linearizability.streams import Post, Read

UNANSWERED: Final = "no answer"


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
class Receipt:
    """A ``recibo``: what the board can be held to later.

    :param stream: the channel's name or the receiver's.
    :param seq: the post's number there.
    :param index: of the log.
    :param term: of the log.
    :param chain: the stream's hash up to and with the post.
    """

    stream: str
    seq: int
    index: int
    term: int
    chain: bytes


class Record:
    """What all clients saw, and the stop signal for those that call.

    Each thread only appends, which needs no lock.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.reads: list[Read] = []
        self.failures: list[Failure] = []
        self.receipts: list[Receipt] = []
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
