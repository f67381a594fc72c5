"""The faults of a campaign, each a class that knows whom it breaks, how, and how it is mended.

=================  =====================================================================================================
``processes.py``   servers, broker, proxy, reference killed, stopped, paused; a majority; all at once
``links.py``       links between hosts cut in one direction or both, or slow and lossy
``disks.py``       disks that hang, fail, are full
``damage.py``      files torn, flipped, of an earlier time, of another server, gone
``changes.py``     roles that come back with another clock, at another address, without a memory
``strangers.py``   subscribers that do not read, floods
``probe.py``       what the board answers where it cannot do everything
=================  =====================================================================================================

A new fault is a subclass of :class:`~bulletin.torture.faults.fault.Fault` in :data:`KINDS`: ``pick`` says whom it breaks, within how
many servers may be broken; ``begin`` and ``end`` are called from one thread; ``over`` says when all is well again, and what
took too long until then is a broken promise of the board.  ``alone`` is for faults that need everybody else whole, ``excuses`` for
those whose clients may see errors, ``delays`` for those that may keep answers from them for longer than is promised.
"""

from typing import Final

from bulletin.torture.faults import changes, damage, disks, links, processes, strangers
from bulletin.torture.faults.fault import Fault

KINDS: Final[dict[str, type[Fault]]] = {
    kind.kind: kind
    for kind in (
        processes.Kill,
        processes.Pause,
        processes.Stop,
        processes.Broker,
        processes.Proxy,
        processes.Reference,
        processes.Everything,
        processes.Majority,
        processes.Restarts,
        processes.Behind,
        links.Isolate,
        links.Halves,
        links.OneWay,
        links.Partial,
        links.Edges,
        links.SlowLinks,
        disks.Stall,
        disks.SyncFails,
        disks.Full,
        disks.FullMajority,
        damage.Truncate,
        damage.Flip,
        damage.Rollback,
        damage.Swap,
        damage.Loss,
        changes.Clock,
        changes.Move,
        changes.Forget,
        strangers.SlowReader,
        strangers.Flood,
    )
}
"""All of them, by their names on the command line."""
