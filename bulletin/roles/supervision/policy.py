"""What to start, when to start it again, and what to say about it: no process, no clock, no terminal.

::

              spawned                     ready
    WAITING ───────────▶ RUNNING ──────────────────▶ RUNNING, was ready
       ▲                    │                             │
       └────────────────────┴───── ended: wait, twice as long each time, unless it had run well

Time comes in as monotonic seconds; what is to be done comes out of :meth:`Policy.ready`, in order.
"""

import signal
from collections.abc import Iterable
from typing import Final

import attrs

FIRST_DELAY: Final = 0.25
"""Seconds until a child that died is started again; doubled each time."""

DELAY_MAX: Final = 30.0
"""Seconds between two starts at most."""

RAN_WELL: Final = 10.0
"""Seconds of life after which the next death counts as the first."""

SCREEN_AFTER: Final = 7.0
"""Seconds after which the screen is shown even if not everything is ready."""

KILL_AFTER: Final = 4.5
"""Seconds that a clean stop may take; then whoever is left is killed."""

LOOK_OFTEN: Final = 0.25
"""Seconds between two questions to a child how it is, while that is awaited: at the start, after a death."""

LOOK_SELDOM: Final = 2.0
"""Seconds between two questions otherwise; a change of leader is said so much later at most."""

ALL_READY: Final = "All roles are ready now."


@attrs.frozen
class Spawn:
    """Start this child."""

    name: str


@attrs.frozen
class Signal:
    """Send this signal to this child."""

    name: str
    number: int


@attrs.frozen
class Say:
    """Tell the user this sentence."""

    sentence: str


@attrs.frozen
class Show:
    """Show the screen: who runs where, who leads, what to type next."""


@attrs.frozen
class Finish:
    """No child is left, and none will be started."""


Action = Spawn | Signal | Say | Show | Finish


@attrs.frozen
class Health:
    """What a child says of itself.

    :param ready: it does its work.
    :param leads: it is the servers' leader.
    """

    ready: bool
    leads: bool = False


@attrs.frozen
class Death:
    """How a child ended.

    :param status: its exit status, or None where a signal ended it.
    :param signal: that signal's number, or None.
    :param words: the last line that it wrote; empty where there was none.  Where there is neither status nor signal,
        it could not be started, and this says why.
    """

    status: int | None
    signal: int | None = None
    words: str = ""

    def __str__(self) -> str:
        if self.signal is not None:
            return f"was ended by {_signal_name(self.signal)}"
        if self.status is None:
            return self.words
        said = f": {self.words}" if self.words else ""
        return f"ended with status {self.status}{said}"


@attrs.define
class Child:
    """A child as the policy sees it.

    :param name: its role's name.
    :param pid: its process, or None while it has none.
    :param start_at: when to start it, where it has no process; None where it will not be started any more.
    :param started: when it was started.
    :param deaths: deaths in a row.
    :param ready: what it last said.
    :param awaited: whether its process has not been ready yet.
    :param was_ready: whether an earlier process of it was.
    :param leads: what it last said.
    :param said: its last death as it was told.
    :param asked: when it was last asked how it is.
    """

    name: str
    pid: int | None = None
    start_at: float | None = None
    started: float = 0.0
    deaths: int = 0
    ready: bool = False
    awaited: bool = True
    was_ready: bool = False
    leads: bool = False
    said: str = ""
    asked: float = float("-inf")


class Policy:
    """The supervisor without its processes.

    :param names: the children.
    :param now: monotonic seconds.
    """

    def __init__(self, names: Iterable[str], now: float) -> None:
        self._children = {name: Child(name, start_at=now) for name in names}
        self._began = now
        self._shown = False
        self._lacking = False
        """What was shown was not all, and nobody has been told since that it is."""
        self._leader: str | None = None
        self._stopping_since: float | None = None
        self._killed = False
        self._finished = False
        self._actions: list[Action] = []
        self.tick(now)

    @property
    def children(self) -> tuple[Child, ...]:
        """The children, to be looked at only."""
        return tuple(self._children.values())

    @property
    def leader(self) -> str | None:
        """The server that leads, as far as is known."""
        return self._leader

    def ready(self) -> tuple[Action, ...]:
        """What is to be done since the last call, in this order."""
        actions = tuple(self._actions)
        self._actions.clear()
        return actions

    def to_ask(self, now: float) -> tuple[Child, ...]:
        """The children that are to be asked now how they are."""
        due = []
        for child in self._children.values():
            settled = self._shown and child.ready and self._leader is not None
            if child.pid is not None and now - child.asked >= (LOOK_SELDOM if settled else LOOK_OFTEN):
                child.asked = now
                due.append(child)
        return tuple(due)

    def spawned(self, name: str, pid: int, now: float) -> None:
        """A child that was to be started runs as this process."""
        child = self._children[name]
        assert child.pid is None, "a child was started twice"
        child.pid, child.started, child.awaited = pid, now, True

    def ended(self, name: str, death: Death, now: float) -> None:
        """A child ended, or could not be started."""
        child = self._children[name]
        pid, child.pid = child.pid, None
        child.ready = child.leads = False
        if name == self._leader:
            self._leader = None
        if self._stopping_since is not None:
            self._finish_if_all_ended()
            return
        child.deaths = 1 if pid is not None and now - child.started >= RAN_WELL else child.deaths + 1
        delay: float = min(DELAY_MAX, FIRST_DELAY * 2.0 ** (child.deaths - 1))
        child.start_at = now + delay
        who = name if pid is None else f"{name} (pid {pid})"
        what = str(death).rstrip(".")
        if child.said != what:
            self._say(f"{who} {what}.  It starts again in {delay:g} s.")
        elif child.deaths == 1 or delay < DELAY_MAX:
            self._say(f"{who} ended in the same way again.  It starts again in {delay:g} s.")
        child.said = what

    def healthy(self, name: str, health: Health, now: float) -> None:
        """A child was asked how it is."""
        child = self._children[name]
        if child.pid is None or self._stopping_since is not None:
            return
        child.ready, child.leads = health.ready, health.leads
        if child.ready and child.awaited:
            if self._shown:
                self._say(f"{name} is ready{' again' if child.was_ready else ''} (pid {child.pid}).")
            child.awaited, child.was_ready = False, True
        self._look_for_leader()
        self._show_when_complete(now)

    def tick(self, now: float) -> None:
        """Start whose time has come, show what is due, kill what does not stop."""
        if self._stopping_since is not None:
            self._kill_when_late(now)
            return
        for child in self._children.values():
            if child.pid is None and child.start_at is not None and now >= child.start_at:
                child.start_at = None
                self._actions.append(Spawn(child.name))
        self._show_when_complete(now)

    def stop(self, now: float) -> None:
        """End all children, cleanly if they can."""
        if self._stopping_since is not None:
            return
        self._stopping_since = now
        self._actions = [action for action in self._actions if not isinstance(action, Spawn)]
        self._say("Stopping.")
        for child in self._children.values():
            child.start_at = None
            if child.pid is not None:
                self._actions.append(Signal(child.name, signal.SIGTERM))
        self._finish_if_all_ended()

    def _say(self, sentence: str) -> None:
        self._actions.append(Say(sentence))

    def _look_for_leader(self) -> None:
        leading = [child.name for child in self._children.values() if child.leads]
        # Two say so for a moment, where the old one does not know yet.
        if len(leading) == 1 and leading[0] != self._leader:
            self._leader = leading[0]
            if self._shown:
                self._say(f"{self._leader} leads now.")

    def _show_when_complete(self, now: float) -> None:
        complete = self._leader is not None and all(child.ready for child in self._children.values())
        if not self._shown and (complete or now - self._began >= SCREEN_AFTER):
            self._shown, self._lacking = True, not complete
            self._actions.append(Show())
        elif self._lacking and complete:
            self._lacking = False
            self._say(ALL_READY)

    def _kill_when_late(self, now: float) -> None:
        assert self._stopping_since is not None
        if self._killed or now - self._stopping_since < KILL_AFTER:
            return
        self._killed = True
        for child in self._children.values():
            if child.pid is not None:
                self._say(f"{child.name} (pid {child.pid}) did not stop in time and is killed.")
                self._actions.append(Signal(child.name, signal.SIGKILL))

    def _finish_if_all_ended(self) -> None:
        if not self._finished and all(child.pid is None for child in self._children.values()):
            self._finished = True
            self._say("All of it has stopped.")
            self._actions.append(Finish())


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
