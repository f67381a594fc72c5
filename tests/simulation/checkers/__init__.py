"""What must hold of a cluster, one promise a file.  Each checker sees every event, and raises ``AssertionError``."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulletin.core.log.port import LogEvent
    from bulletin.core.raft.messages import Message
    from bulletin.core.raft.ready import Ready
    from tests.simulation.cluster import Cluster
    from tests.simulation.server import Server


class Checker:
    """Nothing to object to; each checker overrides what it cares for."""

    def __init__(self, cluster: "Cluster") -> None:
        self.cluster = cluster

    def started(self, server: "Server") -> None:
        """A server starts from its disk."""

    def changed(self, server: "Server") -> None:
        """A server's node has worked on one event."""

    def turned(self, server: "Server", ready: "Ready", events: "list[LogEvent]") -> None:
        """A server has handed out what is to be done."""

    def sent(self, server: "Server", recipient: int, message: "Message") -> None:
        """A message leaves a server."""

    def ended(self) -> None:
        """The run is over, and the cluster was healed."""
