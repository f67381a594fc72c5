"""``bulletin-bot``: keeps a board busy: it writes at a steady rate, reads what others write, and says once a second what it did.

::

    brokers ◄── Link ──► proxies        service.py   the bot's process: a core Bot, its Link, its report
                 │                      journal.py   what it did as JSON lines, on request
             core Bot

- It survives every restart of every role: whatever is not settled is asked again with the same id.
- SIGTERM: it writes nothing new, settles what is under way and reads it, for as long as a stop may take, and says what is left.
- The report is a line of the log: under ``twistd -n`` on standard output, ``key=value`` behind twistd's own beginning of the line.
"""

from random import Random, SystemRandom
from typing import TYPE_CHECKING, ClassVar

from bulletin.core.board.rules import RESERVED_NAMES
from bulletin.core.bot import texts
from bulletin.roles.options import FILE, HTTP, NAME, Mistake, Option, RoleOptions, endpoints, integer, real

if TYPE_CHECKING:
    from bulletin.roles.process import Process

__all__ = ["Options", "makeService"]

SEED_MAX = 10**18 - 1


class Options(RoleOptions):
    """The options of ``bulletin-bot``."""

    table: ClassVar = (
        Option(
            "broker", endpoints(listen=False), "brokers, asked one after the other", "tcp://127.0.0.1:5555"
        ),
        Option("proxy", endpoints(listen=False), "proxies, heard all together", "tcp://127.0.0.1:5558"),
        Option("name", NAME, "what it is called; else its seed decides"),
        Option("rate", real(0, 1000), "posts a second; 0: it only reads", "1"),
        Option("seed", integer(0, SEED_MAX), "decides what it says; else chance does, and the log tells"),
        Option("seconds", real(0, 1e9), "for how long it writes; then it only reads.  Else to its end"),
        Option("journal", FILE, "a file to which it adds what it wrote and read, one JSON object a line"),
        HTTP,
    )

    def check(self) -> None:
        """Have a seed, and a name that the board takes."""
        if self["seed"] is None:
            self["seed"] = SystemRandom().randrange(10**9)
        if self["name"] is None:
            self["name"] = texts.drawn_name(Random(self["seed"]))  # noqa: S311 - a game
        if self["name"] in RESERVED_NAMES:
            raise Mistake(f"--name: the board keeps {self['name']!r} for itself")


def makeService(options: Options) -> "Process":
    """The service of one bot."""
    from bulletin.core.bot.bot import Plan  # noqa: PLC0415 - names only until it is run
    from bulletin.roles.bot.journal import Journal  # noqa: PLC0415 - names only until it is run
    from bulletin.roles.bot.service import CALL_SECONDS, BotRole  # noqa: PLC0415 - names only until it is run
    from bulletin.roles.client.link import Reach  # noqa: PLC0415 - names only until it is run
    from bulletin.roles.process import in_process  # noqa: PLC0415 - names only until it is run

    bot = BotRole(
        Reach(options["broker"], options["proxy"], CALL_SECONDS),
        Plan(options["name"], options["rate"], options["seconds"]),
        options["seed"],
        journal=Journal(options["journal"]),
        http=options["http"],
    )
    return in_process(bot, options)
