"""Faults at random from a seed, several at a time, within what the board is said to stand; and a supervisor's work meanwhile.

At most f of the servers (one of three, two of five) are broken at once, from the moment that a fault begins until its servers are
ready again; a fault that is ``alone`` waits until all are whole.  Which faults come, whom they break and how long they last is
drawn from the seed and their number; when, depends on how long the board takes to be whole again.
"""

import http.client
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

import attrs

from bulletin.torture.board import RoleProcess
from bulletin.torture.faults.fault import Fault, Scene

RECOVERY_SECONDS: Final = 90.0
"""Within these all is well after a fault, on a machine that has other things to do."""

REST_SECONDS: Final = (0.0, 2.0)
"""Between two draws of a fault, from and to; what is drawn and cannot be at the moment is left out."""

RESTART_SECONDS: Final = 1.0
"""After these a role that ended by itself is started again."""

AFTERMATH_SECONDS: Final = 3.0
"""How long after a fault clients may still see errors because of it."""


@attrs.define(eq=False)
class _Active:
    """A fault under way.

    :param began: monotonic seconds.
    :param until: when it ends; once it has, when all must be well.
    """

    fault: Fault
    began: float
    until: float
    ended: bool = False


class Storm:
    """The faults of one campaign.

    :param scene: what they act on.
    :param kinds: names of the faults that may come.
    :param seed: decides which do.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        scene: Scene,
        kinds: Mapping[str, type[Fault]],
        seed: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.scene = scene
        self.counts = dict.fromkeys(kinds, 0)
        """How often each kind came."""
        self.excused: list[tuple[float, float]] = []
        """From when to when clients might see errors, monotonic seconds."""
        self.delayed: list[tuple[float, float]] = []
        """From when to when answers might come late, monotonic seconds."""
        self.slowest_return = 0.0
        """Seconds that it took at most until all was well after a fault."""
        self.together = 0
        """How many were under way at once at most."""
        self.spontaneous = 0
        """How often a role ended by itself, as it may."""
        self._kinds = dict(kinds)
        self._clock = clock
        self._seed = seed
        self._bag = [name for name, kind in self._kinds.items() for _ in range(kind.weight)]
        self._drawn = 0
        self._active: list[_Active] = []
        self._waiting: str | None = None
        self._next = clock()
        self._down: dict[str, float] = {}
        self._surprises: dict[str, float] = {}
        """Roles that ended by themselves, as they may, while no fault was on them; and when."""

    @property
    def calm(self) -> bool:
        """Whether nothing is broken."""
        return not self._active and not self._down

    @property
    def stuck(self) -> bool:
        """Whether a promise was broken, so that it is of no use to go on."""
        return bool(self.scene.broken)

    def step(self, *, more: bool) -> None:
        """Do what is due.

        :param more: whether further faults may begin; otherwise those under way are ended.
        """
        self._supervise()
        for active in self._active[:]:
            self._advance(active, hurry=not more)
        if more and self._clock() >= self._next:
            self._draw()

    # -- faults ---------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        """Have the next fault begin, if its turn has come."""
        rng = Random(f"{self._seed}:{self._drawn}")
        name = self._waiting or rng.choice(self._bag)
        kind = self._kinds[name]
        if kind.alone and not self.calm:
            self._waiting = name  # nothing else begins before it
            return
        if any(active.fault.alone for active in self._active):
            return
        self._waiting = None
        self._drawn += 1
        self._next = self._clock() + rng.uniform(*REST_SECONDS)
        claimed = {role.name for active in self._active for role in active.fault.claims}
        free = [role for role in self.scene.board.roles if role.name not in claimed | set(self._down)]
        servers = self.scene.board.servers
        broken = sum(server not in free for server in servers)
        claims = kind.pick(self.scene, rng, free, max(0, (len(servers) - 1) // 2 - broken))
        if claims is None:
            return
        fault = kind(self.scene, rng, claims)
        now = self._clock()
        active = _Active(fault, now, now + rng.uniform(*kind.seconds))
        self._active.append(active)
        self.counts[name] += 1
        self.together = max(self.together, len(self._active))
        fault.begin()
        self.scene.say(f"{fault}, for {active.until - active.began:.1f} s")

    def _advance(self, active: _Active, *, hurry: bool) -> None:
        """End a fault whose time is up; look whether all is well after one that has ended."""
        now = self._clock()
        fault = active.fault
        if not active.ended:
            if hurry or now >= active.until:
                fault.end()
                active.ended = True
                active.until = self._clock() + RECOVERY_SECONDS
            return
        if fault.over():
            self.slowest_return = max(self.slowest_return, RECOVERY_SECONDS - (active.until - now))
        elif now > active.until:
            said = "; ".join(f"{role.name}: {role.get('/readyz')[1].strip()}" for role in fault.claims)
            self.scene.broken.append(f"after {fault} all was not well within {RECOVERY_SECONDS:g} s: {said}")
        else:
            return
        self._active.remove(active)
        span = active.began, self._clock() + AFTERMATH_SECONDS
        if fault.excuses:
            self.excused.append(span)
        if fault.delays:
            self.delayed.append(span)

    # -- what a supervisor does -----------------------------------------------------------------------------------

    def _supervise(self) -> None:
        """Start roles again that ended by themselves; it is a broken promise unless a fault explains it."""
        for role in self.scene.board.roles:
            if role.name in self.scene.held:
                continue
            if role.name in self._down:
                self._bring_back(role)
            elif not role.alive:
                self._ended(role)

    def _ended(self, role: RoleProcess) -> None:
        lines = role.log.read_text(errors="replace").splitlines()
        last = lines[-1] if lines else ""
        status = role.running.returncode
        allowed = self.scene.may_end.get(role.name)
        self.scene.say(f"{role.name} ended with status {status}: {last}")
        self.spontaneous += 1
        if allowed is None or status != 1 or not allowed.search(last):
            self.scene.broken.append(f"{role.name} ended by itself with status {status}: {last}")
        elif not any(role in active.fault.claims for active in self._active):
            self._surprises[role.name] = self._clock()
        self._down[role.name] = self._clock() + RESTART_SECONDS

    def _bring_back(self, role: RoleProcess) -> None:
        if role.alive:
            if role.get("/readyz")[0] == http.client.OK:
                del self._down[role.name]
                if role.name in self._surprises:
                    began = self._surprises.pop(role.name)
                    self.excused.append((began - AFTERMATH_SECONDS, self._clock() + AFTERMATH_SECONDS))
            return
        if self._clock() >= self._down[role.name]:
            role.start()
            self._down[role.name] = self._clock() + RESTART_SECONDS
