"""Whether an order that is known could have been that of real time.

The order is one of *steps*, numbered, not necessarily without gaps: the writes.  Each call took effect at a moment
between its invocation and its return; steps in their order.  A call that is a step took effect at it; another one
after some step, and before some later one, where that is known.

Walking up the steps with the earliest possible moment of each, ``moment = max(moment, invoked)`` over what cannot come
after it, the order is possible exactly if no moment passes the return of a call that cannot come before it.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import attrs

from bulletin.linearizability.anomaly import Anomaly, Kind

NEVER: Final = float("inf")
"""When a call returned that did not."""


@attrs.frozen
class Effect:
    """Where in the order a call took effect.

    :param what: names the call, for a person.
    :param invoked: when it was sent first, in seconds of one monotonic clock.
    :param returned: when its answer came, or :data:`NEVER`.
    :param after: the last step that is not after it; its own, if it is one.  None: not known.
    :param before: the first step that is after it; None: not known.
    :param writes: whether it is the step ``after``.
    """

    what: str
    invoked: float
    returned: float
    after: int | None
    before: int | None = None
    writes: bool = False


_KINDS: Final = {
    (False, True): Kind.STALE_READ,
    (False, False): Kind.NONMONOTONIC,
    (True, False): Kind.FUTURE_READ,
    (True, True): Kind.REORDERED,
}
"""By whether the call that came too late writes, and whether the one that had returned by then does."""


def out_of_time(where: str, effects: Iterable[Effect]) -> list[Anomaly]:
    """What makes the order impossible: each call that was invoked too late for its place, with the first that shows it."""
    not_after: defaultdict[int, list[Effect]] = defaultdict(list)
    not_before: defaultdict[int, list[Effect]] = defaultdict(list)
    for effect in effects:
        if effect.after is not None:
            not_before[effect.after].append(effect)
            if effect.writes:
                not_after[effect.after].append(effect)
        if effect.before is not None:
            not_after[effect.before].append(effect)
    latest: Effect | None = None
    blamed: dict[Effect, tuple[Effect, int]] = {}
    for step in sorted({*not_after, *not_before}):
        for effect in not_after[step]:
            if latest is None or effect.invoked > latest.invoked:
                latest = effect
        for effect in not_before[step]:
            if latest is not None and latest.invoked > effect.returned:
                first, times = blamed.get(latest, (effect, 0))
                blamed[latest] = (first, times + 1)
    return [_sentence(where, late, first, times) for late, (first, times) in blamed.items()]


def _sentence(where: str, late: Effect, first: Effect, times: int) -> Anomaly:
    further = f" (and {times - 1} more)" if times > 1 else ""
    return Anomaly(
        _KINDS[late.writes, first.writes],
        where,
        f"{late.what} was asked for at {late.invoked:.6f}, when {first.what}, which does not come before it, "
        f"had returned at {first.returned:.6f}{further}",
    )
