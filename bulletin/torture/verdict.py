"""What a campaign is judged by at its end: errors and delays that nothing explains, disks and receipts, posts and names.

Each judge takes what was written down and gives sentences, one for each broken promise.  All of them take time in proportion to
what there is to judge, but for a logarithm: half an hour of load has to be judged, too.
"""

from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from math import inf
from typing import Final

import apsw

from bulletin.core.board.outcome import StreamKind
from bulletin.core.store.records import Damaged
from bulletin.linearizability.anomaly import Anomaly
from bulletin.linearizability.names import Registration, check_names
from bulletin.linearizability.streams import Followed, Stored, check_streams
from bulletin.torture import flood
from bulletin.torture.board import Board
from bulletin.torture.receipts import false_receipts, terms_that_fall
from bulletin.torture.record import ANSWERED_SECONDS, UNANSWERED, Failure, Late, Receipt, Record
from bulletin.torture.shelves import Shelf, differences, read

MAY_BE_SEEN: Final = {
    "sobrecarregado",
    "disco_cheio",
    "sem_servidores",
    "sem_lider",
    "tempo_esgotado",
    UNANSWERED,
}
"""What calls like those of the load may come to, where a fault excuses it (docs/protocol.md)."""

KINDS: Final = {StreamKind.INBOX: "users", StreamKind.CHANNEL: "channels"}


class Spans:
    """Stretches of time.

    :param spans: from when to when each lasts; they may overlap.
    """

    def __init__(self, spans: Iterable[tuple[float, float]]) -> None:
        self._begins: list[float] = []
        self._ends: list[float] = []
        for begin, end in sorted(spans):
            if self._ends and begin <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._begins.append(begin)
                self._ends.append(end)

    def meet(self, begin: float, end: float) -> bool:
        """Whether one of them has a moment in common with this one."""
        last = bisect_right(self._begins, end) - 1
        return last >= 0 and self._ends[last] >= begin


def unexcused(failures: Iterable[Failure], excused: Spans) -> list[Failure]:
    """Errors that no client may see, or not then.

    :param excused: when some fault explains errors, monotonic seconds.
    """
    return [
        failure
        for failure in failures
        if failure.code not in MAY_BE_SEEN or not excused.meet(failure.invoked, failure.returned)
    ]


def too_late(
    calls: Iterable[Late], excused: Spans, delayed: Spans, lost: Callable[[float, float], float]
) -> list[Late]:
    """Calls that were not answered in time, though nothing that the board does not promise explains it.

    :param excused: when some fault explains errors: whoever sends again before it was told so may wait for longer.
    :param delayed: when answers may be late: the broker did not run, links were slow, the machine stood still.
    :param lost: for how long the machine stood still between two moments; so much longer an answer may take.
    """
    return [
        call
        for call in calls
        if not delayed.meet(call.invoked, call.returned)
        and not (call.repeats and excused.meet(call.invoked, call.returned))
        and call.returned - call.invoked > ANSWERED_SECONDS + lost(call.invoked, call.returned)
    ]


def histories(record: Record, stored: Sequence[Stored]) -> list[Anomaly]:
    """What clients and followers saw of posts, against the history at the end."""
    followed = [
        Followed(reader, stream, 0, tuple(shown), to_the_end=True)
        for reader, streams in record.shown.items()
        for stream, shown in streams.items()
    ]
    return check_streams(record.posts, record.reads, stored, followed)


def names(record: Record, final: Mapping[StreamKind, Sequence[str]]) -> list[Anomaly]:
    """What clients saw of users and channels, against the listings at the end.

    :param final: the whole listing of each kind.
    """
    found = []
    for kind, listed in final.items():
        calls = record.names[kind]
        registrations = list(calls.registrations)
        if kind is StreamKind.INBOX:
            registrations.append(Registration(flood.USER, -inf))  # whoever floods asks for no answer
        found += check_names(KINDS[kind], listed, registrations, calls.listings, calls.sights)
    return found


def pages(record: Record, stored: Sequence[Stored]) -> list[str]:
    """What pages showed that nobody wrote there, or that is not in the history at the end."""
    final = {(row.stream, row.seq): row.id for row in stored}
    found = list(record.wrong)
    for (stream, seq), id_ in record.ids.items():
        if final.get((stream, seq)) != id_:
            found.append(f"{stream} {seq} was {id_}, and is {final.get((stream, seq))} at the end")
    return found


def disks(board: Board, receipts: Sequence[Receipt], suspects: Container[str] = ()) -> tuple[int, list[str]]:
    """How many posts the servers hold, and what is wrong with what they hold.

    :param suspects: servers whose databases may have damage that nobody has read yet; a majority has none.
    """
    broken = terms_that_fall(receipts)
    false: dict[Receipt, str] = {}
    first: Shelf | None = None
    for server in board.servers:
        try:
            shelf = read(board.data(server), server.name)
        except (Damaged, ValueError, apsw.Error) as error:
            if server.name in suspects:
                continue
            broken.append(f"the database of {server.name} cannot be read at the end: {error}")
            continue
        if shelf.broken and server.name in suspects:
            continue
        broken += shelf.broken
        for receipt, sentence in false_receipts(shelf, receipts):
            false.setdefault(receipt, sentence)
        if first is None:
            first = shelf
        else:
            broken += differences(first, shelf)
    return (len(first.posts) if first else 0), [*broken, *false.values()]
