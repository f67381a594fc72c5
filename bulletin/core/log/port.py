"""The ordered log as a server sees it: a value machine with four verbs, whatever engine is behind it.

It promises less than Raft gives, on purpose, so that any ordered log will do: positions are strictly rising
63-bit integers with gaps, and the same operation may come more than once.  The board's state machine drops
repeated operation ids itself and makes stamps monotone itself.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final, Protocol

import attrs

from bulletin.core.clocks.instant import Instant

OFFSET_BITS: Final = 16


def position_of(index: int, offset: int) -> int:
    """The position of the ``offset``-th operation (from 1) of the entry at ``index``."""
    return (index << OFFSET_BITS) | offset


def index_of(position: int) -> int:
    """The log index that a position stands in: what a receipt calls ``indice``."""
    return position >> OFFSET_BITS


@attrs.frozen
class Operation:
    """One operation on its way into the log.

    :param key: the proposer's own name for this proposal, unique over the cluster's life (16 bytes); not the
        request's ``id``: that is inside the payload, and the log does not know it.
    :param payload: bytes that the log never opens.
    """

    key: bytes
    payload: bytes


@attrs.frozen
class Committed:
    """One operation that is on the disks of a majority, at its place in the one order."""

    position: int
    term: int
    key: bytes
    payload: bytes


class Why(Enum):
    """How a proposal or a barrier failed."""

    NOT_COMMITTED = "it never left this server: it did not and will not take effect"
    UNKNOWN = "it may have taken effect, or may yet"
    UNAVAILABLE = "too much is under way: it was not taken"


@attrs.frozen
class ProposalFailed:
    """The operation ``key`` was not seen committed by its deadline."""

    key: bytes
    why: Why


@attrs.frozen
class BarrierPassed:
    """Everything acknowledged before the barrier ``token`` was asked for is at or below ``position``."""

    token: int
    position: int


@attrs.frozen
class BarrierFailed:
    """The barrier ``token`` could not be passed by its deadline."""

    token: int


LogEvent = Committed | ProposalFailed | BarrierPassed | BarrierFailed


class OrderedLog(Protocol):
    """What a server asks of its log.  ``deadline`` is monotonic seconds, on the clock of ``now``."""

    def propose(self, operations: Sequence[Operation], deadline: float, now: Instant) -> None:
        """Have these operations committed; each ends as one :class:`Committed` (or more) or :class:`ProposalFailed`."""

    def barrier(self, token: int, deadline: float, now: Instant) -> None:
        """Ask how far one must have applied to see everything acknowledged before this call."""

    def trim(self, below: int) -> None:
        """Advice: positions below this one are not needed by this server any more."""

    def follow(self) -> Sequence[LogEvent]:
        """What happened since the last call, in order; each position once."""
