"""Disks that are earlier copies of themselves: noticed by whoever knows of more, and else more than a board stands.

A server on an old copy has forgotten entries and votes, and says nothing of it.  Its fellows notice that
(:mod:`bulletin.core.raft.greeting`) by what they know of it: a later start, which stands on their disks; or, where it
has started as often again, what they have heard from it since they began themselves.  Whoever knows neither cannot tell the
copy from an honest server that is behind.  Where a majority of such comes together, with the server among them, while
all who know are dead, or cut off, or have begun anew, what was committed by the server and by these may be lost: the two
failures at once are more than the minority that a board stands.  It is not promised, and so the run must not go on to it:
before the first vote of a server in which nobody who could tell has had a say, a person finds out that its directory
is an old one, and puts that aside.

Where one of those who met it could tell, nobody steps in: it is their part to keep it out, and the checkers look whether they do.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from bulletin.core.raft.greeting import CHANCE_BITS
from bulletin.core.raft.ready import HardState
from bulletin.simulation.board.server import Server

if TYPE_CHECKING:
    from bulletin.simulation.board.world import World


@attrs.frozen
class Forgotten:
    """What a server's disk knew before it became an earlier copy, and what its fellows did.

    :param last: (term, index) of the last entry that its log ever had: what it had lost before, and knew that it had, it
        knows no more.
    :param hard_state: its latest term, and vote.
    :param starts: up to which of its starts each of its fellows knew of it, by their numbers.
    """

    last: tuple[int, int]
    hard_state: HardState
    starts: dict[int, int]


class OldCopies:
    """The servers of a run whose disks are earlier copies, as long as nobody has noticed and it matters.

    :param world: whose.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self._forgotten: dict[int, Forgotten] = {}

    def put_back(self, victim: Server, spoil: Callable[[], bool]) -> bool:
        """A server's disk may become what it was earlier, and nothing on it tells of that.

        :param victim: does not run.
        :param spoil: does that; False: it did nothing.
        """
        amnesias = victim.disk.amnesias
        memory, earlier = victim.disk.memory, self._forgotten.get(victim.number)
        starts: dict[int, int] = {}
        for server in self._world.servers:
            known = server.disk.durable.incarnations.get(victim.member, 0) >> CHANCE_BITS
            starts[server.number] = max(known, earlier.starts[server.number] if earlier else 0)
        spoilt = spoil()
        if victim.disk.amnesias > amnesias:
            self._forgotten[victim.number] = Forgotten(memory.had_last, memory.had_hard_state, starts)
        return spoilt

    def changed(self, server: Server) -> None:
        """A server has worked on one event: it may have voted, whose votes nobody keeps from counting."""
        forgotten = self._forgotten.get(server.number)
        if forgotten is None or not server.takes_part:
            return
        state = server.node._state
        if (
            server.node.status().quarantined
            or server.disk.memory.record.member != server.member
            or self._made_good(server, forgotten)
        ):
            del self._forgotten[server.number]
        elif state.disk.hard_state.vote is not None and state.disk.hard_state != server.began_with[1]:
            met = [self._world.by_member[member] for member in state.outbox.introduced]
            if not any(self._could_tell(one, server, forgotten) for one in met):
                self._put_aside(server)

    def _made_good(self, server: Server, forgotten: Forgotten) -> bool:
        """Whether it has again, from a leader, all that it had, and cannot vote any more where it had."""
        durable = server.disk.durable
        later = durable.hard_state.term > forgotten.hard_state.term
        return durable.last() >= forgotten.last and (later or durable.hard_state == forgotten.hard_state)

    def _could_tell(self, one: Server, server: Server, forgotten: Forgotten) -> bool:
        """Whether a server knows of another one that it has forgotten something.

        What it has heard from it is not looked up where it keeps that, which may be wrong, but follows from what it has itself:
        it has come by it since it began, when the other had it.
        """
        if one.damaged:
            return False
        if forgotten.starts[one.number] >= server.node._greeter.incarnation >> CHANCE_BITS:
            return True
        if not one.takes_part:
            return False
        last, hard_state = one.began_with
        stated, term = server.began_with[1].term, forgotten.hard_state.term
        # In a later term than it was heard to have them its entries may have been overwritten.
        heard_entries = last < forgotten.last <= one.disk.durable.last() and stated <= term
        heard_term = hard_state.term < term <= one.node.leadership[0] and stated < term
        return heard_entries or heard_term

    def _put_aside(self, server: Server) -> None:
        del self._forgotten[server.number]
        self._world.step(server.name, "is found to be on an old copy, which is put aside")
        self._world.note("old_copy_put_aside")
        server.lose_power()
        server.disk.wipe(server.rng)
