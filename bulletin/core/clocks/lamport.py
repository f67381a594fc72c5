"""The logical clock that every process of the board has (Lamport 1978, implementation rules IR1 and IR2)."""

from bulletin.core.limits import CLOCK_JUMP_MAX, CLOCK_MAX


class LamportClock:
    """Counts so that what was caused by something has a larger clock than it.

    :param value: where to begin; a server begins at the largest clock in its log.
    """

    __slots__ = ("_value",)

    def __init__(self, value: int = 0) -> None:
        self._value = value

    @property
    def value(self) -> int:
        """The clock of the last event."""
        return self._value

    def tick(self) -> int:
        """The clock of a new event; to be called before each send, whose message carries it."""
        self._value += 1
        return self._value

    def receive(self, clock: int | None) -> None:
        """Merge the clock of a message that came: the maximum of both.

        None (the message had no clock that counts) changes nothing.  Neither does a clock more than
        :data:`~bulletin.core.limits.CLOCK_JUMP_MAX` above this one: merged, one message with the largest legal clock
        would be echoed by every process for ever, and the next step would be refused by all.
        """
        if clock is not None and self._value < clock <= self._value + CLOCK_JUMP_MAX:
            self._value = clock

    def restore(self, value: int) -> None:
        """Continue from a clock of one's own past (the log, the tables); never goes back, and jumps as far as needed."""
        self._value = max(self._value, value)

    def join(self, clock: int | None) -> None:
        """Begin with the clock of a board that has been running: to be called with what it says when one meets it.

        After an hour a board is further ahead of a process that has just started than :meth:`receive` merges, and the
        process would never follow it.  Only a clock that could not be counted on from is not taken.
        """
        if clock is not None and clock <= CLOCK_MAX // 2:
            self.restore(clock)
