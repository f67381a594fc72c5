"""What a node wants done, and what it was restored from: the whole conversation between the core and its shell.

All parts of a :class:`Ready` may be carried out at once and in any order.  What must wait for the disk is returned
only after :meth:`Node.persisted`, so no ordering rule is left to the shell, except one: the shell stores
:class:`Persist` values in the order of their ``sequence``, and says ``persisted`` in that order.
"""

from enum import Enum

import attrs

from bulletin.core.log.entry import NO_ANCHOR, Anchor, Entry
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
    :param anchor: the log begins after this entry now: those up to it go, whenever it suits; or None.
    :param log_size: bytes in the log, to be given back as :attr:`Restored.log_size`.
    :param trusted: what the disk had lost is made good by this write and those before it: ``Restored.trusted_from``
        is None from now on.  Nothing else tells the storage so.
    """

    sequence: int
    hard_state: HardState | None = None
    truncate_after: int | None = None
    entries: tuple[Entry, ...] = ()
    incarnations: tuple[tuple[bytes, int], ...] = ()
    trusted: bool = False
    anchor: Anchor | None = None
    log_size: int = 0


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
class Give:
    """A follower wants a part of the tables: named in :meth:`Node.given`.

    :param recipient: who.
    :param number: its question.
    :param ask: what it wants.
    """

    recipient: bytes
    number: int
    ask: bytes


@attrs.frozen
class Take:
    """A part of another server's tables is to be taken in; what comes of it is said by :meth:`Node.taken`.

    :param body: the part; None: begin, or go on where an earlier transfer ended; empty: begin anew.
    """

    body: bytes | None


@attrs.frozen
class Taken:
    """What came of a :class:`Take`.

    :param ask: what to ask for next; empty: nothing is missing any more.
    :param index: once nothing is missing: the tables that can be put in place are those at this index.
    :param anew: what came was nothing, and it has to begin anew: not too soon, lest both do nothing else.
    """

    ask: bytes
    index: int = 0
    anew: bool = False


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
    :param gives: parts of the tables wanted by followers.
    :param take: a part of another's tables to be taken in.
    :param install: put the tables that were taken in into place, after everything before.  The node says nothing more
        and is to be dropped; a new one begins with what is on the disk then, as after a start.
    """

    persist: Persist | None = None
    messages: tuple[tuple[bytes, Message], ...] = ()
    committed: tuple[Entry, ...] = ()
    reads: tuple[ReadReady, ...] = ()
    fetches: tuple[Fetch, ...] = ()
    gives: tuple[Give, ...] = ()
    take: Take | None = None
    install: bool = False


@attrs.frozen
class Restored:
    """What a node starts from, as its storage found it.

    :param document: the founding document: entry 1, decoded, which is kept when the log is trimmed.
    :param hard_state: the newer of the database's and the hard-state file's.
    :param incarnation: of this start: already raised and synced.
    :param entries: the tail of the log, consecutive up to its end, at least all above ``applied``; empty only
        where the log ends at ``applied``.
    :param last_index: the log's last index.
    :param last_hash: the chain hash there.
    :param terms: (first index, term) for each run of entries of the same term, ascending, from the anchor (or index 1) on.
    :param applied: the index that the tables have reached (committed; in the log, or at its anchor).
    :param incarnations: the highest incarnation seen of each member, as ``Persist.incarnations`` had them.
    :param trusted_from: None where the disk holds all that it acknowledged.  Else entries were lost, up to this index as far
        as is known, and this node may not vote, campaign, or acknowledge before it has made up for them.  What that takes it
        finds out; ``Persist.trusted`` says when.
    :param anchor: where the log begins.
    :param log_size: about how many bytes the log has, as the latest ``Persist`` said.
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
    anchor: Anchor = NO_ANCHOR
    log_size: int = 0


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
    :param first_index: the first index in the log.
    :param log_size: bytes in the log, about.
    :param synced: the last index on this node's own disk.
    :param greeted: whether a majority has answered this start's greeting.
    :param quarantined: whether a peer remembers a later incarnation than this one: the disk was rolled back.
    :param proven: whether the leader (this node or another) is known to have committed in its own term.
    :param trusted: whether what the disk had lost, if anything, is made good.
    :param stalled: whether the disk has been silent for longer than an election timeout.
    :param behind: whether it is taking in another server's tables.
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
    first_index: int = 1
    log_size: int = 0
    behind: bool = False
