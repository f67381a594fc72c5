"""Clients: each proposes or passes a barrier at some server, waits for what becomes of it, and goes on."""

from random import Random
from typing import TYPE_CHECKING

import attrs

from bulletin.core.log.port import (
    BarrierFailed,
    BarrierPassed,
    Committed,
    LogEvent,
    Operation,
    ProposalFailed,
    Why,
)

if TYPE_CHECKING:
    from bulletin.simulation.log.cluster import Cluster
    from bulletin.simulation.log.server import Server

DEADLINE_SECONDS = 3.0


@attrs.define
class Asked:
    """A barrier under way: everything acknowledged before it was asked for must be at or below its answer."""

    client: int
    acknowledged: int


class Workload:
    """What the clients did, and what they were told."""

    def __init__(self, cluster: "Cluster", rng: Random, clients: int) -> None:
        self._cluster = cluster
        self._rng = rng
        self._made = 0
        self._stopped = False
        self._barriers: dict[tuple[int, int], Asked] = {}
        self._proposals: dict[bytes, tuple[int, int]] = {}
        self.acknowledged: dict[bytes, int] = {}
        self.refused: list[bytes] = []
        self.unknown = 0
        self.highest = 0
        self.barriers_passed = 0
        for client in range(clients):
            self._next(client)

    def stop(self) -> None:
        """Ask for nothing more."""
        self._stopped = True

    def _next(self, client: int) -> None:
        if not self._stopped:
            pause = self._rng.choice((0.0, 0.005, 0.05)) * self._rng.random()
            self._cluster.time.after(pause, lambda: self._act(client))

    def _act(self, client: int) -> None:
        server = self._rng.choice(self._cluster.servers)
        if server.port is None or self._cluster.time.now < server.paused_until:
            self._cluster.time.after(0.02, lambda: self._act(client))
        elif self._rng.random() < 0.7:
            self.propose(server, client)
        else:
            self._barrier(server, client)

    def propose(self, server: "Server", client: int) -> bytes:
        """Propose an operation at a server; its key."""
        self._made += 1
        key = self._made.to_bytes(16, "big")
        payload = bytes(self._rng.choice((1, 10, 200)))
        self._proposals[key] = (server.number, client)
        now = server.now()
        server.running.propose([Operation(key, payload)], now.monotonic + DEADLINE_SECONDS, now)
        self._cluster.poke(server)
        return key

    def _barrier(self, server: "Server", client: int) -> None:
        self._made += 1
        self._barriers[server.number, self._made] = Asked(client, self.highest)
        now = server.now()
        server.running.barrier(self._made, now.monotonic + DEADLINE_SECONDS, now)
        self._cluster.poke(server)

    def crashed(self, number: int) -> None:
        """The clients that waited at this server will never know."""
        for key, (where, client) in list(self._proposals.items()):
            if where == number:
                del self._proposals[key]
                self.unknown += 1
                self._next(client)
        for (where, token), asked in list(self._barriers.items()):
            if where == number:
                del self._barriers[where, token]
                self._next(asked.client)

    def told(self, number: int, events: list[LogEvent]) -> None:
        """A server says what became of what was asked there."""
        for event in events:
            if isinstance(event, Committed):
                if self._proposals.get(event.key, (None, 0))[0] == number:
                    _where, client = self._proposals.pop(event.key)
                    self.acknowledged[event.key] = event.position
                    self.highest = max(self.highest, event.position)
                    self._next(client)
            elif isinstance(event, ProposalFailed):
                _where, client = self._proposals.pop(event.key)
                if event.why is Why.UNKNOWN:
                    self.unknown += 1
                else:
                    self.refused.append(event.key)
                self._next(client)
            elif isinstance(event, BarrierPassed):
                asked = self._barriers.pop((number, event.token))
                assert event.position >= asked.acknowledged, "S9: a barrier misses what was acknowledged"
                self.barriers_passed += 1
                self._next(asked.client)
            elif isinstance(event, BarrierFailed):
                self._next(self._barriers.pop((number, event.token)).client)
