"""Sentences for the operator's log, each kind of them at most so often."""

from typing import Final

import attrs

from bulletin.core.clocks.instant import Instant
from bulletin.core.server.work import Event

EVERY: Final = 10.0
"""Seconds between two notices of the same kind."""

NOTICES_MAX: Final = 256
"""Notices that wait for the next turn; more are dropped, and counted in the last one."""


@attrs.define
class _Kind:
    said_at: float
    unsaid: int = 0


class Notices:
    """Gathers events.  A kind is a constant of the code, never something that came from outside, so there are few."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}
        self._waiting: list[Event] = []
        self._dropped = 0

    def say(self, text: str, *, urgent: bool = False) -> None:
        """Say something that does not repeat itself."""
        if len(self._waiting) >= NOTICES_MAX:
            self._dropped += 1
            return
        self._waiting.append(Event(text, urgent))

    def repeat(
        self, kind: str, text: str, now: Instant, *, urgent: bool = False, every: float = EVERY
    ) -> None:
        """Say something that may come again and again: the first at once, then one in ``every`` seconds, with a count."""
        state = self._kinds.get(kind)
        if state is None:
            self._kinds[kind] = _Kind(now.monotonic)
            self.say(text, urgent=urgent)
            return
        if now.monotonic - state.said_at < every:
            state.unsaid += 1
            return
        counted = f" ({state.unsaid} more since the last such line)" if state.unsaid else ""
        state.said_at, state.unsaid = now.monotonic, 0
        self.say(text + counted, urgent=urgent)

    def take(self) -> tuple[Event, ...]:
        """What was said since the last call."""
        if not self._waiting:
            return ()
        if self._dropped:
            self._waiting.append(Event(f"{self._dropped} further lines were dropped"))
        taken = tuple(self._waiting)
        self._waiting.clear()
        self._dropped = 0
        return taken
