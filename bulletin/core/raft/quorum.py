"""Majority arithmetic, without a node: what most of the voters have reached, and what a vote has come to."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeVar

_Number = TypeVar("_Number", int, float)


class Tally(Enum):
    """What a vote has come to."""

    WON = "won"
    LOST = "lost"
    PENDING = "pending"


def majority_of(voters: int) -> int:
    """How many of so many voters are a majority; any two majorities share a voter."""
    return voters // 2 + 1


def reached_by_majority(values: Iterable[_Number]) -> _Number:
    """The largest value that a majority of the voters has reached, given one value for each voter.

    Of match indexes it is what may be committed; of rounds, which of them proved the leader; of times, when a
    majority was last heard.
    """
    ascending = sorted(values)
    return ascending[len(ascending) - majority_of(len(ascending))]


def tally(voters: Iterable[bytes], votes: Mapping[bytes, bool]) -> Tally:
    """What the votes come to; those of anybody who is not a voter do not count."""
    yes = no = count = 0
    for voter in voters:
        count += 1
        vote = votes.get(voter)
        yes += vote is True
        no += vote is False
    needed = majority_of(count)
    if yes >= needed:
        return Tally.WON
    if count - no < needed:
        return Tally.LOST
    return Tally.PENDING
