"""What must hold of a cluster, one promise a file.  Each checker sees every event, and raises ``AssertionError``.

The sentence of the error begins with the promise's name and a colon (``S6: …``).  Both tiers use the checkers here: what
they look at in a cluster is :class:`CheckedCluster`, and nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bulletin.core.log.entry import Anchor
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.log.port import LogEvent
from bulletin.core.raft.messages import Message
from bulletin.core.raft.node import Node
from bulletin.core.raft.ready import HardState, Ready


class Truth:
    """What is known of the committed log by looking at all servers: for checks, and for tables as they once were."""

    def __init__(self, document: FoundingDocument) -> None:
        self.entries = [document.entry()]
        """The committed entries, from index 1 on."""
        self.states: dict[int, bytes] = {1: b""}
        """The digest of the tables by the index that they were at."""


class CheckedContent(Protocol):
    """What stands on a disk."""

    @property
    def hard_state(self) -> HardState:
        """Term and vote."""

    @property
    def incarnation(self) -> int:
        """Starts, counted."""

    @property
    def incarnations(self) -> Mapping[bytes, int]:
        """The highest seen of each fellow."""

    @property
    def anchor(self) -> Anchor:
        """Where the log begins."""

    def hash_at(self, index: int) -> bytes | None:
        """The chain hash of what is on the disk at an index, be it only in the tables; None: nothing."""

    def last(self) -> tuple[int, int]:
        """(term, index) of the last entry: what votes compare."""


class CheckedDisk(Protocol):
    """A server's disk."""

    @property
    def durable(self) -> CheckedContent:
        """What survives a crash."""

    @property
    def waiting(self) -> int:
        """Writes that are not synced."""

    @property
    def amnesias(self) -> int:
        """How often it has lost its end and did not know how much."""


class CheckedServer(Protocol):
    """A server of a cluster."""

    @property
    def number(self) -> int:
        """Its place in the cluster, from 0."""

    @property
    def member(self) -> bytes:
        """Its id."""

    @property
    def life(self) -> int:
        """Another after each start and each end."""

    @property
    def node(self) -> Node:
        """Its node; only while it runs."""

    @property
    def disk(self) -> CheckedDisk:
        """Its disk."""

    @property
    def damaged(self) -> bool:
        """Whether its disk has lost what it had acknowledged, and a leader has not yet made up for it."""

    @property
    def applied(self) -> int:
        """The index that its tables are at."""

    @property
    def digest(self) -> bytes:
        """The digest of its tables."""


class CheckedCluster(Protocol):
    """What the checkers look at."""

    @property
    def document(self) -> FoundingDocument:
        """The members."""

    @property
    def truth(self) -> Truth:
        """The committed log."""

    @property
    def servers(self) -> Sequence[CheckedServer]:
        """All servers, by their numbers."""

    @property
    def by_member(self) -> Mapping[bytes, CheckedServer]:
        """All servers, by their ids."""

    def note(self, what: str, times: int = 1) -> None:
        """Something happened that a campaign should have seen."""


class Checker:
    """Nothing to object to; each checker overrides what it cares for.

    :param cluster: what is checked.
    """

    def __init__(self, cluster: CheckedCluster) -> None:
        self.cluster = cluster

    def started(self, server: CheckedServer) -> None:
        """A server starts from its disk."""

    def changed(self, server: CheckedServer) -> None:
        """A server's node has worked on one event."""

    def turned(self, server: CheckedServer, ready: Ready, events: list[LogEvent]) -> None:
        """A server has handed out what is to be done."""

    def sent(self, server: CheckedServer, recipient: int, message: Message) -> None:
        """A message leaves a server."""

    def ended(self) -> None:
        """The run is over, and the cluster was healed."""
