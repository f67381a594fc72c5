"""What keeps a server from taking requests, or from doing its whole work: one sentence each, the most important first."""

from typing import TYPE_CHECKING

from bulletin.core.clocks.instant import Instant

if TYPE_CHECKING:
    from bulletin.core.server.replica import Replica


def impediment_of(replica: "Replica") -> str | None:
    """Why this server takes no requests, in one sentence, or None: it does."""
    member = replica.member
    if member is None and replica.formation.outside:
        return "The server is empty, and no member of the cluster that there is."
    if member is None:
        return "The server is empty, and waits for the founding of its cluster."
    status = member.status
    for holds, sentence in (
        (replica.draining, "The server is stopping."),
        (
            status.quarantined,
            "A fellow server has seen a later start of this one: its directory is an old copy.",
        ),
        (replica.room.short, replica.room.sentence),
        (status.behind, "The server is far behind, and takes in the tables of another one."),
        (not status.trusted, "The disk has lost entries, which the other servers bring back."),
        (not member.readiness.settled, "The server is catching up with the log."),
        (not replica.timekeeping.settled, "The clock has not been set yet."),
        (replica.congested, "The disk is behind."),
        (status.stalled, "The disk does not answer."),
    ):
        if holds:
            return sentence
    return None


def unready_of(replica: "Replica", now: Instant) -> str | None:
    """Why this server does not do its whole work, in one sentence, or None: it does (``/readyz``)."""
    impediment = impediment_of(replica)
    if impediment is not None or replica.member is None:
        return impediment
    status = replica.member.status
    if status.leader is None:
        return "There is no leader: a majority of the servers cannot be reached."
    if not status.proven:
        return "The leader has not committed anything yet."
    if replica.member.applying.applied < status.commit:
        return f"The server has applied {replica.member.applying.applied} of {status.commit} entries."
    if not replica.brokers.connected(now):
        return "No broker knows this server."
    return None
