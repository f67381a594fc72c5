"""Whether empty servers can found a cluster, and why not yet."""

from collections.abc import Sequence

from bulletin.core.log.founding import FoundingDocument
from bulletin.core.reference.liveness import Registration


def names_of(document: FoundingDocument) -> str:
    """Its members, for a sentence."""
    return ", ".join(f"{member.name} (rank {member.rank})" for member in document.members)


def obstacle_of(candidates: Sequence[Registration]) -> str | None:
    """Why these empty servers, by rank, do not found a cluster yet; None where they do."""
    expectations = sorted({entry.expect for entry in candidates if entry.expect is not None})
    if not expectations:
        return "No empty server is here that says how many found a cluster."
    if len(expectations) > 1 or any(entry.expect is None for entry in candidates):
        said = ", ".join(f"{entry.name} expects {entry.expect or 'none'}" for entry in candidates)
        return f"The servers disagree on how many found the cluster: {said}.  Start them with one --expect."
    expect = expectations[0]
    if len(candidates) < expect:
        return f"{len(candidates)} of {expect} empty servers are here to found a cluster."
    founders = candidates[:expect]
    if not all(entry.endpoint for entry in founders):
        return "A server without an endpoint cannot be a member."
    for what, values in (
        ("member id (a copied data directory?)", [entry.member for entry in founders]),
        ("endpoint", [entry.endpoint for entry in founders]),
    ):
        if len(set(values)) != len(values):
            names = ", ".join(entry.name for entry in founders)
            return f"Two of {names} have one {what}; no cluster can be founded of them."
    return None
