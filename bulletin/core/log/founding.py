"""The founding document: the cluster's first configuration, the same bytes on every server, entry 1 of the log."""

from typing import Final, Self

import attrs
import msgpack

from bulletin.core.limits import CHANNELS_MAX, USERS_MAX
from bulletin.core.log.entry import NO_HASH, Entry, EntryKind, LogIdentity, make_entry

FORMAT: Final = 1
FOUNDING_INDEX: Final = 1
FOUNDING_TERM: Final = 1
ID_BYTES: Final = 16


@attrs.frozen
class Member:
    """One server of the cluster.

    :param member: the random id on its disk, 16 bytes: its identity.
    :param name: its label, unique among the members.
    :param endpoint: what its peers connect to, a ZeroMQ endpoint.
    :param rank: 1, 2, 3, …: a larger rank starts its election sooner.
    """

    member: bytes
    name: str
    endpoint: str
    rank: int


@attrs.frozen
class FoundingDocument:
    """Who the first servers are, and the limits that are part of the replicated state.

    :param cluster: the cluster's random id, 16 bytes.
    :param members: sorted by rank.
    :param users_max: users that the board registers at most.
    :param channels_max: channels that the board creates at most.
    """

    cluster: bytes
    members: tuple[Member, ...]
    users_max: int = USERS_MAX
    channels_max: int = CHANNELS_MAX
    epoch: int = 1
    group: int = 0

    @property
    def identity(self) -> LogIdentity:
        """The identity of the log that this document founds."""
        return LogIdentity(self.cluster, self.epoch, self.group)

    def encode(self) -> bytes:
        """The canonical bytes."""
        members = [[m.member, m.name, m.endpoint, m.rank] for m in self.members]
        packed: bytes = msgpack.packb(
            [FORMAT, self.cluster, self.epoch, self.group, members, self.users_max, self.channels_max]
        )
        return packed

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """A document from its bytes.

        :raises ValueError: for anything that :meth:`encode` would not have written.
        """
        try:
            format_, cluster, epoch, group, members, users_max, channels_max = msgpack.unpackb(
                data, max_array_len=256, max_map_len=0, max_ext_len=0
            )
            document = cls(
                cluster=cluster,
                members=tuple(Member(*member) for member in members),
                users_max=users_max,
                channels_max=channels_max,
                epoch=epoch,
                group=group,
            )
            if format_ != FORMAT or not document._plausible() or document.encode() != data:
                raise ValueError("the founding document is not one of this version")
        except (TypeError, ValueError, msgpack.UnpackException) as error:
            raise ValueError(f"the founding document is damaged: {error}") from error
        return document

    def entry(self) -> Entry:
        """Entry 1 of the log that this document founds."""
        return make_entry(
            NO_HASH, self.identity, FOUNDING_INDEX, FOUNDING_TERM, EntryKind.FOUNDING, self.encode()
        )

    def _plausible(self) -> bool:
        return (
            isinstance(self.cluster, bytes)
            and len(self.cluster) == ID_BYTES
            and len(self.members) > 0
            and all(
                isinstance(m.member, bytes)
                and len(m.member) == ID_BYTES
                and isinstance(m.name, str)
                and isinstance(m.endpoint, str)
                and isinstance(m.rank, int)
                for m in self.members
            )
            and len({m.member for m in self.members}) == len(self.members)
            and len({m.name for m in self.members}) == len(self.members)
        )
