"""What a server tells its operator, in the log and with its end."""

from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from bulletin.roles import ending
from bulletin.roles.harmless import harmless

if TYPE_CHECKING:
    from bulletin.transport.rate_limit import RateLimitedLog

_log = Logger()


class ServerVoice:
    """Implements :class:`bulletin.core.server.executor.Voice`.

    :param reactor: is stopped when the server cannot go on.
    :param quiet: the log for what may come again and again.
    """

    def __init__(self, reactor: Any, quiet: "RateLimitedLog") -> None:
        self._reactor = reactor
        self._quiet = quiet

    def say(self, text: str, *, urgent: bool) -> None:
        """Log a line, in which a stranger's words can do no harm."""
        (_log.warn if urgent else _log.info)("{text}", text=harmless(text))

    def malformed(self, whose: str) -> None:
        """Log that a message of somebody could not be read."""
        self._quiet.warn(
            f"malformed {whose}", "A message of a {whose} could not be read, and was dropped", whose=whose
        )

    def broken(self) -> None:
        """Log the exception that is being handled."""
        _log.failure("The server is broken")

    def stop(self, sentence: str) -> None:
        """End the process, with a sentence and status 1."""
        ending.fail(self._reactor, f"server: {sentence}")
