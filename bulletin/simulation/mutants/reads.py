"""Planted bugs in linearizable reads."""

from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final, cast

from bulletin.core.board.history import Page, PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.clocks.instant import Instant
from bulletin.core.log.port import BarrierPassed, index_of, position_of
from bulletin.core.raft.node import Node
from bulletin.core.raft.ordered_log import RaftLogPort
from bulletin.core.raft.reads import Reads
from bulletin.core.raft.replication import Replication
from bulletin.core.server.admission import Admitted, Caller
from bulletin.core.server.queries import Queries
from bulletin.core.wire.envelope import Dialect, Encoding, Heading
from bulletin.core.wire.requests import History, ListUsers, ReadLevel
from bulletin.simulation.mutants.chance import TURBULENT, board_tier, wild
from bulletin.simulation.mutants.desk import Desk, create
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


def page_before_its_name() -> None:
    """A page of a channel is read from tables that know of no such channel yet.

    :raises Violation: it is the answer.
    """
    desk = Desk()
    desk.do(create())
    barriers: list[int] = []
    log = cast("OrderedLog", SimpleNamespace(barrier=lambda token, *_: barriers.append(token)))
    queries = Queries(log, desk.board, count(1))
    query = History(ReadLevel.LINEARIZABLE, PageQuery(StreamKind.CHANNEL, "geral", None, None, None, 10))
    heading = Heading(Dialect.SERVICE, Encoding.MSGPACK, "history")
    queries.admit(Admitted(Caller(0, bytes(16), 1, 0.0, 5.0, heading, 0), query, None))
    queries.ask(Instant(0.0, 0.0))
    queries.passed(BarrierPassed(barriers[0], position_of(1, 0)))
    queries.advance(2, 1)
    for page in queries.take_pages():
        queries.page_read(page.token, Page((), more=False))
    if queries.take_ended():
        raise Violation("S9", "a page was answered of tables that were behind the name it is asked of")


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
    Mutant(
        "22c",
        "an empty page is answered though its tables may be from before the names that it is asked of",
        (Patch(Queries, "page_read", "reading.named <= reading.written", "True"),),
        "S9",
        page_before_its_name,
        why="a page has to be asked for in the milliseconds between the creation of its stream, by a post, and the tables",
    ),
)
