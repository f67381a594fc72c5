"""A request's bytes become a command or a query, or are refused: the one door into the board.

What passes here has been checked field by field (:mod:`bulletin.core.wire.requests`), so what stands in the log is
valid.  A command gets what only the admitting server can add: its Lamport clock, its time and that time's error
bound, a fresh salt, and the operation's id: the request's own, else the broker's.  The leader opens none of it.
"""

from collections.abc import Callable
from typing import Final

import attrs

from bulletin.core.board.commands import (
    SALT_BYTES,
    Command,
    Kind,
    OperationId,
    Proof,
    Scope,
    Stamp,
    encode,
)
from bulletin.core.clocks.corrected import CorrectedClock
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.broker import Request
from bulletin.core.wire.envelope import Heading
from bulletin.core.wire.requests import CreateChannel, Incoming, Login, Publish, Query, Send, Write, read

PROPOSAL_SECONDS: Final = 3.0
"""What a request may take at one server, in seconds; less where the broker leaves less."""

MARGIN_SECONDS: Final = 0.1
"""How long before the broker answers itself a server has to have answered, for its answer to matter."""

SALTS_AT_ONCE: Final = 64
"""Salts drawn from the generator in one call: the system's generator costs a system call each."""


@attrs.frozen(eq=False)
class Caller:
    """Who waits for an answer.

    :param broker: the number of the broker that it came through.
    :param id: the broker's id of the request.
    :param attempt: which attempt this is.
    :param arrived: when it came, monotonic seconds.
    :param deadline: when it has to be answered, monotonic seconds.
    :param heading: what the reply needs of the request.
    :param size: bytes of its body.
    """

    broker: int
    id: bytes
    attempt: int
    arrived: float
    deadline: float
    heading: Heading
    size: int

    def refusal(self, code: Code, *, harmless: bool) -> Refusal:
        """A refusal that does not come from the request itself, for want of a leader, of time, or of room.

        :param harmless: this attempt has had no effect and will have none.  It is definite only on the first attempt:
            of an earlier one nobody here knows.
        """
        return Refusal(code, definite=harmless and self.attempt == 1)


@attrs.frozen(eq=False)
class Admitted:
    """A request that may go on.

    :param payload: the command's bytes for the log, or None where the request is a query.
    """

    caller: Caller
    request: Write | Query
    payload: bytes | None


@attrs.frozen(eq=False)
class Refused:
    """A request that may not."""

    caller: Caller
    refusal: Refusal


class Admission:
    """The door.

    :param lamport: this server's logical clock.
    :param time: its physical one.
    :param random_bytes: gives that many random bytes: unpredictable ones, or a seed's in a simulation.
    """

    def __init__(
        self, lamport: LamportClock, time: CorrectedClock, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._lamport = lamport
        self._time = time
        self._random_bytes = random_bytes
        self._salts = b""
        self._salts_used = 0

    def admit(self, broker: int, request: Request, now: Instant) -> Admitted | Refused:
        """What a request comes to.  Total: whatever the bytes."""
        incoming = read(request.body)
        left = min(PROPOSAL_SECONDS, request.milliseconds_left / 1000.0 - MARGIN_SECONDS)
        caller = Caller(
            broker,
            request.id,
            request.attempt,
            now.monotonic,
            now.monotonic + left,
            incoming.heading,
            len(request.body),
        )
        asked = incoming.request
        if isinstance(asked, Refusal):
            return Refused(caller, asked)
        self._lamport.receive(incoming.clock)
        if not isinstance(asked, Write):
            return Admitted(caller, asked, None)
        try:
            return Admitted(caller, asked, encode(self._command(incoming, asked, request.id, now)))
        except ValueError:
            return Refused(caller, Refusal(Code.MALFORMED))

    def _command(self, incoming: Incoming, asked: Write, broker_id: bytes, now: Instant) -> Command:
        time = self._time.read(now)
        stamp = Stamp(self._lamport.tick(), time, self._time.bound(now))
        own_id = incoming.heading.id
        operation = (
            OperationId(Scope.BROKER, "", broker_id.hex())
            if own_id is None
            else OperationId(Scope.USER, asked.user, own_id)
        )
        kind, target, message = _parts(asked)
        timestamp = time if incoming.timestamp is None else incoming.timestamp
        return Command(
            kind,
            operation,
            asked.user,
            Proof.OPEN,
            target,
            message,
            timestamp,
            incoming.sent,
            stamp,
            self._salt(),
        )

    def _salt(self) -> bytes:
        if self._salts_used == len(self._salts):
            self._salts = self._random_bytes(SALT_BYTES * SALTS_AT_ONCE)
            self._salts_used = 0
        begin = self._salts_used
        self._salts_used += SALT_BYTES
        return self._salts[begin : self._salts_used]


def _parts(asked: Write) -> tuple[Kind, str, str]:
    """Kind, target and text of a command."""
    match asked:
        case Publish(channel=channel, message=message):
            return Kind.PUBLISH, channel, message
        case Send(receiver=receiver, message=message):
            return Kind.SEND, receiver, message
        case Login():
            return Kind.LOGIN, "", ""
        case CreateChannel(channel=channel):
            return Kind.CREATE_CHANNEL, channel, ""
