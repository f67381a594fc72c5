"""One campaign: a board, load on it, faults, and at the end what it all came to."""

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Final

import attrs

from bulletin.core.board.outcome import StreamKind
from bulletin.linearizability.streams import Stored
from bulletin.torture import registrar, verdict
from bulletin.torture.abilities import Abilities, compile_library, mount, unmount
from bulletin.torture.board import Board, NotReadyError
from bulletin.torture.faults import KINDS
from bulletin.torture.faults.changes import DRIFTS, OFFSETS, set_option
from bulletin.torture.faults.damage import NOTICED
from bulletin.torture.faults.fault import Scene, copy_directory
from bulletin.torture.load import JOIN_SECONDS, Load, LoadError
from bulletin.torture.network import Network
from bulletin.torture.pulse import Pulse
from bulletin.torture.reader import UnreadableError, whole_history, whole_listing
from bulletin.torture.record import Record
from bulletin.torture.storm import Storm
from bulletin.torture.verdict import Spans
from bulletin.torture.waiting import InVainError, until
from bulletin.torture.watch import Watch, alarms

STEP_SECONDS: Final = 0.1

SETTLE_SECONDS: Final = 90.0
"""Within these, once nothing breaks any more, all servers are at one state, and followers at the end."""

ROOM_MIB: Final = 256
"""The size of a server's own file system."""

RETAINED: Final = (None, None, 20, 200, 2000)
"""How many entries the servers keep of their logs, where the command line does not say; None: as many as by default."""


@attrs.frozen
class Plan:
    """What a campaign is to do.

    :param seconds: for how long faults come.
    :param seed: decides which.
    :param servers: how many there are.
    :param kinds: names of faults, all of which are possible here.
    :param folder: a new one, for data and logs.
    :param retain: entries that the servers keep of their logs; None: the seed decides.
    :param abilities: what this machine can do.
    """

    seconds: float
    seed: int
    servers: int
    kinds: tuple[str, ...]
    folder: Path
    retain: int | None
    abilities: Abilities


@attrs.frozen
class Outcome:
    """What a campaign came to.

    :param figures: the line at its end.
    :param broken: promises that were broken, in words.
    """

    figures: dict[str, Any]
    broken: list[str]


class Campaign:
    """A board under load and in bad luck.

    :param plan: what is to be done.
    :param tell: gets a line about each thing that happens.
    """

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        self.plan = plan
        rng = Random(plan.seed)
        self._tell = tell
        self._begun = monotonic()
        self._log = (plan.folder / "campaign.log").open("w")
        self.network = Network() if plan.abilities.network is None else None
        self.board = Board(plan.folder, plan.servers, hosts=self.network)
        retained = rng.choice(RETAINED) if plan.retain is None else plan.retain
        self.retained = retained
        self.scene = Scene(self.board, plan.abilities, self.network, self.say)
        self._set_up_servers(rng, retained)
        self.storm = Storm(self.scene, {kind: KINDS[kind] for kind in plan.kinds}, plan.seed)
        self.watch = Watch(self.board)
        self.pulse = Pulse(plan.folder / "pulse")
        self._writers, self._rate = rng.randint(3, 8), rng.choice((3.0, 10.0, 30.0))
        self.load: Load | None = None
        self._names: dict[StreamKind, list[str]] = {}
        """All users and all channels, as listed at the end."""
        self._judged_seconds = 0.0

    def say(self, sentence: str) -> None:
        """Write a line into the campaign's log, and tell it."""
        line = f"{monotonic() - self._begun:8.2f} s  {sentence}"
        self._log.write(line + "\n")
        self._log.flush()
        self._tell(line)

    def _set_up_servers(self, rng: Random, retained: int | None) -> None:
        plan, library = self.plan, self.plan.folder / "disk.so"
        if plan.abilities.disk_orders is None:
            compile_library(library)
        for server in self.board.servers:
            if retained is not None:
                set_option(server, "--retain", str(retained))
            if "clock" in plan.kinds:
                set_option(server, "--clock-offset", str(rng.choice(OFFSETS)))
                set_option(server, "--clock-drift", str(rng.choice(DRIFTS)))
            if plan.abilities.disk_orders is None:
                orders = self.scene.orders(server)
                server.environment |= {"LD_PRELOAD": str(library), "DISK_ORDERS": str(orders)}
            if plan.abilities.mounts is None and "full" in plan.kinds:
                mount(self.board.data(server), ROOM_MIB)

    # -- its course -----------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """The whole of it."""
        try:
            stored = self._course()
        except (NotReadyError, InVainError, LoadError, UnreadableError) as error:
            self.scene.broken.append(str(error))
            stored = []
        judging = monotonic()
        broken = self._verdict(stored)
        self._judged_seconds = monotonic() - judging
        for sentence in broken:
            self.say(f"BROKEN: {sentence}")
        return Outcome(self._figures(stored, broken), broken)

    def _course(self) -> list[Stored]:
        """Start, break, mend, settle, read back, stop; the history at the end."""
        board, storm, plan = self.board, self.storm, self.plan
        board.start()
        self.say(
            f"a board of {plan.servers} servers is up; they keep {self.retained or 'their usual'} entries"
        )
        self.watch.start()
        self.pulse.start()
        self.load = load = Load(
            board,
            writers=self._writers,
            readers=2,
            registrars=2,
            followers=2,
            resend_after=1.5,
            patience=8.0,
            rate=self._rate,
        )
        load.start()
        end = monotonic() + plan.seconds
        while not storm.stuck and (monotonic() < end or not storm.calm):
            storm.step(more=monotonic() < end)
            time.sleep(STEP_SECONDS)
        self.say("no further faults")
        load.finish()
        if storm.stuck:
            return []
        board.wait_ready()
        stored = whole_history(load.setup, load.streams, 30.0)
        self._names = {
            words.kind: whole_listing(load.setup, words, 30.0)
            for words in (registrar.USERS, registrar.CHANNELS)
        }
        if not load.follow_to(stored, SETTLE_SECONDS):
            self.say("the followers did not come to the end")
        until(self.watch.level, "all servers are at one state", SETTLE_SECONDS, every=0.5)
        for name, status in board.stop(30.0).items():
            if status:
                self.scene.broken.append(f"{name} ended with status {status} when it was told to stop")
        return stored

    # -- what it came to ------------------------------------------------------------------------------------------

    def _verdict(self, stored: list[Stored]) -> list[str]:
        """Every broken promise."""
        broken = [*self.scene.broken, *self.watch.faults()]
        record = self.load.record if self.load is not None else Record()
        broken += [*record.crashes, *record.resets, *self._unexplained(record)]
        if stored:
            anomalies = [*verdict.histories(record, stored), *verdict.names(record, self._names)]
            suspects = [name for name, words in self.scene.may_end.items() if words is NOTICED]
            held, wrong = verdict.disks(self.board, record.receipts, suspects)
            broken += [*map(str, anomalies), *verdict.pages(record, stored), *wrong]
            if held != len(stored):
                broken.append(f"the history has {len(stored)} posts, the first server's disk {held}")
        elif not broken:
            broken.append("nothing was written")
        broken += alarms(self.board)
        return broken

    def _unexplained(self, record: Record) -> list[str]:
        """Errors and delays of clients that nothing explains."""
        storm, pulse, begun = self.storm, self.pulse, self._begun
        excused = Spans([*storm.excused, *pulse.late])
        delayed = Spans([*storm.delayed, *pulse.late])
        errors = verdict.unexcused(record.failures, excused)
        late = verdict.too_late([*record.late, *self.scene.late], excused, delayed, pulse.lost)
        return [
            *(
                f"a client saw an error that no fault explains: {failure} at {failure.returned - begun:.2f} s"
                for failure in errors
            ),
            *(f"an answer came too late: {call} at {call.returned - begun:.2f} s" for call in late),
        ]

    def _figures(self, stored: list[Stored], broken: list[str]) -> dict[str, Any]:
        record = self.load.record if self.load is not None else Record()
        followers = self.load.followers if self.load is not None else []
        logs = [
            server.log.read_text(errors="replace") for server in self.board.servers if server.log.exists()
        ]
        return {
            "seed": self.plan.seed,
            "seconds": round(monotonic() - self._begun),
            "servers": self.plan.servers,
            "retain": self.retained,
            "faults": sum(self.storm.counts.values()),
            "together": self.storm.together,
            "kinds": {kind: count for kind, count in self.storm.counts.items() if count},
            "posts": len(record.receipts),
            "stored": len(stored),
            "reads": len(record.reads),
            "pages": record.pages,
            "names": sum(map(len, self._names.values())),
            "listings": sum(len(calls.listings) for calls in record.names.values()),
            "late": len(record.late) + len(self.scene.late),
            "followed": sum(len(shown) for streams in record.shown.values() for shown in streams.values()),
            "healed": sum(follower.healed for follower in followers),
            "errors": len(record.failures),
            "longest_pause_s": round(record.longest_pause(), 2) if record.acknowledged else None,
            "slowest_return_s": round(self.storm.slowest_return, 2),
            "machine_slow": len(self.pulse.late),
            "judged_s": round(self._judged_seconds, 2),
            "states_compared": self.watch.compared,
            "took_over": sum(log.count("taken over the tables") for log in logs),
            "ended_by_themselves": self.storm.spontaneous,
            "peak_mib": {name: peak >> 20 for name, peak in self.watch.peaks.items()},
            "broken": len(broken),
        }

    def keep(self) -> None:
        """Bring what is on file systems that end with this process to where it stays."""
        for server in self.board.servers:
            data = self.board.data(server)
            if data.is_mount():
                copy_directory(data, self.plan.folder / f"{server.name}.data")

    def close(self) -> None:
        """End whatever runs, whatever state it is in."""
        self.watch.stop.set()
        self.pulse.stop.set()
        for thread in (self.watch, self.pulse):
            if thread.is_alive():
                thread.join(JOIN_SECONDS)
        if self.load is not None:
            self.load.close()
            self.load.record.write(self.plan.folder)
        self.board.destroy()
        for server in self.board.servers:
            if self.board.data(server).is_mount():
                unmount(self.board.data(server))
        if self.network is not None:
            self.network.close()
        self._log.close()
