"""Fellow servers: what one turn says to each of them in one frame, whose frames are taken, and whose state differs.

Digests of the state ride on the frames.  Every server keeps its digest at each index that is a multiple of
:data:`CHECKPOINT_EVERY` and tells it to the others.  Where a majority of all members has one digest and this server
another, it is this server that is wrong, and it stops; a single differing fellow is only reported, since then it may
be the fellow that is wrong: it will find out the same way.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final

import attrs

from bulletin.core.clocks.instant import Instant
from bulletin.core.limits import BATCH_BYTES_MAX
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.raft.messages import Message
from bulletin.core.server.notices import Notices
from bulletin.core.server.room import FullDisks
from bulletin.core.wire.peers import MESSAGES_MAX, Checkpoint, PeerFrame, weight

CHECKPOINT_EVERY: Final = 1024
"""Log indexes from one comparison of digests to the next."""

CHECKPOINTS_KEPT: Final = 64
"""Digests that a server remembers, its own and those of its fellows that it has not reached yet."""

Stamp = Callable[[], tuple[int, float]]
"""Gives (Lamport clock, timestamp) for one message that is being sent."""


@attrs.frozen
class Difference:
    """At ``index`` another digest was told than this server has; ``majority``: by a majority of all members."""

    index: int
    majority: bool


class Checkpoints:
    """Digests by index, this server's and its fellows'.

    :param members: how many members the cluster has.
    """

    def __init__(self, members: int) -> None:
        self._quorum = members // 2 + 1
        self._own: OrderedDict[int, bytes] = OrderedDict()
        self._told: OrderedDict[int, dict[bytes, bytes]] = OrderedDict()
        self.latest: Checkpoint | None = None
        """This server's newest."""

    def reached(self, index: int, digest: bytes) -> None:
        """This server's digest at an index."""
        self._own[index] = digest
        self.latest = Checkpoint(index, digest)
        if len(self._own) > CHECKPOINTS_KEPT:
            self._own.popitem(last=False)

    def told(self, member: bytes, checkpoint: Checkpoint) -> None:
        """A fellow's digest at an index."""
        self._told.setdefault(checkpoint.index, {})[member] = checkpoint.digest
        if len(self._told) > CHECKPOINTS_KEPT:
            self._told.popitem(last=False)

    def differing(self) -> Difference | None:
        """Where a fellow has another digest than this server: one that a majority shares, before all others."""
        found: Difference | None = None
        for index, told in self._told.items():
            own = self._own.get(index)
            against = Counter(digest for digest in told.values() if own is not None and digest != own)
            if not against:
                continue
            found = Difference(index, max(against.values()) >= self._quorum)
            if found.majority:
                break
        return found


@attrs.define
class _Outbox:
    messages: list[Message] = attrs.Factory(list)
    told: int = 0


class Peers:
    """The fellow servers of one member.

    :param document: who they are.
    :param member: this server.
    :param notices: where to say whose frames are dropped.
    """

    def __init__(self, document: FoundingDocument, member: bytes, notices: Notices) -> None:
        self._document = document
        self._member = member
        self._notices = notices
        self._names = {fellow.member: fellow.name for fellow in document.members}
        self._outboxes = {fellow.member: _Outbox() for fellow in document.members if fellow.member != member}
        self.checkpoints = Checkpoints(len(document.members))
        self.full = FullDisks(len(document.members))
        self._full_due = False
        self.dropped = 0
        """Frames that were none of this server's business."""

    def name(self, member: bytes | None) -> str | None:
        """A member's name."""
        return None if member is None else self._names.get(member)

    def accept(self, frame: PeerFrame, now: Instant) -> bool:
        """Whether a frame is from a fellow of this cluster, for this server."""
        if frame.cluster != self._document.cluster or frame.group != self._document.group:
            why = "of another cluster"
        elif frame.recipient != self._member:
            why = "for another server"
        elif frame.sender not in self._outboxes:
            why = "from a server that is no member"
        else:
            if frame.checkpoint is not None:
                self.checkpoints.told(frame.sender, frame.checkpoint)
            self.full.told(frame.sender, now, full=frame.full)
            return True
        self.dropped += 1
        self._notices.repeat("foreign frame", f"a frame {why} was dropped", now)
        return False

    def send(self, recipient: bytes, message: Message) -> None:
        """Have a message sent in this turn."""
        self._outboxes[recipient].messages.append(message)

    def tick(self, now: Instant) -> None:
        """Time has passed."""
        self._full_due = self.full.to_tell(now) or self._full_due

    def take(self, stamp: Stamp) -> list[PeerFrame]:
        """The frames of this turn: one for each fellow that there is something to say to, more where it is much.

        A new checkpoint is something to say: followers have nothing else to say to each other.  So is a full disk.
        """
        frames: list[PeerFrame] = []
        full_due, self._full_due = self._full_due, False
        checkpoint = self.checkpoints.latest
        for recipient, outbox in self._outboxes.items():
            news = checkpoint if checkpoint is not None and checkpoint.index != outbox.told else None
            if not outbox.messages and news is None and not full_due:
                continue
            for messages in split(outbox.messages):
                clock, timestamp = stamp()
                frames.append(
                    PeerFrame(
                        self._document.cluster,
                        self._document.group,
                        self._member,
                        recipient,
                        tuple(messages),
                        clock,
                        timestamp,
                        news,
                        self.full.own,
                    )
                )
            if news is not None:
                outbox.told = news.index
            outbox.messages = []
        return frames


def split(messages: list[Message]) -> list[list[Message]]:
    """Messages in runs of at most a batch's bytes each; one that is larger by itself is a run of its own."""
    runs: list[list[Message]] = [[]]
    size = 0
    for message in messages:
        added = weight(message)
        if runs[-1] and (size + added > BATCH_BYTES_MAX or len(runs[-1]) >= MESSAGES_MAX):
            runs.append([])
            size = 0
        runs[-1].append(message)
        size += added
    return runs
