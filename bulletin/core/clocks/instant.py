"""Time as a value: what the shells hand to the core instead of a clock."""

import attrs


@attrs.frozen
class Instant:
    """One moment, as the process that runs the core saw it.

    :param monotonic: seconds on a clock that never goes back; all waiting is measured on it.
    :param wall: seconds since the Unix epoch by this machine's clock; a fact to be told, never a reason to act.
    """

    monotonic: float
    wall: float
