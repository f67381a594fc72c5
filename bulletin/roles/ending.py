"""How a role's process ends: 0 when it was told to, 1 with a sentence when it cannot go on."""

import os
import signal
import sys
from typing import Any, Final, NoReturn

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

FAILED: Final = 1

_log = Logger()


def stop_on_signals(reactor: Any) -> None:
    """Make SIGTERM, SIGINT and SIGHUP a clean stop that ends with status 0; to be called as the role starts.

    twistd's own handlers stop as cleanly, but then have the process die of the signal, which looks like a failure to
    whoever waits for it.  SIGHUP, by which a terminal says that it is gone, has none: it ended a client with the terminal
    raw.  Where nohup has it ignored, it stays so.
    """

    def install() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda *_: reactor.callFromThread(stop, reactor))

    reactor.callWhenRunning(install)


def stop(reactor: Any) -> None:
    """Stop the reactor; nothing happens where it is stopping already."""
    try:
        reactor.stop()
    except ReactorNotRunning:
        _log.debug("Told to stop while stopping.")


def fail(reactor: Any, sentence: str) -> None:
    """Stop the reactor because the role cannot go on; the process ends with status 1.

    :param sentence: what happened and what to do, for the log and for stderr.
    """
    _log.error("{sentence}", sentence=sentence)
    reactor.addSystemEventTrigger("after", "shutdown", _exit, sentence)
    stop(reactor)


def say(sentence: str) -> None:
    """Write a line to the real stderr, which twistd has turned into a part of the log."""
    if sys.__stderr__ is not None:
        sys.__stderr__.write(sentence + "\n")
        sys.__stderr__.flush()


def _exit(sentence: str) -> NoReturn:
    say(sentence)  # the last line, behind whatever was written while stopping
    # twistd has no way to give a status: it returns to the interpreter, which ends with 0.
    os._exit(FAILED)
