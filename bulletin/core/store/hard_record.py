"""What a server must never forget; it stands on the disk in two places."""

from typing import Final, Self

import attrs
import msgpack

_FIELDS_MAX: Final = 16
"""Values of a record at most, with room to spare: nothing is built for more of them."""


@attrs.frozen
class HardRecord:
    """What a server must never forget, as it stands in the database and in the file.

    :param member: this disk's random id, 16 bytes.
    :param cluster: the cluster's id, or empty while the server has no founding document.
    :param commit: 1, 2, 3, …: the synced commits of the database, counted; of two records the higher is the newer.
    :param incarnation: the starts of this server, counted.
    :param term: the latest term.
    :param vote: the member voted for in it, or None.
    :param last_index: the log's last index; 0 while it is empty.
    :param last_hash: the chain hash there, 32 bytes.
    :param log_size: about how many bytes the log has.
    :param trusted_from: 0, or: data was lost, up to this index as far as is known, and this server does not count yet
        (see :attr:`bulletin.core.raft.ready.Restored.trusted_from`).  Kept until
        :attr:`bulletin.core.raft.ready.Persist.trusted` says that all is made good.
    """

    member: bytes
    cluster: bytes
    commit: int
    incarnation: int
    term: int
    vote: bytes | None
    last_index: int
    last_hash: bytes
    trusted_from: int = 0
    log_size: int = 0

    def encode(self) -> bytes:
        """The record's bytes."""
        packed: bytes = msgpack.packb(attrs.astuple(self))
        return packed

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """A record from its bytes, whose checksum was right.

        :raises ValueError: they are none.
        """
        try:
            record = cls(*msgpack.unpackb(data, max_array_len=_FIELDS_MAX, max_map_len=0, max_ext_len=0))
        except (TypeError, ValueError, msgpack.UnpackException) as error:
            raise ValueError(f"not a hard state: {error}") from error
        fields = attrs.fields(cls)
        wrong = [field.name for field in fields if not isinstance(getattr(record, field.name), field.type)]
        if wrong:
            raise ValueError(f"not a hard state: {wrong[0]} is of another type")
        return record
