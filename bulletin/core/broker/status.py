"""What a broker looks like from outside: for its metrics and for whoever asks whether it is ready."""

import attrs

from bulletin.core.broker.servers import Standing


@attrs.define
class Counters:
    """What has happened since the start.

    :param taken: requests that were taken (not refused at once).
    :param succeeded: answers of success.
    :param refused: answers of refusal by their code's word; those that servers wrote stand under ``servidor``.
    :param handed_out: attempts handed to servers.
    :param handed_on: requests taken back from a server that was lost or began a new session.
    :param later: attempts that a server gave back.
    :param stray: replies to no pending request: late, or to a superseded attempt, or not ours.
    :param malformed: frames of servers that could not be read.
    :param crowded: servers turned away because all places were taken.
    :param unsent: frames that the transport could not take.
    :param latency_seconds: sum of the times from arrival to answer, over ``answered`` requests.
    :param answered: requests that were taken and have been answered.
    """

    taken: int = 0
    succeeded: int = 0
    refused: dict[str, int] = attrs.Factory(dict)
    handed_out: int = 0
    handed_on: int = 0
    later: int = 0
    stray: int = 0
    malformed: int = 0
    crowded: int = 0
    unsent: int = 0
    latency_seconds: float = 0.0
    answered: int = 0


@attrs.frozen
class ServerStatus:
    """One server as the broker sees it."""

    name: str
    session: int
    standing: Standing
    in_flight: int


@attrs.frozen
class Status:
    """What a broker looks like from outside.

    :param pending: requests not answered yet; ``waiting`` and ``resting`` of them are in no server's hands.
    :param pending_bytes: their size.
    :param clients: connections that have one.
    :param clock: the broker's Lamport clock.
    :param draining: whether it was told to stop.
    """

    pending: int
    pending_bytes: int
    waiting: int
    resting: int
    clients: int
    servers: tuple[ServerStatus, ...]
    clock: int
    draining: bool
    counters: Counters

    @property
    def ready(self) -> bool:
        """Whether a request that comes now has a server to go to."""
        return not self.draining and any(server.standing is Standing.READY for server in self.servers)
