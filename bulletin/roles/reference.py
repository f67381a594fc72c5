"""``bulletin-reference``: a socket, a disk and a timer around :class:`bulletin.core.reference.coordinator.Coordinator`.

The disk is written a few times in the life of a board, in a thread: no heartbeat of another server waits for it.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any, ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from bulletin.core.clocks.corrected import State
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.reference.coordinator import Coordinator, Save
from bulletin.core.store.port import StoreError
from bulletin.roles import ending
from bulletin.roles.harmless import harmless
from bulletin.roles.options import DIRECTORY, HTTP, Mistake, Option, RoleOptions, endpoints
from bulletin.roles.process import Process, in_process
from bulletin.roles.role import Role, StartError
from bulletin.storage.ranks import RankStore
from bulletin.transport.bounds import BETWEEN_ROLES
from bulletin.transport.rate_limit import RateLimitedLog
from bulletin.web.health import Health
from bulletin.web.metrics import Sample, counter, gauge

if TYPE_CHECKING:
    from random import Random

    from bulletin.core.reference.ranks import Record
    from bulletin.core.reference.rounds import RoundsStatus
    from bulletin.transport.sockets import Router

TICK_SECONDS: Final = 0.25

SENTENCES_A_MINUTE: Final = 60
"""Lines of its log at most: whoever comes and goes under ever new names is in more of them than anybody reads."""

InThread = Callable[[Callable[["Record"], None], "Record"], Deferred[None]]
"""Runs a blocking function; the Deferred fires in the reactor's thread."""

_log = Logger()


class Options(RoleOptions):
    """The options of ``bulletin-reference``."""

    table: ClassVar = (
        Option(
            "listen",
            endpoints(listen=True),
            "endpoints at which servers ask, separated by commas",
            "tcp://127.0.0.1:5560",
        ),
        Option("data", DIRECTORY, "the directory that keeps the ranks", "bulletin-reference-data"),
        HTTP,
    )

    def check(self) -> None:
        """Try the directory, so that one in use, or damaged, is one line."""
        store = RankStore(self["data"])
        try:
            store.open()
        except StoreError as error:
            raise Mistake(str(error).rstrip(".")) from None
        store.close()


class Reference(Role):
    """Gives ranks, hears heartbeats, founds the cluster, holds the clocks together.

    :param listen: the endpoints of its socket.
    :param data: its directory.
    :param rng: where a new cluster's id is drawn from.
    :param in_thread: in place of the reactor's threads, in tests.
    :param arguments: see :class:`Role`.
    """

    label = "reference"

    def __init__(
        self,
        listen: Iterable[str],
        data: Path,
        *,
        rng: "Random | None" = None,
        in_thread: InThread | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self._listen = tuple(listen)
        self._store = RankStore(data)
        self._rng = rng or SystemRandom()
        self._in_thread = in_thread or self._reactor_thread
        self._told = RateLimitedLog(_log, lambda: self.now().monotonic, burst=SENTENCES_A_MINUTE, period=60.0)
        self._saving = False
        self._when_saved: list[Deferred[None]] = []
        self._coordinator: Coordinator | None = None
        self._router: Router | None = None

    def open(self) -> None:
        """Read the disk, then listen.

        :raises StartError: the directory is in use, or damaged.
        """
        try:
            record = self._store.open()
        except StoreError as error:
            ending.say(f"reference: {error}")
            raise StartError(str(error)) from None
        try:
            self._coordinator = Coordinator(record, LamportClock(), self._rng, self.now())
            self._router = self.watch(
                "requests",
                self.sockets.Router(
                    self.transport,
                    listen=self._listen,
                    received=self._received,
                    turn_ended=self._carry_out,
                    bounds=BETWEEN_ROLES,
                ),
            )
        except BaseException:
            self._store.close()
            raise
        self.every(TICK_SECONDS, self._tick)

    def drain(self) -> Deferred[None] | None:
        """Wait for the record that is being written, and answer those who waited for it."""
        if not self._saving:
            return None
        done: Deferred[None] = Deferred()
        self._when_saved.append(done)
        return done

    def close(self) -> None:
        """Release the directory, unless a write still hangs: then it is this process's until its end."""
        self._router = None
        if not self._saving:
            self._store.close()

    def health(self) -> Health:
        """Ready as soon as it listens; the reason says how far the cluster is."""
        if self._coordinator is None or self._router is None:
            return Health(ready=False, reason="The reference is not running.")
        status = self._coordinator.status()
        if status.cluster is None:
            return Health(ready=True, reason=f"Ready; no cluster yet.  {status.waiting or ''}".rstrip())
        return Health(
            ready=True, reason=f"Ready; {status.alive} servers of cluster {status.cluster.hex()} are alive."
        )

    def samples(self) -> Iterable[Sample]:
        """What the coordinator counts."""
        if self._coordinator is None:
            return
        status = self._coordinator.status()
        yield gauge("reference_names", "Names that have a rank.", status.names)
        yield gauge("reference_alive", "Servers heard within three seconds.", status.alive)
        yield gauge(
            "reference_cluster_known",
            "Whether a cluster is founded or was heard of.",
            float(status.cluster is not None),
        )
        yield counter("reference_answered_total", "Replies given.", status.answered)
        yield counter("reference_malformed_total", "Requests that could not be read.", status.malformed)
        yield counter("reference_refused_total", "Requests that were read and refused.", status.refused)
        yield from _clocks(self._coordinator.rounds.status(self.now()))
        yield counter(
            "reference_dropped_total", "Replies dropped while the disk did not answer.", status.dropped
        )

    def _received(self, envelope: tuple[bytes, ...], body: list[bytes]) -> None:
        assert self._coordinator is not None
        self._coordinator.receive(envelope, body, self.now())

    def _tick(self) -> None:
        assert self._coordinator is not None
        self._coordinator.tick(self.now())
        self._carry_out()

    def _carry_out(self) -> None:
        """Do what the coordinator wants done."""
        if self._coordinator is None or self._router is None:
            return
        ready = self._coordinator.ready(self.now())
        for sentence in ready.sentences:
            self._told.info("told", "{what}", what=harmless(sentence))
        for route, frame in ready.replies:
            self._router.send_to(route, frame)
        if ready.save is not None:
            self._save(ready.save)

    def _save(self, save: Save) -> None:
        def stored(_: None) -> None:
            self._saving = False
            assert self._coordinator is not None
            self._coordinator.stored(save.sequence, self.now())
            self._carry_out()

        def failed(failure: Failure) -> None:
            self._saving = False
            ending.fail(self.reactor, f"reference: {failure.getErrorMessage()}")

        def saved(_: None) -> None:
            if not self._saving:
                waiting, self._when_saved = self._when_saved, []
                for done in waiting:
                    done.callback(None)

        self._saving = True
        saving = self._in_thread(self._store.write, save.record)
        saving.addCallbacks(stored, failed)
        saving.addCallback(saved)
        saving.addErrback(lambda failure: _log.failure("The reference failed", failure))

    def _reactor_thread(self, function: Callable[["Record"], None], record: "Record") -> Deferred[None]:
        pool = self.reactor.getThreadPool()
        return deferToThreadPool(self.reactor, pool, function, record)


def _clocks(status: "RoundsStatus") -> Iterator[Sample]:
    yield counter("reference_clock_rounds_total", "Rounds of the clocks.", status.rounds)
    yield counter("reference_clock_early_total", "Of them, those held because a server asked.", status.early)
    yield counter(
        "reference_clock_refused_total", "Answers to probes that nobody waited for.", status.refused
    )
    for standing, number in status.standings.items():
        yield gauge(
            "reference_clock_servers",
            "Servers by what became of their clock in the latest round.",
            number,
            standing=standing.name.lower(),
        )
    yield gauge("reference_clock_spread_seconds", "How far the clocks of the average differ.", status.spread)
    yield gauge(
        "clock_correction_seconds",
        "How far the board's time is ahead of this machine's own.",
        status.correction,
    )
    yield gauge("clock_left_seconds", "What is left to steer the board's time by.", status.left)
    for state in State:
        yield gauge(
            "clock_state", "1 for the state it is in.", float(status.state is state), state=state.name.lower()
        )


def makeService(options: Options) -> Process:
    """The service of one reference."""
    return in_process(Reference(options["listen"], options["data"], http=options["http"]), options)
