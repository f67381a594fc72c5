"""Who takes part.  Today that is what the founding document says; a change of members will have its rules here."""

from typing import Self

import attrs

from bulletin.core.log.founding import FoundingDocument
from bulletin.core.raft.quorum import majority_of


@attrs.frozen
class Configuration:
    """The members that vote.

    :param voters: member ids, from the highest rank to the lowest.
    """

    voters: tuple[bytes, ...]

    @classmethod
    def of(cls, document: FoundingDocument) -> Self:
        """The configuration that a founding document makes."""
        by_rank = sorted(document.members, key=lambda member: (-member.rank, member.member))
        return cls(tuple(member.member for member in by_rank))

    @property
    def majority(self) -> int:
        """How many voters decide."""
        return majority_of(len(self.voters))

    def peers_of(self, member: bytes) -> tuple[bytes, ...]:
        """Everybody but ``member``, from the highest rank to the lowest."""
        return tuple(voter for voter in self.voters if voter != member)

    def patience_of(self, member: bytes, leader: bytes | None) -> float:
        """0 for the highest rank, 1 for the lowest: the part of the spread that rank adds to the election timeout.

        The leader, who will be gone when the timeout ends, is left out of the ranking.
        """
        ranking = [voter for voter in self.voters if voter != leader]
        if len(ranking) == 1 or member == leader:
            return 0.0
        return ranking.index(member) / (len(ranking) - 1)
