"""Exhaustive search for a linearization: trusts nothing, and is for about a dozen calls at a time.

Wing and Gong's search (1993) takes one call after the other that no other call, still left, returned before; Lowe's
memo (2017) remembers which set of calls, with which state after them, leads nowhere.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, TypeVar


class Interval(Protocol):
    """A call, as far as the search looks at it."""

    @property
    def invoked(self) -> float:
        """When it was sent."""

    @property
    def returned(self) -> float:
        """When its answer came; infinity where none did."""


C = TypeVar("C", bound=Interval)
S = TypeVar("S", bound=Hashable)


def linearizable(
    calls: Sequence[C],
    initial: S,
    step: Callable[[S, C], S | None],
    *,
    optional: Callable[[C], bool] = lambda call: call.returned == float("inf"),
) -> bool:
    """Whether some order, in which calls that did not overlap keep theirs, explains every answer.

    :param calls: the history.
    :param initial: the state before it.
    :param step: the state after a call, or None: in that state, this is not its answer.
    :param optional: whether a call may never have taken effect; those that never returned, unless told otherwise.
    """
    needed = frozenset(number for number, call in enumerate(calls) if not optional(call))
    dead_ends: set[tuple[frozenset[int], S]] = set()

    def explain(done: frozenset[int], state: S) -> bool:
        if needed <= done:
            return True
        if (done, state) in dead_ends:
            return False
        left = [number for number in range(len(calls)) if number not in done]
        horizon = min(calls[number].returned for number in left)
        for number in left:
            if calls[number].invoked <= horizon:
                after = step(state, calls[number])
                if after is not None and explain(done | {number}, after):
                    return True
        dead_ends.add((done, state))
        return False

    return explain(frozenset(), initial)
