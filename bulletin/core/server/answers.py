"""What a request came to, as the broker and its client hear it.

``LATER`` asks the broker to try another server; its body is what to say where there is none.  It is never wrong to
ask: an operation takes effect once, by its id, however many servers propose it.
"""

import attrs

from bulletin.core.clocks.corrected import CorrectedClock
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Refusal
from bulletin.core.server.admission import Caller
from bulletin.core.wire.broker import LATER, REFUSAL, SUCCESS, Reply
from bulletin.core.wire.replies import Result, refuse, write


@attrs.frozen(eq=False)
class Finished:
    """A request that this server is done with.

    :param result: what it came to, or why not.
    :param later: of a refusal: another server may do better.
    """

    caller: Caller
    result: Result | Refusal
    later: bool = False


@attrs.define
class Counts:
    """How requests ended since the start.

    :param succeeded: answers of success.
    :param refused: answers of error, by their code's word.
    :param later: handed back for another server, by the code's word.
    """

    succeeded: int = 0
    refused: dict[str, int] = attrs.Factory(dict)
    later: dict[str, int] = attrs.Factory(dict)


class Answers:
    """Writes the replies.

    :param lamport: ticks for each.
    :param time: this server's time.
    """

    def __init__(self, lamport: LamportClock, time: CorrectedClock) -> None:
        self._lamport = lamport
        self._time = time
        self.counts = Counts()

    def reply(self, finished: Finished, now: Instant) -> Reply:
        """The reply for the broker."""
        caller = finished.caller
        result = finished.result
        clock, timestamp = self._lamport.tick(), self._time.read(now)
        counts = self.counts
        if not isinstance(result, Refusal):
            counts.succeeded += 1
            return Reply(caller.id, caller.attempt, SUCCESS, write(caller.heading, result, clock, timestamp))
        ended, counted = (LATER, counts.later) if finished.later else (REFUSAL, counts.refused)
        counted[result.word] = counted.get(result.word, 0) + 1
        return Reply(caller.id, caller.attempt, ended, refuse(caller.heading, result, clock, timestamp))
