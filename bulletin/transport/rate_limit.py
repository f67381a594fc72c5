"""Log lines that a stranger can cause: a few of each kind, then silence, then how many there were."""

from collections.abc import Callable
from typing import Any, Final

import attrs
from twisted.logger import Logger

KINDS_MAX: Final = 64
"""Kinds that are told apart; all further ones share one allowance."""


@attrs.define
class _Window:
    """What one kind has had of its allowance since ``began`` (seconds)."""

    began: float
    written: int = 0
    withheld: int = 0


@attrs.define
class RateLimitedLog:
    """A logger that hostile input cannot flood.

    ``kind`` is one of a few words of the program's own (never of a peer's): at most ``burst`` lines of it are written in
    ``period`` seconds.  The first line after that says how many were withheld.

    :param log: where the lines go.
    :param seconds: the time, in seconds.  It may jump either way.
    :param burst: lines of a kind in a period.
    :param period: seconds.
    """

    log: Logger
    seconds: Callable[[], float]
    burst: int = 3
    period: float = 30.0
    _windows: dict[str, _Window] = attrs.field(factory=dict, init=False)

    def info(self, kind: str, sentence: str, **values: Any) -> bool:
        """Log a line that is no warning, unless there were too many of its kind.

        :param sentence: a format in Twisted's manner.
        :returns: whether it was written.
        """
        withheld = self._take(kind)
        if withheld is None:
            return False
        line = sentence + _more(withheld)
        self.log.info(line, withheld=withheld, **values)
        return True

    def warn(self, kind: str, sentence: str, **values: Any) -> bool:
        """Log a warning, unless there were too many of its kind.

        :param sentence: a format in Twisted's manner; ``{name!r}`` for whatever a peer has sent.
        :returns: whether it was written.
        """
        withheld = self._take(kind)
        if withheld is None:
            return False
        line = sentence + _more(withheld)
        self.log.warn(line, withheld=withheld, **values)  # noqa: G010 - Twisted's logger, not logging's
        return True

    def failure(self, kind: str, sentence: str, **values: Any) -> bool:
        """Log the exception that is being handled, with its traceback, unless there were too many of its kind.

        :returns: whether it was written.
        """
        withheld = self._take(kind)
        if withheld is None:
            return False
        line = sentence + _more(withheld)
        self.log.failure(line, withheld=withheld, **values)
        return True

    def _take(self, kind: str) -> int | None:
        """How many lines were withheld before this one; None where this one is withheld, too."""
        now = self.seconds()
        if kind not in self._windows and len(self._windows) >= KINDS_MAX:
            kind = ""
        window = self._windows.setdefault(kind, _Window(now))
        withheld = 0
        if not 0 <= now - window.began < self.period:
            withheld = window.withheld
            self._windows[kind] = window = _Window(now)
        if window.written >= self.burst:
            window.withheld += 1
            return None
        window.written += 1
        return withheld


def _more(withheld: int) -> str:
    return " ({withheld} more like this were not logged)" if withheld else ""
