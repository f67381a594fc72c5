"""Who can tell that a server runs on an old copy of its disk.

A copy of the start just before shows by nothing but what fellows have heard of the server since it was taken.  Where none of
them has, or only some that have started anew since, it passes (see :mod:`bulletin.core.raft.greeting`), takes part, and may
lead; then no more can be asked of the board than what the checkers hold every leader to.
"""

from collections.abc import Iterable

from bulletin.simulation.board.server import Server


class Witnesses:
    """Those that have heard more of a server than its disk has now."""

    def __init__(self) -> None:
        self._heard_more: dict[Server, set[tuple[Server, int]]] = {}
        self._old_starts: set[Server] = set()

    def went_back(self, victim: Server, starts_before: int, servers: Iterable[Server]) -> None:
        """A disk has become an earlier one of the same server.

        :param starts_before: counted on it until then.
        """
        content = victim.disk.durable
        if content.incarnation < starts_before:
            self._old_starts.add(victim)
        has = content.hard_state.term, content.last()[1]
        witnesses = self._heard_more.setdefault(victim, set())
        for other in servers:
            if other is victim or not other.takes_part:
                continue
            greeter = other.node._greeter
            if victim.member in greeter._judged and greeter._heard.get(victim.member, (0, 0)) > has:
                witnesses.add((other, other.life))

    def none_of(self, server: Server) -> bool:
        """Whether a server's disk went back, and nobody can tell.

        Later starts than it remembers are on the disks of others, and so can always be told.
        """
        witnesses = self._heard_more.get(server)
        if witnesses is None or server in self._old_starts:
            return False
        return not any(witness.running and witness.life == life for witness, life in witnesses)
