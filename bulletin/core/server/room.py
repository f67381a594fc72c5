"""A full disk: its server leaves in good order, stays aside, and comes back by itself when there is room.

::

    ENOUGH ──low: the reserve was given up──► LEAVING ──nothing under way, or too long──► ASIDE ──room──► ENOUGH
       └─────────────────────full: nothing can be stored────────┴──────────────────────────►┘

*Leaving*, in the room that the store's reserve gave: no new requests, leadership is handed over, what is under way is answered.
*Aside*: the node has said its last word, as one that has died: no acknowledgement, no vote, no campaign.  Nothing is
written; what is in memory and in the tables is still read.  Every :data:`LOOK_SECONDS` the store looks for room; where there is
some, it reads what is on the disk, and node and board begin anew from that, as after a start.

*Who else is full* is said in the frames between the servers, once a second while it lasts.  As long as enough others
have room for a majority, a server that is aside takes no requests: they do everything.  Where a majority cannot be had for
want of room, all servers take requests again: local reads are answered, all else is refused with ``disco_cheio``, at once.
"""

from enum import Enum
from typing import Final

from bulletin.core.clocks.instant import Instant

LOOK_SECONDS: Final = 5.0
"""Seconds from one look for room to the next."""

LEAVE_SECONDS: Final = 2.0
"""How long leaving may take."""

TELL_SECONDS: Final = 1.0
"""Seconds between two frames that say that the disk is full."""

BELIEVE_SECONDS: Final = 3.5
"""For how long a fellow's disk counts as full after it has said so last."""

_NEVER: Final = float("-inf")


class Standing(Enum):
    """How it is with the disk's room."""

    ENOUGH = "enough"
    LEAVING = "leaving"
    ASIDE = "aside"


class Room:
    """What becomes of a server whose disk is full."""

    def __init__(self) -> None:
        self.standing = Standing.ENOUGH
        self.sentence = ""
        """What an operator is to do, while there is not enough."""
        self._since = _NEVER
        self._looked_at = _NEVER
        self._looking = False

    @property
    def short(self) -> bool:
        """Whether there is not enough."""
        return self.standing is not Standing.ENOUGH

    @property
    def aside(self) -> bool:
        """Whether nothing is written any more."""
        return self.standing is Standing.ASIDE

    def low(self, sentence: str, now: Instant) -> None:
        """The reserve is given up."""
        if self.standing is Standing.ENOUGH:
            self.standing, self.sentence, self._since = Standing.LEAVING, sentence, now.monotonic

    def patience_ends(self, now: Instant) -> bool:
        """Whether leaving has taken long enough."""
        return now.monotonic - self._since >= LEAVE_SECONDS

    def leave(self, sentence: str, now: Instant) -> None:
        """Nothing is written from now on."""
        self.standing, self.sentence = Standing.ASIDE, sentence
        self._looked_at, self._looking = now.monotonic, False

    def looks(self, now: Instant) -> bool:
        """Whether to look for room now; :meth:`looked` ends it."""
        due = self.aside and not self._looking and now.monotonic - self._looked_at >= LOOK_SECONDS
        self._looking = self._looking or due
        return due

    def looked(self, now: Instant, *, found: bool) -> None:
        """The store has looked."""
        self._looking, self._looked_at = False, now.monotonic
        if found:
            self.standing, self.sentence = Standing.ENOUGH, ""


class FullDisks:
    """Which servers' disks are known to be full.

    :param members: how many members the cluster has.
    """

    def __init__(self, members: int) -> None:
        self._bearable = members - (members // 2 + 1)
        self._told: dict[bytes, float] = {}
        self._told_at = _NEVER
        self.own = False
        """Whether this server's is."""

    def told(self, member: bytes, now: Instant, *, full: bool) -> None:
        """A fellow's frame says whether its disk is full."""
        if full:
            self._told[member] = now.monotonic
        elif self._told:
            self._told.pop(member, None)

    def to_tell(self, now: Instant) -> bool:
        """Whether it is time to tell the fellows that this server's is full."""
        due = self.own and now.monotonic - self._told_at >= TELL_SECONDS
        if due:
            self._told_at = now.monotonic
        return due

    def prevent(self, now: Instant) -> bool:
        """Whether no majority is left of those that have room."""
        if not self._told and not self.own:
            return False
        full = sum(now.monotonic - at < BELIEVE_SECONDS for at in self._told.values()) + self.own
        return full > self._bearable
