"""How long a node waits and how much it holds; validated once, so that nobody checks again."""

from math import isfinite
from typing import TypeVar

import attrs

from bulletin.core.limits import BATCH_BYTES_MAX, KIB, MIB

_Number = TypeVar("_Number", int, float)


def _positive(_instance: object, attribute: "attrs.Attribute[_Number]", value: _Number) -> None:
    if not isfinite(value) or value <= 0:
        raise ValueError(f"{attribute.name} must be above zero, not {value!r}")


def _not_negative(_instance: object, attribute: "attrs.Attribute[_Number]", value: _Number) -> None:
    if not isfinite(value) or value < 0:
        raise ValueError(f"{attribute.name} must not be negative, but is {value!r}")


@attrs.frozen
class Config:
    """Times in seconds on the monotonic clock, sizes in bytes of entries' bodies.

    :param heartbeat_seconds: between two heartbeats of a leader; also how often what got no answer is repeated.
    :param election_seconds_min: a leader that was heard within this time is not deposed; nobody campaigns earlier.
        Also how long a disk may be silent, and how long a hand-over may take.
    :param election_seconds_spread: rank and chance add up to this much to a node's patience.
    :param append_bytes_max: bodies in one ``Append``; a single larger entry travels alone.
    :param inflight_messages_max: unanswered ``Append`` messages with entries per follower.
    :param inflight_bytes_max: bodies in them; the window closes once this is reached.
    :param uncommitted_bytes_max: operations a leader has taken and not yet committed; it takes none beyond, but for
        a single batch that is larger and comes alone.
    :param entry_bytes_max: a batch is cut into entries of at most this size; a single larger operation stands alone.
    :param gather_bytes_max: while an earlier entry is being synced, operations gather up to this size …
    :param gather_seconds_max: … and for at most this long.
    :param unapplied_bytes_max: bodies that are committed and not yet applied, above which a follower acknowledges nothing
        further, so that its leader's window stays closed: one that comes back after long would otherwise take in the
        log faster than it can apply it.
    :param memory_bytes_kept: applied entries that are kept in memory for followers that are a little behind.
    :param retained_entries: entries that stay in the log, also on the disk, for followers that are behind; older ones are
        trimmed once they are in the tables, an eighth at a time.
    :param retained_bytes: the same in bytes of bodies (and 128 more for each entry).  After a start what was in the log
        stays until as much has come.
    :param held_entries: while a follower is being brought up to date, what it needs next stays up to so many entries …
    :param held_bytes: … and bytes; these bound the log.
    :param reads_max: read indexes under way on a node, asked for by itself or by others.
    """

    heartbeat_seconds: float = attrs.field(default=0.1, validator=_positive)
    election_seconds_min: float = attrs.field(default=0.5, validator=_positive)
    election_seconds_spread: float = attrs.field(default=0.5, validator=_not_negative)
    append_bytes_max: int = attrs.field(default=1 * MIB, validator=_positive)
    inflight_messages_max: int = attrs.field(default=64, validator=_positive)
    inflight_bytes_max: int = attrs.field(default=2 * MIB, validator=_positive)
    uncommitted_bytes_max: int = attrs.field(default=16 * MIB, validator=_positive)
    entry_bytes_max: int = attrs.field(default=1 * MIB, validator=_positive)
    gather_bytes_max: int = attrs.field(default=256 * KIB, validator=_positive)
    gather_seconds_max: float = attrs.field(default=0.02, validator=_not_negative)
    unapplied_bytes_max: int = attrs.field(default=8 * MIB, validator=_positive)
    memory_bytes_kept: int = attrs.field(default=8 * MIB, validator=_not_negative)
    retained_entries: int = attrs.field(default=65_536, validator=_positive)
    retained_bytes: int = attrs.field(default=64 * MIB, validator=_positive)
    held_entries: int = attrs.field(default=262_144, validator=_positive)
    held_bytes: int = attrs.field(default=256 * MIB, validator=_positive)
    reads_max: int = attrs.field(default=4096, validator=_positive)

    def __attrs_post_init__(self) -> None:
        if self.heartbeat_seconds * 2 > self.election_seconds_min:
            raise ValueError("election_seconds_min must be at least two heartbeats")
        if self.entry_bytes_max > BATCH_BYTES_MAX:
            raise ValueError(f"entry_bytes_max must be at most {BATCH_BYTES_MAX}")

    @property
    def patience_seconds_max(self) -> float:
        """The longest election timeout of any node."""
        return self.election_seconds_min + self.election_seconds_spread
