"""One write that was asked of a store, and the hard state that several of them make together."""

from collections.abc import Callable, Sequence
from typing import Final

import attrs

from bulletin.core.board.outcome import Applied
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.raft.ready import HardState, Persist
from bulletin.core.store.hard_record import HardRecord

_PERSIST_BYTES: Final = 256
_ROW_BYTES: Final = 512


@attrs.frozen
class Write:
    """One write that was asked for.

    :param runs: (first index, term) of the runs of entries of one term that begin in it.
    :param last_index: the log's last index after it.
    :param last_hash: the chain hash there.
    :param done: to be called when it is stored.
    :param weight: about how many bytes it brings.
    :param founding: the founding document, where this write is its.
    """

    persist: Persist | None
    applied: Applied | None
    runs: tuple[tuple[int, int], ...]
    last_index: int
    last_hash: bytes
    done: Callable[[], None]
    weight: int
    founding: FoundingDocument | None = None

    @staticmethod
    def weigh(persist: Persist | None, applied: Applied | None) -> int:
        """About how many bytes a write brings."""
        weight = 0
        if persist is not None:
            weight += _PERSIST_BYTES + sum(len(entry.body) for entry in persist.entries)
        if applied is not None:
            weight += _ROW_BYTES * len(applied.rows)
        return weight


def next_record(record: HardRecord, writes: Sequence[Write]) -> HardRecord | None:
    """The hard state after some writes that are stored as one, or None where they need no sync.

    What was only applied needs none: it can be derived from the log again.
    """
    if all(write.persist is None for write in writes):
        return None
    hard_state = HardState(record.term, record.vote)
    trusted_again = any(write.persist is not None and write.persist.trusted for write in writes)
    for write in writes:
        if write.persist is not None and write.persist.hard_state is not None:
            assert write.persist.hard_state.term >= hard_state.term, "terms go back"
            hard_state = write.persist.hard_state
    return attrs.evolve(
        record,
        cluster=next((write.founding.cluster for write in writes if write.founding), record.cluster),
        commit=record.commit + 1,
        term=hard_state.term,
        vote=hard_state.vote,
        last_index=writes[-1].last_index,
        last_hash=writes[-1].last_hash,
        log_size=next(write.persist.log_size for write in reversed(writes) if write.persist is not None),
        trusted_from=0 if trusted_again else record.trusted_from,
    )
