"""What goes wrong in a run: drawn from the seed, printed beside it, struck at random moments, ended by the healing."""

from functools import partial
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal

import attrs

from bulletin.core.raft.config import Config
from bulletin.simulation.weather import BadWeather, both_ways

if TYPE_CHECKING:
    from bulletin.simulation.log.cluster import Cluster
    from bulletin.simulation.log.server import Server

KINDS = (
    "crash",
    "crash_all",
    "split",
    "isolate",
    "one_way",
    "loss",
    "duplication",
    "straggling",
    "slow_network",
    "slow_disk",
    "stalled_disk",
    "pause",
    "transfer",
    "lost_tail",
    "clock_rates",
    "amnesia",
    "mute",
    "deaf",
    "lone_leader",
    "stalled_leader",
)
_NOT_DRAWN = ("amnesia", "mute", "deaf", "lone_leader", "stalled_leader")
DRAWN = tuple(kind for kind in KINDS if kind not in _NOT_DRAWN)
"""What a seed draws from: a disk that does not know how much it has lost is a run of its own; whoever is only heard, or only
hears, is often among what remains in liveness mode; and what befalls leaders alone has runs of its own."""

_NOT_TURBULENT = ("lost_tail", "clock_rates", "stalled_disk")


Mode = Literal["safety", "liveness"]


@attrs.frozen
class Options:
    """How a run is set up.

    :param servers: how many.
    :param faults: mean seconds between two strikes, by kind.
    :param seconds: how long the faults last.
    :param clients: how many propose and pass barriers at the same time.
    :param mode: how it ends: ``safety``: everything is healed; ``liveness``: a majority is, the rest is broken for good.
    :param skip: strikes that are left out, by their number from 1 on.
    """

    servers: int
    faults: tuple[tuple[str, float], ...]
    seconds: float
    clients: int
    config: Config
    mode: Mode = attrs.field(
        default="safety", repr=False
    )  # what is drawn from the rest stays the same with it
    skip: frozenset[int] = attrs.field(default=frozenset(), repr=False)  # the same

    @classmethod
    def swarm(cls, seed: int) -> "Options":
        """What a campaign runs: each of the following, by the seed."""
        ways = (
            cls.draw,
            cls.draw,
            cls.turbulent,
            cls.trimmed,
            cls.trimmed,
            cls.forgetful,
            cls.liveness,
            cls.liveness,
            cls.contended,
        )
        return Random(f"way {seed}").choice(ways)(seed)

    @classmethod
    def draw(cls, seed: int) -> "Options":
        """A random subset of the kinds; none at all in a quarter of the seeds."""
        rng = Random(seed)
        kinds: list[str] = []
        if rng.random() >= 0.25:
            kinds = [kind for kind in DRAWN if rng.random() < 0.35]
        return cls(
            servers=rng.choice((1, 2, 3, 3, 3, 3, 4, 5, 5, 7)),
            faults=tuple((kind, rng.choice((0.3, 1.0, 3.0))) for kind in kinds),
            seconds=rng.uniform(4.0, 9.0),
            clients=rng.choice((1, 3, 8)),
            config=draw_config(rng),
        )._with_short_logs()

    def _with_short_logs(self) -> "Options":
        """Mostly so short that who is away for a moment needs tables; drawn from what was drawn before."""
        rng = Random(repr(self))
        config = attrs.evolve(
            self.config,
            retained_entries=rng.choice((1, 2, 8, 30, 65_536)),
            retained_bytes=rng.choice((1, 2000, 2**26, 2**26)),
            held_entries=rng.choice((1, 10, 2**20)),
        )
        return attrs.evolve(self, config=config)

    @classmethod
    def whole_log(cls, seed: int) -> "Options":
        """What the seed draws, with logs that are never trimmed."""
        options = cls.draw(seed)
        config = attrs.evolve(options.config, retained_entries=65_536, retained_bytes=2**26)
        return attrs.evolve(options, config=config)

    @classmethod
    def turbulent(cls, seed: int) -> "Options":
        """Short and wild: many faults at once, and elections so often that rare interleavings are less so."""
        rng = Random(seed)
        kinds = [kind for kind in DRAWN if kind not in _NOT_TURBULENT and rng.random() < 0.6]
        return cls(
            servers=rng.choice((3, 3, 4, 5)),
            faults=tuple((kind, rng.choice((0.3, 0.6))) for kind in kinds),
            seconds=3.0,
            clients=rng.choice((1, 3)),
            config=Config(
                heartbeat_seconds=0.05,
                election_seconds_min=0.2,
                election_seconds_spread=rng.choice((0.02, 0.1)),
            ),
        )

    @classmethod
    def contended(cls, seed: int) -> "Options":
        """Leaders are cut off, or their disks stall, while many ask them: what they append is overwritten by others."""
        rng = Random(seed)
        also = [kind for kind in ("pause", "slow_network", "transfer", "crash") if rng.random() < 0.5]
        faults = (
            *(("lone_leader", 0.6), ("slow_disk", 0.3), ("stalled_leader", 1.0)),
            *((kind, 1.0) for kind in also),
        )
        config = Config(
            heartbeat_seconds=0.05,
            election_seconds_min=0.2,
            election_seconds_spread=0.1,
            uncommitted_bytes_max=rng.choice((400, 2**24)),
        )
        return cls(servers=rng.choice((3, 5)), faults=faults, seconds=3.0, clients=8, config=config)

    @classmethod
    def trimmed(cls, seed: int) -> "Options":
        """As turbulent, with logs so short that whoever is away for a moment needs tables."""
        options, rng = cls.turbulent(seed), Random(-seed)
        config = attrs.evolve(
            options.config,
            retained_entries=rng.choice((1, 4)),
            held_entries=rng.choice((1, 8, 100)),
            memory_bytes_kept=rng.choice((0, 2**20)),
        )
        return attrs.evolve(options, config=config)

    @classmethod
    def forgetful(cls, seed: int) -> "Options":
        """What the seed draws with five servers, and one disk that loses its end and does not know how much."""
        options = cls.draw(seed)
        faults = [(kind, mean) for kind, mean in options.faults if kind != "lost_tail"]
        return attrs.evolve(options, servers=5, faults=(*faults, ("amnesia", 1.0)))

    @classmethod
    def liveness(cls, seed: int) -> "Options":
        """As turbulent, on up to seven servers; then the faults freeze, and a majority has to work among ruins."""
        rng = Random(seed)
        options = cls.trimmed(seed) if rng.random() < 0.25 else cls.turbulent(seed)
        # Where each of a bare majority is needed, candidates that come at the same time must be rare.
        config = attrs.evolve(options.config, election_seconds_spread=rng.choice((0.1, 0.2)))
        return attrs.evolve(
            options,
            servers=rng.choice((3, 3, 3, 4, 5, 5, 7)),
            seconds=rng.uniform(0.3, 2.0),
            config=config,
            mode="liveness",
        )

    def __str__(self) -> str:
        faults = " ".join(f"{kind}/{mean}s" for kind, mean in self.faults) or "none"
        return f"{self.servers} servers, {self.clients} clients, {self.seconds:.1f} s, {self.mode}, faults: {faults}"


def draw_config(rng: Random) -> Config:
    """Mostly as in production; sometimes with windows and memory so small that every bound is met."""
    if rng.random() < 0.5:
        return Config()
    return Config(
        election_seconds_spread=rng.choice((0.1, 0.5, 1.0)),
        append_bytes_max=rng.choice((1, 100, 2**20)),
        inflight_messages_max=rng.choice((1, 3, 64)),
        inflight_bytes_max=rng.choice((1, 300, 2**20)),
        uncommitted_bytes_max=rng.choice((400, 5000, 2**24)),
        entry_bytes_max=rng.choice((1, 200, 2**20)),
        gather_bytes_max=rng.choice((1, 2**18)),
        gather_seconds_max=rng.choice((0.0, 0.02)),
        unapplied_bytes_max=rng.choice((5000, 2**23)),
        memory_bytes_kept=rng.choice((0, 100, 2**23)),
        reads_max=rng.choice((2, 4096)),
    )


class Faults(BadWeather[int]):
    """Strikes while the first phase lasts; servers go by their numbers.

    :param cluster: whom they strike.
    :param rng: what all that they do is drawn from.
    """

    slow_delays: ClassVar[tuple[float, ...]] = (0.05, 0.3)

    _world: "Cluster"

    def __init__(self, cluster: "Cluster", rng: Random) -> None:
        super().__init__(cluster, rng, lambda _number: rng)
        for kind, mean in cluster.options.faults:
            if kind == "clock_rates":
                for server in cluster.servers:
                    server.rate = rng.uniform(0.9, 1.1)
            else:
                self._schedule(kind, mean)

    def _everybody(self) -> list[int]:
        return [server.number for server in self._world.servers]

    def _victim(self) -> "Server":
        return self._rng.choice(self._world.servers)

    def _crash(self) -> None:
        victim = self._victim()
        if victim.port is not None:
            self._world.crash(victim)
            self._ending(partial(self._start, victim))

    def _crash_all(self) -> None:
        if self._rng.random() < 0.3:
            for victim in self._world.servers:
                if victim.port is not None:
                    self._world.crash(victim)
                    self._ending(partial(self._start, victim))

    def _mute(self) -> None:
        """One server is heard by nobody, though it hears all."""
        victim = self._anybody()
        self._cut_links((victim, other) for other in self._others(victim))

    def _deaf(self) -> None:
        """One server hears nobody, though all hear it."""
        victim = self._anybody()
        self._cut_links((other, victim) for other in self._others(victim))

    def _slow_disk(self) -> None:
        victim = self._victim()
        victim.sync_delay_max = self._rng.choice((0.03, 0.2))
        self._ending(lambda: setattr(victim, "sync_delay_max", 0.004))

    def _lone_leader(self) -> None:
        """The leader is cut off from all others, and goes on taking what is asked of it until it notices."""
        leader = self._world.leader()
        if leader is not None:
            self._cut_links(both_ways([leader.number], self._others(leader.number)))

    def _stalled_leader(self) -> None:
        leader = self._world.leader()
        if leader is not None:
            leader.stall_disk(0.3 + self._rng.random())

    def _stalled_disk(self) -> None:
        self._victim().stall_disk(self._rng.choice((0.3, 1.0, 2.0)) * self._rng.random())

    def _pause(self) -> None:
        self._victim().pause(self._rng.choice((0.1, 0.7, 2.0)) * self._rng.random())

    def _transfer(self) -> None:
        for server in self._world.servers:
            if server.port is not None:
                server.port.transfer(server.now())

    def _lost_tail(self) -> None:
        """One disk at a time: the others must still hold what was acknowledged."""
        victim = self._victim()
        servers = self._world.servers
        if len(servers) < 3 or any(server.damaged for server in servers):
            return
        if victim.port is not None:
            self._world.crash(victim)
        last = victim.disk.durable.last_index
        first = max(1, last - 5, victim.disk.durable.anchor.index)
        if last > first:
            victim.disk.lose_tail(self._rng.randint(first, last - 1))
        self._ending(partial(self._start, victim))

    def _amnesia(self) -> None:
        """One server in a run, though again and again: a peer may exclude it for good for what it has forgotten."""
        servers = self._world.servers
        victim = next((server for server in servers if server.disk.amnesias), None) or self._victim()
        if victim.port is not None:
            self._world.crash(victim)
        if victim.disk.forget(self._rng.choice((1, 2, 8))):
            self._world.note("disks_with_amnesia")
        self._ending(partial(self._start, victim))

    def _start(self, server: "Server") -> None:
        if server.port is None:
            self._world.start(server)
