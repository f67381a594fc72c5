"""The client as a process: in the foreground, with the real standard output, and a status that says what came of it."""

import os
import sys
from typing import Any, NoReturn

from twisted.application.service import MultiService
from twisted.logger import ILogObserver, LogEvent
from zope.interface import provider

from bulletin.roles import ending
from bulletin.roles.client.commands import COMMANDS, PATIENT
from bulletin.roles.client.interactive.service import AtTerminal, Scripted, Setting, choose_reactor
from bulletin.roles.client.link import Reach
from bulletin.roles.client.options import INTERACTIVE, WRONG_USAGE, Options, is_terminal
from bulletin.roles.client.service import Client
from bulletin.roles.client.show import Console, Human, Json, Show
from bulletin.roles.role import StartError


@provider(ILogObserver)
def _silence(_event: LogEvent) -> None:
    """Write nothing."""


def silent_log() -> Any:
    """The log observer of a process whose outputs belong to its user; twistd asks for it by name."""
    return _silence


def occupy_standard_descriptors() -> None:
    """Put something that takes nothing where the shell closed an output: else the next socket would get its number."""
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) <= 2:
        pass
    os.close(descriptor)


def standard_console() -> Console:
    """The process's real outputs: twistd makes ``sys.stdout`` and ``sys.stderr`` parts of its log."""
    occupy_standard_descriptors()
    encoding = "utf-8" if sys.__stdout__ is None else sys.__stdout__.encoding
    return Console(os.fdopen(1, "wb", closefd=False), os.fdopen(2, "wb", closefd=False), encoding)


class Foreground(MultiService):
    """Runs a client; when its command has ended, so does the process, with the command's status.

    :param reactor: in place of the global one, in tests.
    """

    def __init__(self, reactor: Any = None) -> None:
        super().__init__()
        self._reactor = reactor
        self.status: int | None = None

    def startService(self) -> None:
        """Start the command as soon as the reactor runs: by then a signal is a clean end, whatever was sent already."""
        if self._reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415 - importing it chooses it

            self._reactor = reactor
        ending.stop_on_signals(self._reactor)
        self._reactor.addSystemEventTrigger("after", "shutdown", self.leave)
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        try:
            super().startService()
        except StartError:  # which has been said
            self.ended(WRONG_USAGE)

    def ended(self, status: int) -> None:
        """The command has ended: stop, as soon as the reactor runs."""
        if self.status is None:
            self.status = status
            self._reactor.callWhenRunning(ending.stop, self._reactor)

    def leave(self) -> NoReturn:
        """End the process; twistd itself would end it with 0, or by the signal that stopped it."""
        os._exit(self.status or 0)


def makeService(options: Options) -> Foreground:
    """The service of one command."""
    console = standard_console()
    if options.subCommand == INTERACTIVE:
        return _interactive(options, console)
    show: Show = (Json if options["json"] else Human)(console, options.language)
    assert options.subCommand is not None
    command = COMMANDS[options.subCommand]
    foreground = Foreground()
    client = Client(
        Reach(options["broker"], options["proxy"], options["timeout"]),
        lambda client: command(client, options),
        show,
        foreground.ended,
        patient=options.subCommand in PATIENT,
    )
    client.setServiceParent(foreground)
    return foreground


def _interactive(options: Options, console: Console) -> Foreground:
    """The service of a session; at a terminal it needs a reactor of its own."""
    terminal = is_terminal(sys.__stdin__) and is_terminal(sys.__stdout__)
    mistake = choose_reactor() if terminal else None
    if mistake is not None:
        ending.say(options.language.say(mistake))
        raise SystemExit(WRONG_USAGE)
    foreground = Foreground()
    setting = Setting(
        Reach(options["broker"], options["proxy"], options["timeout"]),
        options["user"],
        options.language,
        console,
        os.environ,
    )
    session = (AtTerminal if terminal else Scripted)(setting, foreground.ended)
    session.setServiceParent(foreground)
    return foreground
