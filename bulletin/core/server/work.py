"""What a server wants done: the whole conversation between :class:`Replica` and its shell, seen from the core."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import Applied
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.raft.ready import Fetch, Give, Persist, Take
from bulletin.core.wire.broker import ToBroker
from bulletin.core.wire.peers import PeerFrame
from bulletin.core.wire.reference import Addressed

if TYPE_CHECKING:
    from bulletin.core.server.addresses import Reach


@attrs.frozen
class StoreWrite:
    """One call of the store's ``write``; given back to :meth:`Replica.stored` when it is done.

    :param persist: to be synced, or None.
    :param applied: rows for the tables, or None.
    """

    persist: Persist | None
    applied: Applied | None


@attrs.frozen
class PageRead:
    """A page of history that a reader waits for.

    :param token: named in :meth:`Replica.page_read`; never reused.
    :param query: what to read.
    """

    token: int
    query: PageQuery


@attrs.frozen
class Event:
    """Something that an operator may want to read in the log: one sentence, already rate-limited.

    :param text: the sentence.
    :param urgent: whether somebody has to do something.
    """

    text: str
    urgent: bool = False


@attrs.frozen
class Work:
    """Everything that a server wants done since the last call; its parts may be carried out at once, in any order.

    :param found: a founding document to be stored as entry 1, or None.
    :param write: for the store, or None; writes are handed over in the order in which they were returned.
    :param frames: for fellow servers, at most :data:`~bulletin.core.limits.BATCH_BYTES_MAX` bytes of bodies each.
    :param to_brokers: (number of the broker, message).
    :param publications: (topic, body).
    :param pages: pages to be read from the tables.
    :param fetches: entries to be read from the log.
    :param gives: parts of the tables to be read for fellow servers.
    :param take: a part of a fellow's tables to be taken in, or None.
    :param install: put the tables that were taken in into place, after the ``write``; nothing is written until it is done.
    :param resume: look whether the disk has room again, and if so, go on from what is on it.
    :param to_reference: requests.
    :param reach: fellow servers that are to be connected to, or elsewhere than before; to be done before ``frames``.
    :param learnt: where fellow servers are, by member id, to be kept for the next start; or None.
    :param events: for the log.
    :param more: there is more to do: ``ready`` wants to be called again soon, whether or not something comes in.
    :param fatal: why this server must stop at once, or None.  Nothing else of the same ``Work`` is carried out then, but
    :param distrust: whether the next start is to put its tables aside, and take everything over from the others.
    """

    found: FoundingDocument | None = None
    write: StoreWrite | None = None
    frames: Sequence[PeerFrame] = ()
    to_brokers: Sequence[tuple[int, ToBroker]] = ()
    publications: Sequence[tuple[bytes, bytes]] = ()
    pages: Sequence[PageRead] = ()
    fetches: Sequence[Fetch] = ()
    gives: Sequence[Give] = ()
    take: Take | None = None
    install: bool = False
    resume: bool = False
    to_reference: Sequence[Addressed] = ()
    reach: Sequence["Reach"] = ()
    learnt: Mapping[bytes, str] | None = None
    events: Sequence[Event] = ()
    more: bool = False
    fatal: str | None = None
    distrust: bool = False
