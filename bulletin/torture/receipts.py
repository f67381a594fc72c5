"""Receipts held against what there is at the end: what an acknowledgement said is what every server has, as far as it has it still.

Three sources, each for as long as it reaches back: the post's row (for ever: hash, index, id, clock), what is remembered of
the operation (131,072 of them: number, index, term, hash), the terms of the log (as far as it is not trimmed).  What none of them
reaches, the other receipts bound: terms never fall along the log.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from bulletin.core.board.commands import OperationId, Scope
from bulletin.core.board.sessions import operation_key
from bulletin.core.log.port import index_of
from bulletin.torture.record import Receipt
from bulletin.torture.shelves import Shelf


def terms_that_fall(receipts: Iterable[Receipt]) -> list[str]:
    """Receipts of which a later entry of the log has a lower term than an earlier one, or one entry has two."""
    ordered = sorted(receipts, key=lambda receipt: (receipt.index, receipt.term))
    return [
        f"{_named(before)} says term {before.term} at index {before.index}; {_named(after)} says term"
        f" {after.term} at index {after.index}"
        for before, after in pairwise(ordered)
        if after.term < before.term or (after.index == before.index and after.term != before.term)
    ]


def false_receipts(shelf: Shelf, receipts: Sequence[Receipt]) -> Iterator[tuple[Receipt, str]]:
    """Those that are not what a server has, each with a sentence."""
    oldest = _oldest_remembered(shelf, receipts)
    for receipt in receipts:
        wrong = _against_the_post(shelf, receipt)
        wrong = wrong or _against_the_answer(shelf, receipt, oldest) or _against_the_log(shelf, receipt)
        if wrong is not None:
            yield receipt, f"{_named(receipt)} says {wrong}"


def _named(receipt: Receipt) -> str:
    return f"the receipt of {receipt.stream} {receipt.seq} ({receipt.id})"


def _against_the_post(shelf: Shelf, receipt: Receipt) -> str | None:
    held = shelf.posts.get((receipt.stream, receipt.seq))
    if held is None:
        return f"hash {receipt.chain.hex()} at index {receipt.index}; {shelf.name} has nothing there"
    index = index_of(held.position)
    if (held.chain, index, held.id) != (receipt.chain, receipt.index, receipt.id):
        return (
            f"hash {receipt.chain.hex()} at index {receipt.index}; {shelf.name} has hash {held.chain.hex()}"
            f" at index {index}, of {held.id}"
        )
    if receipt.clock <= held.clock:
        return f"clock {receipt.clock}, which does not come after the post's, {held.clock} on {shelf.name}"
    return None


def _answer(shelf: Shelf, receipt: Receipt) -> tuple[int, int, int, bytes] | None:
    found = shelf.remembered.find(
        operation_key(OperationId(Scope.USER, receipt.user, receipt.id)), receipt.id
    )
    if found is None:
        return None
    answer = found[1]
    return answer.seq, answer.index, answer.term, answer.chain


def _oldest_remembered(shelf: Shelf, receipts: Sequence[Receipt]) -> float:
    """Receipts of an index above this are of operations that are remembered."""
    if not shelf.forgets:
        return 0
    known = (receipt.index for receipt in receipts if _answer(shelf, receipt) is not None)
    return min(known, default=float("inf"))


def _against_the_answer(shelf: Shelf, receipt: Receipt, oldest: float) -> str | None:
    told = receipt.seq, receipt.index, receipt.term, receipt.chain
    answer = _answer(shelf, receipt)
    if answer is None:
        return f"index {receipt.index}; {shelf.name} has forgotten it" if receipt.index > oldest else None
    if answer == told:
        return None
    return (
        f"term {receipt.term} at index {receipt.index}; what {shelf.name} would tell again is seq {answer[0]},"
        f" term {answer[2]} at index {answer[1]}, hash {answer[3].hex()}"
    )


def _against_the_log(shelf: Shelf, receipt: Receipt) -> str | None:
    term = shelf.term_of(receipt.index)
    if term is None or term == receipt.term:
        return None
    return f"term {receipt.term} at index {receipt.index}; the log of {shelf.name} has term {term} there"
