"""A role as the one thing that its process does: it ends with the status that whoever waits for it expects."""

from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.usage import Options

from bulletin.roles import ending
from bulletin.roles.notify import Notifier
from bulletin.roles.orphan import watch_parent
from bulletin.roles.role import Role, StartError


class Process(MultiService):
    """Runs one role: SIGTERM and SIGINT are a clean stop with status 0, and it ends with the board that started it.

    Whoever runs it as a service is told how it is (:mod:`bulletin.roles.notify`).

    :param role: what runs.
    :param daemon: whether twistd goes into the background.  Then what cannot start has to raise: the process that
        waits for the start would wait for ever for one that merely exits.
    :param reactor: in place of the global one, in tests.
    :param notifier: in place of the environment's, in tests.
    """

    def __init__(
        self, role: Role, *, daemon: bool, reactor: Any = None, notifier: Notifier | None = None
    ) -> None:
        super().__init__()
        self.daemon = daemon
        self._reactor = reactor
        self._role = role
        self._notifier = notifier
        role.setServiceParent(self)

    def startService(self) -> None:
        """Start the role.

        :raises SystemExit: it cannot start, and has said why; in the foreground.
        :raises StartError: the same in the background.
        """
        if self._reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415 - importing it chooses it

            self._reactor = reactor
        if self._notifier is None:
            self._notifier = Notifier()
        ending.stop_on_signals(self._reactor)
        self._notifier.opening(self._role.opening_seconds())
        try:
            super().startService()
        except StartError:
            if self.daemon:
                raise
            raise SystemExit(ending.FAILED) from None
        self._notifier.opened(self._reactor, lambda: self._role.health().reason)
        watch_parent(self._reactor)

    def stopService(self) -> Deferred[None]:
        """Stop the role; fires when all is closed."""
        notifier = self._notifier
        if notifier is None:
            return maybeDeferred(super().stopService)
        notifier.stopping()

        def ended(result: Any) -> Any:
            notifier.closed()
            return result

        return maybeDeferred(super().stopService).addBoth(ended)


def in_process(role: Role, options: Options) -> Process:
    """A role as a command's ``makeService`` returns it.

    :param options: the command's, which know twistd's own.
    """
    twistd = options.parent
    return Process(role, daemon=twistd is not None and not twistd["nodaemon"])
