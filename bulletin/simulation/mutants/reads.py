"""Planted bugs in linearizable reads."""

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final, cast

from bulletin.core.clocks.instant import Instant
from bulletin.core.log.port import BarrierPassed, index_of
from bulletin.core.raft.node import Node
from bulletin.core.raft.ordered_log import RaftLogPort
from bulletin.core.raft.reads import Reads
from bulletin.core.raft.replication import Replication
from bulletin.core.server.admission import Admitted, Caller
from bulletin.core.server.queries import Queries
from bulletin.core.wire.envelope import Dialect, Encoding, Heading
from bulletin.core.wire.requests import ListUsers, ReadLevel
from bulletin.simulation.mutants.chance import TURBULENT, board_tier, wild
from bulletin.simulation.mutants.desk import Desk
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.scenarios.playing import check
from bulletin.simulation.scenarios.script import Script
from bulletin.simulation.violation import Violation

if TYPE_CHECKING:
    from bulletin.core.log.port import OrderedLog


def barrier_before_its_tables() -> None:
    """A follower is told a read index that it has not come to: its barrier waits.

    :raises Violation: it does not.
    """
    script = Script()
    for command in ("cluster 3", "campaign 3", "stabilize"):
        script.run(command, [])
    follower, now = script.machines[1], Instant(script.now, script.now)
    port = RaftLogPort(follower.running, now)
    follower.node = cast("Node", port)  # it stands in the node's place: the same events
    for command in ("propose 3 a", "stabilize 2 3", "drop 3->1"):
        script.run(command, [])
    port.barrier(1, script.now + 5.0, now)
    script.settle(follower)
    for command in ("deliver 1->3", "deliver 3->2", "deliver 2->3", "deliver 3->1"):
        script.run(command, [])
    committed = script.machines[3].running.status().commit
    for event in port.follow():
        if isinstance(event, BarrierPassed) and index_of(event.position) < committed:
            raise Violation("S9", f"a barrier passed before the tables had come to {committed}")


def read_without_barrier() -> None:
    """A server that nobody has told a read index is asked for all users.

    :raises Violation: it answers.
    """
    log = cast("OrderedLog", None)  # it is asked in a later turn
    queries = Queries(log, Desk().board, count(1))
    heading = Heading(Dialect.SERVICE, Encoding.MSGPACK, "users")
    caller = Caller(0, bytes(16), 1, 0.0, 5.0, heading, 0)
    refusal = queries.admit(Admitted(caller, ListUsers(ReadLevel.LINEARIZABLE), None))
    queries.advance(1, 1)
    if refusal is not None or queries.take_ended():
        raise Violation("S9", "a linearizable read was answered, and no barrier was asked for")


MUTANTS: Final = (
    Mutant(
        "20",
        "a read index is given before a commit in the own term",
        (Patch(Reads, "needs_round", "bool(self._waiting) and self._state.proven", "bool(self._waiting)"),),
        "S9",
        partial(check, "read_before_own_term"),
        Chance(TURBULENT, seeds=200),
    ),
    Mutant(
        "21",
        "a read index is proved by a round that began before the question",
        (Patch(Replication, "flush", "        self.round += 1\n", ""),),
        "S9",
        partial(check, "read_index"),
        why="a leader has to be deposed and go on leading for less than a heartbeat, in which somebody asks it",
    ),
    Mutant(
        "21b",
        "an answer to an earlier round counts for the present one",
        (
            Patch(
                Replication,
                "replied",
                "progress.round_answered = reply.round",
                "progress.round_answered = progress.round_sent",
            ),
        ),
        "S9",
        partial(check, "read_stale_ack"),
        why="an answer that the network held back has to come to a leader that is deposed and does not know it",
    ),
    Mutant(
        "22",
        "a read is answered at the commit index without waiting for its tables",
        (
            Patch(
                RaftLogPort,
                "_pass_barriers",
                "while self._passing and self._passing[0][0] <= self._delivered:",
                "while self._passing:",
            ),
        ),
        "S9",
        barrier_before_its_tables,
        Chance(wild({"loss": 0.2, "straggling": 0.2}, clients=8), quick=True),
    ),
    Mutant(
        "22b",
        "a server answers a linearizable read as it is, without asking how far it must be",
        (Patch(Queries, "admit", "if query.level is ReadLevel.LOCAL:", "if query:"),),
        "S9",
        read_without_barrier,
        Chance(board_tier({"isolate": 0.5}, seconds=2.0)),
    ),
)
