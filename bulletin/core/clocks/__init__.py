"""Time, in its two kinds, neither of which is asked of the operating system here.

* :mod:`~bulletin.core.clocks.instant`: physical time as a value that the shells pass in.
* :mod:`~bulletin.core.clocks.lamport`: the logical clock; one class, in every process.

Trap: physical time never decides anything in the board.  Waiting is measured on ``Instant.monotonic``, order comes
from the log, and the Lamport clock of a post from the state machine, which makes it rise over the whole board.
"""
