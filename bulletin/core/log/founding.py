"""The founding document: the cluster's first configuration, the same bytes on every server, entry 1 of the log."""

from typing import Final, Self

import attrs
import msgpack

from bulletin.core.limits import (
    CHANNELS_MAX,
    ENDPOINT_BYTES_MAX,
    MEMBERS_MAX,
    NAME_BYTES_MAX,
    RANK_MAX,
    USERS_MAX,
)
from bulletin.core.log.entry import NO_HASH, Entry, EntryKind, LogIdentity, make_entry

FORMAT: Final = 1
FOUNDING_INDEX: Final = 1
FOUNDING_TERM: Final = 1
ID_BYTES: Final = 16
NUMBER_MAX: Final = 2**53
"""The largest number in a document."""


@attrs.frozen
class Member:
    """One server of the cluster.

    :param member: the random id on its disk, 16 bytes: its identity.
    :param name: its label, unique among the members.
    :param endpoint: what its peers connect to, a ZeroMQ endpoint.
    :param rank: 1, 2, 3, …: a larger rank starts its election sooner.  Half of
        :data:`~bulletin.core.limits.RANK_MAX` at most, so that later names get larger ones.
    """

    member: bytes
    name: str
    endpoint: str
    rank: int

    def plausible(self) -> bool:
        """Whether each field is of its kind and within its bounds."""
        return (
            _is_id(self.member)
            and _is_text(self.name, NAME_BYTES_MAX)
            and _is_text(self.endpoint, ENDPOINT_BYTES_MAX)
            and _is_number(self.rank, 1, RANK_MAX // 2)
        )


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
        members = self.members
        return (
            _is_id(self.cluster)
            and 0 < len(members) <= MEMBERS_MAX
            and all(member.plausible() for member in members)
            and all(len(set(column)) == len(members) for column in zip(*map(_unique, members), strict=True))
            and all(_is_number(value, 1) for value in (self.users_max, self.channels_max, self.epoch))
            and _is_number(self.group, 0)
        )


def _unique(member: Member) -> tuple[bytes, str, int]:
    """What no two members have in common."""
    return member.member, member.name, member.rank


def _is_id(value: object) -> bool:
    return type(value) is bytes and len(value) == ID_BYTES


def _is_text(value: object, bytes_max: int) -> bool:
    return type(value) is str and len(value.encode()) <= bytes_max


def _is_number(value: object, least: int, largest: int = NUMBER_MAX) -> bool:
    return type(value) is int and least <= value <= largest
