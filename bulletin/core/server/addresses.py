"""Where fellow servers are: as the founding document has it at first, then as each of them registered last.

A machine, or a container, may come back under another address, so the document's endpoints are only where to begin.  A
server registers its present one with the reference, whose replies to signs of life carry those of all members.  Only a row with a
member's id *and* its name counts: nobody is looked for where somebody else said.

What was learnt is kept on the disk, as advice: after a restart without the reference it is where to begin.  A server that finds a
stranger at an old address does no harm: frames name their recipient, and all others drop them.
"""

from collections.abc import Iterable, Mapping

import attrs

from bulletin.core.log.founding import FoundingDocument
from bulletin.core.server.notices import Notices
from bulletin.core.wire.reference import ListedServer


@attrs.frozen
class Reach:
    """From now on a fellow server is to be reached at this endpoint, and no other.

    :param member: its id.
    :param name: its name.
    :param endpoint: a ZeroMQ endpoint, as it was registered.
    """

    member: bytes
    name: str
    endpoint: str


class Addresses:
    """The endpoints of the fellow members, as many as the founding document has.

    :param document: who they are, and where they were.
    :param member: this server.
    :param learnt: endpoints by member id that an earlier start learnt; of others than fellows they are ignored.
    :param notices: where to say who moved.
    """

    def __init__(
        self, document: FoundingDocument, member: bytes, learnt: Mapping[bytes, str], notices: Notices
    ) -> None:
        fellows = [fellow for fellow in document.members if fellow.member != member]
        self._names = {fellow.member: fellow.name for fellow in fellows}
        self._endpoints = {fellow.member: learnt.get(fellow.member) or fellow.endpoint for fellow in fellows}
        self._notices = notices
        self._due = set(self._endpoints)
        self._changed = False

    def hear(self, listed: Iterable[ListedServer]) -> None:
        """What the reference lists."""
        for server in listed:
            member = server.member
            if member is None or self._names.get(member) != server.name or not server.endpoint:
                continue
            before = self._endpoints[member]
            if server.endpoint != before:
                self._endpoints[member] = server.endpoint
                self._due.add(member)
                self._changed = True
                self._notices.say(f"{server.name} is now at {server.endpoint}; it was at {before}")

    def take(self) -> tuple[Reach, ...]:
        """Whom to connect to, and where, since the last call; at first, all of them."""
        due, self._due = self._due, set()
        return tuple(
            Reach(member, name, self._endpoints[member])
            for member, name in self._names.items()
            if member in due
        )

    def take_learnt(self) -> Mapping[bytes, str] | None:
        """All endpoints, to be kept on the disk, or None: nothing has changed since the last call."""
        if not self._changed:
            return None
        self._changed = False
        return dict(self._endpoints)
