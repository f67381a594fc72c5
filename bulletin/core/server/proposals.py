"""Operations under way: held until there is a leader, proposed, and waited for until they are committed.

::

    admit ──► held ──(a leader is known)──► proposed ──(Committed)──► answered
               │                              │
               └── deadline, no leader, ──────┴──► given up: LATER, so that the broker asks another server
                   new session (held only)

An operation that is *held* never left this server: giving it up is harmless.  One that was *proposed* may take effect
whatever becomes of its caller; then the refusal is indefinite.
"""

from typing import Final

from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import MIB
from bulletin.core.log.port import Operation, OrderedLog, ProposalFailed, Why
from bulletin.core.server.admission import PROPOSAL_SECONDS, Admitted
from bulletin.core.server.answers import Finished

PROPOSALS_MAX: Final = 8192
"""Operations under way at most; what is above is refused with ``sobrecarregado``."""

PROPOSALS_BYTES_MAX: Final = 64 * MIB
"""Bytes of the requests behind them, at most."""

KEY_PREFIX_BYTES: Final = 8


class Proposals:
    """The operations under way at one server.

    :param log: where they are going.
    :param prefix: 8 random bytes of this start: a key is this and a counter, unique over the cluster's life.
    """

    def __init__(self, log: OrderedLog, prefix: bytes) -> None:
        assert len(prefix) == KEY_PREFIX_BYTES
        self._log = log
        self._prefix = prefix
        self._counter = 0
        self._held: dict[bytes, tuple[Admitted, Operation]] = {}
        self._proposed: dict[bytes, Admitted] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._held) + len(self._proposed)

    @property
    def size(self) -> int:
        """Bytes of the requests under way."""
        return self._size

    @property
    def held(self) -> int:
        """How many wait for a leader to be known."""
        return len(self._held)

    def admit(self, admitted: Admitted) -> Refusal | None:
        """Take an operation, or say why not."""
        caller = admitted.caller
        assert admitted.payload is not None
        if len(self) >= PROPOSALS_MAX or self._size + caller.size > PROPOSALS_BYTES_MAX:
            return caller.refusal(Code.OVERLOADED, harmless=True)
        self._counter += 1
        key = self._prefix + self._counter.to_bytes(8, "big")
        self._held[key] = (admitted, Operation(key, admitted.payload))
        self._size += caller.size
        return None

    def propose(self, now: Instant) -> None:
        """Hand what is held to the log, as one batch."""
        if not self._held:
            return
        operations = []
        for key, (admitted, operation) in self._held.items():
            self._proposed[key] = admitted
            operations.append(operation)
        self._held.clear()
        self._log.propose(operations, now.monotonic + PROPOSAL_SECONDS, now)

    def proposed_here(self, key: bytes) -> bool:
        """Whether this server, in this start, is the one that proposed the operation ``key``."""
        return key.startswith(self._prefix)

    def committed(self, key: bytes) -> Admitted | None:
        """The operation ``key`` is committed: who waits for it here, or None."""
        admitted = self._proposed.pop(key, None)
        if admitted is not None:
            self._size -= admitted.caller.size
        return admitted

    def failed(self, event: ProposalFailed) -> Finished | None:
        """The log gave an operation up; None where nobody waits for it any more."""
        admitted = self.committed(event.key)
        if admitted is None:
            return None
        match event.why:
            case Why.NOT_COMMITTED:
                code, harmless = Code.NO_LEADER, True
            case Why.UNAVAILABLE:
                code, harmless = Code.OVERLOADED, True
            case Why.UNKNOWN:
                code, harmless = Code.TIMED_OUT, False
        refusal = admitted.caller.refusal(code, harmless=harmless)
        return Finished(admitted.caller, refusal, later=code is not Code.OVERLOADED)

    def expire(self, now: Instant, *, leaderless: bool) -> list[Finished]:
        """Give up what is overdue; with ``leaderless`` (there was no leader for long) everything."""
        given_up: list[Finished] = []

        def due(admitted: Admitted) -> bool:
            return leaderless or admitted.caller.deadline <= now.monotonic

        def give_up(admitted: Admitted, code: Code, *, harmless: bool) -> None:
            self._size -= admitted.caller.size
            refusal = admitted.caller.refusal(code, harmless=harmless)
            given_up.append(Finished(admitted.caller, refusal, later=True))

        for key in [key for key, (admitted, _) in self._held.items() if due(admitted)]:
            give_up(self._held.pop(key)[0], Code.NO_LEADER, harmless=True)
        code = Code.NO_LEADER if leaderless else Code.TIMED_OUT
        for key in [key for key, admitted in self._proposed.items() if due(admitted)]:
            give_up(self._proposed.pop(key), code, harmless=False)
        return given_up

    def abandon(self) -> list[Finished]:
        """Give everything up: what was proposed may take effect all the same."""
        ended = [
            Finished(admitted.caller, admitted.caller.refusal(Code.NO_LEADER, harmless=True), later=True)
            for admitted, _ in self._held.values()
        ]
        ended += [
            Finished(admitted.caller, admitted.caller.refusal(Code.TIMED_OUT, harmless=False), later=True)
            for admitted in self._proposed.values()
        ]
        self._held.clear()
        self._proposed.clear()
        self._size = 0
        return ended

    def drop_held(self) -> int:
        """Forget what was never proposed: the broker gave it to another server.  Says how many those were."""
        dropped = len(self._held)
        self._size -= sum(admitted.caller.size for admitted, _ in self._held.values())
        self._held.clear()
        return dropped
