"""Planted bugs in what a disk keeps of the board, and in tables that another server takes over.

The disk in memory stands for the shipped one here; the same bugs in the shipped one are planted by its own tests.
"""

from functools import partial
from typing import Final

import attrs

from bulletin.core.board.remembered import Remembered
from bulletin.core.raft.ready import HardState, Persist
from bulletin.core.store.intake import Intake
from bulletin.core.store.parts import AskPosts, encode_posts
from bulletin.core.store.port import StoreError
from bulletin.core.store.records import encode_post, post_key
from bulletin.simulation import memory_tables
from bulletin.simulation.log.cluster import found
from bulletin.simulation.memory_store import MemoryStore
from bulletin.simulation.memory_tables import MemoryCopy, MemoryDisk, MemoryTables
from bulletin.simulation.mutants.chance import board_tier
from bulletin.simulation.mutants.desk import Desk, create, publish
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.violation import Violation

_AWAY: Final = {"kill": 0.4, "power": 0.4, "restart_storm": 2.0}
_SHORT: Final = {"retained_entries": 1, "held_entries": 1}


def power_is_lost() -> None:
    """The power fails after some posts: what is left is the state of one index.

    :raises Violation: it is not, or an operation takes effect twice.
    """
    desk = Desk()
    desk.do(create())
    desk.do(publish("a"))
    desk.do(publish("b"))
    board = desk.restarted()
    if board.marks() != desk.board.marks():
        raise Violation(
            "S5", f"the tables are at {desk.board.marks().applied}, their marks at {board.marks().applied}"
        )
    desk.next_in(board, publish("b"))


def repeated_at_another(window: int, *, restart: bool) -> None:
    """Requests are repeated at a server that has taken the tables over, or was started again.

    :raises Violation: one comes to something else there.
    """
    desk = Desk(window)
    desk.do(create())
    commands = [publish(f"aa:{number}") for number in range(6)]
    for command in commands:
        desk.do(command)
    board = desk.restarted() if restart else desk.taken_over()
    for command in commands:
        desk.next_in(board, command)


def a_post_is_forged() -> None:
    """Among posts that travel is one that another text was put into.

    :raises Violation: it is taken in.
    """
    desk = Desk()
    desk.do(create())
    post = desk.post(publish("a", message="paid"))
    assert post is not None
    honest = MemoryCopy.posts

    def forged(tables: MemoryTables, asked: AskPosts) -> bytes:
        del asked
        number = tables.number_of("geral")
        assert number is not None
        body = encode_post(number, attrs.evolve(post, message="not paid"))
        return encode_posts([(post_key(number, post.seq), body)])

    MemoryCopy.posts = staticmethod(forged)  # type: ignore[method-assign] # what a giver that lies would say
    try:
        desk.taken_over()
    except AssertionError:
        return  # what is refused is asked for again, and never comes
    finally:
        MemoryCopy.posts = honest  # type: ignore[method-assign] # as it was
    raise Violation("S5", "a post that was changed on its way was taken in")


def a_sync_fails() -> None:
    """A sync fails: nobody is told that what waited for it is stored.

    :raises Violation: somebody is.
    """
    document = found(1)
    disk = MemoryDisk(document.members[0].member)
    told: list[str] = []
    store = MemoryStore(disk, call_from_thread=lambda *_: None, failed=lambda _: None, automatic=False)
    store.open()
    store.found(document, lambda *_: None)
    store.step()
    store.write(Persist(1, HardState(5), None, ()), None, partial(told.append, "stored"))
    store.fail(StoreError("the disk failed"))
    store.step()
    if told and disk.record.term < 5:
        raise Violation("S6", "a term counts as stored, and its sync had failed")


MUTANTS: Final = (
    Mutant(
        "13",
        "the applied index is stored in another transaction than the rows",
        (
            Patch(
                MemoryTables,
                "_apply",
                "    self.marks = applied.marks\n",
                '    self.marks = getattr(self, "late", None) or applied.marks\n'
                "    self.late = applied.marks\n",
            ),
        ),
        "S5|S7|S8|crash",
        power_is_lost,
        Chance(board_tier(_AWAY), quick=True),
    ),
    Mutant(
        "14",
        "tables that travel are without the remembered operations",
        (
            Patch(
                memory_tables,
                "_sealed",
                "for number, block in tables.operations.items()",
                "for number, block in ()",
            ),
        ),
        "S5|S7|crash",
        partial(repeated_at_another, 64, restart=False),
        Chance(board_tier(_AWAY, config=_SHORT)),
    ),
    Mutant(
        "B4",
        "tables that travel are without the sessions",
        (Patch(memory_tables, "_sealed", "for user, row in sessions]", "for user, row in ()]"),),
        "S5|S7|crash",
        partial(repeated_at_another, 2, restart=False),
        Chance(board_tier(_AWAY, config=_SHORT, window=8)),
    ),
    Mutant(
        "23",
        "a start remembers fewer operations than its fellows",
        (
            Patch(
                Remembered,
                "__init__",
                "    assert window > 0\n",
                "    assert window > 0\n    window = max(1, window // 2) if ordinal else window\n",
            ),
        ),
        "S5|S7|crash",
        partial(repeated_at_another, 4, restart=True),
        Chance(board_tier(_AWAY, window=16)),
    ),
    Mutant(
        "25",
        "a failed sync is passed over as if nothing was lost",
        (
            Patch(
                MemoryStore,
                "fail",
                "    self._queue.clear()\n"
                "    if not self._stopped:\n"
                "        self._stopped = True\n"
                "        self._call_from_thread(self._failed, error)\n",
                "    waiting = [item for item in self._queue if isinstance(item, Write)]\n"
                "    self._queue.clear()\n"
                "    for write in waiting:\n"
                "        write.done()\n",
            ),
        ),
        "S6|S10|S11|W1|W2|W4|crash",
        a_sync_fails,
        Chance(board_tier({"failing_sync": 0.2, "slow_disk": 0.3})),
    ),
    Mutant(
        "B5",
        "posts that travel are not held against their chain of hashes",
        (Patch(Intake, "_take_posts", "!= values[POST_CHAIN]", "== b''"),),
        "S5",
        a_post_is_forged,
        why="the servers of the simulation do not lie to each other",
    ),
)
