"""Exhaustive search for a linearization of one channel's history; for small histories only."""

from collections.abc import Sequence

from tests.linearizability.history import Post, Read


def linearizable(calls: Sequence[Post | Read]) -> bool:
    """Whether some order, in which calls that did not overlap keep theirs, explains every answer.

    The model: a post that returned got the number of posts before it plus one; a read shows how many there were.
    A post that never returned may have taken effect at any time, or never.
    """
    calls = sorted(calls, key=lambda call: call.invoked)
    needed = frozenset(i for i, call in enumerate(calls) if isinstance(call, Read) or call.seq is not None)
    dead_ends: set[tuple[frozenset[int], int]] = set()

    def explain(done: frozenset[int], count: int) -> bool:
        if needed <= done:
            return True
        if (done, count) in dead_ends:
            return False
        left = [i for i in range(len(calls)) if i not in done]
        horizon = min(calls[i].returned for i in left)
        for i in left:
            call = calls[i]
            if call.invoked > horizon:
                continue
            if isinstance(call, Read):
                if call.head == count and explain(done | {i}, count):
                    return True
            elif call.seq in {None, count + 1} and explain(done | {i}, count + 1):
                return True
        dead_ends.add((done, count))
        return False

    return explain(frozenset(), 0)
