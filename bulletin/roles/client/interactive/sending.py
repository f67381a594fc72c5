"""Lines under way to the board: in order, each under its id, written down before it is sent and until it is settled."""

from collections.abc import Callable
from functools import partial

from bulletin.core.client.caller import Finished
from bulletin.core.client.outbox import Line, Outbox, Verdict
from bulletin.core.clocks.instant import Instant
from bulletin.core.wire.requests import Publish, Send
from bulletin.roles.client.interactive.state import State
from bulletin.roles.client.link import Link


class Sending:
    """Brings lines to the board.

    :param link: to the board.
    :param state: where they are written down.
    :param now: this process's clocks.
    :param settled: gets what became of each.
    :param forgetful: told, once, why lines cannot be written down; they are sent all the same.
    """

    def __init__(
        self,
        link: Link,
        state: State,
        now: Callable[[], Instant],
        settled: Callable[[Verdict], object],
        forgetful: Callable[[OSError], object],
    ) -> None:
        self._link = link
        self._state = state
        self._now = now
        self._settled = settled
        self._forgetful = forgetful
        self._complained = False
        self._begun = False
        self.outbox = Outbox(self._adopted())

    def has_room(self, text: str) -> bool:
        """Whether one more text may wait."""
        return self.outbox.has_room(text)

    def add(self, request: Publish | Send) -> None:
        """Take a line: from here on it is settled under its id, however often it has to be sent."""
        self.outbox.add(Line(self._link.caller.next_id(), request))
        self._keep()
        self.go_on()

    def begin(self) -> None:
        """Send from now on: what is followed is followed, so that each line is shown once, wherever it goes."""
        self._begun = True
        self.go_on()

    def go_on(self) -> None:
        """Send what is due; to be called every now and then."""
        line = self.outbox.take(self._now()) if self._begun else None
        if line is not None:
            self._link.call(line.request, partial(self._finished, line.id), id=line.id)

    def discard(self) -> tuple[Line, ...]:
        """Forget all that waits."""
        lines = self.outbox.discard()
        self._keep()
        return lines

    def close(self) -> None:
        """Let go of the file; it stays if there are lines in it."""
        self._state.close()

    def _finished(self, id_: str, finished: Finished) -> None:
        before = len(self.outbox)
        verdict = self.outbox.settle(id_, finished.outcome, finished.sentence, self._now())
        if len(self.outbox) != before:
            self._keep()
        if verdict is not None:
            self._settled(verdict)
        self.go_on()

    def _adopted(self) -> list[Line]:
        try:
            return self._state.adopt()
        except OSError as error:
            self._complain(error)
            return []

    def _keep(self) -> None:
        try:
            self._state.keep(self.outbox.lines)
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            self._forgetful(error)
