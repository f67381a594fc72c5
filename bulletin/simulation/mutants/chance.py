"""Runs of the tiers, wild in the way that a mutant needs.

A tier's own options draw many kinds of faults, each of them now and then.  A mutant that needs two of them at once, or a
window of a single entry, is met far sooner where those are drawn more often: *which* are drawn is decided here, *when* they
strike by the seed as ever.
"""

from collections.abc import Callable, Mapping
from random import Random

import attrs

from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.raft.config import Config
from bulletin.simulation.board import Options as BoardOptions, World
from bulletin.simulation.clocks import World as ClockWorld
from bulletin.simulation.log.cluster import Cluster
from bulletin.simulation.log.faults import Options

Run = Callable[[int], None]

NARROW: Mapping[str, int] = {"append_bytes_max": 1, "inflight_messages_max": 1, "gather_bytes_max": 1}
"""Entries are small, and travel one by one."""


def log_tier(options: Callable[[int], Options]) -> Run:
    """Runs of the log tier.

    :param options: by the seed.
    """

    def run(seed: int) -> None:
        Cluster(seed, options(seed)).run()

    return run


def wild(
    faults: Mapping[str, float],
    *,
    servers: tuple[int, ...] = (3,),
    clients: int = 3,
    seconds: float = 3.0,
    config: Mapping[str, int] | None = None,
) -> Run:
    """Runs of the log tier with these faults and quick elections.

    :param faults: mean seconds between two strikes, by kind.
    :param servers: of which the seed draws one.
    :param config: other fields of the configuration.
    """

    def options(seed: int) -> Options:
        rng = Random(seed)
        number = rng.choice(servers)
        quick = Config(
            heartbeat_seconds=0.05,
            election_seconds_min=0.2,
            election_seconds_spread=rng.choice((0.02, 0.1)),
        )
        return Options(
            servers=number,
            faults=tuple(faults.items()),
            seconds=seconds,
            clients=clients,
            config=attrs.evolve(quick, **(config or {})),
        )

    return log_tier(options)


TURBULENT = log_tier(Options.turbulent)
TRIMMED = log_tier(Options.trimmed)
LIVENESS = log_tier(Options.liveness)


def _colliding(seed: int) -> Options:
    options = Options.liveness(seed)
    return attrs.evolve(options, config=attrs.evolve(options.config, election_seconds_spread=0.02))


COLLIDING = log_tier(_colliding)
"""Liveness mode with elections that collide often, so that terms run apart."""


def clock_tier(seconds: float) -> Run:
    """Runs of the clocks.

    :param seconds: how long one is.
    """

    def run(seed: int) -> None:
        ClockWorld(seed, seconds).run()

    return run


def board_tier(
    faults: Mapping[str, float] | None = None,
    *,
    seconds: float = 4.0,
    config: Mapping[str, int] | None = None,
    window: int = OPERATIONS_REMEMBERED,
) -> Run:
    """Runs of the board tier: three servers, two brokers, and clients in a hurry.

    :param faults: mean seconds between two strikes, by kind.
    :param config: other fields of the nodes' configuration.
    :param window: operations remembered.
    """

    def run(seed: int) -> None:
        quick = Config(heartbeat_seconds=0.05, election_seconds_min=0.2, election_seconds_spread=0.2)
        options = BoardOptions(
            servers=3,
            faults=tuple((faults or {}).items()),
            seconds=seconds,
            clients=3,
            brokers=2,
            loops=3,
            pauses=(0.0, 0.02),
            config=attrs.evolve(quick, **(config or {})),
            window=window,
            calm=1,
        )
        World(seed, options).run()

    return run
