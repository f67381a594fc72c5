"""How a run is set up: drawn from its seed, and said in words beside it."""

from random import Random
from typing import Final, Literal, Self

import attrs

from bulletin.core.limits import OPERATIONS_REMEMBERED
from bulletin.core.raft.config import Config

NETWORK: Final = (
    "cut",
    "one_way",
    "split",
    "isolate",
    "chain",
    "loss",
    "duplication",
    "reordering",
    "straggling",
    "tearing",
    "slow_network",
    "slow_link",
    "frozen_link",
    "reconnect",
    "full_queue",
    "old_letters",
    "stranger",
)
PROCESS: Final = (
    "kill",
    "power",
    "power_all",
    "restart_storm",
    "leave",
    "moved",
    "pause",
    "kill_broker",
    "pause_broker",
    "kill_proxy",
    "kill_reference",
    "kill_client",
    "pause_client",
    "clock_drift",
    "clock_rates",
    "wall_jump",
)
DISK: Final = (
    "slow_disk",
    "stalled_disk",
    "failing_sync",
    "full_disk",
    "lost_tail",
    "lost_file",
    "torn_slot",
    "flipped_row",
    "rolled_back",
    "wiped",
    "copied",
    "forged_row",
)
KINDS: Final = (*NETWORK, *PROCESS, *DISK)
SETTINGS: Final = ("clock_drift", "clock_rates")
"""Faults that are there from the start, or not at all."""

DRAWN_APART: Final = ("forged_row",)
"""Faults that came later, each drawn by chances of its own: what is drawn after them is as it was."""

COPYING: Final = ("duplication", "old_letters", "stranger")
"""Faults by which a message may come again."""

Mode = Literal["safety", "liveness"]

EIGHT: Final = 8
FAIR: Final = (0, 4)
"""Seeds without any fault, by their rest."""

HARSH: Final[dict[int, tuple[Mode, tuple[tuple[str, float], ...]]]] = {
    3: (
        "liveness",
        (
            ("stalled_disk", 0.3),
            ("isolate", 0.3),
            ("kill", 0.5),
            ("one_way", 0.5),
            ("power", 0.7),
            ("kill_client", 1.0),
            ("straggling", 0.7),
        ),
    ),
    5: (
        "safety",
        (
            ("lost_tail", 0.5),
            ("rolled_back", 1.5),
            ("full_disk", 0.4),
            ("flipped_row", 1.0),
            ("pause", 0.4),
            ("restart_storm", 0.8),
            ("slow_disk", 0.5),
        ),
    ),
    7: ("safety", (("stalled_disk", 0.4), ("chain", 0.4), ("cut", 0.3), ("power_all", 1.5))),
}
"""By the rest of a seed: the mode, and the faults."""

FORGING_EVERY: Final = 16
FORGING_REST: Final = 13
"""Disks are forged in one of :data:`FORGING_EVERY` seeds: those with this rest."""

FORGING: Final = (("forged_row", 0.4), ("kill", 0.8), ("pause", 0.8), ("slow_disk", 0.8), ("one_way", 0.8))
"""The faults of runs in which disks are forged: no others are spoilt, since only so few may be at a time."""


@attrs.frozen
class Options:
    """How a run is set up.

    :param servers: how many.
    :param faults: mean seconds between two strikes, by kind.
    :param seconds: how long they strike, once the board has formed.
    :param clients: how many ask at the same time.
    :param mode: what follows: ``safety``: all is mended; ``liveness``: a minority stays broken for good.  In both the board
        then has to work.
    :param skip: strikes that are left out, by their running numbers.
    :param brokers: how many.
    :param proxies: how many.
    :param loops: requests that each client has under way at most.
    :param timeout: seconds that a client waits for an answer.
    :param pauses: seconds that a client thinks at most, one of them drawn for each request.
    :param pending: requests that a broker holds at most.
    :param config: the nodes' times and bounds.
    :param bot_rate: posts a second of the bot that is the last of several clients; 0: there is none.
    :param window: operations whose ids are remembered.
    :param early: whether faults strike from the very start, while the board forms.
    :param calm: election timeouts for which nothing may change at the end.
    """

    servers: int
    faults: tuple[tuple[str, float], ...] = ()
    seconds: float = 5.0
    clients: int = 2
    mode: Mode = "safety"
    skip: frozenset[int] = frozenset()
    brokers: int = 1
    proxies: int = 1
    loops: int = 2
    timeout: float = 5.0
    pauses: tuple[float, ...] = (0.0, 0.02, 0.2)
    pending: int = 8192
    config: Config = attrs.Factory(Config)
    bot_rate: float = 0.0
    window: int = OPERATIONS_REMEMBERED
    early: bool = False
    calm: int = 5

    @classmethod
    def draw(cls, seed: int) -> Self:
        """A random subset of the kinds of faults; none at all in a quarter of the seeds, many at once in others.

        In three of eight seeds the faults and bounds are those that lead to what is rare: see :data:`HARSH`, and
        :data:`FORGING` for half of one of these.
        """
        rng = Random(f"{seed} options")
        style = rng.choice(("mixed", "mixed", "wild"))
        if seed % EIGHT in FAIR:
            style = "fair"
        elif seed % FORGING_EVERY == FORGING_REST:
            return cls.forging(rng)
        elif seed % EIGHT in HARSH:
            return cls.harsh(*HARSH[seed % EIGHT], rng)
        share = {"fair": 0.0, "mixed": rng.choice((0.08, 0.2)), "wild": 0.5}[style]
        means = (0.3, 0.6, 1.5) if style == "wild" else (0.5, 1.5, 4.0)
        kinds = [kind for kind in KINDS if kind not in DRAWN_APART and rng.random() < share]
        kinds += [kind for kind in DRAWN_APART if Random(f"{seed} {kind}").random() < share]
        return cls(
            servers=rng.choice((1, 2, 3, 3, 3, 3, 4, 5, 5, 7)),
            faults=tuple((kind, rng.choice(means)) for kind in kinds),
            seconds=rng.uniform(2.0, 6.0),
            clients=rng.choice((1, 2, 4)),
            mode=rng.choice(("safety", "liveness")),
            brokers=rng.choice((1, 2)),
            proxies=rng.choice((1, 1, 2)),
            loops=rng.choice((1, 2, 5)),
            timeout=rng.choice((2.0, 5.0, 5.0, 8.0)),
            pauses=rng.choice(((0.01, 0.1, 0.3), (0.1, 0.5), (0.0, 0.05))),
            pending=rng.choice((8, 64, 8192, 8192)),
            config=draw_config(rng),
            bot_rate=rng.choice((0.0, 0.0, 5.0, 40.0)),
            window=rng.choice((4, 32, OPERATIONS_REMEMBERED, OPERATIONS_REMEMBERED)),
            early=rng.random() < 0.15,
            calm=rng.choice((2, 2, 5, 20)),
        )._with_few_sessions()

    def _with_few_sessions(self) -> Self:
        """Where ids are soon forgotten, no client may begin more sessions than are remembered beyond that."""
        if self.window == OPERATIONS_REMEMBERED:
            return self
        faults = tuple((kind, mean) for kind, mean in self.faults if kind != "kill_client")
        return attrs.evolve(self, faults=faults)

    @classmethod
    def harsh(cls, mode: Mode, faults: tuple[tuple[str, float], ...], rng: Random) -> Self:
        """So short logs and times that every stall, cut and crash has consequences."""
        return cls(
            servers=rng.choice((3, 3, 5)),
            faults=faults,
            seconds=4.0,
            clients=3,
            mode=mode,
            brokers=2,
            loops=3,
            pauses=(0.01, 0.1),
            config=Config(
                heartbeat_seconds=0.05,
                election_seconds_min=0.2,
                election_seconds_spread=0.2,
                retained_entries=1,
                held_entries=1,
                memory_bytes_kept=0,
                uncommitted_bytes_max=rng.choice((1000, 2**24)),
            ),
            calm=1,
        )

    @classmethod
    def forging(cls, rng: Random) -> Self:
        """Logs that are long enough for a server that was away, so that its own is held against the leader's."""
        drawn = cls.harsh("safety", FORGING, rng)
        kept = rng.choice((16, 64))
        return attrs.evolve(
            drawn, config=attrs.evolve(drawn.config, retained_entries=kept, held_entries=4 * kept)
        )

    @property
    def timely(self) -> bool:
        """Whether elections can be expected to end: no absurd timeouts."""
        return self.config.election_seconds_min >= 0.2 and self.config.election_seconds_spread >= 0.1

    def __str__(self) -> str:
        faults = " ".join(f"{kind}/{mean}s" for kind, mean in self.faults) or "none"
        config = self.config
        own = [
            f"{field.name}={getattr(config, field.name)}"
            for field in attrs.fields(Config)
            if getattr(config, field.name) != field.default
        ]
        skipped = f", {len(self.skip)} strikes left out" if self.skip else ""
        return (
            f"{self.servers} servers, {self.brokers} brokers, {self.proxies} proxies, {self.clients} clients with"
            f" {self.loops} requests each, {self.seconds:.1f} s, {self.mode}, faults: {faults}{skipped};"
            f" {', '.join(own) or 'the usual times and bounds'}"
            f"{f', a bot with {self.bot_rate} posts/s' if self.bot_rate else ''}"
            f"{'' if self.window == OPERATIONS_REMEMBERED else f', {self.window} ids remembered'}"
            f"{', from the start' if self.early else ''}"
        )


def draw_config(rng: Random) -> Config:
    """Mostly as in production; sometimes with bounds so small that each is met, and times that are absurd."""
    heartbeat, election, spread = rng.choice(
        (
            (0.1, 0.5, 0.5),
            (0.1, 0.5, 0.5),
            (0.1, 0.5, 0.5),
            (0.05, 0.2, 0.2),
            (0.3, 1.5, 1.0),
            (0.03, 0.06, 0.0),
        )
    )
    config = Config(
        heartbeat_seconds=heartbeat,
        election_seconds_min=election,
        election_seconds_spread=spread,
        retained_entries=rng.choice((1, 4, 16, 64, 65_536)),
        held_entries=rng.choice((1, 16, 2**18)),
        memory_bytes_kept=rng.choice((0, 2**20)),
    )
    if rng.random() < 0.5:
        return config
    return attrs.evolve(
        config,
        append_bytes_max=rng.choice((1, 300, 2**20)),
        inflight_messages_max=rng.choice((1, 3, 64)),
        inflight_bytes_max=rng.choice((1, 1000, 2**20)),
        uncommitted_bytes_max=rng.choice((1000, 20_000, 2**24)),
        entry_bytes_max=rng.choice((1, 1000, 2**20)),
        gather_bytes_max=rng.choice((1, 2**18)),
        gather_seconds_max=rng.choice((0.0, 0.02)),
        unapplied_bytes_max=rng.choice((5000, 2**23)),
        retained_bytes=rng.choice((1, 2000, 2**26)),
        reads_max=rng.choice((2, 4096)),
    )
