"""How a run ends: faults stop, and then what must come to pass does.

*Safety mode*: everything is healed, and all servers have to work together again.  *Liveness mode*: a core stays, a majority
whose servers all reach each other, and the rest is broken for good, each server in a way of its own; the faults freeze as
they are, since a livelock is never found where each partition heals by chance.  The core has to work all the same.  Then
one of the others may come back, and a follower loses the leader alone, which must disturb nobody.

What is demanded: L1 a leader, a probe that commits, one state on all; L2 no other leader and no other term from then on;
L5 leadership that is handed over arrives.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from bulletin.core.raft.snapshots import PART_TIMEOUTS
from bulletin.simulation.log.server import TICK_SECONDS
from bulletin.simulation.network import Weather

if TYPE_CHECKING:
    from bulletin.simulation.log.cluster import Cluster
    from bulletin.simulation.log.server import Server

TIMEOUTS_TO_HEAL = 10
TICKS_APART = 4
TIMEOUTS_TO_HEAL_ALIKE = 60
"""Where the patience of any two servers differs by fewer than :data:`TICKS_APART` ticks, votes are split more often than not."""

TIMEOUTS_FOR_TABLES = 3 * PART_TIMEOUTS
"""So many more for a server that takes in tables: it asks again for a lost part after :data:`PART_TIMEOUTS`, and the server
that it asks may have thrown its copy away, now and then several times in a row."""

TIMEOUTS_OF_CALM = 5
TIMEOUTS_OF_CALM_AMID_RUINS = 20
PROBE_SECONDS = 2.5
"""Within its deadline, a probe survives that a straggler deposes the leader."""


def end(cluster: "Cluster", rng: Random) -> None:
    """Stop the faults, and demand what must come to pass.

    :raises AssertionError: it does not.
    """
    cluster.steps.add(cluster.time.now, "the faults end")
    cluster.faults.stop()
    cluster.workload.stop()
    ruins = Ruins(cluster, rng) if cluster.options.mode == "liveness" else None
    if ruins is None or not ruins.core:
        _mend(cluster, cluster.servers)
        cluster.network.heal()
        demands = Demands(cluster, cluster.servers)
        demands.recover()
        demands.stay(TIMEOUTS_OF_CALM)
        demands.hand_over()
        return
    demands = Demands(cluster, ruins.core)
    demands.recover()
    if rng.random() < 0.5 and ruins.readmittable:
        demands = Demands(cluster, ruins.readmit(), all_count=True)
        demands.recover()
        leader = demands.leader()
        assert leader is not None, "L2: the leader is gone in calm weather"
        demands = Demands(cluster, ruins.tear(leader))
    demands.stay(TIMEOUTS_OF_CALM_AMID_RUINS)
    demands.hand_over()


def _mend(cluster: "Cluster", servers: "list[Server]") -> None:
    """Their disks answer, and they run."""
    for server in servers:
        server.stalled_until, server.sync_delay_max = 0.0, 0.004
        if server.port is None:
            cluster.start(server)


class Ruins:
    """What is left in liveness mode: a core that works, and the rest.

    :param cluster: mended and broken here, once.
    """

    def __init__(self, cluster: "Cluster", rng: Random) -> None:
        self._cluster = cluster
        self._rng = rng
        servers = list(cluster.servers)
        able = [server for server in servers if not server.damaged and not server.excluded]
        majority = len(servers) // 2 + 1
        self.core: list[Server] = []
        """Servers of a majority; empty where there are not enough good disks, or nobody to break."""
        if len(able) < majority or len(servers) < 3:
            return
        rng.shuffle(able)
        leader = cluster.leader()
        if leader in able and rng.random() < 0.6:
            able.remove(leader)
            able.append(leader)
        chosen = able[: rng.randint(majority, min(len(able), len(servers) - 1))]
        self.core = [server for server in servers if server in chosen]
        self.rest = [server for server in servers if server not in chosen]
        cluster.network.cut.clear()
        cluster.network.weather = Weather()
        _mend(cluster, self.core)
        for server in self.rest:
            kind = rng.choice(("dead", "deaf", "mute", "away", "torn", "frozen", "stalled"))
            cluster.note(f"core_without_{kind}")
            if server is leader:
                cluster.note("core_without_its_leader")
            cluster.steps.add(cluster.time.now, f"server {server.number} is {kind} for good")
            self._break(server, kind)
        # A leader whose disk does nothing notices that by what it is asked to store, and not before.
        cluster.workload.propose(min(self.core, key=lambda server: server.paused_until), client=0)

    def _break(self, server: "Server", kind: str) -> None:
        cluster = self._cluster
        if kind == "dead":
            if server.port is not None:
                cluster.crash(server)
            return
        _mend(cluster, [server])
        if kind == "frozen":
            server.freeze()
        elif kind == "stalled":
            server.stalled_until = float("inf")
        for other in cluster.servers:
            if other is server:
                continue
            there, back = (server.number, other.number), (other.number, server.number)
            hears, heard = {
                "deaf": (False, True),
                "mute": (True, False),
                "away": (False, False),
                "torn": self._rng.choice(((True, False), (False, True))),
            }.get(kind, (True, True))
            cluster.network.cut |= {pair for pair, works in ((there, heard), (back, hears)) if not works}

    @property
    def readmittable(self) -> "list[Server]":
        """Those of the rest that would count."""
        return [server for server in self.rest if not server.damaged and not server.excluded]

    def readmit(self) -> "list[Server]":
        """One of the rest comes back: those that have to work together now."""
        back = self._rng.choice(self.readmittable)
        cluster = self._cluster
        cluster.note("core_readmits")
        cluster.steps.add(cluster.time.now, f"server {back.number} comes back")
        back.thaw()
        _mend(cluster, [back])
        outside = {server.number for server in self.rest if server is not back}
        cluster.network.cut = {
            pair
            for pair in sorted(cluster.network.cut)
            if back.number not in pair or outside.intersection(pair)
        }
        self.core = [server for server in cluster.servers if server in self.core or server is back]
        return self.core

    def tear(self, leader: "Server") -> "list[Server]":
        """A follower and the leader do not reach each other any more, or in one direction only; the others reach both."""
        victim = self._rng.choice([server for server in self.core if server is not leader])
        self._cluster.note("core_torn")
        self._cluster.steps.add(
            self._cluster.time.now, f"server {victim.number} and the leader {leader.number} lose each other"
        )
        there, back = (victim.number, leader.number), (leader.number, victim.number)
        self._cluster.network.cut |= self._rng.choice(({there, back}, {there, back}, {there}, {back}))
        self.core = [server for server in self.core if server is not victim]
        return self.core


class Demands:
    """What some servers that all reach each other have to come to.

    :param core: a majority at least.
    :param all_count: whether the leader has to have heard from each of them what it has, before all is calm: then any
        majority of them will do.
    """

    def __init__(self, cluster: "Cluster", core: "list[Server]", *, all_count: bool = False) -> None:
        self._cluster = cluster
        self._core = core
        self._all_count = all_count
        config = cluster.options.config
        self._timeout = config.patience_seconds_max
        alike = config.election_seconds_spread < TICKS_APART * TICK_SECONDS
        self._timeouts_to_heal = TIMEOUTS_TO_HEAL_ALIKE if alike else TIMEOUTS_TO_HEAL

    def leader(self) -> "Server | None":
        """The leader of the highest term among them, if there is one."""
        leading = [server for server in self._core if server.port is not None and server.node.leads]
        return max(leading, key=lambda server: server.node.leadership[0], default=None)

    def _until(self, condition: Callable[[], bool], limit: float) -> bool:
        """Let time pass; whether it came true."""
        time = self._cluster.time
        while time.now < limit and not condition():
            time.run_until(time.now + self._timeout / 10)
        return condition()

    def recover(self) -> None:
        """L1.

        What was delayed before arrives all the same, and who stands still goes on as late as it would have; only
        then is the weather calm.  Where a core has to do, time counts from when all of it goes on: each of it may be needed.
        """
        time, workload = self._cluster.time, self._cluster.workload
        paused = max(server.paused_until for server in self._core)
        stragglers = max(self._cluster.network.latest_arrival, paused)
        begins = time.now if self._core == self._cluster.servers else max(time.now, paused)
        limit = begins + self._timeouts_to_heal * self._timeout
        self._until(self._settled, limit)
        leader = self.leader()
        assert leader is not None, "L1: no leader after the healing"
        probe = workload.propose(leader, client=0)
        committed = self._until(lambda: probe in workload.acknowledged, time.now + PROBE_SECONDS)
        assert committed, "L1: a probe is not committed after the healing"
        limit = max(limit, stragglers) + self._timeout
        limit_with_tables = limit + TIMEOUTS_FOR_TABLES * self._timeout
        while time.now < stragglers or not self._settled():
            if self._tables_under_way:
                limit = limit_with_tables
            assert time.now < limit, "L1: the servers do not come to agree"
            time.run_until(time.now + self._timeout / 10)

    def stay(self, timeouts: int) -> None:
        """L2, and at its end one state on all."""
        time, leader = self._cluster.time, self.leader()
        assert leader is not None, "L2: the leader is gone in calm weather"
        term = leader.node.status().term
        time.run_until(time.now + timeouts * self._timeout)
        assert self.leader() is leader, "L2: the leader changed in calm weather"
        assert leader.node.status().term == term, "L2: the term changed in calm weather"
        assert len({server.digest for server in self._core}) == 1, "L1: the servers do not agree"

    def hand_over(self) -> None:
        """L5: whoever is told to lead does, in the time that a hand-over may take."""
        time, leader = self._cluster.time, self.leader()
        assert leader is not None, "L2: the leader is gone in calm weather"
        if not leader.running.transfer(leader.now()):
            return
        self._cluster.poke(leader)
        limit = time.now + self._timeout + 0.1
        arrived = self._until(lambda: self.leader() not in (None, leader), limit)
        assert arrived, "L5: leadership was handed over and did not arrive"

    @property
    def _tables_under_way(self) -> bool:
        return any(server.port is not None and server.node.status().behind for server in self._core)

    def _settled(self) -> bool:
        """Whether a leader has proved itself, and all others follow it and have what it has."""
        leader = self.leader()
        if leader is None:
            return False
        status = leader.node.status()
        followers = leader.node._replication.followers
        if self._all_count and any(
            followers[server.member].match < status.last_index
            for server in self._core
            if server is not leader
        ):
            return False
        return status.proven and all(
            server.port is not None
            and server.node.leadership == (status.term, leader.member)
            and server.applied == server.node.status().synced == status.last_index
            for server in self._core
        )
