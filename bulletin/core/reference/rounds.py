"""The rounds in which the reference holds all clocks together: Berkeley's algorithm, with the reference as its master.

::

              tick: it is time           all have answered, or patience ends
    IDLE ─────────────────────► PROBING ─────────────────────────────────────► average, adjustments ──► IDLE

Each round: several probes to every live server, an estimate of each offset from the shortest round trip
(:mod:`~bulletin.core.clocks.round_trip`), the fault-tolerant average of all clocks
(:mod:`~bulletin.core.clocks.berkeley`), and to each server its adjustment.  The average steers the coordinator's own
clock, by 100 ppm at most: that clock is the board's time, to which the servers are set, and so a server that misses
rounds knows how far it can have gone.  Only in its first round the coordinator's clock jumps to the average.

Traps.

- An answer counts if the probe was sent to that very connection in this round and is waited for; anything else is counted and dropped.
- Only members of the cluster have a vote in the average; others (an empty server that waits) are only set right.
- Numbers of rounds go on from a random one, so that an adjustment of an earlier start cannot be taken for one of this.
"""

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Final

import attrs

from bulletin.core.clocks.berkeley import (
    GAMMA,
    ROUND_SECONDS,
    Average,
    Reading,
    Standing,
    fault_tolerant_average,
)
from bulletin.core.clocks.corrected import FREE_AFTER, CorrectedClock, State
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.round_trip import Probing, RoundTrip
from bulletin.core.limits import MEMBERS_MAX
from bulletin.core.wire.clocks import Adjustment, ClockRow, Probe, ProbeAnswer

if TYPE_CHECKING:
    from random import Random

STEER: Final = 100e-6
"""By how much the average may make the board's time faster or slower."""

ROUND_PATIENCE: Final = 0.8
"""Seconds after which a round ends without those that have not answered."""

SOONEST: Final = 1.0
"""Seconds between two rounds at least, however many servers ask for one."""

GATHERING: Final = 3.0
"""Seconds for which the first round waits for servers that are still to come: the coordinator jumps in it.  More than the
interval of their heartbeats: one that runs by the board's time must not come after a newcomer, or that time is lost."""

ROUNDS_TO_GATHER: Final = 5
"""Rounds after which nobody who is missing is waited for with the news that the clocks are in step."""

TELL_SECONDS: Final = 60.0
"""Seconds from one line of the log with all clocks in it to the next."""

IN_STEP: Final = 0.010
"""Clocks that differ by less are in step, in seconds."""

Route = tuple[bytes, ...]


@attrs.frozen
class Candidate:
    """A server that is alive.

    :param name: its name.
    :param rank: its rank; those with the smaller rank are asked where there are too many.
    :param votes: whether it counts in the average.
    """

    name: str
    rank: int
    votes: bool


@attrs.define
class _Known:
    """What is known of a server's clock: of as many as a round asks, and as many that are away, at most."""

    rank: int
    votes: bool
    trip: RoundTrip | None = None
    answer: ProbeAnswer | None = None
    measured_at: float | None = None
    standing: Standing | None = None


@attrs.define
class _Asked:
    """A server in the present round."""

    route: Route
    probing: Probing
    answers: dict[int, ProbeAnswer] = attrs.Factory(dict)


@attrs.frozen
class RoundsStatus:
    """The rounds, for metrics.

    :param rounds: held since the start.
    :param early: of them because a server asked.
    :param refused: answers that nobody waited for.
    :param standings: servers by what became of them in the latest round.
    :param spread: how far the clocks of the average differ, in seconds, or None while there was no round.
    :param correction: how far the board's time is ahead of this machine's, in seconds.
    :param left: what is left to steer, in seconds.
    :param state: how the coordinator stands: free where nobody answers.
    """

    rounds: int
    early: int
    refused: int
    standings: dict[Standing, int]
    spread: float | None
    correction: float
    left: float
    state: State


class Rounds:
    """The rounds.

    :param rng: where the first round's number is drawn from.
    :param say: called with (kind, sentence) for the log; the same kind is said now and then only.
    :param now: the start.
    """

    def __init__(self, rng: "Random", say: Callable[[str, str], object], now: Instant) -> None:
        self.clock = CorrectedClock(now, slew=STEER)
        """The board's time."""
        self._say = say
        self._source = rng.getrandbits(48)
        self._round = rng.getrandbits(48)
        self._routes: dict[str, Route] = {}
        self._known: dict[str, _Known] = {}
        self._asked: dict[str, _Asked] = {}
        self._out: list[tuple[Route, Adjustment]] = []
        self._wanted = False
        self._began_at = float("-inf")
        self._heard_first: float | None = None
        self._spread: float | None = None
        self._in_step = False
        self._expected = 1
        self._rounds = self._early = self._refused = 0
        self._told_at = now.monotonic

    # What comes in

    def heard(self, name: str, route: Route) -> None:
        """A server's heartbeat came by this connection."""
        self._routes[name] = route

    def want(self, name: str, route: Route) -> bool:
        """A server asks for a round; False: it is none that is known by this connection."""
        if self._routes.get(name) != route:
            return False
        self._wanted = True
        return True

    def answer(self, answer: ProbeAnswer, route: Route, now: Instant) -> None:
        """A server's answer to a probe."""
        asked = self._asked.get(answer.user)
        if asked is None or asked.route != route or answer.round != self._round:
            self._refused += 1
            return
        if not asked.probing.answered(answer.number, answer.time, self.clock.read(now)):
            self._refused += 1
            return
        asked.answers[answer.number] = answer
        self._conclude_if_over(now)

    def tick(self, candidates: Iterable[Candidate], expected: int, now: Instant) -> None:
        """Time has passed; to be called four times a second or more often.

        :param candidates: the servers that are alive.
        :param expected: so many are to be waited for, for a while, with the first round.
        """
        self._expected = expected
        if self._asked:
            time = self.clock.read(now)
            for asked in self._asked.values():
                asked.probing.give_up(time)
            self._conclude_if_over(now)
            return
        alive = {candidate.name: candidate for candidate in candidates if candidate.name in self._routes}
        self._forget(alive)
        if alive and self._is_time(len(alive), now):
            self._begin(alive.values(), now)

    # What goes out

    def take(self, now: Instant) -> list[tuple[Route, Probe | Adjustment]]:
        """Probes and adjustments to be sent at once: a probe's round trip begins now."""
        adjustments, self._out = self._out, []
        time = self.clock.read(now)
        probes = [
            (asked.route, Probe(self._round, asked.probing.send(time)))
            for asked in self._asked.values()
            if asked.probing.due
        ]
        return [*adjustments, *probes]

    def rows(self, now: Instant) -> tuple[ClockRow, ...]:
        """All clocks of servers, by rank."""
        by_rank = sorted(self._known.items(), key=lambda item: (item[1].rank, item[0]))
        return tuple(_row(name, known, now) for name, known in by_rank)

    def status(self, now: Instant) -> RoundsStatus:
        """The state, for metrics."""
        standings = dict.fromkeys(Standing, 0)
        for known in self._known.values():
            if known.standing is not None:
                standings[known.standing] += 1
        return RoundsStatus(
            rounds=self._rounds,
            early=self._early,
            refused=self._refused,
            standings=standings,
            spread=self._spread,
            correction=self.clock.correction(now),
            left=self.clock.left(now),
            state=self.clock.state(now),
        )

    # Inside

    def _forget(self, alive: Collection[str]) -> None:
        """Members keep their row while they are away; strangers do not, so that there are never many."""
        for name in [name for name in self._routes if name not in alive]:
            del self._routes[name]
        for name in [name for name in self._known if name not in alive]:
            if self._known[name].votes and len(self._known) <= MEMBERS_MAX:
                self._stands(name, self._known[name], Standing.SILENT)
            else:
                del self._known[name]

    def _is_time(self, alive: int, now: Instant) -> bool:
        if self._heard_first is None:
            self._heard_first = now.monotonic
        if not self._rounds:
            return alive >= self._expected or now.monotonic - self._heard_first >= GATHERING
        since = now.monotonic - self._began_at
        return since >= ROUND_SECONDS or (self._wanted and since >= SOONEST)

    def _begin(self, alive: Iterable[Candidate], now: Instant) -> None:
        self._early += bool(self._rounds) and now.monotonic - self._began_at < ROUND_SECONDS
        self._wanted = False
        self._began_at = now.monotonic
        self._round += 1
        first = sorted(alive, key=lambda candidate: (not candidate.votes, candidate.rank))[:MEMBERS_MAX]
        for candidate in first:
            known = self._known.setdefault(candidate.name, _Known(candidate.rank, candidate.votes))
            known.rank, known.votes = candidate.rank, candidate.votes
            self._asked[candidate.name] = _Asked(self._routes[candidate.name], Probing())

    def _conclude_if_over(self, now: Instant) -> None:
        patient = now.monotonic - self._began_at < ROUND_PATIENCE
        if patient and not all(asked.probing.done for asked in self._asked.values()):
            return
        asked, self._asked = self._asked, {}
        self._rounds += 1
        trips: dict[str, RoundTrip] = {}
        for name, one in asked.items():
            known = self._known[name]
            trip = one.probing.best
            if trip is None:
                self._stands(name, known, Standing.SLOW if one.probing.late else Standing.SILENT)
                continue
            trips[name] = known.trip = trip
            known.answer = one.answers[trip.number]
            known.measured_at = now.monotonic
        if trips:
            self._adjust({name: asked[name].route for name in trips}, trips, now)
        if now.monotonic - self._told_at >= TELL_SECONDS:
            self._told_at = now.monotonic
            self._say("clocks", f"The clocks, in ms: {'; '.join(map(_told, self.rows(now)))}.")

    def _adjust(self, routes: dict[str, Route], trips: dict[str, RoundTrip], now: Instant) -> None:
        """Take the average, steer the board's time by it, and tell each server how far it is from that."""
        starts = self.clock.state(now) is State.NEVER
        own = Reading(None, 0.0, settled=not starts)
        votes = [self._reading(name, trip) for name, trip in trips.items() if self._known[name].votes]
        average = fault_tolerant_average([own, *votes])
        follows = starts and any(vote.settled for vote in votes)
        target = average.middle if follows else average.offset
        jumped = self.clock.steer(target, now)
        if jumped:
            self._source += 1
        jump = target if jumped else 0.0
        for name, trip in trips.items():
            self._out.append(
                (
                    routes[name],
                    Adjustment(self._round, trip.number, jump - trip.offset, trip.error, self._source),
                )
            )
        self._judge(trips, average)

    def _reading(self, name: str, trip: RoundTrip) -> Reading:
        answer = self._known[name].answer
        return Reading(name, trip.offset, settled=answer is not None and answer.state is not State.NEVER)

    def _judge(self, trips: dict[str, RoundTrip], average: Average) -> None:
        for name, trip in trips.items():
            known = self._known[name]
            off = trip.offset - average.offset
            inside = name in average.counted if known.votes else abs(off) <= GAMMA
            self._stands(name, known, Standing.COUNTED if inside else Standing.OUTLIER, off)
        self._spread = average.spread
        offsets = [0.0, *(trip.offset for trip in trips.values())]
        all_there = len(trips) >= self._expected or self._rounds > ROUNDS_TO_GATHER
        if not self._in_step and all_there and max(offsets) - min(offsets) <= IN_STEP:
            self._in_step = True
            self._say(
                "in step",
                f"The clocks are in step: those of {', '.join(trips)} and this one differ by"
                f" {1000 * (max(offsets) - min(offsets)):.1f} ms.",
            )

    def _stands(self, name: str, known: _Known, standing: Standing, off: float = 0.0) -> None:
        before, known.standing = known.standing, standing
        if before is standing:
            return
        match standing:
            case Standing.COUNTED:
                if before is not None:
                    self._say(f"clock counts {name}", f"The clock of {name} counts again.")
            case Standing.OUTLIER:
                where = "ahead of" if off > 0 else "behind"
                self._say(
                    f"clock outlier {name}",
                    f"The clock of {name} is {abs(off):.3f} s {where} the others': it does not count, and is set right.",
                )
            case Standing.SLOW:
                self._say(
                    f"clock slow {name}",
                    f"The clock of {name} is left out: its answers take too long to tell the time by.",
                )
            case Standing.SILENT:
                self._say(f"clock silent {name}", f"The clock of {name} is left out: it does not answer.")


def _told(row: ClockRow) -> str:
    """A clock in the log: where it was, the bound that it claims, what it had left to slew, how it stood."""
    offset = "not measured" if row.offset is None else f"{1000 * row.offset:+.3f}"
    bound = "none" if row.bound is None else f"{1000 * row.bound:.3f}"
    left, state = f"{1000 * row.left:+.3f}", row.state.name.lower().replace("_", " ")
    return f"{row.name} {offset}, bound {bound}, to slew {left}, {state}"


def _row(name: str, known: _Known, now: Instant) -> ClockRow:
    row = ClockRow(name, known.rank, standing=known.standing)
    trip, answer = known.trip, known.answer
    if trip is None or answer is None or known.measured_at is None:
        return row
    age = now.monotonic - known.measured_at
    state = answer.state
    if state is State.IN_STEP and age >= FREE_AFTER:
        state = State.FREE
    return attrs.evolve(
        row,
        offset=trip.offset,
        error=trip.error,
        bound=answer.bound,
        left=answer.left,
        ppm=answer.ppm,
        trip=trip.seconds,
        age=age,
        state=state,
    )
