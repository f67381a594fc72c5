"""A role as the one thing that its process does: it ends with the status that whoever waits for it expects."""

from typing import Any

from twisted.application.service import MultiService
from twisted.python.usage import Options

from bulletin.roles import ending
from bulletin.roles.orphan import watch_parent
from bulletin.roles.role import Role, StartError


class Process(MultiService):
    """Runs one role: SIGTERM and SIGINT are a clean stop with status 0, and it ends with the board that started it.

    :param role: what runs.
    :param daemon: whether twistd goes into the background.  Then what cannot start has to raise: the process that
        waits for the start would wait for ever for one that merely exits.
    :param reactor: in place of the global one, in tests.
    """

    def __init__(self, role: Role, *, daemon: bool, reactor: Any = None) -> None:
        super().__init__()
        self.daemon = daemon
        self._reactor = reactor
        role.setServiceParent(self)

    def startService(self) -> None:
        """Start the role.

        :raises SystemExit: it cannot start, and has said why; in the foreground.
        :raises StartError: the same in the background.
        """
        if self._reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415 - importing it chooses it

            self._reactor = reactor
        ending.stop_on_signals(self._reactor)
        try:
            super().startService()
        except StartError:
            if self.daemon:
                raise
            raise SystemExit(ending.FAILED) from None
        watch_parent(self._reactor)


def in_process(role: Role, options: Options) -> Process:
    """A role as a command's ``makeService`` returns it.

    :param options: the command's, which know twistd's own.
    """
    twistd = options.parent
    return Process(role, daemon=twistd is not None and not twistd["nodaemon"])
