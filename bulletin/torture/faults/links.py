"""Links that are cut, in one direction or both, and links that are slow."""

from random import Random

from bulletin.simulation.weather import both_ways
from bulletin.torture.board import RoleProcess
from bulletin.torture.faults.fault import Conditions, Fault, Scene
from bulletin.torture.lag import Quality
from bulletin.torture.network import Network, Slow

Link = tuple[str, str]
"""Sender and receiver, by the names of their roles."""


class _Links(Fault):
    """Something happens to links."""

    seconds = (1.0, 8.0)

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        self.victims = [role.name for role in claims]
        self.fellows = [server.name for server in scene.board.servers if server not in claims]

    @classmethod
    def obstacle(cls, conditions: Conditions) -> str | None:
        """It takes a network of our own."""
        return super().obstacle(conditions) or conditions.abilities.network

    @property
    def network(self) -> Network:
        """The network, which there is."""
        assert self.scene.network is not None
        return self.scene.network


class _Cut(_Links):
    """Links that are cut."""

    links: list[Link]

    def begin(self) -> None:
        """Cut them."""
        self.network.cut(self.links)

    def end(self) -> None:
        """Mend them."""
        self.network.mend(self.links)


class Isolate(_Cut):
    """A server that none of its fellows hears, nor some of the other roles."""

    kind = "isolate"

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        edges = [name for name in ("broker", "proxy", "reference") if rng.random() < 0.5]
        self.detail = f"from the others {' '.join(edges)}".rstrip()
        self.links = both_ways(self.victims, self.fellows + edges)


class Halves(_Cut):
    """A minority on one side, the rest on the other."""

    kind = "halves"

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        self.links = both_ways(self.victims, self.fellows)

    @classmethod
    def pick(
        cls, scene: Scene, rng: Random, free: list[RoleProcess], budget: int
    ) -> tuple[RoleProcess, ...] | None:
        """As many as may be broken."""
        servers = [role for role in free if role in scene.board.servers]
        return tuple(rng.sample(servers, budget)) if budget and len(servers) >= budget else None


class OneWay(_Cut):
    """A server that hears its fellows and is not heard, or the reverse."""

    kind = "one-way"

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        outward = rng.random() < 0.5
        self.detail = "is not heard" if outward else "does not hear"
        pairs = [(victim, fellow) for victim in self.victims for fellow in self.fellows]
        self.links = pairs if outward else [(fellow, victim) for victim, fellow in pairs]


class Partial(_Cut):
    """Two servers that do not reach each other, while all others reach both."""

    kind = "partial"

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        fellow = rng.choice(self.fellows)
        self.detail = f"from {fellow}"
        self.links = both_ways(self.victims, [fellow])


class Edges(_Cut):
    """Broker, proxy or reference, cut off from some of the servers."""

    kind = "edges"
    excuses = True
    servers_min = 1

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        names = [server.name for server in scene.board.servers]
        cut = rng.sample(names, rng.randint(1, len(names)))
        self.detail = f"from {' '.join(cut)}"
        self.links = both_ways(self.victims, cut)

    @classmethod
    def pick(
        cls, scene: Scene, rng: Random, free: list[RoleProcess], budget: int
    ) -> tuple[RoleProcess, ...] | None:
        """One that is no server."""
        del budget
        edges = [role for role in free if role not in scene.board.servers]
        return (rng.choice(edges),) if edges else None


class SlowLinks(_Links):
    """A server whose links are slow, lose packets, and let them overtake each other."""

    kind = "slow"
    # Whoever is slow is not dead: the board waits for a leader like that, for longer than some clients.
    excuses = delays = True
    seconds = (3.0, 12.0)

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        self._quality = Quality(
            delay=rng.choice((0.005, 0.05, 0.2)),
            jitter=rng.choice((0.0, 0.02, 0.1)),
            loss=rng.choice((0.0, 0.02, 0.1)),
            twice=rng.choice((0.0, 0.05)),
            seed=rng.randrange(2**32),
        )
        self._slow: Slow | None = None
        quality = self._quality
        self.detail = (
            f"by {1000 * quality.delay:g} to {1000 * (quality.delay + quality.jitter):g} ms,"
            f" {quality.loss:.0%} lost, {quality.twice:.0%} twice"
        )

    @classmethod
    def obstacle(cls, conditions: Conditions) -> str | None:
        """It takes a device besides."""
        return super().obstacle(conditions) or conditions.abilities.slow_links

    def begin(self) -> None:
        """Hold back what it sends and hears."""
        self._slow = self.network.slow(both_ways(self.victims, self.fellows), self._quality)

    def end(self) -> None:
        """Let it through again."""
        assert self._slow is not None
        self.network.hasten(self._slow)
