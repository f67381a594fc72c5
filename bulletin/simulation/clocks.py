"""The clocks of a whole board on simulated machines, where the true error of every time stamped is known.

The shipped coordinator and the shipped server's side of it talk in the bytes of the wire, over a network with delays, jitter and
loss; each machine has a clock of its own that is wrong by seconds and drifts by up to 200 ppm.  The reference dies and comes back,
servers restart and stand still, one lies by an hour, one lies by a little, one is slow.

    python -m bulletin.simulation.clocks --seeds 0:200 --minutes 30
"""

import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from random import Random

import attrs

from bulletin.core.clocks.corrected import SLEPT_MIN, SLEW, CorrectedClock, State
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.reference.coordinator import Coordinator
from bulletin.core.reference.ranks import Record
from bulletin.core.server.formation import Formation
from bulletin.core.server.notices import Notices
from bulletin.core.server.timekeeping import Timekeeping
from bulletin.core.wire import reference as wire
from bulletin.core.wire.clocks import Adjustment, Probe, ProbeAnswer
from bulletin.core.wire.envelope import Dialect
from bulletin.core.wire.reference import Addressed, ReferenceRequest
from bulletin.simulation.command_line import Parser, above_zero, carry_out, seed_range
from bulletin.simulation.time import SimulatedTime

WALL = 1.7e9
SERVER_TICK = 0.1
REFERENCE_TICK = 0.25
STAMPS_EVERY = 0.2
GRACE = 10.0
"""Seconds after a start of anything in which clocks need not agree yet."""
MINUTES_MAX = 7 * 24 * 60
FAR = 6.0
"""Seconds that the board's time may be from true time: as far as honest machines' clocks are that nobody sets, and drift."""
SHARE_INSIDE = 0.999
DISAGREEMENT_ON_A_LAN = 0.010
ROUNDING = 2e-6


@attrs.frozen
class Link:
    """Delays between the reference and one server, in seconds."""

    there: float
    back: float
    jitter: float
    loss: float

    def delay(self, rng: Random, *, there: bool) -> float | None:
        """Seconds that the next message takes in a direction, or None: it is lost."""
        if rng.random() < self.loss:
            return None
        return (self.there if there else self.back) + rng.expovariate(1.0 / self.jitter)


class Machine:
    """Its clocks: a monotonic one that drifts, and a wall clock that people set."""

    def __init__(self, time: SimulatedTime, rng: Random, offset: float, ppm: float) -> None:
        self._time = time
        self._rate = 1.0 + ppm * 1e-6
        self._booted = rng.uniform(10.0, 1e5)
        self.offset = offset
        self.set_forward = 0
        """How often people have set its wall clock so far forward that it may as well have slept."""

    def set(self, seconds: float) -> None:
        """People set the wall clock."""
        self.offset += seconds
        self.set_forward += seconds >= SLEPT_MIN

    @property
    def now(self) -> Instant:
        """What both clocks of the machine show."""
        elapsed = self._time.now * self._rate
        return Instant(self._booted + elapsed, WALL + elapsed + self.offset)


class Server:
    """One server's clock, with what the replica does for it."""

    honest = True

    def __init__(self, world: "World", number: int, machine: Machine, link: Link) -> None:
        self.world = world
        self.name = f"s{number}"
        self.member = bytes([number]) * 16
        self.machine = machine
        self.link = link
        self.life = 0
        self.started_at = 0.0
        self.paused_until = 0.0
        self.start()

    def start(self) -> None:
        """A process begins."""
        now = self.machine.now
        self.life += 1
        self.started_at = self.world.time.now
        self.clock = CorrectedClock(now)
        self.lamport = LamportClock()
        notices = Notices()
        self.keeping = Timekeeping(self.name, self.clock, notices, now)
        self.formation = Formation(
            self.name, f"tcp://{self.name}:1", self.member, 3, self.world.document, notices
        )
        self.adjusted_at = 0.0
        self.before: tuple[float, float, int] | None = None
        self.world.time.after(0.0, partial(self.tick, self.life))
        self.world.time.after(self.world.rng.random(), partial(self.stamp, self.life))

    def tick(self, life: int) -> None:
        """Time has passed for this process."""
        if life != self.life:
            return
        time = self.world.time
        if time.now >= self.paused_until:
            now = self.machine.now
            request = self.formation.tick(now)
            if request is not None:
                self.send(self.formation.address(request, self.lamport.tick(), self.clock.read(now)))
            asked = self.keeping.tick(now, heard_at=self.formation.heard_at, beats=self.formation.beats)
            if asked is not None:
                self.ask(asked)
            if self.keeping.settled:
                self.clock.fix()
        time.after(SERVER_TICK, lambda: self.tick(life))

    def ask(self, request: ReferenceRequest) -> None:
        """Ask the reference something."""
        now = self.machine.now
        self.send(Addressed(request, Dialect.SERVICE, self.lamport.tick(), self.clock.read(now)))

    def send(self, request: Addressed) -> None:
        """Send the reference a message."""
        self.world.to_reference(self, wire.encode(request))

    def receive(self, frame: bytes, life: int) -> None:
        """A message of the reference comes in."""
        if life != self.life:
            return
        time = self.world.time
        if time.now < self.paused_until:
            time.after(self.paused_until - time.now, lambda: self.receive(frame, life))
            return
        reply = wire.decode_reply(frame)
        match reply.body:
            case Probe():
                self.keeping.probed(reply.body, self.machine.now)
                for answer in self.keeping.take():
                    self.ask(self.answer(answer))
            case Adjustment():
                self.adjust(reply.body)
            case _:
                self.formation.receive(reply, self.machine.now)

    def answer(self, answer: ProbeAnswer) -> ProbeAnswer:
        """What this server says to a probe: the truth."""
        return answer

    def adjust(self, adjustment: Adjustment) -> None:
        """Carry out an adjustment."""
        self.keeping.adjusted(adjustment, self.machine.now)
        self.adjusted_at = self.world.time.now

    def stamp(self, life: int) -> None:
        """A post is admitted: look at what is said about its time."""
        if life != self.life:
            return
        world = self.world
        if world.time.now >= self.paused_until and self.keeping.settled:
            world.exchange(self)
            self.look()
        world.time.after(world.rng.expovariate(1 / STAMPS_EVERY), lambda: self.stamp(life))

    def look(self) -> None:
        """Hold what the clock says against the truth."""
        world, now = self.world, self.machine.now
        time, bound = self.clock.read(now), self.clock.bound(now)
        if self.before is not None:
            elapsed = world.time.now - self.before[0]
            gained = time - self.before[1]
            assert gained >= 0.0, f"{self.name} ran backwards"
            if self.clock.steps > self.before[2]:
                world.counts["caught up at once"] += 1
            else:
                assert gained <= elapsed * (1 + SLEW + 0.001) + ROUNDING, (
                    f"{self.name} jumped by {gained - elapsed}"
                )
        self.before = world.time.now, time, self.clock.steps
        board = world.board_time()
        if board is None:
            return
        if bound is None:
            world.counts["never synchronised"] += 1
            return
        assert abs(board - WALL - world.time.now) <= world.far, (
            f"the board's time is {board - WALL - world.time.now} s off"
        )
        world.counts["stamps"] += 1
        error = abs(time - board)
        if self.adjusted_at < world.lost_at:
            world.counts["by a time that was lost"] += 1
        elif error > bound + ROUNDING:
            world.counts["outside"] += 1
            world.worst = max(world.worst, error - bound)


class Liar(Server):
    """Says something else than its clock shows, and does as it likes."""

    honest = False
    lie = 3600.0

    def answer(self, answer: ProbeAnswer) -> ProbeAnswer:
        """What this one says to a probe: a lie."""
        time = self.machine.now.wall + self.lie
        return attrs.evolve(answer, time=time, bound=0.0, state=State.IN_STEP)

    def look(self) -> None:
        """Its own stamps are worth nothing."""


@attrs.frozen
class Options:
    """A run.

    :param seconds: how long.
    :param lan: whether the network is fast.
    """

    seconds: float
    lan: bool
    lies: tuple[float, ...]
    slow: bool
    outages: bool


class World:
    """A reference and its servers.

    :param seed: decides all that happens.
    :param seconds: for how long.
    """

    def __init__(self, seed: int, seconds: float) -> None:
        self.rng = rng = Random(seed)
        self.time = SimulatedTime()
        self.counts: Counter[str] = Counter()
        self.worst = 0.0
        self.disagreement = 0.0
        self.options = Options(
            seconds,
            lan=rng.random() < 0.6,
            lies=tuple(rng.choice([3600.0, -3600.0, 0.05, -0.09, 1e9]) for _ in range(rng.choice([0, 0, 1]))),
            slow=rng.random() < 0.3,
            outages=rng.random() < 0.7,
        )
        self.machine = self._machine()
        self.record = Record()
        good = rng.choice([3, 3, 4])
        total = good + len(self.options.lies) + self.options.slow
        self.document = FoundingDocument(
            b"c" * 16,
            tuple(Member(bytes([n]) * 16, f"s{n}", f"tcp://s{n}:1", n) for n in range(1, total + 1)),
        )
        self.coordinator: Coordinator | None = None
        self.board: CorrectedClock | None = None
        self.reference_started_at = 0.0
        self.lost_at = 0.0
        """When a reference began with a time of its own, since all but one who knew the board's were away or had died, too."""
        self.far = FAR
        self.servers = [Server(self, n, self._machine(), self._link()) for n in range(1, good + 1)]
        for lie in self.options.lies:
            liar = Liar(self, len(self.servers) + 1, self._machine(), self._link())
            liar.lie = lie
            self.servers.append(liar)
        if self.options.slow:
            slow = Link(0.2, 0.2, 0.01, 0.0)
            self.servers.append(Server(self, len(self.servers) + 1, self._machine(), slow))
        self.by_route = {server.name.encode(): server for server in self.servers}
        self.start_reference()
        self._plan_faults()
        self._compare()

    def _machine(self) -> Machine:
        rng = self.rng
        return Machine(
            self.time, rng, rng.choice([0.0, rng.gauss(0, 0.02), rng.uniform(-5, 5)]), rng.uniform(-200, 200)
        )

    def _link(self) -> Link:
        rng = self.rng
        if self.options.lan:
            return Link(rng.uniform(1e-4, 5e-4), rng.uniform(1e-4, 5e-4), 3e-4, rng.choice([0.0, 0.02]))
        return Link(rng.uniform(1e-3, 0.06), rng.uniform(1e-3, 0.06), 5e-3, rng.choice([0.0, 0.05]))

    # Faults

    def _plan_faults(self) -> None:
        rng, at = self.rng, 30.0
        while self.options.outages and at < self.options.seconds:
            self.time.after(
                at, rng.choice([self._outage, self._restart, self._pause, self._set_a_wall_clock])
            )
            at += rng.expovariate(1 / 45.0)

    def _outage(self) -> None:
        if self.coordinator is not None:
            self.counts["outages"] += 1
            self.coordinator = None
            down = self.rng.choice([0.5, 5.0, self.rng.uniform(30, 240)])
            self.time.after(down, self.start_reference)

    def _restart(self) -> None:
        self.counts["restarts"] += 1
        self.rng.choice(self.servers).start()

    def _pause(self) -> None:
        self.counts["pauses"] += 1
        server = self.rng.choice(self.servers)
        server.paused_until = self.time.now + self.rng.choice([0.1, 1.0, 20.0])

    def _set_a_wall_clock(self) -> None:
        self.counts["wall clocks set"] += 1
        machine = self.rng.choice([self.machine, *(server.machine for server in self.servers)])
        machine.set(self.rng.choice([-3600.0, 3600.0, 1.0]))

    # The reference

    def start_reference(self) -> None:
        """A process of the reference begins."""
        self.reference_started_at = self.time.now
        self.coordinator = Coordinator(self.record, LamportClock(), self.rng, self.machine.now)
        self._reference_tick(self.coordinator)

    def _reference_tick(self, life: Coordinator) -> None:
        if life is not self.coordinator:
            return
        life.tick(self.machine.now)
        self._reference_turn(life)
        self.time.after(REFERENCE_TICK, lambda: self._reference_tick(life))

    def to_reference(self, server: Server, frame: bytes) -> None:
        """A message comes to the reference."""
        delay = server.link.delay(self.rng, there=False)
        if delay is None:
            return

        def arrive() -> None:
            life = self.coordinator
            if life is not None:
                life.receive((server.name.encode(),), [frame], self.machine.now)
                self._reference_turn(life)

        self.time.after(delay, arrive)

    def _reference_turn(self, life: Coordinator) -> None:
        ready = life.ready(self.machine.now)
        if ready.save is not None:
            self.record = ready.save.record
            life.stored(ready.save.sequence, self.machine.now)
            self.time.after(0.0, lambda: self._reference_turn(life))
        for route, frame in ready.replies:
            server = self.by_route[route[0]]
            delay = server.link.delay(self.rng, there=True)
            if delay is not None:
                self.time.after(delay, partial(server.receive, frame, server.life))
        clock = life.rounds.clock
        if life is self.coordinator and clock.steps and self.board is not clock:
            self.board = clock
            settled = {row.name for row in life.rounds.rows(self.machine.now) if row.state is not State.NEVER}
            if sum(server.honest and server.name in settled for server in self.servers) < 2:
                self._begin_anew()

    def _begin_anew(self) -> None:
        """The board's time is one machine's from here on, of which people may have set the clock."""
        self.lost_at = self.time.now
        self.far = FAR + max(abs(server.machine.offset) for server in self.servers if server.honest)
        self.far += abs(self.machine.offset)
        self.counts["a time of its own"] += 1

    def board_time(self) -> float | None:
        """The reference's corrected clock; while it is away, as it would go on."""
        return None if self.board is None else self.board.read(self.machine.now)

    def exchange(self, server: Server) -> None:
        """A post costs two messages."""
        server.keeping.exchanged(2)

    # Agreement

    def _compare(self) -> None:
        """How far the clocks disagree of those that have been in step for a while."""
        self.time.after(0.5, self._compare)
        quiet = self.time.now - GRACE
        if self.coordinator is None or self.reference_started_at > quiet:
            return
        readings = [
            server.clock.read(server.machine.now)
            for server in self.servers
            if server.honest
            and max(server.started_at, server.paused_until) < quiet
            and server.clock.state(server.machine.now) is State.IN_STEP
            and abs(server.clock.left(server.machine.now)) < ROUNDING
        ]
        if len(readings) > 1:
            self.counts["compared"] += 1
            self.disagreement = max(self.disagreement, max(readings) - min(readings))

    def run(self) -> None:
        """To the end; raises ``AssertionError`` where a promise is broken."""
        self.time.run_until(self.options.seconds)
        for server in self.servers:
            assert server.clock.steps <= 1 + server.machine.set_forward, f"{server.name} jumped for no reason"
        assert self.counts["stamps"] > 0, "nothing was stamped"
        assert self.inside >= SHARE_INSIDE, f"only {self.inside:.5f} of the times were within their bounds"
        if self.options.lan:
            assert self.disagreement <= DISAGREEMENT_ON_A_LAN, (
                f"the clocks are {self.disagreement:.4f} s apart"
            )

    @property
    def inside(self) -> float:
        """The share of times stamped that were within their bound."""
        return 1.0 - self.counts["outside"] / max(1, self.counts["stamps"])


def campaign(seeds: range, seconds: float) -> Iterator[World]:
    """Runs, each with its seed; a failing one is named."""
    for seed in seeds:
        world = World(seed, seconds)
        try:
            world.run()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}; {world.options}") from error
        yield world


def main(words: list[str] | None = None) -> int:
    """The command; its exit status: 0 all held, 1 something did not, 2 a mistake on the command line.

    :param words: what was typed; None: this process's arguments.
    """
    parser = Parser("python -m bulletin.simulation.clocks", __doc__)
    parser.add_argument("--seeds", type=seed_range, default=range(20), metavar="FIRST:AFTER", help="0:20")
    parser.add_argument("--minutes", type=above_zero(MINUTES_MAX), default=10.0, help="each run's (10)")
    arguments = parser.parse_args(words)
    if not __debug__:
        print("The checks of the simulation are assertions: run it without -O.", file=sys.stderr)
        return 2
    counts: Counter[str] = Counter()
    worst = disagreement = 0.0
    try:
        for world in campaign(arguments.seeds, 60 * arguments.minutes):
            counts += world.counts
            worst = max(worst, world.worst)
            if world.options.lan:
                disagreement = max(disagreement, world.disagreement)
    except AssertionError as error:
        print(error)
        return 1
    inside = 1 - counts["outside"] / max(1, counts["stamps"])
    print(f"{len(arguments.seeds)} runs of {arguments.minutes:g} minutes: {dict(counts)}")
    print(f"within their bound: {100 * inside:.4f} %; the worst was {1000 * worst:.3f} ms outside")
    print(f"largest disagreement of clocks in step on a fast network: {1000 * disagreement:.3f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(carry_out(main))
