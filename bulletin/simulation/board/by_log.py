"""What clients were told, held against the log that the servers committed, from its first entry on.

The notes alone (:mod:`~bulletin.simulation.board.history`) judge each channel and inbox, and each kind of names, by
itself.  With the log, the whole board is one object: every answer is compared with what the model says at its place, which
for a read is noted by the server that answers (:mod:`~bulletin.simulation.board.places`).
"""

from collections.abc import Iterable, Iterator

from bulletin.core.board.commands import Command, OperationId, Scope, decode
from bulletin.core.client.caller import Unreachable
from bulletin.core.log.batch import decode_batch
from bulletin.core.log.entry import Entry, EntryKind
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.log.port import position_of
from bulletin.core.wire.requests import Query
from bulletin.linearizability.anomaly import Anomaly
from bulletin.linearizability.log_order import ReadCall, WriteCall, check_log_order
from bulletin.simulation.board.history import Call
from bulletin.simulation.board.places import position_after


def commands_of(entries: Iterable[Entry]) -> Iterator[tuple[int, Command]]:
    """Every operation of a log with its position, repetitions included."""
    for entry in entries:
        if entry.kind is EntryKind.OPERATIONS:
            for offset, (_key, payload) in enumerate(decode_batch(entry.body), 1):
                yield position_of(entry.index, offset), decode(payload)


def judge_by_log(
    entries: Iterable[Entry], writes: Iterable[Call], reads: Iterable[Call], document: FoundingDocument
) -> list[Anomaly]:
    """Every promise to the clients which the log shows to be broken, worst first.

    :param entries: what was committed, from index 1 on.  No id may have been forgotten: see the model.
    :param writes: all of them, each operation once.
    :param reads: those whose place is known; local ones, too.
    :param document: the limits of the board.
    """
    return check_log_order(
        list(commands_of(entries)),
        [_write(call) for call in writes if not isinstance(call.request, Query)],
        [_read(call) for call in reads],
        users_max=document.users_max,
        channels_max=document.channels_max,
    )


def _read(call: Call) -> ReadCall:
    assert isinstance(call.request, Query)
    assert call.index is not None, "its place is known"
    assert not isinstance(call.outcome, Unreachable | None), "it was answered"
    return ReadCall(call.request, call.invoked, call.returned, call.outcome, position_after(call.index))


def _write(call: Call) -> WriteCall:
    assert not isinstance(call.request, Query)
    operation = OperationId(Scope.USER, call.user, call.id)
    if isinstance(call.outcome, Unreachable):  # The client gave up; what it asked for may still come to pass.
        return WriteCall(operation, call.request, call.invoked)
    return WriteCall(operation, call.request, call.invoked, call.returned, call.outcome)
