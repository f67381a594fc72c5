"""``clocks``: how the physical clocks of all servers stand, asked of the reference, as a table that refreshes.

On a terminal the table is drawn over itself each second: the cursor goes up as many lines as there were, and what was there is cleared.
So nothing has to be put right at the end, however it comes.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred

from bulletin.core.clocks.berkeley import Standing
from bulletin.core.clocks.corrected import State
from bulletin.core.errors import Refusal
from bulletin.core.wire import reference as wire
from bulletin.core.wire.clocks import ClockRow, ClocksReply, ClocksRequest, fields_of_row
from bulletin.core.wire.envelope import Dialect
from bulletin.core.wire.reference import Addressed
from bulletin.language import N_, Language
from bulletin.roles.harmless import harmless
from bulletin.transport.traffic import Full

if TYPE_CHECKING:
    from bulletin.roles.client.options import Options
    from bulletin.roles.client.service import Client

DONE: Final = 0
NO_ANSWER: Final = 3

REFRESH_SECONDS: Final = 1.0

_STATES: Final = {
    State.NEVER: N_("never set"),
    State.IN_STEP: N_("in step"),
    State.FREE: N_("runs free"),
}
_STANDINGS: Final = {
    Standing.COUNTED: N_("counted"),
    Standing.OUTLIER: N_("outlier"),
    Standing.SLOW: N_("too slow"),
    Standing.SILENT: N_("no answer"),
}
_HEADINGS: Final = (
    N_("clock"),
    N_("state"),
    N_("latest round"),
    N_("offset, ms"),
    N_("give or take"),
    N_("bound, ms"),
    N_("to slew, ms"),
    N_("rate, ppm"),
    N_("round trip, ms"),
    N_("age, s"),
)
WORDS: Final = 3
"""The first columns, which hold words and are shown however narrow a terminal is."""
GAP: Final = "  "

_UP: Final = "\x1b[{lines}F\x1b[J"


async def clocks(client: "Client", options: "Options") -> int:
    """``clocks``: once, or until interrupted."""
    asked = options.command
    terminal = client.show.console.out.isatty()
    watch = asked["watch"] or (terminal and not asked["once"] and not options["json"])
    draw = Lines(client) if options["json"] else Table(client, over_itself=terminal and watch)
    return await Asking(client, asked["reference"], options["timeout"], draw.draw, watch=watch).ended


class Asking:
    """Asks the reference, again and again.

    :param client: whose sockets and timers.
    :param endpoint: the reference's.
    :param timeout: seconds to wait for the first answer.
    :param draw: called with each answer and None, or, while there is none, with the last one and the seconds since.
    :param watch: whether to go on after the first.
    """

    def __init__(
        self,
        client: "Client",
        endpoint: str,
        timeout: float,
        draw: Callable[[ClocksReply, float | None], object],
        *,
        watch: bool,
    ) -> None:
        self.ended: Deferred[int] = Deferred()
        self._client = client
        self._endpoint = endpoint
        self._timeout = timeout
        self._draw = draw
        self._watch = watch
        self._latest: ClocksReply | None = None
        self._heard_at = client.now().monotonic
        dealer = client.sockets.Dealer(
            client.transport,
            connect=(endpoint,),
            received=self._received,
            turn_ended=lambda: None,
            max_backlog=1,
        )
        self._dealer = client.watch("reference", dealer)
        client.every(min(REFRESH_SECONDS, timeout), self._ask)

    def _ask(self) -> None:
        if self.ended.called:
            return
        silent = self._client.now().monotonic - self._heard_at
        if self._latest is None and silent >= self._timeout:
            self._client.show.notice(
                N_("The reference did not answer within {seconds:g} s ({endpoint})."),
                seconds=self._timeout,
                endpoint=self._endpoint,
            )
            self.ended.callback(NO_ANSWER)
            return
        if self._latest is not None and silent >= 2 * REFRESH_SECONDS:
            self._draw(self._latest, silent)
        clock = self._client.link.clock.tick()
        request = Addressed(ClocksRequest(), Dialect.SERVICE, clock, self._client.now().wall)
        try:
            self._dealer.send(wire.encode(request))
        except Full:
            return  # one is waiting there already

    def _received(self, parts: list[bytes]) -> None:
        if self.ended.called or len(parts) != 1:
            return
        try:
            reply = wire.decode_reply(parts[0])
        except Refusal:
            return  # not the reference's: as good as no answer
        self._client.link.clock.receive(reply.clock)
        if not isinstance(reply.body, ClocksReply):
            return
        self._heard_at = self._client.now().monotonic
        self._latest = reply.body
        self._draw(reply.body, None)
        if not self._watch or self._client.show.console.lost is not None:
            self.ended.callback(DONE)


class Lines:
    """One JSON object for each clock, on a line of its own, with the wire's names.

    :param client: whose console.
    """

    def __init__(self, client: "Client") -> None:
        self._console = client.show.console

    def draw(self, reply: ClocksReply, silent: float | None) -> None:
        """The clocks, once for each answer."""
        if silent is not None:
            return
        for row in reply.clocks:
            line: dict[str, Any] = {"time": reply.time, "rodadas": reply.rounds} | fields_of_row(row)
            self._console.line(json.dumps(line, ensure_ascii=False))


class Table:
    """A table for a person.

    :param client: whose console and language.
    :param over_itself: whether each one is drawn over the one before.
    :param zone: of the board's time; None: this machine's.
    """

    def __init__(self, client: "Client", *, over_itself: bool, zone: tzinfo | None = None) -> None:
        self._console = client.show.console
        self._language = client.show.language
        self._over_itself = over_itself
        self._zone = zone
        self._drawn = 0

    def draw(self, reply: ClocksReply, silent: float | None) -> None:
        """The clocks; with ``silent``: as they were so many seconds ago."""
        width = shutil.get_terminal_size().columns - 1 if self._over_itself else None
        lines = list(table_of(reply, self._language, self._zone, width))
        if silent is not None:
            lines[0] = self._language.say(
                N_("The reference has not answered for {seconds:.0f} s; this is how the clocks stood."),
                seconds=silent,
            )
        if self._over_itself:
            lines = [line[:width] for line in lines]
            if self._drawn:
                lines[0] = _UP.format(lines=self._drawn) + lines[0]
            self._drawn = len(lines)
        elif self._drawn:
            lines.insert(0, "")
        self._drawn = len(lines)
        self._console.line("\n".join(lines))


def table_of(
    reply: ClocksReply, language: Language, zone: tzinfo | None = None, width: int | None = None
) -> Iterable[str]:
    """The lines: the board's time, headings, and one for each clock.

    :param width: characters of a line; columns of numbers that do not fit are left out whole, since half a number is another one.
    """
    try:
        time = datetime.fromtimestamp(reply.time, zone).isoformat(" ", "milliseconds")[:23]
    except (OverflowError, ValueError, OSError):
        time = f"{reply.time:g}"
    yield language.count(
        "The board's time is {time}, after {number} round.",
        "The board's time is {time}, after {number} rounds.",
        reply.rounds,
        time=time,
    )
    rows = [tuple(map(language.say, _HEADINGS))]
    rows.extend(_cells(row, language) for row in reply.clocks)
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(_HEADINGS))]
    while width is not None and len(widths) > WORDS and sum(widths) + len(GAP) * (len(widths) - 1) > width:
        widths.pop()
    for cells in rows:
        texts = (cell.ljust(wide) for cell, wide in zip(cells, widths[:WORDS], strict=False))
        numbers = (cell.rjust(wide) for cell, wide in zip(cells[WORDS:], widths[WORDS:], strict=False))
        yield GAP.join((*texts, *numbers)).rstrip()


def _cells(row: ClockRow, language: Language) -> tuple[str, ...]:
    return (
        harmless(row.name),
        language.say(_STATES[row.state]),
        "" if row.standing is None else language.say(_STANDINGS[row.standing]),
        _number(row.offset, "+.3f", 1000),
        _number(row.error, ".3f", 1000),
        _number(row.bound, ".3f", 1000),
        _number(row.left, "+.3f", 1000),
        _number(row.ppm, "+.1f"),
        _number(row.trip, ".3f", 1000),
        _number(row.age, ".1f"),
    )


def _number(value: float | None, form: str, factor: int = 1) -> str:
    return "-" if value is None else format(factor * value, form)
