"""The service of one server: makes store, replica, sockets and timers, and lets them go again."""

import gc
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bulletin.core.limits import BALLAST_BYTES
from bulletin.core.raft.config import Config
from bulletin.core.server.executor import Executor
from bulletin.core.server.identity import identity_refusal
from bulletin.core.server.replica import Replica, Settings
from bulletin.core.server.room import LOOK_SECONDS
from bulletin.core.store.port import Failed, Opened, Store, StoreError, StoreFull
from bulletin.roles import ending
from bulletin.roles.role import Role, StartError
from bulletin.roles.server.links import Links
from bulletin.roles.server.metrics import samples_of
from bulletin.roles.server.voice import ServerVoice
from bulletin.storage.server_directory import opening_seconds
from bulletin.storage.sqlite_store import SqliteStore, Tuning
from bulletin.transport.endpoints import EndpointError, with_port
from bulletin.web.health import Health
from bulletin.web.metrics import Sample, gauge

if TYPE_CHECKING:
    from random import Random

TICK_SECONDS: Final = 0.02

GARBAGE_THRESHOLDS: Final = (20_000, 50, 100)
"""When the interpreter looks for cycles of garbage.  A server makes next to none, but keeps some million objects for the
operations that it remembers, and a look at all of those takes longer than an election may wait for."""

StoreMaker = Callable[[Callable[..., object], Failed], Store]
"""Makes a store from ``call_from_thread`` and ``failed``."""

_log = Logger()


@attrs.frozen
class Wiring:
    """Who a server is and where everybody is.

    :param name: its name.
    :param listen: where fellow servers reach it.
    :param advertise: what they connect to; port 0 stands for the one that ``listen`` gets.
    :param brokers: endpoints of the brokers' servers' sides.
    :param proxies: endpoints of the proxies' publishers' sides.
    :param reference: the reference's endpoint.
    """

    name: str
    listen: tuple[str, ...]
    advertise: str
    brokers: tuple[str, ...]
    proxies: tuple[str, ...]
    reference: str


class Server(Role):
    """Keeps the history, processes requests, replicates with its fellow servers.

    :param wiring: endpoints.
    :param data: its directory.
    :param expect: how many servers found a new cluster.
    :param flat_publications: publish posts without the second shape.
    :param retain: log entries kept for servers that were away.
    :param ballast_bytes: the reserve for a full disk.
    :param clock_offset: seconds that its clock is wrong by, and
    :param clock_drift_ppm: microseconds a second by which that grows.
    :param own_process: whether the process is this server's alone, so that its garbage collector may be set for it.
    :param rng: its chances and salts; the system's generator if not given.
    :param make_store: in place of the disk, in tests.
    :param arguments: see :class:`Role`.
    """

    label = "server"

    def __init__(
        self,
        wiring: Wiring,
        data: Path,
        *,
        expect: int = 3,
        flat_publications: bool = False,
        retain: int | None = None,
        ballast_bytes: int = BALLAST_BYTES,
        clock_offset: float = 0.0,
        clock_drift_ppm: float = 0.0,
        own_process: bool = False,
        rng: "Random | None" = None,
        make_store: StoreMaker | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self._wiring = wiring
        self._data = data
        self._settings = Settings(
            name=wiring.name,
            endpoint=wiring.advertise,
            expect=expect,
            brokers=len(wiring.brokers),
            flat_publications=flat_publications,
            clock_offset=clock_offset,
            clock_drift_ppm=clock_drift_ppm,
            config=Config() if retain is None else Config(retained_entries=retain),
        )
        self._own_process = own_process
        self._rng = rng or SystemRandom()
        self._make_store = make_store or partial(_make_store, data, wiring.name, ballast_bytes)
        self._drained: Deferred[None] | None = None
        self._ticked = self._gap = 0.0
        self._store: Store | None = None
        self._executor: Executor | None = None
        self._full: str | None = None
        self._looks: Any = None

    @property
    def replica(self) -> Replica:
        """The server's core, while it runs."""
        assert self._executor is not None
        return self._executor.replica

    def opening_seconds(self) -> float:
        """As long as its disk may take to be read."""
        return opening_seconds(self._data)

    def open(self) -> None:
        """Open the disk, then the sockets; where the disk is so full that it cannot even be read, wait until it is not.

        :raises StartError: the directory is in use or damaged, or another server's.
        """
        store = self._make_store(self.reactor.callFromThread, self._disk_failed)
        try:
            opened = store.open()
        except StoreFull as error:
            self._wait_for_room(str(error))
            return
        except StoreError as error:
            raise self._refusal(str(error)) from None
        self._full = None
        try:
            self._begin(store, opened)
        except BaseException:
            store.close(lambda: None)
            raise
        self._store = store
        if self._own_process:
            gc.collect()
            gc.freeze()  # what was there at the start stays to the end
            gc.set_threshold(*GARBAGE_THRESHOLDS)

    def _wait_for_room(self, sentence: str) -> None:
        self._full = sentence
        self.quiet.warn("full", "{what}", what=sentence)
        self._looks = self.reactor.callLater(LOOK_SECONDS, self._open_late)

    def _open_late(self) -> None:
        """Try again to open the disk."""
        self._looks = None
        try:
            self.open()
        except StartError as error:
            ending.fail(self.reactor, f"server: {error}")
        except EndpointError as error:
            ending.fail(self.reactor, f"server: {error}.")

    def _begin(self, store: Store, opened: Opened) -> None:
        for note in opened.notes:
            _log.warn("{note}", note=note)
        foreign = identity_refusal(opened, self._wiring.name)
        if foreign is not None:
            raise self._refusal(foreign)
        replica = Replica(
            self._settings,
            opened.member,
            opened.restored,
            opened.board,
            self._rng,
            self.now(),
            opened.learnt,
            opened.full,
        )
        self._executor = executor = Executor(
            replica, store, soon=self._soon, now=self.now, voice=ServerVoice(self.reactor, self.quiet)
        )
        executor.links = links = Links(self, self._wiring, executor)
        replica.formation.reachable_at(with_port(self._wiring.advertise, links.listening))
        _log.info("This is the server {name}", name=self._wiring.name)
        self._ticked = self.now().monotonic
        self.every(TICK_SECONDS, self._tick)

    def drain(self) -> Deferred[None] | None:
        """Hand leadership over, and answer what is under way."""
        executor = self._executor
        if executor is None or executor.stopped:
            return None
        executor.drain()
        self._drained = Deferred()
        return self._drained

    def close(self) -> Deferred[None] | None:
        """Let go of the disk, once what was asked of it is done."""
        if self._looks is not None:
            self._looks.cancel()
            self._looks = None
        if self._executor is not None:
            self._executor.close()
        store, self._store = self._store, None
        if store is None:
            return None
        closed: Deferred[None] = Deferred()
        store.close(lambda: closed.callback(None))
        return closed

    def health(self) -> Health:
        """Ready when a request that comes through a broker would be served, reads and writes alike."""
        if self._full is not None:
            return Health(ready=False, reason=self._full)
        if self._executor is None or self._executor.stopped:
            return Health(ready=False, reason="The server is not running.")
        why_not = self.replica.unready(self.now())
        if why_not is not None:
            return Health(ready=False, reason=why_not)
        status = self.replica.status(self.now())
        return Health(ready=True, reason=f"Ready; {status.leader} leads.")

    def samples(self) -> Iterable[Sample]:
        """What the replica counts."""
        if self._executor is None:
            return
        yield from samples_of(
            self.replica.status(self.now()), self._executor.malformed, self._executor.disk, self._store
        )
        yield gauge(
            "server_tick_gap_seconds",
            "The longest time between two ticks since this was last asked for: how long the reactor was kept.",
            self._gap,
        )
        self._gap = 0.0

    def _tick(self) -> None:
        assert self._executor is not None
        now = self.now().monotonic
        self._gap = max(self._gap, now - self._ticked)
        self._ticked = now
        self._executor.tick()
        if self._drained is not None and self.replica.drained(self.now()):
            drained, self._drained = self._drained, None
            # What was answered goes out in this turn of the reactor and the next; the sockets linger besides.
            self.reactor.callLater(2 * TICK_SECONDS, drained.callback, None)

    def _disk_failed(self, error: StoreError) -> None:
        assert self._executor is not None
        self._executor.disk_failed(error)

    def _soon(self, turn: Callable[[], None]) -> Callable[[], object]:
        call = self.reactor.callLater(0, turn)
        return lambda: call.cancel() if call.active() else None

    def _refusal(self, sentence: str) -> StartError:
        ending.say(f"server: {sentence}")
        return StartError(sentence)


def _make_store(
    data: Path, name: str, ballast_bytes: int, call_from_thread: Callable[..., object], failed: Failed
) -> SqliteStore:
    tuning = Tuning(ballast_bytes=ballast_bytes)
    return SqliteStore(data, name, call_from_thread=call_from_thread, failed=failed, tuning=tuning)
