"""Waiting for what real processes bring about: for conditions, never for time."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

LOOK_SECONDS: Final = 0.05

Value = TypeVar("Value")


class InVainError(AssertionError):
    """It never came true."""


def until(
    condition: Callable[[], Value],
    what: Callable[[], str] | str,
    patience: float = 60.0,
    *,
    every: float = LOOK_SECONDS,
) -> Value:
    """The first true value of a condition, which is looked at again and again.

    :param what: what is waited for, in words; called, where it takes time to say.
    :param patience: seconds.
    :param every: seconds from one look to the next; more for a condition that costs much.
    :raises InVainError: there was none in that time.
    """
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            raise InVainError(f"in vain: {what if isinstance(what, str) else what()}")
        time.sleep(every)
    return value
