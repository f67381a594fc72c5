"""A server's side of the clocks' rounds: it answers probes, takes adjustments, and asks for rounds.

An adjustment names the answer that it is relative to.  What this server showed in each answer of the present round is
remembered until an adjustment uses it: so one that comes late says as much as one that comes at once, one that comes twice
does nothing the second time, and one of another round, or of before a restart, finds nothing and is dropped.  A probe of a
round that is over is not answered: else an adjustment of long ago, sent again after it, would find what it does not mean.
"""

from collections import deque
from typing import Final

import attrs

from bulletin.core.clocks.corrected import CorrectedClock, Measured, State
from bulletin.core.clocks.instant import Instant
from bulletin.core.server.notices import Notices
from bulletin.core.wire.clocks import PROBES_MAX, Adjustment, Probe, ProbeAnswer, RoundRequest

EXCHANGED_MAX: Final = 10
"""Messages received from and sent to clients after which a server asks for a round."""

ASK_EVERY: Final = 1.0
"""Seconds between two such requests at least, however many messages there are."""

ALONE: Final = 2.0
"""Seconds without the reference after which a server does without its first round."""

PATIENCE: Final = 8.0
"""And with a reference that gives it none.  One that starts up to :data:`ALONE` later than this server, and waits in vain for
another one with its first round, still comes in time: without a first round a clock that is hours off is right after weeks."""

ROUNDS_REMEMBERED: Final = 64
"""Rounds that are known to be over: those of a minute at least."""

NOTABLE: Final = 0.5
"""Seconds of a correction above which it is worth a line in the log."""


@attrs.define
class Counters:
    """What came of the rounds, since the start.

    :param answered: probes answered.
    :param adjusted: adjustments that set the clock.
    :param kept: adjustments that were poorer than what was known already.
    :param dropped: adjustments that belonged to no answer of this server's, or were out of range.
    :param asked: rounds asked for.
    """

    answered: int = 0
    adjusted: int = 0
    kept: int = 0
    dropped: int = 0
    asked: int = 0


class Timekeeping:
    """What a server does for its clock.

    :param name: the server's name.
    :param clock: its clock.
    :param notices: where to say what happens to it.
    :param now: the start.
    """

    def __init__(self, name: str, clock: CorrectedClock, notices: Notices, now: Instant) -> None:
        self.counters = Counters()
        self.settled = False
        """Whether the clock was set, or there is nobody to set it; once true, it stays so."""
        self._name = name
        self._clock = clock
        self._notices = notices
        self._since = now.monotonic
        self._round: int | None = None
        self._over: deque[int] = deque(maxlen=ROUNDS_REMEMBERED)
        self._shown: dict[int, tuple[float, float]] = {}
        """The present round's answers by number, at most :data:`PROBES_MAX`: when they were given, and the time in them."""
        self._exchanged = 0
        self._asked_at = float("-inf")
        self._state = State.NEVER
        self._out: list[ProbeAnswer] = []

    # What comes in

    def probed(self, probe: Probe, now: Instant) -> None:
        """The reference asks what the clock shows."""
        if probe.round in self._over:
            return
        if probe.round != self._round:
            self._end_round()
            self._round = probe.round
        time = self._clock.read(now)
        self._shown[probe.number] = (now.monotonic, time)
        self._out = self._out[1 - PROBES_MAX :]
        self._out.append(
            ProbeAnswer(
                user=self._name,
                round=probe.round,
                number=probe.number,
                time=time,
                bound=self._clock.bound(now),
                left=self._clock.left(now),
                ppm=self._clock.rate * 1e6,
                state=self._clock.state(now),
            )
        )
        self.counters.answered += 1

    def adjusted(self, adjustment: Adjustment, now: Instant) -> None:
        """The reference says how far the board's time is from what this server showed."""
        shown = self._shown.get(adjustment.number) if adjustment.round == self._round else None
        if shown is None:
            self.counters.dropped += 1
            return
        self._end_round()
        at, time = shown
        steps = self._clock.steps
        found = Measured(at, time + adjustment.difference, adjustment.error, adjustment.source)
        try:
            used = self._clock.adjust(found, now)
        except ValueError:
            self.counters.dropped += 1
            return
        self.settled = True
        if not used:
            self.counters.kept += 1
            return
        self.counters.adjusted += 1
        if abs(adjustment.difference) >= NOTABLE:
            self._tell(adjustment.difference, now, jumped=self._clock.steps != steps)

    def exchanged(self, messages: int) -> None:
        """So many messages were received from clients, or sent to them."""
        self._exchanged += messages

    def joined(self, now: Instant) -> None:
        """The server has become a member: what it waits for is counted from here."""
        self._since = now.monotonic

    def tick(self, now: Instant, *, heard_at: float, beats: bool) -> RoundRequest | None:
        """Time has passed.

        :param heard_at: when the reference last answered, in monotonic seconds.
        :param beats: whether it knows this server, and its connection, by a heartbeat.
        :returns: what to ask the reference.
        """
        if not self.settled:
            since = now.monotonic - self._since
            self.settled = since >= PATIENCE or min(since, now.monotonic - heard_at) >= ALONE
        self._notice_state(now)
        wanted = self._exchanged >= EXCHANGED_MAX or self._state is State.NEVER
        if not (wanted and beats) or now.monotonic - self._asked_at < ASK_EVERY:
            return None
        self._exchanged = 0
        self._asked_at = now.monotonic
        self.counters.asked += 1
        return RoundRequest(self._name)

    # What goes out

    def take(self) -> list[ProbeAnswer]:
        """Answers, to be sent at once: somebody measures how long they take."""
        out, self._out = self._out, []
        return out

    # Inside

    def _end_round(self) -> None:
        if self._round is not None:
            self._over.append(self._round)
        self._round = None
        self._shown.clear()

    def _tell(self, difference: float, now: Instant, *, jumped: bool) -> None:
        how = "was set" if jumped else "will slowly go"
        where = "forward" if difference > 0 else "back"
        self._notices.repeat(
            "clock set", f"the clock {how} {where} by {abs(difference):.3f} s, to the board's time", now
        )

    def _notice_state(self, now: Instant) -> None:
        before, self._state = self._state, self._clock.state(now)
        if before is self._state:
            return
        if self._state is State.FREE:
            self._notices.repeat(
                "clock free", "no clock round for 10 s: the clock runs on at its last known rate", now
            )
        elif before is State.FREE:
            self._notices.repeat("clock in step", "the clock is in step with the board's time again", now)
