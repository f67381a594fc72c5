"""``bulletin-board``: the whole board on one machine, every role a child process; see :mod:`bulletin.roles.supervision`."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from bulletin.core.store.port import StoreError
from bulletin.roles import ending
from bulletin.roles.notify import Notifier
from bulletin.roles.options import DIRECTORY, FLAG, Mistake, Option, RoleOptions, integer
from bulletin.roles.supervision import logs, skews
from bulletin.roles.supervision.layout import (
    BASE_PORT,
    HOST,
    SERVERS,
    SERVERS_MAX,
    Founded,
    Role,
    lay_out,
    ports,
    recall,
    remember,
    typed_command,
)
from bulletin.roles.supervision.policy import (
    Death,
    Finish,
    Health,
    Policy,
    Say,
    Show,
    Signal,
    Spawn,
)
from bulletin.roles.supervision.probes import Probe
from bulletin.roles.supervision.processes import HttpPorts, Processes, is_free
from bulletin.roles.supervision.screen import page
from bulletin.storage.directory import DirectoryLock

TICK_SECONDS: Final = 0.05

_log = Logger()


@attrs.frozen
class Setting:
    """What a board is started with.

    :param directory: its data directory.
    :param founded: how many servers, and the broker's port.
    :param http_base_port: the port of the first role's health page, or None for any free ones.
    :param command: how twistd is typed in another terminal.
    :param everywhere: whether clients of other machines are served.
    :param skews: options that make some servers' clocks wrong, by the servers' numbers.
    """

    directory: Path
    founded: Founded
    http_base_port: int | None
    command: str
    everywhere: bool = False
    skews: Mapping[int, tuple[str, ...]] = attrs.field(factory=dict)


class Options(RoleOptions):
    """The options of ``bulletin-board``."""

    table: ClassVar = (
        Option("data", DIRECTORY, "the directory that keeps everything", "bulletin-data"),
        Option("servers", integer(1, SERVERS_MAX), f"how many servers, {SERVERS} for a new board"),
        Option(
            "base-port",
            integer(1, 65_535),
            f"the broker's port, {BASE_PORT} for a new board; the other roles' follow it",
        ),
        Option(
            "http-base-port",
            integer(1, 65_535),
            "the port of the broker's health page; the others' follow it; any free ones if not given",
        ),
        Option("open", FLAG, "serve clients of other machines, too: there is no password"),
        Option(
            "clock-offset",
            skews.CLOCK_OFFSETS,
            "seconds that some servers' clocks are wrong by, to try that: 2=5,3=-3",
        ),
        Option(
            "clock-drift",
            skews.CLOCK_DRIFTS,
            "microseconds a second by which some servers' clocks go wrong, to try that: 2=200",
        ),
    )

    lock: DirectoryLock | None = None
    """The data directory's, held until the process ends."""

    def check(self) -> None:
        """Take the directory, and see whether its board was founded with these options."""
        try:
            self.lock = DirectoryLock(self["data"])
            self.lock.acquire()
            before = recall(self["data"])
        except StoreError as error:
            raise Mistake(str(error).rstrip(".")) from None
        default = before or Founded(SERVERS, BASE_PORT)
        self.founded = Founded(self["servers"] or default.servers, self["base-port"] or default.base_port)
        if before is not None and before != self.founded:
            raise Mistake(
                f"the board in {self['data']} was founded with --servers {before.servers} --base-port "
                f"{before.base_port}, which its servers know each other by; give these, or none, or another --data"
            )
        for values in (self["clock-offset"], self["clock-drift"]):
            skews.check(values or {}, self.founded.servers)
        self._check_ports()

    def postOptions(self) -> None:
        """Keep the terminal for sentences: what Twisted logs goes to a file."""
        try:
            super().postOptions()
        except usage.UsageError:
            if self.lock is not None:
                self.lock.release()
            raise
        directory = self["data"] / "logs"
        directory.mkdir(exist_ok=True)
        twistd = self.parent
        if twistd is None:
            return
        if not (twistd["logger"] or twistd["logfile"] or twistd["syslog"]):
            os.environ[logs.VARIABLE] = str(directory / "board.log")
            twistd["logger"] = f"{logs.__name__}.{logs.observer.__name__}"

    def setting(self) -> Setting:
        """What was asked for."""
        virtual = sys.prefix != sys.base_prefix
        command = typed_command(sys.argv[0], Path.cwd(), os.environ, virtual=virtual)
        offsets, drifts = self["clock-offset"] or {}, self["clock-drift"] or {}
        wrong = {number: skews.options(number, offsets, drifts) for number in {*offsets, *drifts}}
        return Setting(
            self["data"], self.founded, self["http-base-port"], command, everywhere=self["open"], skews=wrong
        )

    def _check_ports(self) -> None:
        """See that all ports are there to be used, before anything starts."""
        wanted = [*ports(self.founded.servers, self.founded.base_port)]
        http = self["http-base-port"]
        if http is not None:
            wanted += range(http, http + 3 + self.founded.servers)
        if max(wanted) > 65_535:
            raise Mistake(f"the highest port would be {max(wanted)}: there are only 65535")
        for number, port in enumerate(wanted):
            if port in wanted[:number]:
                raise Mistake(f"port {port} would be used twice; choose another --http-base-port")
            if not is_free(port):
                raise Mistake(
                    f"port {port} of {HOST} is taken; stop what uses it, or choose another --base-port"
                )


def write_to_terminal(text: str) -> None:
    """Write a line to the real stdout, which twistd has turned into a part of the log."""
    if sys.__stdout__ is None:
        return
    try:
        sys.__stdout__.write(text + "\n")
        sys.__stdout__.flush()
    except OSError:
        _log.debug("The terminal is gone.")


class Board(Service):
    """Starts the roles, keeps them running, says what happens.

    :param setting: what it is started with.
    :param reactor: in place of the global one, in tests.
    :param processes: in place of :class:`Processes`, in tests.
    :param ask: in place of a :class:`Probe`'s ``ask``, in tests.
    :param write: in place of the terminal, in tests.
    :param notifier: in place of the environment's, in tests.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        reactor: Any = None,
        processes: Callable[..., Any] = Processes,
        ask: Callable[..., Deferred[Health]] | None = None,
        write: Callable[[str], object] = write_to_terminal,
        notifier: Notifier | None = None,
    ) -> None:
        self._setting = setting
        self._notifier = notifier
        self._reactor = reactor
        self._make_processes = processes
        self._ask = ask
        self._write = write
        self._loops: list[LoopingCall] = []
        self._asked: set[str] = set()
        self._finished: Deferred[None] = Deferred()

    def startService(self) -> None:
        """Start everything.

        :raises StoreError: the data directory cannot be written.
        """
        setting = self._setting
        if self._reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415 - importing it chooses it

            self._reactor = reactor
            ending.stop_on_signals(reactor)
        if self._notifier is None:
            self._notifier = Notifier()
        if self._ask is None:
            self._ask = Probe(self._reactor).ask
        remember(setting.directory, setting.founded)
        founded = setting.founded
        roles = lay_out(
            setting.directory,
            founded.servers,
            founded.base_port,
            setting.skews,
            everywhere=setting.everywhere,
        )
        self._roles: dict[str, Role] = {role.name: role for role in roles}
        self._http_ports = HttpPorts(self._roles, setting.http_base_port)
        self._processes = self._make_processes(
            self._reactor, setting.directory, self._http_ports, self._ended
        )
        super().startService()
        servers = f"{setting.founded.servers} server{'s' if setting.founded.servers > 1 else ''}"
        self._say(f"Starting a board of {servers} in {self._shown_directory()} …")
        self._policy = Policy(self._roles, self._reactor.seconds())
        self._loop(self._tick, TICK_SECONDS)
        self._notifier.opened(self._reactor, self.status)

    def status(self) -> str:
        """How its roles are, in one sentence."""
        children = self._policy.children
        ready = sum(child.ready for child in children)
        leader = self._policy.leader
        leads = "no server leads" if leader is None else f"{leader} leads"
        return f"{ready} of {len(children)} roles are ready; {leads}."

    def stopService(self) -> Deferred[None]:
        """Stop all children; fires when none is left."""
        super().stopService()
        assert self._notifier is not None
        self._notifier.stopping()
        self._policy.stop(self._reactor.seconds())
        self._carry_out()
        return self._finished

    def _loop(self, function: Callable[[], object], seconds: float) -> None:
        loop = LoopingCall(function)
        loop.clock = self._reactor
        self._loops.append(loop)
        loop.start(seconds).addErrback(self._broken)

    def _broken(self, failure: Failure) -> None:
        _log.failure("The board cannot go on", failure)
        ending.fail(self._reactor, f"The board cannot go on: {failure.getErrorMessage()}")

    def _tick(self) -> None:
        now = self._reactor.seconds()
        self._policy.tick(now)
        self._carry_out()
        for child in self._policy.to_ask(now):
            if child.pid is not None and child.name not in self._asked:
                self._ask_one(child.name, child.pid)

    def _ended(self, name: str, death: Death) -> None:
        self._policy.ended(name, death, self._reactor.seconds())
        self._carry_out()

    def _carry_out(self) -> None:
        while actions := self._policy.ready():
            for action in actions:
                match action:
                    case Spawn(name):
                        self._spawn(name)
                    case Signal(name, number):
                        self._processes.signal(name, number)
                    case Say(sentence):
                        self._say(sentence)
                    case Show():
                        self._show()
                    case Finish():
                        self._finish()

    def _spawn(self, name: str) -> None:
        now = self._reactor.seconds()
        try:
            pid = self._processes.spawn(self._roles[name])
        except OSError as error:
            self._policy.ended(name, Death(None, None, f"cannot be started: {error.strerror}"), now)
            return
        _log.info("{name} runs as pid {pid}", name=name, pid=pid)
        self._policy.spawned(name, pid, now)

    def _finish(self) -> None:
        for loop in self._loops:
            loop.stop()
        assert self._notifier is not None
        self._notifier.closed()
        self._finished.callback(None)

    def _ask_one(self, name: str, pid: int) -> None:
        assert self._ask is not None

        def answered(health: Health) -> None:
            self._asked.discard(name)
            if any(child.pid == pid for child in self._policy.children):
                self._policy.healthy(name, health, self._reactor.seconds())
                self._carry_out()

        def silent(failure: Failure) -> None:
            if self.running and any(child.name == name and child.ready for child in self._policy.children):
                _log.info("{name} does not answer: {why}", name=name, why=failure.getErrorMessage())
            answered(Health(ready=False))

        self._asked.add(name)
        asking = self._ask(self._http_ports.by_name[name], is_server=self._roles[name].is_server)
        asking.addCallbacks(answered, silent)
        asking.addErrback(self._broken)

    def _show(self) -> None:
        children = {child.name: child for child in self._policy.children}
        text = page(
            tuple(self._roles.values()),
            children,
            self._policy.leader,
            self._http_ports.by_name,
            directory=self._shown_directory(),
            command=self._setting.command,
            base_port=self._setting.founded.base_port,
        )
        _log.info("{text}", text=text)
        self._write(text)

    def _say(self, sentence: str) -> None:
        _log.info("{sentence}", sentence=sentence)
        self._write(sentence)

    def _shown_directory(self) -> Path:
        directory, here = self._setting.directory, Path.cwd()
        return directory.relative_to(here) if directory.is_relative_to(here) else directory


def makeService(options: Options) -> Board:
    """The service of one board."""
    return Board(options.setting())
