"""Who is alive: registrations, heartbeats, and who fell silent."""

import attrs

from bulletin.core.clocks.instant import Instant
from bulletin.core.wire.reference import SILENCE


@attrs.define
class Registration:
    """A server that asked for its rank since the reference started.

    :param name: its name.
    :param endpoint: what its peers connect to; empty where it gave none.
    :param member: the random id on its disk, or None from a client that is no server of this project.
    :param expect: how many servers are to found a cluster, or None.
    :param empty: whether its disk holds no cluster: it waits for a founding document.
    :param heard: when it last said anything, in monotonic seconds.
    :param beats: heartbeats since it registered.
    :param listed: whether it was alive when last looked at.
    """

    name: str
    endpoint: str
    member: bytes | None
    expect: int | None
    empty: bool
    heard: float
    beats: int = 0
    listed: bool = True


class Liveness:
    """The registrations by name.  Bounded by the ranks: nobody is registered without one."""

    def __init__(self) -> None:
        self._by_name: dict[str, Registration] = {}

    def get(self, name: str) -> Registration | None:
        """The registration of a name, alive or silent."""
        return self._by_name.get(name)

    def register(self, registration: Registration) -> None:
        """Remember a server; whoever had its name before is forgotten."""
        self._by_name[registration.name] = registration

    def forget(self, name: str) -> None:
        """Drop a registration, so that the next heartbeat under this name is answered ``unknown``."""
        self._by_name.pop(name, None)

    def beat(self, name: str, member: bytes | None, *, empty: bool, now: Instant) -> bool:
        """Take a heartbeat.

        :returns: False where the sender is not the one that registered under this name: it must ask for its rank.
        """
        registration = self._by_name.get(name)
        if registration is None or registration.member != member:
            return False
        registration.heard = now.monotonic
        registration.empty = empty
        registration.beats += 1
        return True

    def is_alive(self, registration: Registration, now: Instant) -> bool:
        """Whether it was heard within the last :data:`~bulletin.core.wire.reference.SILENCE` seconds."""
        return now.monotonic - registration.heard < SILENCE

    def alive(self, now: Instant) -> list[Registration]:
        """The registrations of those that are alive."""
        return [entry for entry in self._by_name.values() if self.is_alive(entry, now)]

    def changes(self, now: Instant) -> tuple[list[str], list[str]]:
        """The names that (returned, fell silent) since the last call."""
        returned: list[str] = []
        silent: list[str] = []
        for registration in self._by_name.values():
            alive = self.is_alive(registration, now)
            if alive != registration.listed:
                registration.listed = alive
                (returned if alive else silent).append(registration.name)
        return returned, silent
