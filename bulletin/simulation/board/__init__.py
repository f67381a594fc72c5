"""The board tier: a whole board in one thread, on simulated time, network and disks, from one seed.

What runs is what ships: the dispatcher of every broker, executor and replica of every server, the coordinator of the
reference, exchange, caller and reader of every client.  Everything between two processes is bytes.

===============  ===============================================================================================
``options.py``   what a seed draws: sizes, times, which faults, how often
``machine.py``   one machine's clocks, which drift and are set
``process.py``   what all processes have in common: they start, stand still, go on, die
``network.py``   messages between them: delayed, lost, doubled, overtaken, held, torn, sent again
``server.py``    a server, on ``disk.py``; ``broker.py``, ``proxy.py``, ``reference.py``
``client.py``    a client with a load of its own, which follows streams, too; ``bot.py``: a bot
``faults.py``    what strikes, when, and for how long
``witnesses.py`` who can tell that a server runs on an old copy of its disk
``old_copies.py`` what becomes of such a server where nobody can: it must not vote
``healing.py``   the end of a run: all is mended, or a minority stays broken, and the board has to work
``history.py``   what clients noted, and how it is judged; ``by_log.py``: by the committed log
``places.py``    where in the log reads were answered
``checkers/``    what must hold, one promise a file
``world.py``     all of it together
===============  ===============================================================================================
"""

from typing import Final

from bulletin.simulation.board.checkers.sightings import SIGHTINGS
from bulletin.simulation.board.options import KINDS, Options
from bulletin.simulation.board.world import World
from bulletin.simulation.tier import Tier

__all__ = ["BOARD_TIER", "SOMETIMES", "Options", "World"]

SOMETIMES: Final = (
    *SIGHTINGS,
    "applied_twice_and_took_effect_once",
    "commit_before_own_sync",
    "delivered",
    "fetches",
    "old_entry_survives",
    "pre_vote_refused_by_log",
    "pre_vote_refused_by_stickiness",
    "proposals_refused_full",
    "read_waits_for_own_term",
    "reads_lost",
    "snapshots_installed",
    "stepped_down_by_quorum",
    "truncations",
    "trusted_again",
)
"""What a campaign of some hundred seeds must have come by; if it never does, the faults have become too tame."""

BOARD_TIER: Final = Tier(
    "board", "every role of a board, clients and readers", Options.draw, World, KINDS, SOMETIMES
)
