"""Time, in its kinds, none of which is asked of the operating system here.

* :mod:`~bulletin.core.clocks.instant`: physical time as a value that the shells pass in.
* :mod:`~bulletin.core.clocks.lamport`: the logical clock; one class, in every process.
* :mod:`~bulletin.core.clocks.corrected`: the physical clock of one process: slewed, monotone, with a bound of its error.
* :mod:`~bulletin.core.clocks.round_trip`: how far another process's clock is off, from the shortest of several round trips.
* :mod:`~bulletin.core.clocks.berkeley`: the fault-tolerant average of several clocks.

*The board's time* is the reference's corrected clock.  In each round the average of all good clocks steers it, slowly;
every server's clock is set after it, by a difference.  ``docs/clocks.md`` has the arithmetic in words.

Trap: physical time never decides anything in the board.  Waiting is measured on ``Instant.monotonic``, order comes
from the log, and the Lamport clock of a post from the state machine, which makes it rise over the whole board.
"""
