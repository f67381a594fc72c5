"""What a process tells systemd, or whoever else runs it: that it works, what it waits for, that it is not hung.

::

    open ──► EXTEND_TIMEOUT_USEC   where reading the disk may take longer than a unit waits by itself
    runs ──► READY=1               it listens; what it waits for is no failure to start
             STATUS=…              the sentence of ``/readyz``, whenever it changes
             WATCHDOG=1            twice in each WATCHDOG_USEC, by the reactor's own timer: one that hangs is silent
    stop ──► STOPPING=1

The protocol is one datagram of lines to the socket that ``NOTIFY_SOCKET`` names; without that variable nothing is done.
What a full socket does not take is kept and goes with the next datagram, so that READY is not lost; a sign of life is not kept.
"""

import os
import socket
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from bulletin.transport.rate_limit import RateLimitedLog

SOCKET: Final = "NOTIFY_SOCKET"
WATCHDOG: Final = "WATCHDOG_USEC"
WATCHDOG_PID: Final = "WATCHDOG_PID"

STATUS_SECONDS: Final = 1.0
"""How often it looks whether its status has changed."""

STATUS_CHARACTERS_MAX: Final = 500

WATCHDOG_DIGITS_MAX: Final = 18
"""Of a number of microseconds that somebody means."""

LIFE_SECONDS_MIN: Final = 0.1
"""Between two signs of life at least, however impatient the watchdog is: they are not all that this process has to do."""

MICROSECONDS: Final = 1_000_000

_log = Logger()


class Notifier:
    """One process's side of the conversation.

    :param environment: where the three variables are; they are taken out of it, so that no child speaks in this one's name.
    :param pid: this process's.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ, pid: int | None = None) -> None:
        address = environment.pop(SOCKET, "")
        usec, whose = environment.pop(WATCHDOG, ""), environment.pop(WATCHDOG_PID, "")
        own = not whose or whose == str(os.getpid() if pid is None else pid)
        self._address = ""
        if address.startswith(("/", "@")) and len(address) > 1:
            self._address = "\0" + address[1:] if address.startswith("@") else address
        elif address:
            _log.warn(
                "NOTIFY_SOCKET is {address!r}, which names no socket: nobody is notified", address=address
            )
        said = usec.isascii() and usec.isdecimal() and len(usec) <= WATCHDOG_DIGITS_MAX
        self._watchdog = int(usec) / MICROSECONDS if own and said else 0.0
        self._socket: socket.socket | None = None
        self._unsaid: dict[str, str] = {}
        self._said = ""
        self._status: Callable[[], str] | None = None
        self._loops: list[LoopingCall] = []
        self._quiet = RateLimitedLog(_log, time.monotonic)

    @property
    def wanted(self) -> bool:
        """Whether anybody wants to know."""
        return bool(self._address)

    def opening(self, seconds: float) -> None:
        """What comes now may keep the reactor for so many seconds; 0: it does not."""
        if self.wanted and seconds > 0:
            self._say(EXTEND_TIMEOUT_USEC=str(int(seconds * MICROSECONDS)), STATUS="Reading the disk.")

    def opened(self, reactor: Any, status: Callable[[], str]) -> None:
        """Everything is open: say so as soon as the reactor turns, and keep what is said current until :meth:`closed`.

        :param status: one sentence: how it is now.
        """
        if self.wanted:
            self._status = status
            reactor.callWhenRunning(self._begin, reactor)

    def stopping(self) -> None:
        """The stop has begun; signs of life go on until :meth:`closed`."""
        if self.wanted and self._status is not None:
            self._status = None
            self._say(STOPPING="1", STATUS="Stopping.")

    def closed(self) -> None:
        """All has ended."""
        for loop in self._loops:
            loop.stop()
        self._loops.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _begin(self, reactor: Any) -> None:
        if self._status is None:
            return  # the stop came first
        self._say(READY="1", STATUS=self._sentence())
        self._every(STATUS_SECONDS, self._tell, reactor)
        if self._watchdog:
            self._every(max(LIFE_SECONDS_MIN, self._watchdog / 2), self._live, reactor)

    def _every(self, seconds: float, function: Callable[[], None], reactor: Any) -> None:
        loop = LoopingCall(function)
        loop.clock = reactor
        self._loops.append(loop)
        loop.start(seconds)

    def _live(self) -> None:
        self._say(WATCHDOG="1")

    def _tell(self) -> None:
        sentence = self._sentence()
        if sentence != self._said and self._status is not None:
            self._say(STATUS=sentence)
        elif self._unsaid:
            self._say()

    def _sentence(self) -> str:
        if self._status is None:
            return self._said
        try:
            sentence = self._status()
        except Exception:  # noqa: BLE001 - logged; READY and the signs of life must go on
            self._quiet.failure("status", "What to tell the service manager could not be found out")
            return self._said
        return "".join(c if c.isprintable() else " " for c in sentence[:STATUS_CHARACTERS_MAX])

    def _say(self, **variables: str) -> None:
        self._said = variables.get("STATUS", self._said)
        said = self._unsaid | variables
        # A late sign of life, or extension of a start, would not be true any more.
        self._unsaid = {name: said[name] for name in ("READY", "STOPPING", "STATUS") if name in said}
        lines = "\n".join(f"{name}={value}" for name, value in said.items())
        try:
            if self._socket is None:
                kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
                self._socket = socket.socket(socket.AF_UNIX, kind)
            self._socket.sendto(lines.encode(), self._address)
        except OSError as error:
            self._quiet.warn("told", "The service manager could not be told: {why}", why=str(error))
            return
        self._unsaid.clear()
