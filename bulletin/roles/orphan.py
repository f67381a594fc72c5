"""A role that the whole board started ends with it, even where the board was killed and could tell nobody.

The board holds the writing end of a pipe; the kernel closes it with the board, however that ends, and the role reads
the end of the file.  ``BULLETIN_PARENT_FD`` names the reading end; without that variable the role is on its own.
"""

import os
import signal
from collections.abc import Mapping
from typing import Any, Final

from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

VARIABLE: Final = "BULLETIN_PARENT_FD"

PATIENCE: Final = 5
"""Seconds that a clean stop may take then; whoever is not gone after them is ended by the kernel's alarm."""

_log = Logger()


@implementer(IReadDescriptor)
class ParentPipe:
    """The reading end of the board's pipe.

    :param reactor: is stopped when the pipe ends.
    :param descriptor: the reading end.
    """

    def __init__(self, reactor: Any, descriptor: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)
        reactor.addReader(self)

    def fileno(self) -> int:
        """The descriptor that is watched."""
        return self._descriptor

    def logPrefix(self) -> str:
        """The reactor's name for it."""
        return "parent"

    def doRead(self) -> None:
        """Notice the end; nothing is ever written into the pipe."""
        try:
            if os.read(self._descriptor, 4096):
                return
        except BlockingIOError:
            return
        self._gone()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor noticed the end by itself, or is stopping."""
        del reason
        self._gone()

    def _gone(self) -> None:
        self._reactor.removeReader(self)
        if not self._reactor.running:
            return
        _log.info("The board that started this process is gone: stopping.")
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE)
        try:
            self._reactor.stop()
        except ReactorNotRunning:
            return  # it is stopping already


def watch_parent(reactor: Any, environment: Mapping[str, str] = os.environ) -> ParentPipe | None:
    """Stop the reactor when the board that started this process is gone; to be called as the role starts.

    :returns: what watches, or None where no board started this process.
    """
    descriptor = environment.get(VARIABLE, "")
    if not descriptor.isdigit():
        return None
    return ParentPipe(reactor, int(descriptor))
