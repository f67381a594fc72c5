"""What a node wants done, and what it was restored from: the whole conversation between the core and its shell.

All parts of a :class:`Ready` may be carried out at once and in any order.  What must wait for the disk is returned
only after :meth:`Node.persisted`, so no ordering rule is left to the shell, except one: the shell stores
:class:`Persist` values in the order of their ``sequence``, and says ``persisted`` in that order.
"""

from enum import Enum

import attrs

from bulletin.core.log.entry import Entry
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.raft.messages import Message


@attrs.frozen
class HardState:
    """What a node must never forget: one record, synced before any message that reflects it leaves (3.8).

    :param term: the latest term seen.
    :param vote: the member that got this node's vote in ``term``, or None.
    """

    term: int
    vote: bytes | None = None


@attrs.frozen
class Persist:
    """To be made durable as one: all or nothing.

    :param sequence: 1, 2, 3, …; named in :meth:`Node.persisted`, which thereby speaks of all up to it.
    :param hard_state: the new hard state, or None where it did not change.
    :param truncate_after: entries above this index are dropped first, or None.
    :param entries: to be appended; consecutive.
    :param incarnations: (member, highest incarnation seen of it) that changed.
    :param trusted: what the disk had lost is made good by this write and those before it: ``Restored.trusted_from``
        is None from now on.  Nothing else tells the storage so.
    """

    sequence: int
    hard_state: HardState | None = None
    truncate_after: int | None = None
    entries: tuple[Entry, ...] = ()
    incarnations: tuple[tuple[bytes, int], ...] = ()
    trusted: bool = False


@attrs.frozen
class Fetch:
    """Entries that the node does not hold in memory and needs for a follower, or to apply.

    :param token: named in :meth:`Node.fetched`; never reused.
    :param first: index of the first entry wanted.
    :param last: index of the last entry wanted.
    :param bytes_max: stop before the bodies exceed this many bytes, but return at least one entry.
    """

    token: int
    first: int
    last: int
    bytes_max: int


@attrs.frozen
class ReadReady:
    """A read index that was asked for with ``context``; ``index`` is None where the leader changed meanwhile."""

    context: int
    index: int | None


@attrs.frozen
class Ready:
    """Everything that the node wants done since the last call.

    :param persist: to be stored; at most one a call.
    :param messages: (recipient's member id, message).
    :param committed: entries to apply, consecutive, each once.
    :param reads: answers to ``read_index``.
    :param fetches: entries wanted from the disk.
    """

    persist: Persist | None = None
    messages: tuple[tuple[bytes, Message], ...] = ()
    committed: tuple[Entry, ...] = ()
    reads: tuple[ReadReady, ...] = ()
    fetches: tuple[Fetch, ...] = ()


@attrs.frozen
class Restored:
    """What a node starts from, as its storage found it.

    :param document: entry 1, decoded.
    :param hard_state: the newer of the database's and the hard-state file's.
    :param incarnation: of this start: already raised and synced.
    :param entries: the tail of the log, consecutive up to its end, at least all above ``applied``; empty only
        where the log ends at ``applied``.
    :param last_index: the log's last index.
    :param last_hash: the chain hash there.
    :param terms: (first index, term) for each run of entries of the same term, ascending: the whole log's terms.
    :param applied: the index that the tables have reached (its entry is in the log, and committed).
    :param incarnations: the highest incarnation seen of each member, as ``Persist.incarnations`` had them.
    :param trusted_from: None where the disk holds all that it acknowledged.  Else entries were lost, and the committed
        log must reach at least this index before this node may vote, campaign, or acknowledge.  How far beyond, the
        node finds out; ``Persist.trusted`` says when.
    """

    document: FoundingDocument
    hard_state: HardState
    incarnation: int
    entries: tuple[Entry, ...]
    last_index: int
    last_hash: bytes
    terms: tuple[tuple[int, int], ...]
    applied: int
    incarnations: tuple[tuple[bytes, int], ...] = ()
    trusted_from: int | None = None


class Role(Enum):
    """What a node is at the moment."""

    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


@attrs.frozen
class Status:
    """A node as metrics and health checks see it.

    :param leader: the member that leads, as far as this node knows.
    :param synced: the last index on this node's own disk.
    :param greeted: whether a majority has answered this start's greeting.
    :param quarantined: whether a peer remembers a later incarnation than this one: the disk was rolled back.
    :param proven: whether the leader (this node or another) is known to have committed in its own term.
    :param trusted: whether what the disk had lost, if anything, is made good.
    :param stalled: whether the disk has been silent for longer than an election timeout.
    :param counters: how often each thing worth a metric happened, by name.
    """

    role: Role
    term: int
    leader: bytes | None
    last_index: int
    synced: int
    commit: int
    applied: int
    greeted: bool
    quarantined: bool
    proven: bool
    trusted: bool = True
    stalled: bool = False
    counters: tuple[tuple[str, int], ...] = ()
