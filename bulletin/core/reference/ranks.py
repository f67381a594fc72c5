"""Names to ranks, and the record of all that the reference must never forget."""

from collections.abc import Iterable
from typing import Final, Self

import attrs

from bulletin.core.codec import pack, unpack
from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import NAME_BYTES_MAX, RANK_MAX
from bulletin.core.log.founding import ID_BYTES, FoundingDocument, Member

FORMAT: Final = 1

NAMES_MAX: Final = 1024
"""Names that have a rank at most; the next one is refused (``cheio``).  A rank is never freed."""

RECORD_BYTES_MAX: Final = 512 * 1024
"""A record's bytes at most: 1024 names, and a document with 64 endpoints."""


@attrs.frozen
class Record:
    """What is on the reference's disk.

    :param ranks: (name, rank), by rank.
    :param document: the founding document's bytes, or None while no cluster is founded.
    :param cluster: the id of a cluster that was heard of, 16 bytes, even where its document is not known yet; None
        while none was.  With one here the reference never founds another.
    """

    ranks: tuple[tuple[str, int], ...] = ()
    document: bytes | None = None
    cluster: bytes | None = None

    def encode(self) -> bytes:
        """The canonical bytes."""
        return pack([FORMAT, [list(pair) for pair in self.ranks], self.document, self.cluster])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """A record from its bytes.

        :raises ValueError: for anything that :meth:`encode` would not have written.
        """
        try:
            value = unpack(data, bytes_max=RECORD_BYTES_MAX, nesting_max=3, items_max=4 * NAMES_MAX)
            format_, pairs, document, cluster = value
            record = cls(tuple((name, rank) for name, rank in pairs), document, cluster)
        except (Refusal, TypeError, ValueError) as error:
            raise ValueError(f"the record is damaged: {error!r}") from error
        if format_ != FORMAT:
            raise ValueError(f"the record has format {format_}, this version reads {FORMAT}")
        record._check()
        if record.encode() != data:
            raise ValueError("a record that is not in canonical form")
        return record

    def _check(self) -> None:
        for name, rank in self.ranks:
            if not isinstance(name, str) or not 0 < len(name.encode()) <= NAME_BYTES_MAX:
                raise ValueError("the record has a name that is none")
            if type(rank) is not int or not 1 <= rank <= RANK_MAX:
                raise ValueError("the record has a rank that is none")
        for values in zip(*self.ranks, strict=True):
            if len(set(values)) != len(values):
                raise ValueError("the record has a name or a rank twice")
        if self.cluster is not None and not (
            isinstance(self.cluster, bytes) and len(self.cluster) == ID_BYTES
        ):
            raise ValueError("the record has a cluster id that is none")
        if self.document is not None and FoundingDocument.decode(self.document).cluster != self.cluster:
            raise ValueError("the record has a document of another cluster")


class Ranks:
    """Gives each name its rank: unique, and the same for ever.

    :param pairs: (name, rank) that were given before.
    """

    def __init__(self, pairs: Iterable[tuple[str, int]] = ()) -> None:
        self._by_name = dict(pairs)

    def __len__(self) -> int:
        return len(self._by_name)

    def __getitem__(self, name: str) -> int:
        return self._by_name[name]

    def pairs(self) -> tuple[tuple[str, int], ...]:
        """(name, rank), by rank."""
        return tuple(sorted(self._by_name.items(), key=lambda pair: pair[1]))

    def of(self, name: str) -> int | None:
        """The rank of a name, or None where it has none."""
        return self._by_name.get(name)

    def give(self, name: str) -> int:
        """The rank of a name; a new one, above all others, where it had none.

        :raises Refusal: there are :data:`NAMES_MAX` names.
        """
        rank = self._by_name.get(name)
        if rank is None:
            if len(self._by_name) >= NAMES_MAX:
                raise Refusal(Code.FULL)
            rank = self._by_name[name] = self._next()
        return rank

    def adopt(self, members: Iterable[Member]) -> tuple[str, ...]:
        """Let the ranks of a founding document win over those that were given here.

        :returns: the names whose rank changed, which must be told.
        """
        before = dict(self._by_name)
        wanted = {member.name: member.rank for member in members}
        taken = set(wanted.values())
        self._by_name = wanted | {
            name: rank for name, rank in before.items() if name not in wanted and rank not in taken
        }
        for name in before:
            if name not in self._by_name:
                self._by_name[name] = self._next()
        return tuple(name for name, rank in before.items() if self._by_name[name] != rank)

    def _next(self) -> int:
        return max(self._by_name.values(), default=0) + 1
