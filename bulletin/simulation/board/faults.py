"""What goes wrong in a run: it strikes at random moments, ends some time later, and is all over when the board is healed.

Each strike has a running number and a generator of its own, so that leaving one out does not change what another one would
draw.
"""

from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, ClassVar

import attrs

from bulletin.core.store.port import StoreError
from bulletin.simulation.board.network import Link
from bulletin.simulation.board.options import SETTINGS
from bulletin.simulation.board.process import Process
from bulletin.simulation.board.server import SYNC_SECONDS_MAX, Server
from bulletin.simulation.weather import BadWeather, both_ways

if TYPE_CHECKING:
    from bulletin.simulation.board.world import World

PPM_MAX = 200e-6
"""How much a machine's clock may drift, for what is promised of the clocks."""


class Faults(BadWeather[str]):
    """The faults of one run.

    :param world: whom they strike.
    """

    slow_delays: ClassVar[tuple[float, ...]] = (0.02, 0.2)

    _world: "World"

    def __init__(self, world: "World") -> None:
        when = Random(f"{world.seed} faults")
        super().__init__(world, when, lambda number: Random(f"{world.seed} strike {number}"))
        kinds = [kind for kind, _ in world.options.faults]
        for process in world.processes.values():
            rng = Random(f"{world.seed} {process.name} clock")
            if "clock_rates" in kinds:
                process.machine.drift(rng.uniform(0.9, 1.1))
            elif "clock_drift" in kinds:
                process.machine.drift(1.0 + rng.uniform(-PPM_MAX, PPM_MAX))

    def begin(self) -> None:
        """From now on they strike."""
        for kind, mean in self._world.options.faults:
            if kind not in SETTINGS:
                self._schedule(kind, mean)

    def _victim(self) -> Server:
        return self._rng.choice(self._world.servers)

    def _start(self, process: Process) -> None:
        if not process.running:
            process.start()

    def _start_later(self, process: Process) -> None:
        self._ending(partial(self._start, process))

    # --- the network ---

    def _everybody(self) -> list[str]:
        return list(self._world.processes)

    def _names(self) -> list[str]:
        """Servers weigh more than the rest."""
        return [*(server.name for server in self._world.servers), *self._world.processes]

    def _link(self) -> Link:
        return self._anybody(), self._anybody()

    def _cut(self) -> None:
        one, other = self._link()
        self._cut_links(both_ways([one], [other]))

    def _chain(self) -> None:
        """Each server reaches only the one before and the one after it."""
        names = [server.name for server in self._world.servers]
        self._rng.shuffle(names)
        self._cut_links({(a, b) for i, a in enumerate(names) for j, b in enumerate(names) if abs(i - j) > 1})

    def _reordering(self) -> None:
        self._weather(reordering=self._rng.choice((0.1, 0.9)), delay_max=self._rng.choice((0.002, 0.02)))

    def _tearing(self) -> None:
        self._weather(tearing=self._rng.choice((0.02, 0.3)))

    def _slow_link(self) -> None:
        slow, link = self._world.network.slow, self._link()
        slow[link] = self._rng.choice((0.05, 0.5))
        self._ending(lambda: slow.pop(link, None))

    def _frozen_link(self) -> None:
        network, link = self._world.network, self._link()
        network.frozen.setdefault(link, [])
        self._ending(lambda: network.thaw(link), longest=self._rng.choice((0.3, 1.0, 4.0)))

    def _reconnect(self) -> None:
        dialler, listener = self._link()
        self._world.network.reconnect(dialler, listener)

    def _full_queue(self) -> None:
        broker = self._rng.choice(self._world.brokers)
        broker.full = True
        self._ending(lambda: setattr(broker, "full", False), longest=0.5)

    def _old_letters(self) -> None:
        """What was sent before comes again, also from those who have died since."""
        network = self._world.network
        if network.recent:
            for _ in range(self._rng.choice((1, 5, 40))):
                network.post(self._rng.choice(network.recent))

    def _stranger(self) -> None:
        """Somebody sends bytes to a port: noise, or what was meant for another one."""
        network, rng = self._world.network, self._rng
        for _ in range(self._rng.choice((1, 5))):
            if not network.recent:
                return
            letter, other = rng.choice(network.recent), rng.choice(network.recent)
            parts = other.parts if rng.random() < 0.5 else (rng.randbytes(rng.choice((0, 3, 50))),)
            connection = b"stranger%d" % rng.randrange(3)
            network.post(attrs.evolve(letter, sender="stranger", connection=connection, parts=parts))

    # --- processes ---

    def _kill(self) -> None:
        victim = self._victim()
        victim.kill()
        self._start_later(victim)

    def _power(self) -> None:
        victim = self._victim()
        victim.lose_power()
        self._start_later(victim)

    def _power_all(self) -> None:
        if self._rng.random() < 0.3:
            for victim in self._world.servers:
                victim.lose_power()
                self._start_later(victim)

    def _restart_storm(self) -> None:
        """A server that dies again and again while it starts."""
        victim = self._victim()
        for _ in range(self._rng.randint(2, 8)):
            self._ending(partial(self._reboot, victim), longest=0.4)
        self._start_later(victim)

    def _reboot(self, victim: Server) -> None:
        victim.lose_power()
        victim.start()

    def _leave(self) -> None:
        victim = self._victim()
        victim.leave()
        self._ending(partial(self._start, victim), longest=6.0)

    def _moved(self) -> None:
        """A server is started again at another endpoint, which may have been a fellow's once."""
        victim = self._victim()
        victim.kill()
        taken = [server.endpoint for server in self._world.servers]
        free = [f"tcp://127.0.0.1:{port}" for port in range(5560, 5572)]
        victim.endpoint = self._rng.choice([endpoint for endpoint in free if endpoint not in taken])
        self._start_later(victim)

    def _stand_still(self, process: Process) -> None:
        process.pause()
        self._ending(process.resume)

    def _pause(self) -> None:
        self._stand_still(self._victim())

    def _kill_one_of(self, processes: Iterable[Process]) -> None:
        victim = self._rng.choice(list(processes))
        victim.kill()
        self._start_later(victim)

    def _kill_broker(self) -> None:
        self._kill_one_of(self._world.brokers)

    def _pause_broker(self) -> None:
        self._stand_still(self._rng.choice(self._world.brokers))

    def _kill_proxy(self) -> None:
        self._kill_one_of(self._world.proxies)

    def _kill_reference(self) -> None:
        self._kill_one_of([self._world.reference])

    def _kill_client(self) -> None:
        self._kill_one_of(self._world.loaders)

    def _pause_client(self) -> None:
        self._stand_still(self._rng.choice(self._world.loaders))

    def _wall_jump(self) -> None:
        name = self._anybody()
        self._world.processes[name].machine.set_wall(self._rng.choice((-3600.0, -1.0, 1.0, 3600.0)))

    # --- disks ---

    def _slow_disk(self) -> None:
        victim = self._victim()
        victim.sync_seconds_max = self._rng.choice((0.03, 0.2))
        self._ending(lambda: setattr(victim, "sync_seconds_max", SYNC_SECONDS_MAX))

    def _stalled_disk(self) -> None:
        victim = self._victim()
        victim.stall_disk()
        self._ending(victim.free_disk)

    def _failing_sync(self) -> None:
        """A sync fails: the server ends, and what is on its disk is what was synced before."""
        victim = self._victim()
        victim.fail_disk(StoreError("The disk failed."))
        self._start_later(victim)

    def _full_disk(self) -> None:
        """Somebody else fills a disk, and makes room again; the reserve lasts for a while, or not at all."""
        memory = self._victim().disk.memory
        memory.full, memory.ballast_steps = True, self._rng.choice((0, 3, 1000))
        self._ending(lambda: setattr(memory, "full", False), longest=4.0)

    def _spoil(self, spoil: Callable[[Server], bool], *, at_once: bool = False) -> None:
        """Damage a disk: of so few servers at a time that the others make a majority that has everything.

        :param at_once: while it is in use.
        """
        victim, servers = self._victim(), self._world.servers
        if not self._world.founded:
            return
        spoilt = sum(server.damaged for server in servers if server is not victim)
        if spoilt >= (len(servers) - 1) // 2:
            return
        if not at_once:
            victim.lose_power()
        if spoil(victim):
            self._world.note("disks_spoilt")
        self._start_later(victim)

    def _lost_tail(self) -> None:
        self._spoil(lambda victim: self._went_back(victim, victim.disk.lose_tail))

    def _lost_file(self) -> None:
        self._spoil(lambda victim: self._went_back(victim, victim.disk.lose_file))

    def _torn_slot(self) -> None:
        victim = self._victim()
        victim.lose_power()
        victim.disk.tear_slot()
        self._start_later(victim)

    def _flipped_row(self) -> None:
        self._spoil(lambda victim: victim.disk.flip(), at_once=self._rng.random() < 0.7)

    def _forged_row(self) -> None:
        """While a server is down, the end of its log becomes another one: see :meth:`Disk.forge`.

        Only where the true end is on the disks of a majority that has gone on without it: whoever is behind leads nobody,
        and one whose log nothing contradicts is not what the board can tell from a right one.
        """
        victim, agreed = self._victim(), self._rng.random() < 0.4
        if not self._world.founded or victim.damaged:
            return
        victim.lose_power()

        def forge() -> None:
            if victim.running:
                return
            forged = self._outvoted(victim) and victim.disk.forge(agreed=agreed)
            victim.start()
            if forged:
                self._world.note("disks_spoilt")
                if victim.disk.memory.record.trusted_from:
                    self._world.note("forged_row_found_by_start")

        self._ending(forge)

    def _outvoted(self, victim: Server) -> bool:
        """Whether a majority that is whole has all of a server's log, and more."""
        servers, own = self._world.servers, victim.disk.durable
        last = own.last()
        others = [server.disk.durable for server in servers if server is not victim and not server.damaged]
        there = own.hash_at(last[1])
        ahead = [other for other in others if other.last() > last and other.hash_at(last[1]) == there]
        return not victim.damaged and len(ahead) > len(servers) // 2

    def _rolled_back(self) -> None:
        """See :class:`bulletin.simulation.board.old_copies.OldCopies`."""
        self._spoil(lambda victim: self._went_back(victim, victim.disk.roll_back))

    def _went_back(self, victim: Server, spoil: Callable[[Random], bool]) -> bool:
        """Have a disk become an earlier one, and note who can tell where it cannot itself."""
        starts, amnesias = victim.disk.durable.incarnation, victim.disk.amnesias
        spoilt = self._world.old_copies.put_back(victim, partial(spoil, self._rng))
        if victim.disk.amnesias > amnesias:
            self._world.witnesses.went_back(victim, starts, self._world.servers)
        return spoilt

    def _wiped(self) -> None:
        self._spoil(lambda victim: victim.disk.wipe(self._rng))

    def _copied(self) -> None:
        """Its directory is replaced by a copy of another server's."""
        others = self._world.servers
        source = self._rng.choice(others)
        self._spoil(lambda victim: victim is not source and victim.disk.copy_of(source.disk))
